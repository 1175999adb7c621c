"""Small real files, made in code: a PDF written by hand, Office files, an e-book, a picture.

No fixtures in binary form: what a test reads, it shows.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any


def make_pdf(
    pages: Sequence[str | Sequence[str]],
    *,
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    compress: bool = False,
) -> bytes:
    """A PDF with one page for each text.

    Args:
        pages: The lines of each page, as a list or parted by line feeds. ASCII and Latin-1 only;
            a page without lines holds no text, as a scanned one.
        title: The title in the document's metadata.
        outline: Bookmarks: a title and the number of its page, from 1.
        compress: Whether the text is deflated, as most programs do.
    """
    count = len(pages)
    page_ids = [5 + 2 * i for i in range(count)]
    outline_ids = [5 + 2 * count + i for i in range(len(outline))]
    kids = " ".join(f"{i} 0 R" for i in page_ids)
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R" + (b" /Outlines 4 0 R" if outline else b"") + b" >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< >>",
    }
    for number, page in zip(page_ids, pages, strict=True):
        lines = page.split("\n") if isinstance(page, str) else list(page)
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        ).encode()
        shown = b"".join(b"(" + _escape(line) + b") Tj T*\n" for line in lines)
        stream = b"BT /F1 11 Tf 72 720 Td 14 TL\n" + shown + b"ET" if any(lines) else b""
        filters = b""
        if compress:
            stream, filters = zlib.compress(stream), b" /Filter /FlateDecode"
        objects[number + 1] = b"<< /Length %d%s >>\nstream\n%s\nendstream" % (
            len(stream),
            filters,
            stream,
        )
    if outline:
        objects[4] = (
            f"<< /Type /Outlines /First {outline_ids[0]} 0 R /Last {outline_ids[-1]} 0 R"
            f" /Count {len(outline)} >>"
        ).encode()
    for i, (name, page_number) in enumerate(outline):
        links = f" /Prev {outline_ids[i - 1]} 0 R" if i else ""
        links += f" /Next {outline_ids[i + 1]} 0 R" if i + 1 < len(outline) else ""
        objects[outline_ids[i]] = (
            b"<< /Title ("
            + _escape(name)
            + b") /Parent 4 0 R"
            + f" /Dest [{page_ids[page_number - 1]} 0 R /Fit]{links} >>".encode()
        )
    info = max(objects) + 1
    objects[info] = b"<< /Title (" + _escape(title) + b") >>"
    return _assemble(objects, info)


def _escape(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return escaped.encode("cp1252")


def _assemble(objects: dict[int, bytes], info: int) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    size = max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % offsets[number]
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (size, info)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def encrypt_pdf(pdf: bytes, password: str) -> bytes:
    """The same PDF under a password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_docx(blocks: Sequence[tuple[str, str] | list[list[str]]], *, title: str = "") -> bytes:
    """A Word file: (style, text) for a paragraph, a list of rows for a table."""
    from docx import Document

    file = Document()
    file.core_properties.title = title
    for block in blocks:
        if isinstance(block, list):
            table = file.add_table(rows=len(block), cols=len(block[0]))
            for row, cells in zip(table.rows, block, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
        else:
            style, text = block
            file.add_paragraph(text, style=style)
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def make_pptx(slides: Sequence[Mapping[str, Any]], *, title: str = "") -> bytes:
    """A PowerPoint file: of each slide `title`, `body`, `table` (rows) and `notes`, if given."""
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    show.core_properties.title = title
    for content in slides:
        layout = show.slide_layouts[1 if "title" in content else 6]
        slide = show.slides.add_slide(layout)
        if "title" in content:
            slide.shapes.title.text = content["title"]
            slide.placeholders[1].text = content.get("body", "")
        elif "body" in content:
            box = slide.shapes.add_group_shape().shapes.add_textbox(0, 0, Inches(1), Inches(1))
            box.text_frame.text = content["body"]
        if rows := content.get("table"):
            size = len(rows), len(rows[0])
            table = slide.shapes.add_table(*size, 0, 0, Inches(4), Inches(1)).table
            for i, row in enumerate(rows):
                for j, text in enumerate(row):
                    table.cell(i, j).text = text
        if "notes" in content:
            slide.notes_slide.notes_text_frame.text = content["notes"]
    out = io.BytesIO()
    show.save(out)
    return out.getvalue()


def make_xlsx(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """An Excel file: rows of values by name of sheet."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def make_zip(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of parts, the one called `mimetype` not packed, as EPUB wants it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            packing = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, packing)
    return out.getvalue()


CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/content.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""


def epub_parts(
    chapters: Mapping[str, str], *, title: str = "", nav: str = "", ncx: str = ""
) -> Any:
    """The parts of an EPUB: XHTML by file name in reading order, and its tables of contents."""
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>'
        for i, name in enumerate(chapters)
    )
    if nav:
        items += '<item id="nav" href="nav.xhtml" properties="nav" media-type="x"/>'
    if ncx:
        items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    refs = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "book/content.opf": (
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{title}</dc:title></metadata>"
            f"<manifest>{items}</manifest><spine>{refs}</spine></package>"
        ),
        **{f"book/{name}": text for name, text in chapters.items()},
    }
    if nav:
        parts["book/nav.xhtml"] = (
            '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
            f'<body><nav epub:type="toc">{nav}</nav></body></html>'
        )
    if ncx:
        parts["book/toc.ncx"] = (
            f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{ncx}</navMap></ncx>'
        )
    return parts


def make_notebook(cells: Sequence[tuple[str, str, Sequence[Any]]], *, language: str = "") -> bytes:
    """A notebook: (type, source, outputs) of each cell."""
    return json.dumps(
        {
            "cells": [
                {"cell_type": kind, "source": source.splitlines(True), "outputs": outputs}
                for kind, source, outputs in cells
            ],
            "metadata": {"kernelspec": {"language": language}} if language else {},
            "nbformat": 4,
        }
    ).encode()


def make_picture(text: str, form: str = "PNG", *, more: Sequence[str] = ()) -> bytes:
    """A picture of a text in large letters; with more texts, of several pages (TIFF, PDF)."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(48)
    pages = []
    for words in (text, *more):
        image = Image.new("L", (1400, 200), 255)
        ImageDraw.Draw(image).text((40, 60), words, fill=0, font=font)
        pages.append(image)
    out = io.BytesIO()
    if more:
        pages[0].save(out, form, save_all=True, append_images=pages[1:])
    else:
        pages[0].save(out, form)
    return out.getvalue()


HTML_PAGE = """<!doctype html>
<html><head><title>The  Guide</title><style>p { color: red }</style>
<script>var hidden = "script words";</script></head>
<body><nav><a href="/">Home</a></nav>
<h1>The Guide</h1>
<p>It has <b>bold</b>&nbsp;words,
and &lt;tags&gt;. <span style="display: none">secret words</span></p>
<h2>Steps</h2>
<ol><li>Open it.</li><li>Read it.<ul><li>Slowly.</li></ul></li></ol>
<table><tr><th>Name</th><th>Size</th></tr><tr><td></td><td>3 <br> kg</td></tr></table>
<pre>def f():
    return 1</pre>
<!-- a comment --><p>Line one.<br>Line two.</p><footer>The end.</footer>
</body></html>
"""
