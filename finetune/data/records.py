"""The rows of a source as it holds them: JSON lines, a JSON array, or a table. Streams.

Nothing here knows what the columns mean; `formats.py` does.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from finetune.data.json_stream import values
from finetune.data.rows import MAX_ROW, BadRow
from finetune.errors import SourceError

Record = tuple[int, Any]
"""The line on which a row begins, from 1, and its columns; or a `BadRow` in their place."""

Container = Literal["lines", "array", "table", "text"]

_TABLES = (".csv", ".tsv")
_TEXTS = (".txt", ".md", ".text", ".eml", ".mbox")
SUFFIXES = (".jsonl", ".ndjson", ".json", *_TABLES, *_TEXTS)
"""What is read of a folder."""


def container_of(path: Path) -> Container:
    """How a file holds its rows, by its name and its first characters.

    Raises:
        SourceError: It cannot be read, or is no text.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}.", hint=f"ls -l '{path}'") from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head:
        raise SourceError(
            f"{path} is no UTF-8 text.",
            hint="Convert it first: iconv -f UTF-16 -t UTF-8, or export it as CSV or JSON lines.",
        )
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return "table"
    if suffix in _TEXTS:
        return "text"
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if start == b"[":
        return "array"
    return "lines" if start == b"{" or suffix in (".jsonl", ".ndjson", ".json") else "text"


def records(path: Path, container: Container) -> Iterator[Record]:
    """The rows of a file that is no plain text.

    Bytes that are no UTF-8 become lone surrogates, by which the row is known and refused later.
    """
    if container == "lines":
        yield from _lines(path)
    elif container == "array":
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            yield from values(stream)
    else:
        yield from _table(path)


def _lines(path: Path) -> Iterator[Record]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_ROW):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) == MAX_ROW and not line.endswith(b"\n"):
                while (rest := stream.readline(MAX_ROW)) and not rest.endswith(b"\n"):
                    pass
                yield number, BadRow(f"longer than {MAX_ROW:,} bytes")
                continue
            if not line.strip():
                continue
            try:
                yield number, json.loads(line.decode())
            except UnicodeDecodeError:
                yield number, BadRow("not UTF-8 text")
            except RecursionError:
                yield number, BadRow("not JSON: nested too deeply")
            except ValueError as error:
                why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                yield number, BadRow(f"not JSON: {why[:1].lower()}{why[1:]}")


def _table(path: Path) -> Iterator[Record]:
    # The limit belongs to the process: this one is ours to set, and only ever raised.
    csv.field_size_limit(max(MAX_ROW, csv.field_size_limit()))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        first = stream.readline(MAX_ROW)
        stream.seek(0)
        reader = csv.reader(stream, delimiter=_delimiter(first))
        try:
            header = [name.strip() for name in next(reader)]
        except (StopIteration, csv.Error):
            return
        if len(set(header)) < len(header):
            raise SourceError(
                f"{path}: two columns have one name.", hint="Give each column a name of its own."
            )
        before = reader.line_num
        while True:
            line = before + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadRow(f"not CSV: {error}")
                before = reader.line_num
                continue
            before = reader.line_num
            if not cells:
                continue
            if len(cells) != len(header):
                yield line, BadRow(f"{len(cells)} cells under {len(header)} columns")
            else:
                yield line, dict(zip(header, cells, strict=True))


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)
