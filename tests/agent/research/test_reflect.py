"""What notes leave open and what contradicts: by rule, and by a model whose word is checked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.models.scripted import Scripted
from agent.research.disagree import difference
from agent.research.reflect import ModelReflect, RuleReflect
from agent.research.types import Estimate, Note, Part, Plan, Source

BUILT = Part(1, "When was the lighthouse of Skarholm built?", "a date", ("Skarholm built",))
HEIGHT = Part(2, "How high is the tower of Skarholm?", "a number", ("Skarholm height",))
PLAN = Plan("Skarholm?", (BUILT, HEIGHT), Estimate(8, 0, 0.0, 10))
SOURCES = tuple(
    Source(f"s{n}", "web", "u", "u", f"Title {n}", "", "", "", "", "", (), 9) for n in range(1, 6)
)
NOBODY = Scripted([])
"""A model that fails where it is asked."""
IN_1887 = "The lighthouse of Skarholm was built in 1887 by Anna Holm."
IN_1892 = "The lighthouse of Skarholm was built in 1892, after the storm."
WHEN = BUILT.question


def note(n: int, claim: str, *, source: int = 0, part: int = 1, score: float = 0.9) -> Note:
    return Note(n, part, f"s{source or n}", 0, len(claim), claim, claim, score)


@pytest.mark.parametrize(
    ("one", "other", "question", "sides"),
    [
        (IN_1887, IN_1892, WHEN, {"1887", "1892"}),
        (
            "The tower of Skarholm is 34 metres high.",
            "At 43 metres, the tower of Skarholm is high.",
            HEIGHT.question,
            {"34 m", "43 m"},
        ),
        (
            "Under the pass the tunnel of Lund is 8.7 kilometres long and straight as a ruler.",
            "An encyclopedia of railways says that the tunnel of Lund is 9.4 kilometres long.",
            "How long is the tunnel of Lund?",
            {"8.7 km", "9.4 km"},
        ),
        (
            "The bridge of Lund opened on 4 May 1999.",
            "The bridge of Lund opened on May 12, 1999.",
            "When did the bridge of Lund open?",
            {"4 May", "12 May"},
        ),
        (
            "The lighthouse was designed by the engineer Anna Holm.",
            "The lighthouse was designed by the engineer Peter Lund.",
            "Who designed the lighthouse?",
            {"Anna Holm", "Peter Lund"},
        ),
        (
            "In the fire of Lund 12 people died.",
            "In the fire of Lund 21 people died.",
            "How many people died in the fire of Lund?",
            {"12", "21"},
        ),
        (
            "The bridge of Lund carries trains across the sound.",
            "The bridge of Lund does not carry trains across the sound.",
            "Does the bridge of Lund carry trains?",
            {""},
        ),
        (
            "The first lighthouse of Skarholm was built in 1854.",
            "The first lighthouse of Skarholm was built in 1857.",
            WHEN,
            {"1854", "1857"},
        ),
        (
            "The lighthouse of Skarholm was built in 1854, in the first year of the war.",
            IN_1892,
            WHEN,
            {"1854", "1892"},
        ),
        (
            "The present lighthouse of Skarholm was built in 1903.",
            "The lighthouse of Skarholm was built in 1907.",
            WHEN,
            {"1903", "1907"},
        ),
        (
            "The lighthouse of Skarholm was first lit in 1854.",
            "The lighthouse of Skarholm was lit for the first time in 1857.",
            "When was the lighthouse of Skarholm first lit?",
            {"1854", "1857"},
        ),
        (
            "Mount Kell is 1850 metres high.",
            "Mount Kell is 1950 metres high.",
            "How high is Mount Kell?",
            {"1850 m", "1950 m"},
        ),
        (
            "The island of Skarholm has 1500 inhabitants.",
            "The island of Skarholm has 1900 inhabitants.",
            "How many inhabitants has the island of Skarholm?",
            {"1500", "1900"},
        ),
        (
            "The canal of Lund is 98 km long.",
            "The canal of Lund is 90 miles long.",
            "How long is the canal of Lund?",
            {"98 km", "90 mile"},
        ),
        (
            "The lighthouse of Skarholm was built around 1750.",
            IN_1892,
            WHEN,
            {"about 1750", "1892"},
        ),
        (
            "The lighthouse of Skarholm was built between 1885 and 1888.",
            IN_1892,
            WHEN,
            {"1885–1888", "1892"},
        ),
    ],
)
def test_what_cannot_both_be_right_is_a_difference(
    one: str, other: str, question: str, sides: set[str]
) -> None:
    found = difference(one, other, question)
    assert found is not None
    assert found.sides == sides
    again = difference(other, one, question)
    assert again is not None
    assert again.sides == sides


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        (IN_1887, IN_1887, WHEN),
        (IN_1887, "The lighthouse of Skarholm, built in 1887, burned oil.", WHEN),
        (IN_1887, "The harbour of Lund was dredged in 1950 by the state.", WHEN),
        (
            "In 2019 the island had 120 inhabitants.",
            "In 2021 the island had 131 inhabitants.",
            "How many inhabitants has the island?",
        ),
        (
            "The town has 1,204,311 inhabitants.",
            "The town has about 1.2 million inhabitants.",
            "How many inhabitants has the town?",
        ),
        (
            "The tower of Skarholm is 34 metres high.",
            "The tower of Skarholm has 150 steps.",
            HEIGHT.question,
        ),
        (
            "The lighthouse was designed by the engineer Anna Holm.",
            "The lighthouse was designed by Holm, an engineer.",
            "Who designed the lighthouse?",
        ),
        (
            "Anna Holm won the prize of the coast in 1901.",
            "Anna Holm won the prize of the coast again in 1904.",
            "What did Anna Holm win?",
        ),
        (
            "The first lighthouse of Skarholm was built in 1854.",
            "The present lighthouse of Skarholm was built in 1903.",
            WHEN,
        ),
        (
            "The first lighthouse of Skarholm was built in 1854.",
            "The lighthouse of Skarholm was built in 1903.",
            WHEN,
        ),
        (
            "The first lighthouse of Skarholm was built in 1854.",
            "The present tower of Skarholm was built in 1903.",
            WHEN,
        ),
        (
            "The old lighthouse of Skarholm was built in 1854.",
            "The new lighthouse of Skarholm was built in 1903.",
            WHEN,
        ),
        (
            "The first lighthouse of Skarholm was built in 1854.",
            "The second lighthouse of Skarholm was built in 1871.",
            "When was the first lighthouse of Skarholm built?",
        ),
        (
            "The lighthouse of Skarholm was built in 1887.",
            "If the lighthouse of Skarholm had been built in 1892, it would have burned.",
            WHEN,
        ),
        (
            "The lighthouse of Skarholm was built in 1887.",
            "According to a forged letter, the lighthouse of Skarholm was built in 1750.",
            WHEN,
        ),
        (
            "The pump of the lighthouse fails in winter.",
            "The alarm sounds if the pump of the lighthouse fails in winter.",
            "What happens in winter?",
        ),
        *(
            (
                "The lighthouse of Skarholm was built in 1887.",
                f"The lighthouse of Skarholm was built {when}.",
                WHEN,
            )
            for when in (
                "around 1890",
                "in 1885-87",
                "in 1885–1888",
                "between 1885 and 1888",
                "in the 1880s",
                "before 1890",
                "from 1885 to 1888",
                "c. 1890",
            )
        ),
        *(
            (
                f"The island of Skarholm measures {one} at most.",
                f"The island of Skarholm measures {other} at most.",
                "How much does the island of Skarholm measure?",
            )
            for one, other in (
                ("340 square miles", "881 square kilometres"),
                ("98 km", "61 miles"),
                ("340 acres", "138 hectares"),
                ("340 miles or 547 km", "548 km"),
                ("100 degrees Celsius", "212 degrees Fahrenheit"),
                ("8.7 km", "6 m"),
            )
        ),
    ],
)
def test_what_can_both_be_right_is_none(one: str, other: str, question: str) -> None:
    assert difference(one, other, question) is None
    assert difference(other, one, question) is None


async def test_a_part_without_a_good_note_is_a_gap_with_new_queries() -> None:
    weak = note(2, "The tower of Skarholm is seen from afar.", part=2, score=0.2)
    gaps, _ = await RuleReflect().reflect(PLAN, [note(1, IN_1887), weak], SOURCES, NOBODY)
    assert [gap.part for gap in gaps] == [2]
    assert "only in part" in gaps[0].why
    assert gaps[0].queries
    assert not set(gaps[0].queries) & set(HEIGHT.queries)


async def test_a_sure_note_that_is_beside_the_question_leaves_it_open() -> None:
    beside = note(2, "Visitors of the tower of Skarholm pay nothing in winter.", part=2)
    gaps, _ = await RuleReflect().reflect(PLAN, [note(1, IN_1887), beside], SOURCES, NOBODY)
    assert [gap.part for gap in gaps] == [2]


async def test_a_note_takes_the_title_of_its_source_for_granted() -> None:
    height = note(2, "The tower is 34 metres high.", part=2)
    titled = [replace(source, title="The tower of Skarholm") for source in SOURCES]
    gaps, _ = await RuleReflect().reflect(PLAN, [note(1, IN_1887), height], titled, NOBODY)
    assert gaps == []


async def test_nothing_noted_leaves_all_parts_open() -> None:
    gaps, conflicts = await RuleReflect().reflect(PLAN, [], (), NOBODY)
    assert [gap.part for gap in gaps] == [1, 2]
    assert conflicts == []


async def test_both_sides_of_a_contradiction_are_named_once() -> None:
    notes = [note(1, IN_1887), note(2, IN_1892), note(3, IN_1887), note(4, IN_1892, part=2)]
    _, conflicts = await RuleReflect().reflect(PLAN, notes, SOURCES, NOBODY)
    assert [conflict.notes for conflict in conflicts] == [(1, 2)]
    assert conflicts[0].why == "One says 1887, the other 1892."
    assert "lighthouse" in conflicts[0].about


async def test_a_source_does_not_contradict_itself() -> None:
    notes = [note(1, IN_1887, source=1), note(2, IN_1892, source=1)]
    assert (await RuleReflect().reflect(PLAN, notes, SOURCES, NOBODY))[1] == []


async def test_a_model_names_more_gaps_and_contradictions() -> None:
    said = {
        "gaps": [{"question": 2, "queries": ["tower metres"]}],
        "conflicts": [{"notes": [1, 2]}],
    }
    notes = [
        note(1, "Six keepers lived on the island of Skarholm."),
        note(2, "The island of Skarholm was always deserted."),
        note(3, "The tower of Skarholm has 150 steps.", part=2),
    ]
    model = Scripted([json.dumps(said)])
    gaps, conflicts = await ModelReflect().reflect(PLAN, notes, SOURCES, model)
    assert [(gap.part, gap.queries) for gap in gaps] == [(2, ("tower metres",))]
    assert [(c.part, c.notes, c.about) for c in conflicts] == [(1, (1, 2), "island Skarholm")]
    assert "[3] question 2, source s3 (Title 3)" in model.calls[0][1].content


async def test_what_a_model_says_of_a_gap_or_a_contradiction_does_not_reach_the_report() -> None:
    made_up = "The keeper Jack stole 900 lamps."
    said = {
        "gaps": [{"question": 2, "why": made_up, "queries": []}],
        "conflicts": [{"notes": [1, 2], "about": made_up, "why": made_up}],
    }
    notes = [
        note(1, "Six keepers lived on the island of Skarholm."),
        note(2, "The island of Skarholm was always deserted."),
    ]
    found = await ModelReflect().reflect(PLAN, notes, SOURCES, Scripted([json.dumps(said)]))
    (gap,), (conflict,) = found
    assert "Jack" not in f"{gap.why} {conflict.about} {conflict.why}"
    assert conflict.why == "The model holds that they cannot both be right."


async def test_a_contradiction_that_a_model_names_is_told_as_the_rules_see_it() -> None:
    said = {"gaps": [], "conflicts": [{"notes": [20, 21], "why": "One says 3, the other 4."}]}
    # Too far down for the rules, which compare the best notes of a part.
    better = [note(n, f"Skarholm has the stone {n}.", source=1) for n in range(1, 20)]
    low = [note(20, IN_1887, source=2, score=0.5), note(21, IN_1892, source=3, score=0.5)]
    model = Scripted([json.dumps(said)])
    _, conflicts = await ModelReflect().reflect(PLAN, [*better, *low], SOURCES, model)
    assert [c.why for c in conflicts] == ["One says 1887, the other 1892."]


async def test_a_model_cannot_contradict_with_notes_that_it_made_up() -> None:
    wrong = json.dumps({"gaps": [], "conflicts": [{"notes": [1, 9]}]})
    right = json.dumps({"gaps": [], "conflicts": []})
    model = Scripted([wrong, right])
    _, conflicts = await ModelReflect().reflect(PLAN, [note(1, IN_1887)], SOURCES, model)
    assert conflicts == []
    assert "numbers of two" in model.calls[1][-1].content


async def test_notes_that_share_no_word_contradict_nothing() -> None:
    said = {"gaps": [], "conflicts": [{"notes": [1, 2]}]}
    notes = [note(1, IN_1887), note(2, "Herring is sold there.")]
    model = Scripted([json.dumps(said)])
    assert (await ModelReflect().reflect(PLAN, notes, SOURCES, model))[1] == []


async def test_what_has_no_note_stays_open_whatever_a_model_says() -> None:
    model = Scripted([json.dumps({"gaps": [], "conflicts": []})])
    gaps, _ = await ModelReflect().reflect(PLAN, [note(1, IN_1887, score=0.2)], SOURCES, model)
    assert [gap.part for gap in gaps] == [2]


@pytest.mark.parametrize("said", ["no JSON", '{"gaps": [{"question": [1]}], "conflicts": []}'])
async def test_a_model_that_says_nothing_usable_leaves_it_to_the_rules(said: str) -> None:
    model = Scripted([said], loop=True)
    notes = [note(1, IN_1887), note(2, IN_1892)]
    gaps, conflicts = await ModelReflect().reflect(PLAN, notes, SOURCES, model)
    assert [gap.part for gap in gaps] == [2]
    assert len(conflicts) == 1
