"""`@name` in a question: found in the text, completed, and turned into what it stands for.

A name is that of a source of the library, which the answer is then drawn from, or of a file or a
folder as it would be typed here. Knows no widget; touches the disk, so call it in a thread.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agent.plain_text import line, size
from agent.tui.commands import Completion

LIMIT = 200_000
"""Characters of a file that go with a question."""
_LOOKED_AT = 3000
"""Names that one completion looks at: a folder may hold any number."""
_OFFERED = 50
_REFERENCE = re.compile(r'(?<!\S)@(?:"(?P<quoted>[^"\n]+)"|(?P<bare>[^\s"]+))')
_BEGUN = re.compile(r'(?<!\S)@(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"]*))$')
_CLOSING = ".,;:!?)]}'’”…"
_NOT_ENTERED = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One name after an `@`."""

    name: str
    start: int
    """Where its `@` stands, in characters from the beginning of the text."""
    end: int


def references(text: str) -> list[Reference]:
    """All of a text, in order. An `@` within a word, as of an address, begins none."""
    return [
        Reference(match["quoted"] or match["bare"], match.start(), match.end())
        for match in _REFERENCE.finditer(text)
    ]


def begun(before: str) -> Reference | None:
    """The reference that is being typed at the end of a text, if there is one."""
    match = _BEGUN.search(before)
    if match is None:
        return None
    return Reference(match["quoted"] or match["bare"] or "", match.start(), match.end())


def written(name: str) -> str:
    """A name as it is referred to."""
    return f'@"{name}"' if any(c.isspace() for c in name) else f"@{name}"


def referable(name: str) -> bool:
    """Whether a name can stand after an `@` as it is: no controls, no quotes, valid text."""
    shown = all(character.isprintable() or character.isspace() for character in name)
    return shown and line(name) == name and '"' not in name


def spellings(name: str) -> list[str]:
    """What a typed name may mean: itself, and without the marks that close a sentence."""
    bare = name.rstrip(_CLOSING)
    return [name] if bare in (name, "") else [name, bare]


def place(folder: Path, name: str) -> Path:
    """Where a typed path leads."""
    return folder / os.path.expanduser(name)


def files(folder: Path, typed: str) -> list[Completion]:
    """Files and folders that a typed path may go on to; a lone name is looked for below, too.

    Args:
        folder: Where relative paths begin.
        typed: What stands there so far.
    """
    head, slash, last = typed.rpartition("/")
    base = place(folder, head + slash)
    found = [
        _completion(head + slash, entry)
        for entry in _entries(base)
        if entry.name.casefold().startswith(last.casefold())
        and (last.startswith(".") or not entry.name.startswith("."))
        and referable(entry.name)
    ]
    if last and not slash:
        known = {each.text for each in found}
        found += [each for each in _below(folder, last) if each.text not in known]
    return found[:_OFFERED]


def read(path: Path) -> str:
    """The text of a file of any kind that the library reads; of a long one its beginning.

    Raises:
        ReadError: It cannot be read, with the reason.
    """
    from knowledge.read import read_path

    text = read_path(path).text
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT]}\n[{len(text) - LIMIT:,} characters more were left out]"


def pasted_path(text: str) -> Path | None:
    """The existing file or folder that a pasted text names, as terminals write a dropped one.

    Quoted, with backslashes before its spaces, as a file URL, or as it is; absolute or from home.
    """
    text = text.strip()
    if not text or "\n" in text or len(text) > 4096:
        return None
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        tried = [text[1:-1]]
    elif text.startswith("file://"):
        url = urlsplit(text)
        tried = [unquote(url.path)] if url.netloc in ("", "localhost") else []
    else:
        tried = [text, re.sub(r"\\(.)", r"\1", text)]
    for name in tried:
        path = os.path.expanduser(name)
        # A lone word or the root is no path that someone means by pasting it.
        if os.path.isabs(path) and len(path) > 1 and referable(path) and os.path.lexists(path):
            return Path(path)
    return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; nothing where it cannot be opened."""
    try:
        with os.scandir(folder) as entries:
            some = [entry for entry, _ in zip(entries, range(_LOOKED_AT), strict=False)]
    except (OSError, ValueError):
        return []
    return sorted(some, key=lambda entry: entry.name.casefold())


def _completion(before: str, entry: os.DirEntry[str]) -> Completion:
    try:
        if entry.is_dir():
            return Completion(f"{before}{entry.name}/", "folder")
        return Completion(before + entry.name, size(entry.stat().st_size))
    except OSError:
        return Completion(before + entry.name, "cannot be opened")


def _below(folder: Path, part: str) -> Iterator[Completion]:
    """Files below a folder whose names hold a part, the nearest first."""
    waiting, left = deque([folder]), _LOOKED_AT
    while waiting and left > 0:
        inside = waiting.popleft()
        for entry in _entries(inside):
            left -= 1
            if entry.name.startswith(".") or not referable(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_ENTERED:
                    waiting.append(Path(entry.path))
            elif part.casefold() in entry.name.casefold():
                before = os.path.relpath(inside, folder)
                yield _completion("" if before == "." else f"{before}/", entry)
