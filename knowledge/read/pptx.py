"""PowerPoint files: slides as pages, with titles, text, tables and speaker notes (door: pptx)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from knowledge.errors import ReadError
from knowledge.read.outline import sections_of
from knowledge.read.package import check_package
from knowledge.read.text import tidy
from knowledge.read.writer import Writer
from knowledge.types import Document, Page

MAX_SLIDES = 5_000
_DEPTH = 20
"""Groups within groups that are looked into."""


def read_pptx(data: bytes, name: str) -> Document:
    """Read a PowerPoint file (.pptx, .pptm). What is in pictures and charts is not read.

    Raises:
        ReadError: It is damaged, encrypted, no PowerPoint file, or unpacks to too much.
    """
    check_package(data, "PowerPoint file", old=".ppt")
    from pptx import Presentation

    out = Writer()
    spans: list[tuple[int, int]] = []
    empty: list[int] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            show = Presentation(io.BytesIO(data))
            title = " ".join(tidy(show.core_properties.title or "").split())
            for number, slide in enumerate(show.slides, 1):
                if number > MAX_SLIDES:
                    raise ReadError(f"it has more than {MAX_SLIDES:,} slides")
                before = out.length
                _slide(slide, number, out)
                if out.length == before:
                    empty.append(number)
                # The line breaks before a slide lie between it and the last.
                begin = before + 2 if before and out.length > before else before
                spans.append((begin, out.length))
    except ReadError:
        raise
    except Exception as error:  # python-pptx and lxml fail on damaged files with any error
        reason = str(error).strip() or type(error).__name__
        raise ReadError(
            f"the PowerPoint file is damaged: {reason[:200]}", hint="Get it again."
        ) from None
    text = out.text()
    if title == "PowerPoint Presentation":
        title = ""  # what the program writes by itself
    if not title and out.headings and out.headings[0].start == 0:
        first = out.headings[0].title
        title = "" if first == "Slide 1" else first
    return Document(
        text,
        "pptx",
        title=title,
        sections=sections_of(text, out.headings),
        pages=tuple(Page(n, *span) for n, span in enumerate(spans, 1)),
        notes=(f"{len(empty)} of {len(spans)} slides without text",) if empty else (),
    )


def _slide(slide: Any, number: int, out: Writer) -> None:
    heading = slide.shapes.title
    words = _line(heading.text_frame.text) if heading is not None else ""
    if words:
        out.heading(1, words)
    else:
        out.mark(1, f"Slide {number}")
    for shape in _shapes(slide.shapes, 0):
        if heading is not None and shape.shape_id == heading.shape_id:
            continue
        if shape.has_text_frame:
            _text(shape, out)
        elif getattr(shape, "has_table", False):
            _table(shape.table, out)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        notes = tidy(frame.text).strip()
        if notes:
            out.block(f"Notes: {notes}")


def _shapes(shapes: Iterable[Any], depth: int) -> Iterator[Any]:
    """All shapes in their order, those in groups too."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            if depth < _DEPTH:
                yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _text(shape: Any, out: Writer) -> None:
    """The paragraphs of a shape: those of a slide's body as a list, others as they are."""
    paragraphs = [(_line(p.text), p.level) for p in shape.text_frame.paragraphs]
    paragraphs = [(text, level) for text, level in paragraphs if text]
    listed = shape.is_placeholder and len(paragraphs) > 1
    for i, (text, level) in enumerate(paragraphs):
        if listed:
            out.block(f"{'  ' * level}- {text}", lines=2 if i == 0 else 1)
        else:
            out.block(text)


def _table(table: Any, out: Writer) -> None:
    lines = 2
    for row in table.rows:
        line = " | ".join("" if c.is_spanned else _line(c.text_frame.text) for c in row.cells)
        if line.strip(" |"):
            out.block(line.strip(), lines=lines)
            lines = 1


def _line(text: str) -> str:
    return " ".join(tidy(text).split())
