from __future__ import annotations

import io
import zipfile

import pytest

from knowledge.errors import ReadError
from knowledge.read import read_bytes
from knowledge.types import Document, Span
from tests.knowledge.make_files import HTML_PAGE, encrypt_pdf, make_docx, make_pdf


def outline(document: Document) -> list[tuple[str, str]]:
    """Each section's path and its first line."""
    return [
        (" > ".join(s.headings), document.text[s.start : s.end].strip().split("\n")[0])
        for s in document.sections
    ]


def refused(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


# Markdown


def test_markdown_keeps_its_text_and_finds_the_headings_that_are_ones() -> None:
    source = (
        "---\ntitle: Front\n# no heading\n---\n\nLead.\n\n## `One` *two* ##\n\n"
        "```sh\n# no heading\n```\n\n    # no heading\n\n> # no heading\n\n- # no heading\n\n"
        "Under\nlined\n=====\n\n#NoHeading\n\n### Deep\n\nWords.\n"
    )
    document = read_bytes(source.encode(), "a.md")
    assert document.text == source
    assert outline(document) == [
        ("", "---"),
        ("One two", "## `One` *two* ##"),
        ("Under lined", "Under"),
        ("Under lined > Deep", "### Deep"),
    ]
    assert document.title == "Under lined"


def test_the_title_of_markdown_without_a_first_heading_is_the_front_matters() -> None:
    assert read_bytes(b'---\ntitle: "Front"\n---\n\n## Sub\n', "a.md").title == "Front"
    assert read_bytes(b"+++\ntitle = 'Front'\n+++\nText", "a.md").title == "Front"
    assert read_bytes(b"## Sub\n", "a.md").title == "Sub"
    assert read_bytes(b"Text\n\n---\ntitle: no\n---\n", "a.md").title == "title: no"


def test_a_heading_on_the_first_line_leaves_no_empty_section_before_it() -> None:
    document = read_bytes(b"\n\n# A\ntext\n## B\n", "a.md")
    assert [s.headings for s in document.sections] == [("A",), ("A", "B")]
    assert document.sections[0].start == 0


# HTML


def test_html_keeps_all_visible_text_and_its_structure() -> None:
    document = read_bytes(HTML_PAGE.encode(), "a.html")
    assert document.title == "The Guide"
    assert document.text == (
        "Home\n\n# The Guide\n\nIt has bold words, and <tags>.\n\n## Steps\n\n"
        "1. Open it.\n2. Read it.\n  - Slowly.\n\nName | Size\n| 3 kg\n\n"
        "```\ndef f():\n    return 1\n```\n\nLine one.\nLine two.\n\nThe end."
    )
    assert outline(document) == [
        ("", "Home"),
        ("The Guide", "# The Guide"),
        ("The Guide > Steps", "## Steps"),
    ]


def test_html_is_decoded_as_it_declares() -> None:
    page = '<meta charset="windows-1251"><p>Привет'
    assert read_bytes(page.encode("cp1251"), "a.html").text == "Привет"


def test_html_in_a_layout_table_keeps_its_paragraphs_and_headings() -> None:
    page = b"<table><tr><td>Menu</td><td><h2>News</h2><p>One.</p><p>Two.</p></td></tr></table>"
    document = read_bytes(page, "a.html")
    assert document.text == "Menu\n\n## News\n\nOne.\n\nTwo."


def test_html_nested_beyond_the_stack_is_read() -> None:
    page = b"<div>" * 2_000 + b"deep" + b"</div>" * 2_000 + b"after"
    assert read_bytes(page, "a.html").text == "deep\nafter"


def test_html_that_the_parser_gives_up_on_is_refused_and_not_cut_short() -> None:
    page = b"before" + b"<div>" * 5_000 + b"deep"
    assert refused(page, "a.html").startswith("the HTML is nested too deeply")


def test_html_without_text_is_refused() -> None:
    assert "no text" in refused(b"<html><script>alert(1)</script></html>", "a.html")


# PDF

PAGES = [
    "1 Introduction\nThis is the first line of a paragraph that is wrap-\n"
    "ped at the end of its line and goes on for a while\nuntil it ends. It ends short.\n"
    "A new paragraph begins here and it continues to the\nnext page where",
    "it goes on with a state-of-the-\nart caf\xe9 (x).\n\u2022 item one\n\u2022 item two",
]


@pytest.mark.parametrize("compress", [False, True])
def test_a_pdf_gives_paragraphs_pages_and_the_sections_of_its_outline(compress: bool) -> None:
    data = make_pdf(
        PAGES, title="A Report", outline=[("1 Introduction", 1), ("Item One", 2)], compress=compress
    )
    document = read_bytes(data, "a.pdf")
    text = document.text
    assert text == (
        "1 Introduction\nThis is the first line of a paragraph that is wrapped at the end of its"
        " line and goes on for a while until it ends. It ends short.\nA new paragraph begins here"
        " and it continues to the next page where\nit goes on with a state-of-theart café (x).\n"
        "• item one\n• item two"
    )
    assert document.title == "A Report"
    at = text.index("café")
    assert document.place(Span(at, at + 4)) == "1 Introduction, p. 2"
    at = text.index("item two")
    assert document.place(Span(at, at + 4)) == "Item One, p. 2"
    across = text.index("next page where")
    assert document.place(Span(across, across + 30)) == "1 Introduction, pp. 1-2"


def test_a_compound_at_a_line_end_keeps_the_hyphen_it_has_elsewhere() -> None:
    page = "A well-known one is as good as another that is well-\nknown to all."
    assert read_bytes(make_pdf([page]), "a.pdf").text.endswith("another that is well-known to all.")


def test_a_truncated_pdf_is_named_with_its_reason() -> None:
    data = make_pdf(PAGES)
    assert refused(data[: len(data) // 2], "a.pdf") == "the PDF is cut off: its end is missing"


def test_a_corrupt_pdf_is_named_with_its_reason() -> None:
    assert refused(b"%PDF-1.7\nnonsense\n%%EOF", "a.pdf").startswith("the PDF is damaged")
    assert refused(b"just words", "a.pdf") == "it is not a PDF, whatever its name says"


def test_an_encrypted_pdf_needs_its_password_and_an_empty_one_is_tried() -> None:
    assert refused(encrypt_pdf(make_pdf(PAGES), "secret"), "a.pdf") == "the PDF needs a password"
    assert "café" in read_bytes(encrypt_pdf(make_pdf(PAGES), ""), "a.pdf").text


def test_a_scanned_pdf_is_said_to_need_text_recognition() -> None:
    assert "OCR" in refused(make_pdf(["", ""]), "a.pdf")


def test_a_page_without_text_is_noted_and_pages_keep_their_numbers() -> None:
    document = read_bytes(make_pdf(["One.", "", "Three."]), "a.pdf")
    assert document.notes == ("page 2 without text",)
    assert document.page_at(document.text.index("Three")) == 3


# Word


def test_a_word_file_gives_headings_lists_and_tables_in_order() -> None:
    data = make_docx(
        [
            ("Title", "My Report"),
            ("Heading 1", "One"),
            ("Normal", "Some words."),
            ("List Bullet", "first"),
            ("List Number", "second"),
            ("Heading 2", "Two"),
            [["Name", "Size"], ["box", "3"]],
            ("Normal", "After."),
        ]
    )
    document = read_bytes(data, "a.docx")
    assert document.text == (
        "My Report\n\n# One\n\nSome words.\n\n- first\n- second\n\n## Two\n\n"
        "Name | Size\nbox | 3\n\nAfter."
    )
    assert document.title == "My Report"
    assert outline(document) == [("", "My Report"), ("One", "# One"), ("One > Two", "## Two")]


def test_a_truncated_word_file_is_named_with_its_reason() -> None:
    data = make_docx([("Normal", "Words.")])
    assert refused(data[:-100], "a.docx") == "the Word file is damaged or cut off"
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1", "a.docx").startswith("it is an encrypted Word file")


def test_a_word_file_that_unpacks_to_too_much_is_refused_unopened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("knowledge.read.package.UNPACKED_LIMIT", 2**20)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<x/>")
        archive.writestr("word/media/image.bin", b"0" * 2**22)
    assert len(out.getvalue()) < 2**14
    assert refused(out.getvalue(), "a.docx").startswith("it is too large: unpacked 4 MiB")


# Code

SOURCES = {
    "a.py": (
        'import os\n\n# lead\n@dec\nclass Foo:\n    """é."""\n\n    # c\n    def bar(self):\n'
        "        def inner(): ...\n\n    b = 2\n\nasync def f():\n    pass\n\nprint(1)\n",
        [
            ("", "import os"),
            ("class Foo", "# lead"),
            ("class Foo > def bar", "# c"),
            ("class Foo", "b = 2"),
            ("def f", "async def f():"),
            ("", "print(1)"),
        ],
    ),
    "a.ts": (
        "export class A<T> {\n  m(): void {}\n}\nexport const f = () => 1;\ninterface I { x: 1 }\n",
        [
            ("class A", "export class A<T> {"),
            ("class A > method m", "m(): void {}"),
            ("function f", "export const f = () => 1;"),
            ("interface I", "interface I { x: 1 }"),
        ],
    ),
    "a.tsx": (
        "function App() { return <b>hi</b>; }\n",
        [("function App",) * 1 + ("function App() { return <b>hi</b>; }",)],
    ),
    "a.js": (
        "class B {\n  c() {}\n}\n",
        [("class B", "class B {"), ("class B > method c", "c() {}")],
    ),
    "a.go": (
        "package main\n\n// T is.\ntype T struct{}\n\nfunc (t *T) M() {}\n",
        [("", "package main"), ("type T", "// T is."), ("func M", "func (t *T) M() {}")],
    ),
    "a.rs": (
        "#[derive(Debug)]\nstruct S;\nimpl Foo for S {\n    fn m(&self) {}\n}\n",
        [
            ("struct S", "#[derive(Debug)]"),
            ("impl S", "impl Foo for S {"),
            ("impl S > fn m", "fn m(&self) {}"),
        ],
    ),
    "A.java": (
        "class A {\n  int x;\n  void m() {}\n}\n",
        [("class A", "class A {"), ("class A > method m", "void m() {}")],
    ),
    "a.c": (
        "#include <x.h>\nstatic int *foo(int a) { return 0; }\n",
        [("", "#include <x.h>"), ("function foo", "static int *foo(int a) { return 0; }")],
    ),
    "a.cpp": (
        "namespace n {\nvoid V::k() {}\n}\n",
        [("namespace n", "namespace n {"), ("namespace n > function V::k", "void V::k() {}")],
    ),
    "a.sh": ("set -e\nfoo() {\n  echo\n}\n", [("", "set -e"), ("function foo", "foo() {")]),
    "a.rb": (
        "module M\n  def m\n  end\nend\n",
        [("module M", "module M"), ("module M > def m", "def m")],
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_code_has_a_section_for_each_definition(name: str) -> None:
    source, sections = SOURCES[name]
    document = read_bytes(source.encode(), name)
    assert document.text == source
    assert outline(document) == sections


def test_broken_and_unknown_code_is_read_without_sections() -> None:
    assert read_bytes(b"def (broken:\n class", "a.py").sections == ()
    lua = read_bytes(b"print('hi')", "a.lua")
    assert (lua.kind, lua.language, lua.sections) == ("code", "lua", ())


def test_a_page_that_declares_a_codec_that_is_no_encoding_is_read_as_text() -> None:
    for label in ("punycode", "unicode_escape", "rot13", "no-such-thing"):
        page = f"<meta charset={label}><p>Plain words." + "-a" * 5000
        assert "Plain words" in read_bytes(page.encode(), "a.html").text


def test_a_page_without_head_and_body_tags_is_read_and_its_title_is_not_its_text() -> None:
    document = read_bytes(
        b"<!doctype html><title>Trains</title><meta charset=utf-8>"
        b"<article><h1>Night trains</h1><p>One leaves at 23:15.</p></article>",
        "a.html",
    )
    assert "One leaves at 23:15." in document.text
    assert document.title in ("Trains", "Night trains")
    assert "Trains" not in document.text.splitlines()


# what is drawn over a page, and equations


def test_what_was_filled_in_on_a_page_is_read_with_it() -> None:
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject
    from pypdf.generic import TextStringObject as Text

    writer = PdfWriter(PdfReader(io.BytesIO(make_pdf(["Order form.", ""]))))

    def field(kind: str, name: str, value: object = None, **more: object) -> DictionaryObject:
        entries = {"/Subtype": NameObject("/Widget"), "/FT": NameObject(kind), "/T": Text(name)}
        entries |= {"/V": value} if value is not None else {}
        return DictionaryObject(
            {NameObject(key): each for key, each in entries.items()}
            | {NameObject(f"/{key}"): each for key, each in more.items()}
        )

    over = DictionaryObject({NameObject("/Subtype"): NameObject("/FreeText")})
    over[NameObject("/Contents")] = Text("Approved by Mara Quist.")
    parent = writer._add_object(field("/Tx", "unused", Text("41 crates"), TU=Text("Quantity")))
    child = DictionaryObject({NameObject("/Subtype"): NameObject("/Widget")})
    child[NameObject("/Parent")] = parent
    pairs = ArrayObject([ArrayObject([Text("dk"), Text("Denmark")])])
    hidden = field("/Tx", "internal", Text("HIDDEN"), F=NumberObject(2))
    secret = field("/Tx", "pin", Text("1234"), Ff=NumberObject(1 << 13))
    marks = [
        field("/Tx", "Customer", Text("Ilse Brandt")), child, hidden, secret,
        field("/Ch", "Country", Text("dk"), Opt=pairs), field("/Tx", "Left empty", Text("")),
        field("/Btn", "Gift", AS=NameObject("/On")), field("/Btn", "Rush", AS=NameObject("/Off")),
    ]  # fmt: skip
    for page, its in zip(writer.pages, (marks, [over]), strict=True):
        page[NameObject("/Annots")] = ArrayObject(map(writer._add_object, its))
    out = io.BytesIO()
    writer.write(out)
    document = read_bytes(out.getvalue(), "a.pdf")
    assert document.text == (
        "Order form.\n\nCustomer: Ilse Brandt\n\nQuantity: 41 crates\n\nCountry: Denmark\n\n"
        "Gift: checked\n\nApproved by Mara Quist."
    )
    assert document.page_at(document.text.index("Approved")) == 2
    assert document.notes == ()


def test_equations_of_a_word_file_are_part_of_its_words() -> None:
    from docx import Document as new_file
    from docx.oxml import parse_xml

    names = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'

    def run(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    file = new_file()
    paragraph = file.add_paragraph("The load is ")
    paragraph._p.append(
        parse_xml(
            f"<m:oMath {names}>{run('q=')}"
            f"<m:f><m:num>{run('a+b')}</m:num><m:den>{run('c')}</m:den></m:f>"
            f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>"
            f"<m:d><m:e>{run('t')}</m:e></m:d><m:rad><m:e>{run('y')}</m:e></m:rad></m:oMath>"
        )
    )
    paragraph.add_run(" per metre.")
    out = io.BytesIO()
    file.save(out)
    text = read_bytes(out.getvalue(), "a.docx").text
    assert text == "The load is q=(a+b)/c x^2(t)√(y) per metre."
