"""Questions that need two documents, made from sets whose questions need one. Measures nothing.

The documents are SQuAD paragraphs, the paragraphs of chunking_evaluation's Wikipedia articles and
of its speech, and Cranfield's abstracts, of which nothing is asked. They fall into two halves by a
hash of their article's name (Cranfield: of the abstract's number), so that no article has a part
in both. Questions are made within a half, with a fixed seed, by these rules:

- `single`: a question of the sets as it is. The control: one document answers it.
- `compound`: two of them joined (", and", "as well as", two sentences …), half of the pairs from
  one article, half from two.
- `comparison`: two questions for a date, or two for a number, joined by "which came first" or
  "which is more"; and two answers that are names, each found in one document of its half only,
  joined by "difference between", "in common", "compared with" or "older than".
- `bridge`: a question on a name, whose name gives way to a description made of another document's
  question that the name answers: "Who was Edgar's sister?", answered "Margaret", and "Who did
  Margaret marry?" become "Who did Edgar's sister marry?". And, of a name that stands in two
  documents of its half only: "What else is said about Edgar's sister?", answered by the one that
  describes her and the one that does not. Made by patterns, so some are clumsy.

Only questions that stand by themselves are used: with a name inside or four words of content, and
without a word that refers back. Whether a search finds the documents has no say in what is asked.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from agent.names import names
from agent.support import content
from benchmarks import squad
from benchmarks.datasets import read_chunking_evaluation, read_cranfield
from benchmarks.multihop_joins import JOINS

Half = Literal["develop", "judge"]

SEED = 4
COUNTS = {"single": 200, "compound": 160, "comparison": 80, "bridge": 60}
"""The most questions of a kind in a half; of bridges there may be fewer."""
_MANY = 8
"""A name that stands in more documents of its half than these is what a whole article is about."""
_LEAST = 500
"""Characters of a document made of a longer text's paragraphs, at least."""

_REFERS = re.compile(
    r"\b(?:it|its|he|his|him|she|her|they|their|them|this|these|those|mentioned|text|passage)\b",
    re.IGNORECASE,
)
_WH = r"(?:who|whom|whose|what|when|where|which|why|how)"
_ASKS = re.compile(rf"(?:(?:in|on|at|from|for|to|by|of|with|about) )?{_WH}\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^ = ([^=].*?) = *$", re.MULTILINE)
_FIRST = ("Which came first: {a}, or {b}?", "Which is earlier, {a} or {b}?")
_MORE = ("Which is more: {a}, or {b}?", "Which number is larger, {a} or {b}?")
_NAMES = (
    "What is the difference between {A} and {B}?",
    "How does {A} compare with {B}?",
    "What do {A} and {B} have in common?",
    "Is {A} older than {B}?",
    "Compare {A} and {B}.",
    "What is said about both {A} and {B}?",
)
_ELSE = (
    "What else is said about {}?",
    "Tell me more about {}.",
    "What is known about {}?",
    "Where else does {} come up?",
)


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that has to be found."""

    source: str
    """The document's file."""
    answers: tuple[str, ...]
    """What its passage must hold, one of these, letter for letter."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the documents that answer it."""

    text: str
    kind: str
    """A key of `COUNTS`."""
    golds: tuple[Gold, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """The documents of one half, and what is asked about single ones of them."""

    documents: dict[str, str]
    """Text by file."""
    asked: tuple[Question, ...]


def read(data: Path, half: Half) -> Material:
    """Read the half of each set that lies in a folder; see the module for the sets.

    Raises:
        SystemExit: A set is missing or damaged.
    """
    documents: dict[str, str] = {}
    asked: list[Question] = []
    paragraphs, questions = squad.read(data / "squad2" / "dev-8-articles.json")
    for article, contexts in paragraphs.items():
        if half_of(article) == half:
            documents |= {squad.name(article, i): text for i, text in enumerate(contexts)}
    for question in questions:
        if question.source in documents and question.golds and not question.impossible:
            asked.append(_single(question.question, question.source, question.golds))
    try:
        spans = read_chunking_evaluation(data / "chunking_evaluation")
        abstracts = read_cranfield(data / "cranfield").documents
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{data} cannot be read: {error!r}") from error
    for corpus in ("wikitexts", "state_of_the_union"):
        text = spans.corpora[corpus]
        pieces = {
            source: (start, end)
            for source, article, start, end in _pieces(corpus, text)
            if half_of(article) == half
        }
        documents |= {source: text[start:end] for source, (start, end) in pieces.items()}
        for span in spans.questions:
            start, end = span.references[0]
            here = [s for s, (a, b) in pieces.items() if a <= start and end <= b]
            if span.corpus == corpus and len(span.references) == 1 and here:
                asked.append(_single(span.text, here[0], (text[start:end],)))
    for number, (title, body) in abstracts.items():
        if half_of(number) == half and body:
            documents[f"cranfield/{number}.txt"] = f"{title}\n\n{body}"
    return Material(documents, tuple(question for question in asked if _stands(question.text)))


def half_of(name: str) -> Half:
    """The half that an article belongs to: a bit of the hash of its name."""
    return "judge" if sha256(name.encode()).digest()[0] & 1 else "develop"


def make(material: Material, joins: Sequence[str] = JOINS) -> list[Question]:
    """All questions of a half; the same for the same material.

    Args:
        material: The half.
        joins: By what two questions become one that is `compound`.
    """
    chance = random.Random(SEED)
    return [
        question
        for kind, maker in _MAKERS.items()
        for question in _some(maker(material, chance, joins), COUNTS[kind])
    ]


def _some(made: Iterator[Question], most: int) -> list[Question]:
    return [question for question, _ in zip(made, range(most), strict=False)]


def _singles(
    material: Material, chance: random.Random, _joins: Sequence[str]
) -> Iterator[Question]:
    yield from chance.sample(material.asked, len(material.asked))


def _compounds(
    material: Material, chance: random.Random, joins: Sequence[str]
) -> Iterator[Question]:
    """Pairs by turns of one article and of two; every question is used at most once."""
    rest = chance.sample(material.asked, len(material.asked))
    same = True
    while rest:
        first = rest.pop()
        found = [
            i
            for i, other in enumerate(rest)
            if _apart(first, other) and (_article(first) == _article(other)) is same
        ]
        if found:
            second = rest.pop(found[-1])
            text = _join(chance.choice(joins), first.text, second.text)
            yield Question(text, "compound", first.golds + second.golds)
            same = not same


def _comparisons(
    material: Material, chance: random.Random, _joins: Sequence[str]
) -> Iterator[Question]:
    """By turns: two dates, two names, two numbers, two names."""
    dates = [q for q in material.asked if re.match(r"(?:when|(?:in )?what year) ", q.text, re.I)]
    numbers = [q for q in material.asked if re.match(r"how many ", q.text, re.I)]
    streams = [
        _paired(dates, _FIRST, chance),
        _named(material, chance),
        _paired(numbers, _MORE, chance),
    ]
    while streams:
        for stream in (streams[0], streams[1 % len(streams)], *streams[2:], streams[-1]):
            question = next(stream, None)
            if question is not None:
                yield question
            elif stream in streams:
                streams.remove(stream)
                break


def _paired(
    asked: Sequence[Question], templates: Sequence[str], chance: random.Random
) -> Iterator[Question]:
    rest = chance.sample(asked, len(asked))
    while len(rest) > 1:
        first, second = rest.pop(), rest.pop()
        if _apart(first, second):
            text = _join(chance.choice(templates), first.text, second.text)
            yield Question(text, "comparison", first.golds + second.golds)


def _named(material: Material, chance: random.Random) -> Iterator[Question]:
    """Comparisons of names that one document each holds."""
    unique: dict[str, Gold] = {}
    for question in material.asked:
        for answer in question.golds[0].answers[:1]:
            name = _name(answer)
            if name and len(_holders(name, material.documents)) == 1:
                unique.setdefault(name, Gold(question.golds[0].source, (name,)))
    rest = chance.sample(sorted(unique), len(unique))
    while len(rest) > 1:
        one, other = rest.pop(), rest.pop()
        if unique[one].source != unique[other].source:
            text = chance.choice(_NAMES).format(A=one, B=other)
            yield Question(text, "comparison", (unique[one], unique[other]))


def _bridges(
    material: Material, chance: random.Random, _joins: Sequence[str]
) -> Iterator[Question]:
    """One for each description, those with a question of their own about the name first."""
    used: set[str] = set()
    more: list[Question] = []
    for first in chance.sample(material.asked, len(material.asked)):
        name, described = _name(first.golds[0].answers[0]), describe(first.text)
        if not name or described is None or name.lower() in first.text.lower() or name in used:
            continue
        holders = _holders(name, material.documents)
        asked = [q for q in material.asked if _alone(name, q.text) and _apart(first, q)]
        if asked and len(holders) <= _MANY:
            second = chance.choice(asked)
            start, end = _alone(name, second.text) or (0, 0)
            text = f"{second.text[:start]}{described}{second.text[end:]}"
            text = text[0].upper() + text[1:]
            used.add(name)
            yield Question(text, "bridge", first.golds + second.golds)
        elif len(holders) == 2 and first.golds[0].source in holders:
            other = next(holder for holder in holders if holder != first.golds[0].source)
            text = chance.choice(_ELSE).format(described)
            used.add(name)
            more.append(Question(text, "bridge", (*first.golds, Gold(other, (name,)))))
    yield from more


_MAKERS: Mapping[str, Callable[[Material, random.Random, Sequence[str]], Iterator[Question]]] = {
    "single": _singles,
    "compound": _compounds,
    "comparison": _comparisons,
    "bridge": _bridges,
}


def describe(question: str) -> str | None:
    """What answers a question, as a noun phrase: "the country that lost"; None where it is hard."""
    plain = question.rstrip(" ?.")
    for pattern, made in _DESCRIPTIONS:
        if found := re.fullmatch(pattern, plain, re.IGNORECASE):
            return found.expand(made)
    return None


_DESCRIPTIONS = (
    (
        r"(?:who|what|which) (?:is|was|were|are) the (?:name|term) (?:of|for) (?:the )?(.+)",
        r"the \1",
    ),
    (r"(?:who|what|which) (?:is|was|were|are) the (.+)", r"the \1"),
    (r"who (?:is|was) ((?:\w+ )?\w+['’]s? .+)", r"\1"),
    (r"who ((?!did|does|do|is|are|was|were|else|has|had|have)\w+ .+)", r"the one who \1"),
    (r"who ((?:was|were|has|had) .+)", r"the one who \1"),
    (
        r"(?:what|which) ((?:\w+ )?\w+) ((?:is|are|was|were|has|had|have|can|\w+ed) .+)",
        r"the \1 that \2",
    ),
    (
        r"where (is|was|were) ((?:the )?[\w-]+(?: [A-Z][\w-]+)*) (\w+ed|held|born|built)( .+)?",
        r"the place where \2 \1 \3\4",
    ),
    (
        r"in (?:what|which) (\w+) (is|are|was|were) "
        r"((?:the )?[\w-]+(?: [A-Z][\w-]+)*) (\w+ed|held)",
        r"the \1 where \3 \2 \4",
    ),
)  # fmt: skip


def _single(text: str, source: str, answers: Sequence[str]) -> Question:
    return Question(text.strip(), "single", (Gold(source, tuple(answers)),))


def _stands(question: str) -> bool:
    """Whether a question can be understood without its document, as far as its words tell."""
    words = content(question)
    named = [name for name in names(question) if content(name)]
    return (
        _ASKS.match(question) is not None
        and question.endswith("?")
        and not _REFERS.search(question)
        and len(words) >= (2 if named else 4)
    )


def _join(template: str, first: str, second: str) -> str:
    a, b = first.rstrip(" ?."), second.rstrip(" ?.")
    return template.format(A=a, B=b, a=a[0].lower() + a[1:], b=b[0].lower() + b[1:])


def _name(answer: str) -> str:
    """An answer that is a name of at most four words, without its article; else empty."""
    plain = re.sub(r"^(?:the|The) ", "", answer).strip(" .,")
    words = plain.split()
    fits = 1 <= len(words) <= 4 and len(plain) > 3 and words[0][0].isupper()
    return plain if fits and words[-1][0].isupper() else ""


def _alone(name: str, text: str) -> tuple[int, int] | None:
    """Where a text has a name, with its article, that is no part of a longer one."""
    whole = re.compile(rf"(?<!\w)(?:[Tt]he )?{re.escape(name)}(?!\w|['’-]|\s[A-Z])")
    for found in whole.finditer(text):
        if not re.search(r"\s[A-Z]\w*\s\Z", text[: found.start()]):
            return found.span()
    return None


def _holders(name: str, documents: Mapping[str, str]) -> list[str]:
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return [source for source, text in documents.items() if name in text and whole.search(text)]


def _apart(first: Question, second: Question) -> bool:
    return first.golds[0].source != second.golds[0].source


def _article(question: Question) -> str:
    return question.golds[0].source.split("/")[0]


def _pieces(corpus: str, text: str) -> Iterator[tuple[str, str, int, int]]:
    """File, article and range of a text's pieces: paragraphs, joined until they are long enough.

    The Wikipedia articles are told by their heading lines; another corpus is one article.
    """
    heads = [(m.start(), m[1]) for m in _ARTICLE.finditer(text) if ";" not in m[1]]
    if not heads or corpus != "wikitexts":
        heads = [(0, corpus)]
    ends = [start for start, _ in heads[1:]] + [len(text)]
    for (begin, article), end in zip(heads, ends, strict=True):
        number, start = 0, begin
        for line in re.finditer(r"[^\n]*(?:\n|\Z)", text[begin:end]):
            stop = begin + line.end()
            if stop - start >= _LEAST or (stop == end and stop > start):
                folder = re.sub(r"[^A-Za-z0-9_-]+", "_", article)
                yield f"{folder}/{number:03d}.txt", article, start, stop
                number, start = number + 1, stop
