"""What a model reads of a long loop: all of it while that is short, then less of the oldest.

Results of tools are what grows. Where they grow over a bound, passages give way to the line that
names them; those most likely needed stay. A passage that gave way is sent again in full if it is
found again. Numbers never change, and until the bound is met again neither does any other text, so
that a provider's cache of the prefix holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.messages import Evidence, Message
from agent.toolbox import head

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.toolbox import Toolbox

_MOST = 16_000
"""Tokens of tool results at most, however large the window is."""
_SHARE = 0.8
"""Of what a window has free, the share that tool results may take: counts are not exact."""
_LOWER = 0.7
"""How far below the bound results are brought, so that they stay as they are for a while."""
_ANSWER = 1024
"""Tokens kept free for a reply where nothing limits it; at most a quarter of the window."""
_SURE = 4
"""How many of the best passages stay before all others."""
_HEAD = 300
"""Characters that are kept of an old result that is no passage."""

_SHORTENED = "(shortened)"
"""Said where a text is left out; `agentic.md` tells how to see it."""


class Conversation:
    """Fits the messages of one loop to its model."""

    def __init__(self, model: ChatModel, tools: Toolbox, max_tokens: int | None = None) -> None:
        """For one loop.

        Args:
            model: Who reads.
            tools: Whose results are among the messages, by the ids of the calls.
            max_tokens: The longest reply.
        """
        self._model = model
        self._tools = tools
        self._reply = max_tokens
        self._most = _MOST
        self._given: dict[str, frozenset[int]] = {}
        """The passages that each result gives in full, where they are no longer all."""
        self._cut: set[str] = set()
        """The results of whose own text only the head is given."""
        self._counts: dict[str, int] = {}

    def halve(self) -> None:
        """The model found the last messages too long: bring the results to half their length."""
        used = sum(self._count(self._text(id)) for id in self._tools.outputs)
        self._most = min(self._most, used) // 2

    def fitted(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as they are to be sent; the last carries the evidence."""
        ids = [m.tool_id for m in messages if m.tool_id in self._tools.outputs]
        bound = self._bound(messages)
        if sum(self._count(self._text(id)) for id in ids) > bound:
            self._shorten(ids, int(bound * _LOWER))
        sent = [
            replace(m, content=self._text(m.tool_id)) if m.tool_id in self._tools.outputs else m
            for m in messages
        ]
        ledger = self._tools.ledger
        sent[-1] = replace(sent[-1], evidence=Evidence(ledger.question, ledger.passages))
        return sent

    def _bound(self, messages: Sequence[Message]) -> int:
        if (window := self._model.context_window) is None:
            return self._most
        others = sum(
            self._count(m.whole) + sum(self._count(str(r)) for r in m.tool_requests)
            for m in messages
            if m.tool_id not in self._tools.outputs
        )
        others += sum(self._count(str(spec)) for spec in self._tools.specs)
        free = window - (self._reply or min(_ANSWER, window // 4)) - others
        return max(0, min(self._most, int(free * _SHARE)))

    def _shorten(self, ids: Sequence[str], room: int) -> None:
        """Leave in full what fits: the best passages, then the latest result's, then the next best.

        The text of results that are no passages gives way last, the oldest first.
        """
        ledger, outputs = self._tools.ledger, self._tools.outputs
        before = {id: self._full(id) for id in ids}
        self._given |= dict.fromkeys(ids, frozenset())
        ledger.visible.clear()
        room -= sum(self._count(self._text(id)) for id in ids)
        for id in ids[:-1]:
            if room < 0:
                whole = self._count(self._text(id))
                self._cut.add(id)
                room += whole - self._count(self._text(id))
        best = ledger.best(len(ledger.passages))
        order = (*best[:_SURE], *(outputs[ids[-1]].found if ids else ()), *best)
        kept: set[int] = set()
        for n in dict.fromkeys(order):
            cost = self._count(ledger.render((n,), (n,)))
            if cost <= room and any(n in full for full in before.values()):
                room -= cost
                kept.add(n)
        self._given |= {id: full & kept for id, full in before.items()}
        ledger.visible |= kept

    def _full(self, id: str) -> frozenset[int]:
        return self._given.get(id, self._tools.outputs[id].full)

    def _text(self, id: str) -> str:
        output, full = self._tools.outputs[id], self._full(id)
        text = output.text
        if id in self._cut:
            text = head(text, _HEAD)
        if text != output.text or full != output.full:
            output = replace(output, text=f"{text} {_SHORTENED}")
        return self._tools.text(output, full)

    def _count(self, text: str) -> int:
        if text not in self._counts:
            self._counts[text] = self._model.count(text)
        return self._counts[text]
