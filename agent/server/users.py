"""Who may ask: users, what they may read and write, and what they may use. Keys are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.budget import Limits

OWNER = "owner"
"""The user that the program's own sessions are: whoever starts the server."""
ALL = "*"
"""Every library."""
FILES_MB = 1000
"""Megabytes of files that a user may hand in, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class User:
    """One user, as a key names it."""

    name: str
    id: str = ""
    """Of chance, given when the user is added and to nobody again; the owner has none."""
    reads: tuple[str, ...] = ()
    """Libraries whose documents they may be answered from; `*` for all."""
    writes: tuple[str, ...] = ()
    """Libraries they may add to and take from; may be read too."""
    limits: Limits = field(default_factory=Limits)
    """What one ask may use; None in it leaves the setting."""
    day_cost: float | None = None
    """The most that a day's asks may cost, in US dollars; None for no limit."""
    per_minute: int | None = None
    """Requests a minute; None for no limit."""
    files_mb: int | None = None
    """Megabytes of all files that they may hand in; None for `FILES_MB`."""

    @property
    def kept_as(self) -> str:
        """What their folder, their rate and their sums go by.

        Not the name alone: who is added under the name of a removed user inherits nothing.
        """
        return f"{self.name}-{self.id}" if self.id else self.name

    @property
    def is_owner(self) -> bool:
        """Whether this is whoever started the server."""
        return self.name == OWNER

    def may_read(self, library: str) -> bool:
        """Whether they may be answered from a library, by its name."""
        return ALL in self.reads or library in self.reads or self.may_write(library)

    def may_write(self, library: str) -> bool:
        """Whether they may change a library, by its name."""
        return ALL in self.writes or library in self.writes
