"""Search by words: Okapi BM25 over stemmed terms.

Scores are counted when a query is asked, from the inverted lists of each segment of a picture
(`postings.py`, `snapshot.py`): how rare a term is, and how long texts are, is a matter of all of
them together and of this moment.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from knowledge import postings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.postings import Postings

    Mask = NDArray[np.bool_]
    Scores = NDArray[np.float32]

_K1, _B = 1.5, 0.75
"""Lucene's variant with these held the best nDCG@10 on Cranfield (docs/LOG.md)."""

_WORD = re.compile(r"\w+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""The parts of an identifier: `HTTPServer2` is HTTP, Server, 2."""
_IDENTIFIER = re.compile(r"_|\d|[a-z][A-Z]|[A-Z]{2}[a-z]")
_FUNCTION_WORDS = """
a an and are as at be been being but by can could did do does for from had has have he her his i
if in into is it its me my of on or our she should so such than that the their them then there
these they this those to was we were what which will with would you your
"""
_STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Function words only: what a question asks by (who, when, not, no) and what bounds a fact
(before, under, more) is kept searchable on purpose."""


def terms(text: str) -> list[str]:
    """A text as the index sees it: folded, split, without stop words, stemmed (Snowball English).

    Identifiers give their parts as well as the whole, so that `read timeout` finds `readTimeout`.
    """
    stem = _stemmer()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
    found: list[str] = []
    for word in _WORD.findall(text):
        if _IDENTIFIER.search(word) and len(parts := _PARTS.findall(word)) > 1:
            found += [part.lower() for part in parts]
        found.append(word.casefold())
    return [stem(word) for word in found if word not in _STOP_WORDS]


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import Stemmer

    return lru_cache(maxsize=200_000)(Stemmer.Stemmer("english").stemWord)


def count(texts: Iterable[str]) -> Postings:
    """The inverted lists of texts."""
    return postings.count(texts, terms)


def index(texts: Iterable[str]) -> LexicalIndex | None:
    """Index a few thousand texts in memory; None where none of them holds a term."""
    counted = count(texts)
    return LexicalIndex([(counted, None)]) if len(counted.texts) else None


class LexicalIndex:
    """What scores texts: the inverted lists of some segments, and which of their texts count."""

    def __init__(self, parts: Sequence[tuple[Postings, Mask | None]]) -> None:
        """Take segments in the order of their texts.

        Args:
            parts: For each its lists, and which of its texts are still there; None is all.
        """
        import numpy as np

        self._parts = parts
        lengths = [
            part.lengths if live is None else part.lengths[live].astype(np.int32)
            for part, live in parts
        ]
        self._count = sum(len(some) for some in lengths)
        total = sum(int(some.sum()) for some in lengths)
        average = total / self._count if total else 1.0
        self._norms = [
            (_K1 * (1 - _B + _B * part.lengths / average)).astype(np.float32) for part, _ in parts
        ]

    def scores(self, query: str) -> Scores:
        """The BM25 score of every text for a query, shape (texts,); 0 where no term is shared.

        Lucene's variant (Kamphuis, de Vries, Boytsov and Lin, Which BM25 do you mean?, 2020),
        without the constant factor k1 + 1, as Lucene has it since version 8.
        """
        import numpy as np

        found = [np.zeros(len(part.lengths), dtype=np.float32) for part, _ in self._parts]
        for term in dict.fromkeys(terms(query)):
            lists = []
            for part, live in self._parts:
                texts, counts = part.of(term)
                if live is not None:
                    stays = live[texts]
                    texts, counts = texts[stays], counts[stays]
                # NumPy would make indices of this type again for each use.
                lists.append((texts.astype(np.intp), counts.astype(np.float32)))
            holders = sum(len(at) for at, _ in lists)
            rarity = np.float32(math.log1p((self._count - holders + 0.5) / (holders + 0.5)))
            for scores, norms, (at, times) in zip(found, self._norms, lists, strict=True):
                weights = norms[at]
                weights += times
                np.divide(times, weights, out=weights)
                weights *= rarity
                scores[at] += weights
        every = [
            scores if live is None else scores[live]
            for scores, (_, live) in zip(found, self._parts, strict=True)
        ]
        return np.concatenate(every) if every else np.zeros(0, dtype=np.float32)
