"""What sources are called where their paths are nobody's business."""

from __future__ import annotations

import pytest

from agent.server.source_names import fits, names_of, without_paths, without_places
from knowledge.types import SourceInfo


def test_no_two_sources_are_called_the_same() -> None:
    def info(source: str, document: str | None) -> SourceInfo:
        return SourceInfo(source, document, "", "text", "indexed", "", 1, 1, 0.0, "/")

    one, other = "a" * 32, "b" * 32
    sources = [
        info("/a/x.txt", one), info("/b/x.txt", other), info("/c/x.txt", other),
        info("/d/x.txt", None), info("/e/x.txt (aaaaaaaa)", one), info("/f/y.txt", one),
        info("https://example.org/x.txt", one),
    ]  # fmt: skip
    assert list(names_of(sources).values()) == [
        "x.txt (aaaaaaaa)+", "x.txt (bbbbbbbb 1)", "x.txt (bbbbbbbb 2)", "x.txt (failed)",
        "x.txt (aaaaaaaa)", "y.txt", "https://example.org/x.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "source", "told"),
    [
        (
            "/home/a b/x.pdf: no right to read /home/a b",
            "/home/a b/x.pdf",
            "x.pdf: no right to read …",
        ),
        ("'/srv/docs/x.pdf' is cut", "/srv/other.txt", "'x.pdf' is cut"),
        (r"no such file: C:\docs\deep\x.pdf", "", "no such file: x.pdf"),
        ("and/or 1/2, see https://example.org/a/b.html", "", "and/or 1/2, see https://example.org"),
        ("read as text/plain, not application/pdf", "/a.txt", "read as text/plain, not"),
    ],
)
def test_of_a_reason_paths_are_told_as_names(text: str, source: str, told: str) -> None:
    assert without_paths(text, source).startswith(told)


def test_of_a_note_addresses_are_left_out() -> None:
    note = "Butler: left plain: ollama at http://10.0.0.7:11434/v1, as /etc/x/y.toml says, is away."
    assert without_places(note) == "Butler: left plain: ollama at …, as y.toml says, is away."


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("refused by 10.0.0.5:11434.", "refused by …."),
        ("host=db.internal, db.internal:5432 and localhost:80 are away", "…, … and … are away"),
        ("[::1]:8912 is away", "… is away"),
        ("'/secret.pdf' is cut", "'secret.pdf' is cut"),
        ("and/or 1/2 at 12:30, e.g. v1.2", "and/or 1/2 at 12:30, e.g. v1.2"),
    ],
)
def test_of_a_note_addresses_without_a_scheme_are_left_out(note: str, told: str) -> None:
    assert without_places(note) == told


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("https://example.org/docs", True),
        ("https://example.org/docs/", True),
        ("https://example.org/docs/a.html#part", True),
        ("https://example.org/doc", False),
        ("/docs", False),
    ],
)
def test_a_page_is_meant_by_its_address_and_by_those_above_it(name: str, meant: bool) -> None:
    page = "https://example.org/docs/a.html"
    assert fits(name)(page, page, None) is meant
