"""The page on which a person types a key once, so that their browser is logged in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from agent.server.auth import LOGIN

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from agent.server.auth import Logins
    from agent.server.keys import Keys

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Understudy</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-content: center;
        min-height: 90vh; color-scheme: light dark }}
input, button {{ font: inherit; padding: .4em .6em; width: 22em; box-sizing: border-box }}
</style>
<form method="post" action="/login">
<h1>Understudy</h1>
<p>{text}</p>
<p><label for="key">Key</label><br>
<input id="key" name="key" type="password" autocomplete="current-password" autofocus required></p>
<p><button>Log in</button></p>
</form></html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # Not `no-referrer`: with that a browser hides the form's origin too, which is checked.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_LONGEST = 4096
"""Bytes of the form."""
_PATIENCE = 10.0
"""Seconds for the form: whoever sends it is not known yet."""


def login_routes(keys: Keys, logins: Logins) -> list[BaseRoute]:
    """`/login`: the page, and what its form is sent to."""

    async def login(request: Request) -> Response:
        if request.method == "GET":
            return _page("Type your key of this server, or open the address that it printed.")
        # A form of another page must not log its visitor in as somebody else.
        user = None
        if request.headers.get("origin") is not None:
            try:
                async with asyncio.timeout(_PATIENCE):
                    form = parse_qs((await request.body()).decode("utf-8", "replace"))
            except TimeoutError:
                return _page("The key did not come.", status=408)
            user = keys.user(form.get("key", [""])[-1].strip())
        if user is None:
            return _page("That is no key of this server.", status=403)
        return logins.enter(request.scope, user)

    return [Route(LOGIN, login, methods=["GET", "POST"], max_body_size=_LONGEST)]


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(text=text), status_code=status, headers=_HEADERS)
