"""Large pasted texts, shown as a chip and kept aside until the question is sent. No widget."""

from __future__ import annotations

import re

_LINES = 10
_CHARACTERS = 1000
"""A paste of more than so many lines or characters is folded."""
_KEPT = 50
"""Folded texts that are kept, the newest; a recalled question may still hold their chips."""
_CHIP = re.compile(r"\[pasted text \d+: [\d,]+ (?:lines|characters)\]")


class Pastes:
    """The folded texts of this run, by their chips."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_chip: dict[str, str] = {}
        self._count = 0

    def fold(self, text: str) -> str:
        """What to put into the field for a pasted text: a chip where it is large."""
        lines = text.rstrip("\n").count("\n") + 1
        if lines <= _LINES and len(text) <= _CHARACTERS:
            return text
        self._count += 1
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        chip = f"[pasted text {self._count}: {size}]"
        self._by_chip[chip] = text
        while len(self._by_chip) > _KEPT:
            del self._by_chip[next(iter(self._by_chip))]
        return chip

    def get(self, chip: str) -> str | None:
        """The text behind a chip, if it is still kept."""
        return self._by_chip.get(chip)

    def ending(self, text: str) -> str:
        """The chip of a kept text that a text ends with, or nothing."""
        found = _CHIP.findall(text)
        return (
            found[-1] if found and text.endswith(found[-1]) and found[-1] in self._by_chip else ""
        )


def chips(text: str) -> list[str]:
    """The chips in a text, each once, in order."""
    return list(dict.fromkeys(_CHIP.findall(text)))
