from __future__ import annotations

import asyncio
import io
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from knowledge.errors import ReadError
from knowledge.library import Library
from knowledge.read import ocr, read_bytes, walk
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import Open, names
from tests.knowledge.make_files import make_pdf, make_picture
from tests.knowledge.memory_store import MemoryStore
from tests.web import Page, Web

real = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
posix = pytest.mark.skipif(os.name != "posix", reason="the fake program is a script")


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put_tesseract(folder: Path, body: str) -> None:
    script = folder / "tesseract"
    script.write_text(f"#!{sys.executable}\nimport sys\ndata = sys.stdin.buffer.read()\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def refused(data: bytes, name: str) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name)
    return str(caught.value)


# Without the program


def test_a_picture_needs_ocr_and_is_told_how_to_get_it(nothing_installed: Path) -> None:
    reason = refused(make_picture("Hello"), "a.png")
    assert reason.startswith("it is a picture, and needs OCR: install tesseract (")
    assert ocr.install_hint() in reason


def test_a_scanned_pdf_needs_ocr_and_is_told_how_to_get_it(nothing_installed: Path) -> None:
    reason = refused(make_picture("Hello", "PDF"), "a.pdf")
    assert reason.startswith("the PDF is a scan and holds no text: needs OCR: install tesseract")


def test_pictures_in_a_folder_are_passed_over_with_a_count(nothing_installed: Path) -> None:
    folder = nothing_installed
    (folder / "a.png").write_bytes(make_picture("Hello"))
    (folder / "b.jpg").write_bytes(b"x")
    found = walk(folder)
    assert found.files == ()
    assert found.skipped == {"pictures (their text needs OCR: install tesseract)": 2}
    assert walk(folder / "a.png").files == (folder / "a.png",)


# With a program that stands in for it


@posix
def test_a_picture_is_handed_to_the_program_and_its_words_are_read(nothing_installed: Path) -> None:
    put_tesseract(
        nothing_installed,
        "assert sys.argv[1:] == ['stdin', 'stdout'] and data[:4] == b'\\x89PNG'\n"
        "print('Hello from a pic-\\nture of words.\\n\\nSecond.\\n\\f', end='')",
    )
    document = read_bytes(make_picture("x"), "a.png")
    assert document.text == "Hello from a picture of words.\n\nSecond."
    assert (document.kind, document.pages) == ("image", ())
    assert document.notes == ("read by OCR, which makes mistakes",)
    assert walk(nothing_installed).skipped["binary or unknown type"] == 1


@posix
def test_pages_of_a_scanned_pdf_are_recognised_one_by_one(nothing_installed: Path) -> None:
    from PIL import Image

    put_tesseract(nothing_installed, "print(f'A page of {len(data)} bytes.\\f', end='')")
    out = io.BytesIO()
    pages = [Image.new("L", (800, height), 200) for height in (300, 500)]
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:])
    document = read_bytes(out.getvalue(), "a.pdf")
    assert [page.number for page in document.pages] == [1, 2]
    assert document.text.count("A page of") == 2
    assert document.notes == ("2 pages read by OCR, which makes mistakes",)


@posix
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit('no such language')", "OCR failed: no such language"),
        ("", "it is a picture, and OCR sees no text in it"),
        ("sys.exit(3)", "OCR failed: exit code 3"),
    ],
)
def test_a_program_that_fails_or_sees_nothing_is_named(
    nothing_installed: Path, body: str, reason: str
) -> None:
    put_tesseract(nothing_installed, body)
    assert refused(make_picture("x"), "a.png") == reason


@posix
def test_a_program_that_hangs_is_stopped(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.read.ocr.TIMEOUT", 0.2)
    put_tesseract(nothing_installed, "import time; time.sleep(60)")
    assert "was stopped" in refused(make_picture("x"), "a.png")


@posix
def test_a_large_picture_reaches_a_program_that_is_slow_to_take_it(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setattr("knowledge.read.ocr._ASKED", 0.001)  # before it has begun to read
    put_tesseract(nothing_installed, "print(len(data) > 300_000 and 'All of it.')")
    out = io.BytesIO()
    Image.frombytes("L", (600, 600), os.urandom(360_000)).save(out, "PNG")
    assert read_bytes(out.getvalue(), "a.png").text == "All of it."


@posix
def test_a_picture_of_too_many_pixels_is_not_opened(nothing_installed: Path) -> None:
    from PIL import Image

    put_tesseract(nothing_installed, "print('words')")
    out = io.BytesIO()
    Image.new("1", (20_000, 6_000)).save(out, "PNG")
    assert len(out.getvalue()) < 50_000
    assert refused(out.getvalue(), "a.png").startswith("the picture is too large: 120 million")


@posix
def test_what_is_no_picture_is_refused(nothing_installed: Path) -> None:
    put_tesseract(nothing_installed, "print('words')")
    assert "damaged" in refused(b"words", "a.png")
    assert "damaged" in refused(make_picture("x")[:20], "a.jpg")


# With the program itself


@real
@pytest.mark.parametrize(("form", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif")])
def test_words_in_a_picture_are_read(form: str, name: str) -> None:
    assert read_bytes(make_picture("The quick brown fox", form), name).text == "The quick brown fox"


@real
@pytest.mark.parametrize(("form", "name"), [("TIFF", "a.tif"), ("PDF", "a.pdf")])
def test_a_scan_of_several_pages_keeps_their_numbers(form: str, name: str) -> None:
    data = make_picture("The first page", form, more=["The second page"])
    document = read_bytes(data, name)
    assert document.text == "The first page\n\nThe second page"
    assert document.page_at(document.text.index("second")) == 2


# In a library


def half_scanned() -> bytes:
    """A PDF with a page of text, and a scanned one."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    for data in (make_pdf(["The first page."]), make_picture("x", "PDF")):
        writer.append(PdfReader(io.BytesIO(data)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@posix
async def test_scanned_pages_beside_others_are_read_once_ocr_is_there(
    nothing_installed: Path, open_library: Open
) -> None:
    folder = nothing_installed.parent / "docs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(half_scanned())
    library = open_library(HashingEmbedder())
    report = await library.add([str(folder)])
    assert "needs OCR" in report.warned[0].reason
    assert not (await library.sync()).changed
    put_tesseract(nothing_installed, "print('Walrus on the second page.')")
    assert (await library.sync()).changed == 1
    (found,) = (await library.search("walrus", limit=1)).passages
    assert "Walrus" in found.text
    assert (await library.sync()).unchanged == 1


@posix
async def test_a_picture_that_was_read_stays_while_ocr_is_not_to_be_found(
    nothing_installed: Path, open_library: Open
) -> None:
    folder = nothing_installed.parent / "docs"
    folder.mkdir()
    (folder / "a.png").write_bytes(make_picture("x"))
    put_tesseract(nothing_installed, "print('A walrus on a picture.')")
    library = open_library(HashingEmbedder())
    assert (await library.add([str(folder)])).added == 1
    (nothing_installed / "tesseract").unlink()
    report = await library.sync()
    assert (report.removed, report.unchanged) == (0, 1)
    assert await names(library, "walrus") == ["a.png"]
    (folder / "a.png").unlink()
    assert (await library.sync()).removed == 1


@posix
async def test_a_picture_that_was_read_stays_through_a_rebuild_without_ocr(
    nothing_installed: Path, open_library: Open
) -> None:
    folder = nothing_installed.parent / "docs"
    folder.mkdir()
    (folder / "a.png").write_bytes(make_picture("x"))
    put_tesseract(nothing_installed, "print('A walrus on a picture.')")
    library = open_library(HashingEmbedder())
    await library.add([str(folder)])
    (nothing_installed / "tesseract").unlink()
    assert (await library.rebuild()).unchanged == 1
    assert await names(library, "walrus") == ["a.png"]
    assert (await library.sync()).unchanged == 1


@posix
async def test_what_ocr_would_read_of_a_file_is_known_of_it_under_a_new_name(
    nothing_installed: Path, open_library: Open
) -> None:
    folder = nothing_installed.parent / "docs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(half_scanned())
    library = open_library(HashingEmbedder())
    await library.add([str(folder)])
    (folder / "a.pdf").rename(folder / "b.pdf")
    assert (await library.sync()).moved == 1
    put_tesseract(nothing_installed, "print('Walrus on the second page.')")
    assert (await library.sync()).changed == 1
    assert await names(library, "walrus") == ["b.pdf"]


@posix
async def test_a_sync_that_is_stopped_ends_the_recognising_and_refuses_no_picture(
    nothing_installed: Path, open_library: Open
) -> None:
    folder = nothing_installed.parent / "docs"
    folder.mkdir()
    (folder / "a.png").write_bytes(make_picture("x"))
    begun = nothing_installed / "begun"
    put_tesseract(nothing_installed, f"open({str(begun)!r}, 'w'); import time; time.sleep(60)")
    library = open_library(HashingEmbedder())
    adding = asyncio.create_task(library.add([str(folder)]))
    async with asyncio.timeout(30):
        while not begun.exists():
            await asyncio.sleep(0.02)
    adding.cancel()
    await asyncio.wait([adding], timeout=20)
    assert adding.cancelled()
    put_tesseract(nothing_installed, "print('A walrus on a picture.')")
    assert (await library.sync()).added == 1


@posix
async def test_an_add_that_is_stopped_ends_the_recognising_of_a_scan_on_the_web(
    nothing_installed: Path, tmp_path: Path
) -> None:
    begun = nothing_installed / "begun"
    put_tesseract(nothing_installed, f"open({str(begun)!r}, 'w'); import time; time.sleep(60)")
    (tmp_path / "library").mkdir()
    with Web() as web:
        web.pages["/scan.pdf"] = Page(make_picture("x", "PDF"), "application/pdf")
        library = Library(
            tmp_path / "library",
            embedder=HashingEmbedder(),
            make_store=lambda _: MemoryStore(),
            allow_hosts=[web.authority],
        )
        adding = asyncio.create_task(library.add([web.url("/scan.pdf")]))
        async with asyncio.timeout(30):
            while not begun.exists():
                await asyncio.sleep(0.02)
        adding.cancel()
        await asyncio.wait([adding], timeout=20)
        assert adding.cancelled()
        library.close()
