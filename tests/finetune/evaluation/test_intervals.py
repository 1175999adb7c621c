from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluation import intervals
from finetune.evaluation.models import Loss
from finetune.evaluation.results import perplexity


def test_a_share_of_all_or_none_is_not_certain() -> None:
    # Of n out of n, the lower end has a closed form: n / (n + z²).
    found = intervals.share([True] * 10)
    assert (found.value, found.high) == (1, pytest.approx(1))
    assert found.low == pytest.approx(10 / (10 + 1.96**2), abs=1e-4)
    none = intervals.share([False] * 10)
    assert (none.value, none.low) == (0, pytest.approx(0))
    assert none.high == pytest.approx(1 - found.low)


def test_resamples_hold_the_figure_in_the_middle_of_them() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    drawn = values[intervals.draws(400)].mean(axis=1)
    found = intervals.between(values.mean(), drawn)
    # 1.96 standard errors each way: 0.196.
    assert found.high - found.low == pytest.approx(0.39, abs=0.05)


def test_perplexity_counts_tokens_and_not_rows() -> None:
    before = [Loss(np.log(4) * 10, 10), Loss(np.log(16) * 30, 30)]
    after = [Loss(np.log(2) * 10, 10), Loss(np.log(2) * 30, 30)]
    found = perplexity("test", 0, before, after)
    assert found.before.value == pytest.approx(np.exp((np.log(4) + 3 * np.log(16)) / 4))
    assert (found.before.low, found.before.high) == (pytest.approx(4), pytest.approx(16))
    assert found.ratio.value == pytest.approx(2 / found.before.value)
    assert (found.rows, found.tokens) == (2, 40)
