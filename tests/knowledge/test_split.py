from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import ReadError
from knowledge.read import read_bytes, stopping
from knowledge.split import CHARACTERS_PER_TOKEN, LIMIT, estimate_tokens, split
from knowledge.types import Chunk, Document
from tests.knowledge.make_files import make_docx, make_pdf

PROSE = "The library holds many books. Each of them is read by someone, e.g. Dr. Smith. "


def check(
    document: Document,
    chunks: list[Chunk],
    limit: int = LIMIT,
    count: Callable[[Sequence[str]], list[int]] = estimate_tokens,
) -> None:
    """What holds for every document, however it is split."""
    at = 0
    for ordinal, chunk in enumerate(chunks):
        assert (chunk.document_id, chunk.ordinal) == (document.id, ordinal)
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        assert not document.text[at : chunk.start].strip()
        assert len(chunk.text) <= limit * CHARACTERS_PER_TOKEN
        at = chunk.end
    assert not document.text[at:].strip()
    assert all(size <= limit for size in count([chunk.text for chunk in chunks]))


def texts(source: str, name: str = "a.md", limit: int = LIMIT) -> list[str]:
    document = read_bytes(source.encode(), name)
    chunks = split(document, count=estimate_tokens, limit=limit)
    check(document, chunks, limit)
    return [chunk.text for chunk in chunks]


def test_a_small_document_is_one_chunk() -> None:
    assert texts("# Title\n\nA few words.\n\n## Next\n\nMore words.\n") == [
        "# Title\n\nA few words.\n\n## Next\n\nMore words."
    ]


def test_chunks_begin_and_end_between_sentences() -> None:
    found = texts(PROSE * 60)
    assert len(found) > 3
    assert all(text.startswith(("The", "Each")) and text.endswith(".") for text in found)


def test_a_chunk_does_not_cross_the_heading_of_a_full_section() -> None:
    found = texts(f"# One\n\n{PROSE * 8}\n\n# Two\n\n{PROSE * 8}\n\n# Three\n\n{PROSE * 8}\n")
    assert [text.split("\n")[0] for text in found] == ["# One", "# Two", "# Three"]


def test_small_sections_share_a_chunk_and_a_title_goes_with_what_follows() -> None:
    found = texts("# Title\n\n" + "".join(f"## Part {n}\n\nShort.\n\n" for n in range(60)))
    assert len(found) < 10
    assert found[0].startswith("# Title\n\n## Part 0")
    assert all(text.startswith(("# ", "## ")) for text in found)


def test_the_last_chunk_of_a_section_is_no_scrap() -> None:
    for sentences in range(10, 40):
        sizes = estimate_tokens(texts(PROSE * sentences))
        assert len(sizes) == 1 or min(sizes) >= LIMIT // 4


def test_functions_of_code_stay_whole_where_they_fit() -> None:
    body = "".join(f"    value_{n} = compute(value_{n}, {n})\n" for n in range(12))
    source = "".join(f"def function_{n}(x):\n{body}\n\n" for n in range(6))
    found = texts(source, "a.py")
    assert [text.count("def ") for text in found] == [1] * 6
    assert all(text.startswith("def ") for text in found)


def test_a_long_function_is_cut_between_lines_and_keeps_its_head() -> None:
    lines = [f"    total_{n} = first_value({n}) + second_value({n})" for n in range(200)]
    found = texts("def long(x):\n" + "\n".join(lines) + "\n", "a.py")
    assert found[0].startswith("def long(x):\n    total_0")
    assert all(text.split("\n")[-1].strip() in "\n".join(lines) for text in found)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a" * 300_000, "a.txt"),
        ("é" * 100_000, "a.txt"),
        ("word " * 50_000, "a.md"),
        ("[1,2," * 20_000, "a.json"),
        ("x = [" + "1," * 20_000 + "]\n", "a.py"),
        ("<p>" + "word," * 20_000, "a.html"),
        ("((((((((((" * 500, "a.js"),
        ("a | b\n" * 5_000, "a.txt"),
    ],
)
def test_text_without_places_to_cut_is_cut_all_the_same(source: str, name: str) -> None:
    assert len(texts(source, name)) > 1


def test_a_count_that_is_not_the_sum_of_its_parts_keeps_the_limit() -> None:
    def count(parts: Sequence[str]) -> list[int]:
        return [len(part) + len(part) // 10 for part in parts]

    document = read_bytes((PROSE * 50).encode(), "a.txt")
    check(document, split(document, count=count, limit=50), 50, count)


def test_a_character_above_the_limit_is_an_error() -> None:
    with pytest.raises(ValueError, match="one character counts more"):
        split(Document("a b", "text"), count=lambda parts: [9 for _ in parts], limit=5)


def test_a_blank_document_has_no_chunks() -> None:
    assert split(Document(" \n\n ", "text"), count=estimate_tokens) == []


MARKDOWN = ["# Head\n", "\n", "\n\n", "- item\n", "```\n", "| a | b |\n", "  ", "word ", PROSE]
OTHERS = ["def f(x):\n", "    return x\n", "class A:\n", "<h2>H</h2>", "<p>text</p>", "{\n", "}\n"]
WORDS = st.sampled_from([*MARKDOWN, *OTHERS, "é", "x" * 40, "\0\0", "a, b; c: ", ","])
NAMES = st.sampled_from(["a.md", "a.txt", "a.html", "a.py", "a.js", "a.go", "a.rb", "a.json"])


@given(
    st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map("".join)),
    NAMES,
    st.integers(3, 60),
)
def test_every_chunk_is_exact_within_the_limit_and_nothing_is_lost(
    source: str, name: str, limit: int
) -> None:
    try:
        document = read_bytes(source.encode("utf-8", "surrogatepass"), name)
    except ReadError:
        return
    chunks = split(document, count=estimate_tokens, limit=limit)
    check(document, chunks, limit)
    assert chunks == split(document, count=estimate_tokens, limit=limit)


@settings(max_examples=20)
@given(st.lists(st.lists(WORDS, max_size=30).map("".join), min_size=1, max_size=4))
def test_pages_and_word_files_are_split_exactly_too(parts: list[str]) -> None:
    clean = [part.replace("\0", "") for part in parts]
    for data, name in (
        (make_pdf(clean), "a.pdf"),
        (make_docx([("Heading 1", "H"), *(("Normal", part) for part in clean)]), "a.docx"),
    ):
        try:
            document = read_bytes(data, name)
        except ReadError:
            continue
        check(document, split(document, count=estimate_tokens, limit=30), 30)


def test_the_estimate_is_of_the_size_of_word_pieces() -> None:
    assert estimate_tokens(["", "a cat", "internationalisation", "3.14", "日本語", "don't"]) == [
        0,
        2,
        4,
        3,
        3,
        3,
    ]


def test_splitting_imports_nothing_heavy_before_it_is_needed() -> None:
    code = (
        "import sys, knowledge.split, knowledge.read\n"
        "from knowledge.read import read_bytes\n"
        "d = read_bytes(b'A few words.', 'a.txt')\n"
        "knowledge.split.split(d, count=knowledge.split.estimate_tokens)\n"
        "heavy = {'llama_index', 'tree_sitter', 'pypdf', 'docx', 'lxml', 'markdown_it'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_splitting_fetches_nothing_and_writes_nothing() -> None:
    code = """
import os, sys

def watch(event, args):
    if event.startswith("socket.connect") or event == "socket.getaddrinfo":
        raise SystemExit(f"network: {event} {args}")
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        if "__pycache__" not in str(args[0]) and str(args[0]) != os.devnull:
            raise SystemExit(f"wrote {args[0]}")
    if event == "os.mkdir" and "__pycache__" not in str(args[0]):
        raise SystemExit(f"made {args[0]}")

sys.addaudithook(watch)
from knowledge.read import read_bytes, stopping
from knowledge.split import estimate_tokens, split

for name, text in (("a.md", "A sentence stands here. " * 200), ("a.py", "x = 1\\n" * 900)):
    assert len(split(read_bytes(text.encode(), name), count=estimate_tokens)) > 1
assert not {"nltk", "tiktoken", "tree_sitter_language_pack"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_split_is_broken_off_when_it_is_wished() -> None:
    document = Document("One sentence. " * 2_000, "text")
    asked = iter([False] * 50)
    with stopping.when(lambda: next(asked, True)), pytest.raises(InterruptedError):
        split(document, count=estimate_tokens)
    assert split(document, count=estimate_tokens)
