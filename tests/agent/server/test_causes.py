"""What is told of an ask, as it is told to who is not the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError, TranscriptError
from agent.events import Done, Status
from agent.server.causes import done_for, ended_for, step_for
from agent.server.tickets import TOLD
from agent.server.users import OWNER, User
from tests.agent.server.test_mounts import Session
from tests.agent.server.whole_server import Whole, fill, whole

ADA, ME = User("ada", reads=("default",)), User(OWNER)
WORDS = "openai at db.internal says: no more than 5 tokens, for /srv/a b/x"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    async with whole(ADA) as server:
        yield server


@pytest.fixture
def log() -> Iterator[dict[str, Any]]:
    """What the log's line of a request is told."""
    told: dict[str, Any] = {}
    reset = TOLD.set(told)
    yield told
    TOLD.reset(reset)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "/srv/secret/personas"),
        TranscriptError("/srv/secret/x.db is damaged.", hint="rm /srv/secret/x.db"),
        AgentError("/srv/secret/butler.toml has no voice."),
    ],
)
async def test_why_an_ask_by_mcp_cannot_be_begun_only_the_owner_is_told(
    server: Whole, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(server.hosting, "session", fails)
    said = {}
    for user in ("ada", "owner"):
        async with server.client(user) as client:
            session = Session(client, "/mcp")
            await session.open()
            failed = await session.call("ask", question="Has the Moon air?")
            assert failed["isError"]
            said[user] = failed["content"][0]["text"]
    assert "secret" not in said["ada"]
    assert isinstance(error, OSError) or "secret" in said["owner"]


def test_a_step_tells_others_that_a_mode_gave_way_and_not_in_whose_words() -> None:
    step = Status(f"naive: cag could not take it: {WORDS}", stage="route")
    assert step_for(ADA, step) == Status("naive: cag could not take it.", stage="route")
    assert step_for(ME, step) is step
    asked = Status("Searching for “/etc/x/y”", stage="search")
    assert step_for(ADA, asked) is asked
    for stage in ("note", "record"):
        assert step_for(ADA, Status(WORDS, stage=stage)) is None


def test_the_log_is_told_what_was_left_out_of_an_answer_that_ends_now(log: dict[str, Any]) -> None:
    done = Done(
        "Text.", "grounded", "naive", "m",
        note=f"These are quotations. butler: 0 of 1 sentence restyled; the rest stays plain "
        f"(the voice failed: {WORDS}).",
        route=f"auto: long; cag could not take it: {WORDS}",
    )  # fmt: skip
    told = done_for(ADA, done)
    assert told.note == (
        "These are quotations. butler: 0 of 1 sentence restyled; the rest stays plain "
        "(the voice failed)."
    )
    assert told.route == "auto: long; cag could not take it."
    assert log == {}
    assert ended_for(ME, done) is done
    assert log == {}
    assert ended_for(ADA, done) == told
    assert log["cause"].count(WORDS) == 2


async def test_who_has_no_command_line_is_not_told_what_to_type_there(tmp_path: Path) -> None:
    async with whole(ADA) as server:
        notes = {}
        for user in ("ada", "owner"):
            async with server.client(user) as client:
                answer = await client.post(
                    "/v1/chat/completions",
                    json={
                        "model": "understudy/naive",
                        "messages": [{"role": "user", "content": "Has the Moon air?"}],
                    },
                )
                notes[user] = answer.json()["understudy"]["note"]
    assert notes["ada"] == "The library is empty."
    assert notes["owner"] == "The library is empty. Add documents: agent add PATH"
