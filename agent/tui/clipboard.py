"""Puts text on the system's clipboard through its own program, where this machine has a desktop.

Beside it the app always sends OSC 52, which reaches the clipboard of a terminal far away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

_SECONDS = 2.0


class Copies(Protocol):
    """The app, where its screens copy: in one way, which reaches every clipboard there is."""

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say so.

        Args:
            text: Any.
            what: Is named in what is said: "Copied the …".
        """


def copy(text: str, env: Mapping[str, str] | None = None) -> bool:
    """Copy a text. Blocks for two seconds at most.

    Args:
        text: What is copied.
        env: The environment; the process's own if not given.

    Returns:
        Whether a program has taken it.
    """
    for command in _programs(os.environ if env is None else env):
        if (found := shutil.which(command[0])) is None:
            continue
        try:
            subprocess.run(
                [found, *command[1:]],
                input=text.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return True
    return False


def _programs(env: Mapping[str, str]) -> Sequence[tuple[str, ...]]:
    if env.get("SSH_CONNECTION"):  # the desktop is elsewhere
        return ()
    if sys.platform == "darwin":
        return (("pbcopy",),)
    if sys.platform == "win32":
        return (("clip",),)
    found: list[tuple[str, ...]] = []
    if env.get("WAYLAND_DISPLAY"):
        found.append(("wl-copy",))
    if env.get("DISPLAY"):
        found += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    return found
