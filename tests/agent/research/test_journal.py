"""The journal of research: what is recorded stays, and is found again."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from agent.budget import Budget, Limits
from agent.errors import BudgetSpent
from agent.messages import Delta, Message, ModelUsage, TextDelta
from agent.models.base import ChatModel
from agent.models.metered import Metered
from agent.models.scripted import Scripted
from agent.research.base import Options
from agent.research.journal import Journals, RunBusy, RunNotFound, Used
from agent.research.journal_store import JournalError
from agent.research.recorded import Recorded
from agent.research.types import (
    Estimate,
    Hit,
    Method,
    Part,
    Plan,
    Report,
    Section,
    Sentence,
    Source,
    Step,
    as_json,
    from_json,
)
from tests.agent.research.stage_fakes import said

SOURCE = Source("", "web", "u", "u", "T", "", "", "2026-01-01T00:00:00+00:00", "x", "", (), 0)


def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "research")


def report(run: str) -> Report:
    part = Part(1, "How long?", "a number", ("length",))
    plan = Plan("How long?", (part,), Estimate(4, 0, None, 3))
    section = Section("How long?", 1, (Sentence("98 km.", (1,), "quoted"),))
    method = Method("embedded", True, 1, 2, 0, (("u", "404"),), 0, 0.0, 1.5, "")
    return Report(run, "How long?", plan, (section,), (), (), (), (), 0, 0, method)


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    store = journals(tmp_path)
    options = Options(web=False, domains=("a.org",), limits=Limits(cost=0.5, tokens=10))
    run = store.create("How long?", options, "embedded")
    again = journals(tmp_path).open(run.id[:4].upper())
    assert (again.id, again.question, again.model) == (run.id, "How long?", "embedded")
    assert again.options == options


def test_the_unfinished_run_touched_last_is_opened_where_none_is_named(tmp_path: Path) -> None:
    store = journals(tmp_path)
    first, second = store.create("one", Options(), "m"), store.create("two", Options(), "m")
    first.record("work", 1)
    assert store.open().id == first.id
    first.finish(report(first.id), Used())
    assert store.open().id == second.id


def test_a_run_that_is_not_there_is_named_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="no research run 'zz'") as raised:
        journals(tmp_path).open("zz")
    assert raised.value.hint == "See them: agent research --list"
    with pytest.raises(RunNotFound, match="unfinished"):
        journals(tmp_path).open()


def test_recorded_work_outlives_the_process_with_what_was_used(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    run.record("search:1:a", [as_json(SOURCE)], Used(10, 0.25, 3, 1.5))
    again = journals(tmp_path).open(run.id)
    assert again.done("search:1:a") == [as_json(SOURCE)]
    assert again.done("search:1:b") is None
    assert again.all_done("search:") == [[as_json(SOURCE)]]
    assert again.used == Used(10, 0.25, 3, 1.5)


def test_a_source_gets_its_number_and_hash_and_keeps_its_text(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    text = "Schrödinger’s canal is 98 km long.\r\n\ud800"
    first = run.take_in("read:web:u", SOURCE, text)
    second = run.take_in("read:web:v", SOURCE, text, copy_of="s1")
    assert (first.id, second.id, first.length) == ("s1", "s2", len(text))
    assert first.sha256 == sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    again = journals(tmp_path).open(run.id)
    assert again.text("s1") == text
    assert again.sources() == (first, second)
    assert again.done("read:web:v") == {"source": "s2", "copy_of": "s1"}
    with pytest.raises(JournalError, match="no source 's3'"):
        again.text("s3")


def test_a_text_that_was_changed_in_the_file_is_not_passed_off_as_read(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    run.take_in("read:web:u", SOURCE, "98 km.")
    with sqlite3.connect(tmp_path / "research" / "journal.db") as db:
        db.execute("UPDATE sources SET text = ?", (b"99 km.",))
    db.close()
    with pytest.raises(JournalError, match="has been changed"):
        run.text("s1")


def test_a_finished_run_keeps_its_report(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    assert run.report is None
    run.finish(report(run.id), Used(5))
    again = journals(tmp_path)
    assert again.open(run.id).report == report(run.id)
    assert [(info.id, info.state) for info in again.runs()] == [(run.id, "done")]


def test_a_deleted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    store = journals(tmp_path)
    run = store.create("q", Options(), "m")
    run.take_in("read:web:u", SOURCE, "98 km.")
    store.delete(run.id)
    assert store.runs() == []
    assert b"98 km" not in (tmp_path / "research" / "journal.db").read_bytes()
    with pytest.raises(JournalError):
        run.text("s1")


def test_only_one_process_works_on_a_run(tmp_path: Path) -> None:
    store = journals(tmp_path)
    run = store.create("q", Options(), "m")
    with run.claimed(), pytest.raises(RunBusy), store.open(run.id).claimed():
        pass
    with run.claimed(), pytest.raises(RunBusy):
        store.delete(run.id)
    with run.claimed():
        pass
    assert list((tmp_path / "research").glob("*.lock")) == []


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    journals(tmp_path)
    mode = (tmp_path / "research" / "journal.db").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_text("not a database, but long enough to be taken for one" * 40)
    with pytest.raises(JournalError, match=r"cannot be used.*journal\.db"):
        Journals(tmp_path)
    assert file.read_text().startswith("not a database")


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    journals(tmp_path).close()
    with sqlite3.connect(tmp_path / "research" / "journal.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="newer version"):
        journals(tmp_path)


async def test_a_call_is_paid_for_once_whoever_asks_it_again(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    model = Scripted(["ninety-eight"])
    assert await said(Recorded(model, run, Used), "How long?") == "ninety-eight"
    again = Recorded(model, journals(tmp_path).open(run.id), Used)
    assert await said(again, "How long?") == "ninety-eight"
    assert len(model.calls) == 1


class Cut(Scripted):
    """Says that its answers were cut at the longest that was asked for."""

    async def stream(self, *args, **kwargs):  # type: ignore[no-untyped-def, override]
        async for delta in super().stream(*args, **kwargs):
            usage = isinstance(delta, ModelUsage)
            yield replace(delta, finish="length") if usage else delta


async def told(model: ChatModel, longest: int = 50) -> list[Delta]:
    stream = model.stream([Message("user", "q")], max_tokens=longest)
    async with aclosing(stream) as deltas:
        return [delta async for delta in deltas]


async def test_an_answer_that_was_cut_is_paid_for_once_and_known_for_cut(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    model = Cut(["one two", "one two three"])
    first = await told(Recorded(model, run, Used))
    again = await told(Recorded(model, journals(tmp_path).open(run.id), Used))
    assert len(model.calls) == 1
    said = "".join(delta.text for delta in again if isinstance(delta, TextDelta))
    assert said == "".join(delta.text for delta in first if isinstance(delta, TextDelta))
    assert again[-1] == ModelUsage(finish="length")
    # A longer answer is another one.
    await told(Recorded(model, run, Used), longest=100)
    assert len(model.calls) == 2


async def test_an_answer_that_the_budget_cut_is_asked_for_again(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    model = Cut(["one two"], loop=True)
    poor = Metered(model, Budget(Limits(tokens=200)))
    model.count = lambda text: len(text)  # type: ignore[method-assign]
    with pytest.raises(BudgetSpent):
        await told(Recorded(poor, run, Used), longest=500)
    await told(Recorded(model, run, Used), longest=500)
    assert len(model.calls) == 2


async def test_an_answer_that_was_stopped_is_asked_for_again(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    model, budget = Scripted(["one two"], loop=True), Budget(Limits())
    stream = Recorded(Metered(model, budget), run, Used).stream([Message("user", "q")])
    await anext(stream)
    budget.stop()
    with pytest.raises(BudgetSpent):
        async for _ in stream:
            pass
    await told(Recorded(model, run, Used))
    assert len(model.calls) == 2


async def test_an_answer_that_was_left_early_is_asked_for_again(tmp_path: Path) -> None:
    run = journals(tmp_path).create("q", Options(), "m")
    model = Scripted(["one two three", "one two three"])
    stream = Recorded(model, run, Used).stream([Message("user", "q")])
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    await said(Recorded(model, run, Used), "q")
    assert len(model.calls) == 2


def test_json_gives_the_same_value_back_and_refuses_another() -> None:
    value = report("abc")
    assert from_json(Report, as_json(value)) == value
    assert from_json(Step, {"kind": "read", "text": "x"}) == Step("read", "x")
    with pytest.raises(ValueError, match=r"Report\.sections\[0\]\.part"):
        from_json(
            Report, {**as_json(value), "sections": [{"heading": "", "part": "1", "sentences": []}]}
        )
    with pytest.raises(ValueError, match="Hit has no 'part'"):
        from_json(Hit, {})
    with pytest.raises(ValueError, match="none of web, library"):
        from_json(Source, {**as_json(SOURCE), "origin": "moon"})


def test_the_share_of_the_whole_is_never_above_one() -> None:
    assert Step("read", "", None, 7, 5).share == 1.0
    assert Step("read", "", None, 1, 4).share == 0.25
    assert Step("read", "").share == 0.0
