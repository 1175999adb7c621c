"""The embedded model reads a whole library: once, kept, and as well as it reads what was found."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.citations import ABSTENTION
from agent.errors import ContextTooLong
from agent.messages import Evidence, Message, TextDelta
from agent.models import embedded
from agent.models.base import Prepares
from agent.models.embedded import Embedded
from agent.models.reader import KeptVectors, Study
from agent.models.reader.kept import FILE
from agent.models.reader.units import quotable, units
from knowledge.errors import EmbedderUnavailable
from knowledge.types import Document, Passage
from tests.fakes import HashingEmbedder
from tests.knowledge.libraries import AbsentEmbedder, CountingEmbedder

FILLER = "The garden was quiet, and nobody came by all day long. Birds sang in the old trees. "
MOON = "The far side of the Moon was first seen by Luna 3 in 1959."


def block(text: str, source: str) -> Passage:
    document = Document(text, "text")
    return Passage(f"{document.id}:0", document.id, source, "", "line 1", 0, len(text), text, 0.0)


BLOCKS = (
    *(block(f"Page {n}. {FILLER * 20}", f"{n}.txt") for n in range(5)),
    block(f"{FILLER * 12}{MOON} {FILLER * 12}", "moon.txt"),
    *(block(f"Page {n}. {FILLER * 20}", f"{n}.txt") for n in range(5, 20)),
)


def asked(
    question: str, blocks: Sequence[Passage] = BLOCKS, prefix: str = "all"
) -> tuple[Message, ...]:
    evidence = Evidence(question, tuple(blocks))
    return (Message("user", question, evidence=evidence, prefix=prefix),)


async def said(model: Embedded, messages: Sequence[Message]) -> str:
    deltas = [delta async for delta in model.stream(messages)]
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def prepared(model: Embedded, messages: Sequence[Message]) -> list[str]:
    return [line async for line in model.prepare(messages)]


@pytest.mark.parametrize("embedder", [HashingEmbedder(), None, AbsentEmbedder()])
async def test_it_finds_the_one_sentence_and_names_its_block(embedder: Any) -> None:
    model = Embedded(embedder)
    question = "When was the far side of the Moon first seen?"
    text = await said(model, asked(question))
    assert text.replace("**", "").startswith(f"{MOON} [6]")


async def test_what_nothing_answers_is_not_answered() -> None:
    model = Embedded(HashingEmbedder())
    text = await said(model, asked("Who composed the opera Fidelio?"))
    assert text == f"{ABSTENTION}."


async def test_it_reads_once_and_tells_how_far_it_is(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    model: Prepares = Embedded(embedder, tmp_path)
    assert isinstance(model, Embedded)
    first = await prepared(model, asked("Who?"))
    assert first[0].startswith("Reading every sentence, once: 0 % of ")
    read = len(embedder.texts)
    assert read > 0
    assert await prepared(model, asked("And where?")) == []
    # Another process finds it on disk.
    assert await prepared(Embedded(embedder, tmp_path), asked("Who?")) == []
    assert len(embedder.texts) == read


async def test_of_a_library_that_has_grown_only_what_is_new_is_read(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    await prepared(Embedded(embedder, tmp_path), asked("Who?"))
    embedder.texts.clear()
    new = "Titan is the largest moon of Saturn."
    await prepared(Embedded(embedder, tmp_path), asked("Who?", (*BLOCKS, block(new, "new.txt"))))
    assert set(embedder.texts) == {new}


async def test_vectors_of_another_embedder_are_not_taken(tmp_path: Path) -> None:
    await prepared(Embedded(HashingEmbedder(), tmp_path), asked("Who?"))
    other = CountingEmbedder()
    other.name = "another"  # type: ignore[misc]
    assert await prepared(Embedded(other, tmp_path), asked("Who?"))


async def test_it_answers_the_same_whether_it_has_just_read_or_finds_what_it_read(
    tmp_path: Path,
) -> None:
    question = asked("What was seen by Luna 3?")
    first = await said(Embedded(HashingEmbedder(), tmp_path), question)
    assert await said(Embedded(HashingEmbedder(), tmp_path), question) == first
    assert await said(Embedded(HashingEmbedder()), question) == first


class Slow(HashingEmbedder):
    """Reads until it is told to stop."""

    def __init__(self) -> None:
        self.reading, self.stopped = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str], *, cancelled: Any = None, **_: Any) -> Any:
        self.reading.set()
        while not cancelled():
            pass
        self.stopped.set()
        raise InterruptedError


async def test_cancelling_stops_the_reading() -> None:
    slow = Slow()
    task = asyncio.create_task(prepared(Embedded(slow), asked("Who?")))
    await asyncio.to_thread(slow.reading.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(slow.stopped.wait, 10)


class FailsLater(HashingEmbedder):
    """A provider whose key runs out."""

    def embed(self, texts: Sequence[str], **_: Any) -> Any:
        raise EmbedderUnavailable("No more.")


async def test_an_embedder_that_gives_up_leaves_the_words() -> None:
    text = await said(Embedded(FailsLater()), asked("When was the far side of the Moon seen?"))
    assert "1959" in text


async def test_what_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MOST", 1000)
    with pytest.raises(ContextTooLong, match="1,000 characters as a whole"):
        await said(Embedded(None), asked("Who?"))


async def test_of_many_passages_without_a_prefix_the_likely_are_read_and_nothing_is_embedded() -> (
    None
):
    embedder = CountingEmbedder()
    model = Embedded(embedder)
    messages = asked("When was the far side of the Moon first seen?", prefix="")
    assert await prepared(model, messages) == []
    assert "[6]" in await said(model, messages)
    assert embedder.texts == []


def test_what_is_read_sentence_by_sentence_is_what_can_be_quoted() -> None:
    text = (
        "# Heading\n\nRun this:\n\n- one\n- two\n\nIs it so? It is.  A line\nthat wraps.\n\n"
        "***\n\n~~~\ncode()\n~~~\n\n" + FILLER
    )
    assert quotable(text) == [unit.flat for unit in units([block(text, "a.md")])]


async def test_a_heading_that_opens_a_document_is_not_quoted() -> None:
    text = "# Voyage 118: cargo in hold 1\n\nLoaded at Kiel.\n\nTimber lies in hold 1."
    answer = await said(Embedded(None), asked("What cargo is in hold 1?", [block(text, "v.md")]))
    assert "Timber" in answer
    assert "Voyage" not in answer


def test_windows_tile_the_blocks_and_are_found_again_in_them() -> None:
    study = Study(BLOCKS, None, None)
    at: dict[int, int] = {}
    for window in study._windows:
        whole = BLOCKS[window.n - 1].text
        assert whole[window.offset :].startswith(window.passage.text)
        assert not whole[at.get(window.n, 0) : window.offset].strip()
        at[window.n] = window.offset + len(window.passage.text)
    assert all(not BLOCKS[n - 1].text[end:].strip() for n, end in at.items())
    assert len(at) == len(BLOCKS)


def vectors(*texts: str) -> dict[str, Any]:
    import numpy as np

    return {text: np.full(4, n, np.float16) for n, text in enumerate(texts, start=1)}


def test_the_longest_unused_vectors_go_first(tmp_path: Path) -> None:
    now = [0.0]
    kept = KeptVectors(tmp_path, "e", most=2, clock=lambda: now[0])
    kept.put(vectors("old"))
    now[0] += 100_000
    kept.put(vectors("young"))
    now[0] += 100_000
    assert set(kept.find(["old"])) == {"old"}  # used now
    kept.put(vectors("new"))
    assert set(kept.find(["old", "young", "new"])) == {"old", "new"}


def test_a_damaged_file_is_made_anew_and_one_that_cannot_be_written_does_without(
    tmp_path: Path,
) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all " * 100)
    kept = KeptVectors(tmp_path, "e")
    assert kept.find(["a"]) == {}
    kept.put(vectors("a"))
    assert list(kept.find(["a"])["a"]) == [1, 1, 1, 1]
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT count(*) FROM vectors").fetchone() == (1,)
    db.close()
    blocked = KeptVectors(tmp_path / FILE / "below", "e")
    blocked.put(vectors("a"))
    assert blocked.find(["a"]) == {}
    assert KeptVectors(None, "e").find(["a"]) == {}
