import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from agent.budget import Budget, Limits
from agent.events import Citation, Done, Event, Status, ToolCall, ToolResult
from agent.messages import Message
from agent.models.embedded import Embedded
from agent.models.metered import Metered
from agent.modes.base import Turn
from agent.modes.by_policy import answer_by_policy
from agent.modes.policy import Gathering, Plan, parts
from agent.modes.policy.choose import displaced, fused
from agent.modes.policy.leads import describes, leads, spelt
from agent.modes.policy.plan import MOST, rewrite
from knowledge.library import Library
from knowledge.types import Passage
from tests.fakes import EchoModel, MemoryLibrary

TEXTS = {
    "rollo.txt": "Rollo was the first ruler of Normandy. He was baptised under the name Robert.",
    "harvard.txt": "Harvard was founded in 1636 by the Massachusetts Bay Colony.",
    "bethencourt.txt": "The man who became King of the Canary Islands was Bethencourt.",
    "family.txt": "Bethencourt sold his rights to a nephew.",
    "steam.txt": "The steam engine of Watt used half as much coal.",
}


def passage(name: str, score: float = 1.0, text: str = "") -> Passage:
    return Passage(name, name, f"{name}.txt", "", "line 1", 0, len(text), text or name, score)


def turn(question: str, *, steps: int | None = None, passages: int = 8) -> Turn:
    library = cast(Library, MemoryLibrary(TEXTS))
    budget = Budget(Limits(steps=steps))
    return Turn(question, library, Embedded(None), passages=passages, budget=budget)


def asked(turn: Turn) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in answer_by_policy(turn, "agentic")]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who was Rollo, and who founded Harvard?", ("Who was Rollo", "who founded Harvard?")),
        ("Who was Rollo? Who founded Harvard?", ("Who was Rollo?", "Who founded Harvard?")),
        (
            "Can you tell me who Rollo was, and also in what year Harvard was founded?",
            ("who Rollo was", "in what year Harvard was founded?"),
        ),
        (
            "I would like to know who Rollo was as well as how a steam engine works.",
            ("who Rollo was", "how a steam engine works."),
        ),
        *(
            (question, ("who was Rollo", "who founded Harvard?"))
            for question in (
                "Two things: who was Rollo, and who founded Harvard?",
                "Two things: who was Rollo, who founded Harvard?",
                "I have two questions: who was Rollo and who founded Harvard?",
                "1) who was Rollo 2) who founded Harvard?",
                "who was Rollo (and who founded Harvard?)",
                "who was Rollo / who founded Harvard?",
                "who was Rollo - and who founded Harvard?",
                "First, who was Rollo, then who founded Harvard?",
                "Not only who was Rollo, but also who founded Harvard?",
            )
        ),
        *(
            (question, ("who Rollo was", "who founded Harvard."))
            for question in (
                "Besides who Rollo was, tell me who founded Harvard.",
                "Apart from who Rollo was, who founded Harvard.",
                "Once you have told me who Rollo was, I want to know who founded Harvard.",
                "First tell me who Rollo was, then tell me who founded Harvard.",
                "My question is who Rollo was, and my other question is who founded Harvard.",
            )
        ),
        ("1. Who was Rollo?\n2. Who was Watt?", ("Who was Rollo?", "Who was Watt?")),
        ("First who was Rollo. Then who was Watt.", ("who was Rollo.", "who was Watt.")),
        (
            "When did Rollo die, where was Harvard built, and who was Watt?",
            ("When did Rollo die", "where was Harvard built", "who was Watt?"),
        ),
        (
            "About Normandy: who ruled it, and when was it burned?",
            ("About Normandy who ruled it", "About Normandy when was it burned?"),
        ),
        ("Which is older: Harvard or Yale?", ("Harvard", "Yale")),
        ("Which has more students, Harvard or Yale?", ("Harvard students", "Yale students")),
        ("What is the difference between Yale and Harvard?", ("Yale", "Harvard")),
        ("Is the Louvre older than the Prado?", ("the Louvre", "the Prado")),
        ("How does Telenet compare with ARPANET?", ("Telenet", "ARPANET")),
        ("Telenet compared with ARPANET", ("Telenet", "ARPANET")),
        ("What do Rollo and Tancred have in common?", ("Rollo", "Tancred")),
        (
            "When were Harvard and Yale founded?",
            ("When were Harvard founded?", "When were Yale founded?"),
        ),
    ],
)
def test_a_compound_question_is_split(question: str, expected: tuple[str, ...]) -> None:
    assert parts(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "When was Harvard founded?",
        "Who was the duke who led the army and who died in Nicaea?",
        "What are two factors that affect how powerful a machine may or may not be?",
        "When and where?",
        "When Rollo died, who ruled Normandy?",
        "Who was Rollo, the Viking who burned Rouen?",
        "Which duke, who was born in Rouen, ruled Normandy?",
        "What did Rollo, when he was young, do in Rouen?",
        "In the town where Rollo was buried, who ruled?",
        "If Rollo died in 930, who ruled after him?",
        "First of all, who was Rollo?",
        "Note: the log is rotated. When is it deleted?",
        'What does "who goes there; stand" mean?',
        "hat",
        "",
        "?" * 3000,
    ],
)
def test_a_question_that_is_one_stays_as_it_is(question: str) -> None:
    assert parts(question) == (question,)


def test_a_part_that_refers_back_takes_the_name_along() -> None:
    assert parts("Who was Rollo of Normandy, and when did he die?")[1].endswith("Normandy")


def test_a_follow_up_takes_the_question_before_it_along() -> None:
    history = (Message("user", "Who was Rollo?"), Message("assistant", "A duke."))
    assert parts("And where did he live?", history) == ("And where did he live?\nWho was Rollo?",)


@pytest.mark.parametrize("unit", ["a and ", "A and the ", "is x than ", "who, and ", "both ", "; "])
def test_no_question_takes_long_to_split(unit: str) -> None:
    assert 1 <= len(parts(unit * (1000 // len(unit)))) <= 4


def test_each_ranking_is_represented_and_a_sure_one_leaves_room() -> None:
    sure = [passage("a", 1.0), passage("b", 0.2), passage("c", 0.1)]
    unsure = [passage("d", 0.6), passage("e", 0.5), passage("f", 0.5)]
    assert [p.chunk_id for p in fused([sure, unsure], 4)] == ["a", "d", "e", "f"]


def test_no_more_passages_are_chosen_than_asked_for_and_each_once() -> None:
    ranking = [passage(name) for name in "abcdef"]
    for k in range(7):
        chosen = fused([ranking, ranking[::-1]], k)
        assert len(chosen) == k == len({p.chunk_id for p in chosen})


def test_what_is_displaced_is_the_end_of_a_ranking() -> None:
    ranking = [passage(name) for name in "abc"]
    assert [p.chunk_id for p in displaced(ranking, [passage("x")], 3)] == ["a", "b", "x"]
    assert [p.chunk_id for p in displaced(ranking, [], 2)] == ["a", "b"]


def test_a_name_of_several_words_is_one_and_a_sentences_first_word_none() -> None:
    text = "Although Charles W. Eliot came, the Duke of Normandy's ships did not."
    assert spelt(text) == ["Charles W. Eliot", "Duke of Normandy"]


def test_the_name_behind_a_description_is_followed_with_what_is_still_asked() -> None:
    question = "Who sold the land to the king who ruled the island?"
    assert describes(question)
    found = [passage("a", text="The island was ruled by Maciot. It is dry.")]
    (lead,) = leads(question, found, 3)
    assert (lead.name, lead.rest) == ("Maciot", ("sold", "land", "king"))


def test_a_question_in_fewer_words_keeps_its_names_and_what_was_found() -> None:
    found = [passage("a", text="Coal for engines.")]
    assert rewrite("how wondrously does Watt burn coal?", found) == "Watt coal"


def search(plan: Plan, rankings: dict[str, Sequence[Passage]]) -> list[str]:
    made = []
    while (probe := plan.next()) is not None:
        made.append(probe.query)
        plan.take(probe, rankings.get(probe.query, ()))
    return made


def test_a_plain_question_keeps_the_naive_ranking() -> None:
    ranking = [passage(name, text="Harvard was founded in Cambridge.") for name in "abc"]
    plan = Plan("When was Harvard founded?", passages=2)
    assert search(plan, {"When was Harvard founded?": ranking}) == ["When was Harvard founded?"]
    assert plan.chosen() == tuple(ranking[:2])


def test_a_question_split_in_error_keeps_what_answers_it_as_a_whole() -> None:
    question = "When did Yale and Harvard merge?"
    plan = Plan(question, passages=2)
    rankings: dict[str, Sequence[Passage]] = {part: [passage(part)] for part in plan.parts}
    search(plan, {**rankings, question: [passage("whole")]})
    assert "whole" in [p.chunk_id for p in plan.chosen()]


def test_searches_are_bounded_and_none_is_made_twice() -> None:
    parts = ["who led the one who won at Acre", "who saw the man who won at Bari"]
    plan = Plan(f"{parts[0]}, and {parts[1]}, and why is X old; why is Y new?")
    text = "Acre was won by Ada, Bob, Cid, Dan, Eve, Fay, Gus, Hal and Ida who led."
    made = []
    while (probe := plan.next()) is not None:
        made.append(probe.query)
        plan.take(probe, [passage("a", text=text)])
    assert len(made) == len(set(made)) <= MOST


def test_every_search_is_a_tool_call_with_its_result_and_the_split_is_told() -> None:
    events = asked(turn("Who was Rollo, and who founded Harvard?"))
    calls = [event.id for event in events if isinstance(event, ToolCall)]
    assert calls == [event.id for event in events if isinstance(event, ToolResult)]
    assert len(calls) == 3
    said = [event.text for event in events if isinstance(event, Status)]
    assert said[0] == "Split into 2 questions: Who was Rollo; who founded Harvard?"


def test_a_name_that_only_a_passage_has_leads_to_another_document() -> None:
    question = "Tell me more about the man who became King of the Canary Islands."
    asking = turn(question, passages=2)
    gathering = Gathering(asking)

    async def gather() -> list[Event]:
        return [event async for event in gathering.events()]

    said = [event.text for event in asyncio.run(gather()) if isinstance(event, Status)]
    assert "Following “Bethencourt”" in said
    sources = [p.source for p in gathering.passages]
    assert sources == ["bethencourt.txt", "family.txt"]


def test_both_parts_are_quoted_from_their_documents() -> None:
    events = asked(turn("Who was Rollo, and who founded Harvard?"))
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.outcome, done.mode, done.note) == ("grounded", "agentic", "")
    cited = {event.source for event in events if isinstance(event, Citation)}
    assert {"rollo.txt", "harvard.txt"} <= cited
    assert done.text == "".join(e.text for e in events if e.kind == "token")


def test_a_part_without_an_answer_is_named() -> None:
    done = asked(turn("Who founded Harvard, and why are quarks xylophonic?"))[-1]
    assert isinstance(done, Done)
    assert done.outcome == "partial"
    assert "why are quarks xylophonic" in done.text


def test_a_question_of_which_no_part_is_answered_is_refused() -> None:
    done = asked(turn("Why are quarks xylophonic, and who painted zebras mauve?"))[-1]
    assert isinstance(done, Done)
    assert done.outcome == "unanswerable"


def test_where_the_steps_end_what_was_found_is_answered_from() -> None:
    asking = turn("Who was Rollo, and who founded Harvard?", steps=3)
    events = asked(asking)
    assert isinstance(events[-1], Done)
    assert events[-1].text
    assert asking.budget.steps <= 3


@pytest.mark.parametrize("question", ["Who was Rollo?", "Who was Rollo, and who founded Harvard?"])
def test_a_single_step_searches_and_what_was_found_is_quoted(question: str) -> None:
    asking = turn(question, steps=1)
    budget = asking.budget
    asking = replace(asking, model=Metered(asking.model, budget), quoter=Embedded(None))
    done = asked(asking)[-1]
    assert isinstance(done, Done)
    assert "first ruler of Normandy" in done.text.replace("*", "")
    assert done.outcome == "partial"
    assert "The limit of 1 step is reached." in done.note
    assert budget.steps == 1


def test_steps_for_some_parts_only_make_the_answer_partial_with_the_reason() -> None:
    asking = turn("Who was Rollo, and who founded Harvard?", steps=2)
    asking = replace(asking, model=Metered(asking.model, asking.budget))
    done = asked(asking)[-1]
    assert isinstance(done, Done)
    assert "first ruler of Normandy" in done.text.replace("*", "")
    assert done.outcome == "partial"
    assert "The limit of 2 steps is reached." in done.note


def test_passages_that_do_not_fit_the_window_are_told_of() -> None:
    texts = {f"{n}.txt": f"moon number {n} " + "filler " * 60 for n in range(8)}
    model = EchoModel()
    model.context_window = 600
    done = asked(Turn("Which moon?", cast(Library, MemoryLibrary(texts)), model))[-1]
    assert isinstance(done, Done)
    assert "did not fit the model's window" in done.note


def test_a_model_that_converses_reads_all_in_one_prompt() -> None:
    library = cast(Library, MemoryLibrary(TEXTS))
    events = asked(Turn("Who was Rollo, and who founded Harvard?", library, EchoModel()))
    done = events[-1]
    assert isinstance(done, Done)
    assert done.model == "echo"
    assert len([event for event in events if event.kind == "citation"]) == 1
