"""The whole application in this process: every route and mount, some users, a client for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from agent.cli.serve_mounts import mounts
from agent.server.admission import Admission
from agent.server.api_routes import api_routes
from agent.server.app import Address, build_app
from agent.server.hosting import Hosting
from agent.server.keys import Keys, users_file
from agent.server.openai_routes import openai_routes
from agent.server.users import OWNER, User
from agent.wiring import Parts

URL = "http://127.0.0.1:8766"
TOKEN = "the-owner's-token-of-this-test"


@dataclass(frozen=True)
class Whole:
    """A server, and what opens it."""

    app: Starlette
    hosting: Hosting
    keys: Keys
    admission: Admission
    tokens: Mapping[str, str]
    """By the name of a user."""

    @asynccontextmanager
    async def client(self, name: str = OWNER) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a user's key."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=URL, headers=headers
        ) as client:
            yield client


@asynccontextmanager
async def whole(
    *users: User, chat: str | None = None, url: str = URL, **settings: Any
) -> AsyncIterator[Whole]:
    """A server over the test's own home; it searches by words only.

    Args:
        users: Beside the owner.
        chat: The command of the chat in a browser.
        url: Where browsers find it.
        settings: By name, over those of the home.
    """

    def make(overrides: Mapping[str, Any]) -> Parts:
        return Parts.from_env({"embedder": "none", **settings, **overrides})

    hosting = Hosting(make)
    try:
        keys = Keys(users_file(hosting.parts.paths), token=TOKEN)
        tokens = {OWNER: TOKEN} | {user.name: keys.add(user) for user in users}
        admission = Admission()
        async with mounts(hosting, admission, make, keys=keys, public_url=url, chat=chat) as apps:
            app = build_app(
                hosting,
                keys,
                admission,
                routes=[*openai_routes(hosting, admission), *api_routes(hosting, admission)],
                mounts=apps,
                address=Address(pages=chat is not None),
            )
            yield Whole(app, hosting, keys, admission, tokens)
    finally:
        await hosting.close()


async def fill(library: str, folder: Path, **texts: str) -> None:
    """Make a library of the home, with a text file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    parts = Parts.from_env({"embedder": "none", "library": library})
    with parts.open_library(create=True) as opened:
        report = await opened.add([str(folder)])
    assert not report.failed


def kept(server: Whole, name: str) -> Path:
    """The file that a user has handed in under a name, and is told of by that."""
    (file,) = server.hosting.parts.paths.data.glob(f"users/*/files/*/{name}")
    return file
