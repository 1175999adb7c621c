"""Weights in transformers: the source's answers, the merge, and a merged folder asked again.

The room's only door to torch, transformers and peft. Weights are held in 32 bits, as the agent
holds them on a CPU, so that a difference is the export's and not the arithmetic's.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.export.answers import LONGEST, Agreement, Answer, is_tie
from finetune.export.source import ExportError, Messages
from finetune.serving import SERVED, turns_of

if TYPE_CHECKING:
    from finetune.export.source import Source

_SHARD = "5GB"


class Loaded:
    """A model in memory, with its tokenizer."""

    def __init__(self, folder: Path, tokenizer: Path, *, adapter: Path | None = None) -> None:
        """Load it.

        Args:
            folder: Of the weights.
            tokenizer: Of the tokenizer.
            adapter: A LoRA folder, put on the weights and not into them.

        Raises:
            ExportError: It cannot be loaded.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(
                tokenizer, local_files_only=True, trust_remote_code=False
            )
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
            if adapter is not None:
                from peft import PeftModel

                self._model = PeftModel.from_pretrained(self._model, adapter)
        except (OSError, ValueError, RuntimeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ExportError(
                f"{adapter or folder} cannot be loaded: {reason}", hint="Put back the whole folder."
            ) from error
        self.turns = turns_of(self.tokenizer)
        """Breaks the control tokens in the text of messages, as the agent does."""
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device).eval()

    def render(self, messages: Messages, answering: bool) -> str:
        """A conversation by the chat template, as the agent serves it.

        Args:
            messages: The turns.
            answering: Whether an answer is to follow.

        Raises:
            ExportError: There is no template, or it refuses.
        """
        import jinja2

        if not self.tokenizer.chat_template:
            raise ExportError(
                "The tokenizer has no chat template.",
                hint="Name one in the recipe and train with it: chat_template = 'FILE'",
            )
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    self.turns(messages),
                    tokenize=False,
                    add_generation_prompt=answering,
                    **SERVED,
                )
            )
        except jinja2.TemplateError as error:
            raise ExportError(
                f"The chat template refuses a row: {error}", hint="agent finetune check"
            ) from error

    def tokens(self, text: str) -> list[int]:
        """A text's tokens; special ones are read, none is added."""
        found = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return [int(token) for token in found]

    def answers(self, prompts: Sequence[Messages]) -> list[Answer]:
        """What the model answers."""
        return [self._answer(self.tokens(self.render(messages, True))) for messages in prompts]

    def agreement(self, answers: Sequence[Answer]) -> Agreement:
        """How far this model answers as the one that gave the answers; see `answers.py`."""
        import numpy as np

        total = same = ties = 0
        error = 0.0
        for answer in answers:
            row = [*answer.prompt, *answer.tokens[:-1]]
            scores = self._scores(row)[len(answer.prompt) - 1 :]
            error = max(error, float(np.abs(scores - answer.scores).max()))
            said = scores.argmax(axis=1)
            for at, (token, wanted) in enumerate(zip(said, answer.tokens, strict=True)):
                same += bool(token == wanted)
                ties += bool(token != wanted) and is_tie(answer, at, int(token))
            total += len(answer.tokens)
        return Agreement(total, same, ties, error)

    def merge(self, source: Source, folder: Path) -> None:
        """Add the adapter to its weights, and store all of it in the base's precision.

        Raises:
            ExportError: What comes out is not finite.
            OSError: It cannot be written.
        """
        import torch

        if source.adapter is not None:
            try:
                self._model = self._model.merge_and_unload(safe_merge=True)
            except ValueError as error:
                raise ExportError(
                    f"The adapter holds numbers that are not finite: {error}",
                    hint="Train anew, with a lower learning_rate.",
                ) from error
        self._model.to(getattr(torch, source.dtype)).save_pretrained(folder, max_shard_size=_SHARD)
        self.tokenizer.save_pretrained(folder)

    def close(self) -> None:
        """Let go of the weights."""
        del self._model
        gc.collect()

    def _answer(self, prompt: list[int]) -> Answer:
        import numpy as np
        import torch

        ends = self._ends()
        tokens: list[int] = []
        rows = []
        past = None
        row = prompt
        with torch.inference_mode():
            while len(tokens) < LONGEST and not (tokens and tokens[-1] in ends):
                shown = torch.tensor([row], device=self._device)
                out = self._model(input_ids=shown, past_key_values=past, use_cache=True)
                past = out.past_key_values
                rows.append(out.logits[0, -1].float().cpu().numpy())
                tokens.append(int(rows[-1].argmax()))
                row = tokens[-1:]
        return Answer(tuple(prompt), tuple(tokens), np.stack(rows))

    def _scores(self, row: Sequence[int]) -> Any:
        import torch

        with torch.inference_mode():
            shown = torch.tensor([list(row)], device=self._device)
            return self._model(input_ids=shown, use_cache=False).logits[0].float().cpu().numpy()

    def _ends(self) -> set[int]:
        """The tokens that end a turn, as the weights and the tokenizer say."""
        said = self._model.generation_config.eos_token_id
        found = set(said if isinstance(said, list) else [said])
        return {int(token) for token in found | {self.tokenizer.eos_token_id} if token is not None}
