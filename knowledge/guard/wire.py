"""One request over one connection, pinned to checked addresses (door: httpcore).

httpcore speaks HTTP; the sockets are opened, awaited and counted here, so that the deadline and
the limits hold for every byte: the connection, TLS, headers, and the body.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import httpcore

from knowledge.errors import FetchFailed, FetchRefused
from knowledge.guard.clock import Clock
from knowledge.guard.lost import ConnectionLost
from knowledge.guard.route import Proxy, Route
from knowledge.guard.urls import Target

HEAD_LIMIT = 100 * 1024
"""Bytes on the wire until the headers of the answer are complete."""
_CONNECT_SECONDS = 8.0
"""For one address, where there is another to try."""


class Answer:
    """An HTTP response whose body is still to come."""

    def __init__(self, response: httpcore.Response, clock: Clock) -> None:
        self.status = response.status
        self._headers = response.headers
        self._response = response
        self._clock = clock

    def header(self, name: str) -> str:
        """A header's value, several joined by commas; empty where there is none."""
        wanted = name.lower().encode("ascii")
        values = [value for key, value in self._headers if key.lower() == wanted]
        return b", ".join(values).decode("latin-1").strip()

    def body(self) -> Iterator[bytes]:
        """The body as it comes, still packed."""
        for part in self._response.iter_stream():
            self._clock.left()
            yield part


@contextmanager
def ask(
    target: Target,
    route: Route,
    headers: Iterable[tuple[str, str]],
    *,
    clock: Clock,
    max_wire_bytes: int,
    body: bytes | None = None,
) -> Iterator[Answer]:
    """Send a GET request, or with a body a POST.

    Args:
        target: What is asked for.
        route: The only host that is connected to: the target's, or a proxy's.
        headers: Beside `Host` and `Content-Length`.
        clock: The deadline.
        max_wire_bytes: Limit for all that the server sends, headers and framing included.
        body: What is posted.

    Raises:
        ConnectionLost: No connection, no TLS, or no HTTP.
        FetchFailed: Too late, or too many bytes.
    """
    lines = _Lines(route, clock)
    pool = httpcore.ConnectionPool(
        ssl_context=trust() if target.scheme == "https" else None,
        proxy=_proxy(route.proxy) if route.proxy else None,
        network_backend=lines,
        max_connections=1,
        max_keepalive_connections=0,
    )
    url = httpcore.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )
    sent = [(b"Host", target.authority.encode())]
    sent += [(name.encode(), value.encode("latin-1")) for name, value in headers]
    method = "GET"
    if body is not None:
        method = "POST"
        sent.append((b"Content-Length", str(len(body)).encode()))
    try:
        with pool, pool.stream(method, url, headers=sent, content=body) as response:
            lines.limit = max_wire_bytes
            yield Answer(response, clock)
    except httpcore.ConnectError as error:
        raise ConnectionLost(
            f"no connection to {target.host}: {error}", hint="Try again later."
        ) from None
    except httpcore.ProxyError as error:
        raise FetchFailed(f"the proxy refused: {error}") from None
    except (httpcore.ProtocolError, httpcore.NetworkError) as error:
        raise ConnectionLost(f"{target.host} broke off or sent no proper HTTP: {error}") from None


def _proxy(proxy: Proxy) -> httpcore.Proxy:
    url = httpcore.URL(
        scheme=proxy.scheme.encode(), host=proxy.host.encode(), port=proxy.port, target=b"/"
    )
    return httpcore.Proxy(url=url, auth=proxy.auth)


@cache
def trust() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities and, beside them, Mozilla's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Lines(httpcore.NetworkBackend):
    """Opens connections to the addresses of its route, and to nothing else."""

    def __init__(self, route: Route, clock: Clock) -> None:
        self.limit = HEAD_LIMIT
        self._route = route
        self._clock = clock
        self._received = 0

    def received(self, count: int) -> None:
        """Count bytes from the server."""
        self._received += count
        if self._received > self.limit:
            if self.limit == HEAD_LIMIT:
                raise FetchFailed(f"the headers are larger than {HEAD_LIMIT // 1024} KiB")
            raise FetchFailed(f"more than {_size(self.limit)} were sent, the limit for one page")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers. The name is not looked up again."""
        if (host, port) != (self._route.host, self._route.port):
            raise FetchRefused(f"a connection to {host}, which was not checked")
        problem = "it has no address"
        for address in self._route.addresses:
            limit = None if address == self._route.addresses[-1] else _CONNECT_SECONDS
            try:
                line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            except OSError as error:  # a machine without IPv6
                problem = _words(error)
                continue
            try:
                line.setblocking(False)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                problem = self._connect(line, address, port, limit)
            except BaseException:
                line.close()
                raise
            if not problem:
                return _Line(line, self, self._clock)
            line.close()
        raise httpcore.ConnectError(problem)

    def _connect(self, line: socket.socket, address: str, port: int, limit: float | None) -> str:
        """Why there is no connection; empty where there is one."""
        code = line.connect_ex((address, port))
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", -1)):
            if not self._clock.wait(line, selectors.EVENT_WRITE, limit):
                return "it does not answer"
            code = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os.strerror(code).lower() if code else ""


class _Line(httpcore.NetworkStream):
    """A connection. The time-outs that httpcore names are ignored: the clock's rule is stricter."""

    def __init__(self, line: socket.socket, lines: _Lines, clock: Clock) -> None:
        self._line = line
        self._lines = lines
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most so many bytes; empty at the end."""
        try:
            data: bytes = self._patiently(partial(self._line.recv, max_bytes), selectors.EVENT_READ)
        except InterruptedError:
            raise
        except OSError as error:
            raise httpcore.ReadError(_words(error)) from None
        self._lines.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        try:
            while buffer:
                sent = self._patiently(partial(self._line.send, buffer), selectors.EVENT_WRITE)
                buffer = buffer[sent:]
        except InterruptedError:
            raise
        except OSError as error:
            raise httpcore.WriteError(_words(error)) from None

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Begin TLS. The certificate must be for the name that was asked for."""
        if isinstance(self._line, ssl.SSLSocket):
            self.close()
            raise httpcore.ConnectError("an https page through an https proxy is not supported")
        try:
            line = ssl_context.wrap_socket(
                self._line, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._line = line
            self._patiently(line.do_handshake, selectors.EVENT_READ)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and not isinstance(error, InterruptedError):
                raise httpcore.ConnectError(_words(error)) from None
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """Nothing that httpcore could use to change the protocol."""
        return None

    def _patiently(self, act: Callable[[], Any], event: int) -> Any:
        """Do what would block as soon as it does not, and not after the deadline."""
        while True:
            self._clock.left()
            try:
                return act()
            except ssl.SSLWantReadError:
                self._clock.wait(self._line, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._clock.wait(self._line, selectors.EVENT_WRITE)
            except BlockingIOError:
                self._clock.wait(self._line, event)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    return (error.strerror or str(error)).lower()


def _size(count: int) -> str:
    return f"{count / 2**20:.3g} MiB" if count >= 2**20 else f"{count:,} bytes"
