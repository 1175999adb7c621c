"""What to try next where a result is bad: rules over the figures, each with its threshold.

A rule speaks where a figure is bad and not where it may be chance. Nobody is told to change
anything for the sake of a result that is good.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finetune.evaluation.results import Advice, Evaluation
from finetune.evaluation.style import TRUSTED
from finetune.recipe import Recipe
from finetune.training import runs

FEW_ROWS = 200
"""Training rows below which a bad result is first of all one of too little data."""
_MOVED = 1 / 3
"""Of the way from the base to the voice: less is not moved."""
_KEPT = 0.8
"""The share of sentences whose facts a model should keep by itself."""
_FORGOT = 1.1
"""The ratio of perplexities on the plain set above which something was forgotten."""
_OFTEN = 0.5
"""The share of answers that go wrong in one way, from which it is a fault of the training."""
_FOR_WANT_OF_ROWS = ("loss-went-up", "overfitted", "style-not-moved", "labels-not-learnt")


def advise(
    result: Evaluation, recipe: Recipe, metrics: Sequence[Mapping[str, Any]]
) -> list[Advice]:
    """What is bad in a result, and what to try.

    Args:
        result: The figures.
        recipe: What was trained by.
        metrics: The run's `metrics.jsonl`.
    """
    rules = (_loss, _overfitted, _style, _speech, _facts, _forgetting, _labels)
    found = [advice for rule in rules for advice in rule(result, recipe, metrics)]
    rows = result.rows.get("train", 0)
    if rows < FEW_ROWS and any(advice.code in _FOR_WANT_OF_ROWS for advice in found):
        found.insert(0, _few(rows, recipe))
    return found


def _few(rows: int, recipe: Recipe) -> Advice:
    tries = ["Add texts: agent finetune data MORE-FILES --out FOLDER"]
    if recipe.task == "chat":
        tries.append(
            "Have a model write more pairs: agent finetune data FILES --model MODEL --out FOLDER"
        )
    return Advice(
        "too-little-data",
        f"{rows:,} training rows are few: below {FEW_ROWS} a model rather learns the rows by heart "
        "than what they have in common.",
        tuple(tries),
    )


def _loss(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    if (found := result.perplexity) is None:
        return
    figures = f"perplexity on held-out rows went from {found.before.value:.4g} to "
    figures += f"{found.after.value:.4g}"
    if found.ratio.low > 1:
        tries = [f"--set learning_rate={recipe.learning_rate / 4:g}"]
        if recipe.epochs > 1 and not recipe.max_steps:
            tries.append(f"--set epochs={max(1, recipe.epochs / 2):g}")
        if recipe.dpo is not None:
            tries.append(f"--set dpo.beta={recipe.dpo.beta * 2:g} (held closer to the first stage)")
        tries.append(_look(result))
        yield Advice("loss-went-up", f"The loss went up: {figures}.", tuple(tries))
    elif found.ratio.high >= 1:
        yield Advice(
            "loss-not-fallen",
            f"The loss did not fall for certain: {figures}, which may be chance.",
            (*_more(recipe), "Hold out more rows: agent finetune data SOURCE --test 0.1"),
        )


def _overfitted(
    result: Evaluation, recipe: Recipe, metrics: Sequence[Mapping[str, Any]]
) -> Iterator[Advice]:
    losses = [row["valid_loss"] for row in metrics if row["stage"] != "dpo" and "valid_loss" in row]
    # Where training stops early, the best weights were kept, and not the last ones.
    if recipe.early_stop or not losses or losses[-1] <= 1.02 * min(losses):
        return
    yield Advice(
        "overfitted",
        f"The loss on validation rows rose again, from {min(losses):.3f} to {losses[-1]:.3f}, and "
        "the last weights were kept.",
        ("--set early_stop=3 (keeps the best ones)",),
    )


def _style(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    if (found := result.style) is None:
        return
    moved = {name: way for name in found.trusted if (way := found.way(name)) is not None}
    if not moved:
        yield Advice(
            "style-not-told",
            f"Neither measure tells the voice's own held-out samples ({found.words} words) from "
            f"the base's in {TRUSTED:.0%} of cases, so their figures say little.",
            (
                "Answer more questions: agent finetune evaluate --samples 256",
                "Hold out more rows: agent finetune data SOURCE --test 0.2",
            ),
        )
    elif all(way < _MOVED for way in moved.values()):
        ways = ", ".join(f"{way:.0%} by {_NAMES[name]}" for name, way in moved.items())
        tries = _more(recipe)
        if recipe.adapter:
            tries = (*tries, f"--set rank={recipe.rank * 2} --set alpha={recipe.alpha * 2}")
        yield Advice(
            "style-not-moved",
            f"The style hardly moved: of the way from the base to the voice, {ways}.",
            (*tries, _look(result)),
        )


_NAMES = {"classifier": "the classifier", "delta": "Cosine Delta"}


def _check(result: Evaluation) -> str:
    """The command that looks at what was trained on, and how."""
    return shlex.join(
        ["agent", "finetune", "check", f"{result.run}/{runs.RECIPE}", "--data", result.data]
    )


def _look(result: Evaluation) -> str:
    return f"Look at one row as the model sees it: {_check(result)} --show 1"


def _more(recipe: Recipe) -> tuple[str, ...]:
    """Learn longer, or faster."""
    if recipe.max_steps:
        longer = f"--set max_steps={recipe.max_steps * 2}"
    else:
        longer = f"--set epochs={recipe.epochs * 2:g}"
    return longer, f"--set learning_rate={recipe.learning_rate * 2:g}"


def _speech(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    before, after = result.speech.get("before"), result.speech.get("after")
    if before is None or after is None:
        return
    if after.unfinished >= _OFTEN and after.unfinished >= before.unfinished:
        yield Advice(
            "never-ends",
            f"{after.unfinished:.0%} of the answers were cut off at {after.longest} tokens: the "
            "model does not end its turn.",
            (
                f"See whether the end of the turn is trained: {_check(result)} --show 1",
                *_more(recipe),
            ),
        )
    if after.empty >= _OFTEN:
        yield Advice(
            "says-nothing",
            f"{after.empty:.0%} of the answers are empty.",
            (*_more(recipe), f"Look for empty answers among the rows: {_check(result)}"),
        )
    elif after.answers > 4 and after.distinct <= 1 - _OFTEN and after.distinct < before.distinct:
        tries: tuple[str, ...] = (f"--set learning_rate={recipe.learning_rate / 4:g}",)
        if not recipe.early_stop:
            tries = (*tries, "--set early_stop=3")
        yield Advice(
            "says-one-thing",
            f"Of {after.answers} answers only {after.distinct:.0%} are different ones: the model "
            "says the same to many questions.",
            tries,
        )


def _facts(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    if (found := result.facts) is None or found.after.kept.value >= _KEPT:
        return
    tries = [
        "Train on pairs that keep facts: agent finetune data FILES --model MODEL --out FOLDER",
        "Train against wrong facts: agent finetune data FILES --kind preference --out PAIRS, "
        "then: agent finetune train SET --preset voice-dpo --preferences PAIRS --out RUN",
    ]
    if recipe.adapter:
        tries.append("Wear it less strongly: scale = 0.5 in the persona's card")
    yield Advice(
        "facts-lost",
        f"Facts were lost: the trained model by itself keeps those of {found.after.kept.value:.0%} "
        f"of {found.sentences} grounded sentences, the base of {found.before.kept.value:.0%}. The "
        "persona pass will leave such sentences plain.",
        tuple(tries),
    )


def _forgetting(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    found = result.forgetting
    if found is None or found.ratio.value <= _FORGOT or found.ratio.low <= 1:
        return
    tries = ["Put plain rows among the voice's: agent finetune data VOICE PLAIN --out FOLDER"]
    if not recipe.adapter:
        tries.append("--set method=lora (an adapter forgets less)")
    tries.append(f"--set learning_rate={recipe.learning_rate / 2:g}")
    if recipe.adapter:
        tries.append("Wear it less strongly: scale = 0.5 in the persona's card")
    yield Advice(
        "forgot",
        f"It forgot: perplexity on the plain set went from {found.before.value:.4g} to "
        f"{found.after.value:.4g}.",
        tuple(tries),
    )


def _labels(result: Evaluation, recipe: Recipe, _: object) -> Iterator[Advice]:
    if (found := result.labels) is None:
        return
    if found.accuracy.low <= found.commonest_accuracy and found.accuracy.value < 1:
        yield Advice(
            "labels-not-learnt",
            f"Labels were not learnt for certain: accuracy {found.accuracy.value:.0%}, and "
            f"{found.commonest_accuracy:.0%} for always saying the commonest one.",
            (*_more(recipe), "Hold out more rows: agent finetune data SOURCE --test 0.2"),
        )
    missed = [one.label for one in found.by_label if one.rows and not one.recall]
    if missed and len(found.by_label) > 1:
        names = ", ".join(repr(label) for label in missed[:5])
        yield Advice(
            "label-never-told",
            f"{len(missed)} of {len(found.by_label)} labels were never told right: {names}.",
            ("Add training rows of them, about as many as of the others.",),
        )
