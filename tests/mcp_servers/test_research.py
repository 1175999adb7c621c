"""The research server: its tools over a real protocol session, runs over pages in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from agent.errors import UsageError
from agent.models.scripted import Scripted
from agent.research.base import Options
from agent.research.journal import Journal, Journals, Used
from agent.research.run import Research
from agent.research.types import Hit, Source, as_json
from mcp_servers.research import INSTRUCTIONS, build
from mcp_servers.research_runs import Runs, Services
from tests.agent.research.stage_fakes import Pages, free_stages
from tests.mcp_servers.serving import data, words

PAGES = {
    f"https://{host}.example/{n}": f"The canal of {host} is {n} km long. It has a lock."
    for n, host in enumerate(("a", "b", "c"), start=1)
}
ASK = {"question": "How long is the canal?"}


class Gate(Pages):
    """Pages that can be read only once somebody has opened the gate."""

    def __init__(self, pages: Mapping[str, str] = PAGES) -> None:
        super().__init__(pages)
        self.open = asyncio.Event()
        self.closed = 0

    async def read(self, hit: Hit) -> tuple[Source, str]:
        await self.open.wait()
        return await super().read(hit)

    async def aclose(self) -> None:
        self.closed += 1


class Stand:
    """The server's services over a gate."""

    def __init__(self, folder: Path) -> None:
        self.gate = Gate()
        self.journals = Journals(folder)
        self.where: list[str] = []
        self.runs = Runs(Services(lambda: self.journals, self.open, self.options, "scripted"))

    @asynccontextmanager
    async def open(self, journal: Journal) -> AsyncIterator[Research]:
        try:
            yield Research(Scripted([]), journal, self.gate, free_stages())
        finally:
            await self.gate.aclose()

    def options(self, where: str) -> Options:
        self.where.append(where)
        if where == "library":
            raise UsageError("The library is empty.", hint="agent add PATH")
        return Options()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        async with Client(build(self.runs, version="1")) as client:
            yield client


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    made = Stand(tmp_path)
    yield made
    await made.runs.close()
    made.journals.close()


async def status(client: Client, **arguments: Any) -> dict[str, Any]:
    return data(await client.call_tool("status", {"wait": 30, **arguments}))


async def test_the_schemas_are_small_and_say_what_a_tool_may_do(stand: Stand) -> None:
    async with stand.connected() as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(listed) == ["start", "status", "report", "cancel"]
    shown = [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed.values()]
    assert len(json.dumps(shown)) // 4 < 900
    assert len(INSTRUCTIONS.encode()) < 500
    changing = {n for n, t in listed.items() if t.annotations and not t.annotations.read_only_hint}
    assert changing == {"start", "cancel"}


async def test_a_run_is_started_waited_for_and_its_report_read(stand: Stand) -> None:
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        assert begun["state"] == "running"
        assert begun["question"] == ASK["question"]
        stand.gate.open.set()
        ended = await status(client)
        assert (ended["id"], ended["state"]) == (begun["id"], "done")
        assert ended["plan"]
        assert ended["pages"] == 3
        report = data(await client.call_tool("report", {}))
    assert report["id"] == begun["id"]
    assert "The canal of a is 1 km long. [" in report["markdown"].replace("”", "")
    assert "https://a.example/1" in report["markdown"]
    assert stand.gate.closed == 1


async def test_status_tells_of_progress_that_never_passes_the_whole(stand: Stand) -> None:
    told: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        assert 0 <= begun["share"] <= 1
        waiting = asyncio.create_task(
            client.call_tool("status", {"wait": 30}, progress_callback=hear)
        )
        await asyncio.sleep(0)
        stand.gate.open.set()
        assert data(await waiting)["state"] == "done"
    assert all(int(each.partition("%")[0]) <= 100 for each in told)
    assert told


async def test_status_waits_no_longer_than_it_was_asked_to(stand: Stand) -> None:
    async with stand.connected() as client:
        await client.call_tool("start", ASK)
        assert (await status(client, wait=0))["state"] == "running"


async def test_a_report_is_given_in_parts_that_join_to_the_whole(stand: Stand) -> None:
    long = {
        f"https://{n}.example/": f"The canal number {n} is {'very ' * 500}long." for n in range(40)
    }
    stand.gate = Gate(long)
    stand.gate.open.set()
    async with stand.connected() as client:
        await client.call_tool("start", {**ASK, "depth": 1})
        ended = await status(client)
        text, start, parts = "", 0, 0
        while True:
            part = data(await client.call_tool("report", {"next": start}))
            text, parts = text + part["markdown"], parts + 1
            if "next" not in part:
                break
            start = part["next"]
    assert ended["state"] == "done"
    assert parts > 1
    assert len(text) == part["length"]
    assert text.startswith("# How long is the canal?")


async def test_the_same_question_again_is_the_same_run_and_another_has_to_wait(
    stand: Stand,
) -> None:
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        again = data(await client.call_tool("start", ASK))
        assert again["id"] == begun["id"]
        other = await client.call_tool("start", {"question": "Who built the canal?"})
        assert f"Research {begun['id']} is still running" in words(other)
        stand.gate.open.set()
        await status(client)
        assert data(await client.call_tool("start", ASK))["state"] == "done"
        fresh = data(await client.call_tool("start", {**ASK, "fresh": True}))
        assert fresh["id"] != begun["id"]
        assert len(stand.journals.runs()) == 2


async def test_the_last_run_is_the_one_that_was_asked_for_last(stand: Stand) -> None:
    stand.gate.open.set()
    async with stand.connected() as client:
        first = data(await client.call_tool("start", ASK))
        await status(client)
        second = data(await client.call_tool("start", {"question": "Who built the canal?"}))
        await status(client)
        assert data(await client.call_tool("report", {}))["id"] == second["id"]
        await client.call_tool("start", ASK)
        assert (await status(client))["id"] == first["id"]
        assert data(await client.call_tool("report", {}))["id"] == first["id"]
        # Another process's run is not the last of this one, but is found by its name's beginning.
        assert (await status(client, id=second["id"][:5]))["id"] == second["id"]


async def test_hosts_may_be_given_as_addresses_and_nothing_else(stand: Stand) -> None:
    async with stand.connected() as client:
        domains = ["https://A.example/page", " b.example "]
        begun = data(await client.call_tool("start", {**ASK, "domains": domains}))
        assert stand.journals.open(begun["id"]).options.domains == ("a.example", "b.example")
        wrong = await client.call_tool("start", {**ASK, "domains": ["a b"], "fresh": True})
        assert "'a b' is no host" in words(wrong)


async def test_the_same_question_with_half_a_character_is_the_same_run(stand: Stand) -> None:
    begun = stand.runs.begin("How long is the \ud83d canal?", Options(), fresh=False)
    again = stand.runs.begin("How long is the \ud83d canal?", Options(), fresh=False)
    assert again is begun


async def test_a_price_that_is_not_known_is_not_told_as_nothing(stand: Stand) -> None:
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        await client.call_tool("cancel", {})
        journal = stand.journals.open(begun["id"])
        assert journal.plan is not None
        unpriced = replace(journal.plan, estimate=replace(journal.plan.estimate, cost=None))
        journal.record("plan", as_json(unpriced), Used(tokens=1200))
        assert (await status(client))["cost"] is None


async def test_a_cancelled_run_ends_at_once_and_goes_on_when_it_is_asked_for_again(
    stand: Stand,
) -> None:
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        ended = data(await client.call_tool("cancel", {}))
        assert ended["state"] == "stopped"
        assert stand.gate.closed == 1
        assert "has no report" in words(await client.call_tool("report", {}))
        stand.gate.open.set()
        assert data(await client.call_tool("start", ASK))["id"] == begun["id"]
        assert (await status(client))["state"] == "done"
    assert len(stand.gate.queries) == len(set(stand.gate.queries))


async def test_a_run_can_be_ended_so_that_it_writes_up_what_there_is(stand: Stand) -> None:
    async with stand.connected() as client:
        await client.call_tool("start", ASK)
        await client.call_tool("cancel", {"write": True})
        assert (await status(client))["state"] == "done"
        report = data(await client.call_tool("report", {}))
    assert "It was ended before everything was looked for." in report["markdown"]


async def test_a_run_of_a_server_that_ended_goes_on_in_the_next(tmp_path: Path) -> None:
    first = Stand(tmp_path)
    async with first.connected() as client:
        begun = data(await client.call_tool("start", ASK))
    await first.runs.close()
    first.journals.close()
    second = Stand(tmp_path)
    second.gate.open.set()
    async with second.connected() as client:
        assert (await status(client, id=begun["id"]))["state"] == "unfinished"
        assert (await status(client))["runs"][0]["state"] == "unfinished"
        assert data(await client.call_tool("start", ASK))["id"] == begun["id"]
        await status(client)
        assert data(await client.call_tool("report", {"id": begun["id"]}))["markdown"]
    await second.runs.close()
    second.journals.close()


async def test_a_report_of_another_process_can_be_read(stand: Stand, tmp_path: Path) -> None:
    stand.gate.open.set()
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        await status(client)
    other = Stand(tmp_path)
    async with other.connected() as client:
        assert data(await client.call_tool("report", {}))["id"] == begun["id"]
        assert (await status(client, id=begun["id"]))["state"] == "done"
    other.journals.close()


async def test_what_goes_wrong_is_told_with_what_to_do(stand: Stand) -> None:
    async with stand.connected() as client:
        nowhere = await client.call_tool("start", {**ASK, "where": "library"})
        assert words(nowhere).endswith("The library is empty. agent add PATH")
        undated = await client.call_tool("start", {**ASK, "since": "soon"})
        assert "Write it as 2026-01-31" in words(undated)
        assert "There is no question" in words(await client.call_tool("start", {"question": " "}))
        assert "There is no report yet" in words(await client.call_tool("report", {}))
        assert "no research run 'zzz'" in words(await client.call_tool("status", {"id": "zzz"}))
        stand.gate.down = True
        await client.call_tool("start", ASK)
        failed = await status(client)
    assert failed["state"] == "failed"
    assert "No search engine is configured." in failed["note"]


async def test_the_end_of_the_server_ends_its_runs(stand: Stand) -> None:
    async with stand.connected() as client:
        await client.call_tool("start", ASK)
        await stand.runs.close()
        assert (await status(client))["state"] == "stopped"
    assert stand.gate.closed == 1


async def test_an_open_run_of_another_model_is_not_gone_on_with(stand: Stand) -> None:
    other = stand.journals.create(ASK["question"], Options(), "openai/large")
    stand.gate.open.set()
    async with stand.connected() as client:
        begun = data(await client.call_tool("start", ASK))
        await status(client)
    assert begun["id"] != other.id
    assert stand.journals.open(begun["id"]).model == "scripted"
