"""What reading comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a passage, quoted as it stands."""

    n: int
    """The passage's number, from 1."""
    start: int
    end: int
    """Its place in the passage's text."""
    text: str
    """`passage.text[start:end]`."""
    marked: tuple[tuple[int, int], ...] = ()
    """The words that answer, as places in the passage's text; at most one in a reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the passages say to a question."""

    answers: tuple[Extract, ...]
    """Best first, at most two; the best there are even where they do not answer."""
    confidence: float
    """The chance, in [0, 1], that the question is one that the passages answer."""
    answerable: bool
    """Whether the confidence reaches the calibrated threshold."""
