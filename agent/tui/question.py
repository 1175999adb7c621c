"""What goes with a question that was typed: the texts that it holds folded, and what it names.

Decides between the things that `@name` may mean; knows no widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError, UsageError
from agent.plain_text import plural, short_path
from agent.tui.commands import Completion
from agent.tui.references import files, place, read, referable, references, spellings
from agent.tui.widgets.pastes import Pastes, chips
from knowledge.errors import KnowledgeError
from knowledge.filters import absolute, is_url

Sources = Callable[[str], Awaitable[Sequence[Completion]]]
"""Finds sources of the library by what is typed of their names, or by an absolute path. What each
completion names, or else its text, is one that `knowledge.filters.Filters.sources` understands."""

_MOST_SOURCES = 20
"""Sources that are offered for one name."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and what goes with it."""

    text: str
    context: str = ""
    """Pasted texts and the texts of files that it names, each under its name."""
    sources: tuple[str, ...] = ()
    """The sources that it names, for `Filters(sources=…)`; empty: all."""


async def assemble(
    text: str,
    *,
    pastes: Pastes,
    picked: Mapping[str, str],
    sources: Sources | None,
    folder: Path,
    carried: Question,
    words: Collection[str] = (),
) -> Question:
    """Put together what a question needs.

    A name after `@` that the library has as a source limits where the answer comes from; so does
    a folder's. Any other file's text goes along. What is neither stays a word.

    Args:
        text: As it was typed.
        pastes: The folded texts.
        picked: The sources that were chosen from the list, by the names that stand in the text.
        sources: Finds others.
        folder: Where relative paths begin.
        carried: What went with the question when it was sent before; it is not gathered again.
        words: Names that stay words, whatever they are the names of.

    Raises:
        UsageError: A folded text is no longer kept, or a named file cannot be read.
    """
    parts = [carried.context] if carried.context else []
    for chip in chips(text):
        if _headed(chip, carried.context):
            continue
        if (pasted := pastes.get(chip)) is None:
            raise UsageError(f"{chip} is no longer kept.", hint="Paste the text again.")
        parts.append(f"{chip}\n{pasted}")
    meant = list(carried.sources)
    for name in dict.fromkeys(each.name for each in references(text)):
        if name in words:
            continue
        if (source := await _source(name, picked, sources, folder)) is not None:
            meant.append(source)
            continue
        found = await asyncio.to_thread(_handed_in, folder, name, carried.context)
        if isinstance(found, Path):
            meant.append(str(found))
        elif found:
            parts.append(found)
    return Question(text, "\n\n".join(parts), tuple(dict.fromkeys(meant)))


def told(carried: Question) -> str:
    """In words, what goes with a question that is sent once more; nothing where nothing does."""
    parts = []
    if count := len(carried.context):
        parts.append(f"{plural(count, 'character')} handed in before")
    if carried.sources:
        parts.append("only from " + ", ".join(map(short_path, carried.sources)))
    return "Goes with it: " + " · ".join(parts) if parts else ""


def named(text: str) -> set[str]:
    """The names that a text refers to, in every way that each may be meant."""
    return {spelt for each in references(text) for spelt in spellings(each.name)}


def words_of(text: str, foreign: Set[str]) -> set[str]:
    """The names of a text that stay words, since the user has not typed them.

    A text from elsewhere must not decide which of the user's files are handed to a model; nor may
    it when it comes back from the history or from a stored session.

    Args:
        text: What is sent.
        foreign: What `named` found in texts that were not typed.
    """
    names = {each.name for each in references(text)}
    return {name for name in names if not foreign.isdisjoint(spellings(name))}


def told_of_words(words: Set[str], carried: Question) -> str:
    """In words, which names stayed words; nothing of those whose texts go along all the same."""
    left = [
        name
        for name in sorted(words)
        if not any(_headed(_head(spelt), carried.context) for spelt in spellings(name))
    ]
    if not left:
        return ""
    shown = ", ".join(f"@{name}" for name in left)
    if len(left) == 1:
        said = f"{shown} was not typed here and stays a word. To hand it in,"
    else:
        said = f"{shown} were not typed here and stay words. To hand one in,"
    return f"{said} choose it from the list."


async def offered(
    typed: str, sources: Sources | None, folder: Path
) -> tuple[list[Completion], list[Completion]]:
    """What a name that is being typed after `@` may become: sources of the library, and files.

    A file that is a source is offered once, as that. A library that cannot be asked offers none.
    """
    known: list[Completion] = []
    if sources is not None:
        with suppress(AgentError, KnowledgeError, OSError):
            found = await sources(typed)
            known = [each for each in found if referable(each.text)][:_MOST_SOURCES]
    return known, await asyncio.to_thread(_others, known, folder, typed)


def _others(known: list[Completion], folder: Path, typed: str) -> list[Completion]:
    """The files that are none of some sources."""
    places = {absolute(source_of(each)) for each in known}
    return [
        each
        for each in files(folder, typed)
        if each.text.endswith("/") or absolute(str(place(folder, each.text))) not in places
    ]


async def _source(
    name: str, picked: Mapping[str, str], sources: Sources | None, folder: Path
) -> str | None:
    """The source of the library that a name means, if it means one."""
    for spelt in spellings(name):
        if spelt in picked:
            return picked[spelt]
        if sources is None:
            continue
        path = spelt if is_url(spelt) else absolute(str(place(folder, spelt)))
        for query in dict.fromkeys((spelt, path)):
            for found in await sources(query):
                if found.text == spelt or absolute(source_of(found)) == path:
                    return source_of(found)
    return None


def source_of(found: Completion) -> str:
    """The source that a completion stands for."""
    return found.names or found.text


def _handed_in(folder: Path, name: str, carried: str) -> Path | str:
    """A folder by its path, a file by its text under its name, or nothing."""
    for spelt in spellings(name):
        path = place(folder, spelt)
        try:
            if path.is_dir():
                return path.resolve()
            if not path.exists():
                continue
        except (OSError, ValueError):  # too long, or no path at all
            continue
        head = _head(spelt)
        if _headed(head, carried):
            return ""
        try:
            return f"{head}\n{read(path)}"
        except KnowledgeError as error:
            raise UsageError(
                f"{spelt} cannot go with the question: {error}.",
                hint="Take the @ away to ask without it.",
            ) from error
    return ""


def _head(name: str) -> str:
    """What stands above the text of a file."""
    return f"[file {name}]"


def _headed(head: str, context: str) -> bool:
    """Whether a context holds a part under a name."""
    return f"\n\n{head}\n" in f"\n\n{context}"
