"""Commands that are typed before the library is open: they wait for it, as questions do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.tui.commands import split

_AT_ONCE = frozenset({"help", "plain", "quit", "theme"})
"""Commands that need nothing to be open."""


class Early:
    """The commands that wait, in their order, and what was said meanwhile."""

    def __init__(self, run: Callable[[str], Awaitable[None]]) -> None:
        """Wait from now on.

        Args:
            run: Carries out a line.
        """
        self.lines: list[str] = []
        """What waits, the next one first."""
        self.said: list[str] = []
        """Notices that another session, once it is shown, must not take away."""
        self.over = False
        """Whether nothing waits any more."""
        self._run = run

    def takes(self, line: str) -> bool:
        """Let a line wait, if it must; whether it does."""
        if self.over or split(line)[0].lower() in _AT_ONCE:
            return False
        self.lines.append(line)
        return True

    async def carry_out(self) -> None:
        """Do what has waited, and let nothing wait from now on."""
        while self.lines:
            await self._run(self.lines.pop(0))
        self.over = True
        self.said.clear()
