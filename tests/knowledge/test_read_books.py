from __future__ import annotations

import json

import pytest

from knowledge.errors import ReadError
from knowledge.read import read_bytes
from knowledge.types import Document, Span
from tests.knowledge.make_files import epub_parts, make_notebook, make_zip


def place(document: Document, words: str) -> str:
    at = document.text.index(words)
    return document.place(Span(at, at + len(words)))


def refused(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


# E-books

CHAPTERS = {
    "one.xhtml": (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title/></head><body>'
        '<a id="p1"/><h2>The  Start</h2><p>Caf\u00e9&#160;one.</p>'
        "<h3>Inside</h3><p>Deep.</p></body></html>"
    ),
    "one-b.xhtml": "<html><body><p>It goes on.</p></body></html>",
    "two.xhtml": "<html><body><p>Second&nbsp;words.</p></body></html>",
}
NAV = (
    '<ol><li><a href="one.xhtml#x">The Start</a><ol><li><a href="two.xhtml">Second</a></li></ol>'
    "</li></ol>"
)
NCX = (
    "<navPoint><navLabel><text>The Start</text></navLabel><content src='one.xhtml'/>"
    "<navPoint><navLabel><text>Second</text></navLabel><content src='two.xhtml'/></navPoint>"
    "</navPoint>"
)


@pytest.mark.parametrize("contents", [{"nav": NAV}, {"ncx": NCX}])
def test_an_e_book_gives_its_chapters_in_order_under_their_names(contents: dict[str, str]) -> None:
    data = make_zip(epub_parts(CHAPTERS, title="A Book", **contents))
    document = read_bytes(data, "a.epub")
    assert document.text == (
        "## The Start\n\nCafé one.\n\n### Inside\n\nDeep.\n\nIt goes on.\n\nSecond words."
    )
    assert (document.kind, document.title) == ("epub", "A Book")
    assert place(document, "Café") == "The Start"
    assert place(document, "Deep") == "The Start > Inside"
    assert place(document, "Second words") == "The Start > Second"


def test_an_e_book_without_contents_has_the_headings_of_its_pages() -> None:
    document = read_bytes(make_zip(epub_parts(CHAPTERS)), "download")
    assert place(document, "Deep") == "The Start > Inside"


def test_a_missing_chapter_costs_that_chapter_and_is_noted() -> None:
    parts = epub_parts(CHAPTERS)
    del parts["book/one-b.xhtml"]
    document = read_bytes(make_zip(parts), "a.epub")
    assert document.notes == ("1 chapters damaged or missing",)
    assert "Second" in document.text


def test_a_locked_e_book_is_named_so_and_one_with_hidden_fonts_is_read() -> None:
    def locked(*names: str) -> bytes:
        items = "".join(
            f'<EncryptedData><CipherReference URI="book/{name}"/></EncryptedData>' for name in names
        )
        return make_zip(epub_parts(CHAPTERS) | {"META-INF/encryption.xml": f"<e>{items}</e>"})

    assert "DRM" in refused(locked(*CHAPTERS), "a.epub")
    assert "Café" in read_bytes(locked("font.otf"), "a.epub").text


def test_what_is_no_e_book_is_refused() -> None:
    assert "lacks what every EPUB has" in refused(make_zip({"a.txt": "words"}), "a.epub")
    assert refused(b"words", "a.epub") == "the e-book is damaged or cut off"
    assert refused(make_zip(epub_parts({})), "a.epub").startswith("the e-book is damaged")


# Notebooks


def test_a_notebook_gives_prose_code_and_results_with_the_numbers_of_its_cells() -> None:
    outputs = [
        {"output_type": "stream", "text": ["1\n", "2\n"]},
        {"output_type": "execute_result", "data": {"text/plain": "3", "image/png": "AAAA"}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": ["\x1b[31m"]},
    ]
    cells = [
        ("code", "import x", []),
        ("markdown", "# Study\n\nIntro.\n\n## Data", []),
        ("code", "print(1)", outputs),
        ("markdown", "More words.", []),
        ("raw", "raw words", []),
        ("code", "", []),
    ]
    document = read_bytes(make_notebook(cells, language="R"), "a.ipynb")
    assert document.text == (
        "```r\nimport x\n```\n\n# Study\n\nIntro.\n\n## Data\n\n```r\nprint(1)\n```\n\n"
        "Output:\n\n```\n1\n2\n3\nKeyError: 'x'\n```\n\nMore words.\n\nraw words"
    )
    assert document.title == "Study"
    assert place(document, "import") == "cell 1"
    assert place(document, "Intro") == "Study"
    assert place(document, "print") == "Study > Data > cell 3"
    assert place(document, "More") == "Study > Data > cell 4"


def test_results_printed_in_bulk_are_cut() -> None:
    output = {"output_type": "stream", "text": "x " * 50_000}
    document = read_bytes(make_notebook([("code", "f()", [output])]), "a.ipynb")
    assert len(document.text) < 2_200
    assert document.text.endswith("…\n```")


def test_what_is_no_notebook_is_refused() -> None:
    assert "JSON" in refused(b"words", "a.ipynb")
    assert refused(b'{"a": 1}', "a.ipynb") == "it is not a notebook: it has no cells"
    assert refused(b"[" * 100_000, "a.ipynb").startswith("the notebook is damaged")


# E-mail

MESSAGE = (
    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nTo: Ann <ann@example.org>\n"
    "Subject: The\n plan\nDate: Mon, 1 Jan 2024 10:00:00 +0100\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="B"\n\n--B\n'
    'Content-Type: multipart/alternative; boundary="C"\n\n--C\n'
    "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
    "Grüße.\n\nBye.\n--C\nContent-Type: text/html\n\n<p>Rich <b>words</b></p>\n--C--\n--B\n"
    "Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\nx\n--B--\n"
)


def test_a_message_gives_its_headers_its_plain_text_and_the_names_of_what_is_attached() -> None:
    document = read_bytes(MESSAGE.encode("latin-1"), "a.eml")
    assert document.text == (
        "# The plan\n\n- From: Jürgen <j@example.org>\n- To: Ann <ann@example.org>\n"
        "- Date: Mon, 01 Jan 2024 10:00:00 +0100\n\nGrüße.\n\nBye.\n\n"
        "- Attachment: a.pdf (application/pdf)"
    )
    assert (document.kind, document.title) == ("email", "The plan")
    assert place(document, "Grüße") == "The plan (2024-01-01)"


def test_a_message_of_html_only_is_turned_to_text() -> None:
    message = b"Subject: S\nContent-Type: text/html; charset=no-such\n\n<h1>A</h1><p>B &amp; C"
    assert read_bytes(message, "a.eml").text == "# S\n\n# A\n\nB & C"


def test_a_mailbox_has_a_section_for_each_message() -> None:
    one = MESSAGE.encode("latin-1")
    two = b"Subject: Re: The plan\n\n>From what I see, yes.\nFrom here on, no.\n"
    day = b"From x@example.org Mon Jan  1 10:00:00 2024\n"
    document = read_bytes(day + one + b"\n" + day + two + b"\n" + day + b"noise\n", "a.mbox")
    assert [s.headings for s in document.sections] == [
        ("The plan (2024-01-01)",),
        ("Re: The plan",),
    ]
    assert document.text.endswith("# Re: The plan\n\nFrom what I see, yes.\nFrom here on, no.")
    assert document.notes == ("1 damaged messages left out",)


def test_what_is_no_message_is_refused() -> None:
    assert refused(b"just words", "a.eml").startswith("it is not an e-mail")
    assert refused(b"just words", "a.mbox") == "it is not a mailbox: it holds no messages"


# JSON


def test_json_values_stand_beside_the_paths_to_them() -> None:
    source = (
        '{"a": {"b": [{"c": "x"}, {"c": 1.50}]}, "tags": ["p", "q"], "odd key": true, '
        '"text": "one\\n\\ntwo", "vector": [0.1, -2e-5], "none": null, '
        '"empty": {}, "big": 123456789012345678901}'
    )
    document = read_bytes(source.encode(), "a.json")
    assert document.text == (
        '- a.b[0].c: x\n- a.b[1].c: 1.50\n- tags: p, q\n- ["odd key"]: true\n- text:\n\none\n\ntwo'
        "\n- vector: 0.1, -2e-5\n- big: 123456789012345678901"
    )
    assert place(document, "1.50") == "a"
    assert place(document, "two") == "text"


def test_a_list_of_records_has_a_section_for_each() -> None:
    document = read_bytes(b'[{"id": 1, "name": "Ann"}, {"id": 2}]', "a.json")
    assert document.text == "- [0].id: 1\n- [0].name: Ann\n- [1].id: 2"
    assert place(document, "[1].id: 2") == "[1]"


def test_json_lines_have_a_section_for_each_line() -> None:
    document = read_bytes(b'{"id": 1, "t": "Hi"}\n\nnot json\n["a", {}]\n', "a.jsonl")
    assert document.text == "- id: 1\n- t: Hi\n\nnot json\n- [0]: a"
    assert place(document, "[0]: a") == "line 4"
    assert document.notes == ("1 of its lines not valid JSON, and read as they are",)


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("[1, // comment\n2]", "not valid JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("{}", "it holds no values"),
    ],
)
def test_json_that_cannot_be_flattened_is_read_as_it_is(source: str, note: str) -> None:
    document = read_bytes(source.encode(), "a.json")
    assert (document.text, document.kind, document.language) == (source, "code", "json")
    assert note in document.notes[0]


def test_json_of_too_many_parts_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.read.json.PARTS_LIMIT", 100)
    document = read_bytes(json.dumps([[]] * 200).encode(), "a.json")
    assert "more than 100 values" in document.notes[0]


# reStructuredText

RST = """=========
The Guide
=========

Lead.

.. note:: No
   title.

First ``step``
--------------

Words::

    No title
    --------

* item
------

+-----+
| row |
+-----+

Deep :ref:`link <to>`
^^^^^^^^^^^^^^^^^^^^^

x

------

世界
----

Over
"""


def test_rst_keeps_its_text_and_finds_the_titles_that_are_ones() -> None:
    document = read_bytes(RST.encode(), "a.rst")
    assert document.text == RST
    assert document.title == "The Guide"
    assert [s.headings for s in document.sections] == [
        ("The Guide",),
        ("The Guide", "First step"),
        ("The Guide", "First step", "Deep link"),
        ("The Guide", "世界"),
    ]
    assert place(document, "Over") == "The Guide > 世界"


def test_every_kind_has_a_reader() -> None:
    from typing import get_args

    from knowledge.read.files import _reader
    from knowledge.types import Kind

    for kind in get_args(Kind):
        assert _reader(kind).__name__ == f"read_{kind}"
