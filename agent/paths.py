"""Where the program keeps its files. Names places only: it reads, makes and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError

APP = "understudy"


@dataclass(frozen=True, slots=True)
class Paths:
    """The places of one user, all absolute. None of them need exist."""

    config_file: Path
    data: Path
    """What cannot be made again: libraries, transcripts."""
    cache: Path
    """What can be made again: weights, graphs, cached prefixes."""
    state: Path
    """What is handy to keep: locks, resumable work, logs."""

    @property
    def libraries(self) -> Path:
        """The folder that holds one folder per library."""
        return self.data / "libraries"

    @property
    def transcripts(self) -> Path:
        """The database of sessions."""
        return self.data / "transcripts.db"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Paths:
        """The places that an environment names.

        All under `$AGENT_HOME` where that is set. Otherwise the XDG base directories, each from
        its variable where that holds an absolute path (others are to be ignored, says the XDG
        specification 0.8) and else from the platform's custom.

        Args:
            env: The environment; the process's own if not given.

        Raises:
            ConfigError: `$AGENT_HOME` is below the home of a user that does not exist.
        """
        env = os.environ if env is None else env
        if home := env.get("AGENT_HOME", "").strip():
            try:
                root = Path(home).expanduser().absolute()
            except RuntimeError as error:
                raise ConfigError(
                    f"AGENT_HOME is {home}, and there is no such user's home.",
                    hint="Give it the path of a folder: export AGENT_HOME=/path/to/folder",
                ) from error
            return cls._under(root, root / "data", root / "cache", root / "state")

        # A few milliseconds, and not needed where AGENT_HOME is set.
        from platformdirs import PlatformDirs

        custom = PlatformDirs(APP, appauthor=False)

        def place(variable: str, otherwise: Path) -> Path:
            base = env.get(variable, "")
            return Path(base) / APP if os.path.isabs(base) else otherwise

        return cls._under(
            place("XDG_CONFIG_HOME", custom.user_config_path),
            place("XDG_DATA_HOME", custom.user_data_path),
            place("XDG_CACHE_HOME", custom.user_cache_path),
            place("XDG_STATE_HOME", custom.user_state_path),
        )

    @classmethod
    def _under(cls, config: Path, data: Path, cache: Path, state: Path) -> Paths:
        return cls(config / "config.toml", data, cache, state)
