"""What all users of one server share, and what is each one's own. Knows no HTTP.

One model, one embedder and one open `Library` per folder serve everybody; sessions are each
user's own, in a store of their own. Who somebody is, `auth.py` finds out; how much they may ask at
once, `admission.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent.budget import Limits
from agent.config import NO_PERSONA
from agent.errors import ConfigError, UsageError
from agent.persona import cards
from agent.server.errors import Refused
from agent.server.model_names import EMBEDDING, NAMES, no_model
from agent.server.open_libraries import OpenLibraries
from agent.session import Session
from agent.wiring import MODES

if TYPE_CHECKING:
    from agent.messages import Message
    from agent.models.base import ChatModel
    from agent.modes.base import Mode
    from agent.persona.restyle import Persona
    from agent.server.users import User
    from agent.transcripts import Transcripts
    from agent.wiring import Parts
    from knowledge.embed import Embedder
    from knowledge.library import Library

_N = TypeVar("_N", int, float)
_LONGEST_NAME = 255
"""Bytes that file systems take in a name."""


class Hosting:
    """The parts of a running server. Belongs to one event loop."""

    def __init__(self, make: Callable[[Mapping[str, Any]], Parts]) -> None:
        """Put the shared parts together; nothing is opened yet.

        Args:
            make: Settings that override all others, by name -> the parts they mean.

        Raises:
            ConfigError: A setting is wrong.
        """
        self.parts = make({})
        """Those of the settings as they are."""
        self._make = make
        self._making = threading.Lock()
        self._libraries = OpenLibraries()
        self._transcripts: dict[str, Transcripts] = {}
        self._personas: dict[str, Persona | None] = {}

    @property
    def model(self) -> ChatModel:
        """Who answers everybody."""
        return self.parts.model

    @property
    def embedder(self) -> Embedder | None:
        """What makes everybody's vectors; None where the settings want none."""
        return self.parts.embedder

    @cached_property
    def _modes(self) -> Mapping[str, Mode]:
        return self.parts.modes()

    # libraries

    @property
    def library_name(self) -> str:
        """What the library of the settings is called: its name, or its folder where it has none."""
        return self._called(self.parts.library_root)

    def libraries(self, user: User) -> list[str]:
        """The libraries that a user may read, by name, that of the settings first."""
        from knowledge.library import Library

        first = self.library_name
        place = self.parts.paths.libraries
        others = sorted(f.name for f in place.glob("*") if f.name != first and Library.exists(f))
        return [name for name in (first, *others) if user.may_read(name)]

    def library_meant(self, user: User, name: str = "") -> str:
        """The library that a user means: where they name none, the first that they may read.

        Raises:
            Refused: They may not read it, whether it is there or not.
        """
        names = [name] if name else self.libraries(user)
        if not names:
            raise _no_library("There is no library that you may read.")
        if not user.may_read(names[0]):
            raise _no_library(f"There is no library '{name}' that you may read.")
        return names[0]

    async def library(self, user: User, name: str = "") -> Library:
        """A library that a user may read, opened once for all; anew where it was replaced.

        Args:
            user: Who asks.
            name: Which; empty as `library_meant` says. Never a path.

        Raises:
            Refused: There is none of that name, or it is not theirs to read: the same answer, so
                that it does not tell which.
            KnowledgeError: It cannot be opened.
        """
        name = await asyncio.to_thread(self.library_meant, user, name)
        missing = _no_library(f"There is no library '{name}' that you may read.")
        parts = self.parts
        if name != self.library_name:
            too_long = len(name.encode("utf-8", "replace")) > _LONGEST_NAME
            if too_long or name.startswith((".", "~")) or os.sep in name or "/" in name:
                raise missing
            try:
                parts = self._make({"library": name})
            except ConfigError:
                raise missing from None
        try:
            return await self._libraries.get(parts.library_root, lambda: self._opened(parts))
        except UsageError:
            raise missing from None

    def _opened(self, parts: Parts) -> AbstractContextManager[Library]:
        """A library; that of the settings is made where there is none: it may be filled."""
        _ = parts.library_holds_something  # raises where there is none of that name
        if parts is not self.parts:
            parts.embedder, parts.reranker = self.parts.embedder, self.parts.reranker
        return parts.open_library(create=True)

    def _called(self, root: Path) -> str:
        return root.name if root.parent == self.parts.paths.libraries else str(root.parent)

    # sessions

    def transcripts(self, user: User) -> Transcripts:
        """A user's own sessions, held open. The owner's are those of the program itself.

        Raises:
            TranscriptError: They cannot be opened.
        """
        with self._making:
            if user.kept_as not in self._transcripts:
                from agent.transcripts import Transcripts

                paths = self.parts.paths
                file = paths.transcripts
                if not user.is_owner:
                    file = paths.data / "users" / user.kept_as / "transcripts.db"
                self._transcripts[user.kept_as] = Transcripts(file)
            return self._transcripts[user.kept_as]

    @property
    def sessions_open(self) -> frozenset[str]:
        """Whose sessions are held open, by what `User.kept_as` says."""
        with self._making:
            return frozenset(self._transcripts)

    def close_sessions(self, kept_as: str) -> None:
        """Let go of a user's sessions, who has no request under way; they can be opened again."""
        with self._making:
            store = self._transcripts.pop(kept_as, None)
        if store is not None:
            store.close()

    def session(
        self,
        user: User,
        library: Library,
        *,
        mode: str = "",
        persona: str | None = None,
        history: Sequence[Message] = (),
        resume: str | None = None,
        keep: bool = False,
        model: ChatModel | None = None,
        max_tokens: int | None = None,
    ) -> Session:
        """A conversation of a user, under the stricter of the settings' limits and their own.

        No MCP servers of the owner's are connected: nobody could be asked what a call may do.

        Args:
            user: Whose it is.
            library: One that they may read.
            mode: Which mode answers; empty for that of the settings.
            persona: Who restyles; None for that of the settings, `none` for nobody.
            history: What was said before, where nothing is resumed.
            resume: The stored session of theirs to go on with, by name or the beginning of it.
            keep: Whether it is stored; one that is resumed is.
            model: Who answers in place of the shared model.
            max_tokens: The longest answer, where the settings' is not shorter.

        Raises:
            Refused: There is no such mode or persona; or what an answer costs is limited, and
                not known.
            SessionNotFound: `resume` names none of theirs.
            TranscriptError: Their store cannot be used.
        """
        config = self.parts.config
        if mode and mode not in self._modes:
            raise no_model(f"{NAMES}/{mode}")
        limits, model = stricter(self.parts.limits, user.limits), model or self.model
        if limits.cost is not None and model.price is None:
            raise _no_price(user, model.name)
        store = self.transcripts(user) if keep or resume else None
        if store is not None and resume:
            resume = store.find(resume)
        return _Guest(
            modes=self._modes,
            model=model,
            library=library,
            transcripts=store,
            resume=resume,
            history=history,
            mode=mode or config.mode,
            passages=config.passages,
            max_tokens=_least(config.answer_tokens, max_tokens),
            limits=limits,
            quoter=self.parts.quoter,
            persona=self.persona(persona),
        )

    def personas(self) -> list[str]:
        """Who may be worn, by name."""
        return [found.name for found in cards.available(self.parts.paths)]

    def persona(self, name: str | None = None) -> Persona | None:
        """A persona, made once for all. Only a name is taken: a card's file is the owner's.

        Args:
            name: None for that of the settings, `none` for nobody.

        Raises:
            Refused: There is none of that name.
            ConfigError: It cannot be worn.
        """
        if name is None or name == self.parts.config.persona:
            return self.parts.persona
        if name == NO_PERSONA:
            return None
        if name not in self.personas():
            raise no_model(f"{NAMES}@{name}")
        with self._making:
            if name not in self._personas:
                parts = self._make({"persona": name})
                parts.embedder, parts.model = self.embedder, self.model
                self._personas[name] = parts.persona
            return self._personas[name]

    def models(self) -> list[str]:
        """The names of the models: every mode, plain and in every persona, then the embedder's.

        Reads every persona's card.
        """
        modes, personas = [NAMES, *(f"{NAMES}/{mode}" for mode in MODES)], self.personas()
        names = [*modes, *(f"{mode}@{who}" for mode in modes[1:] for who in personas)]
        if self.embedder is not None:
            names.append(EMBEDDING)
        return names

    async def close(self) -> None:
        """Let go of the model, the libraries and the stores."""
        try:
            made = vars(self.parts)
            for shared in (*self._personas.values(), made.get("persona"), made.get("model")):
                if shared is not None:
                    await shared.aclose()
        finally:
            async with AsyncExitStack() as stack:
                for kept_as in self.sessions_open:
                    stack.push_async_callback(asyncio.to_thread, self.close_sessions, kept_as)
                stack.push_async_callback(self._libraries.close)


class _Guest(Session):
    """A session over a model, a persona and a library that others use too."""

    async def aclose(self) -> None:
        """Nothing is its own: `Hosting.close` lets go of what is shared."""


def _no_library(message: str) -> Refused:
    return Refused(
        404,
        message,
        code="library_not_found",
        param="library",
        hint="GET /api/libraries lists those that you may.",
    )


def _no_price(user: User, model: str) -> Refused:
    message = "What an answer may cost is limited, and what this server's model costs is not known."
    hint = "Tell the server's owner, who can take the limit away."
    if user.is_owner:
        hint = f"agent config unset max_cost  or take a model other than {model}"
    return Refused(403, message, code="price_unknown", hint=hint)


def stricter(one: Limits, other: Limits) -> Limits:
    """Limits that keep to both; None in one of them leaves the other's."""
    return Limits(
        cost=_least(one.cost, other.cost),
        tokens=_least(one.tokens, other.tokens),
        steps=_least(one.steps, other.steps),
        seconds=_least(one.seconds, other.seconds),
    )


def _least(one: _N | None, other: _N | None) -> _N | None:
    return min((n for n in (one, other) if n is not None), default=None)
