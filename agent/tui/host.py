"""What the chat asks of the agent: sessions, the store, settings, servers, checks, the demo.

The only module of this room that knows `agent.wiring`. It shows nothing, and all its methods block:
the app calls them in a thread where they may take long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Protocol

from agent import config_file, handbook
from agent.config import Value, describe, parse
from agent.errors import AgentError, UsageError
from agent.whole_file import write_whole
from agent.wiring import MODES, Parts

if TYPE_CHECKING:
    from agent.config import Config, Setting
    from agent.mcp_config import Loaded
    from agent.session import Session
    from agent.transcripts import Transcripts
    from agent.tui.runs import Runs
    from knowledge.library import Library

Make = Callable[[Mapping[str, Any], Callable[[str], None]], Parts]
"""Settings that override all others, and who is told what a person should know -> the parts."""
Form = Literal["md", "json", "html"]
FORMS: tuple[Form, ...] = ("md", "json", "html")


class Finding(Protocol):
    """One thing that `agent doctor` has looked at."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def state(self) -> Literal["ok", "warn", "fail"]:
        """How it stands."""

    @property
    def detail(self) -> str:
        """What was found."""

    @property
    def mend(self) -> str:
        """What to type to make it work; may be empty."""


class Host:
    """The agent, as the chat sees it. May be used from any thread, one call after the other."""

    def __init__(
        self,
        make: Make,
        *,
        checks: Callable[[], Iterable[Finding]] | None = None,
        samples: Sequence[str] = (),
    ) -> None:
        """Put the first parts together; nothing is opened yet.

        Args:
            make: Puts the parts together anew where a setting has changed.
            checks: What `/doctor` looks at; None leaves the command out.
            samples: Questions that the demo proposes.

        Raises:
            ConfigError: A setting is wrong.
        """
        self.checks = checks
        self.samples = tuple(samples)
        self._make = make
        self._overrides: dict[str, Any] = {}
        self._told: list[str] = []
        self._parts = make({}, self._told.append)
        self._failed = False
        """Whether no session could be opened: what is wrong may be mended elsewhere."""
        self._stack = ExitStack()
        self._transcripts: Transcripts | None = None

    def close(self) -> None:
        """Let go of the store."""
        self._stack.close()
        self._transcripts = None

    def take_told(self) -> list[str]:
        """What a person should know, said since it was last asked for."""
        told = list(self._told)
        del self._told[: len(told)]
        return told

    # sessions

    @property
    def modes(self) -> tuple[str, ...]:
        """The ways to answer."""
        return MODES

    @property
    def state(self) -> Path:
        """The folder for what the chat keeps of itself, which need not exist."""
        return self._parts.paths.state

    @contextmanager
    def open_session(self, *, resume: str | None = None, last: bool = False) -> Iterator[Session]:
        """A session over the library in use, which is kept from now on.

        Where the last one could not be opened, the settings are read again.

        Args:
            resume: The stored session to go on with.
            last: Go on with the one last written to.

        Raises:
            AgentError: What is configured cannot be used, or there is no such session.
            KnowledgeError: The library cannot be opened.
        """
        if self._failed:
            self._again(self._overrides)
        self._failed = True
        if not self._parts.library_holds_something:
            # Otherwise what is added in the chat would go to a library that is not kept.
            with self._parts.open_library(create=True):
                pass
        with self._parts.open_session(resume=resume, last=last) as session:
            self._failed = False
            yield session

    @property
    def transcripts(self) -> Transcripts:
        """The stored sessions.

        Raises:
            TranscriptError: They cannot be opened.
        """
        if self._transcripts is None:
            self._transcripts = self._stack.enter_context(self._parts.open_transcripts())
        return self._transcripts

    def rewind(self, session: str, turn: int) -> str:
        """A copy of a session up to before a turn; the session itself stays as it is.

        Raises:
            SessionNotFound: There is no such session, or no such turn.
        """
        return self.transcripts.fork(session, max(0, turn - 1))

    def export(self, session: str, form: Form, path: str = "") -> Path:
        """Write a session to a file that is not there yet.

        Args:
            session: Which.
            form: Markdown, JSON or HTML.
            path: Where to; empty names one in the working folder.

        Raises:
            AgentError: There is no such session, or the file cannot be written.
        """
        from agent import transcript_export as export

        write = {
            "md": export.to_markdown, "json": export.to_json_text, "html": export.to_html,
        }[form]  # fmt: skip
        store = self.transcripts
        info = store.info(session)
        text = write(info, store.turns(session), store.summaries(session))
        file = Path(os.path.expanduser(path)) if path else _free(Path(f"session-{session}.{form}"))
        if file.exists():
            raise UsageError(f"There is a file {file} already.", hint="Name another one.")
        try:
            write_whole(file, text, errors="replace")
        except OSError as error:
            raise UsageError(
                f"{file} cannot be written: {error.strerror}.", hint="/export md PATH"
            ) from error
        return file.absolute()

    # who speaks

    @property
    def persona(self) -> str:
        """Who restyles answers; empty for nobody.

        Raises:
            ConfigError: It cannot be worn.
        """
        worn = self._parts.persona
        return worn.name if worn is not None else ""

    def personas(self) -> list[tuple[str, str]]:
        """Every persona that there is, and what its card says of it."""
        from agent.persona.cards import available, load

        found: list[tuple[str, str]] = []
        for each in available(self._parts.paths):
            about = "its card cannot be read"
            with suppress(AgentError):
                about = load(each.file).description
            found.append((each.name, about))
        return found

    # settings

    @property
    def config(self) -> Config:
        """The settings that hold now."""
        return self._parts.config

    def settings(self) -> list[Setting]:
        """Every setting, with its value and what it means."""
        return list(describe(self._parts.config))

    def use(self, name: str, text: str) -> None:
        """Let a setting hold until the chat ends; sessions opened from now on have it.

        Raises:
            AgentError: It cannot have this value, and the old one holds.
        """
        self._again({**self._overrides, name: parse(name, text, f"/{name}")})

    def keep(self, name: str, text: str) -> Value:
        """Write a setting to the file, and let it hold from now on; empty text takes it out.

        Raises:
            AgentError: It cannot have this value, and the old one holds.
        """
        paths = self._parts.paths
        others = {key: value for key, value in self._overrides.items() if key != name}
        if text:
            self._made({**others, name: parse(name, text, name)})
            kept = config_file.set_value(paths, name, text)
            with suppress(AgentError):  # of that very flag or variable, which cannot be used
                self._again(others)
            if getattr(self._parts.config, name) != kept:  # a flag or a variable goes before it
                self._again({**others, name: kept})
        else:
            config_file.unset_value(paths, name)
            self._again(others)
        held = getattr(self._parts.config, name)
        assert held is None or isinstance(held, str | int | float)
        return held

    def _again(self, overrides: dict[str, Any]) -> None:
        """Put the parts together anew; those that have not changed are taken over."""
        old, new = self._parts, self._made(overrides)
        same = ("embedder", "embedder_api_base", "embedder_api_key_env", "precision", "threads")
        if all(getattr(old.config, name) == getattr(new.config, name) for name in same):
            new.embedder = old.embedder
        self._parts, self._overrides = new, overrides

    def _made(self, overrides: dict[str, Any]) -> Parts:
        """Other parts, of which what can be wrong has been looked at.

        Raises:
            AgentError: The model or the persona cannot be had.
        """
        made = self._make(overrides, self._told.append)
        _ = made.model.context_window, made.persona
        return made

    # the rest

    def research(self, library: Library) -> Runs:
        """Runs of research over the library that is open; one that is resumed keeps its model."""
        from agent.tui.runs import Runs

        def having(model: str) -> Parts:
            if model == self._parts.model.name:
                return self._parts
            parts = self._made({**self._overrides, "model": model})
            parts.embedder = self._parts.embedder
            return parts

        return Runs(self._parts, having, library)

    def servers(self) -> Loaded:
        """The MCP servers that are configured, and what is wrong with their files."""
        return self._parts.servers()

    @contextmanager
    def demo(self) -> Iterator[tuple[Host, Path]]:
        """A host over a throw-away library, and the folder of the handbook that goes into it.

        Raises:
            AgentError: The handbook is not there.
        """
        if (folder := handbook.folder()) is None:
            raise AgentError(
                "The handbook is not installed with the program.",
                hint="pip install --force-reinstall --no-deps .  (in the project's folder)",
            )
        yours = self._parts
        with TemporaryDirectory(prefix="understudy-demo-", ignore_cleanup_errors=True) as place:
            root = Path(place)
            paths = replace(yours.paths, data=root / "data", state=root / "state")

            def make(overrides: Mapping[str, Any], notify: Callable[[str], None]) -> Parts:
                config = replace(yours.config, library="default", **overrides)
                parts = Parts(paths, replace(config, origins={"library": "flag"}), notify=notify)
                parts.embedder = yours.embedder
                return parts

            host = Host(make, samples=self.samples)
            try:
                yield host, folder
            finally:
                host.close()


def _free(file: Path) -> Path:
    """The file, or the first of `file-2`, `file-3` … that is not there."""
    n, found = 1, file
    while found.exists():
        n += 1
        found = file.with_stem(f"{file.stem}-{n}")
    return found
