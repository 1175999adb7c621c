from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Agent


def test_a_setting_is_set_read_and_unset(agent: Agent, home: Path) -> None:
    assert agent("config", "set", "passages", "5").code == 0
    assert agent("config", "get", "passages").out == "5\n"
    assert agent("config", "unset", "passages").code == 0
    assert agent("config", "get", "passages").out == "8\n"
    assert agent("config", "path").out == f"{home / 'config.toml'}\n"


def test_each_value_is_shown_with_where_it_comes_from(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent("config", "set", "passages", "5")
    monkeypatch.setenv("AGENT_MODEL", "openai/x")
    shown = agent("config").out
    lines = {line.split()[0]: line.split()[2:] for line in shown.splitlines() if " = " in line}
    assert lines["passages"] == ["5", "file"]
    assert lines["model"] == ["openai/x", "AGENT_MODEL"]
    assert lines["mode"] == ["auto", "default"]
    data = json.loads(agent("config", "show", "--json").out)
    assert data["passages"] == {"value": 5, "origin": "file", "default": 8}


def test_a_variable_that_overrides_what_is_set_is_named(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_PASSAGES", "9")
    assert "AGENT_PASSAGES" in agent("config", "set", "passages", "5").err


def test_an_unknown_setting_is_a_usage_error_that_names_the_nearest(agent: Agent) -> None:
    for words in (["get", "passage"], ["set", "passage", "3"]):
        ran = agent("config", *words)
        assert ran.code == 2
        assert "passages" in ran.err
        assert "hint: " in ran.err


def test_a_key_is_refused_and_not_repeated(agent: Agent) -> None:
    ran = agent("config", "set", "model", "sk-abcdefghijklmnop1234")
    assert ran.code == 2
    assert "abcdefghijklmnop" not in ran.out + ran.err


def test_a_broken_settings_file_is_named(agent: Agent, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("model = ")
    ran = agent("config")
    assert ran.code == 2
    assert "config.toml" in ran.err


def test_a_password_in_an_address_is_never_shown(agent: Agent) -> None:
    runs = [
        agent("config", "set", "api_base", "http://me:hunter2@localhost:1/v1"),
        agent("config", "get", "api_base"),
        agent("config"),
        agent("config", "show", "--json"),
    ]
    assert [ran.code for ran in runs] == [0, 0, 0, 0]
    assert not [ran for ran in runs if "hunter2" in ran.out + ran.err]
    assert runs[1].out == "http://…@localhost:1/v1\n"


def test_one_setting_can_be_mended_while_another_is_wrong(agent: Agent, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('threads = "many"\n')
    ran = agent("config", "set", "passages", "5")
    assert (ran.code, ran.err) == (0, "passages = 5\n")
    assert agent("config", "set", "threads", "2").code == 0
    assert agent("config", "get", "passages").out == "5\n"


def test_a_folder_in_the_place_of_the_file_is_told_with_what_to_do(
    agent: Agent, home: Path
) -> None:
    (home / "config.toml").mkdir(parents=True)
    for words in (["set", "passages", "5"], ["unset", "passages"], []):
        ran = agent("config", *words)
        assert ran.code == 2
        assert "Is a directory" in ran.err
        assert f"hint: Move it aside: mv {home}/config.toml {home}/config.toml.broken" in ran.err


def test_the_command_that_moves_a_file_aside_can_be_typed_whatever_the_folder_is_called(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    odd = home / "Ada's files"
    odd.mkdir(parents=True)
    (odd / "config.toml").write_text("no toml at all\n", encoding="utf-8")
    monkeypatch.setenv("AGENT_HOME", str(odd))
    hint = agent("config").err.partition("move it aside: ")[2].strip()
    assert shlex.split(hint) == ["mv", f"{odd}/config.toml", f"{odd}/config.toml.broken"]
