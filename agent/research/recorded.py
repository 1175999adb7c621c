"""A chat model whose finished answers are kept in a run's journal, and are free the second time.

Whoever asks it the same again (a resumed run) gets the same answer, and nothing is sent or paid.
An answer that was cut at the longest that was asked for is kept as such. One that broke off, or
that the budget cut, is not kept: it is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

from agent.messages import ModelUsage, TextDelta
from agent.models.wrapped import Wrapped

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec
    from agent.models.base import ChatModel
    from agent.research.journal import Journal, Used


class Recorded(Wrapped):
    """Another chat model, remembered; see `ChatModel`. Offers no tools: research calls none."""

    can_call_tools = False

    def __init__(self, model: ChatModel, journal: Journal, used: Callable[[], Used]) -> None:
        """Remember a model's answers.

        Args:
            model: Asked what is not remembered; keeps to its budget by itself.
            journal: Where answers are kept.
            used: What the run has used, recorded with each.
        """
        super().__init__(model)
        self._journal = journal
        self._used = used

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer, from memory where that has it; see `ChatModel.stream`.

        Raises:
            BudgetSpent: The budget ended; nothing is kept.
            ModelError: Likewise.
        """
        key = _key(self.name, messages)
        kept = self._journal.done(key)
        # One that was cut is no answer to who asks for a longer one.
        if kept is not None and (kept["finish"] == "stop" or kept["longest"] == max_tokens):
            yield TextDelta(kept["text"])
            yield ModelUsage(finish=kept["finish"], model=kept.get("model", ""))
            return
        said: list[str] = []
        finish = stand_in = ""
        try:
            stream = self.inner.stream(messages, tools=tools, max_tokens=max_tokens)
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    if isinstance(delta, TextDelta):
                        said.append(delta.text)
                    elif isinstance(delta, ModelUsage):
                        finish, stand_in = delta.finish, delta.model
                    yield delta
            # Not before: the budget ends an answer after it has told what was used.
            if finish:
                told = {"finish": finish, "longest": max_tokens, "model": stand_in}
                answer = {"text": "".join(said), **told}
                self._journal.record(key, answer, self._used())
        finally:
            self._journal.use(self._used())


def stand_ins(journal: Journal) -> tuple[str, ...]:
    """The models that have answered in this run in the place of the one that was asked."""
    return tuple(sorted({kept.get("model", "") for kept in journal.all_done("answer:")} - {""}))


def _key(name: str, messages: Sequence[Message]) -> str:
    """The same for the same messages to the same model."""
    told = [[name]]
    for message in messages:
        evidence = message.evidence
        told.append([message.role, message.whole])
        if evidence is not None:
            told.append([evidence.question, json.dumps([asdict(p) for p in evidence.passages])])
    return "answer:" + sha256(json.dumps(told).encode()).hexdigest()
