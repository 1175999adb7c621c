from __future__ import annotations

import pytest

from agent.models.reader.question import Kind, analyse
from agent.models.reader.shapes import dates, names, numbers, quoted
from agent.models.reader.units import units
from agent.models.reader.words import alike, rarity, stem, tokens
from knowledge.types import Passage


@pytest.mark.parametrize(
    ("text", "kind", "focus"),
    [
        ("Who built it?", "person", ""),
        ("When was it built?", "date", ""),
        ("In what year was it built?", "date", "year"),
        ("Where does it stand?", "place", ""),
        ("In what country is Normandy located?", "place", "country"),
        ("How many settlers came?", "number", "settlers"),
        ("How old is the brewery?", "number", ""),
        ("Why did it fall?", "reason", ""),
        ("How do I add a folder?", "way", ""),
        ("What Catholic Church liturgical belief did he criticize?", "thing", "belief"),
        ("The complexity of problems often depends on what?", "thing", ""),
        ("What is a topology?", "definition", ""),
        ("What does MCP stand for?", "definition", ""),
        ("Is the library offline?", "whether", ""),
        ("Summarise the treaty", "summary", ""),
        ("retry policy timeout", "keywords", ""),
        ("Could you tell me when the brewery was founded?", "date", ""),
        ("", "keywords", ""),
    ],
)
def test_the_form_of_a_question_tells_what_kind_of_answer_it_wants(
    text: str, kind: Kind, focus: str
) -> None:
    question = analyse(text)
    assert (question.kind, question.focus) == (kind, focus)


def test_a_name_of_everyday_words_weighs_more_than_the_words() -> None:
    name, plain = analyse("Who met Time in May?"), analyse("Who met time in may?")
    assert name.weights[1] > plain.weights[1]


def test_the_noun_that_names_the_class_of_the_answer_weighs_less() -> None:
    question = analyse("In what country is it?")
    assert question.weights[0] < rarity(question.terms[0].stem)


def test_the_question_before_a_follow_up_lends_its_words_at_half_weight() -> None:
    question = analyse("When?\nWho was Boulton?")
    assert question.kind == "date"
    assert question.weights[[t.text for t in question.terms].index("Boulton")] == 0.5


@pytest.mark.parametrize(
    ("a", "b"),
    [("colour", "colors"), ("organised", "organizing"), ("built", "build"), ("Café", "cafe"),
     ("50,000", "50000"), ("three", "3"), ("Watt's", "watt")],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(a: str, b: str) -> None:
    assert stem(a) == stem(b)


def test_a_shared_beginning_is_half_a_match_but_never_of_numbers() -> None:
    assert 0 < alike(stem("Norman"), stem("Normandy")) < 1
    assert alike("1236", "12365") == 0


def test_identifiers_come_apart_and_offsets_are_exact() -> None:
    text = "set retryPolicy or max_retries"
    assert [t.text for t in tokens(text)] == ["set", "retry", "Policy", "or", "max", "retries"]
    assert all(text[t.start : t.end] == t.text for t in tokens(text))


def test_rare_words_say_more_than_everyday_words() -> None:
    assert rarity(stem("time")) < rarity(stem("treaty")) < rarity(stem("Bailleul"))


def test_shapes_of_answers_are_found() -> None:
    text = 'On 12 May 1705, in the 1050s, Rollo gave 50,000 pounds (90%) to "the poor".'
    assert [text[a:b] for a, b in dates(text)] == ["12 May 1705", "the 1050s"]
    assert [text[a:b] for a, b in numbers(text)] == ["50,000 pounds", "90%"]
    assert "Rollo" in [text[a:b] for a, b in names(text)]
    assert [text[a:b] for a, b in quoted(text)] == ["the poor"]


def found(text: str) -> list[str]:
    return [unit.text for unit in units([Passage("c", "d", "s", "", "", 0, 0, text, 1.0)])]


def test_an_announcing_sentence_takes_its_list_along_and_nothing_more() -> None:
    text = "Things:\n- one\n- two\n\nLast."
    assert found(text) == ["Things:\n- one\n- two", "Last."]


def test_a_colon_without_a_list_takes_nothing_along() -> None:
    assert found("He said:\n\nNothing at all.") == ["He said:", "Nothing at all."]


def test_headings_and_questions_are_not_quotable() -> None:
    assert found("# Title\n\nIs it? It is.") == ["It is."]


@pytest.mark.parametrize("rule", ["|---|:-:|", "--- | ---"])
def test_the_head_of_a_table_is_not_quotable_but_lends_its_words_to_the_rows(rule: str) -> None:
    text = f"# Drills\n\n| Kind | Last held |\n{rule}\n| Fire | 11 May |\n\nNo more."
    assert found(text) == ["Fire | 11 May", "No more."]
    row, _ = units([Passage("c", "d", "s", "", "", 0, 0, text, 1.0)])
    assert [word.text for word in row.heading] == ["Drills", "Kind", "Last", "held"]


def test_a_bold_lead_is_quoted_with_what_it_leads_and_never_alone() -> None:
    text = "**4. Parking.** It is limited. It is free.\n\n- **Fees.** None."
    assert found(text) == ["**4. Parking.** It is limited.", "It is free.", "**Fees.** None."]
    assert found("**Closed on Mondays.**\n\nThe rest.") == ["**Closed on Mondays.**", "The rest."]


def test_what_the_next_sentence_takes_back_is_not_quoted_without_it() -> None:
    text = "There is a rumour that it will close. It is not true. It stays."
    assert found(text) == ["There is a rumour that it will close. It is not true.", "It stays."]
    assert found("One thing is right.\n\nIt is not true of others.") == [
        "One thing is right.",
        "It is not true of others.",
    ]


def test_a_long_announced_block_is_cut_at_a_line() -> None:
    items = "\n".join(f"- item number {i}" for i in range(100))
    first = found(f"All:\n{items}")[0]
    assert len(first) <= 700
    assert items.startswith(first.removeprefix("All:\n"))
