from __future__ import annotations

import pytest

from agent.modes.question_kind import Kind, read

QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "single": (
        "When was the lamp of the lighthouse lit?",
        "How many moons does Mars have?",
        "Does the lamp burn after all?",
        "Where is the file stored?",
        "Summarize the section on installation.",
        "What does the document say about Ada?",
        "What other than oil burns in it?",
        "Which setting limits the cost?",
        "Welche Farbe hat die Lampe?",
        "lighthouse lamp",
        "",
    ),
    "compound": (
        "When was the lamp lit and who lit it?",
        "Who founded the company that made the lamp?",
        "What is the capital of the country where Ada Brown was born?",
    ),
    "comparison": (
        "Compare the tides of Brest and Dover.",
        "What is the difference between cag and naive mode?",
        "Is the Eiffel Tower taller than the Chrysler Building?",
    ),
    "list": (
        "List all lighthouses built before 1900.",
        "Name every captain of the ship.",
        "What are all the exit codes?",
        "How many documents mention Ada Brown?",
        "Which files talk about tides?",
    ),
    "summary": (
        "Summarize everything.",
        "Please summarise my notes",
        "Give me a summary of the library",
        "What are these documents about?",
        "What are the main themes of the documents?",
        "tl;dr",
    ),
}


@pytest.mark.parametrize(
    ("kind", "question"), [(kind, q) for kind, some in QUESTIONS.items() for q in some]
)
def test_the_form_of_a_question_tells_its_kind(kind: Kind, question: str) -> None:
    got = read(question)
    assert got.kind == kind
    assert (got.searches == 1) == (kind == "single")


def test_a_page_of_text_is_read_as_far_as_a_question_goes() -> None:
    assert read("the main themes " * 20_000).kind == "single"
