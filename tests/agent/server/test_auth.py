"""Who gets in: by key, by login, by which name of the server, and from which page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from agent.server import login
from agent.server.app import Address
from agent.server.auth import is_own_page
from agent.server.users import User
from tests.agent.server.guarded import BASE, TOKEN, Guarded, guarded

ADA = User("ada")
PAGES = Address(pages=True)
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def server(tmp_path: Path) -> Guarded:
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    return guarded(tmp_path, address=PAGES, routes=[WebSocketRoute("/ws", chat)])


async def logged_in(client: httpx.AsyncClient, key: str) -> None:
    entered = await client.post("/login", data={"key": key}, headers={"Origin": BASE})
    assert entered.status_code == 303


async def open_socket(server: Guarded, headers: dict[str, str]) -> str:
    """Ask for a WebSocket; the type of the server's first message."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:8766", **headers}
    scope = {
        "type": "websocket", "path": "/ws", "raw_path": b"/ws", "query_string": b"",
        "scheme": "ws", "subprotocols": [], "server": ("127.0.0.1", 8766), "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    await server.app(scope, receive, send)
    return str(sent[0]["type"])


async def test_a_key_is_taken_as_a_bearer_and_as_an_api_key(server: Guarded) -> None:
    key = server.keys.add(ADA)
    async with server.client() as client:
        for headers, name in (
            ({"Authorization": f"Bearer {key}"}, "ada"),
            ({"authorization": f"bearer  {key}"}, "ada"),
            ({"x-api-key": key}, "ada"),
            ({"Authorization": f"Bearer {TOKEN}"}, "owner"),
        ):
            answer = await client.get("/who", headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"user": name})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"x-api-key": "wrong"},
        {"Cookie": f"understudy-8766=owner.{TOKEN}"},
        {"Cookie": "understudy-8766=owner."},
        {"Cookie": "understudy-8766=ada.0"},
        {"Cookie": "\x7f=;=;,"},
    ],
)
async def test_without_a_key_nothing_is_answered(server: Guarded, headers: dict[str, str]) -> None:
    async with server.client() as client:
        answer = await client.get("/who", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert TOKEN not in answer.text


async def test_a_path_that_is_not_there_tells_nothing_without_a_key(server: Guarded) -> None:
    async with server.client() as client:
        assert (await client.get("/nowhere")).status_code == 401
        assert (await client.get("/metrics")).status_code == 401
    async with server.client(TOKEN) as client:
        assert (await client.get("/nowhere")).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8766", "localhost.evil.example",
                                  "127.0.0.1.evil.example", "[::1", ""])  # fmt: skip
async def test_another_name_that_was_made_to_lead_here_is_refused(
    server: Guarded, host: str
) -> None:
    async with server.client(TOKEN) as client:
        answer = await client.get("/who", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    "host", ["localhost:8766", "127.0.0.1", "[::1]:8766", "192.168.1.7:80", "Docs.Example", "box"]
)
async def test_addresses_and_the_names_that_were_given_are_the_server(
    tmp_path: Path, host: str
) -> None:
    server = guarded(tmp_path, address=Address(("box",), "https://docs.example"))
    async with server.client(TOKEN) as client:
        assert (await client.get("/who", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", ""])
async def test_pages_of_other_sites_may_not_ask(server: Guarded, origin: str) -> None:
    async with server.client(TOKEN) as client:
        answer = await client.post("/who", headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_behind_a_proxy_the_public_pages_are_the_servers_own(tmp_path: Path) -> None:
    server = guarded(tmp_path, address=Address((), "https://docs.example", pages=True))
    async with server.client(TOKEN) as client:
        for host in ("docs.example", "127.0.0.1:8766"):
            headers = {"Host": host, "Origin": "https://docs.example"}
            assert (await client.post("/who", headers=headers)).status_code == 200


async def test_the_printed_address_logs_a_browser_in_and_the_key_does_not_stay_in_it(
    server: Guarded,
) -> None:
    async with server.client() as client:
        entered = await client.get(f"/?token={TOKEN}", headers=HTML)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/")
        cookie = entered.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert (await client.get("/who")).json() == {"user": "owner"}


async def test_behind_tls_the_login_is_sent_over_tls_only(tmp_path: Path) -> None:
    server = guarded(tmp_path, address=Address((), "https://docs.example", pages=True))
    async with server.client() as client:
        entered = await client.get(f"/?token={TOKEN}")
    assert "Secure" in entered.headers["Set-Cookie"]


async def test_the_login_page_takes_a_key_and_no_other_page_may_fill_it_in(
    server: Guarded,
) -> None:
    key = server.keys.add(ADA)
    async with server.client() as client:
        asked = await client.get("/", headers=HTML)
        assert (asked.status_code, asked.headers["Location"]) == (303, "/login")
        page = await client.get("/login")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        wrong = await client.post("/login", data={"key": "no"}, headers={"Origin": BASE})
        assert wrong.status_code == 403
        for headers in ({"Origin": "http://evil.example"}, {}):
            refused = await client.post("/login", data={"key": key}, headers=headers)
            assert refused.status_code == 403
        assert not client.cookies
        await logged_in(client, key)
        assert (await client.get("/who")).json() == {"user": "ada"}


async def test_where_there_are_no_pages_there_is_no_login(tmp_path: Path) -> None:
    async with guarded(tmp_path).client() as client:
        assert (await client.get("/login", headers=HTML)).status_code == 401
        entered = await client.get(f"/?token={TOKEN}", headers=HTML)
        assert entered.status_code == 401
        assert "Set-Cookie" not in entered.headers


async def test_a_link_on_a_strangers_page_logs_nobody_in(server: Guarded) -> None:
    key = server.keys.add(ADA)
    async with server.client() as client:
        for site in ("cross-site", "same-site"):
            linked = await client.get(f"/?token={key}", headers=HTML | {"Sec-Fetch-Site": site})
            assert (linked.status_code, linked.headers["Location"]) == (303, "/login")
            assert "Set-Cookie" not in linked.headers
        opened = await client.get(f"/?token={key}", headers=HTML | {"Sec-Fetch-Site": "none"})
        assert "Set-Cookie" in opened.headers


@pytest.mark.parametrize(
    ("url", "host", "status"),
    [
        ("https://docs.example:443", "docs.example", 200),
        ("https://docs.example", "docs.example:443", 200),
        ("http://docs.example:80", "Docs.Example", 200),
        ("https://docs.example:8443", "docs.example:8443", 200),
        ("https://docs.example:8443", "docs.example", 403),
        ("https://docs.example", "docs.example:80", 403),
        ("https://docs.example", "docs.example:8443", 403),
    ],
)
async def test_the_port_that_a_scheme_has_anyway_may_be_named_or_not(
    tmp_path: Path, url: str, host: str, status: int
) -> None:
    server = guarded(tmp_path, address=Address((), url, pages=True))
    scheme = url.partition(":")[0]
    origin = f"{scheme}://{host.lower().removesuffix(':443')}"
    async with server.client(TOKEN, Host=host, Origin=origin) as client:
        assert (await client.get("/who")).status_code == status


async def test_a_form_that_does_not_come_is_not_waited_for(
    server: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_PATIENCE", 0.01)
    held = asyncio.Event()

    sent: list[Any] = []
    pieces = [{"type": "http.request", "body": b"key=", "more_body": True}]

    async def receive() -> Any:
        if pieces:
            return pieces.pop()
        await held.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/login", "raw_path": b"/login",
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 8766),
        "headers": [(b"host", b"127.0.0.1:8766"), (b"origin", BASE.encode())],
    }  # fmt: skip
    async with asyncio.timeout(20):
        await server.app(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_a_login_ends_when_the_user_is_removed_or_has_another_key(server: Guarded) -> None:
    for end in (server.keys.renew, server.keys.remove):
        key = server.keys.add(ADA) if "ada" not in names(server) else server.keys.renew("ada")
        async with server.client() as client:
            await logged_in(client, key)
            assert (await client.get("/who")).status_code == 200
            end("ada")
            assert (await client.get("/who")).status_code == 401


def names(server: Guarded) -> list[str]:
    return [user.name for user in server.keys.users()]


async def test_a_login_of_one_run_of_the_server_is_none_of_the_next(tmp_path: Path) -> None:
    first, second = guarded(tmp_path, address=PAGES), guarded(tmp_path, address=PAGES)
    async with first.client() as client:
        await logged_in(client, TOKEN)
        held = dict(client.cookies)
    async with second.client() as client:
        client.cookies.update(held)
        assert (await client.get("/who")).status_code == 401


async def test_what_a_login_changes_must_come_from_a_page_of_the_server(server: Guarded) -> None:
    async with server.client() as client:
        await logged_in(client, TOKEN)
        assert (await client.get("/who")).status_code == 200
        assert (await client.post("/who")).status_code == 403
        assert (await client.post("/who", headers={"Origin": BASE})).status_code == 200


async def test_a_socket_opens_by_key_and_by_login_for_own_pages_only(server: Guarded) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with server.client() as client:
        await logged_in(client, TOKEN)
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
    own, other = {"Origin": BASE}, {"Origin": "http://evil.example"}
    accepted, closed = "websocket.accept", "websocket.close"
    assert await open_socket(server, bearer) == accepted
    assert await open_socket(server, cookie | own) == accepted
    assert await open_socket(server, cookie) == closed
    assert await open_socket(server, cookie | other) == closed
    assert await open_socket(server, bearer | other) == closed
    assert await open_socket(server, own) == closed


@pytest.mark.parametrize(
    ("origins", "own"),
    [
        (["https://docs.example"], True),  # a proxy that keeps no Host
        (["http://10.0.0.5:8766"], True),
        (["https://10.0.0.5:8766"], True),
        (["http://docs.example"], False),
        (["https://docs.example.evil"], False),
        (["http://10.0.0.5"], False),
        (["https://docs.example"] * 2, False),
        ([""], False),
        ([], False),
    ],
)
def test_an_own_page_is_one_of_the_host_or_of_the_public_address(
    origins: list[str], own: bool
) -> None:
    headers = [(b"host", b"10.0.0.5:8766"), *((b"origin", one.encode()) for one in origins)]
    scope = {"type": "websocket", "headers": headers}
    assert is_own_page(scope, "https://docs.example") is own
    if not origins:
        assert not is_own_page(scope)
