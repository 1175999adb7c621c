"""Config -> library, model, session. The only place where the parts are put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Config
from agent.errors import ConfigError, TranscriptError
from agent.paths import Paths

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.modes.base import Mode
    from agent.session import Session
    from agent.transcripts import Transcripts
    from knowledge.embed import Embedder
    from knowledge.library import Library

MODES = ("naive",)
"""What `--mode` offers: the modes that exist."""

FOLDER = ".understudy"
"""The folder of a folder library: what is asked for below its parent is asked of it."""

SCRIPTED = "scripted:"
"""How a model begins whose answers stand in a file."""


def folder_library(start: Path) -> Path | None:
    """The folder library that a working folder lies in; None where there is none above it."""
    for place in (start, *start.parents):
        if (place / FOLDER).is_dir():
            return place / FOLDER
    return None


class Parts:
    """The parts of one run, each made when it is first asked for, and then the same one."""

    def __init__(
        self,
        paths: Paths,
        config: Config,
        *,
        env: Mapping[str, str] | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Take the settings; makes nothing yet.

        Args:
            paths: Where files are kept.
            config: What the user has chosen.
            env: Where providers' keys are found; the process's environment if not given.
            notify: Told what a person should know while something slow is done (weights are
                fetched), one line at a time.
        """
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
    ) -> Parts:
        """The parts that the environment, the settings file and the command line name.

        Raises:
            ConfigError: A setting is wrong.
        """
        paths = Paths.from_env(env)
        return cls(paths, Config.load(paths, env, overrides), env=env, notify=notify)

    @property
    def library_root(self) -> Path:
        """The folder of the library in use, which need not exist.

        Where nobody has named one, a folder library counts from its folder downwards, as a git
        repository does.

        Raises:
            ConfigError: Its name is no name.
        """
        name = self.config.library
        if "library" not in self.config.origins and (found := folder_library(Path.cwd())):
            return found
        if name.startswith((".", "~")) or os.sep in name or "/" in name:
            return Path(name).expanduser().absolute()
        if not name or "\0" in name:
            raise ConfigError(
                f"'{name}' cannot be the name of a library.", hint="agent config unset library"
            )
        return self.paths.libraries / name

    @property
    def api_key(self) -> str | None:
        """The model's key, where the settings name its variable; else the provider's usual holds.

        Raises:
            ConfigError: The named variable is not set.
        """
        name = self.config.api_key_env
        if not name:
            return None
        if not (key := self._env.get(name, "").strip()):
            raise ConfigError(
                f"The setting api_key_env names the variable {name}, which is not set.",
                hint=f"export {name}=…  or: agent config unset api_key_env",
            )
        return key

    @cached_property
    def embedder(self) -> Embedder | None:
        """What makes vectors; None for a search by words only. Loads nothing yet."""
        name = self.config.embedder
        if name == "none":
            return None
        if name == "minilm":
            from knowledge.minilm import MiniLM

            return MiniLM(
                self.paths.cache,
                precision="int8" if self.config.precision == "auto" else self.config.precision,
                threads=self.config.threads,
                notify=self._notify,
            )
        from agent.models.embedding_gateway import GatewayEmbedder

        return GatewayEmbedder(
            name,
            api_base=self.config.api_base or None,
            api_key=self.api_key,
            timeout=self.config.timeout,
            retries=self.config.retries,
        )

    @cached_property
    def model(self) -> ChatModel:
        """Who answers. Loads nothing yet, but a script, which is read whole."""
        name = self.config.model
        if name == "embedded":
            from agent.models.embedded import Embedded

            return Embedded(self.embedder)
        if name.startswith(SCRIPTED):
            from agent.models.scripted import Scripted

            return Scripted.from_file(Path(name.removeprefix(SCRIPTED)).expanduser())
        from agent.models.gateway import Gateway

        return Gateway(
            name,
            api_base=self.config.api_base or None,
            api_key=self.api_key,
            timeout=self.config.timeout,
            retries=self.config.retries,
            temperature=self.config.temperature,
        )

    @contextmanager
    def open_library(self) -> Iterator[Library]:
        """The library in use, made where there is none."""
        from knowledge.library import Library

        library = Library.open(
            self.library_root, embedder=self.embedder, chroma_url=self.config.chroma_url
        )
        try:
            yield library
        finally:
            library.close()

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
        from agent.session import Session

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
            yield Session(
                modes=self.modes(),
                model=self.model,
                library=stack.enter_context(self.open_library()),
                transcripts=transcripts,
                resume=resume,
                mode=self.config.mode,
                passages=self.config.passages,
                max_tokens=self.config.max_tokens,
            )

    def modes(self) -> Mapping[str, Mode]:
        """The ways to answer, by name: those of `MODES`."""
        from agent.modes.naive import Naive

        return {"naive": Naive()}
