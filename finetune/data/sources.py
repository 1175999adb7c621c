"""The files that a set is made of: found, recognised, read into examples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Literal

from finetune.data.conversation import text_of
from finetune.data.facts import wrong
from finetune.data.formats import FORMATS, recognise
from finetune.data.journal import Journal, Want
from finetune.data.options import Options, Source
from finetune.data.pairs import examples_of, voice_units
from finetune.data.pii import cleared
from finetune.data.preference import as_chat, as_preference
from finetune.data.records import SUFFIXES, Container, container_of, records
from finetune.data.rows import BadRow, Example, Kind, NotUsed, Problem, Split, kind_of
from finetune.data.voice import FORMS, Form, LeftOut, Unit, form_of
from finetune.errors import SourceError

_SAMPLE = 200
"""Rows by which a format is recognised."""

NAMES = ("auto", *FORMATS, *FORMS)
"""What `--format` takes."""


@dataclass(frozen=True, slots=True)
class File:
    """One file, and what is known of it."""

    path: Path
    split: Split | None
    container: Container
    format: str
    """A name of `FORMATS` or `FORMS`."""

    @property
    def kind(self) -> Kind:
        """What its rows train as they stand."""
        if self.format in ("preference", "classify"):
            return "preference" if self.format == "preference" else "classify"
        return "chat"


def find(sources: Sequence[Source], options: Options) -> list[File]:
    """The files of all sources, folders with all that is in them, each recognised.

    Raises:
        SourceError: One is missing, empty of readable files, or of a format that nobody knows.
    """
    files = []
    for source in sources:
        paths = [source.path]
        if source.path.is_dir():
            paths = sorted(
                path
                for path in source.path.rglob("*")
                if path.suffix.lower() in SUFFIXES
                and path.is_file()
                and not any(part.startswith(".") for part in path.relative_to(source.path).parts)
            )
            if not paths:
                raise SourceError(
                    f"{source.path} holds no file that rows can be read from.",
                    hint=f"Files end in one of: {' '.join(SUFFIXES)}",
                )
        files += [_file(path, source.split, options) for path in paths]
    return files


def set_kind(files: Sequence[File], options: Options) -> Kind:
    """What the set is to train.

    Raises:
        SourceError: The sources do not go together, or do not give what was asked for.
    """
    if options.kind == "classify" and any(file.format == "columns" for file in files):
        files = [replace(f, format="classify") if f.format == "columns" else f for f in files]
    kinds: dict[Kind, File] = {}
    for file in files:
        kinds.setdefault(file.kind, file)
    if options.kind != "auto":
        for kind, file in kinds.items():
            if "classify" in (kind, options.kind) and kind != options.kind:
                raise SourceError(
                    f"{file.path} ({file.format}) gives no {options.kind} rows.",
                    hint="Name columns: --prompt '{text}' --answer '{label}'",
                )
        return options.kind
    if len(kinds) > 1:
        shown = "; ".join(f"{file.path}: {kind}" for kind, file in kinds.items())
        raise SourceError(
            f"The sources train different things: {shown}.", hint="Make one set of each, or: --kind"
        )
    return next(iter(kinds))


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def examples(
    file: File,
    kind: Kind,
    options: Options,
    journal: Journal | None,
    tell: Callable[[Problem], None],
) -> Iterator[Example]:
    """The rows of one file, as the set wants them; the rest is told, each with its line.

    Examples that are in order and give no row of this kind come too, as not `used`.
    """
    name = str(file.path)
    for line, found in _raw(file, options, journal):
        if isinstance(found, LeftOut):
            tell(Problem(name, line, "left out", found.reason))
            continue
        try:
            if isinstance(found, BadRow):
                raise found
            example = as_kind(found, kind, options, journal)
        except BadRow as error:
            unused = isinstance(error, NotUsed)
            what: Literal["left out", "broken"] = "left out" if unused else "broken"
            tell(Problem(name, line, what, str(error)))
            if unused and isinstance(found, Example):
                yield replace(found, line=line, used=False)
            continue
        for repair in example.repairs:
            tell(Problem(name, line, "repaired", repair))
        yield replace(example, line=line)


def texts(files: Sequence[File], kind: Kind, options: Options, want: Want) -> Iterator[str]:
    """What a model can be asked to write another version of, for such a set.

    Plain versions: of every piece of a voice; for a preference set of every last answer too.
    Wrong ones: of the answers of a preference set in which no rule finds a fact to change.
    Where the options mask or drop personal data, no model gets to see it.
    """
    for file in files:
        for whole in _answers(file, kind, options):
            if (text := cleared(whole, options.pii)) is None:
                continue
            if want == "plain" or (kind == "preference" and wrong(text, Random(0)) is None):
                yield text


def as_kind(example: Example, kind: Kind, options: Options, journal: Journal | None) -> Example:
    """The example made one of a kind of set.

    Raises:
        BadRow: It cannot be.
    """
    if kind == "preference":
        return as_preference(example, options, journal)
    if kind == "chat":
        example = as_chat(example)
    if kind_of(example.row) != kind:
        raise BadRow(f"no {kind} row")
    return example


def _answers(file: File, kind: Kind, options: Options) -> Iterator[str]:
    if file.format in FORMS:
        for unit in voice_units(file.path, _form(file), options.voice):
            if isinstance(unit, Unit):
                with suppress(BadRow):
                    yield text_of(unit.text)
    elif kind == "preference":
        for _, found in _raw(file, options, None):
            if isinstance(found, Example) and "messages" in found.row:
                yield found.row["messages"][-1]["content"]


def _raw(
    file: File, options: Options, journal: Journal | None
) -> Iterator[tuple[int, Example | BadRow | LeftOut]]:
    if file.format in FORMS:
        for unit in voice_units(file.path, _form(file), options.voice):
            if isinstance(unit, LeftOut):
                yield unit.line, unit
                continue
            try:
                for example in examples_of(unit, options, journal):
                    yield unit.line, example
            except BadRow as error:
                yield unit.line, error
        return
    convert = FORMATS[file.format]
    for line, row in records(file.path, file.container):
        yield line, _converted(convert, row, options)


def _converted(
    convert: Callable[[Any, Options], Example], row: Any, options: Options
) -> Example | BadRow:
    if isinstance(row, BadRow):
        return row
    if not isinstance(row, dict):
        return BadRow("a row must be an object with named columns")
    try:
        return convert(row, options)
    except BadRow as error:
        return error


def _form(file: File) -> Form:
    return next(form for form in FORMS if form == file.format)


def _file(path: Path, split: Split | None, options: Options) -> File:
    container = container_of(path)
    if options.format in FORMS:
        return File(path, split, "text", options.format)
    if container == "text":
        if options.format != "auto" or options.prompt:
            wanted = options.format if options.format != "auto" else "columns"
            raise SourceError(
                f"{path} is plain text and holds no {wanted} rows.",
                hint=f"A text has one of the forms: {', '.join(FORMS)}",
            )
        return File(path, split, container, form_of(path))
    if options.format != "auto":
        return File(path, split, container, options.format)
    rows = [row for _, row in islice(records(path, container), _SAMPLE)]
    if known := recognise(rows, options):
        return File(path, split, container, known)
    first = next((row for row in rows if isinstance(row, dict) and row), None)
    if first is None:
        why = str(rows[0]) if rows and isinstance(rows[0], BadRow) else "there is no row in it"
        raise SourceError(
            f"{path} holds no rows: {why}.",
            hint="One JSON object a line, a JSON array of objects, or a table with a header.",
        )
    for column, value in first.items():
        if len(rows) == 1 and isinstance(value, list) and value and isinstance(value[0], dict):
            raise SourceError(
                f"{path} is one object; its rows seem to stand under {column!r}.",
                hint=f"Take them out first: jq -c '.{column}[]' '{path}' > rows.jsonl",
            )
    columns = ", ".join(list(first)[:12])
    raise SourceError(
        f"{path} has columns of no known format: {columns}.",
        hint=f"Name them: --prompt '{{{next(iter(first))}}}' --answer '{{{list(first)[-1]}}}'",
    )
