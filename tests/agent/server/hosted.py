"""A server in the test's own process: real parts, three documents, a model that plays a script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.server.admission import Admission
from agent.server.app import build_app
from agent.server.hosting import Hosting
from agent.server.keys import Keys
from agent.server.openai_routes import openai_routes
from agent.server.users import ALL, OWNER, User
from agent.wiring import Parts

TOKEN = "the-owner's"
ME = User(OWNER, reads=(ALL,), writes=(ALL,))
DOCUMENTS = {
    "moon.md": "# The Moon\n\nThe Moon has no air. Its radius is 1,737 kilometres.\n",
    "mars.md": "# Mars\n\nMars has two moons, Phobos and Deimos.\n",
    "harbour.txt": "The harbour master is Ada Lindqvist. Long boats pay 40 euros a night.\n",
}


@dataclass
class Hosted:
    """A server."""

    hosting: Hosting
    admission: Admission
    app: Starlette
    client: httpx.AsyncClient
    """With the owner's key."""

    async def chat(self, question: str, **fields: Any) -> httpx.Response:
        """Ask one question."""
        given = [{"role": "user", "content": question}]
        body = {"model": "understudy/naive", "messages": given, **fields}
        return await self.client.post("/v1/chat/completions", json=body)


def make(overrides: Mapping[str, Any]) -> Parts:
    """The parts of the test's own home; no embedder, so that nothing is slow to load."""
    return Parts.from_env({"embedder": "none", **overrides})


@asynccontextmanager
async def hosted(
    replies: Sequence[ScriptedReply | str] = (),
    *,
    documents: Mapping[str, str] | None = DOCUMENTS,
    loop: bool = False,
    settings: Mapping[str, Any] | None = None,
    admission: Admission | None = None,
) -> AsyncIterator[Hosted]:
    """A server over a library of some documents.

    Args:
        replies: Of the scripted model; none for the embedded model.
        documents: Text by name; None for a library that nothing was added to.
        loop: Whether the last reply is repeated.
        settings: That override.
        admission: None for that of the defaults.
    """
    hosting = Hosting(lambda overrides: make({**(settings or {}), **overrides}))
    if replies:
        hosting.parts.model = Scripted(replies, loop=loop)
    admission = admission or Admission()
    keys = Keys(hosting.parts.paths.config_file.parent / "users.json", token=TOKEN)
    app = build_app(hosting, keys, admission, routes=openai_routes(hosting, admission))
    try:
        if documents is not None:
            await fill(hosting, documents)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client:
            yield Hosted(hosting, admission, app, client)
    finally:
        await hosting.close()


async def fill(hosting: Hosting, documents: Mapping[str, str], name: str = "") -> None:
    """Add documents to a library, which is made where there is none."""
    folder = hosting.parts.paths.data.parent / f"texts-{name or 'default'}"
    folder.mkdir(parents=True)
    for file, text in documents.items():
        Path(folder / file).write_text(text, encoding="utf-8")
    if name:
        (hosting.parts.paths.libraries / name).mkdir(parents=True)
    library = await hosting.library(ME, name)
    await library.add([str(folder)])


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The data of a stream's events; it must end as OpenAI's do."""
    data = [line for line in response.text.split("\n\n") if line and not line.startswith(":")]
    assert data[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in data[:-1]]


def text_of(events: Sequence[dict[str, Any]]) -> str:
    """The text that a stream's events come to."""
    choices = [choice for event in events for choice in event.get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
