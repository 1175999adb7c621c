"""Documents to chunks that fit the embedder, cut where a reader would (door: llama_index).

llama-index decides what goes together: its `SentenceSplitter` gathers pieces into chunks, its
`CodeSplitter` says where source code may be cut. Both are handed the room's own sentences, token
counts and parsers, so that neither fetches anything, and every chunk is located in the text again
to the character. What is cut is never changed, and nothing is left out but white space.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from knowledge.grammars import LANGUAGES, parser_for
from knowledge.read import stopping
from knowledge.sentences import pieces
from knowledge.types import Chunk, Document

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

Count = Callable[[Sequence[str]], list[int]]
"""The number of tokens of each text."""

LIMIT = 220
"""Tokens of a chunk. MiniLM reads 256 with its own two marks; the rest is left for a title."""
CHARACTERS_PER_TOKEN = 20
"""A token counts for at least so many characters: WordPiece calls a word of over 100 characters
one unknown token, and without this a megabyte without spaces would be a chunk of one token."""
_AT_ONCE = 10_000
"""Texts counted between two looks whether to break off."""
_SMALL = 4
"""A section, or the last chunk of a region, under this fraction of the limit is not left alone."""
_UNSEEN = "\0\0"
"""A paragraph separator that no text holds: where a paragraph ends is told by the pieces."""
_LINE = re.compile(r"[^\n]*(?:\n\s*|\Z)")
_CLAUSE = re.compile(r"[^\n,;:]*(?:[,;:]+\s*|\n\s*|\Z)")
_WORD = re.compile(r"\s*\S+\s*|\s+")
_ESTIMATED = re.compile(r"[A-Za-z]+|[0-9]+|[^\W\d_a-zA-Z]+|[^\w\s]|_")


def split(document: Document, *, count: Count, limit: int = LIMIT) -> list[Chunk]:
    """Split a document.

    A chunk lies within one section, except that small sections that follow one another share
    one. It begins and ends between sentences, list items, rows or lines of code; only what is
    alone above the limit is cut within: at a clause, at a word, at last between characters.

    Args:
        document: What to split.
        count: The embedder's own token count; it is called on large batches, a few times in all.
        limit: The most tokens of a chunk.

    Returns:
        Chunks in the order of the text, without overlap. Each equals `document.text[start:end]`,
        is not blank and has no white space at its edges; what lies between them is white space.
        The same document is always split the same way.

    Raises:
        ValueError: A single character counts more than the limit.
        InterruptedError: Who reads the document wishes to break off.
    """
    text = document.text
    if not text.strip():
        return []
    levels = (_lines, _words, _halves) if document.kind == "code" else (_clauses, _words, _halves)
    parts = _Parts(*_fit(_pieces(document, limit), levels, _bounded(count), limit))
    groups = [
        group
        for first, last in _regions(document, parts, limit)
        for group in _gather(text, parts, first, last, limit)
    ]
    spans = _verified(text, [parts.span(*group) for group in groups], _bounded(count), limit)
    return [Chunk(document.id, n, *span, text[slice(*span)]) for n, span in enumerate(spans)]


def estimate_tokens(texts: Sequence[str]) -> list[int]:
    """About as many word pieces as a BERT tokenizer of English makes, rather more than fewer.

    For where there is no tokenizer. A word counts one for every six letters begun, a number one
    for every two digits; of other scripts every letter counts one.
    """
    return [sum(map(_estimate, _ESTIMATED.findall(text))) for text in texts]


def _estimate(word: str) -> int:
    if not word.isascii():
        return len(word)
    return 1 + (len(word) - 1) // (6 if word.isalpha() else 2)


def _bounded(count: Count) -> Count:
    """The count, but at least one for so many characters."""

    def bounded(texts: Sequence[str]) -> list[int]:
        sizes: list[int] = []
        for at in range(0, len(texts), _AT_ONCE):
            stopping.check()
            some = texts[at : at + _AT_ONCE]
            sizes += [
                max(n, -(-len(text.strip()) // CHARACTERS_PER_TOKEN))
                for text, n in zip(some, count(some), strict=True)
            ]
        return sizes

    return bounded


class _Parts:
    """The pieces that chunks are made of: where each begins, and the sum of sizes before it."""

    def __init__(self, pieces: list[str], sizes: list[int]) -> None:
        self.pieces = pieces
        self.starts = list(accumulate(map(len, pieces), initial=0))
        self.sums = list(accumulate(sizes, initial=0))

    def size(self, first: int, last: int) -> int:
        """Tokens of the pieces from `first` up to `last`."""
        return self.sums[last] - self.sums[first]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The characters of the pieces from `first` up to `last`."""
        return self.starts[first], self.starts[last]


def _pieces(document: Document, limit: int) -> list[str]:
    """The smallest parts of a text that mean something alone; joined, they are the text.

    No piece crosses the beginning of a section.
    """
    text = document.text
    starts = sorted({0, *(section.start for section in document.sections), len(text)})
    if document.kind != "code":
        return [piece for a, b in pairwise(starts) for piece in pieces(text[a:b])]
    lines = {match.start() for match in re.finditer(r"^[^\S\n]*\S", text, re.MULTILINE)}
    if document.language in LANGUAGES:
        # A token of code is about three characters: a piece is about an eighth of a chunk.
        lines = _statements(text, document.language, lines, limit * 3 // 8) or lines
    return [text[a:b] for a, b in pairwise(sorted({*starts, *lines}))]


def _statements(text: str, language: str, lines: set[int], characters: int) -> set[int]:
    """The beginnings of lines where the syntax tree lets go; empty where it cannot be parsed."""
    from llama_index.core.node_parser import CodeSplitter

    splitter = CodeSplitter(
        language, max_chars=max(1, characters), parser=parser_for(language), tokenizer=list
    )
    try:
        found = splitter.split_text(text)
    except (ValueError, RecursionError):
        return set()
    cuts: set[int] = set()
    at = 0
    for chunk in found:
        begins = text.find(chunk, at)
        if begins < 0:
            break
        line = text.rfind("\n", 0, begins) + 1
        if line in lines:
            cuts.add(line)
        at = begins + len(chunk)
    return cuts


def _lines(part: str) -> list[str]:
    return [piece for piece in _LINE.findall(part) if piece]


def _clauses(part: str) -> list[str]:
    return [piece for piece in _CLAUSE.findall(part) if piece]


def _words(part: str) -> list[str]:
    return _WORD.findall(part)


def _halves(part: str) -> list[str]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]] if middle else [part]


def _fit(
    parts: list[str], levels: Sequence[Callable[[str], list[str]]], count: Count, limit: int
) -> tuple[list[str], list[int]]:
    """Cut each piece that is alone above the limit, no finer than it takes. With all sizes."""
    sizes = count(parts)
    level = 0
    while max(sizes) > limit:
        cut = levels[level]
        groups = [
            cut(part) if size > limit else [part] for part, size in zip(parts, sizes, strict=True)
        ]
        if len(groups) == sum(map(len, groups)):
            if level == len(levels) - 1:
                raise ValueError(f"one character counts more than the limit of {limit} tokens")
            level += 1
            continue
        counted = iter(count([part for group in groups if len(group) > 1 for part in group]))
        sizes = [
            next(counted) if len(group) > 1 else size
            for group, size in zip(groups, sizes, strict=True)
            for _ in group
        ]
        parts = [part for group in groups for part in group]
        level = min(level + 1, len(levels) - 1)
    return parts, sizes


def _regions(document: Document, parts: _Parts, limit: int) -> Iterator[tuple[int, int]]:
    """Ranges of pieces that no chunk crosses: sections, small ones joined with their neighbours."""
    starts = sorted({0, *(section.start for section in document.sections)})
    edges = [bisect_left(parts.starts, start) for start in starts] + [len(parts.pieces)]
    first, last = edges[0], edges[1]
    for begin, end in pairwise(edges[1:]):
        open_, next_ = parts.size(first, last), parts.size(begin, end)
        small = limit // _SMALL
        if open_ < small or (next_ < small and open_ + next_ <= limit):
            last = end
        else:
            yield first, last
            first, last = begin, end
    yield first, last


def _gather(
    text: str, parts: _Parts, first: int, last: int, limit: int
) -> Iterator[tuple[int, int]]:
    """Ranges of pieces of a region that make a chunk each."""
    if parts.size(first, last) <= limit:
        yield first, last
        return
    edges = [first]
    at = parts.starts[first]
    for chunk in _splitter(parts, first, last, limit).split_text(
        text[slice(*parts.span(first, last))]
    ):
        # Chunks come stripped, in order, without overlap: only white space lies between them.
        begins = text.index(chunk, at)
        edges.append(bisect_right(parts.starts, begins) - 1)
        at = begins + len(chunk)
    edges = [*sorted({*edges, first}), last]
    if len(edges) > 2 and parts.size(edges[-2], last) < limit // _SMALL:
        # The rest is small: share the last two chunks out evenly.
        goal = (parts.sums[edges[-3]] + parts.sums[last]) / 2
        edges[-2] = min(range(edges[-3] + 1, last), key=lambda i: abs(parts.sums[i] - goal))
    yield from pairwise(edges)


def _splitter(parts: _Parts, first: int, last: int, limit: int) -> SentenceSplitter:
    """llama-index's splitter for one region, given our pieces and their sizes."""
    from llama_index.core.node_parser import SentenceSplitter

    region = parts.pieces[first:last]
    sizes = {parts.pieces[i]: parts.size(i, i + 1) for i in range(first, last)}
    total = parts.size(first, last)

    def size(part: str) -> range:
        """It takes the length of what the tokenizer gives. What is no piece is the whole region."""
        stopping.check()
        return range(sizes.get(part, total))

    return SentenceSplitter(
        chunk_size=limit,
        chunk_overlap=0,
        paragraph_separator=_UNSEEN,
        tokenizer=size,
        chunking_tokenizer_fn=lambda _: region,
    )


def _verified(
    text: str, spans: list[tuple[int, int]], count: Count, limit: int
) -> list[tuple[int, int]]:
    """The spans, stripped, without blank ones, and each truly within the limit.

    The tokens of a whole are those of its parts for word pieces, and nearly so for others.
    """
    spans = [_strip(text, *span) for span in spans]
    spans = [span for span in spans if span[0] < span[1]]
    sizes = count([text[slice(*span)] for span in spans])
    out: list[tuple[int, int]] = []
    for (start, end), size in zip(spans, sizes, strict=True):
        if size <= limit:
            out.append((start, end))
            continue
        if end - start < 2:
            raise ValueError(f"one character counts more than the limit of {limit} tokens")
        middle = (start + end) // 2
        blank = re.compile(r"\s").search(text, middle, end)
        cut = blank.start() if blank else middle
        out += _verified(text, [(start, cut), (cut, end)], count, limit)
    return out


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))
