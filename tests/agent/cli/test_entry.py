"""The entry: help, version, unknown commands, shared options, errors and exit codes."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import click
import pytest

import agent as package
from agent.cli import exits
from agent.cli.commands import COMMANDS, OPTIONS, help_text
from agent.cli.group import Command, root
from agent.cli.terminal import Console
from agent.errors import AgentError, ConfigError
from knowledge.errors import LibraryBusy
from tests.agent.cli.conftest import Agent


def test_help_lists_every_command_of_the_table(agent: Agent) -> None:
    for arguments in ([], ["--help"], ["-h"], ["help"], ["-q", "--help"]):
        ran = agent(*arguments)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == help_text()
    for name, (_, text, _) in COMMANDS.items():
        assert f"  {name:<12}{text}\n" in help_text()


def test_every_command_of_the_table_exists_under_its_name() -> None:
    for name, (module, _, _) in COMMANDS.items():
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, Command)
        assert command.name == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_the_shared_options(agent: Agent, name: str) -> None:
    for arguments in ([name, "--help"], ["help", name]):
        ran = agent(*arguments)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"Usage: agent {name}")
        for flags, _ in OPTIONS:
            assert flags.split(",")[0] in ran.out


def test_the_version_is_that_of_the_project(agent: Agent) -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    assert package.__version__ == tomllib.loads(project.read_text())["project"]["version"]
    for arguments in (["--version"], ["-V"], ["-q", "-V"]):
        assert agent(*arguments).out == f"understudy {package.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["aks", "why?"], "Did you mean ask?"),
        (["serach"], "Did you mean search?"),
        (["index", "."], "Did you mean add?"),
        (["how", "tall", "is", "it"], 'To ask a question: agent ask "how tall is it"'),
        (["xyzzy"], "agent --help"),
    ],
)
def test_an_unknown_command_names_what_may_be_meant(
    agent: Agent, typed: list[str], hint: str
) -> None:
    ran = agent(*typed)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: No such command: {typed[0]}\nhint: {hint}\n"


def test_wrong_usage_names_the_help_of_the_command(agent: Agent) -> None:
    ran = agent("search")
    assert ran.code == 2
    assert ran.err.startswith("error: Missing argument")
    assert ran.err.endswith("hint: agent search --help\n")
    assert agent("config", "nonsense").code == 2
    assert agent("--nonsense").code == 2


def test_shared_options_stand_before_or_after_the_command(agent: Agent) -> None:
    for arguments in (["-q", "config", "unset", "mode"], ["config", "unset", "mode", "-q"]):
        assert agent(*arguments).err == ""
    assert agent("config", "unset", "mode").err != ""


def _run_raising(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> int:
    @click.command(cls=Command, name="demo")
    @click.pass_obj
    def broken(console: Console) -> None:
        raise error

    monkeypatch.setattr(type(root), "get_command", lambda self, context, name: broken)
    return exits.run(["demo", *words])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AgentError("It failed.", hint="Do this."), 1),
        (LibraryBusy("It failed.", hint="Do this."), 1),
        (ConfigError("It failed.", hint="Do this."), 2),
    ],
)
def test_an_expected_error_is_a_message_and_a_hint(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
) -> None:
    assert _run_raising(monkeypatch, error) == code
    assert capsys.readouterr() == ("", "error: It failed.\nhint: Do this.\n")


def test_an_unexpected_error_is_called_a_bug_and_v_shows_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_raising(monkeypatch, ZeroDivisionError("division by zero")) == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: division by zero\n"
        "hint: This is a bug; run again with -v for the trace.\n"
    )
    assert _run_raising(monkeypatch, ZeroDivisionError("division by zero"), "-v") == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_file_that_may_not_be_touched_is_named_and_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_raising(monkeypatch, PermissionError(13, "Permission denied", "/a/b")) == 1
    assert capsys.readouterr().err == (
        "error: /a/b: Permission denied.\nhint: Look at who may touch it: ls -ld '/a/b'\n"
    )


def test_a_missing_package_sends_to_the_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError("No module named 'chromadb'", name="chromadb")
    assert _run_raising(monkeypatch, error) == 1
    assert capsys.readouterr().err == (
        "error: The package chromadb is not installed.\nhint: agent doctor\n"
    )


def test_an_interruption_is_130_and_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_raising(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(agent: Agent, shell: str) -> None:
    ran = agent("completion", shell)
    assert ran.code == 0
    assert f"_AGENT_COMPLETE={shell}_complete" in ran.out
    assert "agent completion" in ran.err
    assert agent("-q", "completion", shell).err == ""


def test_a_shell_that_asks_gets_commands_options_and_choices(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AGENT_COMPLETE", "bash_complete")

    def complete(words: str, position: int) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(position))
        ran = agent()
        assert ran.code == 0
        return [line.split(",", 1)[1] for line in ran.out.splitlines()]

    assert complete("agent s", 1) == [name for name in COMMANDS if name.startswith("s")]
    assert complete("agent config un", 2) == ["unset"]
    assert complete("agent completion z", 2) == ["zsh"]
    assert "--library" in complete("agent sources --l", 2)


def test_help_for_a_command_that_is_not_there_names_what_may_be_meant(agent: Agent) -> None:
    for word, hint in (("aks", "Did you mean ask?"), ("list", "Did you mean sources?")):
        ran = agent("help", word)
        assert (ran.code, ran.err) == (2, f"error: No such command: {word}\nhint: {hint}\n")
    assert agent("help", "xyzzy").err.endswith("hint: agent --help\n")
    assert agent("help", "sessions", "show").out.startswith("Usage: agent sessions show")
    assert agent("-q", "help", "ask").out.startswith("Usage: agent ask")
    assert agent("-q", "help").out == help_text()


def test_a_number_that_no_database_holds_is_wrong_usage(agent: Agent) -> None:
    for words in (["list"], ["search", "x"]):
        ran = agent("sessions", *words, "--limit", "99999999999999999999")
        assert ran.code == 2
        assert "--limit" in ran.err


@pytest.mark.parametrize("setting", ["api_base", "chroma_url", "embedder_api_base"])
def test_an_address_that_is_none_is_wrong_usage(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(f"AGENT_{setting.upper()}", "http://[")
    ran = agent("ask", "--model", "openai/x", "why")
    assert ran.code == 2
    assert f"AGENT_{setting.upper()}" in ran.err
    assert "bug" not in ran.err


def test_an_error_of_the_system_without_a_file_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_raising(monkeypatch, OSError(24, "Too many open files")) == 1
    assert capsys.readouterr().err == "error: Too many open files.\nhint: agent doctor\n"
