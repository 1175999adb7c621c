"""The words of a research run: plans, hits, sources, notes, steps and the report. Data only.

All frozen, and JSON by one pair, `as_json` and `from_json`. What pages and models say stands in
them as it came: untrusted data, which whoever shows it escapes.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

Origin = Literal["web", "library"]
"""Where a source was found."""

Standing = Literal["quoted", "supported", "unsupported"]
"""How a sentence stands on its notes: letter for letter, by its sense, or not at all."""

Kind = Literal["plan", "search", "read", "note", "reflect", "write", "verify", "warning", "done"]
"""What a step of progress tells of."""


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-question."""

    n: int
    """From 1, in the plan's order."""
    question: str
    answered_by: str
    """What would answer it, as a phrase."""
    queries: tuple[str, ...]
    """To search with, the best first; never empty."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan may come to, told before it is approved."""

    pages: int
    """At most, to be tried: those that say nothing, and are replaced, included."""
    tokens: int
    """Of all calls to the model."""
    cost: float | None
    """US dollars; None where the model's price is not known."""
    seconds: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A question in its parts."""

    question: str
    parts: tuple[Part, ...]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found that may be read."""

    part: int
    """`Part.n` of the sub-question that it was found for."""
    origin: Origin
    url: str
    """For the library, the source's name."""
    title: str
    snippet: str
    date: str
    """ISO 8601, as far as it is known; empty where not."""
    score: float
    """The larger the better, within one list of hits only."""
    flags: tuple[str, ...]
    """Warnings of the web server, or of whoever gathered it, about its text."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that was read. Its text is kept by the journal."""

    id: str
    """`s1`, `s2` … in the order of reading; empty until the journal has taken it in."""
    origin: Origin
    url: str
    """As it was asked for; for the library, the source's name."""
    final_url: str
    """After redirects."""
    title: str
    author: str
    date: str
    """ISO 8601 of its publication, as far as it is known; empty where not."""
    retrieved_at: str
    """ISO 8601, UTC."""
    snapshot: str
    """The name of the stored page with the web server; empty for the library."""
    sha256: str
    """Of the stored text, as UTF-8; empty until the journal has taken it in."""
    flags: tuple[str, ...]
    """Warnings about its text, the web server's and our own; why nothing was noted of it."""
    length: int
    """Characters of its text; 0 until the journal has taken it in."""


@dataclass(frozen=True, slots=True)
class Note:
    """A claim, and the words of a source that it stands on."""

    n: int
    """From 1, in the order of taking; 0 until the run has numbered it."""
    part: int
    """`Part.n`."""
    source: str
    """`Source.id`."""
    start: int
    end: int
    """The quote is `text[start:end]` of the source's text, letter for letter."""
    quote: str
    claim: str
    """What is said, as a sentence."""
    score: float
    """How well it answers the part, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two notes that cannot both be right."""

    part: int
    about: str
    """What they speak of."""
    notes: tuple[int, int]
    """`Note.n` of both sides."""
    why: str
    """How they differ, as a sentence."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the notes do not answer yet."""

    part: int
    why: str
    queries: tuple[str, ...]
    """To search with next; empty where no other search is worth while."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the report, and what it stands on."""

    text: str
    notes: tuple[int, ...]
    """`Note.n` of each; empty for a sentence of the program's own, which claims nothing."""
    standing: Standing


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    part: int | None
    """`Part.n` of what it answers; None for the summary and the like."""
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """How a report was made, and what that took."""

    model: str
    offline: bool
    rounds: int
    searches: int
    pages_read: int
    pages_failed: tuple[tuple[str, str], ...]
    """Each URL, and why it was not read."""
    tokens: int
    cost: float | None
    """US dollars; None where the model's price is not known."""
    seconds: float
    """Of work, over all the times that the run was resumed."""
    partial_reason: str
    """Why the research ended before it was covered, as a sentence; empty where it did not."""
    stand_ins: tuple[str, ...] = ()
    """Models that have answered in the place of `model`, by their names."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run ends with."""

    id: str
    """Of the run, as `--resume` takes it."""
    question: str
    plan: Plan
    sections: tuple[Section, ...]
    conflicts: tuple[Conflict, ...]
    gaps: tuple[Gap, ...]
    """The open questions."""
    sources: tuple[Source, ...]
    """All that were read; those with no note are not cited."""
    notes: tuple[Note, ...]
    dropped: int
    """Sentences that were left out because nothing supports them."""
    marked: int
    """Sentences that were kept and marked as unsupported."""
    method: Method


@dataclass(frozen=True, slots=True)
class Step:
    """One line of progress."""

    kind: Kind
    text: str
    part: int | None = None
    """`Part.n` of what it belongs to."""
    done: int = 0
    total: int = 0
    """0 where the share of the whole is not known."""

    @property
    def share(self) -> float:
        """Of the whole, from 0 to 1; never above."""
        return min(1.0, max(0, self.done) / self.total) if self.total > 0 else 0.0


def as_json(value: Any) -> Any:
    """Any of these as plain data for `json.dumps`: objects by field name, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    return value


def from_json(kind: type[_T], data: Any) -> _T:
    """The value again that `as_json` wrote.

    Args:
        kind: What it is, such as `Report`.
        data: Its plain data. Names that are not known are passed over.

    Raises:
        ValueError: It is not of that kind.
    """
    value: _T = _read(kind, data, kind.__name__)
    return value


def _read(kind: Any, data: Any, where: str) -> Any:
    """`data` as a value of the type hint `kind`."""
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(data, dict):
            raise ValueError(f"{where} is not an object")
        for field in fields(kind):
            if field.name not in data and field.default is MISSING:
                raise ValueError(f"{where} has no {field.name!r}")
        given = {name: hint for name, hint in _hints(kind).items() if name in data}
        return kind(**{n: _read(hint, data[n], f"{where}.{n}") for n, hint in given.items()})
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ValueError(f"{where} is not a list")
        if len(inner) == 2 and inner[1] is ...:
            return tuple(_read(inner[0], item, f"{where}[{i}]") for i, item in enumerate(data))
        if len(data) != len(inner):
            raise ValueError(f"{where} has not {len(inner)} items")
        pairs = zip(inner, data, strict=True)
        return tuple(_read(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(pairs))
    if origin in (types.UnionType, Union):
        if data is None and type(None) in inner:
            return None
        (hint,) = (hint for hint in inner if hint is not type(None))
        return _read(hint, data, where)
    if origin is Literal:
        if data not in inner:
            raise ValueError(f"{where} is none of {', '.join(map(str, inner))}")
        return data
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{where} is not of type {kind.__name__}")
    return data


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
