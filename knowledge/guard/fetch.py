"""Fetch one URL: check, connect, follow redirects and check those, unpack within the limits."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.errors import FetchFailed, GuardError
from knowledge.guard.clock import Cancelled, Clock
from knowledge.guard.lookup import Resolver, system_resolver
from knowledge.guard.unpack import ACCEPTED, Unpacker
from knowledge.guard.urls import Target, parse

if TYPE_CHECKING:
    from knowledge.guard.wire import Answer

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)", re.ASCII)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that only this package sets: others would change the protocol or the limits."""
_FIELD = re.compile(r"[ !-~\x80-\xff]{1,1000}")
"""A header's value that may be sent back to a server."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a fetch may do."""

    allow: tuple[str, ...] = ()
    """Hosts (`wiki.internal`, `10.0.0.5`, `127.0.0.1:8080`) that are fetched although they are not
    public. Names as they stand in the URL; a name allows whatever addresses it stands for, and that
    pages of the public web redirect to it."""
    max_bytes: int = 20 * 1024 * 1024
    """Of the page, unpacked."""
    max_wire_bytes: int = 24 * 1024 * 1024
    """Of all that a server sends for one request: headers, framing and the packed page."""
    seconds: float = 30
    """For everything, from the name's look-up to the last byte, over all redirects."""
    redirects: int = 10
    use_proxies: bool = False
    """Whether `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are heeded. A proxy looks
    names up itself: behind one, only addresses and names that can be judged here are refused."""
    user_agent: str = "Mozilla/5.0 (compatible; Understudy)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as a server sent it: untrusted data."""

    url: str
    """Where it was found in the end, after the redirects, normalised and without a fragment."""
    status: int
    """200 to 299, or 304 where the page has not changed since it had the given validator."""
    content_type: str
    """Lower case, without parameters; empty where the server did not say."""
    charset: str
    """Lower case, as the `Content-Type` header declares it; else empty."""
    data: bytes
    """The body, unpacked."""
    etag: str
    last_modified: str
    fetched_at: float
    """Unix time."""


_DEFAULT = Policy()


def fetch(
    url: str,
    *,
    policy: Policy = _DEFAULT,
    etag: str = "",
    last_modified: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    cancelled: Cancelled | None = None,
    resolve: Resolver = system_resolver,
) -> Fetched:
    """Fetch a URL with GET, or with a body by POST. Blocks: call it in a thread.

    Args:
        url: An http or https URL from anywhere.
        policy: The limits.
        etag: The validator of a copy that the caller has; so `last_modified`. Where the page is
            still that copy, the status is 304 and `data` is empty.
        last_modified: See `etag`.
        headers: Sent beside the usual ones or in their place, a service's key for instance: to
            the URL's own scheme, host and port, and not where it redirects to.
        body: Posted as it is; a redirect is then a failure, and not followed.
        cancelled: Asked ten times a second.
        resolve: How names are looked up.

    Raises:
        FetchRefused: The URL, or one that it redirects to, must not be fetched.
        FetchFailed: It could not be, or not within the limits.
        InterruptedError: `cancelled` said so.
        ValueError: A header of `headers` is none that can be sent.
    """
    own = dict(headers or {})
    fit = all(_NAME.fullmatch(name) and _FIELD.fullmatch(own[name]) for name in own)
    if not fit or _OWN & {name.lower() for name in own}:
        raise ValueError("a header's name or value cannot be sent")
    clock = Clock(policy.seconds, cancelled)
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    usual = {
        "User-Agent": policy.user_agent,
        "Accept": "text/html,application/xhtml+xml,text/markdown;q=0.9,*/*;q=0.5",
        "Accept-Encoding": ACCEPTED,
        "Connection": "close",
        **{name: value for name, value in conditions.items() if _FIELD.fullmatch(value)},
    }
    target: Target | None = None
    origin: tuple[str, str] | None = None
    location = url
    for _ in range(policy.redirects + 1):
        try:
            target = parse(location, target)
            here = (target.scheme, target.authority)
            origin = origin or here
            sent = _joined(usual, own) if here == origin else usual
            found = _one(target, policy, sent, clock, resolve, body)
        except GuardError as error:
            if location is not url:
                error.args = (f"it redirects: {error}",)
            raise
        if isinstance(found, Fetched):
            return found
        if body is not None:
            raise FetchFailed("it redirects what was posted to it, which is not followed")
        location = found
    raise FetchFailed(f"it redirects more than {policy.redirects} times, or in a circle")


def _joined(usual: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    replaced = {name.lower() for name in own}
    return {name: usual[name] for name in usual if name.lower() not in replaced} | dict(own)


def _one(
    target: Target,
    policy: Policy,
    headers: Mapping[str, str],
    clock: Clock,
    resolve: Resolver,
    body: bytes | None,
) -> Fetched | str:
    """One request: the page, or where it redirects to."""
    from knowledge.guard.route import route_to
    from knowledge.guard.wire import ask

    route = route_to(
        target, allow=policy.allow, use_proxies=policy.use_proxies, resolve=resolve, clock=clock
    )
    with ask(
        target,
        route,
        headers.items(),
        clock=clock,
        max_wire_bytes=policy.max_wire_bytes,
        body=body,
    ) as answer:
        if answer.status in _REDIRECTS:
            location = answer.header("Location")
            if not location:
                raise FetchFailed(f"{target.host} redirects ({answer.status}) to nowhere")
            return _utf8(location)
        conditional = "If-None-Match" in headers or "If-Modified-Since" in headers
        unchanged = answer.status == 304 and conditional
        if not unchanged and (not 200 <= answer.status < 300 or answer.status == 206):
            raise _status_error(target, answer)
        kind = answer.header("Content-Type")
        named, charset = _TYPE.match(kind), _CHARSET.search(kind)
        return Fetched(
            url=target.url,
            status=answer.status,
            content_type=named[1].lower() if named else "",
            charset=charset[1].lower() if charset else "",
            data=b"" if unchanged else _body(answer, policy.max_bytes),
            etag=answer.header("ETag"),
            last_modified=answer.header("Last-Modified"),
            fetched_at=time.time(),
        )


def _body(answer: Answer, limit: int) -> bytes:
    unpacker = Unpacker(answer.header("Content-Encoding"))
    announced = answer.header("Content-Length")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
        raise _too_large(limit)
    data = bytearray()

    def keep(piece: bytes) -> None:
        if len(data) + len(piece) > limit:
            raise _too_large(limit)
        data.extend(piece)

    for part in answer.body():
        for piece in unpacker.feed(part):
            keep(piece)
    for piece in unpacker.end():
        keep(piece)
    return bytes(data)


def _too_large(limit: int) -> FetchFailed:
    size = f"{limit / 2**20:.3g} MiB" if limit >= 2**20 else f"{limit:,} bytes"
    return FetchFailed(
        f"it is larger than {size}, the limit for one page",
        hint="Download it, and add the file.",
    )


def _status_error(target: Target, answer: Answer) -> FetchFailed:
    from http import HTTPStatus

    try:
        words = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        words = str(answer.status)
    hints = {
        401: "It needs a log-in: save the page in a browser, and add the file.",
        403: "It is not shown to programs: save the page in a browser, and add the file.",
        404: "Check the address.",
        429: "Wait a while.",
    }
    return FetchFailed(
        f"{target.host} answered {words}",
        hint=hints.get(answer.status, "Try again later." if answer.status >= 500 else ""),
        status=answer.status,
        retry_after=answer.header("Retry-After"),
    )


def _utf8(location: str) -> str:
    """A header's value as servers mean it: UTF-8, where it is not ASCII, and spaces as %20."""
    location = location.replace(" ", "%20")
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return location
