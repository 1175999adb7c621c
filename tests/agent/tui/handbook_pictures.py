"""Makes the pictures of the handbook: `python -m tests.agent.tui.handbook_pictures`.

They show the samples of the tests, in a home of their own, and load no font from anywhere.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from textual.app import App

from agent.tui.app import Chat
from agent.tui.screens.document import DocumentScreen
from agent.tui.screens.welcome import WelcomeScreen
from agent.tui.widgets.citations import Citations
from tests.agent.tui.chat_host import FakeHost, until
from tests.agent.tui.screen_samples import Host, answers
from tests.agent.tui.test_chat_pictures import chat, still, stored

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "handbook" / "images"
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def answer() -> None:
    app = chat("textual-dark", resume=stored())
    async with app.run_test(size=(110, 30)) as pilot:
        await still(app, pilot)
        await until(pilot, lambda: app.query_one(Citations).option_count == 2)
        await pilot.pause(0.2)
        _keep(app, "chat")


async def document() -> None:
    document, cited = answers()
    app = Host(DocumentScreen(document, cited[0], citations=cited))  # type: ignore[arg-type]
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.pause(0.2)
        _keep(app, "document")


async def first_run() -> None:
    host = FakeHost(texts={})
    host.model_.name = "embedded"  # as it is where nothing is configured
    app = Chat(host)
    async with app.run_test(size=(100, 26)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        await still(app, pilot)
        await pilot.pause(0.2)
        _keep(app, "first-run")


def _keep(app: App[object] | App[None], name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(_FONTS.sub("", app.export_screenshot()))


def main() -> None:
    for picture in (first_run, answer, document):
        with TemporaryDirectory() as home:
            os.environ["AGENT_HOME"] = home
            asyncio.run(picture())


if __name__ == "__main__":
    main()
