"""A URL from anywhere to one that is spelled in one way only, or a refusal. Opens nothing.

Strict where parsers differ: what two programs could read as two hosts is refused, not repaired.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from knowledge.errors import FetchRefused

MAX_LENGTH = 8_000
"""Characters of a URL."""
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SAFE = "/%:=&?~#+!$,;'@()*[]"
"""What stays as it is in a path or query: percent signs too, since they are escapes already."""
_INNER = (
    "localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain",
    "corp", "home", "private", "svc", "onion",
)  # fmt: skip
"""Names that never lead out: RFC 6761, RFC 6762, RFC 7686, RFC 8375 and what networks use beside
them; the root zone holds none of them. Behind a proxy the name is all that can be judged."""
_BAD_PORTS = frozenset((
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080, 11211,
))  # fmt: skip
"""Ports of services that would take an HTTP request for a command of theirs: the Fetch
standard's bad ports, and those of Redis and memcached."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL in its parts."""

    scheme: str
    host: str
    """Lower case, in ASCII: a name without its final dot, or an address without brackets."""
    port: int
    path: str
    """Path and query, percent-encoded."""

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        return self._host if self.port == _PORTS[self.scheme] else f"{self._host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, without its fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an address, and not a name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()

    @property
    def is_inner(self) -> bool:
        """Whether the name itself tells of a local network."""
        if self.is_address:
            return False
        inner = self.host.endswith(tuple(f".{name}" for name in _INNER))
        return inner or "." not in self.host

    def is_in(self, names: tuple[str, ...]) -> bool:
        """Whether one of the names, `host` or `host:port`, is this host."""
        own = {self.host, self._host, f"{self._host}:{self.port}"}
        return any(name.strip().lower() in own for name in names)

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse(url: str, base: Target | None = None) -> Target:
    """Check a URL and take it apart.

    Args:
        url: As a user, a document or a server wrote it.
        base: The page that it stands on, for one that is relative to it.

    Raises:
        FetchRefused: It is no http or https URL, or one that could be read in two ways.
    """
    if len(url) > MAX_LENGTH:
        raise FetchRefused(f"the URL is longer than {MAX_LENGTH:,} characters")
    for character in url:
        if character.isspace() or unicodedata.category(character)[0] == "C":
            raise FetchRefused(
                "the URL holds white space or a control character",
                hint="Write %20 for a space." if character == " " else "Write it without.",
            )
    if "\\" in url:
        raise FetchRefused("the URL holds a backslash", hint="Write / or %5C.")
    try:
        if base is not None:
            url = urljoin(base.url, url)
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchRefused(f"not a URL that can be read: {error}") from None
    if parts.scheme not in _PORTS:
        what = (
            f"{parts.scheme}: URLs are" if parts.scheme else "a URL without http:// or https:// is"
        )
        raise FetchRefused(f"{what} not fetched, only http and https")
    if "@" in parts.netloc:
        raise FetchRefused(
            "the URL holds a user name or password", hint="Write it without the part before the @."
        )
    if parts.netloc.endswith(":") or port == 0:
        raise FetchRefused("the URL's port is not a number from 1 to 65535")
    port = _PORTS[parts.scheme] if port is None else port
    if port in _BAD_PORTS:
        raise FetchRefused(f"port {port} belongs to another service than the web")
    path = quote(parts.path or "/", safe=_SAFE)
    query = "?" + quote(parts.query, safe=_SAFE) if parts.query else ""
    return Target(parts.scheme, _host(parts.netloc), port, path + query)


def _host(netloc: str) -> str:
    """The host of `host`, `host:port` or `[address]:port`, in its one spelling."""
    if netloc.startswith("["):
        inside, bracket, rest = netloc[1:].partition("]")
        try:
            if not bracket or (rest and not rest.startswith(":")) or "%" in inside:
                raise AddressValueError
            return str(IPv6Address(inside))
        except AddressValueError:
            raise FetchRefused(f"{netloc} is not an IPv6 address") from None
    written = netloc.partition(":")[0]
    if not written:
        raise FetchRefused("the URL names no host", hint="Write https://HOST/PAGE.")
    host = _ascii(written).removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise FetchRefused(f"{written!r} is not the name of a host")
    if _NUMBER.fullmatch(labels[-1]):
        # Programs read a name that ends in a number as an address, octal and hex ones too.
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise FetchRefused(
                f"{written} is an address in an odd spelling", hint="Write it as four numbers."
            ) from None
    return host


def _ascii(name: str) -> str:
    """A name in lower case, an international one as browsers encode it (UTS 46)."""
    if name.isascii():
        return name.lower()
    import idna

    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise FetchRefused(f"{name!r} is not the name of a host") from None
