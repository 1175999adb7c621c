"""The `/` commands of the chat: their names, their help, what completes them, how one is run.

Knows no widget and no screen. What a command does is handed in by the app.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.errors import AgentError, UsageError
from agent.plain_text import one_line
from knowledge.errors import KnowledgeError

_LINE = re.compile(r"/[\w-]*(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on from what is typed."""

    text: str
    """What is put in place of the typed word, or of a command's whole argument."""
    about: str = ""
    """A few words beside it."""
    names: str = ""
    """What the text is the name of, where that is more: a source's path or URL."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    name: str
    """Without the slash."""
    summary: str
    """One line: what it does."""
    run: Callable[[str], Awaitable[None]]
    """Carries it out, given all that follows the name, without white space at its ends."""
    usage: str = ""
    """What follows the name; in brackets what may be left out. Empty: nothing does."""
    complete: Callable[[str], Sequence[Completion]] | None = None
    """Completions of all that follows the name, best first; each replaces all of it."""

    @property
    def needs_more(self) -> bool:
        """Whether the name alone says too little to run it."""
        return bool(self.usage) and not self.usage.startswith("[")


class Commands:
    """All commands of one app, in the order in which they were registered."""

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        """Begin with none.

        Args:
            report: Is told in words why a command could not be carried out. Without it, `run`
                raises instead.
        """
        self._by_name: dict[str, Command] = {}
        self._report = report

    def __iter__(self) -> Iterator[Command]:
        """Each command once."""
        return iter(self._by_name.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is a command of that name."""
        return name in self._by_name

    def register(self, *commands: Command) -> None:
        """Add commands.

        Raises:
            ValueError: Two have one name, or a name is none: a mistake in the program.
        """
        for command in commands:
            if not command.name.replace("-", "").isalnum() or command.name in self._by_name:
                raise ValueError(f"no name for one more command: {command.name!r}")
            self._by_name[command.name] = command

    def find(self, name: str) -> Command:
        """The command of a name, given with its slash or without.

        Raises:
            UsageError: There is none; the nearest name is offered.
        """
        wanted = name.removeprefix("/")
        if (found := self._by_name.get(wanted.lower())) is not None:
            return found
        near = difflib.get_close_matches(wanted.lower(), self._by_name, n=1)
        hint = f"Did you mean /{near[0]}?" if near else "/help lists them."
        raise UsageError(f"There is no command /{one_line(wanted)}.", hint=hint)

    async def run(self, line: str) -> None:
        """Carry out a line as it was typed.

        Raises:
            AgentError, KnowledgeError, OSError: What the command raises, or that there is none;
                only where nobody was named to be told.
        """
        name, rest = split(line)
        try:
            await self.find(name).run(rest)
        except (AgentError, KnowledgeError, OSError) as error:
            if self._report is None:
                raise
            self._report(f"{error} {getattr(error, 'hint', '')}".rstrip())

    def completions(self, line: str) -> list[Completion]:
        """What a line that begins with a slash may become; an argument's, once a name is whole.

        A completion of a name has its slash. One of an argument replaces all after the name.
        """
        head, gap, rest = line.partition(" ")
        if gap:
            command = self._by_name.get(head.removeprefix("/").lower())
            return choices(command, rest.lstrip()) if command else []
        typed = head.removeprefix("/").lower()
        begin = [each for each in self if each.name.startswith(typed)]
        within = [each for each in self if typed in each.name and each not in begin]
        # A whole name comes first: `/mode` is no less meant than `/model`.
        begin.sort(key=lambda each: each.name != typed)
        return [Completion(f"/{each.name}", each.summary) for each in begin + within]

    def help(self) -> str:
        """A table: how each is typed, and what it does."""
        typed = {f"/{each.name} {each.usage}".rstrip(): each.summary for each in self}
        width = min(max(map(len, typed), default=0), 34)
        return "\n".join(f"{how:<{width}}  {summary}" for how, summary in typed.items())


def choices(command: Command, typed: str) -> list[Completion]:
    """What a command offers to follow its name; nothing where it cannot be found out just now."""
    if command.complete is None:
        return []
    try:
        return list(command.complete(typed))
    except (AgentError, KnowledgeError, OSError):
        return []


def is_command(text: str) -> bool:
    """Whether a typed text is a command's line, and not a question that begins with a path."""
    return _LINE.match(text) is not None


def split(line: str) -> tuple[str, str]:
    """A typed line as the command's name, without its slash, and all that follows it."""
    name, *rest = re.split(r"\s+", line.strip().removeprefix("/"), maxsplit=1)
    return name, "".join(rest)
