"""Files made to exhaust a reader are refused, and soon. Memory is measured in a child process."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from knowledge import grammars
from knowledge.errors import ReadError
from knowledge.read import read_bytes, read_path
from knowledge.split import split
from tests.knowledge.make_files import (
    epub_parts,
    make_docx,
    make_pptx,
    make_xlsx,
    make_zip,
)

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)
OFFICE = {
    "a.docx": (make_docx([("Normal", "Words.")]), "word/document.xml"),
    "a.pptx": (make_pptx([{"title": "Words"}]), "ppt/slides/slide1.xml"),
    "a.xlsx": (make_xlsx({"S": [["words"]]}), "xl/worksheets/sheet1.xml"),
}


def refused(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


def read_or_reason(data: bytes, name: str) -> str:
    try:
        return read_bytes(data, name).text
    except ReadError as error:
        return str(error)


def replaced(data: bytes, part: str, content: str | bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return make_zip(parts | {part: content})


@pytest.mark.parametrize("name", OFFICE)
def test_an_office_file_with_an_xml_bomb_is_refused(name: str) -> None:
    data, part = OFFICE[name]
    bomb = replaced(data, part, f"{LAUGHS}<x>&a11;</x>")
    assert refused(bomb, name).endswith("a part declares a document type, as XML bombs do")


@pytest.mark.parametrize("part", ["META-INF/container.xml", "book/content.opf", "book/a.xhtml"])
def test_an_e_book_with_an_xml_bomb_is_refused_or_read_without_it(part: str) -> None:
    parts = epub_parts({"a.xhtml": "<p>Words", "b.xhtml": "<p>More"})
    parts[part] = f"{LAUGHS}<html a='&a11;'><p>Hi &a11;</p></html>"
    outcome = read_or_reason(make_zip(parts), "a.epub")
    assert len(outcome) < 1_000
    assert "More" in outcome or "XML" in outcome


def test_an_xml_bomb_in_a_plain_file_is_only_text() -> None:
    source = f"{LAUGHS}<x>&a11;</x>"
    assert read_bytes(source.encode(), "a.xml").text == source


@pytest.mark.parametrize("name", [*OFFICE, "a.epub"])
def test_a_zip_bomb_is_refused_whatever_it_is_called(name: str) -> None:
    data, part = OFFICE.get(name, (make_zip(epub_parts({"a.xhtml": "x"})), "book/a.xhtml"))
    bomb = replaced(data, part, b"<p>" + b" " * 2**25)
    assert len(bomb) < 2**17
    assert refused(bomb, name).startswith("it is a ZIP bomb")


@pytest.mark.parametrize("name", [*OFFICE, "a.epub"])
def test_an_archive_of_too_many_parts_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.read.package.MEMBERS_LIMIT", 50)
    bomb = make_zip({f"{n}.txt": "" for n in range(51)})
    assert refused(bomb, name).startswith("it holds 51 parts, too many for an honest")


def test_xml_of_too_many_tags_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.read.package.TAGS_LIMIT", 1_000)
    data, part = OFFICE["a.docx"]
    assert "more than 1,000 tags" in refused(replaced(data, part, "<x>" * 2_000), "a.docx")


def test_xml_that_nests_without_end_is_refused() -> None:
    data, part = OFFICE["a.pptx"]
    assert "damaged" in refused(replaced(data, part, "<x>" * 100_000), "a.pptx")
    parts = epub_parts({"a.xhtml": "x"}) | {"book/content.opf": "<x>" * 100_000}
    assert "XML" in refused(make_zip(parts), "a.epub")


def test_a_message_that_nests_without_end_is_read_or_refused() -> None:
    message = b"Subject: S\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)
    )
    outcome = read_or_reason(message, "a.eml")
    assert "nests" in outcome or outcome.startswith("# S")


def test_a_message_of_a_million_parts_is_refused() -> None:
    message = b"Subject: S\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10**6
    assert refused(message, "a.eml") == "the e-mail has too many parts"


@pytest.mark.parametrize("language", sorted(grammars.LANGUAGES))
def test_code_that_a_parser_could_mend_for_hours_is_read_without_its_definitions(
    language: str,
) -> None:
    text = "<!--" * 20_000 + "\n"
    with pytest.raises(ValueError, match="failed"):
        grammars.parse("python", text.encode())
    assert grammars.parse("python", b"x = 1\n").type == "module"  # the next one is its own
    ending = {"python": "py", "bash": "sh", "javascript": "js", "typescript": "ts"}
    ending |= {"ruby": "rb", "rust": "rs"}
    document = read_bytes(text.encode(), f"a.{ending.get(language, language)}")
    assert (document.text, document.language) == (text, language)
    assert document.sections == ()
    assert split(document, count=lambda texts: [len(text) for text in texts])


@pytest.mark.parametrize("header", ["To: " + '"' * 10**6, "To: " + "a@b.c, " * 10**5])
def test_a_header_without_end_is_cut(header: str) -> None:
    message = f"Subject: S\n{header}\n\nThe words.\n"
    document = read_bytes(message.encode(), "a.eml")
    assert document.text.endswith("\n\nThe words.")
    assert len(document.text) < 10_000


def test_a_tag_of_a_hundred_thousand_attributes_is_refused() -> None:
    many = " ".join(f"a{n}=1" for n in range(100_000))
    assert "attributes" in refused(f"<p {many}>x".encode(), "a.html")
    assert "attributes" in refused(f"""<p a" b='>' {many}>x""".encode(), "a.html")


def test_a_tag_may_be_long_by_its_values() -> None:
    path = "M 1 2 L 3 4 " * 10_000
    assert read_bytes(f"<svg><path d='{path}'/></svg><p>Words.".encode(), "a.html").text == "Words."


def test_a_large_log_is_refused_unread_and_told_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    with log.open("wb") as file:
        file.truncate(200 * 2**20)  # a file with a hole: no bytes on the disk
    with pytest.raises(ReadError) as caught:
        read_path(log)
    assert str(caught.value).startswith(
        "it is too large: 200 MiB, above the limit of 64 MiB; split it into smaller files"
    )


@pytest.mark.parametrize("name", ["a\nb.csv", "🦊 notes.json", "ünï.rst", "a\tb.eml"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Subject: words\n\nwords" if name.endswith("eml") else "words")
    assert "words" in read_path(path).text


CHILD = """
import resource, sys
from pathlib import Path
from knowledge import grammars
from knowledge.errors import ReadError
from knowledge.read import read_path
limit = 1536 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    try:
        read_path(Path(path))
        print("read", path)
    except ReadError as error:
        print("refused", path, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as Linux does")
def test_hostile_files_are_handled_within_the_memory_of_a_small_machine(tmp_path: Path) -> None:
    docx, part = OFFICE["a.docx"]
    files = {
        "laughs.xml": f"{LAUGHS}<x>&a11;</x>".encode(),
        "bomb.docx": replaced(docx, part, b"<p>" + b" " * 2**25),
        "tags.docx": replaced(docx, part, b"<x/>" * 1_900_000),
        "lists.json": b"[" + b"[]," * 1_900_000 + b"0]",
        "many.json": b"[" + b"[]," * 4_000_000 + b"0]",
        "deep.json": b"[" * 5_000_000,
        "wide.csv": b"a," * 2_000_000 + b"\n" + b"1," * 2_000_000,
        "mail.mbox": b"From x@y Mon Jan  1 10:00:00 2024\nSubject: s\n\n\n" * 20_000,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(files)
