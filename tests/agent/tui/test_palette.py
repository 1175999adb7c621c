from __future__ import annotations

from textual.app import App, ComposeResult
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot

from agent.tui.commands import Command, Commands, Completion
from agent.tui.palette import CommandProvider
from agent.tui.widgets.composer import Composer


class WithPalette(App[None]):
    """An app with three commands."""

    COMMANDS = {CommandProvider}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.commands = Commands()
        self.commands.register(
            self.noting("help", ""),
            self.noting("add", "PATH|URL"),
            self.noting("mode", "[auto|naive]", "auto", "naive"),
        )

    def noting(self, name: str, usage: str, *choices: str) -> Command:
        async def run(rest: str) -> None:
            self.ran.append(f"{name} {rest}".rstrip())

        offered = [Completion(choice) for choice in choices]
        return Command(name, f"About {name}.", run, usage, lambda rest: offered)

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
        assert await shown(app, pilot, "") == ["/help", "/add", "/mode"]


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
