"""One chat request, checked and put to a session: steps, text, and what is known at the end.

How an answer is sent, whole or in pieces, is decided in `chat.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.events import Citation, Done, Failed, Revision, Status, Token, Usage
from agent.modes.answering import CUT
from agent.server.bodies import ChatRequest
from agent.server.causes import ended_for, refused_by, step_for
from agent.server.client_tools import HandedOver, HandsOver, cannot_call, offered
from agent.server.completion import CachedTokens, CompletionUsage, tool_calls, understudy
from agent.server.conversation import asked
from agent.server.errors import Refused
from agent.server.library_names import opened
from agent.server.model_names import meant
from agent.server.source_names import shown_citation
from agent.server.sources_text import sources_text

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.server.admission import Admission
    from agent.server.completion import Finish, ToolCall, Understudy
    from agent.server.hosting import Hosting
    from agent.server.tickets import Ticket
    from agent.server.users import User
    from agent.session import Session

_WITH_TOOLS = "agentic"
"""The mode in which a model may call tools."""
_UNUSED = (
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs",
    "seed", "stop", "functions", "prediction", "reasoning_effort", "web_search_options",
)  # fmt: skip
"""Fields of OpenAI's that change an answer there, and here do not."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer."""

    tail: str
    """What is added to its text."""
    finish: Finish
    calls: tuple[ToolCall, ...] = ()
    about: Understudy | None = None
    """None where the client's tools are to be called first."""


class Ask:
    """One request. It is asked once."""

    def __init__(
        self, hosting: Hosting, admission: Admission, user: User, body: ChatRequest
    ) -> None:
        """Check a request.

        Raises:
            Refused: It cannot be carried out.
        """
        _check(body)
        self.said = ""
        """The answer as far as it has been said, or as it was replaced at last."""
        self._hosting = hosting
        self._admission = admission
        self._user = user
        self._body = body
        self._mode, self._persona = meant(body.model)
        self._tools = offered(body)
        self._asked = asked(body.messages)
        self._ignored = [name for name in _UNUSED if (body.model_extra or {}).get(name) is not None]
        if self._asked.instructed:
            self._ignored.append("system message")
        self._used: list[Usage] = []
        self._citations: list[Citation] = []

    async def restyled(self) -> bool:
        """Whether what is said may be replaced as a whole, at the end.

        Raises:
            Refused: There is no such persona.
        """
        return await asyncio.to_thread(self._hosting.persona, self._persona) is not None

    async def events(self) -> AsyncGenerator[Status | Token | Ended, None]:
        """Ask: steps and pieces of text as they come, and one `Ended`, last.

        Raises:
            Refused: It is not let through, or has failed.
        """
        async with self._admission.admit(self._user) as ticket:
            yield Status("Begun", stage="begin")
            session, model = await self._session(ticket)
            ticket.counted_by(lambda: session.budget)
            context = self._asked.context
            begun = False
            async with aclosing(session.ask(self._asked.question, context=context)) as events:
                async for event in events:
                    if not begun:
                        begun = True  # only now is there something to stop
                        ticket.started(session.stop)
                    ticket.heard(event)
                    match event:
                        case Token():
                            self.said += event.text
                            yield event
                        case Revision():
                            self.said = event.text
                        case Status():
                            if (step := step_for(self._user, event)) is not None:
                                yield step
                        case Usage():
                            self._used.append(event)
                        case Citation():
                            self._citations.append(shown_citation(self._user, event))
                        case Done():
                            yield self._done(ended_for(self._user, event), session)
                        case Failed():
                            yield self._failed(event, model, ticket)
                        case _:
                            pass  # thoughts, calls of the library's tools

    @property
    def usage(self) -> CompletionUsage:
        """What the ask has used."""
        prompt = sum(used.input_tokens for used in self._used)
        answer = sum(used.output_tokens for used in self._used)
        return CompletionUsage(
            prompt_tokens=prompt,
            completion_tokens=answer,
            total_tokens=prompt + answer,
            prompt_tokens_details=CachedTokens(
                cached_tokens=sum(used.cached_tokens for used in self._used)
            ),
        )

    async def _session(self, ticket: Ticket) -> tuple[Session, ChatModel]:
        """The session that is asked, and its model."""
        body, hosting = self._body, self._hosting
        mode, model = await self._with_tools()
        named = (body.metadata.library if body.metadata else None) or ""
        resume = (body.metadata.session if body.metadata else None) or None
        library = (await opened(hosting, self._user, named)).seen
        session = await asyncio.to_thread(
            lambda: hosting.session(
                ticket.user,
                library,
                mode=mode,
                persona=self._persona,
                history=() if resume else self._asked.history,
                resume=resume,
                keep=bool(body.store),
                model=model,
                max_tokens=body.max_completion_tokens or body.max_tokens,
            )
        )
        return session, model

    async def _with_tools(self) -> tuple[str, ChatModel]:
        """The mode and the model, where the client has tools of its own.

        Raises:
            Refused: One of them must be called, and none can be.
        """
        model, mode, choice = self._hosting.model, self._mode, self._body.tool_choice
        if not self._tools:
            return mode, model
        able = await asyncio.to_thread(lambda: model.can_call_tools)
        if able and mode in ("", "auto", _WITH_TOOLS):
            return _WITH_TOOLS, HandsOver(model, self._tools)
        if choice not in (None, "auto"):
            raise cannot_call(mode if able else model.name)
        self._ignored.append("tools")
        return mode, model

    def _done(self, done: Done, session: Session) -> Ended:
        tail = sources_text(done, self._citations)
        if tail and self.said:
            tail = f"\n\n{tail}"
        costs = [used.cost for used in self._used if used.cost is not None]
        about = understudy(
            done,
            self._citations,
            session=session.id,
            cost=sum(costs) if len(costs) == len(self._used) else None,
            ignored=self._ignored,
        )
        return Ended(tail, "length" if CUT in done.note else "stop", about=about)

    def _failed(self, failed: Failed, model: ChatModel, ticket: Ticket) -> Ended:
        """The end where the client's tools are to be called; any other failure is raised."""
        if isinstance(model, HandsOver) and failed.error == HandedOver.__name__:
            ticket.used(model.usage)
            ticket.ended("handed_over")
            self._used.append(model.usage)
            return Ended("", "tool_calls", tuple(tool_calls(model.calls)))
        raise refused_by(failed, owner=self._user.is_owner)


def _check(body: ChatRequest) -> None:
    """Refuse what would be answered with something else than was asked for."""
    form = "text" if body.response_format is None else body.response_format.type
    for param, kept, why in (
        ("n", body.n in (None, 1), "Only one answer is given."),
        ("response_format", form == "text", "Answers are text; no other form is kept to."),
        ("modalities", body.modalities in (None, ["text"]), "Answers are text."),
    ):
        if not kept:
            raise Refused(400, why, code="unsupported", param=param)
