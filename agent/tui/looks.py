"""How the chat looks to its user: the theme, and whether it is plain. Kept beside the sessions.

These are no settings of the agent: no answer depends on them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.whole_file import write_whole

FILE = "chat.json"
"""Within the folder of the program's state."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the user has chosen."""

    theme: str = "textual-dark"
    plain: bool = False
    """No borders, no animation, nothing side by side: for screen readers and slow lines."""


def load(file: Path) -> Looks:
    """What was kept; the defaults where there is nothing, or nothing that can be read."""
    with suppress(OSError, ValueError):
        data = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(data, dict):
            theme, plain = data.get("theme"), data.get("plain")
            return Looks(theme if isinstance(theme, str) else Looks().theme, plain is True)
    return Looks()


def save(file: Path, looks: Looks) -> None:
    """Keep it.

    Raises:
        OSError: The file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(asdict(looks)) + "\n")
