"""The application's frame: errors, bounds, health, figures and the log."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent import errors
from agent.events import Usage
from agent.server import health
from agent.server.admission import Admission
from agent.server.app import LONGEST_BODY
from agent.server.auth import user_of
from agent.server.errors import Refused
from agent.server.logs import JsonLines
from agent.server.observed import Broken
from agent.server.users import User
from knowledge.errors import LibraryBusy, SourceNotFound
from tests.agent.server.guarded import TOKEN, guarded

SECRET = "what was asked in confidence"


def raising(error: Exception) -> Route:
    async def fail(request: Request) -> Response:
        raise error

    return Route("/fails/{item}", fail)


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (errors.UsageError("No."), 400, "invalid_request", "invalid_request_error"),
        (errors.ConfigError("No."), 500, "wrong_configuration", "server_error"),
        (errors.ContextTooLong("No."), 400, "context_length_exceeded", "invalid_request_error"),
        (errors.RateLimited("No."), 503, "model_busy", "server_error"),
        (errors.ModelUnreachable("No."), 503, "model_unreachable", "server_error"),
        (errors.SessionNotFound("No."), 404, "session_not_found", "invalid_request_error"),
        (SourceNotFound("No."), 404, "source_not_found", "invalid_request_error"),
        (LibraryBusy("No."), 503, "library_busy", "server_error"),
        (errors.AgentError("No."), 500, "failed", "server_error"),
        (Refused(409, "No.", code="x", param="p"), 409, "x", "invalid_request_error"),
    ],
)
async def test_an_error_that_a_user_may_see_has_a_status_and_openais_shape(
    tmp_path: Path, error: Exception, status: int, code: str, kind: str
) -> None:
    async with guarded(tmp_path, routes=[raising(error)]).client(TOKEN) as client:
        answer = await client.get("/fails/1")
    assert answer.status_code == status
    said = answer.json()["error"]
    assert (said["message"], said["code"], said["type"]) == ("No.", code, kind)
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_when_to_come_again_is_told_in_whole_seconds(tmp_path: Path) -> None:
    refused = Refused(429, "Later.", code="x", hint="Wait.", retry_after=1.2)
    async with guarded(tmp_path, routes=[raising(refused)]).client(TOKEN) as client:
        answer = await client.get("/fails/1")
    assert answer.headers["Retry-After"] == "2"
    assert answer.json()["error"]["hint"] == "Wait."


async def test_a_bug_is_answered_without_a_trace_and_logged_without_its_words(
    tmp_path: Path,
) -> None:
    server = guarded(tmp_path, routes=[raising(RuntimeError(SECRET))])
    async with server.client(TOKEN) as client:
        answer = await client.get("/fails/1")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    bug = next(line for line in server.lines if line["event"] == "bug")
    assert bug["error"] == "RuntimeError"
    assert "test_app.py" in bug["places"][-1]
    assert bug["request"] == answer.headers["X-Request-ID"]
    assert SECRET not in str(server.lines)


async def test_a_line_of_the_log_tells_of_a_request_and_of_nothing_that_was_said(
    tmp_path: Path,
) -> None:
    async def ask(request: Request) -> Response:
        async with server.admission.admit(user_of(request)) as ticket:
            ticket.used(Usage(100, 20, cost=0.01))
            ticket.ended("grounded")
        return Response()

    server = guarded(tmp_path, routes=[Route("/ask/{name}", ask, methods=["POST"])])
    async with server.client(TOKEN) as client:
        await client.post(
            f"/ask/{SECRET}?q={SECRET}", content=SECRET, headers={"X-Request-ID": "from-a-proxy"}
        )
        odd = await client.get("/who", headers={"X-Request-ID": "a\tb" + "x" * 99})
    (line, _) = server.lines
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request", "request": "from-a-proxy", "user": "owner", "method": "POST",
        "route": "/ask/{name}", "status": 200, "outcome": "grounded", "tokens": 120, "cost": 0.01,
    }  # fmt: skip
    assert len(odd.headers["X-Request-ID"]) == 16
    assert TOKEN not in str(server.lines)


async def test_a_refusal_is_logged_with_its_code(tmp_path: Path) -> None:
    server = guarded(tmp_path)
    async with server.client() as client:
        await client.get("/who")
    assert server.lines[0]["code"] == "invalid_api_key"
    assert server.lines[0]["user"] is None


def test_the_log_is_one_object_a_line_that_no_name_can_break() -> None:
    stream = io.StringIO()
    JsonLines(stream)("request", user="a\nb\x1b[2J\u2028", none=None)
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert said["user"] == "a\nb\x1b[2J\u2028"
    assert "none" not in said
    assert said["time"].endswith("Z")
    assert line.isascii()


def test_a_log_whose_stream_is_closed_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    JsonLines(stream)("request")


async def test_a_body_past_the_bound_is_refused_however_it_comes(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LONGEST_BODY // 2**20 + 1):
            yield b"x" * 2**20

    async with guarded(tmp_path).client(TOKEN) as client:
        assert (await client.post("/echo", content=b"x" * LONGEST_BODY)).status_code == 200
        for body in (b"x" * (LONGEST_BODY + 1), pieces()):
            assert (await client.post("/echo", content=body)).status_code == 413


async def test_a_route_may_take_larger_bodies(tmp_path: Path) -> None:
    async def take(request: Request) -> Response:
        return Response(str(len(await request.body())))

    routes = [Route("/files", take, methods=["POST"], max_body_size=LONGEST_BODY + 10)]
    async with guarded(tmp_path, routes=routes).client(TOKEN) as client:
        for more, status in ((10, 200), (11, 413)):
            answer = await client.post("/files", content=b"x" * (LONGEST_BODY + more))
            assert answer.status_code == status


async def test_a_stream_that_fails_after_its_start_breaks_off_and_is_logged(
    tmp_path: Path,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise RuntimeError(SECRET)

    async def stream(request: Request) -> Response:
        return StreamingResponse(pieces())

    server = guarded(tmp_path, routes=[Route("/stream", stream)])
    async with server.client(TOKEN) as client:
        with pytest.raises(Broken):  # which uvicorn answers by cutting the connection
            await client.get("/stream")
    assert [line["event"] for line in server.lines] == ["bug", "request"]


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(tmp_path: Path) -> None:
    messages = iter(
        [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError("nobody reads it")

    server = guarded(tmp_path)
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/echo", "raw_path": b"/echo", "headers": headers,
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("localhost", 80),
    }  # fmt: skip
    await server.app(scope, receive, send)
    (line,) = server.lines
    assert (line["event"], line["status"]) == ("request", 499)


INNER = "http://10.0.0.7:8000 does not answer."


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (errors.ModelUnreachable(INNER, hint="Take another: --model M"), "model_unreachable", ""),
        (errors.ConfigError(INNER, hint="agent config set"), "wrong_configuration", ""),
        (errors.SessionNotFound("None.", hint="agent sessions list"), "", "GET /api/sessions"),
        (errors.BudgetSpent("Enough.", hint="--max-tokens N"), "", "Ask for less"),
        (errors.ContextTooLong("Too long.", hint="--model M"), "", "Send less"),
    ],
)
async def test_a_user_is_told_nothing_of_the_servers_inside_and_of_no_command_line(
    tmp_path: Path, error: errors.AgentError, code: str, hint: str
) -> None:
    server = guarded(tmp_path, routes=[raising(error)])
    async with server.client(server.keys.add(User("ada"))) as client:
        said = (await client.get("/fails/1")).json()["error"]
    assert "10.0.0.7" not in str(said)
    assert "--" not in said["hint"]
    assert "agent " not in said["hint"]
    assert hint in said["hint"]
    if code:
        assert said["code"] == code
        assert "owner" in said["hint"]
        (line, _) = server.lines
        assert (line["event"], line["code"]) == ("failed", code)
        assert INNER in line["message"]
    async with server.client(TOKEN) as client:
        assert (await client.get("/fails/1")).json()["error"]["message"] == str(error)


async def test_requests_are_counted_against_the_users_rate(tmp_path: Path) -> None:
    server = guarded(tmp_path)
    key = server.keys.add(User("ada", per_minute=2))
    async with server.client(key) as client:
        codes = [(await client.get("/who")).status_code for _ in range(3)]
        answer = await client.get("/nowhere")
    assert codes == [200, 200, 429]
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 30


async def test_health_is_told_to_anybody_and_by_any_name(tmp_path: Path) -> None:
    async with guarded(tmp_path).client(Host="10.1.2.3.pod.example") as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_readiness_waits_for_the_library_and_the_model_and_ends_with_the_server(
    tmp_path: Path,
) -> None:
    server = guarded(tmp_path)
    async with server.client() as client, server.app.router.lifespan_context(server.app):
        begun = await client.get("/readyz")
        assert (begun.status_code, begun.json()["checks"]["model"]) == (503, "starting")
        while (answer := await client.get("/readyz")).status_code != 200:
            assert "starting" in answer.text
            await asyncio.sleep(0)
        assert answer.json()["ready"] is True
        server.admission.drain()
        ending = await client.get("/readyz")
        assert (ending.status_code, ending.json()["checks"]["server"]) == (503, "ending")


async def test_what_was_in_order_is_looked_at_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = guarded(tmp_path)
    async with server.client() as client, server.app.router.lifespan_context(server.app):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0)
        server.hosting.error = LibraryBusy("No.")
        assert (await client.get("/readyz")).status_code == 200
        monkeypatch.setattr(health, "_STILL", 0.0)
        while (await client.get("/readyz")).status_code == 200:
            await asyncio.sleep(0)
        assert (await client.get("/readyz")).json()["checks"]["library"] == "failed"


@pytest.mark.parametrize("part", ["library", "model"])
async def test_a_server_that_cannot_answer_says_which_part_and_logs_why(
    tmp_path: Path, part: str
) -> None:
    server = guarded(tmp_path)
    error = errors.ModelUnreachable(f"{SECRET}: 10.0.0.7 does not answer.", hint="Start it.")
    if part == "model":
        server.hosting.model.error = error
    else:
        server.hosting.error = error
    async with server.client() as client:
        while "starting" in (answer := await client.get("/readyz")).text:
            await asyncio.sleep(0)
    assert answer.status_code == 503
    assert answer.json()["checks"][part] == "failed"
    assert "10.0.0.7" not in answer.text
    line = next(line for line in server.lines if line["event"] == "not_ready")
    assert (line["check"], line["hint"]) == (part, "Start it.")


async def test_a_full_server_refuses_and_says_when_to_come_again(tmp_path: Path) -> None:
    async def ask(request: Request) -> Response:
        async with server.admission.admit(user_of(request)):
            return Response()

    admission = Admission(running=1, waiting=0)
    server = guarded(tmp_path, routes=[Route("/ask", ask)], admission=admission)
    async with admission.admit(User("bob")), server.client(TOKEN) as client:
        answer = await client.get("/ask")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
