from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.markers import MarkerFilter, strip_markers

VALID = range(1, 4)


def run(*pieces: str) -> tuple[str, list[int], int]:
    markers = MarkerFilter(VALID)
    text = "".join(markers.feed(piece) for piece in pieces) + markers.flush()
    assert all(text[m.start : m.end] == f"[{m.n}]" for m in markers.markers)
    return text, [m.n for m in markers.markers], markers.removed


@pytest.mark.parametrize(
    ("text", "shown", "numbers"),
    [
        ("Sky [1].", "Sky [1].", [1]),
        ("Sky [1, 2].", "Sky [1][2].", [1, 2]),
        ("Sky [1][2]", "Sky [1][2]", [1, 2]),
        ("Sky [1] [2]", "Sky [1] [2]", [1, 2]),
        ("Sky [1-3].", "Sky [1][2][3].", [1, 2, 3]),
        ("Sky [1–2; 3].", "Sky [1][2][3].", [1, 2, 3]),
        ("Sky【1】.", "Sky[1].", [1]),
        ("Sky【2†p. 3】.", "Sky[2].", [2]),
        ("Sky [ 1 ].", "Sky [1].", [1]),
        ("Sky [1, 1].", "Sky [1].", [1]),
    ],
)
def test_every_form_of_marker_becomes_one(text: str, shown: str, numbers: list[int]) -> None:
    assert run(text) == (shown, numbers, 0)


@pytest.mark.parametrize(
    ("text", "shown", "removed"),
    [
        ("Sky [9].", "Sky.", 1),
        ("Sky [9] is.", "Sky is.", 1),
        ("Sky [0]", "Sky", 1),
        ("Sky [1, 9].", "Sky [1].", 1),
        ("Sky [9][8].", "Sky.", 2),
        ("Sky [9] [8] is.", "Sky is.", 2),
        ("Sky [9][1].", "Sky [1].", 1),
        ("Sky [2-5].", "Sky [2][3].", 1),
        ("[9] Sky", "Sky", 1),
        ("- [9] Sky", "- Sky", 1),
        ("Sky [9]blue", "Sky blue", 1),
        ("Sky [9]\nblue", "Sky\nblue", 1),
    ],
)
def test_a_marker_that_names_nothing_goes_and_is_counted(
    text: str, shown: str, removed: int
) -> None:
    got, _, count = run(text)
    assert (got, count) == (shown, removed)


@pytest.mark.parametrize(
    "text",
    [
        "Use `a[9]` here.",
        "Use ``a`[9]`` here.",
        "```\na[9]\n```\n",
        "~~~python\na[9]\n```\na[8]\n~~~\n",
        "- ```\n  a[9]\n  ```\n",
        "```\na[9]",
        "See [9](https://example.org).",
        "[9]: https://example.org",
        r"An escaped \[9] bracket.",
        "In [2020] it began.",
        "A list [a, b] and [] and [x9].",
        "A footnote[^9].",
        "An open [9",
        "An open 【9†",
        "A task\n- [ ] to do",
    ],
)
def test_what_is_no_marker_stays_as_it_is(text: str) -> None:
    assert run(text) == (text, [], 0)


def test_a_backtick_without_a_partner_hides_no_marker() -> None:
    assert run("It`s so [1] and [9].\nNext ` line [2].")[:2] == (
        "It`s so [1] and.\nNext ` line [2].",
        [1, 2],
    )


def test_after_a_fence_markers_count_again() -> None:
    assert run("```\na[1]\n```\nSo [1].")[1] == [1]


def test_text_is_emitted_as_soon_as_it_is_safe() -> None:
    markers = MarkerFilter(VALID)
    assert markers.feed("The sky") == "The sky"
    assert markers.feed(" is") == " is"
    assert markers.feed(" blue [") == " blue"
    assert markers.feed("1") == ""
    assert markers.feed("]") == ""
    assert markers.feed(".") == " [1]."
    assert markers.flush() == ""


def test_fenced_code_is_told_from_the_rest() -> None:
    markers = MarkerFilter(VALID)
    text = markers.feed("So:\n```\na\n```\nThen\n~~~\nb") + markers.flush()
    assert [text[a:b] for a, b in markers.code] == ["```\na\n```\n", "~~~\nb"]


def test_markers_of_earlier_answers_can_be_stripped() -> None:
    assert strip_markers("Sky [1]. Sea [2, 3] too; `a[1]`.") == "Sky. Sea too; `a[1]`."


PIECES = st.lists(
    st.sampled_from(
        ["[", "]", "1", "9", "[1]", "[9]", "[1, 2]", "【1】", "【", "†", ",", "-", " ", "\t", "\n",
         "`", "``", "```", "~~~", "~", "(", ")", ":", "\\", "a", "Sky", ".", "- ", "> ", "1. "]
    ),
    max_size=24,
)  # fmt: skip


@given(PIECES)
@example(["[9]", " ", " ", "a"])
@example([" ", "[9]", "[9]", "a"])
@example(["`", "``", "a", "`"])
@example(["\\", "[1]"])
def test_how_the_stream_is_cut_makes_no_difference(pieces: list[str]) -> None:
    whole = run("".join(pieces))
    assert run(*pieces) == whole
    assert run(*"".join(pieces)) == whole


@given(st.text())
def test_text_without_brackets_passes_unchanged(text: str) -> None:
    text = text.replace("[", "").replace("【", "")
    assert run(*text)[0] == text


@pytest.mark.parametrize(
    "unit", [" ", ">", "`", "\n", "[1]", "[9]", "[1,", "`a", " " * 150 + "x\n", "【1†a"]
)
def test_no_answer_takes_long_to_filter(unit: str) -> None:
    filtered = MarkerFilter(VALID)
    for piece in unit * (39_000 // len(unit)):
        filtered.feed(piece)
    filtered.flush()


@pytest.mark.parametrize(
    "text",
    [
        " " * 500 + "```\n[9]\n",
        "a" + " " * 500 + "[9] b",
        "`" + "a" * 2000 + "` [9]",
        "`" + "a" * 999 + "`[9]",
        "`" * 401 + "[9]",
        "[1]" * 40 + "[9]",
        "[9]" + " " * 500 + "b",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 200])
def test_what_is_longer_than_is_looked_at_together_is_shown_alike_however_it_is_cut(
    text: str, size: int
) -> None:
    assert run(*(text[i : i + size] for i in range(0, len(text), size))) == run(text)
