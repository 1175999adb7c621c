"""The stages of a run, one after the other: what each begins with, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError
from finetune.recipe import Recipe
from finetune.training import launch, runs
from finetune.training.progress import Listener, Progress, Stage

if TYPE_CHECKING:
    from finetune.data.folder import DataSet
    from finetune.training.encode import Encoded
    from finetune.training.watch import Outcome, Sitting
    from finetune.training.weights import Device


@dataclass(frozen=True, slots=True)
class Stages:
    """All stages of one sitting, in one process."""

    recipe: Recipe
    """What to do."""
    data: DataSet
    """Of the recipe's task."""
    pairs: DataSet | None
    """Where the recipe has a stage `dpo`."""
    folder: Path
    """The run's; it has its record."""
    on: Device
    """Where it runs."""
    fast: bool
    """Whether unsloth loads the weights."""
    tell: Listener
    """Told of every step."""
    stop: Callable[[], bool]
    """Asked after every step."""

    @property
    def result(self) -> Path:
        """Where the run's weights go."""
        return self.folder / ("adapter" if self.recipe.adapter else "model")

    def run(self) -> Outcome:
        """Go through what is left; returns how the last one ended."""
        if self.recipe.task == "classify":
            return self._classify()
        if self.recipe.dpo is None:
            return self._supervised(self.result)
        first = self.folder / "sft" / self.result.name
        if not first.exists():
            outcome = self._supervised(first)
            if outcome.interrupted:
                return outcome
        return self._preferences(first)

    def _supervised(self, out: Path) -> Outcome:
        from finetune.training import encode, supervised

        model, tokenizer = self._chat_model()
        rows, valid = (
            encode.chats(tokenizer, split, self.recipe.max_length)
            for split in (self.data.train, self.data.valid)
        )
        self._tell_of(rows, "sft")
        outcome = supervised.train(
            self.recipe, model, tokenizer, rows, valid, self.on, self._sitting("sft")
        )
        return self._keep(model, tokenizer, out, outcome, "sft")

    def _preferences(self, first: Path) -> Outcome:
        from finetune.training import preferences

        assert self.recipe.dpo is not None
        assert self.pairs is not None
        model, tokenizer = self._chat_model(after=first)
        reference = None if self.recipe.adapter else self._chat_model(after=first)[0]
        outcome = preferences.train(
            self.recipe,
            self.recipe.dpo,
            model,
            reference,
            tokenizer,
            self.pairs.train,
            self.pairs.valid,
            self.on,
            self._sitting("dpo"),
        )
        return self._keep(model, tokenizer, self.result, outcome, "dpo")

    def _classify(self) -> Outcome:
        from transformers import set_seed

        from finetune.training import classify, encode, weights

        data = self.data
        labels = self.recipe.labels
        tokenizer = weights.tokenizer(self.recipe)
        rows, valid = (
            encode.texts(tokenizer, split, labels, self.recipe.max_length)
            for split in (data.train, data.valid)
        )
        self._tell_of(rows, "classify")
        set_seed(self.recipe.seed)
        model = weights.classifier(self.recipe, self.on, labels, tokenizer.pad_token_id)
        outcome = classify.train(
            self.recipe, model, tokenizer, rows, valid, self.on, self._sitting("classify")
        )
        return self._keep(model, tokenizer, self.result, outcome, "classify")

    def _chat_model(self, *, after: Path | None = None) -> tuple[Any, Any]:
        """The base, or what an earlier stage made of it; and its tokenizer."""
        from transformers import set_seed

        from finetune.training import unsloth_weights, weights

        recipe = self.recipe
        if after is not None and not recipe.adapter:
            recipe = replace(recipe, base=str(after), revision="")
        adapter = after if recipe.adapter else None
        set_seed(recipe.seed)
        if self.fast:
            model, tokenizer = unsloth_weights.chat_model(recipe, adapter=adapter)
            return model, weights.dress(tokenizer, recipe)
        return weights.chat_model(recipe, self.on, adapter=adapter), weights.tokenizer(recipe)

    def _tell_of(self, rows: Encoded, stage: Stage) -> None:
        if not rows.rows:
            raise FinetuneError(
                f"No row has anything to train within max_length = {self.recipe.max_length}.",
                hint=f"--set max_length={self.recipe.max_length * 2}; look at one row: "
                "agent finetune check",
            )
        for count, what in ((rows.cut, "cut at"), (rows.dropped, "dropped: no answer within")):
            if count and launch.rank() == 0:
                note = f"{count} of {len(rows.rows) + rows.dropped} rows {what} max_length"
                self.tell(Progress(stage, note=f"{note} = {self.recipe.max_length}."))

    def _sitting(self, stage: Stage) -> Sitting:
        from finetune.training.watch import Sitting

        return Sitting(self.folder, stage, self.tell, self.stop)

    def _keep(
        self, model: Any, tokenizer: Any, out: Path, outcome: Outcome, stage: Stage
    ) -> Outcome:
        from finetune.training import weights

        if not outcome.interrupted and launch.rank() == 0:
            out.parent.mkdir(parents=True, exist_ok=True)
            rounds = bool(self.recipe.quantization_aware)
            weights.save(model, tokenizer, out, rounds=rounds)
            record = runs.read(self.folder)
            runs.update(self.folder, stages=(*record.stages, stage))
        launch.meet()
        return outcome
