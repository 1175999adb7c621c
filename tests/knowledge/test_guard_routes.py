"""TLS, where the certificate must be for the name, and proxies, which must be allowed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from knowledge.errors import FetchFailed, FetchRefused
from knowledge.guard import Policy, fetch, wire
from tests.web import Page, Web, Wire

NAME = "docs.example.com"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for `NAME` that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(pem) + private)
    return file


@pytest.fixture
def web(certificate: Path) -> Iterator[Web]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Web({"/": Page(b"over TLS")}, tls=context) as server:
        yield server


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The certificate is one of the system's authorities, as OpenSSL finds them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    wire.trust.cache_clear()
    yield
    wire.trust.cache_clear()


def here(host: str, port: int) -> Sequence[str]:
    return ("127.0.0.1",)


@pytest.mark.usefixtures("trusted")
def test_the_certificate_is_checked_for_the_name_though_an_address_is_connected_to(
    web: Web,
) -> None:
    policy = Policy(allow=(NAME, "other.example.com"))
    page = fetch(f"https://{NAME}:{web.port}/", policy=policy, resolve=here)
    assert page.data == b"over TLS"
    with pytest.raises(FetchFailed, match=r"certificate is not valid .*other"):
        fetch(f"https://other.example.com:{web.port}/", policy=policy, resolve=here)
    with pytest.raises(FetchFailed, match="certificate is not valid"):
        fetch(web.url(), policy=Policy(allow=("127.0.0.1",)))


def test_a_certificate_of_nobody_known_is_refused(web: Web) -> None:
    wire.trust.cache_clear()
    with pytest.raises(FetchFailed, match=r"certificate is not valid \(self.signed"):
        fetch(f"https://{NAME}:{web.port}/", policy=Policy(allow=(NAME,)), resolve=here)


def test_a_server_that_speaks_no_tls_is_a_failure_in_words() -> None:
    with Web() as plain, pytest.raises(FetchFailed, match="TLS failed"):
        fetch(f"https://{plain.authority}/", policy=Policy(allow=(plain.authority,)))


@pytest.mark.usefixtures("trusted")
def test_a_body_over_tls_obeys_the_deadline_and_the_limit(web: Web) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"

    def drip(line: Wire) -> None:
        line.send(head)
        line.drip(b"a", 0.01)

    def flood(line: Wire) -> None:
        line.send(head)
        line.flood(bytes(65536))

    web.pages |= {"/drip": drip, "/flood": flood}
    policy = Policy(allow=(NAME,), seconds=1, max_bytes=100_000)
    with pytest.raises(FetchFailed, match="not fetched within 1 seconds"):
        fetch(f"https://{NAME}:{web.port}/drip", policy=policy, resolve=here)
    with pytest.raises(FetchFailed, match="larger than 100,000 bytes"):
        fetch(f"https://{NAME}:{web.port}/flood", policy=policy, resolve=here)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A proxy for plain http, which is asked with the whole URL, as the environment names it."""
    with Web({"http://public.example.com:80/a": Page(b"through the proxy")}) as server:
        monkeypatch.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{server.port}")
        yield server


def test_a_proxy_that_is_allowed_is_used(proxy: Web) -> None:
    page = fetch("http://public.example.com/a", policy=Policy(use_proxies=True))
    assert page.data == b"through the proxy"
    headers = proxy.requests[0][1]
    assert headers["host"] == "public.example.com"
    assert headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.usefixtures("trusted")
def test_through_a_proxy_tls_is_spoken_with_the_server_and_its_name_is_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked: list[bytes] = []

    def tunnel(server: socket.socket) -> None:
        for _ in range(2):
            line, _ = server.accept()
            with line:
                asked.append(line.recv(4096).split(b"\r\n")[0])
                line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                with suppress(OSError), context.wrap_socket(line, server_side=True) as inner:
                    inner.recv(4096)
                    inner.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=tunnel, args=(server,))
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert fetch(f"https://{NAME}/", policy=Policy(use_proxies=True)).data == b"hi"
        with pytest.raises(FetchFailed, match="certificate is not valid"):
            fetch("https://other.example.com/", policy=Policy(use_proxies=True))
        thread.join()
    assert asked == [b"CONNECT docs.example.com:443 HTTP/1.1",
                     b"CONNECT other.example.com:443 HTTP/1.1"]  # fmt: skip


INNER = ["http://127.0.0.1/", "http://localhost/", "http://metadata.google.internal/",
         "http://intranet/", "http://[64:ff9b::a00:1]/"]  # fmt: skip


@pytest.mark.parametrize("url", INNER)
def test_a_proxy_is_not_asked_for_the_inner_network(proxy: Web, url: str) -> None:
    with pytest.raises(FetchRefused):
        fetch(url, policy=Policy(use_proxies=True))
    assert proxy.requests == []


def test_a_host_that_the_environment_exempts_is_connected_to_straight(
    proxy: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "public.example.com")
    with pytest.raises(FetchRefused, match="loopback"):
        fetch("http://public.example.com/a", policy=Policy(use_proxies=True), resolve=here)


def test_a_proxy_of_another_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(FetchFailed, match="no http or https proxy"):
        fetch("https://public.example.com/", policy=Policy(use_proxies=True))
