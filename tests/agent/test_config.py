from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.config import Config, describe, variable
from agent.config_file import set_value, unset_value
from agent.errors import ConfigError
from agent.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_env({"AGENT_HOME": str(tmp_path / "home")})


def write(paths: Paths, text: str) -> None:
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(text, encoding="utf-8")


def test_without_a_file_the_defaults_hold(paths: Paths) -> None:
    config = Config.load(paths, {})
    assert (config.model, config.mode, config.passages) == ("embedded", "auto", 8)
    assert config.max_tokens is None


def test_a_flag_overrides_the_environment_and_that_the_file(paths: Paths) -> None:
    write(paths, 'model = "a"\nmode = "cag"\nlibrary = "c"\ntimeout = 5\n')
    config = Config.load(paths, {"AGENT_MODE": "naive", "AGENT_LIBRARY": "f"}, {"library": "flag"})
    assert (config.model, config.mode, config.library) == ("a", "naive", "flag")
    assert config.timeout == 5.0
    assert config.origins == {"model": "file", "mode": "env", "library": "flag", "timeout": "file"}


def test_a_mode_that_is_none_is_refused_by_name(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="'mode' must be one of auto, naive, agentic, cag"):
        Config.load(paths, {"AGENT_MODE": "foo"})


def test_an_unset_flag_and_an_empty_variable_override_nothing(paths: Paths) -> None:
    write(paths, "passages = 3\n")
    assert Config.load(paths, {"AGENT_PASSAGES": ""}, {"passages": None}).passages == 3


def test_numbers_in_the_environment_are_read_as_numbers(paths: Paths) -> None:
    env = {"AGENT_PASSAGES": "12", "AGENT_TEMPERATURE": "0.5", "AGENT_MAX_TOKENS": "100"}
    config = Config.load(paths, env)
    assert (config.passages, config.temperature, config.max_tokens) == (12, 0.5, 100)


def test_an_unknown_key_is_named_with_its_file_and_the_closest_setting(paths: Paths) -> None:
    write(paths, 'modle = "x"\n')
    with pytest.raises(ConfigError) as caught:
        Config.load(paths, {})
    assert str(paths.config_file) in str(caught.value)
    assert "'modle'" in str(caught.value)
    assert "'model'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('passages = "many"', "a whole number from 1 to 100, not 'many'"),
        ("passages = 0", "from 1 to 100, not 0"),
        ("passages = true", "a whole number"),
        ("model = 3", "'model' must be text, not 3"),
        ("temperature = 'hot'", "a number from 0 to 2 (or unset)"),
        ("timeout = nan", "a number"),
        ("precision = 'fp64'", "one of auto, int8, fp32"),
        ("model = ['a']", "'model' must be text"),
        ("[model]\nx = 1", "'model' must be text"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(paths: Paths, text: str, expected: str) -> None:
    write(paths, text)
    with pytest.raises(ConfigError) as caught:
        Config.load(paths, {})
    assert expected in str(caught.value)
    assert str(paths.config_file) in str(caught.value)


def test_a_wrong_value_in_the_environment_names_the_variable(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="AGENT_PASSAGES"):
        Config.load(paths, {"AGENT_PASSAGES": "many"})


def test_a_file_that_is_not_toml_is_an_error_with_the_line(paths: Paths) -> None:
    write(paths, 'model = "a"\nmode = \n')
    with pytest.raises(ConfigError, match="line 2"):
        Config.load(paths, {})


@pytest.mark.parametrize(
    "text",
    [
        'api_key_env = "sk-proj-abcdefghijklmnop123"',
        'api_key_env = "0a9d-b7e2-not-a-name"',
        'api_key = "abcdefghijklmnop123"',
        'openai_api_key = "abcdefghijklmnop123"',
        'model = "sk-ant-abcdefghijklmnop123"',
    ],
)
def test_a_key_is_refused_without_being_shown_and_told_where_to_go(paths: Paths, text: str) -> None:
    write(paths, text)
    with pytest.raises(ConfigError) as caught:
        Config.load(paths, {})
    assert "abcdefghijklmnop" not in str(caught.value)
    assert "0a9d" not in str(caught.value)
    assert "environment" in caught.value.hint
    name, value = text.split(" = ")
    with pytest.raises(ConfigError):
        set_value(paths, name, value.strip('"'))
    assert paths.config_file.read_text() == text


def test_the_name_of_a_variable_is_no_key(paths: Paths) -> None:
    write(paths, 'api_key_env = "MY_OPENAI_KEY"')
    assert Config.load(paths, {}).api_key_env == "MY_OPENAI_KEY"


def test_each_setting_is_described_with_its_meaning_and_origin(paths: Paths) -> None:
    settings = {s.name: s for s in describe(Config.load(paths, {"AGENT_PASSAGES": "5"}))}
    assert all(s.doc and s.expected for s in settings.values())
    assert (settings["passages"].value, settings["passages"].default) == (5, 8)
    assert settings["passages"].origin == "env"
    assert settings["model"].origin == "default"
    assert settings["api_base"].variable == "AGENT_API_BASE"
    assert "origins" not in settings


def test_setting_a_value_keeps_comments_order_and_tables(paths: Paths) -> None:
    write(paths, '# mine\nmodel = "a"  # why\n\n[servers]\nx = 1\n')
    set_value(paths, "model", "b")
    set_value(paths, "passages", "4")
    text = paths.config_file.read_text()
    assert '# mine\nmodel = "b"  # why\n' in text
    import tomllib

    assert tomllib.loads(text) == {"model": "b", "passages": 4, "servers": {"x": 1}}


def test_setting_makes_a_private_file_and_leaves_nothing_beside_it(paths: Paths) -> None:
    assert set_value(paths, "temperature", "0") == 0.0
    assert Config.load(paths, {}).temperature == 0.0
    assert [p.name for p in paths.config_file.parent.iterdir()] == ["config.toml"]
    assert stat.S_IMODE(paths.config_file.stat().st_mode) == 0o600


def test_a_linked_settings_file_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('model = "a"\n')
    paths.config_file.parent.mkdir(parents=True)
    paths.config_file.symlink_to(real)
    set_value(paths, "model", "b")
    assert paths.config_file.is_symlink()
    assert real.read_text() == 'model = "b"\n'


def test_a_wrong_value_is_not_written(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        set_value(paths, "passages", "many")
    assert not paths.config_file.exists()


def test_unsetting_brings_the_default_back_and_mends_a_misspelt_name(paths: Paths) -> None:
    write(paths, 'passages = 3\nmodle = "x"\n')
    assert unset_value(paths, "modle")
    assert unset_value(paths, "passages")
    assert not unset_value(paths, "passages")
    assert Config.load(paths, {}).passages == 8


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_error_with_a_hint(paths: Paths) -> None:
    paths.config_file.parent.mkdir(parents=True, mode=0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        set_value(paths, "model", "b")


def test_importing_the_settings_loads_no_heavy_library() -> None:
    code = "import sys, agent.config, agent.paths; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not loaded & {"pydantic", "tomlkit", "platformdirs", "numpy", "tomllib", "asyncio"}


@pytest.mark.parametrize(
    "value", ["http://[", "localhost:8080", "ftp://x", "http://", "http://h:x"]
)
@pytest.mark.parametrize("name", ["api_base", "embedder_api_base", "chroma_url"])
def test_an_address_is_checked_before_anyone_connects(paths: Paths, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' must be an address") as caught:
        Config.load(paths, {variable(name): value})
    assert f"export {variable(name)}=" in caught.value.hint
    with pytest.raises(ConfigError) as refused:
        set_value(paths, name, value)
    assert f"agent config set {name}" in refused.value.hint
    good = Config.load(paths, {variable(name): "https://me:hunter2@[::1]:8080/v1"})
    assert getattr(good, name).endswith("/v1")


def test_a_wrong_address_is_not_repeated_since_it_may_hold_a_password(paths: Paths) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load(paths, {"AGENT_API_BASE": "http://me:hunter2@["})
    assert "hunter2" not in str(caught.value)


def test_nothing_is_offered_that_does_not_exist(paths: Paths) -> None:
    with pytest.raises(ConfigError):
        set_value(paths, "embedder_api_key_env", "0a9d-not-a-name")
