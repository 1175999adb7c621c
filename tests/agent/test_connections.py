"""A real MCP server's tools in an agentic answer: asked for, called, cited, and let go of."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from agent.approvals import Decision, Request
from agent.connections import Connections
from agent.events import Citation, Done, Event, Status, ToolCall, ToolResult
from agent.mcp_entry import Entry
from agent.messages import ToolRequest
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.modes.agentic import Agentic
from agent.session import Session
from tests.fakes import MemoryLibrary

ROOT = Path(__file__).parents[2]


def connections(tmp_path: Path, **changes: Any) -> Connections:
    fields = {"command": sys.executable, "args": (str(ROOT / "tests" / "mcp_fixture.py"),)}
    entry = Entry("town", "user", **{**fields, **changes})
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
