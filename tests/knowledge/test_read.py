from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import ReadError
from knowledge.read import MAX_BYTES, kind_of_name, load, read_bytes, read_path
from knowledge.types import Document
from tests.knowledge.make_files import (
    HTML_PAGE,
    epub_parts,
    make_docx,
    make_notebook,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
)


def reason(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


def check(document: Document) -> None:
    """What holds for every document."""
    text = document.text
    assert text.strip()
    assert text.encode("utf-8")
    assert "\r" not in text
    assert "\0" not in text
    if document.sections:
        assert document.sections[0].start == 0
        assert document.sections[-1].end == len(text)
        for one, next_ in zip(document.sections, document.sections[1:], strict=False):
            assert one.start < one.end == next_.start
    at = 0
    for number, page in enumerate(document.pages, 1):
        assert page.number == number
        assert at <= page.start <= page.end <= len(text)
        assert not text[at : page.start].strip()
        at = page.end
    if document.pages:
        assert at == len(text)


def test_the_kind_is_that_of_the_name() -> None:
    assert read_bytes(b"# A", "a.md").kind == "markdown"
    assert read_bytes(b"# A", "a.txt").kind == "text"
    assert read_bytes(b"<p>A", "a.HTM").kind == "html"
    assert read_bytes(b"A", "README").kind == "text"
    config = read_bytes(b"a = 1", "x/pyproject.toml")
    assert (config.kind, config.language) == ("code", "toml")
    assert kind_of_name("photo.gif") is None
    assert kind_of_name("app.min.js") is None


def test_a_file_without_a_telling_name_is_known_by_its_content() -> None:
    assert read_bytes(make_pdf(["Hello there."]), "download").kind == "pdf"
    assert read_bytes(make_docx([("Normal", "Hello.")]), "download").kind == "docx"
    assert read_bytes(HTML_PAGE.encode(), "download").kind == "html"
    assert read_bytes(b"plain words", "download").kind == "text"


def test_a_pdf_called_markdown_is_read_as_a_pdf() -> None:
    assert read_bytes(make_pdf(["Hello there."]), "a.md").kind == "pdf"


def test_an_empty_file_is_named_so() -> None:
    assert reason(b"", "a.md") == "the file is empty"
    assert reason(b" \n\t\n", "a.md") == "it holds no text"


@pytest.mark.parametrize("data", [b"\x00\x01\x02" * 99, bytes(range(256)) * 9])
def test_random_bytes_named_markdown_are_not_text(data: bytes) -> None:
    assert reason(data, "a.md").startswith("not text")


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\xfd\x80\x81 invalid \xc3\x28", b"good text \xc3\x28 \x80\x81\xfe\xff"]
)
def test_bytes_of_no_encoding_are_not_text(data: bytes) -> None:
    assert reason(data, "a.txt").startswith("not text: neither UTF-8")


def test_a_picture_is_called_a_picture() -> None:
    assert reason(b"\x89PNG\r\n\x1a\n1234", "a.md") == "not text: it is a PNG image"


def test_a_file_above_the_limit_is_named_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.read.text.TEXT_LIMIT", 2**20)
    assert reason(b"a " * 2**20, "a.txt") == (
        "it is too large: 2 MiB, above the limit of 1 MiB;"
        " split it into smaller files, or add the part that matters"
    )
    assert MAX_BYTES > 64 * 2**20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_unicode_is_read_in_each_of_its_forms(encoding: str) -> None:
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    document = read_bytes(mark + "Grüße, 世界.\n".encode(encoding), "a.txt")
    assert (document.text, document.notes) == ("Grüße, 世界.\n", ())


@pytest.mark.parametrize(
    ("text", "encoding", "note"),
    [
        ("Un café à la crème, señor: “déjà vu”.", "cp1252", "Windows-1252"),
        ("Привет, как дела? Это русский текст в старой кодировке.", "cp1251", "cp1251"),
        ("日本語のテキストです。これはテストです。" * 3, "shift_jis", "cp932"),
    ],
)
def test_an_old_encoding_is_read_with_a_note(text: str, encoding: str, note: str) -> None:
    document = read_bytes(text.encode(encoding), "a.txt")
    assert document.text == text
    assert document.notes == (f"read as {note}: it is not valid UTF-8",)


def test_one_bad_byte_in_utf8_costs_that_byte_and_is_noted() -> None:
    document = read_bytes("Grüße é".encode() * 20 + b"\xff end", "a.txt")
    assert document.text.endswith("� end")
    assert document.notes == ("not valid UTF-8 in one place, which is lost",)


def test_line_ends_become_one_kind_and_control_characters_go() -> None:
    text = read_bytes(b"a\r\nb\rc\xc2\x85d\x00e\x1b\x07 f\n", "a.txt").text
    assert text == "a\nb\nc\nde f\n"


def test_a_page_break_shifts_no_line() -> None:
    source = (
        "/* One. */\n\x0c\nint f(void)\x0c\n{ return 1; }\u2028\n\n\x0cint g(void) { return 2; }\n"
    )
    document = read_bytes(source.encode(), "a.c")
    numbered = source.split("\n")
    for words in ("int f", "return 1", "int g"):
        assert words in numbered[document.line_at(document.text.index(words)) - 1]
    assert "\nint g" in document.text


def test_a_line_separator_within_a_value_parts_no_row_and_no_line_of_json() -> None:
    value = read_bytes('{"a": "one\u2028two", "b": 1}'.encode(), "a.json")
    assert (value.kind, value.notes) == ("json", ())
    lines = read_bytes('{"a": "one\u2028two"}\n{"a": "three"}\n'.encode(), "a.jsonl")
    assert lines.notes == ()
    assert [section.headings for section in lines.sections] == [("line 1",), ("line 2",)]
    rows = read_bytes(b"name,note\nAnn,first\x0bsecond\nBob,third\n", "a.csv")
    assert rows.text.endswith("name: Ann | note: first second\nname: Bob | note: third")


def test_the_colours_of_a_log_are_no_part_of_its_words() -> None:
    log = b"\x1b]0;build\x07\x1b[1;31mERROR\x1b[0m: \x1b[2Kno room left\x1b[K\n\x1b[32mok\x1b[m\n"
    assert read_bytes(log, "a.log").text == "ERROR: no room left\nok\n"


@pytest.mark.parametrize(
    ("path", "words"), [("nothing.md", "does not exist"), ("folder", "it is a folder")]
)
def test_what_is_no_file_is_named_with_its_reason(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ReadError, match=words):
        read_path(tmp_path / path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    with pytest.raises(ReadError, match="not a regular file"):
        read_path(tmp_path / "pipe.md")


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\nWords.\n")
    document = read_path(tmp_path / "a.md")
    assert (document.title, document.kind) == ("Title", "markdown")


ENDINGS = "md txt html pdf docx py ts rb pptx xlsx csv tsv epub ipynb eml mbox json jsonl rst none"
TEXTS = "md txt html py json jsonl go csv rst eml mbox ipynb"
NAMES = st.sampled_from([f"a.{ending}" for ending in ENDINGS.split()])
SEEDS = [
    HTML_PAGE.encode(),
    make_pdf(["Hello\nthere", "x"]),
    make_docx([("Heading 1", "A")]),
    make_pptx([{"title": "A", "body": "b", "table": [["c"]], "notes": "d"}]),
    make_xlsx({"S": [["a", "b"], [1, 2.5]]}),
    make_zip(epub_parts({"a.xhtml": "<h1>A</h1><p>b</p>"}, nav='<a href="a.xhtml">A</a>')),
    make_notebook([("markdown", "# A", []), ("code", "b", [{"text": "c"}])]),
    b"From a@b Mon Jan  1 10:00:00 2024\nSubject: =?utf-8?q?A?=\nDate: x\n"
    b'Content-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: text/html\n\n<p>b\n--B--\n',
    b'a,"b\n",c\n1,2,3\n',
    b'{"a": {"b": [1, "c\\nd", [{}]]}, "e": [null]}\n[true]',
]


@given(st.binary(max_size=300), NAMES)
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    with suppress(ReadError):
        check(read_bytes(data, name))


@given(st.sampled_from(SEEDS), st.data(), NAMES)
def test_a_damaged_file_is_read_or_refused(seed: bytes, data: st.DataObject, name: str) -> None:
    at = data.draw(st.integers(0, len(seed)))
    length = data.draw(st.integers(0, 50))
    damaged = seed[:at] + data.draw(st.binary(max_size=20)) + seed[at + length :]
    with suppress(ReadError):
        check(read_bytes(damaged, name))


@given(st.text(), st.sampled_from([f"a.{ending}" for ending in TEXTS.split()]))
def test_any_text_is_read_or_refused_and_its_structure_holds(text: str, name: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    try:
        one = read_bytes(data, name)
    except ReadError:
        return
    check(one)
    assert one == read_bytes(data, name)


PRINTED = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
CELLS = st.text(PRINTED, max_size=12)
# A bar or semicolon at the same place in every row could as well be what separates the cells.
PLAIN_CELLS = CELLS.filter(lambda cell: not set(cell) & set(";|"))


@given(st.lists(st.lists(PLAIN_CELLS, min_size=2, max_size=4), min_size=1, max_size=6))
def test_every_cell_of_a_table_is_in_the_text(rows: list[list[str]]) -> None:
    import csv

    out = io.StringIO()
    csv.writer(out).writerows(rows)
    try:
        document = read_bytes(out.getvalue().encode(), "a.csv")
    except ReadError:
        assert not "".join(cell for row in rows for cell in row).strip()
        return
    check(document)
    for cell in (cell for row in rows for cell in row):
        assert " ".join(cell.replace("\ufeff", "").split()) in document.text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(PRINTED, max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_of_json_is_in_the_text(value: object) -> None:
    document = read_bytes(json.dumps(value).encode(), "a.json")
    check(document)
    for leaf in leaves(value):
        assert leaf in document.text


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif value is not None:
        yield value.strip() if isinstance(value, str) else json.dumps(value)


@given(st.lists(st.tuples(st.booleans(), CELLS, CELLS), min_size=1, max_size=5))
def test_slides_keep_their_numbers_whatever_is_on_them(slides: list[tuple[bool, str, str]]) -> None:
    data = make_pptx([({"title": a} if titled else {}) | {"body": b} for titled, a, b in slides])
    try:
        document = read_bytes(data, "a.pptx")
    except ReadError:
        return
    check(document)
    assert len(document.pages) == len(slides)
    for page, (titled, title, body) in zip(document.pages, slides, strict=True):
        shown = document.text[page.start : page.end]
        for words in (body, title if titled else ""):
            assert " ".join(words.replace("\ufeff", "").split()) in shown


class Restless(type(Path())):  # type: ignore[misc]
    """A file that somebody writes to at each of its first openings."""

    times = 0
    begins = ""
    """What it is written to begins with; empty where only more is written."""

    def open(self, *args, **options):  # type: ignore[no-untyped-def]
        if self.times:
            self.times -= 1
            with open(self, "wb" if self.begins else "ab") as other:
                other.write(f"{self.begins * self.times}More.\n".encode())
        return super().open(*args, **options)


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"Begin.\n")
    path = Restless(tmp_path / "a.md")
    path.times = 2
    data, info = load(path)
    assert data == b"Begin.\nMore.\nMore.\n"
    assert info.st_size == len(data)


def test_a_log_that_grows_all_the_time_is_read_as_far_as_it_went(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"Begin.\nHalf a li")
    path = Restless(tmp_path / "a.log")
    path.times = 100
    data, info = load(path)
    assert data == b"Begin.\nHalf a liMore.\nMore.\n"
    assert info.st_size < os.path.getsize(path)


def test_a_log_in_utf_16_that_grows_all_the_time_is_not_cut_within_a_letter(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.log").write_bytes("Begin.\n".encode("utf-16"))
    path = Restless(tmp_path / "a.log")
    path.times = 100
    with pytest.raises(ReadError, match="kept changing"):
        load(path)


def test_a_file_that_keeps_changing_is_refused_for_now(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"Begin.\n")
    path = Restless(tmp_path / "a.md")
    path.times, path.begins = 100, "Other. "
    with pytest.raises(ReadError, match="kept changing"):
        load(path)
