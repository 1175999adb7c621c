from __future__ import annotations

import os
from pathlib import Path

from knowledge.corpus import BLOCK, Corpus, blocks
from knowledge.filters import Filters
from knowledge.library import Library
from knowledge.pack import listed
from knowledge.types import Document, Section, Span
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import Open

PARAGRAPH = "A fox is a small animal that hunts at dusk, and a whale is a large one. " * 6


def sources(corpus: Corpus) -> list[str]:
    return list(dict.fromkeys(Path(block.source).name for block in corpus.blocks))


async def check(corpus: Corpus, library: Library) -> None:
    """Every block stands in its document, and nothing but white space is left out."""
    at: dict[str, int] = {}
    for block in corpus.blocks:
        document = await library.document(block.document_id)
        assert block.text == document.text[block.start : block.end]
        assert block.place == document.place(Span(block.start, block.end))
        assert not document.text[at.get(document.id, 0) : block.start].strip()
        at[document.id] = block.end
    for document_id, end in at.items():
        assert not (await library.document(document_id)).text[end:].strip()


async def test_all_that_is_stored_is_there_in_blocks_that_can_be_cited(
    docs: Path, open_library: Open
) -> None:
    long = "\n\n".join(f"## Part {n}\n\n{PARAGRAPH}" for n in range(30))
    (docs / "long.md").write_text(f"# Long\n\n{long}\n")
    library = open_library(HashingEmbedder())
    await library.add([str(docs)])
    corpus = await library.corpus()
    await check(corpus, library)
    assert corpus.documents == 4
    assert len(corpus.blocks) > 6
    assert max(len(block.text) for block in corpus.blocks) <= BLOCK
    # A marker means a screenful, and its heading line costs little.
    assert sum(len(b.text) > BLOCK / 3 for b in corpus.blocks) >= len(corpus.blocks) - 5
    assert len(listed(corpus.blocks)) < 1.1 * corpus.characters


async def test_what_is_added_later_comes_last_and_changes_nothing_before_it(
    docs: Path, open_library: Open
) -> None:
    library = open_library()
    await library.add([str(docs)])
    before = await library.corpus()
    (docs / "aardvark.md").write_text("# Aardvark\n\n~~~~~~~~~~\nIt comes first by name.\n")
    await library.sync()
    after = await library.corpus()
    assert sources(after) == [*sources(before), "aardvark.md"]
    assert after.digests[: len(before.digests)] == before.digests
    assert after.digest != before.digest
    assert listed(after.blocks).startswith(listed(before.blocks))


async def test_what_has_changed_goes_to_the_end(docs: Path, open_library: Open) -> None:
    library = open_library()
    await library.add([str(docs)])
    first, *others = sources(await library.corpus())
    (docs / first).write_text("All is new here.\n")
    await library.sync()
    assert sources(await library.corpus()) == [*others, first]


async def test_files_that_are_only_touched_change_nothing(docs: Path, open_library: Open) -> None:
    library = open_library()
    await library.add([str(docs)])
    one = await library.corpus()
    os.utime(docs / sources(one)[0], (1, 1))
    await library.sync()
    assert await library.corpus() == one


async def test_a_text_with_two_sources_stands_there_once(docs: Path, open_library: Open) -> None:
    library = open_library()
    await library.add([str(docs)])
    (docs / "other.txt").write_text((docs / "notes.txt").read_text())
    await library.sync()
    corpus = await library.corpus()
    assert sources(corpus).count("notes.txt") == 1
    assert "other.txt" not in sources(corpus)
    # Unless only the other one is asked for.
    only = await library.corpus(Filters(sources=("other.txt",)))
    assert sources(only) == ["other.txt"]
    assert only.blocks[0].text == "Retry five times, then give up."


async def test_filters_leave_what_they_allow(docs: Path, open_library: Open) -> None:
    os.utime(docs / "whales.md", (1, 1))
    library = open_library()
    await library.add([str(docs)])
    for filters, expected in (
        (Filters(sources=("foxes.md", "notes.txt")), {"foxes.md", "notes.txt"}),
        (Filters(kinds=("markdown",)), {"foxes.md", "whales.md"}),
        (Filters(kinds=("markdown",), since=1000.0), {"foxes.md"}),
        (Filters(sources=("nothing.md",)), set()),
    ):
        corpus, extent = await library.corpus(filters), await library.extent(filters)
        assert set(sources(corpus)) == expected
        assert extent.documents == corpus.documents == len(expected)


async def test_its_extent_is_known_without_reading_it(docs: Path, open_library: Open) -> None:
    (docs / "long.txt").write_text("\n\n".join([PARAGRAPH] * 20))
    library = open_library()
    await library.add([str(docs)])
    extent = await library.extent()
    whole = [
        (await library.document(block.document_id)) for block in (await library.corpus()).blocks
    ]
    texts = {document.id: document.text.rstrip() for document in whole}
    assert extent.documents == 4
    assert extent.characters == sum(map(len, texts.values()))
    assert Path(extent.largest[0][0]).name == "long.txt"
    sizes = [size for _, size in extent.largest]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == extent.characters


async def test_an_empty_library_has_no_blocks(open_library: Open) -> None:
    library = open_library()
    assert await library.corpus() == Corpus()
    assert (await library.extent()).documents == 0
    assert Corpus().digest == ""


def test_a_block_ends_where_a_section_does_once_it_is_long_enough() -> None:
    parts = [("a", 400), ("a", 400), ("b", 500), ("c", 2900), ("d", 4000), ("d", 10)]
    text, chunks, sections = "", [], []
    for name, size in parts:
        start = len(text)
        text += f"{name * size}\n\n"
        chunks.append(Span(start, start + size))
        if not sections or sections[-1].headings != (name,):
            sections.append(Section((name,), start, start))
    document = Document(text, "markdown", sections=tuple(sections))
    made = list(blocks(document, "x.md", chunks))
    # 400 + 400 + 500 go together: alone they are too short. 4000 in one chunk stay one block.
    assert [block.text.strip()[-1:] + str(len(block.text)) for block in made] == [
        "b1304", "c2900", "d4000", "d10",
    ]  # fmt: skip
    assert [block.place for block in made] == ["a", "c", "d", "d"]
    assert [block.chunk_id for block in made] == [f"{document.id}:{n}" for n in (0, 3, 4, 5)]
