"""Who asks: a request carries a key or a login, names this server, and is of no other page.

Pure ASGI, so that streams pass untouched and WebSockets are held to the same. What a user may then
do is asked of `User`; how keys are kept is `keys.py`'s.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response

from agent.server.errors import Refused
from agent.server.users import User

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agent.server.keys import Keys

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that are answered to anybody: they tell nothing, and probes have no keys."""
LOGIN = "/login"
"""The path of the page on which a person logs in."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_NAMES = ("localhost",)


def bare(scheme: str, netloc: str) -> str:
    """A host as browsers name it: in small letters, without the port that the scheme has anyway.

    Args:
        scheme: `http` or `https`.
        netloc: The host, maybe with a port.
    """
    return netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(scheme, ""))


def user_in(scope: Scope) -> User:
    """Who asks, by a scope that has passed `Auth`."""
    user: User = scope["state"]["user"]
    return user


def user_of(request: HTTPConnection) -> User:
    """Who asks, by a request that has passed `Auth`."""
    return user_in(request.scope)


def is_own_page(scope: Scope, public_url: str = "") -> bool:
    """Whether a request says that it comes from a page of this server, and from no other.

    Args:
        scope: The request.
        public_url: Where a proxy in front is reached, without a path.
    """
    headers = Headers(scope=scope)
    origins = headers.getlist("origin")
    return len(origins) == 1 and _is_own(origins[0], headers.get("host", "").lower(), public_url)


def _is_own(origin: str, host: str, public_url: str) -> bool:
    own = {f"http://{host}", f"https://{host}", public_url.rstrip("/").lower()} - {""}
    return origin.lower() in own


class Logins:
    """What a browser is given in place of a key: a mark that holds for this run of the server.

    It is void once the user is removed or has another key, and no key can be had from it.
    """

    def __init__(self, keys: Keys, *, secure: bool) -> None:
        """Make a secret for this run.

        Args:
            keys: The users.
            secure: Whether browsers reach the server by https alone.
        """
        self._keys = keys
        self._secret = secrets.token_bytes(32)
        self._secure = secure

    def enter(self, scope: Scope, user: User, to: str = "/") -> Response:
        """A response that logs a browser in and sends it on."""
        response = RedirectResponse(to, status_code=303)
        response.set_cookie(
            _cookie(scope), f"{user.name}.{self._mark(user.name)}",
            httponly=True, samesite="strict", secure=self._secure, path="/",
        )  # fmt: skip
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def user(self, scope: Scope, headers: Headers) -> User | None:
        """Who the browser is logged in as; None for nobody."""
        try:
            cookies = SimpleCookie("; ".join(headers.getlist("cookie")))
        except CookieError:
            return None
        held = cookies.get(_cookie(scope))
        name, _, mark = (held.value if held else "").partition(".")
        if not name or not hmac.compare_digest(mark.encode(), self._mark(name).encode()):
            return None
        return self._keys.named(name)

    def _mark(self, name: str) -> str:
        said = f"{name} {self._keys.digest(name)}".encode()
        return hmac.new(self._secret, said, hashlib.sha256).hexdigest()


class Auth:
    """Lets a request through once it is known whose it is: `scope["state"]["user"]`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Keys,
        logins: Logins,
        names: Iterable[str] = (),
        public_url: str = "",
        pages: bool = False,
    ) -> None:
        """Guard an application.

        Args:
            app: What is guarded.
            keys: The users.
            logins: Of browsers.
            names: Host names that mean this server, beside localhost and any IP address: a page
                of another name that was made to lead here (DNS rebinding) is not answered.
            public_url: Where a proxy in front is reached, without a path.
            pages: Whether there are pages for browsers, which are sent to the login.
        """
        self.app = app
        self._keys = keys
        self._logins = logins
        self._names = {name.lower() for name in (*names, *_OWN_NAMES)}
        public = urlsplit(public_url)
        self._public_scheme = public.scheme
        self._public_host = bare(public.scheme, public.netloc)
        self._public = f"{public.scheme}://{self._public_host}" if self._public_host else ""
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, log in, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        scope.setdefault("state", {})
        path: str = scope["path"]
        if path in OPEN:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        host, origin = self._host(headers), headers.get("origin")
        own = origin is None or _is_own(origin, host, self._public)
        if not own:
            raise Refused(403, "Pages of other sites may not ask here.", code="foreign_origin")
        if path == LOGIN and self._pages:
            return await self.app(scope, receive, send)
        user = self._by_key(headers)
        if user is None and path == "/" and self._pages and _is_opened(scope, headers):
            token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
            if token and (entering := self._keys.user(token)):
                return await self._logins.enter(scope, entering)(scope, receive, send)
        if user is None and (user := self._logins.user(scope, headers)) is not None:
            # A cookie comes along by itself, so what changes anything must say where it is from.
            reading = scope["type"] == "http" and scope["method"] in _READING
            if not reading and origin is None:
                raise Refused(
                    403, "A request by a login must say from which page it comes.",
                    code="foreign_origin",
                )  # fmt: skip
        if user is None:
            if self._pages and _is_navigation(scope, headers):
                return await RedirectResponse(LOGIN, status_code=303)(scope, receive, send)
            raise Refused(
                401, "This needs a key of this server.", code="invalid_api_key",
                hint="Send it as: Authorization: Bearer KEY. The owner's is what `agent serve` "
                "printed; others are made by: agent users add NAME",
            )  # fmt: skip
        scope["state"]["user"] = user
        await self.app(scope, receive, send)

    def _host(self, headers: Headers) -> str:
        """The host that a request names, where it is this server.

        Raises:
            Refused: It is another one.
        """
        given = headers.getlist("host")
        host = given[0].lower() if len(given) == 1 else ""
        public = bare(self._public_scheme, host)
        if host and public == self._public_host:
            return public
        if host and self._is_here(host):
            return host
        raise Refused(
            403, "This server does not go by that name.", code="unknown_host",
            hint="Behind a proxy, or by another name: agent serve --public-url https://NAME",
        )  # fmt: skip

    def _is_here(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _by_key(self, headers: Headers) -> User | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self._keys.user(given) if given else None


def _cookie(scope: Scope) -> str:
    """Its name has the port in it: cookies are shared by all ports of a host."""
    server = scope.get("server")
    return f"understudy-{server[1] if server else 0}"


def _is_opened(scope: Scope, headers: Headers) -> bool:
    """Whether a person has opened an address: a link of a stranger's could hold another's key."""
    own = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return scope["type"] == "http" and scope["method"] == "GET" and own


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Whether a person's browser opens a page."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
    )
