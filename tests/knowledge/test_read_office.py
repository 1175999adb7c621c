from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterator

import pytest

from knowledge.errors import ReadError
from knowledge.read import read_bytes
from knowledge.types import Document, Span
from tests.knowledge.make_files import make_docx, make_pptx, make_xlsx


def place(document: Document, words: str) -> str:
    at = document.text.index(words)
    return document.place(Span(at, at + len(words)))


def refused(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


# PowerPoint

SLIDES = [
    {"title": "Plan", "body": "first step\nsecond step", "notes": "Speak slowly."},
    {},
    {"body": "Words in a group.", "table": [["Name", "Size"], ["box", ""]]},
    {"title": "End\vof it"},
]


def test_slides_are_pages_with_titles_lists_tables_and_notes() -> None:
    document = read_bytes(make_pptx(SLIDES), "a.pptx")
    assert document.text == (
        "# Plan\n\n- first step\n- second step\n\nNotes: Speak slowly.\n\n"
        "Words in a group.\n\nName | Size\nbox |\n\n# End of it"
    )
    assert document.kind == "pptx"
    assert document.title == "Plan"
    assert [page.number for page in document.pages] == [1, 2, 3, 4]
    assert document.notes == ("1 of 4 slides without text",)


def test_a_place_in_a_slide_is_its_title_and_number() -> None:
    document = read_bytes(make_pptx(SLIDES), "a.pptx")
    assert place(document, "Speak") == "Plan, p. 1"
    assert place(document, "box") == "Slide 3, p. 3"
    assert place(document, "# End of it") == "End of it, p. 4"


def test_the_title_of_a_show_is_its_own_before_that_of_its_first_slide() -> None:
    assert read_bytes(make_pptx(SLIDES, title="The Show"), "a.pptx").title == "The Show"
    assert read_bytes(make_pptx(SLIDES[2:]), "a.pptx").title == ""


def test_a_show_without_words_is_refused() -> None:
    assert refused(make_pptx([{}]), "a.pptx") == "it holds no text"


# Excel and tables in text


def test_rows_of_a_sheet_are_lines_with_the_names_of_their_columns() -> None:
    sheets = {
        "Prices": [
            ["Price list"],
            [],
            ["Item", "Price", "Since", "Sold"],
            ["Apple", 1.1, datetime.datetime(2024, 1, 2), True],
            ["Two\nlines", 3.0, datetime.datetime(2024, 1, 2, 3, 4), None],
        ],
        "Empty": [],
        "More": [["Region", 2023, 2024], ["North", 5, 7]],
    }
    document = read_bytes(make_xlsx(sheets), "a.xlsx")
    assert document.text == (
        "Price list\n"
        "Item | Price | Since | Sold\n"
        "Item: Apple | Price: 1.1 | Since: 2024-01-02 | Sold: TRUE\n"
        "Item: Two lines | Price: 3 | Since: 2024-01-02 03:04:00\n\n"
        "Region | 2023 | 2024\n"
        "Region: North | 2023: 5 | 2024: 7"
    )
    assert place(document, "Item: Apple | Price: 1.1") == "Prices > row 4"
    assert place(document, "Region: North") == "More > row 2"


def test_shares_are_shown_as_the_sheet_shows_them() -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["Part", "Share"])
    book.active.append(["a", 0.125])
    book.active["B2"].number_format = "0.0%"
    out = io.BytesIO()
    book.save(out)
    assert read_bytes(out.getvalue(), "a.xlsx").text.endswith("Part: a | Share: 12.5%")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ('name,note\nAnn,"a, b\nc"\n\nBob,\n', "a.csv"),
        ('name;note\nAnn;"a, b\nc"\n\nBob;\n', "a.csv"),
        ("name\tnote\nAnn\ta, b c\n\nBob\t\n", "a.tsv"),
        ("name|note\nAnn|a, b c\n\nBob|\n", "a.csv"),
    ],
)
def test_a_table_in_text_is_read_whatever_parts_its_cells(data: str, name: str) -> None:
    document = read_bytes(data.encode(), name)
    assert document.text == "name | note\nname: Ann | note: a, b c\n\nname: Bob"
    assert place(document, "name: Bob") == "row 4"


def test_a_table_without_a_header_names_no_columns() -> None:
    assert read_bytes(b"1,2\n3,4\n", "a.csv").text == "1 | 2\n3 | 4"
    assert read_bytes(b"words\nmore words\n", "a.csv").text == "words\n\nmore words"


@pytest.fixture(params=[1 << 17, 1 << 30])
def csv_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """The csv module's limit is the process's: another part of the program may have raised it."""
    before = csv.field_size_limit(request.param)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("csv_limit")
def test_a_table_with_a_quote_that_is_never_closed_is_read_line_by_line() -> None:
    data = b'a,b\n"1,2\n' + b"3,4\n" * 50_000
    document = read_bytes(data, "a.csv")
    assert document.text.startswith('a | b\na: "1 | b: 2\na: 3 | b: 4')
    assert document.notes == ("its quotes do not match: each line is read as a row",)


def test_inches_in_a_table_with_tabs_merge_no_rows() -> None:
    data = b'id\tsize\tnote\n1\t"5 inch\tpipe\n2\t6 inch\telbow\n3\t7" tee\tx\n4\t"two\nlines"\ty\n'
    document = read_bytes(data, "a.tsv")
    assert 'id: 1 | size: "5 inch | note: pipe\nid: 2 | size: 6 inch' in document.text
    assert place(document, "id: 3") == "row 4"
    quoted = read_bytes(b'id\tsize\n4\t"two\nlines"\n5\tone\n', "a.tsv")
    assert quoted.text == "id | size\nid: 4 | size: two lines\nid: 5 | size: one"


def test_rows_of_a_very_long_table_share_sections_and_none_is_lost() -> None:
    data = b"n,square\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(60_000))
    document = read_bytes(data, "a.csv")
    assert document.text.count("\n") == 60_000
    assert len(document.sections) < 30_000
    assert place(document, "n: 77 ") == "row 79"
    assert place(document, "n: 59999 ") == "rows 60001-60016"


# What is damaged or hostile

OFFICE = {
    "a.docx": make_docx([("Normal", "Words.")]),
    "a.pptx": make_pptx(SLIDES[:1]),
    "a.xlsx": make_xlsx({"S": [["a", "b"]]}),
}


@pytest.mark.parametrize("name", OFFICE)
def test_an_office_file_is_known_by_its_content(name: str) -> None:
    assert read_bytes(OFFICE[name], "a.md").kind == name[2:]


@pytest.mark.parametrize("name", OFFICE)
def test_a_truncated_office_file_is_named_with_its_reason(name: str) -> None:
    assert refused(OFFICE[name][:-100], name).endswith("file is damaged or cut off")


@pytest.mark.parametrize("name", OFFICE)
def test_an_old_or_encrypted_office_file_is_named_so(name: str) -> None:
    assert "encrypted" in refused(b"\xd0\xcf\x11\xe0\xa1\xb1", name)


@pytest.mark.parametrize("name", OFFICE)
def test_an_archive_of_something_else_is_refused(name: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "words")
    assert "damaged" in refused(out.getvalue(), name)


def test_a_sheet_that_claims_a_far_row_costs_no_time() -> None:
    data = _with_row(OFFICE["a.xlsx"], 'r="99999999999"')
    document = read_bytes(data, "a.xlsx")
    assert document.text == "a | b"
    assert document.notes == ("sheet S: rows after 1,048,576 left out",)


def _with_row(data: bytes, row: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                more = f"<row {row}><c><v>1</v></c></row></sheetData>".encode()
                content = content.replace(b"</sheetData>", more)
            new.writestr(member.filename, content)
    return out.getvalue()
