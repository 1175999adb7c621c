"""Which files lie under a path and are to be read: recursive, sorted, `.gitignore` respected.

Reads no document. Links to files are followed. Links to folders are followed where they lead out
of the tree, once each; one that leads to a folder above itself is reported, and one to elsewhere
in the tree is passed over, since what it shows is read where it lies.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.read import ocr
from knowledge.read.kinds import kind_of_name

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    Rules = tuple[tuple[str, GitIgnoreSpec], ...]

HIDDEN = "hidden"
IGNORED = "ignored"
UNKNOWN = "binary or unknown type"
LINKED = "link loop"
PICTURE = "pictures (their text needs OCR: install tesseract)"
_LOCK = "~$"
"""Begins the name of what Office lays beside a document that is open; it holds none of its text."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies under a path."""

    files: tuple[Path, ...]
    """Files to read, sorted by path."""
    skipped: Mapping[str, int]
    """How many files and folders were passed over, by reason: `hidden` (the name begins with a dot,
    or it marks an Office document as open), `ignored` (by a `.gitignore`), `binary or unknown
    type`, `link loop` (a link to a folder that is read anyway), `pictures …` (while OCR is not
    installed). A folder counts as one."""
    problems: tuple[tuple[str, str], ...]
    """What could not be looked into: (path, reason in words)."""


def walk(root: Path) -> Walk:
    """Find the files under a folder; of a file, that file itself, whatever its type.

    The path need not exist: then it is a problem of the walk, as is all that cannot be opened.
    Ignore rules are git's: those of every folder on the way down, and, inside of a repository,
    those above the root, unless they ignore the root itself, which was asked for by name.
    """
    try:
        mode = root.stat().st_mode
    except OSError as error:
        return Walk((), {}, ((str(root), _reason(error)),))
    if stat.S_ISREG(mode):
        return Walk((root,), {}, ())
    if not stat.S_ISDIR(mode):
        return Walk((), {}, ((str(root), "it is neither a file nor a folder"),))
    walker = _Walker(root)
    walker.run()
    return Walk(
        tuple(sorted(walker.files)),
        dict(sorted(walker.skipped.items())),
        tuple(sorted(walker.problems)),
    )


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "no permission to open it"
    return error.strerror or str(error)


class _Walker:
    def __init__(self, root: Path) -> None:
        self.files: list[Path] = []
        self.skipped: Counter[str] = Counter()
        self.problems: list[tuple[str, str]] = []
        self._root = root
        self._real = os.path.realpath(root)
        self._outside: set[str] = set()
        self._sees = ocr.available()

    def run(self) -> None:
        """Walk folder after folder."""
        waiting: list[tuple[Path, Rules]] = [(self._root, _rules_above(self._root))]
        while waiting:
            folder, rules = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.problems.append((str(folder), _reason(error)))
                continue
            rules = self._with_rules_of(folder, rules)
            for entry in found:
                path = folder / entry.name
                if entry.name.startswith((".", _LOCK)):
                    self.skipped[HIDDEN] += 1
                    continue
                try:
                    is_folder = entry.is_dir()
                    if not is_folder:
                        mode = entry.stat().st_mode
                except OSError as error:
                    self._broken_link(path, entry, rules, error)
                    continue
                if _ignored(path, is_folder, rules):
                    self.skipped[IGNORED] += 1
                elif is_folder:
                    if not entry.is_symlink() or self._leads_out(path):
                        waiting.append((path, rules))
                elif not stat.S_ISREG(mode) or (kind := kind_of_name(entry.name)) is None:
                    self.skipped[UNKNOWN] += 1
                elif kind.kind == "image" and not self._sees:
                    self.skipped[PICTURE] += 1
                else:
                    self.files.append(path)

    def _broken_link(
        self, path: Path, entry: os.DirEntry[str], rules: Rules, error: OSError
    ) -> None:
        if _ignored(path, False, rules):
            self.skipped[IGNORED] += 1
        elif entry.is_symlink() and isinstance(error, FileNotFoundError):
            self.problems.append((str(path), "a link to something that does not exist"))
        elif entry.is_symlink():
            self.problems.append((str(path), "a link that leads back to itself"))
        else:
            self.problems.append((str(path), _reason(error)))

    def _leads_out(self, link: Path) -> bool:
        """Whether a link to a folder shows what would not be read without it."""
        target = os.path.realpath(link)
        here = os.path.realpath(link.parent)
        if _within(here, target):
            self.problems.append((str(link), "a link that leads back to a folder above it"))
            return False
        if _within(target, self._real) or any(_within(target, seen) for seen in self._outside):
            self.skipped[LINKED] += 1
            return False
        self._outside.add(target)
        return True

    def _with_rules_of(self, folder: Path, rules: Rules) -> Rules:
        try:
            own = _rules_in(folder)
        except OSError as error:
            self.problems.append((str(folder / ".gitignore"), _reason(error)))
            return rules
        return (*rules, own) if own else rules


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _rules_in(folder: Path) -> tuple[str, GitIgnoreSpec] | None:
    file = folder / ".gitignore"
    if not file.is_file():
        return None
    from pathspec import GitIgnoreSpec

    good = []
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue  # git too passes over a pattern that it cannot read
        good.append(line)
    return os.path.abspath(folder), GitIgnoreSpec.from_lines(good)


def _rules_above(root: Path) -> Rules:
    """The rules of the folders above, up to the repository's; none outside of one."""
    top = Path(os.path.abspath(root))
    if (top / ".git").exists():
        return ()
    rules: list[tuple[str, GitIgnoreSpec]] = []
    for folder in top.parents:
        try:
            if own := _rules_in(folder):
                rules.insert(0, own)
            is_repository = (folder / ".git").exists()
        except OSError:
            return ()
        if is_repository:
            found = tuple(rules)
            on_the_way = [top, *top.parents][: len(top.parts) - len(folder.parts)]
            return () if any(_ignored(path, True, found) for path in on_the_way) else found
    return ()


def _ignored(path: Path, is_folder: bool, rules: Rules) -> bool:
    """Whether the rules ignore a path, those of the innermost folder first, as git does."""
    full = os.path.abspath(path)
    for base, spec in reversed(rules):
        name = os.path.relpath(full, base).replace(os.sep, "/")
        if name.startswith("../") or name == ".":
            continue
        decided = spec.check_file(name + "/" if is_folder else name).include
        if decided is not None:
            return decided
    return False
