"""The command palette: the app's own commands, and the choices that each offers.

Put it in place of Textual's system commands: `COMMANDS = {CommandProvider}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from agent.tui.commands import choices
from agent.tui.widgets.composer import Composer
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from textual.fuzzy import Matcher

    from agent.tui.commands import Command, Commands

_CHOICES = 20
"""Choices of one command that are offered."""


class HasCommands(Protocol):
    """What is asked of the app."""

    commands: Commands


class CommandProvider(Provider):
    """Finds commands by letters of their names and summaries, in order."""

    async def discover(self) -> Hits:
        """All commands."""
        for command in self._commands():
            yield DiscoveryHit(
                f"/{command.name}", partial(self._choose, command, ""), help=plain(command.summary)
            )

    async def search(self, query: str) -> Hits:
        """The commands, and their choices, that hold the letters of a query in order.

        Args:
            query: What is typed.
        """
        matcher = self.matcher(query.removeprefix("/"))
        for command, rest, about in self._lines():
            typed = f"/{command.name} {one_line(rest)}".rstrip()
            score = matcher.match(typed)
            if not rest:  # in a choice's longer words almost any letters are found
                score = max(score, 0.5 * matcher.match(f"{typed} {about}"))
            if score > 0:
                yield Hit(
                    score,
                    _highlighted(matcher, typed),
                    partial(self._choose, command, rest),
                    text=typed,
                    help=plain(about),
                )

    def _commands(self) -> Commands:
        return cast("HasCommands", self.app).commands

    def _lines(self) -> Iterator[tuple[Command, str, str]]:
        """Each command by itself, then with each of its choices: command, argument, help."""
        for command in self._commands():
            yield command, "", command.summary
            for choice in choices(command, "")[:_CHOICES]:
                yield command, choice.text, one_line(choice.about) or command.summary

    def _choose(self, command: Command, rest: str) -> None:
        """Run it; what needs more words is put where it can be typed on."""
        if command.needs_more and not rest:
            for composer in self.app.screen_stack[0].query(Composer):
                composer.put(f"/{command.name} ")
                composer.focus()
            return
        self.app.run_worker(self._commands().run(f"/{command.name} {rest}".rstrip()))


def plain(text: str) -> str:
    """A text as markup that says no more than it: the palette reads what it shows as markup.

    `textual.markup.escape` leaves brackets whose tag would begin otherwise than with a small
    letter, and the reader of markup still takes them for tags.
    """
    return text.replace("[", "\\[")


def _highlighted(matcher: Matcher, text: str) -> Content:
    """As `Matcher.highlight`, which would read the text as markup."""
    content = Content(text)
    for at in matcher.fuzzy_search.match(matcher.query, text)[1]:
        content = content.stylize(matcher.match_style, at, at + 1)
    return content
