from pathlib import Path

import pytest

from knowledge.filters import Filters, under


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


def test_kind_and_age_narrow_further() -> None:
    wanted = Filters(kinds=("pdf",), since=100.0)
    assert wanted.allow("/a.pdf", "pdf", 100.0)
    assert not wanted.allow("/a.pdf", "pdf", 99.0)
    assert not wanted.allow("/a.md", "markdown", 100.0)


def test_a_folder_with_a_longer_name_is_not_under_it() -> None:
    assert not under("/docs-old/a.md", ["/docs"])
    assert under("/anything", ["/"])
