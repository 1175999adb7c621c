from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.sentences import pieces, sentences


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["Dr. Smith met Prof. J. K. Rowling at 3.5 p.m. on Monday.", "They talked."],
        ["The U.S. Congress agreed.", "He lives in the U.S.", "It is large."],
        ["It works, e.g. on Linux, i.e. here (see Fig. 3).", "See No. 5 on p. 12."],
        ["He said no.", "Then he left."],
        ['"Go!" he said.', '"Stop."', "She left."],
        ["It cost $3.50 at example.com in v2.0.1.", "Cheap!", "Was it?", "Yes..."],
        ["Smith et al. showed it.", "So did Jones et al.", "The end."],
        ["He was born on St. Helena.", "Apple Inc. Chairman Levinson agreed."],
        ["It holds.[3]", "That is doubted.[citation needed]", "(It was true.)", "Done."],
        ["It melts at 1500 °C.", "Nonetheless it holds."],
        ["Er wurde am 4. Mai 1908 gegründet.", "Er gilt, z.B. Montags, bis zum 30. September."],
        ["**4. Parking.**", "It is limited.", "**1914.**", "War came."],
        ["It runs on linux.", "then it stops, approx. five times."],
        ["今日は晴れ。", "明日は「雨。」", "終わり。"],
    ],
)
def test_sentences_end_where_a_reader_would_end_them(parts: list[str]) -> None:
    # Full stops of Chinese and Japanese need no space after them; every other join has one.
    glue = "" if parts[0].endswith("。") else " "
    assert cut(glue.join(parts)) == parts


def test_a_line_wrap_inside_a_paragraph_ends_nothing() -> None:
    wrapped = "The quick brown fox jumps\nover the lazy dog near the\nRiver Thames in the evening."
    assert cut(wrapped) == [wrapped]


def test_a_short_line_over_a_long_one_is_a_title() -> None:
    text = "Introduction\nThis line fills the whole width of the page and more."
    assert cut(text) == text.split("\n")


def test_headings_items_rows_and_code_lines_stand_alone_without_their_markup() -> None:
    text = (
        "# Install ##\nRun it. Wait.\n\nTitle\n=====\n- one. Two here.\n* [ ] three\n  goes on\n"
        "1. first\n2. second\n\n| a | b. C |\n|---|:-:|\n| 1 | 2 |\nx | y\n\n"
        "```python\n# no heading. None\nx = 1\n```\n> quoted words\n> go on.\n"
    )
    assert cut(text) == [
        "Install",
        "Run it.",
        "Wait.",
        "Title",
        "one.",
        "Two here.",
        "three\n  goes on",
        "first",
        "second",
        "a | b. C",
        "1 | 2",
        "x | y",
        "# no heading. None",
        "x = 1",
        "quoted words\n> go on.",
    ]


ENTRIES = [
    "2026-11-20 10:25:00,777 ERROR [w-3] cannot reach orchid at 10.2.3.4: refused\nTraceback",
    "2026-11-20T10:25:01Z INFO started",
    "Nov 20 10:05:00 host42 kernel: Out of memory",
    "<34>Oct  1 22:14:15 machine su: failed",
    '10.0.0.1 - - [20/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 200',
    "[   12.345678] usb 1-1: new device",
    "I1120 10:00:00.1 12 main.go:3] started",
    "[10:00:01] left the channel",
    "20/11/2026, 10:00 - Ann: hello",
]


def test_each_entry_of_a_log_stands_alone_with_the_lines_that_go_on_with_it() -> None:
    assert cut("\n".join(ENTRIES)) == ENTRIES
    assert cut("00:00:01,000 --> 00:00:04,000\nHello there") == [
        "00:00:01,000 --> 00:00:04,000\nHello there"
    ]
    assert cut("The last of them came in on\n2026-11-20 and was lost.") == [
        "The last of them came in on\n2026-11-20 and was lost."
    ]


def test_a_number_that_ends_a_wrapped_sentence_is_no_list_item() -> None:
    text = "The version that everybody uses is\n14. It came out in May."
    assert cut(text) == ["The version that everybody uses is\n14.", "It came out in May."]


def test_a_fence_that_is_never_closed_leaves_the_prose_after_it_prose() -> None:
    assert cut("```\n\nIt is prose, which\nwraps. And ends.")[-2:] == [
        "It is prose, which\nwraps.",
        "And ends.",
    ]


@pytest.mark.parametrize("text", ["", " \n\t\n", "---\n", "```\n```"])
def test_a_text_without_words_has_no_sentences(text: str) -> None:
    assert cut(text) == []
    assert "".join(pieces(text)) == text


MARKUP = st.sampled_from(
    [
        "\n",
        "\n\n",
        " ",
        ". ",
        "! ",
        "```\n",
        "# ",
        "- ",
        "1. ",
        "| ",
        "> ",
        "---\n",
        "Mr. ",
        "a",
        "B",
    ]
)


@given(st.one_of(st.text(), st.lists(MARKUP, max_size=40).map("".join)))
def test_spans_are_ordered_stripped_and_lose_no_word(text: str) -> None:
    spans = sentences(text)
    at, left_out = 0, []
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        inside = text[span.start : span.end]
        assert inside == inside.strip()
        left_out.append(text[at : span.start])
        at = span.end
    left_out.append(text[at:])
    assert "".join(pieces(text)) == text
    # What stands outside is markup: a letter only as the marker of a list item or of a fence.
    for gap in left_out:
        for line in gap.split("\n"):
            letters = [word for word in line.split() if word.strip("()[].").isalnum()]
            assert len(letters) <= 1 or "```" in line or "~~~" in line


@pytest.mark.parametrize(
    "part", ["a. ", "```\n", ". ", "(", "A.B.", "> ", "| ", "#", ".", " ", "a\n", "-- -", "```a\n"]
)
def test_hostile_repetition_is_read_to_its_end(part: str) -> None:
    text = part * 20_000 + "a"
    assert "".join(pieces(text)) == text
