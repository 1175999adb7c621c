from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.paths import Paths


def test_agent_home_holds_everything(tmp_path: Path) -> None:
    paths = Paths.from_env({"AGENT_HOME": str(tmp_path), "XDG_DATA_HOME": "/elsewhere"})
    places = (
        paths.config_file, paths.data, paths.cache, paths.state,
        paths.libraries, paths.transcripts,
    )  # fmt: skip
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert len(set(places)) == len(places)


def test_a_relative_agent_home_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Paths.from_env({"AGENT_HOME": "here"}).data == tmp_path / "here" / "data"


def test_each_xdg_variable_moves_its_own_place() -> None:
    paths = Paths.from_env({
        "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "/k",
        "XDG_STATE_HOME": "/s",
    })  # fmt: skip
    assert paths.config_file == Path("/c/understudy/config.toml")
    assert paths.libraries == Path("/d/understudy/libraries")
    assert paths.transcripts == Path("/d/understudy/transcripts.db")
    assert paths.cache == Path("/k/understudy")
    assert paths.state == Path("/s/understudy")


def test_a_relative_xdg_path_is_ignored_as_the_specification_says() -> None:
    paths = Paths.from_env({"XDG_DATA_HOME": "relative"})
    assert paths.data.is_absolute()
    assert "relative" not in paths.data.parts


def test_naming_places_makes_nothing(tmp_path: Path) -> None:
    Paths.from_env({"AGENT_HOME": str(tmp_path / "home")})
    assert not (tmp_path / "home").exists()


def test_the_home_of_nobody_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="no such user"):
        Paths.from_env({"AGENT_HOME": "~no-such-user-here/x"})
