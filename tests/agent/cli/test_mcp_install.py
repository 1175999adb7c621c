"""`agent mcp install`: our entry in another program's file, and nothing else touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.json_insert import insert
from agent.cli.mcp_install import HOSTS, place
from tests.agent.cli.conftest import Agent

THEIRS = """{
    "theme": "dark",
    "mcpServers": {
        "other": {"command": "x", "args": ["-m",   "y"], "big": 12345678901234567890.50}
    },
    "last": 1
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.mark.parametrize("client", HOSTS)
def test_each_programs_file_is_made_with_an_entry_it_understands(
    agent: Agent, home: Path, project: Path, client: str
) -> None:
    ran = agent("mcp", "install", client)
    assert ran.code == 0
    file = place(client, os.environ, project)
    entry = json.loads(file.read_text())[HOSTS[client].root]["understudy"]
    assert entry["type"] == "stdio"
    assert os.path.isabs(entry["command"])
    assert entry["args"][-2:] == ["mcp", "serve"]
    assert entry["env"] == {"AGENT_HOME": str(home)}
    assert "+" in ran.out
    again = agent("mcp", "install", client)
    assert again.code == 0
    assert "has it already" in again.err
    assert again.out == ""


def test_every_other_byte_of_a_file_stays_and_it_is_kept_as_it_was(
    agent: Agent, project: Path
) -> None:
    file = project / ".mcp.json"
    file.write_text(THEIRS)
    file.chmod(0o600)
    ran = agent("mcp", "install", "claude-code")
    after = file.read_text()
    head, _, tail = THEIRS.partition("12345678901234567890.50}")
    assert after.startswith(head)
    assert after.endswith(tail.lstrip())
    assert list(json.loads(after)["mcpServers"]) == ["other", "understudy"]
    assert file.stat().st_mode & 0o777 == 0o600
    (kept,) = project.glob(".mcp.json.*.backup")
    assert kept.read_text() == THEIRS
    changed = [line for line in ran.out.splitlines()[2:] if line.startswith("-")]
    assert len(changed) == 1  # a comma follows it now


def test_print_writes_nothing(agent: Agent, project: Path) -> None:
    ran = agent("mcp", "install", "vscode", "--print")
    assert ran.code == 0
    assert '"servers"' in ran.out
    assert list(project.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"mcpServers": {} // mine\n}', "has comments"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ('{"mcpServers": []}', "no object"),
        ("[]", "no object"),
        ("{", "no plain JSON"),
    ],
)
def test_a_file_that_would_be_harmed_is_left_alone_and_the_entry_printed(
    agent: Agent, project: Path, text: str, why: str
) -> None:
    file = project / ".mcp.json"
    file.write_text(text)
    ran = agent("mcp", "install", "claude-code")
    assert ran.code == 1
    assert why in ran.err
    assert "understudy" in json.loads(ran.out)["mcpServers"]
    assert file.read_text() == text
    assert list(project.iterdir()) == [file]


def test_a_link_stays_one(agent: Agent, project: Path) -> None:
    target = project / "dotfiles.json"
    target.write_text("{}\n")
    (project / ".mcp.json").symlink_to(target)
    agent("mcp", "install", "claude-code")
    assert (project / ".mcp.json").is_symlink()
    assert "understudy" in target.read_text()


def test_what_else_our_entry_holds_stays() -> None:
    text = '{"mcpServers": {"understudy": {"command": "old", "timeout": 5}, "z": {}}}'
    after = json.loads(insert(text, ("mcpServers", "understudy"), {"command": "new"}))
    assert after["mcpServers"] == {"understudy": {"command": "new", "timeout": 5}, "z": {}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "r": {\n    "k": {\n      "v": 1\n    }\n  }\n}'),
        ('{"a":1}', '{"a":1, "r": {"k": {"v": 1}}}'),
        ('{"r":{}}', '{"r":{"k": {"v": 1}}}'),
        ('{\r\n\t"a": 1\r\n}\r\n',
         '{\r\n\t"a": 1,\r\n\t"r": {\r\n\t\t"k": {\r\n\t\t\t"v": 1\r\n\t\t}\r\n\t}\r\n}\r\n'),
    ],
)  # fmt: skip
def test_an_entry_is_written_in_the_files_own_manner(text: str, expected: str) -> None:
    assert insert(text, ("r", "k"), {"v": 1}) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(
    data=st.dictionaries(st.text(max_size=4), JSON),
    servers=st.none() | st.dictionaries(st.text(max_size=4), JSON),
    indent=st.sampled_from([None, 2, 4, "\t"]),
)
def test_any_file_keeps_all_it_held(
    data: dict[str, object], servers: dict[str, object] | None, indent: int | str | None
) -> None:
    if servers is not None:
        data["root"] = servers
    elif "root" in data:
        del data["root"]
    text = json.dumps(data, indent=indent)
    after = insert(text, ("root", "understudy!"), {"v": 1})
    held = json.loads(after)
    assert held["root"].pop("understudy!") == {"v": 1}
    if servers is None:
        assert held.pop("root") == {}
    assert held == data
    assert insert(after, ("root", "understudy!"), {"v": 1}) == after
