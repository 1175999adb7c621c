"""PDF files: text with its pages, and sections by the outline (door: pypdf).

Reads the text that is in the file. A scanned page has none: its pictures go to OCR.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from knowledge.errors import ReadError
from knowledge.read import stopping
from knowledge.read.filled import filled_in
from knowledge.read.outline import Heading, sections_of
from knowledge.read.paragraphs import flow, join_pages, vocabulary
from knowledge.read.scans import Scanned, recognise_pages
from knowledge.read.text import tidy
from knowledge.types import Document, Page

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 20_000
"""Pages read of one file; more is no book."""
_NO_TITLE = re.compile(r"untitled|.*\.\w{2,5}|microsoft (word|powerpoint) .*|\W*", re.IGNORECASE)
"""Titles that a program left behind."""


def read_pdf(data: bytes, name: str) -> Document:
    """Read a PDF file. Wrapped lines are joined to paragraphs, words cut at line ends rejoined.

    What was filled in on a page stands after the page's own text.

    Raises:
        ReadError: It is damaged, cut off, encrypted, or holds images of text only.
    """
    if b"%PDF-" not in data[:1024]:
        raise ReadError("it is not a PDF, whatever its name says")
    if b"%%EOF" not in data[-1024:] and b"startxref" not in data[-1024:]:
        raise ReadError("the PDF is cut off: its end is missing", hint="Get the file again.")
    with _quiet():
        reader = _open(data)
        texts, broken = _pages(reader)
        blank = [n for n, text in enumerate(texts, 1) if not text.strip() and n not in broken]
        scanned = recognise_pages((n, reader.pages[n - 1]) for n in blank)
        for number, recognised in scanned.texts.items():
            texts[number - 1] = recognised
        for number, lines in filled_in(reader.pages).items():
            texts[number - 1] = "\n\n".join(filter(None, [texts[number - 1], *lines]))
        if not any(text.strip() for text in texts):
            raise _nothing(len(texts), broken, scanned)
        words = vocabulary(texts)
        texts = [flow(text, words) for text in texts]
        text, spans = join_pages(texts)
        pages = tuple(Page(n, *span) for n, span in enumerate(spans, 1))
        headings = _outline(reader, text, pages)
        title = _title(reader)
    notes = []
    if scanned.texts:
        notes.append(f"{_say(list(scanned.texts))} read by OCR, which makes mistakes")
    if scanned.pictures:
        why = "; ".join(scanned.problems) or "OCR sees no text there"
        notes.append(f"{_say(scanned.pictures)} scanned and not read: {why}")
    if empty := [n for n in blank if not texts[n - 1] and n not in scanned.pictures]:
        notes.append(f"{_say(empty)} without text")
    if broken:
        notes.append(f"{_say(broken)} damaged and left out")
    return Document(
        text,
        "pdf",
        title=title,
        sections=sections_of(text, headings),
        pages=pages,
        notes=tuple(notes),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pypdf from writing about damaged files: what matters is said in errors and notes."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _open(data: bytes) -> PdfReader:
    from pypdf import PasswordType, PdfReader
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(io.BytesIO(data))
        # Many files are encrypted with an empty password, only to forbid printing.
        locked = reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED
        count = 0 if locked else len(reader.pages)
    except DependencyError:
        raise ReadError("the PDF is encrypted in a way that cannot be read here") from None
    except Exception as error:  # pypdf fails on damaged files with errors of every type
        raise ReadError(f"the PDF is damaged: {_why(error)}", hint="Get the file again.") from None
    if locked:
        raise ReadError("the PDF needs a password", hint="Save a copy without the password.")
    if count == 0:
        raise ReadError("the PDF is damaged: it has no pages", hint="Get the file again.")
    if count > MAX_PAGES:
        raise ReadError(f"the PDF has {count} pages, above the limit of {MAX_PAGES}")
    return reader


def _pages(reader: PdfReader) -> tuple[list[str], list[int]]:
    """The text of each page, and the numbers of those that cannot be read."""
    texts, broken = [], []
    for number in range(1, len(reader.pages) + 1):
        stopping.check()
        try:
            texts.append(tidy(reader.pages[number - 1].extract_text()))
        except Exception:  # as above; one bad page does not spoil the others
            texts.append("")
            broken.append(number)
    return texts, broken


def _nothing(pages: int, broken: list[int], scanned: Scanned) -> ReadError:
    if len(broken) == pages:
        return ReadError("the PDF is damaged: no page can be read", hint="Get the file again.")
    if scanned.pictures:
        why = "; ".join(scanned.problems) or "OCR sees no text in it"
        return ReadError(f"the PDF is a scan and holds no text: {why}")
    return ReadError(
        "the PDF holds no text and no pictures: its words may be drawn as shapes, which needs OCR",
        hint="Make a searchable copy, for example with `ocrmypdf in.pdf out.pdf`, and add that.",
    )


def _outline(reader: PdfReader, text: str, pages: tuple[Page, ...]) -> list[Heading]:
    """The outline's entries, each where its title stands on its page, or at the page's start."""
    found: list[Heading] = []
    lower = text.lower() if len(text.lower()) == len(text) else text
    try:
        for level, item in _entries(reader.outline):
            number = reader.get_destination_page_number(item)
            if number is None or not 0 <= number < len(pages):
                continue
            page, title = pages[number], tidy(str(item.title or ""))
            words = title.lower().split()
            pattern = r"\s+".join(map(re.escape, words[:30]))
            at = re.compile(pattern).search(lower, page.start, page.end) if words else None
            found.append(Heading(at.start() if at else page.start, level, title))
    except Exception:  # a damaged outline costs the sections, not the text
        return []
    # An entry cannot come before one that the outline puts above it on the same page.
    found.sort(key=lambda heading: heading.start)
    return found


def _entries(items: Iterable[Any], level: int = 1) -> Iterator[tuple[int, Any]]:
    for item in items:
        if isinstance(item, list):
            if level < 20:
                yield from _entries(item, level + 1)
        else:
            yield level, item


def _title(reader: PdfReader) -> str:
    try:
        title = " ".join(tidy(str((reader.metadata and reader.metadata.title) or "")).split())
    except Exception:  # a damaged metadata record costs the title only
        return ""
    return "" if _NO_TITLE.fullmatch(title) else title


def _why(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


def _say(numbers: list[int]) -> str:
    """`page 3`, `4 pages`."""
    return f"page {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} pages"
