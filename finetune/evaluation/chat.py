"""A trained chat model against its base: losses, answers, style, facts, forgetting.

The base comes first, all that is asked of it, then what training made of it, on the same rows and
questions: where all weights were trained, only one of the two is ever in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finetune.data.folder import DataSet
from finetune.evaluation import facts, pools, results, style
from finetune.evaluation.models import SIDES, Answer, Chats, Loss, Side
from finetune.evaluation.questions import Asked
from finetune.evaluation.results import Evaluation, Sample, Speech
from finetune.evaluation.work import Work
from finetune.training import encode
from finetune.training.encode import Encoded

_ROWS = 500
"""Rows of a set whose perplexity is taken; more would tell little more."""


def compare(result: Evaluation, work: Work) -> Evaluation:
    """The result with all that is measured of a chat model.

    Raises:
        FinetuneError: One of the models cannot be loaded.
    """
    chats, recipe, notes = Chats(work.recipe, work.trained), work.recipe, list(result.notes)
    split, rows = work.held_out
    held = encode.chats(chats.tokenizer, rows[:_ROWS], recipe.max_length)
    plain_rows = _all_rows(work.plain)[:_ROWS]
    plain = encode.chats(chats.tokenizer, plain_rows, recipe.max_length)
    for encoded, name in ((held, split), (plain, "plain")):
        if encoded.dropped:
            notes.append(
                f"{name}: {encoded.dropped} rows have no answer within max_length = "
                f"{recipe.max_length}, and are left out."
            )
    asked = Asked(work, chats.tokenizer, rows)
    found = {side: _one_side(side, work, chats, held, plain, asked) for side in SIDES}
    before, after = found["before"], found["after"]
    groups = {
        "voice": [wanted for _, wanted in asked.held],
        "before": [answer.text for answer in before.answers],
        "after": [answer.text for answer in after.answers],
    }
    base = [answer.text for answer in before.learnt]
    judged = style.compare([wanted for _, wanted in asked.learnt], base, groups)
    if judged is None:
        counts = ", ".join(f"{name} {_words(texts):,}" for name, texts in groups.items())
        notes.append(
            f"Style was not measured: it takes {pools.NEEDED} words of the voice’s held-out "
            f"answers, of the base’s and of the trained model’s, and there are: {counts}, and of "
            f"the base to learn from {_words(base):,}. Answer more questions (--samples), or hold "
            "out more rows."
        )
    elif judged.words < pools.WORDS:
        notes.append(
            f"Style was measured on samples of {judged.words} words: there is too little text for "
            f"those of {pools.WORDS} that tell it best."
        )
    return replace(
        result,
        perplexity=results.perplexity(split, held.cut, before.losses, after.losses)
        if held.rows
        else None,
        forgetting=results.perplexity("plain", plain.cut, before.plain_losses, after.plain_losses)
        if plain.rows
        else None,
        style=judged,
        facts=_facts(work, before, after),
        speech={side: _speech(found[side].answers, asked.longest) for side in SIDES}
        if asked.held
        else {},
        samples=[
            Sample(messages[-1]["content"], wanted, one.text, other.text)
            for (messages, wanted), one, other in zip(
                asked.held, before.answers, after.answers, strict=True
            )
        ],
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Of one side."""

    losses: list[Loss]
    plain_losses: list[Loss]
    answers: list[Answer]
    restyled: list[Answer]
    learnt: list[Answer]
    """To questions of training rows; the base's alone."""


def _one_side(
    side: Side, work: Work, chats: Chats, held: Encoded, plain: Encoded, asked: Asked
) -> _Found:
    word = {"before": "base", "after": "trained model"}[side]

    def telling(what: str, total: int) -> Callable[[int], None]:
        return lambda done: work.tell(f"{word}: {what}", done, total)

    work.tell(f"{word}: loading", 0, 1)
    with chats.loaded(side) as speaker:
        learnt = asked.learnt if side == "before" else []
        return _Found(
            losses=speaker.losses(held, telling("held-out rows", len(held.rows))),
            plain_losses=speaker.losses(plain, telling("plain rows", len(plain.rows))),
            answers=speaker.answers(
                [messages for messages, _ in asked.held],
                asked.longest,
                telling("answers", len(asked.held)),
            ),
            restyled=speaker.answers(
                asked.restyle,
                asked.longest_sentence,
                telling("grounded sentences", len(asked.restyle)),
            ),
            learnt=speaker.answers(
                [messages for messages, _ in learnt],
                asked.longest,
                telling("answers to learn from", len(learnt)),
            ),
        )


def _words(texts: Sequence[str]) -> int:
    return sum(len(pools.words(text)) for text in texts)


def _facts(work: Work, before: _Found, after: _Found) -> results.Facts | None:
    if (check := work.check) is None:
        return None
    sides = [
        facts.kept(work.sentences, [answer.text for answer in found.restyled], check)
        for found in (before, after)
    ]
    return results.Facts(len(work.sentences), *sides)


def _speech(answers: Sequence[Answer], longest: int) -> Speech:
    count = len(answers)
    return Speech(
        answers=count,
        empty=sum(not answer.text for answer in answers) / count,
        unfinished=sum(not answer.finished for answer in answers) / count,
        distinct=len({answer.text for answer in answers}) / count,
        longest=longest,
    )


def _all_rows(data: DataSet | None) -> list[dict[str, Any]]:
    """Of a set of which nothing was trained."""
    return [] if data is None else [*data.test, *data.valid, *data.train]
