"""`agent serve`: the agent over HTTP, for programs, and with `--web` for browsers."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, is_terminal
from agent.errors import UsageError

if TYPE_CHECKING:
    import socket

    from agent.server.keys import Keys
    from agent.server.logs import Log
    from agent.wiring import Parts

TOKEN = "AGENT_SERVE_TOKEN"
"""The variable that holds the owner's key, where one is not to be made for each run."""


@command(name="serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
    help="Where to listen; other machines reach only addresses that are not of loopback.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8766, show_default=True,
    help="0 takes any that is free.",
)  # fmt: skip
@click.option("--web", is_flag=True, help="Serve the chat to browsers, too.")
@click.option(
    "--public-url", metavar="URL", default="",
    help="Where a proxy in front of it is reached: https://NAME.",
)  # fmt: skip
@click.option(
    "--running", type=click.IntRange(1), default=4, show_default=True, metavar="N",
    help="Questions that are answered at once.",
)  # fmt: skip
@click.option(
    "--waiting", type=click.IntRange(0), default=32, show_default=True, metavar="N",
    help="Questions that may wait for that; more are refused.",
)  # fmt: skip
@click.option(
    "--drain", type=click.FloatRange(0), default=20, show_default=True, metavar="SECONDS",
    help="How long running answers may take to end when the server does.",
)  # fmt: skip
def serve(
    console: Console,
    host: str,
    port: int,
    web: bool,
    public_url: str,
    running: int,
    waiting: int,
    drain: float,
) -> int:
    """Serve an OpenAI-compatible API, a JSON API and MCP, and with --web the chat in a browser.

    On this machine only, and to whoever has the key that it prints, unless told otherwise. Ctrl-C
    ends it: answers under way end with what they have.
    """
    try:
        import agent.server.app  # noqa: F401  (all that the server needs)
        from agent.server.serving import bind, is_loopback, url_of

        if web:
            from agent.tui import browser  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"This needs a package that is not installed: {error.name}.",
            hint="pip install -c constraints.txt '.[serve]'  (in the project's folder)",
        ) from error
    from agent.server.keys import Keys, users_file
    from agent.server.logs import JsonLines, silent
    from agent.wiring import Parts

    public_url = _public(public_url)
    log: Log = JsonLines() if _wants_log(console) else silent

    def make(overrides: Mapping[str, Any]) -> Parts:
        return Parts.from_env({"library": console.library, **overrides}, notify=console.note)

    # Out of the environment, so that no chat and no MCP server is told.
    given = os.environ.pop(TOKEN, "").strip()
    local = is_loopback(host)
    parts = make({})
    # None of these loads anything: what is wrong with them is told before anybody asks.
    _ = parts.library_holds_something, parts.model, parts.persona
    file = users_file(parts.paths)
    token = _token(given, Keys(file), local=local, web=web)
    keys = Keys(file, token=token, complain=lambda text: log("users_unreadable", message=text))
    if not local:
        console.remark(
            f"{host} is reached from other machines, and HTTP hides no key: let a proxy with TLS "
            "stand in front (see the handbook's page on serving)."
        )
    bound = bind(host, port)
    chat = _shell(console.library) if web else None
    shown = _shown(public_url or url_of(bound), token=token, given=bool(given), web=web)
    serving = _serve(
        make, keys, bound, log, lambda: click.echo(shown),
        host=host, public_url=public_url, chat=chat,
        running=running, waiting=waiting, drain=drain,
    )  # fmt: skip
    try:
        with suppress(KeyboardInterrupt):  # where the system has no signals that can be caught
            asyncio.run(serving)
    finally:
        bound.close()
    console.note("Ended.")
    return exits.OK


async def _serve(
    make: Callable[[Mapping[str, Any]], Parts],
    keys: Keys,
    bound: socket.socket,
    log: Log,
    ready: Callable[[], None],
    *,
    host: str,
    public_url: str,
    chat: str | None,
    running: int,
    waiting: int,
    drain: float,
) -> None:
    """Put the server together, and take it apart in the order that its parts need."""
    from agent.cli.serve_mounts import mounts
    from agent.server.admission import Admission
    from agent.server.api_routes import api_routes
    from agent.server.app import Address, build_app
    from agent.server.hosting import Hosting
    from agent.server.metrics import Metrics
    from agent.server.openai_routes import openai_routes
    from agent.server.serving import serve, url_of
    from agent.server.spending import Spending

    async with AsyncExitStack() as stack:
        hosting = Hosting(make)
        stack.push_async_callback(hosting.close)
        spending = Spending(hosting.parts.paths.state / "spending.db")
        stack.callback(spending.close)
        metrics = Metrics()
        admission = Admission(
            running=running, waiting=waiting, spending=spending, metrics=metrics,
            several=lambda: keys.several,
        )  # fmt: skip
        url = public_url or url_of(bound)
        beside = await stack.enter_async_context(AsyncExitStack())
        apps = await beside.enter_async_context(
            mounts(hosting, admission, make, keys=keys, public_url=url, chat=chat)
        )
        app = build_app(
            hosting, keys, admission,
            routes=[*openai_routes(hosting, admission), *api_routes(hosting, admission)],
            mounts=apps,
            address=Address(names=(host,), public_url=public_url, pages=chat is not None),
            metrics=metrics, log=log,
        )  # fmt: skip
        await serve(app, bound, admission, drain=drain, ready=ready, close=beside.aclose, log=log)


def _public(url: str) -> str:
    """A public URL without a slash at its end; empty where there is none.

    Raises:
        UsageError: It is no address of a server.
    """
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"'{url}' is no address of a server.", hint="--public-url https://NAME")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(
            f"'{url}' has a path: the server answers at the root of a name only.",
            hint=f"--public-url {parts.scheme}://{parts.netloc}",
        )
    from agent.server.auth import bare

    return f"{parts.scheme}://{bare(parts.scheme, parts.netloc)}"


def _token(given: str, keys: Keys, *, local: bool, web: bool) -> str:
    """The owner's key: what is given, or on this machine a new one; empty for none.

    Raises:
        UsageError: It is too short or cannot be sent, or nobody could ask or open the chat.
        ConfigError: The users cannot be read.
    """
    from agent.server.keys import LEAST_TOKEN, new_key

    users = keys.users()
    if given:
        if len(given) < LEAST_TOKEN:
            raise UsageError(
                f"The key in {TOKEN} has fewer than {LEAST_TOKEN} characters.",
                hint=f"export {TOKEN}=$(openssl rand -hex 32)",
            )
        if not (given.isascii() and given.isprintable()) or " " in given:
            raise UsageError(
                f"The key in {TOKEN} has a character that no header of HTTP can carry.",
                hint=f"export {TOKEN}=$(openssl rand -hex 32)",
            )
        return given
    if local:
        return new_key()
    if web:
        raise UsageError(
            "The chat in a browser is the owner's alone, who has no key that lasts.",
            hint=f"export {TOKEN}=$(openssl rand -hex 32)",
        )
    if not users:
        raise UsageError(
            "Other machines could reach this, and there is no user with a key.",
            hint="agent users add NAME --reads LIBRARY",
        )
    return ""


def _shown(url: str, *, token: str, given: bool, web: bool) -> str:
    """What is printed: where browsers go, then what OpenAI's clients read from the environment."""
    secret = bool(token) and not given
    lines = [f"{url}/?token={token}" if secret else f"{url}/"] if web else []
    lines.append(f"OPENAI_BASE_URL={url}/v1")
    if secret:
        lines.append(f"OPENAI_API_KEY={token}")
    return "\n".join(lines)


def _wants_log(console: Console) -> bool:
    """Whether lines of JSON go to stderr: not before a person, unless they ask for it."""
    return bool(console.verbose) or not (console.quiet or is_terminal(sys.stderr))


def _shell(library: str | None) -> str:
    """The command that starts one chat, as a shell takes it."""
    words = [sys.executable, "-m", "agent", "chat", *(["--library", library] if library else [])]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
