from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.command import CommandList, CommandPalette
from textual.content import Content
from textual.pilot import Pilot
from textual.style import Style

from agent.tui.commands import Command, Commands, Completion
from agent.tui.palette import CommandProvider, plain
from agent.tui.widgets.composer import Composer

HOSTILE = [
    "what does [/etc] hold?",
    "[@click=app.quit]press me[/]",
    "[$accent]x[1] a[b](c)[/] \\[b] [",
    "[) #a=@x",
]
"""Questions that would be markup."""


class WithPalette(App[None]):
    """An app with a few commands, one of whose choices are titles that a stranger wrote."""

    COMMANDS = {CommandProvider}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.commands = Commands()
        self.commands.register(
            self.noting("help", ""),
            self.noting("add", "PATH|URL"),
            self.noting("mode", "[auto|naive]", "auto", "naive"),
            Command(
                "resume", "[b]Go on[/] [/with]", self.running("resume"), "[SESSION]",
                lambda rest: [
                    Completion(f"k3m9p{n} {title}", title) for n, title in enumerate(HOSTILE)
                ],
            ),
        )  # fmt: skip

    def running(self, name: str) -> Callable[[str], Awaitable[None]]:
        async def run(rest: str) -> None:
            self.ran.append(f"{name} {rest}".rstrip())

        return run

    def noting(self, name: str, usage: str, *choices: str) -> Command:
        offered = [Completion(choice) for choice in choices]
        return Command(name, f"About {name}.", self.running(name), usage, lambda rest: offered)

    def compose(self) -> ComposeResult:
        yield Composer(commands=self.commands)


async def shown(app: WithPalette, pilot: Pilot[None], query: str) -> list[str]:
    await pilot.press("ctrl+p")
    await pilot.press(*query)
    await app.workers.wait_for_complete()
    await pilot.pause()
    options = app.screen.query_one(CommandList).options
    return [str(getattr(option, "hit").text) for option in options]  # noqa: B009


async def test_the_palette_lists_the_commands_and_nothing_of_textuals() -> None:
    app = WithPalette()
    async with app.run_test() as pilot:
        assert await shown(app, pilot, "") == ["/help", "/add", "/mode", "/resume"]


async def test_a_choice_of_a_command_is_found_and_run() -> None:
    app = WithPalette()
    async with app.run_test() as pilot:
        assert (await shown(app, pilot, "naive"))[0] == "/mode naive"
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        assert app.ran == ["mode naive"]


async def test_a_command_that_needs_more_is_put_where_it_is_typed_on() -> None:
    app = WithPalette()
    async with app.run_test() as pilot:
        assert "/add" in await shown(app, pilot, "add")
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert not isinstance(app.screen, CommandPalette)
        assert app.query_one(Composer).text == "/add "
        assert app.ran == []


@pytest.mark.parametrize("query", ["", "resume", "k3m9p", "res"])
async def test_what_the_palette_offers_is_shown_as_it_is_and_never_markup(query: str) -> None:
    app = WithPalette()
    async with app.run_test(size=(100, 40)) as pilot:
        found = await shown(app, pilot, query)
        assert "/resume" in found or query == "k3m9p"
        options = app.screen.query_one(CommandList).options
        for option, text in zip(options, found, strict=True):
            prompt = option.prompt
            assert isinstance(prompt, Content)
            first, _, about = prompt.plain.partition("\n")
            assert first == text
            if text == "/resume":
                assert about == "[b]Go on[/] [/with]"
            elif text.startswith("/resume "):
                assert about == text.partition(" k3m9p")[2][2:]
            assert not any(getattr(span.style, "meta", None) for span in prompt.spans)
            assert all(isinstance(span.style, Style) for span in prompt.spans)
        if query:
            assert sum(text.startswith("/resume k3m9p") for text in found) == len(HOSTILE)


@given(st.text(st.sampled_from("[]\\/@a=#$1 (')b\"")))
def test_any_text_is_read_back_from_its_markup(text: str) -> None:
    assert Content.from_markup(plain(text)).plain == text
