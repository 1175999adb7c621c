"""The contract of `agent.events`, over every mode and every kind of model that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Limits
from agent.card import Card
from agent.errors import BadModelOutput, RateLimited
from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Revision,
    Status,
    Token,
    ToolCall,
    ToolResult,
    Usage,
    from_json,
    to_json,
)
from agent.messages import ToolRequest
from agent.models.embedded import Embedded
from agent.models.gateway import Gateway
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.models.wire import MALFORMED
from agent.modes.base import Mode
from agent.persona.restyle import Persona
from agent.persona.voices import Prompted, Tables
from agent.session import Session
from agent.transcripts import Transcripts, merged
from agent.wiring import MODES, Parts
from knowledge.library import Library
from tests.fakes import EchoModel, ScriptedMode
from tests.loopback import FaultKind, Loopback, Reply

TEXTS = {
    "moon.txt": "The Moon is Earth's only natural satellite. It has no air.\n\n"
    "The far side of the Moon was first seen in 1959.",
    "mars.md": "# Mars\n\nMars has two **moons**, Phobos and Deimos.",
}
QUESTION = "What moons has Mars, and has the Moon air?"
LIMITS = Limits(steps=6, tokens=3000)
CARD = Card("sailor", asides=("Arr", "matey"), words={"and": "an'"})

FAKES: dict[str, Callable[[], Mode]] = {
    "played": lambda: ScriptedMode(
        Token("Plain."), ToolCall("1", "look"), ToolResult("1", "seen"),
        Revision("Plain.", "Arr!"), Done("Arr!", "ungrounded", "played", "m"),
    ),
    "broken": lambda: ScriptedMode(Token("Pl"), BadModelOutput("broke off")),
}  # fmt: skip


def says(text: str = "", *, tool: str = "", arguments: Any = None, **rest: Any) -> Scripted:
    """A model that does the same for ever."""
    requests = (ToolRequest("call-1", tool, arguments or {}),) if tool else ()
    return Scripted([ScriptedReply(text, tool_requests=requests, **rest)], loop=True)


MODELS: dict[str, Callable[[], Any]] = {
    "embedded": lambda: Embedded(None),
    "echo": EchoModel,
    "cites": lambda: says("Mars has two moons, Phobos and Deimos [1]. It has no air [2, 9]."),
    "invents": lambda: says('Cheese "was found there by us" [1]. **So** `x[1]` it is [7].'),
    "abstains": lambda: says("The sources do not say."),
    "unmarked": lambda: says("The Moon has no air."),
    "empty": says,
    "exhausted": lambda: Scripted([]),
    "refuses": lambda: says(error=RateLimited("not now", hint="wait")),
    "dies in mid-stream": lambda: says("The Moon has no", cut=True),
    "streams for ever": lambda: says("It has no air [1], and", endless=True),
    "thinks for ever": lambda: says(thoughts="hm", endless=True),
    "loops for ever": lambda: says(tool="search_library", arguments={"query": "Moon"}),
    "calls what is not there": lambda: says(tool="launch_rocket", arguments={"to": "Mars"}),
    "writes no arguments": lambda: says(tool="search_library", arguments={MALFORMED: '{"que'}),
    "writes wrong arguments": lambda: says(
        "Let me see.", tool="search_library", arguments={"query": ["?"], "limit": -1}
    ),
}
SERVED: dict[str, Reply | FaultKind] = {
    "served": Reply("Mars has two moons, Phobos and Deimos [1]."),
    "served, with a tool": Reply(
        "", tool_calls=(("c1", "search_library", '{"query": "moons"}'),), finish="tool_calls"
    ),
    "served, with a broken tool": Reply(
        "", tool_calls=(("c1", "search_library", '{"query"'),), finish="tool_calls"
    ),
    "served, cut": "cut",
    "served, failing": "401",
}


@contextmanager
def named(model: str) -> Iterator[Any]:
    """The model of that name; behind a server of its own where it is one that is served."""
    if model in MODELS:
        yield MODELS[model]()
        return
    how = SERVED[model]
    with Loopback(reply=how if isinstance(how, Reply) else Reply()) as server:
        if not isinstance(how, Reply):
            server.fail(how)
        yield Gateway("openai/test", api_base=server.base_url, api_key="k", retries=0)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Library]]:
    """One with two documents, of which one has changed since, and one with none."""
    place = tmp_path_factory.mktemp("libraries")
    (place / "notes").mkdir()
    for name, text in TEXTS.items():
        (place / "notes" / name).write_text(text)
    found = {name: Library.open(place / name, embedder=None) for name in ("full", "empty")}
    asyncio.run(found["full"].add([str(place / "notes")]))
    (place / "notes" / "moon.txt").write_text("Changed since.")
    yield found
    for library in found.values():
        library.close()


def test_every_mode_that_is_offered_is_wired() -> None:
    assert set(Parts.from_env({}).modes()) == set(MODES)


async def check(events: Sequence[Event], library: Library) -> None:
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
        assert len(revisions) <= 1
        verified = [e for e in events if isinstance(e, Citation) and e.verified]
        assert verified or done.outcome not in ("grounded", "partial")


@pytest.mark.parametrize("library", ["full", "empty"])
@pytest.mark.parametrize("model", [*MODELS, *SERVED])
@pytest.mark.parametrize("mode", [*MODES, *FAKES])
async def test_every_ask_keeps_the_contract_within_its_budget(
    mode: str,
    model: str,
    library: str,
    tmp_path: Path,
    libraries: dict[str, Library],
) -> None:
    await ask_and_check(mode, model, libraries[library], tmp_path)


@pytest.mark.parametrize("voice", ["tables", "the model that answers"])
@pytest.mark.parametrize("model", [*MODELS, *SERVED])
@pytest.mark.parametrize("mode", [*MODES, *FAKES])
async def test_every_ask_keeps_the_contract_with_a_persona_worn(
    mode: str,
    model: str,
    voice: str,
    tmp_path: Path,
    libraries: dict[str, Library],
) -> None:
    await ask_and_check(mode, model, libraries["full"], tmp_path, voice=voice)


async def ask_and_check(
    mode: str, model: str, library: Library, tmp_path: Path, *, voice: str = ""
) -> None:
    store = Transcripts(tmp_path / "transcripts.db")
    with named(model) as asked:
        session = Session(
            modes={"m": FAKES[mode]()} if mode in FAKES else Parts.from_env({}).modes(),
            model=asked,
            library=library,
            transcripts=store,
            mode="m" if mode in FAKES else mode,
            limits=LIMITS,
            quoter=Embedded(None),
            persona=Persona(CARD, Tables(CARD) if voice == "tables" else Prompted(CARD, asked))
            if voice
            else None,
        )
        async with asyncio.timeout(120):
            events = [event async for event in session.ask(QUESTION)]
        await asked.aclose()
    await check(events, library)
    if isinstance(asked, Scripted):
        assert LIMITS.steps is not None
        assert len(asked.calls) <= LIMITS.steps
    # One answer may go past its declared maximum, and no further than as long again.
    assert LIMITS.tokens is not None
    used = [event for event in events if isinstance(event, Usage)]
    assert sum(u.input_tokens + u.output_tokens for u in used) <= 2 * LIMITS.tokens
    assert all(event.text for event in events if isinstance(event, Status))
    # What is stored is the same stream.
    assert session.id is not None
    (turn,) = store.turns(session.id)
    assert list(turn.events) == merged(events)
    store.close()
