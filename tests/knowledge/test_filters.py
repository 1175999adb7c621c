from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.catalog import Catalog
from knowledge.filters import Filters, below, under
from knowledge.selection import Selection
from knowledge.sources import Entry
from knowledge.types import Document


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("/docs", True),
        ("/docs/", True),
        ("/docs/a.md", True),
        ("a.md", True),
        ("*.md", True),
        ("/docs/*", True),
        ("/doc", False),
        ("b.md", False),
        ("*.pdf", False),
    ],
)
def test_a_source_is_meant_by_path_folder_name_or_glob(name: str, wanted: bool) -> None:
    assert Filters(sources=(name,)).allow("/docs/a.md", "markdown", 0.0) is wanted


def test_a_relative_path_means_the_file_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Filters(sources=("sub",)).allow(str(tmp_path.resolve() / "sub/x.md"), "markdown", 0.0)


def test_a_home_of_nobody_and_links_in_a_circle_are_names_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    for name in ("~nobody-of-this-name/x.md", "circle"):
        assert Filters(sources=(name,)).allow(str(tmp_path.resolve() / name), "markdown", 0.0)


def test_kind_and_age_narrow_further() -> None:
    wanted = Filters(kinds=("pdf",), since=100.0)
    assert wanted.allow("/a.pdf", "pdf", 100.0)
    assert not wanted.allow("/a.pdf", "pdf", 99.0)
    assert not wanted.allow("/a.md", "markdown", 100.0)


def test_a_folder_with_a_longer_name_is_not_under_it() -> None:
    assert not under("/docs-old/a.md", ["/docs"])
    assert under("/anything", ["/"])


SOURCES = {
    "/docs/a.md": ("markdown", 100),
    "/docs/sub/a.md": ("markdown", 200),
    "/docs/[draft] b.txt": ("text", 300),
    "/docs-old/c.pdf": ("pdf", 400),
    "/docs.md/d.txt": ("text", 500),
    "https://example.org/page/": ("html", 600),
}


@pytest.mark.parametrize(
    "name",
    ["/docs", "/docs/", "/", "a.md", "*.md", "*/a.*", "[draft] b.txt", "[!a].pdf", "[", "a*",
     "[abc].md", "*/[!x].txt", "/docs/[]a].md",
     "page", "/docs/*", "?.txt", "A.md", "", "%", "nothing", "https://example.org/page/"],
)  # fmt: skip
def test_the_catalogue_finds_the_documents_whose_sources_a_name_means(
    tmp_path: Path, name: str
) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    ids: dict[str, str] = {}
    for source, (kind, changed) in SOURCES.items():
        document = Document(source, kind)  # type: ignore[arg-type]
        entry = Entry(source, "/", document.id, "", 1, changed * 10**9, 0, "", 0.0)
        catalog.documents.put(document, [], embedded=False, entries=[entry])
        ids[source] = document.id
    catalog.sources.settle([], "")
    for filters in (
        Filters(sources=(name,)),
        Filters(sources=("c.pdf", name), kinds=("pdf", "text")),
        Filters(sources=(name,) * 101, since=300.0),
        Filters(kinds=("markdown",), since=150.0),
    ):
        wanted = {ids[s] for s, (kind, at) in SOURCES.items() if filters.allow(s, kind, at)}
        for few in (0, 1, 100):
            assert Selection(catalog._db, filters, few).every() == wanted
            assert Selection(catalog._db, filters, few).few() in (None, wanted)
            assert Selection(catalog._db, filters, few).among(set(ids.values())) == wanted
        assert catalog.select(filters).few() == wanted
    catalog.close()


def test_a_link_that_is_named_by_a_relative_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "elsewhere.md").write_text("text")
    (tmp_path / "sub/link.md").symlink_to(tmp_path / "elsewhere.md")
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(tmp_path / "catalog.sqlite")
    document = Document("text", "markdown")
    entry = Entry(str(tmp_path / "sub/link.md"), "/", document.id, "", 1, 1, 1, "", 0.0)
    catalog.documents.put(document, [], embedded=False, entries=[entry])
    catalog.sources.settle([], "")
    assert catalog.select(Filters(sources=("sub/link.md",))).few() == {document.id}
    catalog.close()


def test_sources_that_are_named_exactly_are_those_and_no_others(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    ids: dict[str, str] = {}
    for n in range(300):
        source = f"/docs/[{n % 2}] {n}.md"
        document = Document(source, "markdown")
        entry = Entry(source, "/", document.id, "", 1, 10**9, 0, "", 0.0)
        catalog.documents.put(document, [], embedded=False, entries=[entry])
        ids[source] = document.id
    catalog.sources.settle([], "")
    for some in ([], ["/docs/[0] 2.md"], ["/docs", "/docs/*"], list(ids)[:150], list(ids)):
        filters = Filters(exactly=frozenset(some))
        wanted = {ids[source] for source in some if source in ids}
        assert {ids[s] for s in ids if filters.allow(s, "markdown", 1.0)} == wanted
        for few in (0, 1, 1000):
            assert Selection(catalog._db, filters, few).every() == wanted
            assert Selection(catalog._db, filters, few).among(set(ids.values())) == wanted
    catalog.close()


NAMES = st.text("ab/", max_size=6)


@given(NAMES, st.lists(NAMES, max_size=4))
def test_what_lies_below_many_paths_lies_under_one_of_them(source: str, paths: list[str]) -> None:
    assert below(paths)(source) == under(source, paths)
