from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.models.reader import Reader, Recalling
from knowledge.types import Passage
from tests.fakes import HashingEmbedder

if TYPE_CHECKING:
    from knowledge.embed import Vectors


class Asked(HashingEmbedder):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str], **rest: Any) -> Vectors:
        self.texts += texts
        return super().embed(texts, **rest)


def passage(text: str) -> Passage:
    return Passage("c", "d", "a.txt", "A", "", 0, len(text), text, 1.0, 0.5)


def test_only_what_is_new_is_embedded_and_vectors_are_the_same() -> None:
    inner = Asked()
    recalling = Recalling(inner, recent=10)
    texts = ["a red fox", "a blue whale", "a red fox"]
    first = recalling.embed(texts)
    again = recalling.embed([*texts, "a brown bear"])
    assert inner.texts == ["a red fox", "a blue whale", "a brown bear"]
    plain = HashingEmbedder().embed([*texts, "a brown bear"])
    assert np.array_equal(first, plain[:3])
    assert np.array_equal(again, plain)
    assert again.dtype == np.float32


def test_what_was_used_longest_ago_is_given_up_first() -> None:
    inner = Asked()
    recalling = Recalling(inner, recent=2)
    for texts in (["one"], ["two"], ["one"], ["three"], ["one"], ["two"]):
        recalling.embed(texts)
    assert inner.texts == ["one", "two", "three", "two"]


def test_more_texts_than_are_kept_are_embedded_all_the_same() -> None:
    texts = [f"text {n}" for n in range(5)]
    vectors = Recalling(HashingEmbedder(), recent=2).embed(texts)
    assert np.array_equal(vectors, HashingEmbedder().embed(texts))


def test_of_no_texts_there_are_no_vectors_of_the_usual_width() -> None:
    inner = Asked()
    assert Recalling(inner, recent=2).embed([]).shape == (0, inner.dimensions)
    assert inner.texts == []


def test_what_is_known_is_never_embedded_and_nothing_else_is_kept() -> None:
    inner = Asked()
    (known,) = HashingEmbedder().embed(["known"]).astype(np.float16)
    recalling = Recalling(inner, {"known": known})
    for _ in range(2):
        assert recalling.embed(["known", "new"]).shape == (2, inner.dimensions)
    assert inner.texts == ["new", "new"]


def test_a_second_question_about_the_same_passages_embeds_no_sentence_again() -> None:
    inner = Asked()
    reader = Reader(Recalling(inner, recent=100))
    passages = [passage("The lamp was lit in 1902. It burned for ten years.")]
    reader.read("When was the lamp lit?", passages)
    inner.texts.clear()
    reader.read("How long did the lamp burn?", passages)
    assert inner.texts == ["How long did the lamp burn?"]
