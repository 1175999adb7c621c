"""Whether an export answers as its source does: token by token, the likeliest each time.

The source answers first. The export is then shown the source's answer up to each token and says
which comes next, so that one difference is one, and not all that would follow from it. Where the
source itself can hardly choose between two tokens, rounding may choose; that is a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST = 32
"""Tokens of an answer that are compared."""
TIE = 0.05
"""Nats between two tokens of which neither is a mistake: a ratio of 1.05 of their likelihoods."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source answers to one prompt."""

    prompt: tuple[int, ...]
    """Its tokens."""
    tokens: tuple[int, ...]
    """The likeliest each time, up to `LONGEST` or the end of the turn."""
    scores: npt.NDArray[np.float32]
    """(len(tokens), vocabulary): the logits from which each was taken."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an export answers as its source."""

    tokens: int
    """Compared."""
    same: int
    """Equal."""
    ties: int
    """Not equal, where the source rates both alike."""
    error: float | None = None
    """The largest difference of two logits, where they can be seen."""

    @property
    def share(self) -> float:
        """Of the tokens, those that are equal or ties."""
        return (self.same + self.ties) / self.tokens if self.tokens else 0.0

    def words(self) -> str:
        """For a person."""
        text = f"{self.same} of {self.tokens} tokens as the source"
        if self.ties:
            text += f", {self.ties} {'tie' if self.ties == 1 else 'ties'}"
        if self.error is not None:
            text += f", logits within {self.error:.1g}"
        return text


Next = Callable[[Sequence[int], int], Sequence[int]]
"""Given tokens and a number: the likeliest tokens that follow, at least one and at most so many."""


def compare(answers: Sequence[Answer], next_tokens: Next) -> Agreement:
    """Ask an export for each answer; where it differs, it goes on from the source's token."""
    same = ties = total = 0
    for answer in answers:
        wanted = list(answer.tokens)
        at = 0
        while at < len(wanted):
            for token in next_tokens([*answer.prompt, *wanted[:at]], len(wanted) - at):
                same += token == wanted[at]
                ties += token != wanted[at] and is_tie(answer, at, token)
                at += 1
                if token != wanted[at - 1]:
                    break
        total += len(wanted)
    return Agreement(total, same, ties)


def is_tie(answer: Answer, at: int, token: int) -> bool:
    """Whether the source rates a token about as likely as the one that it gave there."""
    scores = answer.scores[at]
    return token < len(scores) and bool(scores[answer.tokens[at]] - scores[token] <= TIE)
