"""A conversation: history in, events out, exactly one terminal event last, all of it recorded.

Modes raise; here expected errors become `Failed`, and bugs go on up. Whoever composes the parts is
`wiring.py`; what a mode does is its own affair.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.approvals import deny
from agent.budget import Budget, Limits
from agent.compaction import Memory
from agent.errors import AgentError, UsageError
from agent.events import Citation, Done, Event, Failed, Revision, ToolCall
from agent.library_tools import LIBRARY_TOOLS
from agent.models.metered import Metered
from agent.modes.base import Turn
from agent.recording import Recording, in_full
from agent.transcripts import messages_of
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.approvals import Decide
    from agent.connections import Connections
    from agent.mcp_client import ServerState
    from agent.messages import Message
    from agent.models.base import ChatModel
    from agent.modes.base import Mode
    from agent.persona.restyle import Persona
    from agent.transcripts import State, Transcripts
    from knowledge.library import Filters, Library


class Session:
    """One conversation with one model over one library. Asks are made one after the other."""

    def __init__(
        self,
        *,
        modes: Mapping[str, Mode],
        model: ChatModel,
        library: Library,
        transcripts: Transcripts | None = None,
        resume: str | None = None,
        history: Sequence[Message] = (),
        mode: str = "naive",
        passages: int = 8,
        max_tokens: int | None = None,
        limits: Limits | None = None,
        quoter: ChatModel | None = None,
        connections: Connections | None = None,
        persona: Persona | None = None,
    ) -> None:
        """Compose a session; nothing is stored before the first ask.

        Args:
            modes: By the name that `ask` may give.
            model: Who answers.
            library: What is answered from.
            transcripts: Where the session is kept; None keeps it in memory only.
            resume: The stored session to go on with.
            history: What was said before elsewhere, oldest first; comes before what is stored.
            mode: The one that answers where `ask` names none.
            passages: How many to retrieve.
            max_tokens: The longest answer.
            limits: What each ask may use; None for no limits.
            quoter: Quotes what was found where an ask ended before its model spoke.
            connections: The tools of others that its model may call.
            persona: Restyles what a mode has answered; None leaves it plain.

        Raises:
            SessionNotFound: `resume` names none.
            TranscriptError: The store cannot be read.
        """
        self.id = resume
        """The session's name in the store; None until it has one."""
        self.model = model
        self.library = library
        self._modes = modes
        self._mode = mode
        self._passages = passages
        self._max_tokens = max_tokens
        self._transcripts = transcripts
        self._limits = limits
        self._quoter = quoter
        self._connections = connections
        self._persona = persona
        self._budget: Budget | None = None
        """Of the ask that is running, or ran last."""
        self._memory = Memory()
        if resume is not None and transcripts is not None:
            self._memory = _remembered(transcripts, resume)
            if connections is not None and _told_by_strangers(transcripts, resume):
                connections.exposure.untrusted = True
        self._memory.begin(history)

    @property
    def history(self) -> tuple[Message, ...]:
        """The finished turns, as messages; a model may be told of the older ones in short."""
        return tuple(message for turn in self._memory.past for message in turn.messages)

    @property
    def servers(self) -> tuple[ServerState, ...]:
        """How the servers stand whose tools its model may call; none before one was needed."""
        return self._connections.states if self._connections is not None else ()

    def take_over(self, other: Session) -> None:
        """Go on with the running servers of another, and with what was allowed of them.

        Both must be over one conversation. Where other servers are configured by now, nothing is
        taken: they are started anew, and the user is asked anew.
        """
        mine, theirs = self._connections, other._connections
        if mine is not None and theirs is not None and mine.entries == theirs.entries:
            self._connections, other._connections = theirs, None

    @property
    def budget(self) -> Budget | None:
        """What the ask that runs, or ran last, has used; None before the first."""
        return self._budget

    def stop(self, reason: str = "You stopped it.") -> None:
        """End the running ask, if there is one, with what it has: call it on the ask's loop."""
        if self._budget is not None:
            self._budget.stop(reason)

    async def aclose(self) -> None:
        """Let go of the model's connections and of the servers; a later ask opens them again."""
        try:
            if self._connections is not None:
                await self._connections.aclose()
        finally:
            try:
                if self._persona is not None:
                    await self._persona.aclose()
            finally:
                await self.model.aclose()

    async def ask(
        self,
        question: str,
        *,
        mode: str | None = None,
        context: str = "",
        filters: Filters | None = None,
        remember: bool = True,
        decide: Decide | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Ask one question.

        Leaving the generator before its end, or cancelling the task that iterates it, stops the
        mode and all it started; what there was of the answer is recorded as interrupted. If the
        store fails, the answer goes on and a `Status` says that it is not being kept. If the
        session was deleted meanwhile, another one begins with this question, and a `Status` says
        so: what was deleted is forgotten.

        Args:
            question: What is asked.
            mode: Which mode answers, if not the session's own.
            context: Text handed in with the question.
            filters: Which sources may be searched.
            remember: Whether later asks of this object are told of this one. It is recorded
                either way.
            decide: Asks the user where a tool needs that; None asks nobody, and the answer is no.
        """
        if self._connections is not None:
            self._connections.ask_through(decide or deny)
        began = time.monotonic()
        chosen = self._modes.get(mode or self._mode)
        if chosen is None or not question.strip():
            wrong = "The question is empty."
            if chosen is None:
                wrong = f"There is no mode '{mode or self._mode}'."
            known = ", ".join(sorted(self._modes))
            yield _failed(UsageError(wrong, hint=f'agent ask "…" --mode M, with M one of: {known}'))
            return
        self._budget = budget = Budget(self._limits)
        model = Metered(self.model, budget)
        record = Recording(self._transcripts, self.id)
        last: Done | Failed | None = None
        try:
            warning = await in_full(record.begin, question, context)
            self._is(record.session)
            if warning:
                yield warning
            before = self._memory.summary
            async with aclosing(self._memory.fit(model, budget)) as steps:
                async for step in steps:
                    record.add(step)
                    yield step
            if (summary := self._memory.summary) is not None and summary is not before:
                warning = await in_full(record.summarise, summary)
                if warning:
                    yield warning
            turn = Turn(
                question=question,
                library=self.library,
                model=model,
                history=self._memory.told,
                context=context,
                filters=filters,
                passages=self._passages,
                max_tokens=self._max_tokens,
                budget=budget,
                quoter=self._quoter,
                connections=self._connections,
            )
            async with aclosing(_expected(chosen, turn)) as events:
                async for event in events:
                    if isinstance(event, Done | Failed):
                        last = event
                        break
                    if record.add(event) and (warning := await in_full(record.flush)):
                        yield warning
                    yield event
            if last is None:
                raise RuntimeError(f"the mode {chosen.name!r} ended without Done or Failed")
            revised = any(isinstance(event, Revision) for event in record.events)
            if self._persona is not None and isinstance(last, Done) and not revised:
                async with aclosing(self._persona.restyle(last, budget)) as events:
                    async for event in events:
                        if isinstance(event, Done):
                            last = event
                            break
                        record.add(event)
                        yield event
            if isinstance(last, Done):
                last = replace(last, seconds=round(time.monotonic() - began, 3))
                messages = messages_of(question, [*record.events, last])
                if remember:
                    self._memory.add(record.turn, messages)
            record.add(last)
            state: State = "done" if isinstance(last, Done) else "failed"
            warning = await in_full(record.close, state)
        except BaseException:
            self._is(record.session)
            # At once and in this thread: whoever cancels may not wait for another.
            record.close("interrupted")
            raise
        if warning:
            yield warning
        yield last

    def _is(self, session: str | None) -> None:
        """Have this name in the store; of another session before, nothing is remembered."""
        if self.id is not None and session != self.id:
            self._memory = Memory()
        self.id = session


def _remembered(transcripts: Transcripts, session: str) -> Memory:
    """What a stored session can go on with: its finished turns, and the last summary of them.

    A question that was asked several times in a row, to compare or again, is told once, with the
    last of its answers.
    """
    memory = Memory(summary=next(reversed(transcripts.summaries(session)), None))
    done = [turn for turn in transcripts.turns(session) if turn.state == "done"]
    for turn, following in zip(done, [*done[1:], None], strict=False):
        if following is None or (turn.question, turn.context) != (
            following.question,
            following.context,
        ):
            memory.add(turn.n, messages_of(turn.question, turn.events))
    return memory


def _told_by_strangers(transcripts: Transcripts, session: str) -> bool:
    """Whether what a session goes on with may hold text of strangers: of the web, or of a tool."""
    return any(
        (isinstance(event, ToolCall) and event.name not in LIBRARY_TOOLS)
        or (isinstance(event, Citation) and "://" in event.source)
        for turn in transcripts.turns(session)
        for event in turn.events
    )


async def _expected(mode: Mode, turn: Turn) -> AsyncGenerator[Event, None]:
    """The mode's events; an error that a user may meet becomes the last of them."""
    try:
        async with aclosing(mode.answer(turn)) as events:
            async for event in events:
                yield event
    except (AgentError, KnowledgeError) as error:
        yield _failed(error)


def _failed(error: AgentError | KnowledgeError) -> Failed:
    return Failed(str(error), hint=error.hint, error=type(error).__name__)
