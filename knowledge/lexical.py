"""Search by words: Okapi BM25 over stemmed terms. The only door to bm25s.

An index is built whole and never changed; a new one takes its place (see `snapshot.py`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


def build(
    rows: Sequence[int],
    read: Callable[[Sequence[int]], Iterable[str]],
    folder: Path,
    before: Path | None = None,
) -> None:
    """Index texts into a folder; text i of the index is that of `rows[i]`.

    Nothing is written where no text holds a term: `load` of such a folder gives None.

    Args:
        rows: What the texts are called, ascending.
        read: Gives the texts of some of the rows, in their order.
        folder: Where to write.
        before: A folder that was written earlier: the terms of rows that it knows are taken from
            there, and their texts not read. A row's text never changes.
    """
    import numpy as np

    wanted = np.asarray(rows, dtype=np.int64)
    vocabulary, known, terms_of = _terms_before(before)
    old = known.keys() & wanted.tolist()
    fresh = [row for row in wanted.tolist() if row not in old]
    read_now = {
        row: np.array([vocabulary.setdefault(t, len(vocabulary)) for t in terms(text)], np.int32)
        for row, text in zip(fresh, read(fresh), strict=True)
    }
    each = [terms_of(known[row]) if row in old else read_now[row] for row in wanted.tolist()]
    flat = np.concatenate(each) if each else np.zeros(0, dtype=np.int32)
    if not len(flat):
        return
    # Terms that no text holds any more are given up, so that the vocabulary does not only grow.
    used = np.bincount(flat, minlength=len(vocabulary)) > 0
    renamed = (np.cumsum(used) - 1).astype(np.int32)
    vocabulary = {term: int(renamed[i]) for term, i in vocabulary.items() if used[i]}
    index = _bm25s().BM25(k1=_K1, b=_B, method="lucene")
    index.index(([renamed[ids].tolist() for ids in each], vocabulary), show_progress=False)
    index.save(str(folder), show_progress=False)
    np.save(folder / "terms.npy", renamed[flat])
    np.save(folder / "terms_of.npy", np.cumsum([0, *map(len, each)]))
    np.save(folder / "terms_rows.npy", wanted)


def _terms_before(
    folder: Path | None,
) -> tuple[dict[str, int], dict[int, int], Callable[[int], NDArray[np.int32]]]:
    """What `build` kept: the vocabulary, the place of each row, and the terms at a place."""
    import numpy as np

    nothing = np.zeros(0, dtype=np.int32)
    if folder is None or not (folder / "terms_rows.npy").exists():
        return {}, {}, lambda _: nothing
    vocabulary = json.loads((folder / "vocab.index.json").read_text(encoding="utf-8"))
    # The entry that bm25s adds for texts without a term.
    vocabulary.pop("", None)
    flat = np.load(folder / "terms.npy", mmap_mode="r")
    starts = np.load(folder / "terms_of.npy")
    rows = np.load(folder / "terms_rows.npy").tolist()
    places = {row: i for i, row in enumerate(rows)}
    return vocabulary, places, lambda i: np.asarray(flat[starts[i] : starts[i + 1]])


def index(texts: Iterable[str]) -> LexicalIndex | None:
    """Index a few thousand texts in memory; None where none of them holds a term."""
    vocabulary: dict[str, int] = {}
    each = [[vocabulary.setdefault(t, len(vocabulary)) for t in terms(text)] for text in texts]
    if not vocabulary:
        return None
    made = _bm25s().BM25(k1=_K1, b=_B, method="lucene")
    made.index((each, vocabulary), show_progress=False)
    return LexicalIndex(made)


def load(folder: Path) -> LexicalIndex | None:
    """Open what `build` wrote; its arrays stay on disk and are read as they are needed."""
    if not (folder / "params.index.json").exists():
        return None
    return LexicalIndex(_bm25s().BM25.load(str(folder), mmap=True, show_progress=False))


class LexicalIndex:
    """An opened index."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def scores(self, query: str) -> Scores:
        """The BM25 score of every text for a query, shape (texts,); 0 where no term is shared."""
        import numpy as np

        wanted = [term for term in dict.fromkeys(terms(query)) if term in self._index.vocab_dict]
        if not wanted:
            return np.zeros(self._index.scores["num_docs"], dtype=np.float32)
        return np.asarray(self._index.get_scores(wanted), dtype=np.float32)


def _bm25s() -> Any:
    import bm25s

    return bm25s
