from __future__ import annotations

import os
from pathlib import Path

import pytest

from knowledge.read import walk


def put(root: Path, *names: str, text: str = "words") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(root).files]


def test_a_folder_gives_its_documents_sorted_and_counts_what_it_passes_over(tmp_path: Path) -> None:
    put(tmp_path, "b.md", "a/z.py", "a/b.txt", ".hidden.md", ".git/HEAD.md", "x.gif", "noname")
    put(tmp_path, "~$b.docx")
    found = walk(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in found.files] == [
        "a/b.txt",
        "a/z.py",
        "b.md",
    ]
    assert found.skipped == {"binary or unknown type": 2, "hidden": 3}
    assert found.problems == ()
    assert found == walk(tmp_path)


def test_a_file_gives_itself_whatever_its_type(tmp_path: Path) -> None:
    put(tmp_path, ".secret.xyz", ".gitignore", text="*")
    assert walk(tmp_path / ".secret.xyz").files == (tmp_path / ".secret.xyz",)


def test_what_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert walk(tmp_path / "no").problems == ((str(tmp_path / "no"), "it does not exist"),)


def test_ignore_rules_hold_at_every_level_as_in_git(tmp_path: Path) -> None:
    put(tmp_path, "a.log", "keep.log", "build/x.md", "sub/a.log", "sub/local.md", "sub/b.md")
    put(tmp_path, "other/local.md", "sub/deep/build/y.md", "sub/root.md", "root.md")
    put(tmp_path, ".gitignore", text="# rules\n*.log\n!keep.log\nbuild/\n/root.md\n")
    put(tmp_path, "sub/.gitignore", text="!a.log\n/local.md\n")
    assert names(tmp_path) == ["keep.log", "other/local.md", "sub/a.log", "sub/b.md", "sub/root.md"]
    assert walk(tmp_path).skipped["ignored"] == 5


def test_an_ignored_folder_cannot_have_its_files_taken_back(tmp_path: Path) -> None:
    put(tmp_path, "out/a.md")
    put(tmp_path, ".gitignore", text="out/\n!out/a.md\n")
    assert names(tmp_path) == []


def test_rules_above_the_root_hold_inside_of_a_repository(tmp_path: Path) -> None:
    put(tmp_path, "repo/.git/config", "repo/docs/a.md", "repo/docs/draft.md", "repo/docs/api/b.md")
    put(tmp_path, "repo/.gitignore", text="draft.md\n")
    put(tmp_path, "repo/docs/.gitignore", text="!b.md\n")
    assert names(tmp_path / "repo/docs") == ["a.md", "api/b.md"]


def test_rules_above_the_root_do_not_hold_outside_of_a_repository(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md")
    put(tmp_path, ".gitignore", text="*.md\n")
    assert names(tmp_path / "docs") == ["a.md"]


def test_an_ignored_folder_that_is_asked_for_by_name_is_read(tmp_path: Path) -> None:
    put(tmp_path, ".git/config", "build/docs/a.md")
    put(tmp_path, ".gitignore", text="build/\n")
    assert names(tmp_path / "build") == ["docs/a.md"]
    assert names(tmp_path / "build" / "docs") == ["a.md"]


def test_a_pattern_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    put(tmp_path, "a.md", "b.md")
    put(tmp_path, ".gitignore", text="!\n\\\nb.md\n")
    assert names(tmp_path) == ["a.md"]


def test_link_loops_and_broken_links_are_named_and_stop_nothing(tmp_path: Path) -> None:
    put(tmp_path, "good.md", "sub/also.md")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "gone.md").symlink_to(tmp_path / "nothing")
    found = walk(tmp_path)
    assert [p.name for p in found.files] == ["good.md", "also.md"]
    assert dict(found.problems) == {
        str(tmp_path / "loop"): "a link that leads back to itself",
        str(tmp_path / "sub" / "up"): "a link that leads back to a folder above it",
        str(tmp_path / "gone.md"): "a link to something that does not exist",
    }


def test_a_link_out_of_the_tree_is_followed_once_and_one_within_it_is_not(tmp_path: Path) -> None:
    put(tmp_path, "root/real/a.md", "outside/b.md")
    (tmp_path / "root" / "inner").symlink_to(tmp_path / "root" / "real")
    (tmp_path / "root" / "one").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "two").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "file.md").symlink_to(tmp_path / "outside" / "b.md")
    found = walk(tmp_path / "root")
    shown = [p.relative_to(tmp_path / "root").as_posix() for p in found.files]
    assert shown in (["file.md", "one/b.md", "real/a.md"], ["file.md", "real/a.md", "two/b.md"])
    assert found.skipped == {"link loop": 2}
    assert found.problems == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert walk(tmp_path).skipped == {"binary or unknown type": 1}
    assert walk(tmp_path / "pipe.md").problems[0][1] == "it is neither a file nor a folder"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may open everything"
)
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.md", "closed/b.md")
    (tmp_path / "closed").chmod(0)
    found = walk(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert found.problems == ((str(tmp_path / "closed"), "no permission to open it"),)
