"""One spelling for the addresses of one page, and which addresses a crawl need not see."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode, urljoin, urlsplit, urlunsplit

from knowledge.guard.urls import parse

_TRACKING = re.compile(
    r"utm_\w+|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|igshid|mc_cid|mc_eid|mkt_tok|"
    r"_ga|_gl|_hsenc|_hsmi|vero_id|oly_\w+_id|wickedid|srsltid|spm|"
    r"phpsessid|jsessionid|sessionid|session_id|sid|aspsessionid\w*|cfid|cftoken",
    re.IGNORECASE,
)
"""Parameters that say who came and from where, and change nothing in the page."""
_SESSION = re.compile(r";jsessionid=[^/?#;]*", re.IGNORECASE)
_ESCAPE = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NO_PAGE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|mp[34]|m4[av]|webm|og[gv]|wav|flac|avi|mov|"
    r"mkv|css|m?js|map|woff2?|ttf|otf|eot|zip|gz|tgz|bz2|xz|7z|rar|tar|exe|msi|dmg|deb|rpm|apk|"
    r"iso|img|bin|whl|jar|swf|torrent)$",
    re.IGNORECASE,
)
_LENGTH = 500
"""Characters of an address; longer ones are made by machines for machines."""
_SEGMENTS = 12
_REPEATS = 3
"""How often one segment may stand in a path: relative links gone wrong repeat it for ever."""
_PARAMETERS = 6


def canonical(url: str) -> str:
    """The address of a page in its one spelling, without fragment, tracking or session.

    Source: RFC 3986, 6.2.2 (case, percent-encoding and dot segments).

    Raises:
        FetchRefused: It is none that is fetched.
    """
    parts = urlsplit(parse(url).url)
    path = _SESSION.sub("", _ESCAPE.sub(_unescaped, parts.path)) or "/"
    while "//" in path:
        path = path.replace("//", "/")
    path = urlsplit(urljoin("http://host/", path)).path
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)]
        # Only what must change does: servers differ in how they write what they read.
        if len(kept) != len(pairs):
            query = urlencode(kept)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def key(url: str) -> str:
    """By which two canonical addresses are the same page: whatever the scheme and the order."""
    parts = urlsplit(url)
    query = "&".join(sorted(parts.query.split("&")))
    return f"{site(url)}{parts.path.rstrip('/')}?{query}"


def site(url: str) -> str:
    """The site of an address: its host and port, without `www.`."""
    return urlsplit(url).netloc.removeprefix("www.")


def is_page(url: str) -> bool:
    """Whether a canonical address may be a page's, and not that of a picture or an archive."""
    return not _NO_PAGE.search(urlsplit(url).path)


def is_trap(url: str) -> bool:
    """Whether an address looks as if it were one of endlessly many."""
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    return (
        len(url) > _LENGTH
        or len(segments) > _SEGMENTS
        or any(segments.count(segment) > _REPEATS for segment in segments)
        or parts.query.count("&") >= _PARAMETERS
    )


def shape(url: str) -> str:
    """What addresses of one generator have in common: numbers are one number, values none."""
    parts = urlsplit(url)
    path = re.sub(r"\d+", "0", parts.path)
    names = sorted(pair.partition("=")[0] for pair in parts.query.split("&") if pair)
    return f"{parts.netloc}{path}?{'&'.join(names)}"


def _unescaped(found: re.Match[str]) -> str:
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in unquote_to_bytes(found[0])
    )
