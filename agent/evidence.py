"""What an ask has found so far: passages, each numbered once, in the order of first sight.

The numbers are those of the answer's markers, so they never change. The ledger also knows which
passages the model can still read in its conversation: one that it can is named, not sent again.
Finding passages and asking models are not done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from math import log
from typing import TYPE_CHECKING

from agent.support import content, numbers
from knowledge.pack import pack

if TYPE_CHECKING:
    from knowledge.types import Passage


class Ledger:
    """The numbered passages of one ask: `passages[0]` is `[1]`."""

    def __init__(self, question: str = "") -> None:
        """Begin empty.

        Args:
            question: What the passages are weighed against by `best`.
        """
        self.question = question
        self.visible: set[int] = set()
        """The numbers whose text the model can read in its conversation."""
        self._passages: list[Passage] = []

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All of them, in the order of their numbers."""
        return tuple(self._passages)

    def add(self, passages: Sequence[Passage]) -> list[tuple[int, Passage, bool]]:
        """Number passages.

        A passage that lies within one that has a number is that one.

        Returns:
            For each, in order and once: its number, the passage of that number, whether it is new.
        """
        found: dict[int, tuple[int, Passage, bool]] = {}
        for passage in passages:
            n = self._known(passage)
            if new := n is None:
                self._passages.append(passage)
                n = len(self._passages)
            found.setdefault(n, (n, self._passages[n - 1], new))
        return list(found.values())

    def _known(self, passage: Passage) -> int | None:
        for n, known in enumerate(self._passages, start=1):
            if known.document_id == passage.document_id and (
                known.start <= passage.start and passage.end <= known.end
            ):
                return n
        return None

    def best(self, k: int) -> tuple[int, ...]:
        """The numbers of the `k` passages that have most of the question's words, best first.

        A word counts by its weight (`support.content`) and its rarity among the passages. Of two
        alike, the later is the better: it was searched for in the light of the other.
        """
        held = [
            content(f"{p.title} {p.place} {p.text}").keys() | numbers(p.text)
            for p in self._passages
        ]
        among = Counter(word for words in held for word in words)
        wanted = content(self.question) | dict.fromkeys(numbers(self.question), 2.0)
        worth = {
            word: weight * log(1 + len(held) / among[word])
            for word, weight in wanted.items()
            if word in among
        }
        scores = [sum(worth.get(word, 0.0) for word in words) for words in held]
        order = sorted(range(len(held)), key=lambda i: (-scores[i], -i))
        return tuple(i + 1 for i in order[:k])

    def render(self, found: Sequence[int], full: Container[int]) -> str:
        """Passages as a model reads them.

        Args:
            found: Their numbers, in order.
            full: Those of them whose text is given; of the others, only the line that names them.
        """
        return "\n".join(self._block(n) if n in full else self.line(n) for n in found)

    def line(self, n: int) -> str:
        """A passage's number, title and place, on one line."""
        name = self._block(n).partition("\n")[0]
        return f"{name} (shown elsewhere in this conversation)" if n in self.visible else name

    def _block(self, n: int) -> str:
        alone = pack((self._passages[n - 1],), budget=None, count=len).text
        return f"[{n}]" + alone.removeprefix("[1]")
