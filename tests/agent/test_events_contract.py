"""The contract of `agent.events`, over every mode and model that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadModelOutput
from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Revision,
    Token,
    ToolCall,
    ToolResult,
    from_json,
    to_json,
)
from agent.models.scripted import Scripted
from agent.modes.base import Mode
from agent.modes.naive import Naive
from agent.session import Session
from agent.transcripts import Transcripts, merged
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

TEXTS = {
    "moon.txt": "The Moon is Earth's only natural satellite. It has no air.\n\n"
    "The far side of the Moon was first seen in 1959.",
    "mars.txt": "# Mars\n\nMars has two **moons**, Phobos and Deimos.",
}

MODES: dict[str, Callable[[], Mode]] = {
    "naive": Naive,
    "played": lambda: ScriptedMode(
        Token("Plain."), ToolCall("1", "look"), ToolResult("1", "seen"),
        Revision("Plain.", "Arr!"), Done("Arr!", "ungrounded", "played", "m"),
    ),
    "broken": lambda: ScriptedMode(Token("Pl"), BadModelOutput("broke off")),
}  # fmt: skip

MODELS: dict[str, Callable[[], Any]] = {
    "echo": EchoModel,
    "cites": lambda: Scripted(["Mars has two moons, Phobos and Deimos [1]. It has no air [2, 9]."]),
    "invents": lambda: Scripted(['Cheese "was found there by us" [1]. **So** `x[1]` it is [7].']),
    "abstains": lambda: Scripted(["The sources do not say."]),
    "unmarked": lambda: Scripted(["The Moon has no air."]),
    "empty": lambda: Scripted([""]),
    "exhausted": lambda: Scripted([]),
}

LIBRARIES: dict[str, Callable[[], MemoryLibrary]] = {
    "full": lambda: MemoryLibrary(TEXTS, stale=["mars.txt"]),
    "empty": MemoryLibrary,
}


async def check(events: Sequence[Event], library: MemoryLibrary) -> None:
    terminal = [event for event in events if isinstance(event, Done | Failed)]
    assert terminal == [events[-1]]
    calls = [event.id for event in events if isinstance(event, ToolCall)]
    assert sorted(calls) == sorted(e.id for e in events if isinstance(e, ToolResult))
    for event in events:
        assert from_json(to_json(event)) == event
        if isinstance(event, Citation):
            document = await library.document(event.document_id)
            assert 0 <= event.start < event.end <= len(document.text)
            stands = document.text[event.start : event.end] == event.quote
            assert event.verified == stands
            assert event.stale == await library.stale(event.source)
            assert all(words in event.quote for words in event.marked)
    done = events[-1]
    if isinstance(done, Done):
        said = "".join(event.text for event in events if isinstance(event, Token))
        revisions = [event for event in events if isinstance(event, Revision)]
        assert done.text == (revisions[-1].text if revisions else said)
        assert not revisions or revisions[0].before == said
        verified = [e for e in events if isinstance(e, Citation) and e.verified]
        assert verified or done.outcome not in ("grounded", "partial")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", MODES)
async def test_every_ask_keeps_the_contract(
    mode: str, model: str, library: str, tmp_path: Path
) -> None:
    chosen, held = MODES[mode](), LIBRARIES[library]()
    store = Transcripts(tmp_path / "transcripts.db")
    given: Any = held
    session = Session(
        modes={"m": chosen}, model=MODELS[model](), library=given, transcripts=store, mode="m"
    )
    events = [event async for event in session.ask("What moons has Mars, and has the Moon air?")]
    await check(events, held)
    # What is stored is the same stream.
    assert session.id is not None
    (turn,) = store.turns(session.id)
    assert list(turn.events) == merged(events)
    store.close()
