"""Who may ask: users, what they may read and write, and what they may use. Keys are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.budget import Limits

OWNER = "owner"
"""The user that the program's own sessions are: whoever starts the server."""
ALL = "*"
"""Every library."""


@dataclass(frozen=True, slots=True)
class User:
    """One user, as a key names it."""

    name: str
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
