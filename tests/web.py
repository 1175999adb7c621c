"""A small real web server on loopback that misbehaves on demand.

Pages with any headers, redirects, drips, bombs, bodies without end: over real sockets, so that a
client's limits are tried where they must hold. Its threads end with the test.
"""

from __future__ import annotations

import gzip
import io
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Page:
    """What is served under a path."""

    body: bytes = b"<p>Hello."
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    """Where the request's `If-None-Match` is this one, the answer is 304."""
    length: int | None = None
    """What `Content-Length` claims; None: the truth."""


Raw = Callable[["Wire"], None]
"""Writes an answer by hand, from its status line on."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The server's end of a connection, for an answer written by hand."""

    connection: socket.socket
    closing: threading.Event
    left: threading.Event

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.connection.sendall(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte by byte, over and over, until the client leaves or the server closes."""
        while not self.closing.is_set():
            for i in range(len(data)):
                self.send(data[i : i + 1])
                if self.closing.wait(seconds):
                    return

    def flood(self, data: bytes) -> None:
        """Send as fast as the client takes it, without end."""
        while not self.closing.is_set():
            self.send(data)


@dataclass
class Web:
    """The server: a context manager that listens on a free port of 127.0.0.1."""

    pages: dict[str, Page | Raw] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(path, headers) of each request, in order; names of headers in lower case."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client hung up before its answer had ended."""
    closing: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def __enter__(self) -> Self:
        self._server = _Server((self.address, 0), _Handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    @property
    def authority(self) -> str:
        """`127.0.0.1:PORT`, as a policy allows it by name."""
        return f"{self.address}:{self.port}"

    def url(self, path: str = "/") -> str:
        """The URL of a page."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    owner: Web

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer; TLS is spoken in the connection's own thread, so that none waits for another."""
        if self.owner.tls is None:
            super().finish_request(request, client_address)
            return
        with self.owner.tls.wrap_socket(request, server_side=True) as line:
            super().finish_request(line, client_address)

    def hang_up(self) -> None:
        """End the connections that are still open, so that their threads can be joined."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what is being tested, and no error of the server's."""
        self.owner.left.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        page = owner.pages.get(self.path.partition("?")[0], Page(b"<p>Not here.", status=404))
        if callable(page):
            self.close_connection = True
            page(Wire(self.connection, owner.closing, owner.left))
            return
        if page.etag and self.headers.get("If-None-Match") == page.etag:
            page = Page(b"", status=304, etag=page.etag)
        self.send_response(page.status)
        if page.type:
            self.send_header("Content-Type", page.type)
        if page.etag:
            self.send_header("ETag", page.etag)
        if page.status != 304:
            length = len(page.body) if page.length is None else page.length
            self.send_header("Content-Length", str(length))
            self.close_connection = page.length is not None
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body)


def redirect(to: str, status: int = 302) -> Page:
    """A page that leads elsewhere."""
    return Page(b"", status=status, headers={"Location": to})


def raw(*parts: bytes) -> Raw:
    """An answer made of these bytes, and then the end of the connection."""
    return lambda wire: wire.send(b"".join(parts))


def gzip_bomb(size: int) -> bytes:
    """A gzip stream of zeros, about a thousandth of its size unpacked; made in little memory."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
    return packed.getvalue()


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's header, as some servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def in_chunks(data: bytes, size: int = 1000) -> Iterator[bytes]:
    """A body in HTTP's chunked framing, with its end."""
    for at in range(0, len(data), size):
        part = data[at : at + size]
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"
