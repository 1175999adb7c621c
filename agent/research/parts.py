"""Settings -> a run of research: its journal, its web server, its stages. Does no work itself.

For `agent.wiring`, which makes everything else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.budget import Limits
    from agent.config import Config
    from agent.mcp_client import McpClient
    from agent.mcp_entry import Entry
    from agent.models.base import ChatModel
    from agent.paths import Paths
    from agent.research.base import Gather
    from agent.research.journal import Journal, Journals
    from agent.research.run import Research
    from knowledge.embed import Embedder
    from knowledge.library import Library

FOLDER = "research"
"""Where runs are kept, within the state folder."""
_KEYS = ("BRAVE_API_KEY", "TAVILY_API_KEY")
"""Variables with the keys of search engines."""
_SETTINGS = ("searxng_url", "allow_hosts")
"""Settings that our web server needs, which may have been typed."""


class Made(Protocol):
    """What research shares with the rest of the program, made when it is first asked for."""

    @property
    def model(self) -> ChatModel:
        """Who is asked."""

    @property
    def embedder(self) -> Embedder | None:
        """What makes vectors."""

    @property
    def limits(self) -> Limits:
        """What one ask may use."""


class ResearchParts:
    """The parts of runs of research."""

    def __init__(
        self,
        made: Made,
        paths: Paths,
        config: Config,
        env: Mapping[str, str],
    ) -> None:
        """Take the settings; makes nothing yet.

        Args:
            made: What is shared.
            paths: Where files are kept.
            config: What the user has chosen.
            env: Where the keys of search engines are found.
        """
        self._made = made
        self._paths = paths
        self._config = config
        self._env = env

    @property
    def limits(self) -> Limits:
        """What a whole run may use: as an ask, but for its steps.

        A setting for one question is a handful of them, and a run makes hundreds: only those that
        were typed for it (`--max-steps`) limit it.
        """
        limits = self._made.limits
        typed = self._config.origins.get("max_steps") == "flag"
        return limits if typed else replace(limits, steps=None)

    @property
    def can_search_web(self) -> bool:
        """Whether an engine is named that may be asked."""
        keys = any(self._env.get(name, "").strip() for name in _KEYS)
        return keys or bool(self._config.searxng_url)

    @contextmanager
    def journals(self) -> Iterator[Journals]:
        """All runs.

        Raises:
            JournalError: They cannot be opened.
        """
        from agent.research.journal import Journals

        journals = Journals(self._paths.state / FOLDER)
        try:
            yield journals
        finally:
            journals.close()

    @asynccontextmanager
    async def opened(self, journal: Journal, library: Library) -> AsyncIterator[Research]:
        """A run, new or to be gone on with. Its servers end with it; its model is its maker's.

        Args:
            journal: Of the run; its options say where to look.
            library: One that is open.
        """
        from agent.research.gather import BothGather, LibraryGather, WebGather
        from agent.research.run import Research
        from agent.research.stages import stages

        options, model = journal.options, self._made.model
        gather: Gather = LibraryGather(library)
        if options.web:
            web = WebGather(self._web(), domains=options.domains)
            gather = BothGather(web, gather) if options.library else web
        made = stages(options, model, self._made.embedder)
        try:
            yield Research(model, journal, gather, made)
        finally:
            await gather.aclose()

    def _web(self) -> McpClient:
        """Our web server, whatever the user's files say of it: they have started the research.

        It is given the settings and keys that searching needs, which servers do not inherit.
        """
        from agent.mcp_built_in import built_in
        from agent.mcp_client import McpClient

        async def may_run(entry: Entry) -> bool:
            return True

        given = {name: self._env[name] for name in _KEYS if self._env.get(name)}
        for name in _SETTINGS:
            if value := getattr(self._config, name):
                given[f"AGENT_{name.upper()}"] = value
        # By name: keys are filled in where the server starts, and are in nothing that is shown.
        named = {name: f"${{{name}}}" for name in given}
        (entry,) = built_in()
        return McpClient(
            [replace(entry, enabled=True, env=named)],
            self._paths.state / "mcp",
            may_run=may_run,
            env={**self._env, **given},
        )
