from __future__ import annotations

import pytest

from knowledge.errors import ReadError
from knowledge.guard import Fetched
from knowledge.read.encodings import codec_of
from knowledge.read.page import read_page
from knowledge.types import Document
from tests.knowledge.make_files import make_docx, make_pdf

FILLER = "The pump moves water from the basin to the tank, and it needs oil once a year. " * 3
ARTICLE = f"""<!doctype html><html><head><title>Pump handbook | ACME</title>
<meta property="og:title" content="Pump handbook"></head><body>
<nav><ul><li><a href="/a">Home</a></li><li><a href="/b">All products</a></li></ul></nav>
<main><article><h1>Pump handbook</h1><p>{FILLER}</p>
<h2>Install &amp; use</h2><p>Then <b>connect</b> the hose to <code>port A</code>. {FILLER}</p>
<ol><li>Open the valve</li><li>Wait</li></ol>
<pre><code># install
  pump --start</code></pre>
<h3>Limits</h3><table><tr><th>Name</th><th>Value</th></tr><tr><td>Pressure</td><td>9 bar</td></tr>
</table><p>Never run the pump dry. {FILLER}</p></article></main>
<aside><p>Subscribe to our newsletter and win a pump!</p></aside>
<footer><p>Copyright 2020 ACME. All rights reserved.</p></footer></body></html>"""
LINKS = "<html><body><ul><li><a href=/1>First page</a><li><a href=/2>Second page</a></ul></body>"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def page(data: bytes, type: str = "text/html", charset: str = "", path: str = "/") -> Document:
    return read_page(Fetched(f"https://e.com{path}", 200, type, charset, data, "", "", 0.0))


def reason(data: bytes, type: str = "text/html", **options: str) -> str:
    with pytest.raises(ReadError) as caught:
        page(data, type, **options)
    return str(caught.value)


def test_an_article_keeps_its_title_headings_lists_code_and_tables() -> None:
    document = page(ARTICLE.encode())
    assert (document.kind, document.title, document.notes) == ("html", "Pump handbook", ())
    assert [section.headings[-1] for section in document.sections] == [
        "Pump handbook",
        "Install & use",
        "Limits",
    ]
    assert document.sections[-1].headings == ("Pump handbook", "Install & use", "Limits")
    assert "## Install & use\n\nThen connect the hose to port A. The pump" in document.text
    assert "1. Open the valve\n2. Wait" in document.text
    assert "```\n# install\n  pump --start\n```" in document.text
    assert "Name | Value\nPressure | 9 bar" in document.text


@pytest.mark.parametrize("words", ["All products", "newsletter", "All rights reserved"])
def test_what_stands_around_an_article_is_left_out(words: str) -> None:
    assert words not in page(ARTICLE.encode()).text


def test_the_sections_tile_the_text() -> None:
    document = page(ARTICLE.encode())
    assert document.sections[0].start == 0
    assert document.sections[-1].end == len(document.text)
    install = next(s for s in document.sections if s.headings[-1] == "Install & use")
    assert document.text[install.start :].startswith("## Install & use")


def test_a_page_without_an_article_keeps_all_its_text_and_says_so() -> None:
    document = page(LINKS.encode())
    assert "First page" in document.text
    assert document.notes == ("no article was told apart: all text of the page was kept",)


def test_a_page_of_too_many_tags_for_the_search_keeps_all_its_text() -> None:
    document = page(ARTICLE.replace("</nav>", "<br>" * 100_001 + "</nav>").encode())
    assert "All products" in document.text
    assert "no article was told apart" in document.notes[0]


@pytest.mark.parametrize("data", [b"<html><script>go()</script>", b"<html></html>", b"<p> "])
def test_a_page_without_text_is_named_so(data: bytes) -> None:
    assert "made by scripts" in reason(data)


def test_an_empty_answer_is_named_so() -> None:
    assert reason(b"") == "the page is empty"


def test_a_page_that_nests_too_deeply_is_named_so() -> None:
    assert "nested too deeply" in reason(b"<div>" * 100_000 + b"hello")


CHARSETS = {
    "utf8_by_header": ("utf-8", "", "utf-8"),
    "western_by_header": ("cp1252", "", "iso-8859-1"),
    "cyrillic_by_header": ("cp1251", "", "windows-1251"),
    "header_before_meta": ("cp1251", '<meta charset="utf-8">', "windows-1251"),
    "utf16_by_header": ("utf-16-le", "", "utf-16le"),
    "by_meta": ("cp1251", '<meta charset="windows-1251">', ""),
    "by_content": ("utf-8", "", ""),
    "wrong_header": ("utf-8", "", "ascii-or-so"),
    "header_that_does_not_fit": ("utf-8", "", "shift_jis"),
    "mark_before_header": ("utf-8-sig", "", "iso-8859-1"),
}


@pytest.mark.parametrize(("encoding", "meta", "charset"), CHARSETS.values(), ids=CHARSETS)
def test_a_page_is_read_in_the_encoding_it_was_written_in(
    encoding: str, meta: str, charset: str
) -> None:
    words = "Größe" if encoding in ("cp1252", "utf-8-sig") else "Привет, мир"
    html = f"<html><head>{meta}<title>{words}</title></head><body><p>{words}. {FILLER}</p></body>"
    document = page(html.encode(encoding), charset=charset)
    assert document.title == words
    assert f"{words}. The pump" in document.text


@pytest.mark.parametrize(
    "label", ["punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "hex", "rot13",
              "zlib", "no such", "", "a\0b"]
)  # fmt: skip
def test_a_codec_that_no_page_is_written_in_is_not_used(label: str) -> None:
    assert codec_of(label) is None


def test_encodings_are_those_that_browsers_take_the_names_for() -> None:
    assert codec_of("ISO-8859-1") == codec_of("us-ascii") == codec_of("latin1") == "cp1252"
    assert codec_of("gb2312") == "gb18030"
    assert codec_of(" UTF8 ") == "utf-8"


def test_a_declared_encoding_does_not_make_text_of_random_bytes() -> None:
    data = bytes(range(256)) * 20
    assert "not text" in reason(data, "text/plain", charset="iso-8859-5")


TYPES = {
    "plain": (b"plain words", "text/plain", "/", "text"),
    "plain_markdown": (b"# A\n\nwords", "text/plain", "/raw/README.md", "markdown"),
    "plain_code": (b"def f(): pass\n", "text/plain", "/raw/main/a.py?x=1", "code"),
    "plain_html": (b"<p>the source of a page", "text/plain", "/index.html", "text"),
    "markdown": (b"# A\n\nwords", "text/markdown", "/", "markdown"),
    "script": (b"let a = 1;\n", "application/javascript", "/app.js", "code"),
    "json": (b'{"a": "words"}', "application/json", "/api", "json"),
    "json_of_a_kind": (b'{"a": "words"}', "application/ld+json", "/api", "json"),
    "xml": (b"<a>words</a>", "application/xml", "/", "code"),
    "feed": (b"<rss>words</rss>", "application/rss+xml", "/feed", "code"),
    "xhtml": (b"<html><p>words</p></html>", "application/xhtml+xml", "/", "html"),
    "pdf": (make_pdf(["Hello there."]), "application/pdf", "/", "pdf"),
    "pdf_of_no_type": (make_pdf(["Hello there."]), "", "/a.pdf", "pdf"),
    "pdf_as_bytes": (make_pdf(["Hello there."]), "application/octet-stream", "/get", "pdf"),
    "docx": (make_docx([("Normal", "Hello.")]), DOCX, "/", "docx"),
    "html_of_no_type": (b"<!doctype html><p>Hello.", "", "/", "html"),
    "text_by_its_ending": (b"a,b\n1,2\n", "application/octet-stream", "/a.txt", "text"),
}


@pytest.mark.parametrize(("data", "type", "path", "kind"), TYPES.values(), ids=TYPES)
def test_what_is_no_page_is_read_as_the_file_that_it_is(
    data: bytes, type: str, path: str, kind: str
) -> None:
    assert page(data, type, path=path).kind == kind


def test_plain_text_of_another_encoding_is_read_by_its_header() -> None:
    data = "Größe: 9 m²; Привет".encode("utf-16-le")
    assert page(data, "text/plain", "utf-16le").text == "Größe: 9 m²; Привет"
    assert page("Привет".encode("koi8-r"), "text/plain", "koi8-r").text == "Привет"


UNREADABLE = {
    "picture": (b"GIF89a" + bytes(99), "image/gif", "/a.gif", "it is a GIF image"),
    "video": (b"\0\0\0\x18ftypmp42", "video/mp4", "/", "it is video/mp4"),
    "archive": (b"PK\x03\x04" + bytes(99), "application/zip", "/", "it is a ZIP archive"),
    "of_no_type": (b"\0\1\2\3", "", "/", "of a type that the server does not tell"),
}


@pytest.mark.parametrize(("data", "type", "path", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused_with_its_type(
    data: bytes, type: str, path: str, why: str
) -> None:
    assert why in reason(data, type, path=path)


def test_a_page_that_lies_about_being_a_page_is_named() -> None:
    assert "a GIF image" in reason(b"GIF89a" + bytes(99), "text/html")
