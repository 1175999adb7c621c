from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from finetune.evaluation.advice import advise
from finetune.evaluation.intervals import Interval
from finetune.evaluation.results import (
    Evaluation,
    Facts,
    Kept,
    Labels,
    OfLabel,
    Perplexity,
    Speech,
)
from finetune.evaluation.style import Judged, Style
from finetune.recipe import Dpo, Recipe


def close(value: float, width: float = 0.01) -> Interval:
    return Interval(value, value - width, value + width)


def perplexity(ratio: Interval) -> Perplexity:
    return Perplexity("test", 50, 900, 0, close(20), close(20 * ratio.value), ratio)


def style(before: float, after: float, voice: float) -> Style:
    scores = {"voice": voice, "before": before, "after": after}
    judged = {name: Judged(close(score), close(float(score > 0))) for name, score in scores.items()}
    return Style(300, dict.fromkeys(scores, 8), {"classifier": judged, "delta": judged})


def facts(before: float, after: float) -> Facts:
    return Facts(24, *(Kept(close(share), 0.5, []) for share in (before, after)))


def speech(**after: float) -> dict[str, Speech]:
    good = Speech(answers=20, empty=0, unfinished=0, distinct=1, longest=64)
    return {"before": good, "after": replace(good, **after)}  # type: ignore[arg-type]


def labels(accuracy: Interval, recall: float) -> Labels:
    by_label = [OfLabel("a", 1, 1, 1, 9), OfLabel("b", recall, recall, recall, 9)]
    return Labels("test", 18, accuracy, "a", 0.5, 1, 1, 1, by_label, [[9, 0], [0, 9]])


GOOD: dict[str, Any] = {
    "perplexity": perplexity(close(0.5)),
    "style": style(-0.6, 0.4, 0.7),
    "facts": facts(0.95, 0.9),
    "forgetting": perplexity(close(1.02)),
    "speech": speech(),
}


def evaluation(rows: int = 1000, **figures: Any) -> Evaluation:
    return Evaluation(
        run="run",
        task="chat",
        base="base",
        method="lora",
        data="data",
        data_digest="0",
        rows={"train": rows, "valid": 50, "test": 50},
        evaluated=0,
        **(GOOD | figures),
    )


@pytest.mark.parametrize(
    ("figures", "code", "said", "tried"),
    [
        ({"perplexity": perplexity(close(1.5))}, "loss-went-up", "20 to 30", "rate=5e-05"),
        ({"perplexity": perplexity(close(0.99, 0.1))}, "loss-not-fallen", "chance", "epochs=6"),
        ({"style": style(-0.6, -0.5, 0.7)}, "style-not-moved", "8% by the class", "rank=32"),
        ({"style": style(0.1, 0.2, 0.3)}, "style-not-told", "300 words", "--samples 256"),
        ({"facts": facts(0.9, 0.5)}, "facts-lost", "50% of 24", "voice-dpo"),
        ({"forgetting": perplexity(close(1.4))}, "forgot", "20 to 28", "VOICE PLAIN"),
        ({"speech": speech(unfinished=0.9)}, "never-ends", "64 tokens", "--show 1"),
        ({"speech": speech(empty=0.75)}, "says-nothing", "75%", "epochs=6"),
        ({"speech": speech(distinct=0.1)}, "says-one-thing", "10%", "rate=5e-05"),
        (
            {"labels": labels(close(0.5, 0.2), 0.1)},
            "labels-not-learnt",
            "50% for always",
            "epochs=6",
        ),
        ({"labels": labels(close(0.9), 0)}, "label-never-told", "1 of 2 labels", "rows of them"),
    ],
)
def test_a_bad_figure_is_named_with_what_to_try(
    figures: dict[str, Any], code: str, said: str, tried: str
) -> None:
    (advice,) = advise(evaluation(**figures), Recipe(), [])
    assert advice.code == code
    assert said in advice.found
    assert tried in " ".join(advice.tries)


def test_good_figures_and_those_that_were_not_measured_get_no_advice() -> None:
    assert advise(evaluation(rows=50), Recipe(), []) == []
    assert advise(evaluation(**dict.fromkeys(GOOD) | {"speech": {}}), Recipe(), []) == []


def test_few_rows_come_first_where_a_figure_is_bad_that_more_would_mend() -> None:
    found = advise(evaluation(rows=50, style=style(-0.6, -0.6, 0.7)), Recipe(), [])
    assert [advice.code for advice in found] == ["too-little-data", "style-not-moved"]
    assert "50 training rows" in found[0].found


def test_a_classifier_of_few_rows_is_not_told_to_have_a_model_write_more() -> None:
    bad = evaluation(rows=50, labels=labels(close(0.5, 0.2), 0.1))
    few, _ = advise(bad, Recipe(task="classify"), [])
    assert few.code == "too-little-data"
    assert "--model" not in " ".join(few.tries)


def test_a_rising_loss_on_validation_rows_is_bad_only_where_the_last_weights_were_kept() -> None:
    metrics = [{"stage": "sft", "step": n, "valid_loss": loss} for n, loss in ((1, 2.0), (2, 2.4))]
    assert advise(evaluation(), Recipe(early_stop=3), metrics) == []
    (advice,) = advise(evaluation(), Recipe(early_stop=0), metrics)
    assert (advice.code, "2.000 to 2.400" in advice.found) == ("overfitted", True)


def test_what_to_try_suits_the_recipe() -> None:
    bad = evaluation(
        perplexity=perplexity(close(1.5)), forgetting=perplexity(close(1.5)), facts=facts(1, 0)
    )
    adapter, full = (
        " ".join(what for advice in advise(bad, recipe, []) for what in advice.tries)
        for recipe in (Recipe(dpo=Dpo()), Recipe(method="full", max_steps=10))
    )
    assert "scale = 0.5" in adapter
    assert "dpo.beta=0.2" in adapter
    assert "scale" not in full
    assert "method=lora" in full
    assert "epochs" not in full
