"""What has been found so far: values by path, each taken only where the page's text bears it out.

The one place where a value is let in. Whoever proposes one, a rule or a model, it must have the
field's type, satisfy its schema, and stand in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from mcp_servers.web_tools.extract_schema import Field, Schema, value_of, words_of
from mcp_servers.web_tools.extract_values import Place, places_of, places_of_value

_PLACES = 200
"""Places of one value that are looked at, to find the one behind its label."""
_BEFORE = 80
"""Characters before a value in which its label is looked for."""
_NUMERIC = re.compile(r"[-−]?\d[\d.,]*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|T)")
ITEMS = 100
"""Items of a list that are read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and where the page says it."""

    value: Any
    quote: str
    """`text[start:end]`."""
    start: int
    end: int
    how: str
    """`json-ld`, `microdata`, `meta`, `css`, `table`, `list`, `line` or `model`."""

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Findings:
    """Found values by path (`offers.price`, `authors[0]`, `items[2].name`)."""

    def __init__(self, schema: Schema, text: str) -> None:
        self.schema = schema
        self.text = text
        self.found: dict[str, Found] = {}

    def take(self, path: str, field: Field, raw: str, how: str, *, near: str = "") -> bool:
        """Let a value in, if it is one and stands in the text.

        Args:
            path: Where it goes.
            field: What is wanted there.
            raw: What the page's markup says.
            how: The rung that proposes it.
            near: A label. Of several places the one behind it, or behind the field's name, is
                taken; yes or no stands nowhere else.

        Returns:
            Whether it is in now. One that is in stays.
        """
        if path in self.found:
            return True
        value = value_of(raw, field)
        if value is None:
            return False
        places = list(islice(_places(self.text, raw, value), _PLACES))
        place = self._behind((near, *field.labels), places)
        if place is None and places and not isinstance(value, bool):
            place = places[0]
        if place is None:
            return False
        return self._put(path, field, value, place, how)

    def take_quoted(self, path: str, field: Field, value: object, quote: str) -> str:
        """Let a model's value in, if its quote stands in the text, and it in the quote.

        Whether a quote means yes or no is for the model to say: of those only the quote is checked.

        Returns:
            Why not, in words for the model; empty where it is in.
        """
        place = next(places_of(self.text, quote), None)
        if place is None:
            return "the quote does not stand in the page letter for letter"
        if isinstance(value, bool):
            typed: object = value if field.kind == "boolean" else None
        else:
            typed = value_of(str(value), field)
        if typed is None:
            return f"{value!r:.100} is not of the type that the schema asks for"
        if not isinstance(typed, bool):
            inside = next(_places(self.text[place.start : place.end], str(value), typed), None)
            if inside is None:
                return f"{value!r:.100} does not stand in its quote"
            at = Place(place.start + inside.start, place.start + inside.end)
            typed = self._said(field, typed, at)
        if why := self.schema.faults(typed, field):
            return why[0]
        self.found[path] = Found(
            typed, self.text[place.start : place.end], place.start, place.end, "model"
        )
        return ""

    def data(self) -> dict[str, Any]:
        """All of it as the schema's object, what is missing as null."""
        whole = self._value(self.schema.root, "")
        return whole if isinstance(whole, dict) else {}

    def missing(self) -> dict[str, Field]:
        """The fields without a value: of a list that has none, the list."""
        return dict(self._missing(self.schema.root, ""))

    def count(self, path: str) -> int:
        """How many items of a list there are."""
        begin = f"{path}["
        numbers = {
            int(key[len(begin) :].partition("]")[0]) for key in self.found if key.startswith(begin)
        }
        return max(numbers, default=-1) + 1

    def _put(self, path: str, field: Field, value: object, place: Place, how: str) -> bool:
        value = self._said(field, value, place)
        if self.schema.faults(value, field):
            return False
        quote = self.text[place.start : place.end]
        self.found[path] = Found(value, quote, place.start, place.end, how)
        return True

    def _said(self, field: Field, value: object, place: Place) -> object:
        """A plain string as people read it, not as the markup spells it; others as they are."""
        plain = field.kind == "string" and not field.schema.get("enum")
        if plain and field.schema.get("format") not in ("date", "date-time"):
            return " ".join(self.text[place.start : place.end].split())
        return value

    def _behind(self, labels: Iterable[str], places: Sequence[Place]) -> Place | None:
        """The first place behind one of these labels."""
        for words in filter(None, map(words_of, labels)):
            for place in places:
                before = self.text[max(0, place.start - len(words) - _BEFORE) : place.start]
                if f" {words} " in f" {words_of(before)} ":
                    return place
        return None

    def _value(self, field: Field, path: str) -> Any:
        if field.kind == "object":
            inner = {each.name: self._value(each, join(path, each.name)) for each in field.fields}
            return inner if not path or any(v is not None for v in inner.values()) else None
        if field.item is not None:
            count = self.count(path)
            items = [self._value(field.item, f"{path}[{i}]") for i in range(count)]
            return [item for item in items if item is not None] if count else None
        found = self.found.get(path)
        return found.value if found else None

    def _missing(self, field: Field, path: str) -> Iterator[tuple[str, Field]]:
        if field.kind == "object":
            for each in field.fields:
                yield from self._missing(each, join(path, each.name))
        elif field.item is not None:
            count = self.count(path)
            if not count:
                yield path, field
            for i in range(count):
                yield from self._missing(field.item, f"{path}[{i}]")
        elif path not in self.found:
            yield path, field


def join(path: str, name: str) -> str:
    """The path of a property of the object at `path`."""
    return f"{path}.{name}" if path else name


def field_at(root: Field, path: str) -> Field | None:
    """What is wanted at a path; None where the schema has no single value there."""
    field: Field | None = root
    for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if field is None:
            return None
        if number:
            field = field.item if int(number) < ITEMS else None
        else:
            field = next((each for each in field.fields if each.name == name), None)
    return field if field and field.kind not in ("object", "array") else None


def without_nulls(value: Any) -> Any:
    """JSON without the properties that are null."""
    if isinstance(value, Mapping):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _places(text: str, raw: str, value: object) -> Iterator[Place]:
    """Where a value stands: as it is spelled, or as numbers and days may be spelled too."""
    yield from places_of(text, raw)
    if isinstance(value, bool):
        return
    yield from places_of_value(text, value)
    if isinstance(value, str) and (day := _DAY.match(raw.strip())):
        yield from places_of_value(text, day[0])
    elif isinstance(value, str) and _NUMERIC.fullmatch(raw.strip()):
        with_value = value_of(raw, _A_NUMBER)
        if with_value is not None:
            yield from places_of_value(text, with_value)


_A_NUMBER = Field("", "number", {}, (), "")
