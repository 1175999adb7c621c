"""Config -> library, model, session. The only place where the parts are put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from agent import libraries, model_choice
from agent.config import NO_PERSONA, Config, ModeName, by_comma
from agent.errors import ConfigError, TranscriptError
from agent.paths import Paths

if TYPE_CHECKING:
    from agent.budget import Limits
    from agent.connections import Connections
    from agent.mcp_config import Loaded
    from agent.models.base import ChatModel
    from agent.modes.base import Mode
    from agent.persona.restyle import Persona
    from agent.research.parts import ResearchParts
    from agent.session import Session
    from agent.transcripts import Transcripts
    from knowledge.embed import Embedder
    from knowledge.library import Library
    from knowledge.rerank import Reranker

MODES: tuple[ModeName, ...] = get_args(ModeName)
"""What `--mode` offers: the modes that exist."""


class Parts:
    """The parts of one run, each made when it is first asked for, and then the same one."""

    def __init__(
        self,
        paths: Paths,
        config: Config,
        *,
        env: Mapping[str, str] | None = None,
        notify: Callable[[str], None] | None = None,
        mcp_config: Path | None = None,
    ) -> None:
        """Take the settings; makes nothing yet.

        Args:
            paths: Where files are kept.
            config: What the user has chosen.
            env: Where providers' keys are found; the process's environment if not given.
            notify: Told what a person should know while something slow is done (weights are
                fetched), one line at a time.
            mcp_config: A file of MCP servers, beside the user's and the project's.
        """
        self._mcp_config = mcp_config
        self.paths = paths
        self.config = config
        self._env = os.environ if env is None else env
        self._notify = notify or (lambda text: None)

    @classmethod
    def from_env(
        cls,
        overrides: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        notify: Callable[[str], None] | None = None,
        mcp_config: Path | None = None,
    ) -> Parts:
        """The parts that the environment, the settings file and the command line name.

        Raises:
            ConfigError: A setting is wrong.
        """
        paths = Paths.from_env(env)
        config = Config.load(paths, env, overrides)
        return cls(paths, config, env=env, notify=notify, mcp_config=mcp_config)

    @property
    def library_root(self) -> Path:
        """The folder of the library in use, which need not exist.

        Raises:
            ConfigError: Its name is no name.
        """
        return libraries.root(self.config, self.paths)

    @property
    def library_holds_something(self) -> bool:
        """Whether anything has ever been added to the library in use.

        Raises:
            UsageError: There is no such library, and it is not the default one.
        """
        return libraries.holds_something(self.library_root, self.paths, self.collection)

    @property
    def collection(self) -> str:
        """What the library in use is called on the Chroma server; empty where it is not shared.

        Raises:
            ConfigError: No server is set.
        """
        return libraries.collection(self.config, self.library_root)

    @property
    def api_key(self) -> str | None:
        """The model's key, where the settings name its variable; else the provider's usual holds.

        Raises:
            ConfigError: The named variable is not set.
        """
        return self._key("api_key_env", self.config.api_key_env)

    @property
    def embedder_api_key(self) -> str | None:
        """The embedder's key, likewise. The model's is never sent to the embedder's provider.

        Raises:
            ConfigError: The named variable is not set.
        """
        return self._key("embedder_api_key_env", self.config.embedder_api_key_env)

    def _key(self, setting: str, name: str) -> str | None:
        if not name:
            return None
        if not (key := self._env.get(name, "").strip()):
            raise ConfigError(
                f"The setting {setting} names the variable {name}, which is not set.",
                hint=f"export {name}=…  or: agent config unset {setting}",
            )
        return key

    @cached_property
    def embedder(self) -> Embedder | None:
        """What makes vectors; None for a search by words only. Loads nothing yet."""
        return model_choice.embedder(
            self.config, self.paths, lambda: self.embedder_api_key, self._notify
        )

    @cached_property
    def reranker(self) -> Reranker | None:
        """Who orders the best passages anew; None for nobody. Loads nothing yet."""
        return model_choice.reranker(self.config)

    @cached_property
    def model(self) -> ChatModel:
        """Who answers. Loads nothing yet, but a script, which is read whole."""
        return model_choice.model(self.config, self.paths, lambda: self.api_key, self.embedder)

    @cached_property
    def persona(self) -> Persona | None:
        """Who restyles answers; None for nobody. Loads no weights yet.

        Raises:
            ConfigError: There is no such persona, or it cannot be worn.
        """
        if self.config.persona in ("", NO_PERSONA):
            return None
        from agent.persona.wearing import put_on

        def model(config: Config) -> ChatModel:
            if config is self.config:
                return self.model
            return Parts(self.paths, config, env=self._env, notify=self._notify).model

        return put_on(self.config, self.paths, model)

    @cached_property
    def quoter(self) -> ChatModel:
        """Who quotes what was found where the budget ended before the model spoke."""
        from agent.models.embedded import Embedded

        return Embedded(self.embedder)

    @contextmanager
    def open_library(self, *, create: bool = False) -> Iterator[Library]:
        """The library in use. One that holds nothing yet is an empty one that is not kept.

        Args:
            create: Make it where there is none: what is done to it is to stay.

        Raises:
            UsageError: There is no library of that name, or none in that folder. A folder's is
                never made in passing, whatever `create` says: `agent library init` is for that.
        """
        from knowledge.library import Library

        with ExitStack() as stack:
            root = self.library_root
            kept = create
            if not create or root.name == libraries.FOLDER:
                kept = self.library_holds_something or create
            if not kept:
                from tempfile import TemporaryDirectory

                place = TemporaryDirectory(prefix="understudy-", ignore_cleanup_errors=True)
                root = Path(stack.enter_context(place))
            collection = self.collection if kept else ""
            # The server of a shared library is not where this machine's other libraries go.
            away = kept and (collection or not self.config.chroma_collection)
            library = Library.open(
                root,
                embedder=self.embedder,
                chroma_url=self.config.chroma_url if away else "",
                chroma_collection=collection,
                reranker=self.reranker,
                allow_hosts=by_comma(self.config.allow_hosts),
                notify=self._notify,
            )
            stack.callback(library.close)
            yield library

    @contextmanager
    def open_transcripts(self) -> Iterator[Transcripts]:
        """The stored sessions.

        Raises:
            TranscriptError: They cannot be opened.
        """
        from agent.transcripts import Transcripts

        transcripts = Transcripts(self.paths.transcripts)
        try:
            yield transcripts
        finally:
            transcripts.close()

    @contextmanager
    def open_session(self, *, resume: str | None = None, last: bool = False) -> Iterator[Session]:
        """A session over the library in use.

        Args:
            resume: The stored session to go on with, by name or the beginning of it.
            last: Go on with the one last written to; begin one where there is none.

        Raises:
            SessionNotFound: `resume` names none.
            TranscriptError: A session is to be resumed and the store cannot be opened. Otherwise
                the answer is worth more than its record: it goes on, and `notify` is told.
        """
        with ExitStack() as stack:
            transcripts: Transcripts | None = None
            try:
                transcripts = stack.enter_context(self.open_transcripts())
            except TranscriptError as error:
                if resume or last:
                    raise
                self._notify(f"This answer is not being kept: {error} {error.hint}".rstrip())
            if transcripts is not None and resume:
                resume = transcripts.find(resume)
            elif transcripts is not None and last and (resume := transcripts.last()) is None:
                self._notify("There is no session to go on with: this begins one.")
            yield self.session(
                stack.enter_context(self.open_library()),
                transcripts=transcripts,
                resume=resume,
                connections=self.connections(),
            )

    def session(
        self,
        library: Library,
        *,
        transcripts: Transcripts | None = None,
        resume: str | None = None,
        connections: Connections | None = None,
    ) -> Session:
        """A session over a library that is open, as the settings say.

        Args:
            library: What is answered from.
            transcripts: Where it is kept; None keeps it in memory only.
            resume: The stored session to go on with.
            connections: The tools of others that its model may call.

        Raises:
            SessionNotFound: `resume` names none.
            TranscriptError: The store cannot be read.
        """
        from agent.session import Session

        return Session(
            modes=self.modes(),
            model=self.model,
            library=library,
            transcripts=transcripts,
            resume=resume,
            mode=self.config.mode,
            passages=self.config.passages,
            max_tokens=self.config.answer_tokens,
            limits=self.limits,
            quoter=self.quoter,
            connections=connections,
            persona=self.persona,
        )

    @property
    def limits(self) -> Limits:
        """What one ask may use."""
        from agent.budget import Limits

        config = self.config
        return Limits(
            cost=config.max_cost,
            tokens=config.max_tokens,
            steps=config.max_steps,
            seconds=config.max_seconds,
        )

    def servers(self) -> Loaded:
        """The MCP servers that are configured; raises `ConfigError` as `connections` does."""
        from agent import mcp_config
        from agent.mcp_built_in import built_in

        given = self._mcp_config
        return mcp_config.load(self.paths, folder=Path.cwd(), given=given, built_in=built_in())

    def connections(self) -> Connections:
        """The MCP servers that are configured, for one conversation. Starts none.

        What is wrong in the user's own files, `notify` is told.

        Raises:
            ConfigError: The file named on the command line is wrong.
        """
        from agent.connections import Connections

        for problem in (loaded := self.servers()).problems:
            self._notify(f"{problem} {problem.hint}".rstrip())
        return Connections(
            loaded.entries, state=self.paths.state, settings=self.paths.config_file.parent
        )

    @cached_property
    def research(self) -> ResearchParts:
        """What runs of research are made of."""
        from agent.research.parts import ResearchParts

        return ResearchParts(self, self.paths, self.config, self._env)

    def modes(self) -> Mapping[str, Mode]:
        """The ways to answer, by name: those of `MODES`."""
        from agent.modes.agentic import Agentic
        from agent.modes.cached import Cached
        from agent.modes.naive import Naive
        from agent.modes.read_before import ReadBefore
        from agent.modes.router import Auto

        read = ReadBefore(self.paths.cache)
        modes: dict[str, Mode] = {"naive": Naive(), "agentic": Agentic(), "cag": Cached(read)}
        return {"auto": Auto(modes, read), **modes}
