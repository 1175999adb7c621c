"""What the guard bounds: time, bytes on the wire and unpacked, headers. And what it tells.

Every server here is real, on loopback, and allowed by name.
"""

from __future__ import annotations

import gzip
import random
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence

import pytest

from knowledge.errors import FetchFailed
from knowledge.guard import ConnectionLost, Fetched, Policy, fetch
from knowledge.guard.unpack import Unpacker
from tests.web import Page, Raw, Web, Wire, gzip_bomb, in_chunks, raw, raw_deflate, redirect

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
MIB = 2**20


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


def get(web: Web, page: Page | Raw, **limits: object) -> Fetched:
    web.pages["/"] = page
    return fetch(web.url(), policy=Policy(allow=(web.authority,), **limits))  # type: ignore[arg-type]


def failure(web: Web, page: Page | Raw, **limits: object) -> str:
    with pytest.raises(FetchFailed) as caught:
        get(web, page, **limits)
    return str(caught.value)


def drip(data: bytes, head: bytes = b"") -> Raw:
    def answer(line: Wire) -> None:
        line.send(head)
        line.drip(data, 0.01)

    return answer


def flood(data: bytes, head: bytes = b"") -> Raw:
    def answer(line: Wire) -> None:
        line.send(head)
        line.flood(data)

    return answer


def hang(line: Wire) -> None:
    line.closing.wait(60)


DRIPS = {
    "never_answers": hang,
    "body": drip(b"a", OK + b"Content-Length: 1000000\r\n\r\n"),
    "body_without_length": drip(b"a", OK + b"\r\n"),
    "chunks": drip(b"1\r\na\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    "status_line": drip(b"a", b"HTTP/1.1 200 "),
    "headers": drip(b"X-A: b\r\n", OK),
    "interim_answers": drip(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "gzip": drip(
        b"\0\0\0\xff\xff", OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10]
    ),
}


@pytest.mark.parametrize("page", DRIPS.values(), ids=DRIPS)
def test_a_slow_drip_ends_at_the_deadline_wherever_it_drips(web: Web, page: Raw) -> None:
    assert failure(web, page, seconds=0.3) == "it was not fetched within 0.3 seconds"


def test_the_deadline_counts_over_all_redirects(web: Web) -> None:
    def late(line: Wire) -> None:
        line.closing.wait(0.1)
        line.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    assert "not fetched within 0.3 seconds" in failure(web, late, seconds=0.3)


def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    release = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        release.wait(60)
        return ()

    with pytest.raises(FetchFailed, match="not fetched within"):
        fetch("http://slow.example.com/", policy=Policy(seconds=0.1), resolve=slow)
    release.set()


def test_a_tls_handshake_that_stalls_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(FetchFailed, match="not fetched within"):
            fetch(f"https://{name}/", policy=Policy(allow=(name,), seconds=0.2))


def test_a_cancelled_fetch_ends_while_it_waits(web: Web) -> None:
    asked = threading.Event()
    web.pages["/"] = lambda line: (asked.set(), hang(line))[-1]
    with pytest.raises(InterruptedError):
        fetch(web.url(), policy=Policy(allow=(web.authority,)), cancelled=asked.is_set)


ENDLESS = {
    "without_length": flood(b"a" * 65536, OK + b"\r\n"),
    "in_chunks": flood(
        b"8000\r\n" + b"a" * 0x8000 + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "with_a_false_length": flood(b"a" * 65536, OK + b"Content-Length: 99999999999999\r\n\r\n"),
}


@pytest.mark.parametrize("page", ENDLESS.values(), ids=ENDLESS)
def test_a_body_without_end_stops_at_the_limit(web: Web, page: Raw) -> None:
    assert failure(web, page, max_bytes=MIB) == "it is larger than 1 MiB, the limit for one page"
    assert failure(web, page, max_bytes=2**40, max_wire_bytes=2 * MIB)


def test_framing_counts_on_the_wire(web: Web) -> None:
    page = flood(b"1;" + b"x" * 1000 + b"\r\na\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n")
    assert "more than 1 MiB were sent" in failure(web, page, max_wire_bytes=MIB)


HEADER_FLOODS = {
    "many": flood(b"X-A: b\r\n" * 1000, OK),
    "one_long": flood(b"a" * 65536, OK + b"X-A: "),
    "status_line": flood(b"a" * 65536, b"HTTP/1.1 200 "),
    "interim_answers": flood(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "no_http": flood(b"220 mail.example.com ESMTP\r\n" * 1000),
    "trailers": flood(
        b"X-A: b\r\n" * 1000, OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    ),
}


@pytest.mark.parametrize("page", HEADER_FLOODS.values(), ids=HEADER_FLOODS)
def test_a_flood_of_headers_is_bounded(web: Web, page: Raw) -> None:
    words = failure(web, page, max_wire_bytes=MIB)
    assert "headers are larger" in words or "no proper HTTP" in words


PACKED = {
    "gzip": ("gzip", gzip.compress(b"hello " * 999)),
    "x-gzip": ("X-GZIP", gzip.compress(b"hello " * 999)),
    "deflate": ("deflate", zlib.compress(b"hello " * 999)),
    "raw_deflate": ("deflate", raw_deflate(b"hello " * 999)),
    "gzip_in_two_members": ("gzip", gzip.compress(b"hello " * 900) + gzip.compress(b"hello " * 99)),
    "gzip_with_padding": ("gzip", gzip.compress(b"hello " * 999) + bytes(100)),
    "identity": ("identity", b"hello " * 999),
}


@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=PACKED)
def test_a_packed_page_is_unpacked(web: Web, coding: str, body: bytes) -> None:
    page = get(web, Page(body, headers={"Content-Encoding": coding}))
    assert page.data == b"hello " * 999


@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=PACKED)
def test_a_packed_page_that_comes_byte_by_byte_is_the_same(coding: str, body: bytes) -> None:
    unpacker = Unpacker(coding)
    out = b"".join(piece for i in range(len(body)) for piece in unpacker.feed(body[i : i + 1]))
    assert out + b"".join(unpacker.end()) == b"hello " * 999


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_a_packed_page_that_is_cut_off_is_no_page(web: Web, pack: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if pack is gzip.compress else "deflate"
    for length in (1, 2, 11, 500):
        body = pack(random.Random(1).randbytes(3000))[:length]
        words = failure(web, Page(body, headers={"Content-Encoding": coding}))
        assert "broke off in the middle" in words


def test_a_damaged_packed_page_is_named(web: Web) -> None:
    page = Page(b"not packed at all", headers={"Content-Encoding": "gzip"})
    assert "the packed page is damaged" in failure(web, page)


BOMBS = {
    "gzip": ("gzip", gzip_bomb(400 * MIB)),
    "deflate": ("deflate", raw_deflate(bytes(200 * MIB))),
    "many_members": ("gzip", gzip.compress(bytes(MIB)) * 300),
}


@pytest.mark.parametrize(("coding", "body"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_stops_at_the_limit_in_bounded_memory(web: Web, coding: str, body: bytes) -> None:
    page = Page(body, headers={"Content-Encoding": coding})
    failure(web, Page(b"", status=404))  # what is loaded once does not count
    tracemalloc.start()
    try:
        assert "larger than 4 MiB" in failure(web, page, max_bytes=4 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MIB


REFUSED_CODINGS = {
    "bomb_in_a_bomb": "gzip, gzip",
    "brotli": "br",
    "zstandard": "zstd",
    "compress": "compress",
    "unknown": "x" * 1000,
}


@pytest.mark.parametrize("coding", REFUSED_CODINGS.values(), ids=REFUSED_CODINGS)
def test_a_coding_that_was_not_asked_for_is_not_undone(web: Web, coding: str) -> None:
    page = Page(gzip.compress(gzip.compress(b"a")), headers={"Content-Encoding": coding})
    assert "which was not asked for" in failure(web, page)
    assert web.requests[0][1]["accept-encoding"] == "gzip, deflate"


def test_a_thousand_empty_members_in_a_row_are_an_attack(web: Web) -> None:
    page = Page(gzip.compress(b"") * 2000, headers={"Content-Encoding": "gzip"})
    assert "too many parts" in failure(web, page)


BROKEN = {
    "hangs_up": raw(b""),
    "hangs_up_in_the_headers": raw(OK),
    "body_cut_off": raw(OK, b"Content-Length: 100\r\n\r\nabc"),
    "chunks_cut_off": raw(OK, b"Transfer-Encoding: chunked\r\n\r\na\r\n0123"),
    "two_lengths": raw(OK, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "negative_length": raw(OK, b"Content-Length: -1\r\n\r\nab"),
    "no_http": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "gzip_transfer": raw(OK, b"Transfer-Encoding: gzip\r\n\r\nab"),
}


@pytest.mark.parametrize("page", BROKEN.values(), ids=BROKEN)
def test_broken_http_is_a_failure_in_words(web: Web, page: Raw) -> None:
    assert failure(web, page).startswith("127.0.0.1 broke off or sent no proper HTTP: ")


def test_nobody_listening_is_a_failure_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(FetchFailed, match=r"no connection to 127\.0\.0\.1: connection refused"):
        fetch(f"http://{name}/", policy=Policy(allow=(name,)))


def test_a_page_in_chunks_is_put_together(web: Web) -> None:
    body = random.Random(1).randbytes(100_000)
    page = raw(OK, b"Transfer-Encoding: chunked\r\n\r\n", *in_chunks(body))
    assert get(web, page).data == body


def test_the_next_address_is_tried_where_the_first_refuses(web: Web) -> None:
    web.pages["/"] = Page()
    page = fetch(
        f"http://two.example.com:{web.port}/",
        policy=Policy(allow=("two.example.com",)),
        resolve=lambda host, port: ("127.0.0.9", "::1", "127.0.0.1"),
    )
    assert page.status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503, 206, 304, 599])
def test_a_status_that_brings_no_page_is_a_failure_that_tells_it(web: Web, status: int) -> None:
    web.pages["/"] = Page(b"", status=status, headers={"Retry-After": "7"})
    with pytest.raises(FetchFailed, match=f"127.0.0.1 answered {status}") as caught:
        fetch(web.url(), policy=Policy(allow=(web.authority,)))
    assert (caught.value.status, caught.value.retry_after) == (status, "7")


def test_a_page_that_has_not_changed_is_not_sent_again(web: Web) -> None:
    changed = "Tue, 03 Nov 2026 10:00:00 GMT"
    first = get(web, Page(etag='"v1"', headers={"Last-Modified": changed}))
    assert (first.etag, first.last_modified) == ('"v1"', changed)
    again = fetch(
        web.url(),
        policy=Policy(allow=(web.authority,)),
        etag=first.etag,
        last_modified=first.last_modified,
    )
    assert (again.status, again.data, again.etag) == (304, b"", '"v1"')
    assert web.requests[-1][1]["if-modified-since"] == changed


def test_a_stored_validator_cannot_smuggle_in_a_header(web: Web) -> None:
    web.pages["/"] = Page()
    fetch(web.url(), policy=Policy(allow=(web.authority,)), etag='"a"\r\nX-Evil: 1')
    assert not {"if-none-match", "x-evil"} & set(web.requests[0][1])


TYPES = {
    "plain": ("text/html", ("text/html", "")),
    "charset": ("Text/HTML; Charset=ISO-8859-1", ("text/html", "iso-8859-1")),
    "quoted": ('text/plain; a=b; charset="utf-8"', ("text/plain", "utf-8")),
    "none": ("", ("", "")),
    "nonsense": ("<script>", ("", "")),
}


@pytest.mark.parametrize(("header", "parsed"), TYPES.values(), ids=TYPES)
def test_the_type_and_charset_are_told(web: Web, header: str, parsed: tuple[str, str]) -> None:
    page = get(web, Page(type=header))
    assert (page.content_type, page.charset) == parsed


def test_cookies_of_a_page_are_not_sent_on(web: Web) -> None:
    web.pages["/a"] = Page(b"", status=302, headers={"Location": "/b", "Set-Cookie": "a=b"})
    web.pages["/b"] = Page()
    fetch(web.url("/a"), policy=Policy(allow=(web.authority,)))
    assert "cookie" not in web.requests[1][1]


def test_proxies_of_the_environment_are_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with Web({"/": Page(b"through the proxy")}) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url())
        assert get(web, Page(b"straight")).data == b"straight"
        assert proxy.requests == []


def test_a_header_of_the_caller_goes_to_its_own_host_and_no_further(web: Web) -> None:
    with Web({"/": Page(b"elsewhere")}) as other:
        web.pages |= {"/a": redirect("/b"), "/b": redirect(other.url())}
        policy = Policy(allow=(web.authority, other.authority))
        page = fetch(web.url("/a"), policy=policy, headers={"X-Key": "k", "accept": "text/plain"})
        assert page.data == b"elsewhere"
        assert [sent.get("x-key") for _, sent in web.requests] == ["k", "k"]
        assert web.requests[0][1]["accept"] == "text/plain"
        assert "x-key" not in other.requests[0][1]


SMUGGLED = [("X-A", "b\r\nX-Evil: 1"), ("X A", "b"), ("Host", "evil"), ("content-length", "1"),
            ("Accept-Encoding", "br"), ("X-A", "")]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SMUGGLED)
def test_a_header_that_would_change_the_request_is_not_sent(
    web: Web, name: str, value: str
) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        fetch(web.url(), policy=Policy(allow=(web.authority,)), headers={name: value})
    assert web.requests == []


def test_what_is_posted_is_not_sent_on_by_a_redirect() -> None:
    asked: list[bytes] = []

    def serve(server: socket.socket) -> None:
        line, _ = server.accept()
        with line:
            got = b""
            while not got.endswith(b"question"):
                got += line.recv(4096)
            asked.append(got)
            line.sendall(b"HTTP/1.1 307 Again\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        with pytest.raises(FetchFailed, match="redirects what was posted"):
            fetch(f"http://{name}/", policy=Policy(allow=(name,)), body=b"question")
        thread.join()
    assert asked[0].startswith(b"POST / HTTP/1.1\r\n")
    assert b"Content-Length: 8\r\n" in asked[0]


def test_a_connection_that_fails_or_breaks_off_is_told_apart_from_other_failures(web: Web) -> None:
    for page in (raw(b""), raw(OK)):
        with pytest.raises(ConnectionLost):
            get(web, page)
    with pytest.raises(FetchFailed) as caught:
        get(web, Page(b"", status=500))
    assert not isinstance(caught.value, ConnectionLost)
