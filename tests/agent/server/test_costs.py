"""What an ask has cost is booked, however it ends: whoever leaves early pays for what was said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.budget import Limits
from agent.cli.serve_mcp import Asking
from agent.events import Token
from agent.messages import Price
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.server.admission import Admission
from agent.server.asking import Ask
from agent.server.bodies import ChatRequest
from agent.server.spending import Spending
from agent.server.users import ALL, User
from tests.agent.server.hosted import Hosted, hosted

ADA = User("ada", id="a" * 16, reads=(ALL,), limits=Limits(cost=1.0), day_cost=1.0)
QUESTION = "Does the Moon have air?"
BODY = ChatRequest.model_validate(
    {"model": "understudy/naive", "messages": [{"role": "user", "content": QUESTION}]}
)


class Paid(Scripted):
    price = Price(input=0.001, output=0.001)


@pytest.fixture
def spending(tmp_path: Path) -> Iterator[Spending]:
    opened = Spending(tmp_path / "spending.db")
    yield opened
    opened.close()


@pytest.fixture
async def server() -> AsyncIterator[Hosted]:
    async with hosted() as server:
        endless = ScriptedReply("The Moon has no air. [1] ", endless=True, delay=0.001)
        server.hosting.parts.model = Paid([endless], loop=True)
        yield server


async def test_who_leaves_a_chat_in_its_middle_has_spent_what_was_said(
    server: Hosted, spending: Spending
) -> None:
    admission = Admission(spending=spending)
    events = Ask(server.hosting, admission, ADA, BODY).events()
    async with asyncio.timeout(20):
        async for event in events:
            if isinstance(event, Token):
                break
        await events.aclose()
    assert 0.0 < spending.today(ADA.kept_as) < 1.0


async def test_who_is_cut_off_in_a_chat_has_spent_what_was_said(
    server: Hosted, spending: Spending
) -> None:
    spoke = asyncio.Event()

    async def listen() -> None:
        async for event in Ask(server.hosting, Admission(spending=spending), ADA, BODY).events():
            if isinstance(event, Token):
                spoke.set()

    async with asyncio.timeout(20):
        listening = asyncio.create_task(listen())
        await spoke.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert 0.0 < spending.today(ADA.kept_as) < 1.0


async def test_who_leaves_an_ask_or_a_prompt_by_mcp_has_spent_what_was_said(
    server: Hosted, spending: Spending
) -> None:
    asking = Asking(server.hosting, Admission(spending=spending), ADA, "default")
    events = asking.ask(QUESTION, "naive", None)
    async with asyncio.timeout(20):
        async for event in events:
            if isinstance(event, Token):
                break
        await events.aclose()
        asked = spending.today(ADA.kept_as)
        saying = asyncio.create_task(asking.say("Say something."))
        model = server.hosting.model
        assert isinstance(model, Scripted)
        while len(model.calls) < 2:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0.001)
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
    assert 0.0 < asked < spending.today(ADA.kept_as)


async def test_a_days_budget_is_not_got_round_by_leaving_early(
    server: Hosted, spending: Spending
) -> None:
    admission = Admission(spending=spending)
    model = server.hosting.model
    assert isinstance(model, Scripted)
    async with asyncio.timeout(60):
        for _ in range(20):
            events = Ask(server.hosting, admission, ADA, BODY).events()
            async for event in events:
                if isinstance(event, Token):
                    break
            await events.aclose()
    assert 0 < len(model.calls) < 20
    assert spending.today(ADA.kept_as) <= 1.0
