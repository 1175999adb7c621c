"""A real MCP server's tools in an agentic answer: asked for, called, cited, and let go of."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.approvals import Decision, Request
from agent.budget import Budget, Limits
from agent.connections import Connections
from agent.events import Citation, Done, Event, Status, ToolCall, ToolResult
from agent.evidence import Ledger
from agent.mcp_entry import Entry
from agent.messages import ToolRequest
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.modes.agentic import Agentic
from agent.session import Session
from tests.fakes import MemoryLibrary

ROOT = Path(__file__).parents[2]
SEARCH = "search_library"


def connections(tmp_path: Path, **changes: Any) -> Connections:
    fields = {"command": sys.executable, "args": (str(ROOT / "tests" / "mcp_fixture.py"),)}
    entry = Entry(**{"name": "town", "source": "user", **fields, **changes})
    return Connections([entry], state=tmp_path / "state", settings=tmp_path)


async def ask(session: Session, question: str, **rest: Any) -> list[Event]:
    try:
        return [event async for event in session.ask(question, **rest)]
    finally:
        await session.aclose()


def session(model: Scripted, connected: Connections, library: MemoryLibrary) -> Session:
    given: Any = library
    return Session(
        modes={"agentic": Agentic()}, model=model, library=given, mode="agentic",
        connections=connected,
    )  # fmt: skip


def calls(name: str, **arguments: Any) -> ScriptedReply:
    return ScriptedReply(tool_requests=(ToolRequest("1", name, arguments),))


async def yes(request: Request) -> Decision:
    return Decision("once")


async def test_a_tools_result_is_cited_and_checked_like_a_passage(tmp_path: Path) -> None:
    said = "The night train to Bergen leaves at 23:15."
    model = Scripted([calls("town__echo", text=said), f"{said} [1]"])
    asked = session(model, connections(tmp_path), MemoryLibrary())
    events = await ask(asked, "When does the night train leave?", decide=yes)
    assert [e.name for e in events if isinstance(e, ToolCall)][-1] == "town__echo"
    (citation,) = [e for e in events if isinstance(e, Citation)]
    assert (citation.quote, citation.verified, citation.stale) == (said, True, False)
    assert citation.source == "mcp://town/echo"
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.outcome, done.text) == ("grounded", f"{said} [1]")


async def test_a_tool_that_nobody_allows_is_not_called_and_the_answer_goes_on(
    tmp_path: Path,
) -> None:
    library = MemoryLibrary({"moon.txt": "The Moon has no air."})
    model = Scripted([calls("town__send", text="the Moon"), "The Moon has no air. [1]"])
    events = await ask(session(model, connections(tmp_path), library), "Has the Moon air?")
    refused = [e for e in events if isinstance(e, ToolResult) and not e.ok]
    assert len(refused) == 1
    done = events[-1]
    assert isinstance(done, Done)
    assert done.outcome == "grounded"


async def test_a_server_that_does_not_start_is_told_and_the_library_still_answers(
    tmp_path: Path,
) -> None:
    library = MemoryLibrary({"moon.txt": "The Moon has no air."})
    connected = connections(tmp_path, command=str(tmp_path / "missing"))
    events = await ask(
        session(Scripted(["The Moon has no air. [1]"]), connected, library), "Has the Moon air?"
    )
    notes = [e.text for e in events if isinstance(e, Status) and e.stage == "note"]
    assert any(note.startswith("town: ") for note in notes)
    assert isinstance(events[-1], Done)


async def test_a_server_that_is_slow_to_start_is_told_and_the_library_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.connections._PATIENCE", 0.1)
    library = MemoryLibrary({"moon.txt": "The Moon has no air."})
    connected = connections(tmp_path, args=("-c", "import time; time.sleep(600)"))
    events = await ask(
        session(Scripted(["The Moon has no air. [1]"]), connected, library), "Has the Moon air?"
    )
    notes = [e.text for e in events if isinstance(e, Status) and e.stage == "note"]
    assert any(note.startswith("town: It has not answered within 0.1 seconds") for note in notes)
    assert isinstance(events[-1], Done)


def test_servers_of_the_users_file_are_offered_to_a_model_that_calls_tools(
    tmp_path: Path,
) -> None:
    from agent.wiring import Parts

    parts = Parts.from_env(env={"AGENT_HOME": str(tmp_path)})
    file = parts.paths.config_file.parent / "mcp.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": {"town": {"command": "town"}, "x": {"nothing": 1}}}))
    told: list[str] = []
    parts = Parts.from_env(env={"AGENT_HOME": str(tmp_path)}, notify=told.append)
    assert parts.connections().names == ("town",)
    assert len(told) == 1


async def test_a_tools_progress_is_told_between_its_call_and_its_result(tmp_path: Path) -> None:
    model = Scripted([calls("town__slow", steps=2, seconds=0), "I cannot say."])
    events = await ask(
        session(model, connections(tmp_path), MemoryLibrary()), "Is it done?", decide=yes
    )
    steps = [e for e in events if isinstance(e, Status | ToolCall | ToolResult)]
    first = Status("town: slow: step 1 (1 of 2)", stage="tool")
    assert first in steps
    call = next(n for n, e in enumerate(steps) if isinstance(e, ToolCall) and e.name != SEARCH)
    assert isinstance(steps[steps.index(first) + 1], ToolResult | Status)
    assert call < steps.index(first)


async def test_a_later_ask_reads_on_in_a_large_result_and_cites_it(tmp_path: Path) -> None:
    said = "The night train to Bergen leaves at 23:15."
    model = Scripted(
        [
            calls("town__echo", text="Trains run daily.\n" * 1000 + said),
            "I cannot say.",
            calls("read_result", handle="r1", find=said),
            f"{said} [1]",
        ]
    )
    asked = session(model, connections(tmp_path), MemoryLibrary())
    async for _ in asked.ask("Which trains are there?", decide=yes):
        pass
    events = await ask(asked, "When does the night train leave?", decide=yes)
    reading = {spec.name: spec for spec in model.offered[-1]}["read_result"]
    assert "r1 (town echo, 18042 characters)" in reading.description
    citations = [e for e in events if isinstance(e, Citation)]
    assert citations
    assert {(c.source, c.verified) for c in citations} == {("mcp://town/echo", True)}


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_time_that_a_person_takes_is_not_the_asks(tmp_path: Path) -> None:
    clock, asked = Clock(), list[Request]()
    budget = Budget(Limits(seconds=600), clock=clock)
    project = connections(tmp_path, file=str(tmp_path / ".mcp.json"), source="project")

    async def slowly(request: Request) -> Decision:
        asked.append(request)
        clock.now += 3600
        return Decision("always" if request.kind == "command" else "once")

    project.ask_through(slowly)
    tools = await budget.within(lambda: project.tools(Ledger("q"), {}, 1_000_000, len))
    send = {tool.spec.name: tool for tool in tools}["town__send"]
    await budget.within(lambda: send.call({"text": "x"}))
    await project.aclose()
    assert [request.kind for request in asked] == ["command", "tool"]
    assert budget.seconds_left == 600


def bare(tmp_path: Path) -> Connections:
    """A server whose tools ask their user for something."""
    file = ROOT / "tests" / "agent" / "mcp_bare_server.py"
    return connections(tmp_path, args=(str(file), "2025-11-25"))


async def test_what_a_server_asks_is_answered_by_the_person_and_told(tmp_path: Path) -> None:
    asked: list[Request] = []

    async def filled(request: Request) -> Decision:
        asked.append(request)
        return Decision("once", content={"town": "Bergen"} if request.kind == "form" else None)

    model = Scripted([calls("town__form"), "I cannot say."])
    events = await ask(session(model, bare(tmp_path), MemoryLibrary()), "Where?", decide=filled)
    form = asked[-1]
    assert (form.kind, form.choices) == ("form", ("once", "deny"))
    assert form.detail.splitlines() == [
        "Where to?", 'town: string. If left out: "Bern".', "days: integer. If left out: 3.",
    ]  # fmt: skip
    result = [e for e in events if isinstance(e, ToolResult)][-1].text
    assert '"action": "accept", "content": {"town": "Bergen", "days": 3}' in result
    assert Status("town asked: Where to?; your answer was sent.", stage="note") in events


async def test_a_face_that_shows_no_forms_fills_in_nothing(tmp_path: Path) -> None:
    model = Scripted([calls("town__form"), "I cannot say."])
    events = await ask(session(model, bare(tmp_path), MemoryLibrary()), "Where?", decide=yes)
    assert '"action": "decline"' in [e for e in events if isinstance(e, ToolResult)][-1].text
    (note,) = [e.text for e in events if isinstance(e, Status) and e.stage == "note"]
    assert note == "town asked: Where to?; it was declined, for no form can be filled in here."


async def test_a_page_to_visit_is_shown_and_not_opened(tmp_path: Path) -> None:
    asked: list[Request] = []

    async def no(request: Request) -> Decision:
        asked.append(request)
        return Decision("deny" if request.kind == "url" else "once")

    model = Scripted([calls("town__page"), "I cannot say."])
    events = await ask(session(model, bare(tmp_path), MemoryLibrary()), "Where?", decide=no)
    assert asked[-1].detail == "https://example.org/log-in\nLog in."
    assert '"action": "decline"' in [e for e in events if isinstance(e, ToolResult)][-1].text
    (note,) = [e.text for e in events if isinstance(e, Status) and e.stage == "note"]
    assert note == "town asked: Log in. (https://example.org/log-in); it was declined."


async def test_where_nobody_can_be_asked_a_server_hears_so_and_the_user_reads_it(
    tmp_path: Path,
) -> None:
    connected = connections(
        tmp_path, args=(str(ROOT / "tests/agent/mcp_bare_server.py"), "2025-11-25"),
        approved=("*",),
    )  # fmt: skip
    model = Scripted([calls("town__form"), "I cannot say."])
    events = await ask(session(model, connected, MemoryLibrary()), "Where?")
    assert '"action": "decline"' in [e for e in events if isinstance(e, ToolResult)][-1].text
    (note,) = [e.text for e in events if isinstance(e, Status) and e.stage == "note"]
    assert "nobody can be asked here" in note
