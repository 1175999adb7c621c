from __future__ import annotations

import pytest

from agent.events import Citation, Done
from agent.server.sources_text import sources_text, without_sources


def citation(
    n: int, source: str, title: str = "", place: str = "", *, stale: bool = False
) -> Citation:
    return Citation(n, source, title, place, "q", 0, 1, verified=True, stale=stale)


def done(outcome: str = "grounded", note: str = "") -> Done:
    return Done("A. [1]", outcome, "naive", "m", note=note)  # type: ignore[arg-type]


def test_each_number_is_one_line_with_all_its_places() -> None:
    cited = [
        citation(2, "/a/b.txt", place="line 3"),
        citation(1, "/a/moon.md", "The Moon", "The Moon > Air"),
        citation(1, "/a/moon.md", "The Moon", "The Moon > Size", stale=True),
        citation(3, "https://x.org/p", "A page"),
    ]
    assert sources_text(done(), cited).split("\n") == [
        "Sources:",
        "[1] The Moon, Air, Size",
        "[2] b.txt, line 3",
        "[3] A page (https://x.org/p)",
    ]


def test_a_title_can_be_no_image_no_link_no_html_and_no_second_line() -> None:
    text = sources_text(done(), [citation(1, "/a", "![x](http://e)\n[2] <img src=y> \\[z](u)")])
    assert text == "Sources:\n[1] !\\[x\\](http://e) \\[2\\] \\<img src=y> \\\\\\[z\\](u)"


@pytest.mark.parametrize("answer", ["A. [1]", "A. [1]\n\nB. [2]", ""])
@pytest.mark.parametrize("outcome", ["grounded", "partial"])
def test_what_is_added_to_an_answer_comes_off_again(answer: str, outcome: str) -> None:
    tail = sources_text(done(outcome, "Why\nso."), [citation(1, "/a.txt"), citation(2, "/b.txt")])
    assert without_sources(f"{answer}\n\n{tail}" if answer else tail) == answer


@pytest.mark.parametrize("text", ["Plain.", "Sources:\nnone to name", "A.\n\nNote: b\n\nC."])
def test_an_answer_of_another_kind_stays_as_it_is(text: str) -> None:
    assert without_sources(text) == text
