from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Budget, Limits
from agent.errors import BadModelOutput, ContextTooLong
from agent.events import Done, Event, Status, Token
from agent.messages import FREE, Delta, Message, Price, ToolSpec
from agent.models.metered import Metered
from agent.modes.base import Mode, Turn
from agent.modes.choice import UNASKED_CHARACTERS
from agent.modes.costs import HEADING, PASSAGE
from agent.modes.read_before import FILE, REMOTE, ReadBefore
from agent.modes.router import Auto
from agent.session import Session
from knowledge.filters import Filters
from tests.fakes import MemoryLibrary, ScriptedMode

FACT = "When was the lamp lit?"
COMPARISON = "Compare the tides of Brest and Dover."
SUMMARY = "Summarize everything."
PRICE = Price(input=1e-6, output=4e-6, cached=1e-7, written=1.25e-6, source="a list")


class PricedModel:
    """Counts words, costs what it is told to, and fails when it is asked."""

    name = "priced"
    can_call_tools = True

    def __init__(
        self, price: Price | None = PRICE, window: int | None = None, *, tokens: bool = True
    ) -> None:
        self.price = price
        self.context_window = window
        self._tokens = tokens

    async def warm(self) -> None:
        raise AssertionError("a plan needs no warm model")

    def count(self, text: str) -> int:
        return len(text.split()) if self._tokens else 0

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        raise AssertionError("a plan asks no model")
        yield

    async def aclose(self) -> None:
        """There is nothing to close."""


def words(n: int) -> MemoryLibrary:
    """A library of about so many tokens by the count of `PricedModel`."""
    return MemoryLibrary({"a.txt": "\n\n".join(["word " * 100] * (n // 100))})


def turn(question: str, library: MemoryLibrary, model: Any = None, **rest: Any) -> Turn:
    given: Any = library
    return Turn(question, given, model or PricedModel(), **rest)


def played(name: str, *events: Event | Exception) -> ScriptedMode:
    said = events or (Token("So."), Done("So.", "grounded", name, "m"))
    return ScriptedMode(*said, name=name)


def modes(**changed: ScriptedMode) -> Mapping[str, Mode]:
    return {name: changed.get(name) or played(name) for name in ("naive", "agentic", "cag")}


async def run(auto: Auto, turn: Turn) -> list[Event]:
    async with aclosing(auto.answer(turn)) as events:
        return [event async for event in events]


async def chosen(question: str, library: MemoryLibrary, model: Any = None, **rest: Any) -> str:
    return (await Auto(modes()).plan(turn(question, library, model, **rest))).mode


async def test_one_line_says_why_and_the_mode_that_ran_is_named() -> None:
    events = await run(Auto(modes()), turn(FACT, words(50_000)))
    status, done = events[0], events[-1]
    assert isinstance(status, Status)
    assert isinstance(done, Done)
    assert status.stage == "route"
    assert re.fullmatch(
        r"naive: the library is 5\d,\d{3} tokens; reading it costs \$0\.06\d, "
        r"retrieval \$0\.0034",
        status.text,
    )
    assert done.mode == "naive"
    assert f"auto: {status.text.removeprefix('naive: ')}" == done.route
    assert len([e for e in events if isinstance(e, Status) and e.stage == "route"]) == 1


async def test_a_library_that_was_just_read_is_read_again_where_that_costs_less() -> None:
    notes, library = ReadBefore(), words(8000)
    auto, fact = Auto(modes(), notes), turn(FACT, library)
    assert (await auto.plan(fact)).mode == "naive"
    notes.note(turn(SUMMARY, library), await library.extent())
    plan = await auto.plan(fact)
    assert plan.mode == "cag"
    assert plan.why.startswith("the library is 8,4")
    assert " tokens and cached; reading it costs $0.0" in plan.why
    # A part of it was not read by itself, and is another prefix.
    other = turn(FACT, library, filters=Filters(kinds=("text",)))
    assert not (await auto.plan(other)).facts.case.held


async def test_beyond_the_break_even_retrieval_is_taken_though_the_library_is_held() -> None:
    notes, library = ReadBefore(), words(40_000)
    auto = Auto(modes(), notes)
    plan = await auto.plan(turn(FACT, library))
    notes.note(turn(FACT, library), plan.facts.extent)
    plan = await auto.plan(turn(FACT, library))
    assert plan.facts.case.held
    assert plan.facts.case.library > plan.even.library
    assert plan.mode == "naive"


async def test_a_long_conversation_pays_for_the_first_reading() -> None:
    said = (Message("user", "Why?"), Message("assistant", "So."))
    assert await chosen(FACT, words(8000)) == "naive"
    assert await chosen(FACT, words(8000), history=said * 30) == "cag"


async def test_the_kind_of_question_decides_before_the_cost() -> None:
    for question, mode in ((FACT, "naive"), (COMPARISON, "agentic"), (SUMMARY, "cag")):
        assert await chosen(question, words(20_000)) == mode


async def test_reading_is_taken_for_several_things_where_it_is_cheaper_than_a_loop() -> None:
    assert await chosen(COMPARISON, words(2000)) == "cag"


async def test_what_does_not_fit_the_window_is_out_and_the_reason_told() -> None:
    plan = await Auto(modes()).plan(turn(SUMMARY, words(20_000), PricedModel(window=8192)))
    assert plan.mode == "agentic"
    assert re.search(
        r"not cag: the library and an answer take 2\d,\d{3} tokens, and the model reads 8,192",
        plan.why,
    )
    assert [option.mode for option in plan.options if not option.fits] == ["cag"]


async def test_much_money_is_not_spent_unasked() -> None:
    library = words(60_000)
    plan = await Auto(modes()).plan(turn(SUMMARY, library))
    assert plan.mode == "agentic"
    assert "is not spent unasked: --max-cost allows it" in plan.why
    allowed = Budget(Limits(cost=1.0))
    assert await chosen(SUMMARY, library, budget=allowed) == "cag"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(cost=0.01), "it might cost $0.0"),
        (Limits(tokens=9000), "its prompts have"),
    ],
)
async def test_a_budget_keeps_out_what_might_overrun_it(limits: Limits, reason: str) -> None:
    plan = await Auto(modes()).plan(turn(SUMMARY, words(20_000), budget=Budget(limits)))
    assert plan.mode != "cag"
    assert f"not cag: {reason}" in plan.why


async def test_few_steps_leave_no_room_for_a_loop() -> None:
    assert await chosen(COMPARISON, words(20_000), budget=Budget(Limits(steps=2))) == "cag"
    assert await chosen(COMPARISON, words(90_000), budget=Budget(Limits(steps=2))) == "naive"


async def test_an_unknown_price_is_compared_by_tokens() -> None:
    plan = await Auto(modes()).plan(turn(FACT, words(8000), PricedModel(None)))
    assert plan.mode == "naive"
    assert "; reading it takes 9,005 tokens, retrieval 2,525 tokens" in plan.why
    assert "$" not in plan.why
    assert await chosen(SUMMARY, words(8000), PricedModel(None)) == "cag"
    assert await chosen(SUMMARY, words(80_000), PricedModel(None)) == "agentic"


async def test_a_free_model_that_holds_the_library_need_not_search() -> None:
    model, library, notes = PricedModel(FREE), words(8000), ReadBefore()
    auto = Auto(modes(), notes)
    plan = await auto.plan(turn(FACT, library, model))
    assert plan.mode == "naive"
    notes.note(turn(FACT, library, model), plan.facts.extent)
    assert (await auto.plan(turn(FACT, library, model))).mode == "cag"


async def test_without_tokens_the_question_and_the_size_decide() -> None:
    model = PricedModel(FREE, tokens=False)
    small, large = words(1000), words(UNASKED_CHARACTERS // 4)
    for question, library, mode in (
        (FACT, small, "naive"),
        (COMPARISON, small, "agentic"),
        (SUMMARY, small, "cag"),
        (SUMMARY, large, "agentic"),
    ):
        assert await chosen(question, library, model) == mode


async def test_an_empty_library_is_left_to_the_simplest_mode() -> None:
    plan = await Auto(modes()).plan(turn(SUMMARY, MemoryLibrary()))
    assert (plan.mode, plan.why) == ("naive", "the library is empty")


async def test_for_an_empty_library_nothing_is_loaded() -> None:
    """The model of this test complains when it is warmed, or asked."""
    events = [event async for event in Auto(modes()).answer(turn(FACT, MemoryLibrary()))]
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.outcome, done.mode) == ("unanswerable", "naive")
    assert done.note.startswith("The library is empty.")
    assert done.route == "auto: the library is empty"


async def test_what_a_search_gives_is_measured_by_the_librarys_own_passages() -> None:
    notes = MemoryLibrary({f"{n}.txt": "word " * 50 for n in range(40)})
    assert (await Auto(modes()).plan(turn(FACT, notes))).facts.case.passage == 50 + HEADING
    assert (await Auto(modes()).plan(turn(FACT, words(8000)))).facts.case.passage == PASSAGE


async def test_only_the_modes_that_exist_are_chosen_among() -> None:
    plan = await Auto({"naive": played("naive")}).plan(turn(SUMMARY, words(8000)))
    assert [option.mode for option in plan.options] == ["naive"]


async def test_a_mode_that_cannot_take_the_turn_gives_way_to_the_next() -> None:
    cag = played("cag", Status("Reading"), ContextTooLong("It reads 5 tokens."))
    events = await run(Auto(modes(cag=cag)), turn(SUMMARY, words(8000)))
    routes = [e.text for e in events if isinstance(e, Status) and e.stage == "route"]
    assert routes[0].startswith("cag: ")
    assert routes[1] == "agentic: cag could not take it: It reads 5 tokens."
    done = events[-1]
    assert isinstance(done, Done)
    assert done.mode == "agentic"
    assert done.route.endswith("; cag could not take it: It reads 5 tokens.")
    assert cag.closed == 1


async def test_what_has_been_said_is_not_said_anew_by_another_mode() -> None:
    cag = played("cag", Token("So"), ContextTooLong("It reads 5 tokens."))
    with pytest.raises(ContextTooLong):
        await run(Auto(modes(cag=cag)), turn(SUMMARY, words(8000)))


async def test_where_no_mode_can_take_the_turn_the_last_says_why() -> None:
    failing = {n: played(n, ContextTooLong(f"{n} no")) for n in ("naive", "agentic", "cag")}
    with pytest.raises(ContextTooLong, match="naive no"):
        await run(Auto(failing), turn(SUMMARY, words(8000)))


async def test_another_failure_is_the_asks_failure() -> None:
    cag = played("cag", BadModelOutput("broke off"))
    with pytest.raises(BadModelOutput):
        await run(Auto(modes(cag=cag)), turn(SUMMARY, words(8000)))


async def test_an_ask_that_is_stopped_while_it_is_planned_ends_in_the_simplest_mode() -> None:
    budget = Budget()
    budget.stop()
    events = await run(Auto(modes()), turn(SUMMARY, words(8000), budget=budget))
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.mode, done.route) == ("naive", "auto: You stopped it.")


async def test_leaving_closes_the_mode_that_runs() -> None:
    cag = played("cag")
    async with aclosing(Auto(modes(cag=cag)).answer(turn(SUMMARY, words(8000)))) as events:
        async for event in events:
            if isinstance(event, Token):
                break
    assert cag.closed == 1


async def test_a_session_runs_it_like_any_mode() -> None:
    library: Any = words(8000)
    parts = {**modes(), "auto": Auto(modes())}
    session = Session(modes=parts, model=PricedModel(), library=library, mode="auto")
    events = [event async for event in session.ask(SUMMARY)]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.mode == "cag"
    assert done.route.startswith("auto: a summary of everything is asked for; ")


async def test_what_was_read_is_known_to_the_next_process_for_as_long_as_it_is_kept(
    tmp_path: Path,
) -> None:
    now = [1000.0]
    asked = turn(FACT, words(800))
    extent = await asked.library.extent()
    ReadBefore(tmp_path, clock=lambda: now[0]).note(asked, extent)
    later = ReadBefore(tmp_path, clock=lambda: now[0])
    assert later.holds(asked, extent)
    assert later.holds(turn(SUMMARY, words(800)), extent)
    # Under a budget the model is the same one.
    metered = turn(FACT, words(800), Metered(PricedModel(), Budget()))
    assert later.holds(metered, extent)
    now[0] += REMOTE
    assert not later.holds(asked, extent)


async def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    asked = turn(FACT, words(800))
    extent = await asked.library.extent()
    for text in ("{", "[]", '{"x": "y"}'):
        (tmp_path / FILE).write_text(text)
        notes = ReadBefore(tmp_path)
        assert not notes.holds(asked, extent)
        notes.note(asked, extent)
        assert notes.holds(asked, extent)
