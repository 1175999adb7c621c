"""Numbered passages and a prompt -> the answer as it is said, its checked citations, and `Done`.

The end that all modes share. How the passages were come by is theirs. Where the budget ends under
the answer, what was said until then is checked like any other; where nothing was said, the
passages are quoted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, assert_never

from agent.citations import ABSTENTION, resolve
from agent.errors import AgentError, BadModelOutput, BudgetSpent
from agent.events import Done, Status, Thought, Token, Usage
from agent.markers import MarkerFilter
from agent.messages import Evidence, Message, ModelUsage, TextDelta, ThoughtDelta, ToolRequest
from agent.models.metered import Metered
from knowledge.errors import KnowledgeError, SourceNotFound

if TYPE_CHECKING:
    from agent.citations import Resolved
    from agent.events import Event
    from agent.models.base import ChatModel
    from agent.modes.base import Turn
    from knowledge.types import Passage

CUT = "The answer was cut at the token limit."
"""Stands in the note of such an answer."""
_ADD, _WHY, _LIST = TYPED = (
    " Add documents: agent add PATH",
    ": agent sources says why",
    ": agent sources lists them",
)
"""What notes tell to type; who asks over HTTP may have no command line."""
_GRACE = 5.0
"""Seconds for quoting what was found, once the budget is spent."""


async def answer(
    turn: Turn,
    mode: str,
    messages: Sequence[Message],
    passages: Sequence[Passage],
    *,
    question: str,
    notes: Sequence[str] = (),
    ended: str = "",
) -> AsyncGenerator[Event, None]:
    """Ask the turn's model once, and end the ask.

    Args:
        turn: What is answered; its budget may end the answer.
        mode: The name of the mode that answers.
        messages: The whole prompt.
        passages: `passages[0]` is what `[1]` names.
        question: As it was searched for.
        notes: What else the user should know.
        ended: Which limit kept the search from its end; empty if none did.
    """
    said = Said(passages)
    spent = ""
    try:
        async with aclosing(said.listen(turn, turn.model, messages)) as heard:
            async for event in heard:
                yield event
    except BudgetSpent as over:
        spent = str(over)
    for event in said.flush():
        yield event
    if not said.text.strip():
        if not spent:
            raise _empty(turn.model.name, said.cut)
        rest = give_up(turn, mode, passages, question=question, reason=spent)
        async with aclosing(rest) as events:
            async for event in events:
                yield event
        return
    if said.cut and not spent:
        notes = [*notes, CUT]
    rest = conclude(turn, mode, said, notes=notes, spent=spent or ended)
    async with aclosing(rest) as events:
        async for event in events:
            yield event


async def give_up(
    turn: Turn, mode: str, passages: Sequence[Passage], *, question: str, reason: str
) -> AsyncGenerator[Event, None]:
    """End an ask whose budget is spent before its model has said anything.

    What was found is quoted by the turn's quoter, where there is one and it finds an answer.

    Args:
        turn: What was asked.
        mode: The name of the mode that answers.
        passages: `passages[0]` is what `[1]` names.
        question: As it was searched for.
        reason: Why the ask ends.
    """
    said = Said(passages)
    if quoted := await _quote(turn, said, question):
        for token in quoted:
            yield token
        notes = ["These are quotations; the model has not answered."]
        async with aclosing(conclude(turn, mode, said, notes=notes, spent=reason)) as end:
            async for event in end:
                yield event
        return
    note = f"{reason} Nothing was answered until then."
    yield Done("", "ungrounded", mode, turn.model.name, note=note)


async def _quote(turn: Turn, said: Said, question: str) -> list[Event]:
    """What the turn's quoter says to the passages, if it quotes any and is quick."""
    if turn.quoter is None or not said.passages:
        return []
    asked = [Message("user", question, evidence=Evidence(question, said.passages))]
    quoted: list[Event] = []
    try:
        async with (
            asyncio.timeout(_GRACE),
            aclosing(said.listen(turn, turn.quoter, asked)) as heard,
        ):
            quoted = [event async for event in heard]
    except (TimeoutError, AgentError, KnowledgeError):
        return []
    tokens = [event for event in [*quoted, *said.flush()] if isinstance(event, Token)]
    return list(tokens) if said.markers.markers else []


async def conclude(
    turn: Turn, mode: str, said: Said, *, notes: Sequence[str] = (), spent: str = ""
) -> AsyncGenerator[Event, None]:
    """Check what was said, and end the ask.

    Args:
        turn: What was answered.
        mode: The name of the mode that answered.
        said: The answer, whole or cut.
        notes: What else the user should know.
        spent: Why the ask ended early; empty if it did not. No such answer is `grounded`.
    """
    cited = said.cited
    if cited:
        yield Status("Checking the citations", stage="verify")
    resolved = await check(turn, said.text, said.passages)
    for citation in resolved.citations:
        yield citation
    stood_in = stand_in(turn)
    if stood_in:
        notes = [*notes, f"{turn.model.name} did not answer; {stood_in} did in its place."]
    outcome = resolved.outcome
    if spent and outcome == "grounded":
        outcome = "partial"
    yield Done(
        text=said.text,
        outcome=outcome,
        mode=mode,
        model=stood_in or turn.model.name,
        note=_note(turn, resolved, spent, notes),
        removed_markers=said.markers.removed,
    )


def stand_in(turn: Turn) -> str:
    """The model that answered in the place of the turn's; empty where that one did itself."""
    return turn.model.stand_in if isinstance(turn.model, Metered) else ""


async def abstain(turn: Turn, mode: str, note: str) -> AsyncGenerator[Event, None]:
    """End an ask by saying that the sources do not say.

    Args:
        turn: What was asked.
        mode: The name of the mode that answers.
        note: Why.
    """
    text = f"{ABSTENTION}."
    yield Token(text)
    yield Done(text, "unanswerable", mode, turn.model.name, note=note)


async def nothing_found(turn: Turn) -> str:
    """Why there is nothing to answer from, in words for the user."""
    sources = await turn.library.sources()
    if not sources:
        return f"The library is empty.{_ADD}"
    if not any(source.chunks for source in sources):
        return f"Nothing that was added could be read{_WHY}."
    if turn.filters and not (await turn.library.extent(turn.filters)).documents:
        return f"No source of the library is among those asked for{_LIST}."
    return "No passage of the library fits the question."


async def check(turn: Turn, text: str, passages: Sequence[Passage]) -> Resolved:
    """Check an answer against the passages that its markers name; see `citations.resolve`."""
    markers = MarkerFilter(range(1, len(passages) + 1))
    text = markers.feed(text) + markers.flush()
    cited = [passages[n - 1] for n in sorted({m.n for m in markers.markers})]
    documents = {
        p.document_id: turn.held[p.document_id] for p in cited if p.document_id in turn.held
    }
    stale = {p.source: False for p in cited if p.document_id in documents}
    for document_id in {passage.document_id for passage in cited} - documents.keys():
        # A sync may have taken it out since the search.
        with suppress(SourceNotFound):
            documents[document_id] = await turn.library.document(document_id)
    for source in {passage.source for passage in cited} - stale.keys():
        stale[source] = await turn.library.stale(source)
    return resolve(text, passages, documents, stale=stale.__getitem__)


class Said:
    """What a model says to numbered passages, as it says it."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        """`passages[0]` is what `[1]` names."""
        self.markers = MarkerFilter(range(1, len(passages) + 1))
        self.cut = False
        """Whether the answer was cut at the token limit."""
        self._shown: list[str] = []

    @property
    def text(self) -> str:
        """As it was shown: with those markers only that name a passage."""
        return "".join(self._shown)

    @property
    def cited(self) -> list[Passage]:
        """The passages that its markers name."""
        return [self.passages[n - 1] for n in sorted({m.n for m in self.markers.markers})]

    async def listen(
        self, turn: Turn, model: ChatModel, messages: Sequence[Message]
    ) -> AsyncGenerator[Event, None]:
        """Ask a model, and give its answer's events as they come.

        Raises:
            BadModelOutput: It wants a tool, and was given none.
            BudgetSpent: The budget ended; what was said until then stands.
        """
        async with aclosing(model.stream(messages, max_tokens=turn.max_tokens)) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta():
                        for event in self._show(self.markers.feed(delta.text)):
                            yield event
                    case ThoughtDelta():
                        yield Thought(delta.text)
                    case ModelUsage():
                        self.cut = delta.finish == "length"
                        yield used(delta)
                    case ToolRequest():
                        raise BadModelOutput(
                            f"{model.name} asked for a tool, and was given none.",
                            hint="Ask again, or take another model: --model M",
                        )
                    case _:
                        assert_never(delta)

    def flush(self) -> list[Event]:
        """The end of the answer, where a marker might have begun."""
        return self._show(self.markers.flush())

    def say(self, text: str) -> list[Event]:
        """A whole answer at once."""
        return [*self._show(self.markers.feed(text)), *self.flush()]

    def _show(self, shown: str) -> list[Event]:
        """An answer does not open with white space."""
        shown = shown if self._shown else shown.lstrip()
        if not shown:
            return []
        self._shown.append(shown)
        return [Token(shown)]


def used(usage: ModelUsage) -> Usage:
    """A call's usage as an event."""
    return Usage(
        usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost, usage.saved
    )


def _empty(name: str, cut: bool) -> BadModelOutput:
    return BadModelOutput(
        f"{name} gave an empty answer" + (", cut at the limit." if cut else "."),
        hint="Allow more: agent config set answer_tokens N"
        if cut
        else "Ask again, or take another model.",
    )


def _note(turn: Turn, resolved: Resolved, spent: str, notes: Sequence[str]) -> str:
    found = [spent, resolved.note, *notes]
    if turn.context.strip() and resolved.outcome in ("partial", "ungrounded"):
        found.append("What rests on the text handed in cannot be cited.")
    if turn.context.strip() and resolved.outcome != "grounded":
        from agent.models.embedded import NAME

        if turn.model.name == NAME:
            found.append(
                "The embedded model reads the library only, not what is handed in: add it (agent "
                "add FILE), or ask another model."
            )
    return " ".join(filter(None, found))
