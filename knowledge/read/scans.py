"""Scanned pages of a PDF: the pictures on them, to OCR. Knows no file format."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from knowledge.errors import ReadError
from knowledge.read import ocr, stopping
from knowledge.read.text import tidy

_PICTURES = 30
"""Pictures of one page that are looked at; some scanners cut a page into strips."""


class Scanned(NamedTuple):
    """What became of the pages without text."""

    texts: dict[int, str]
    """What was recognised, by page number."""
    pictures: list[int]
    """The pages that hold pictures and no text that was recognised."""
    problems: list[str]
    """Why pages were not recognised, each reason once."""


def recognise_pages(pages: Iterable[tuple[int, Any]]) -> Scanned:
    """Recognise pages, one after the other; of each no more than one picture is in memory.

    Args:
        pages: Their numbers, and pypdf's pages.
    """
    found = Scanned({}, [], [])
    able = ocr.available()
    for number, page in pages:
        names = _names(page)
        if not names:
            continue
        text = ""
        if able and len(found.texts) < ocr.MAX_PAGES:
            parts = []
            for name in names:
                stopping.check()
                try:
                    parts.append(_recognised(page, name))
                except ReadError as error:
                    if str(error) not in found.problems:
                        found.problems.append(str(error))
            text = tidy("\n\n".join(filter(None, parts))).strip()
        if text:
            found.texts[number] = text
        else:
            found.pictures.append(number)
    if found.pictures and not able:
        found.problems.append(ocr.needed())
    elif len(found.texts) >= ocr.MAX_PAGES:
        found.problems.append(f"only {ocr.MAX_PAGES:,} pages of a file are recognised")
    return found


def _names(page: Any) -> list[Any]:
    try:
        return list(page.images.keys())[:_PICTURES]
    except Exception:  # pypdf fails on damaged pages with errors of every type
        return []


def _recognised(page: Any, name: Any) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = page.images[name].image
            turned = -int(page.rotation or 0) % 360
    except Exception:  # as above: a picture in a format that cannot be decoded
        raise ReadError("a picture on a page cannot be decoded") from None
    if image is None:
        return ""
    return ocr.recognise_image(image.rotate(turned, expand=True) if turned else image)
