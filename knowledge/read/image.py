"""Pictures of text (.png, .jpg, .tif): what OCR recognises in them."""

from __future__ import annotations

from knowledge.errors import ReadError
from knowledge.read import ocr
from knowledge.read.paragraphs import flow, join_pages, vocabulary
from knowledge.types import Document, Page


def read_image(data: bytes, name: str) -> Document:
    """Read a picture. A TIFF file of several pages, as faxes and scanners make, has pages.

    Raises:
        ReadError: OCR is not installed, fails, or sees no text.
    """
    if not ocr.available():
        raise ReadError(f"it is a picture, and {ocr.needed()}")
    texts = ocr.recognise(data)
    words = vocabulary(texts)
    text, spans = join_pages([flow(page, words) for page in texts])
    if not text.strip():
        raise ReadError("it is a picture, and OCR sees no text in it")
    pages = tuple(Page(n, *span) for n, span in enumerate(spans, 1)) if len(spans) > 1 else ()
    return Document(text, "image", pages=pages, notes=("read by OCR, which makes mistakes",))
