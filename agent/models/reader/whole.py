"""A whole library read by meaning and by words: blocks in, the few windows that may answer out.

Every sentence, and every window of some sentences, has a vector, made once and kept (`kept.py`).
For a question the windows are ranked by those vectors and by BM25 together, as a search of the
library would, and `reader.py` reads the best of them as it reads passages that were found: so its
confidence means the same. What it quotes is named by the numbers of the blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from agent.models.reader.reader import READ, Reader
from agent.models.reader.recall import Recalling
from agent.models.reader.types import Reading
from agent.models.reader.units import quotable, words_of
from knowledge.errors import EmbedderUnavailable
from knowledge.lexical import index
from knowledge.retrieve import distinct
from knowledge.sentences import sentences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.models.reader.kept import Half, KeptVectors
    from knowledge.embed import Cancelled, Embedder, Vectors
    from knowledge.lexical import LexicalIndex
    from knowledge.types import Passage

    Scores = NDArray[np.float32]

_WINDOW = 1150
"""Characters of a window at most, about what the embedder reads; a longer sentence is one. Of 800
to 1,300, the best on the articles that the reader was fitted on, by little (docs/LOG.md)."""
_SENTENCE = 0.3
"""What a window's best sentence counts beside the window as a whole; chosen likewise."""
_BEST = 8
"""Windows that are read: as many passages as the confidence was fitted on."""
_SPARE = 3
"""Windows looked at for each that is read, so that repetition can be dropped."""
_CANDIDATES = 100
"""Windows taken by each score before the scores are put together, as `retrieve` does."""
BATCH = 128
"""Texts that are embedded between two looks at the clock: a second, about."""


@dataclass(frozen=True, slots=True)
class _Window:
    n: int
    """The number of its block, from 1."""
    offset: int
    """Where it begins in its block."""
    passage: Passage
    about: str
    """What is embedded and indexed: what it is about, then what it says."""
    sentences: tuple[str, ...]
    """Each as it is embedded."""


class Study:
    """Blocks that are being read, and then can be asked about. Safe to use from several threads."""

    def __init__(
        self, blocks: Sequence[Passage], embedder: Embedder | None, kept: KeptVectors | None
    ) -> None:
        """Take the blocks apart, and find what of them was read before.

        Args:
            blocks: `blocks[0]` is `[1]`.
            embedder: Compares meanings; None, or one that is unavailable: by words only.
            kept: Where vectors are found and kept; None for nowhere.
        """
        self._windows = list(_windows(blocks))
        self._kept = kept
        self._lock = threading.Lock()
        self._known: dict[str, Half] = {}
        self._missing: list[str] = []
        self._embedder = _loaded(embedder) if self._windows else None
        if self._embedder is not None:
            texts = dict.fromkeys(
                text for window in self._windows for text in (window.about, *window.sentences)
            )
            self._known = kept.find(list(texts)) if kept is not None else {}
            self._missing = [text for text in texts if text not in self._known]
        self._all = len(self._known) + len(self._missing)

    @property
    def left(self) -> int:
        """Texts that have not been read yet."""
        return len(self._missing)

    @property
    def progress(self) -> str:
        """How far it is, in words for a person."""
        share = 100 * (self._all - self.left) // max(1, self._all)
        return f"{share} % of {self.sentences:,} sentences"

    @property
    def sentences(self) -> int:
        """How many sentences there are."""
        return sum(len(window.sentences) for window in self._windows)

    def advance(self, cancelled: Cancelled) -> None:
        """Read some more, for about a second; what was read is kept. Ends early when cancelled."""
        import numpy as np

        with self._lock:
            some = self._missing[:BATCH]
            if not some or self._embedder is None:
                return
            try:
                made = self._embedder.embed(some, cancelled=cancelled).astype(np.float16)
            except InterruptedError:
                return
            except EmbedderUnavailable:
                self._embedder, self._missing = None, []
                return
            new = dict(zip(some, made, strict=True))
            self._known |= new
            del self._missing[: len(some)]
            if self._kept is not None:
                self._kept.put(new)

    def read(self, question: str) -> Reading:
        """Find the sentences that answer, of all that there are; reads first what is left to read.

        Args:
            question: As asked; further lines are the question that it follows up.
        """
        while self.left:
            self.advance(lambda: False)
        if not self._windows:
            return Reading((), 0.0, False)
        best = self._shortlist(question)
        passages = [passage for passage, _ in best]
        reading = Reader(self._recalling()).read(question, passages)
        answers = []
        for extract in reading.answers:
            window = best[extract.n - 1][1]
            by = window.offset
            answers.append(
                replace(
                    extract,
                    n=window.n,
                    start=extract.start + by,
                    end=extract.end + by,
                    marked=tuple((start + by, end + by) for start, end in extract.marked),
                )
            )
        return replace(reading, answers=tuple(answers))

    def _recalling(self) -> Embedder | None:
        return None if self._embedder is None else Recalling(self._embedder, self._known)

    def _shortlist(self, question: str) -> list[tuple[Passage, _Window]]:
        """The windows that may answer, best first, with their scores."""
        import numpy as np

        words = self._by_words.scores(question) if self._by_words else None
        if words is None:
            words = np.zeros(len(self._windows), np.float32)
        near = best = None
        if (recalling := self._recalling()) is not None:
            try:
                asked = recalling.embed([question])[0]
                near, best = self._by_meaning(asked)
            except EmbedderUnavailable:
                self._embedder = None
        scores = [words] if near is None or best is None else [words, near, best]
        chosen = np.unique(np.concatenate([_top(score) for score in scores]))
        fused = _spread(words[chosen], 0.0)
        if near is not None and best is not None:
            meant = (1 - _SENTENCE) * _spread(near[chosen]) + _SENTENCE * _spread(best[chosen])
            fused = np.asarray((fused + meant) / 2, np.float32)
        order = np.argsort(-fused, kind="stable")
        found: list[tuple[Passage, _Window]] = []
        for i in order[: _BEST * _SPARE]:
            window = self._windows[int(chosen[i])]
            cosine = None if near is None else float(near[chosen[i]])
            passage = replace(window.passage, score=float(fused[i]), dense=cosine)
            found.append((passage, window))
        kept = {id(passage) for passage in distinct((p for p, _ in found), _BEST)}
        return [pair for pair in found if id(pair[0]) in kept]

    @cached_property
    def _by_words(self) -> LexicalIndex | None:
        return index(window.about for window in self._windows)

    def _by_meaning(self, asked: Vectors) -> tuple[Scores, Scores]:
        """Of each window the cosine, and the best of its sentences', with a question's vector."""
        import numpy as np

        windows, sentences, starts = self._matrices
        near = windows @ asked
        return near, np.maximum.reduceat(sentences @ asked, starts)

    @cached_property
    def _matrices(self) -> tuple[Vectors, Vectors, NDArray[np.int64]]:
        """Vectors of the windows and of all sentences, and each window's first sentence."""
        import numpy as np

        texts: list[str] = []
        starts = []
        for window in self._windows:
            starts.append(len(texts))
            # What holds nothing to quote stands for itself.
            texts += window.sentences or (window.about,)
        abouts = [window.about for window in self._windows]
        return self._stacked(abouts), self._stacked(texts), np.array(starts, np.int64)

    def _stacked(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        return np.stack([self._known[text] for text in texts]).astype(np.float32)


def _windows(blocks: Sequence[Passage]) -> Iterator[_Window]:
    for n, block in enumerate(blocks, start=1):
        head = " > ".join(filter(None, (block.title, words_of(block.place).strip(" ,"))))
        for start, end in _cut(block.text):
            text = block.text[start:end]
            yield _Window(
                n,
                start,
                replace(block, start=block.start + start, end=block.start + end, text=text),
                f"{head}\n{text}" if head else text,
                tuple(said[:READ] for said in quotable(text)),
            )


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Runs of whole sentences, as long as they may be, that tile a text but for white space."""
    start, end = -1, 0
    for span in sentences(text):
        if start >= 0 and span.end - start > _WINDOW:
            yield start, end
            start = -1
        if start < 0:
            # With its markup: a heading without its hashes would pass for a statement.
            start = end + _blank(text[end : span.start])
        end = span.end
    if start >= 0:
        yield start, end


def _blank(between: str) -> int:
    """How much of what lies between two sentences is white space before the next one's markup."""
    return len(between) - len(between.lstrip())


def _loaded(embedder: Embedder | None) -> Embedder | None:
    if embedder is not None:
        try:
            embedder.load()
        except EmbedderUnavailable:
            return None
    return embedder


def _top(scores: Scores) -> NDArray[np.int64]:
    """Positions of the highest scores above 0."""
    import numpy as np

    above = np.flatnonzero(scores > 0)
    return above[np.argsort(-scores[above], kind="stable")[:_CANDIDATES]]


def _spread(scores: Scores, floor: float | None = None) -> Scores:
    """Scores stretched over [0, 1]; the low end is the floor, or the lowest of them."""
    import numpy as np

    if not len(scores):
        return scores
    low = float(scores.min()) if floor is None else floor
    reach = float(scores.max()) - low
    return (scores - low) / reach if reach > 0 else np.zeros_like(scores)
