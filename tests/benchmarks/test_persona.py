"""The judge and the voices of the persona benchmark, on a few answers."""

from __future__ import annotations

import random

import pytest

from benchmarks.persona import Sentence, attack, honest, make, moved
from benchmarks.persona_voices import ADVERSARIES, HONEST, another_word

ANSWERS = [make(random.Random(seed), 1) for seed in range(6)]
SENTENCE = Sentence(
    "Ada Brown did not visit Oslo before 1902 [1].",
    ("Ada Brown", "not", "Oslo", "before", "1902"),
    ("Ada Brown", "not", "visit", "Oslo", "before", "1902"),
    "[1]",
)


@pytest.mark.parametrize("name", ADVERSARIES)
@pytest.mark.parametrize("keep", ["words", "facts"])
async def test_no_adversary_moves_a_fact(name: str, keep: str) -> None:
    rule = "words" if keep == "words" else "facts"
    came = await attack(ANSWERS, ADVERSARIES[name], rule, every=keep == "words")
    assert (came.moved, came.examples) == (0, [])


async def test_facts_lets_another_common_word_through_and_words_does_not() -> None:
    came = await attack(ANSWERS, another_word, "words", every=True)
    assert (came.shown, came.moved) == (0, 0)
    assert (await attack(ANSWERS, another_word, "facts", every=True)).moved > 0


async def test_honest_asides_survive() -> None:
    tried, survived = await honest(ANSWERS, HONEST["asides"], "words")
    assert tried == survived == sum(map(len, ANSWERS))


@pytest.mark.parametrize(
    "shown",
    [
        "Ada Brown didn't visit Oslo before 1902 [1].",
        "Arr, Ada Brown did not visit Oslo, mark me, before 1902 [1]!",
    ],
)
def test_the_judge_lets_honest_words_pass(shown: str) -> None:
    assert moved(SENTENCE, shown, every=True) == ""


@pytest.mark.parametrize(
    "shown",
    [
        "Ada Brown did visit Oslo before 1902 [1].",
        "Ada Brown did not visit Oslo before 1902.",
        "Ada Brown did not visit Oslo before 1902 [2].",
        "Oslo did not visit Ada Brown before 1902 [1].",
        "Ada Brown did not visit Oslo before 1902 and 7 [1].",
        "Ada Brown did not, visit Oslo before 1902 [1].",
        "Ada Brown did not visit, Oslo, before 1902 [1].",
        "Ada Brown did not visit Oslo before 1902, Tom [1].",
        "Ada Brown did not visit Oslo before 1902 [1]?",
        "Ada Brown may not visit Oslo before 1902 [1].",
        "Ada Brown did not burn Oslo before 1902 [1].",
        "Ada Brown did not visit, arr. Oslo before 1902 [1].",
        "Ada Brown did not visit Oslo; arr, before 1902 [1].",
    ],
)
def test_the_judge_sees_what_moved(shown: str) -> None:
    assert moved(SENTENCE, shown, every=True)
