"""What servers ask of their user in the middle of a call, in both revisions of the protocol."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.mcp_client import Ask, McpClient, McpFailed, Question, Reply
from agent.mcp_client.clocks import Clocks
from agent.mcp_entry import Entry

SERVER = Path(__file__).with_name("mcp_bare_server.py")
REVISIONS = ("2025-11-25", "2026-07-28")


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Person:
    """Answers in turn, and remembers what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[Question] = []
        self._replies = list(replies)

    async def __call__(self, question: Question) -> Reply:
        self.asked.append(question)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


@asynccontextmanager
async def client(logs: Path, revision: str, ask: Ask | None) -> AsyncIterator[McpClient]:
    async def yes(entry: Entry) -> bool:
        return True

    entry = Entry("bare", "user", command=sys.executable, args=(str(SERVER), revision))
    async with McpClient((entry,), logs, may_run=yes, ask=ask, env=os.environ) as opened:
        await opened.open()
        (state,) = opened.states()
        assert f"MCP {revision}" in state.about
        yield opened


async def test_what_a_person_leaves_out_takes_the_forms_default(
    tmp_path: Path, revision: str
) -> None:
    person = Person(Reply("accept", {"town": "Basel"}))
    async with client(tmp_path, revision, person) as opened:
        answer = json.loads((await opened.call("bare", "form", {})).text)
    assert answer["action"] == "accept"
    assert answer["content"] == {"town": "Basel", "days": 3}
    (question,) = person.asked
    assert (question.server, question.message, question.fault) == ("bare", "Where to?", "")
    assert set(question.schema["properties"]) == {"town", "days"}


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_its_fault(
    tmp_path: Path, revision: str
) -> None:
    person = Person(
        Reply("accept", {"days": 0}), Reply("accept", {"weeks": 1}), Reply("accept", {"days": 2})
    )
    async with client(tmp_path, revision, person) as opened:
        answer = json.loads((await opened.call("bare", "form", {})).text)
    assert answer["content"] == {"town": "Bern", "days": 2}
    faults = [question.fault for question in person.asked]
    assert faults == [
        "", "days: 0 is less than the minimum of 1", "the form has no field 'weeks'",
    ]  # fmt: skip


async def test_who_never_fits_has_answered_nothing(tmp_path: Path, revision: str) -> None:
    person = Person(Reply("accept", {"days": "soon"}))
    async with client(tmp_path, revision, person) as opened:
        answer = json.loads((await opened.call("bare", "form", {})).text)
    assert answer["action"] == "cancel"
    assert not answer.get("content")
    assert len(person.asked) == 3


async def test_a_person_may_decline_and_the_call_goes_on(tmp_path: Path, revision: str) -> None:
    async with client(tmp_path, revision, Person(Reply("decline"))) as opened:
        answer = json.loads((await opened.call("bare", "form", {})).text)
    assert answer["action"] == "decline"


async def test_a_page_to_visit_is_shown_and_not_opened(tmp_path: Path, revision: str) -> None:
    person = Person(Reply("accept", {"never": "sent"}))
    async with client(tmp_path, revision, person) as opened:
        answer = json.loads((await opened.call("bare", "page", {})).text)
    assert answer["action"] == "accept"
    assert not answer.get("content")
    (question,) = person.asked
    assert (question.message, question.url) == ("Log in.", "https://example.org/log-in")


async def test_one_who_cannot_be_asked_just_now_has_dismissed_it(
    tmp_path: Path, revision: str
) -> None:
    async def ask(question: Question) -> Reply:
        raise AgentError("There is no terminal.")

    async with client(tmp_path, revision, ask) as opened:
        answer = json.loads((await opened.call("bare", "form", {})).text)
    assert answer["action"] == "cancel"


async def test_a_form_that_is_none_harms_nothing(tmp_path: Path, revision: str) -> None:
    person = Person(Reply("accept", {"b": "x"}))
    async with client(tmp_path, revision, person) as opened:
        answer = json.loads((await opened.call("bare", "odd", {})).text)
        assert answer["action"] == "cancel"
        assert (await opened.call("bare", "plain", {})).ok


async def test_an_expression_of_a_form_or_a_result_that_would_run_for_ever_is_not_run(
    tmp_path: Path, revision: str
) -> None:
    async with asyncio.timeout(60), client(tmp_path, revision, Person(Reply("accept"))) as opened:
        answer = json.loads((await opened.call("bare", "endless", {})).text)
        assert answer["content"] == {"a": "a" * 64 + "!"}
        assert (await opened.call("bare", "expression", {})).ok


async def test_what_a_server_says_amiss_is_not_written_on_the_terminal(
    tmp_path: Path, revision: str
) -> None:
    written: list[str] = []
    terminal = logging.Handler()
    terminal.emit = lambda record: written.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(terminal)
    try:
        async with client(tmp_path, revision, None) as opened:
            assert (await opened.call("bare", "noise", {})).text == '"quiet again"'
    finally:
        logging.getLogger().removeHandler(terminal)
    assert written == []


async def test_a_server_that_ends_is_noticed_though_a_child_holds_its_output(
    tmp_path: Path, revision: str
) -> None:
    async with client(tmp_path, revision, None) as opened:
        with pytest.raises(McpFailed, match="died during orphan: it ended with exit code 7"):
            await opened.call("bare", "orphan", {})
        assert (await opened.call("bare", "plain", {})).text == '"plain"'


async def test_a_result_that_is_none_is_told_in_a_line(tmp_path: Path, revision: str) -> None:
    async with client(tmp_path, revision, None) as opened:
        with pytest.raises(McpFailed, match="its answer does not fit what it promised: ") as caught:
            await opened.call("bare", "broken", {})
    assert "\n" not in str(caught.value)


async def test_pages_to_visit_before_a_call_are_named(tmp_path: Path) -> None:
    async with client(tmp_path, "2025-11-25", None) as opened:
        outcome = await opened.call("bare", "locked", {})
    assert not outcome.ok
    assert outcome.text == "Locked.\nLog in. https://example.org/log-in"


async def test_without_anybody_to_ask_a_server_is_told_so(tmp_path: Path, revision: str) -> None:
    async with client(tmp_path, revision, None) as opened:
        outcome = await opened.call("bare", "form", {})
        assert "not supported" in outcome.text
        assert (await opened.call("bare", "plain", {})).text == '"plain"'


async def test_a_result_that_does_not_say_that_it_is_complete_is(tmp_path: Path) -> None:
    async with client(tmp_path, "2026-07-28", None) as opened:
        outcome = await opened.call("bare", "plain", {})
    assert (outcome.ok, outcome.text) == (True, '"plain"')


async def test_no_time_runs_while_a_person_is_asked() -> None:
    clocks, loop = Clocks(), asyncio.get_running_loop()
    async with clocks.running(0.05) as alive:
        with clocks.stopped():
            alive()  # a sign of life does not start it again
            late = loop.time() + 0.2
            while loop.time() < late:
                await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await _silent(clocks)


async def _silent(clocks: Clocks) -> None:
    async with clocks.running(0.01):
        with clocks.stopped():
            pass
        await asyncio.Event().wait()
