"""Servers as people have them configured, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent import mcp_config
from agent.errors import ConfigError
from agent.mcp_built_in import built_in
from agent.mcp_config import Loaded
from agent.mcp_entry import Entry, parse
from agent.paths import Paths


def entry(**value: Any) -> Entry:
    found, _ = parse("one", value, "/home/u/mcp.json", "user")
    assert found is not None
    return found


class Places:
    """A home with a user's file, and a project in it."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths.from_env({"AGENT_HOME": str(root / "home")})
        self.folder = root / "project" / "deep" / "down"
        self.folder.mkdir(parents=True)
        self.given: Path | None = None

    def write(self, file: Path, **servers: Any) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"mcpServers": servers}))
        return file

    def user(self, **servers: Any) -> Path:
        return self.write(mcp_config.user_file(self.paths), **servers)

    def project(self, **servers: Any) -> Path:
        return self.write(self.folder.parents[1] / ".mcp.json", **servers)

    def load(self) -> Loaded:
        web = Entry("web", "built-in", command="web", enabled=False)
        return mcp_config.load(self.paths, folder=self.folder, given=self.given, built_in=(web,))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_the_nearest_project_file_above_is_found_as_git_does(places: Places) -> None:
    file = places.project(p={"command": "x"})
    found = places.load().entry("p")
    assert (found.source, found.file) == ("project", str(file))


def test_a_stronger_file_replaces_a_server_of_the_same_name(places: Places) -> None:
    places.project(a={"command": "theirs"}, b={"command": "theirs"})
    places.user(a={"command": "mine"}, c={"command": "mine"})
    places.given = places.write(places.folder / "given.json", c={"command": "given"})
    loaded = places.load()
    commands = {e.name: e.command for e in loaded.entries if e.name != "web"}
    assert commands == {"a": "mine", "b": "theirs", "c": "given"}


def test_a_built_in_server_is_off_until_the_users_file_enables_it(places: Places) -> None:
    places.project(web={"command": "shadow"})
    assert not places.load().entry("web").enabled
    places.user(web={"enabled": True, "deny": ["crawl"]})
    web = places.load().entry("web")
    assert web.enabled
    assert web.command == "web"
    assert not web.offers("crawl")


def test_what_an_entry_that_only_switches_another_cannot_change_is_told(places: Places) -> None:
    places.user(web={"enabled": True, "env": {"BRAVE_API_KEY": "x"}})
    (problem,) = places.load().problems
    assert "server 'web': 'env' needs 'command' or 'url' beside it" in str(problem)
    assert "export BRAVE_API_KEY" in problem.hint


def test_our_server_of_the_web_is_given_the_keys_to_search_with_and_shows_none() -> None:
    (web,) = built_in()
    given = {"BRAVE_API_KEY": "k", "AGENT_SEARXNG_URL": "http://s:1", "OPENAI_API_KEY": "no"}
    env = web.launch(given).env
    assert {name: value for name, value in env.items() if value} == {
        "BRAVE_API_KEY": "k",
        "AGENT_SEARXNG_URL": "http://s:1",
    }
    assert "BRAVE" not in web.shown
    assert not web.has_keys  # what it finds is no text of the user's own


def test_a_project_cannot_approve_its_own_tools(places: Places) -> None:
    places.project(p={"command": "x", "alwaysAllow": ["*"]})
    assert not places.load().entry("p").approves("send")


def test_a_users_word_for_a_name_is_not_inherited_by_any_projects_server_of_that_name(
    places: Places,
) -> None:
    places.project(p={"command": "x"})
    places.user(p={"alwaysAllow": ["*"], "deny": ["send"]})
    found = places.load().entry("p")
    assert not found.approves("read_file")
    assert not found.offers("send")


def test_this_programs_own_entry_for_other_programs_is_left_out(places: Places) -> None:
    places.project(understudy={"command": "/opt/bin/agent", "args": ["mcp", "serve"]})
    assert [e.name for e in places.load().entries] == ["web"]


def test_a_wrong_entry_is_a_problem_and_the_others_go_on(places: Places) -> None:
    file = places.user(good={"command": "x"}, bad={"command": "x", "args": "--flag"})
    loaded = places.load()
    assert loaded.entry("good").command == "x"
    (problem,) = loaded.problems
    assert str(problem) == f"{file}: server 'bad': 'args' must be a list of texts, not str."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"mcpServers": {', "is not valid JSON"),
        ('{"other": {}}', "there must be a key 'mcpServers'"),
        ('{"mcpServers": []}', "'mcpServers' must be an object"),
        ('{"mcpServers": {"a": 3}}', "server 'a' must be an object, not int"),
        ('{"mcpServers": {"a": {}}}', "server 'a': 'command' must be given, or 'url'"),
        ('{"mcpServers": {"a": {"command": "x", "url": "y"}}}', "excludes 'url'"),
        ('{"mcpServers": {"a": {"type": "sse", "url": "y"}}}', "streamable HTTP"),
        ('{"mcpServers": {"a": {"command": "x", "env": {"A": 1}}}}', "'env' must be"),
        ('{"mcpServers": {"a": {"command": "x", "timeout": true}}}', "'timeout' must be"),
    ],
)
def test_a_given_file_that_is_wrong_says_where(places: Places, text: str, says: str) -> None:
    places.given = places.folder / "given.json"
    places.given.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        places.load()
    assert str(places.given) in str(caught.value)
    assert caught.value.hint


def test_a_given_file_that_is_missing_is_an_error(places: Places) -> None:
    places.given = places.folder / "none.json"
    with pytest.raises(ConfigError, match="cannot be read"):
        places.load()


def test_vs_codes_key_for_servers_is_understood(places: Places) -> None:
    places.given = places.folder / "given.json"
    places.given.write_text('{"servers": {"a": {"type": "http", "url": "http://h/mcp"}}}')
    assert places.load().entry("a").url == "http://h/mcp"


def test_variables_are_filled_in_where_a_server_is_launched() -> None:
    found = entry(
        command="${BIN:-python}",
        args=["--key=${KEY}", "${env:KEY}", "${EMPTY:-default}", "$KEY"],
        env={"TOKEN": "${KEY}"},
    )
    launch = found.launch({"KEY": "k", "EMPTY": ""})
    assert launch.command == ("python", "--key=k", "k", "default", "$KEY")
    assert launch.env == {"TOKEN": "k"}


def test_a_missing_variable_names_file_server_key_and_variable() -> None:
    with pytest.raises(ConfigError) as caught:
        entry(url="http://h/mcp", headers={"Authorization": "Bearer ${TOKEN}"}).launch({})
    assert str(caught.value) == (
        "/home/u/mcp.json: server 'one': 'headers.Authorization' needs the variable TOKEN, "
        "which is not set."
    )


def test_an_address_that_is_none_is_refused_at_launch() -> None:
    with pytest.raises(ConfigError, match="must be an address"):
        entry(url="${HOST}/mcp").launch({"HOST": "file://"})


def test_a_projects_command_runs_in_the_projects_folder() -> None:
    found, _ = parse("p", {"command": "./serve"}, "/srv/project/.mcp.json", "project")
    assert found is not None
    assert found.launch({}).cwd == "/srv/project"


def test_globs_say_which_tools_are_offered() -> None:
    found = entry(command="x", allow=["read_*", "list"], deny=["*_secret"])
    offered = [t for t in ("read_file", "read_secret", "list", "write") if found.offers(t)]
    assert offered == ["read_file", "list"]


def test_flags_are_understood_as_other_programs_write_them() -> None:
    assert not entry(command="x", disabled=True).enabled
    assert not entry(command="x", enabled=False).enabled
    assert entry(command="x", timeout=5).timeout == 5
    assert entry(command="x", timeout=60_000).timeout == 60
    assert entry(command="x", excludeTools=["a"]).deny == ("a",)


def test_the_fingerprint_is_of_what_would_be_run_and_not_of_its_switches() -> None:
    first = entry(command="x", args=["1"])
    assert entry(command="x", args=["1"], disabled=True).fingerprint == first.fingerprint
    assert entry(command="x", args=["2"]).fingerprint != first.fingerprint
    assert entry(command="x", args=["1"], env={"A": "1"}).fingerprint != first.fingerprint


def test_the_command_is_shown_whole_with_its_variables_as_written() -> None:
    found = entry(command="run", args=["a b", "; rm"], env={"KEY": "${KEY}"})
    assert found.shown == "'KEY=${KEY}' run 'a b' '; rm'"


def test_a_projects_file_that_is_a_link_stays_the_projects(places: Places, tmp_path: Path) -> None:
    places.user(mine={"command": "x", "alwaysAllow": ["*"]})
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text('{"mcpServers": {"mine": {"command": "evil"}, "p": {"command": "y"}}}')
    file = places.project()
    file.unlink()
    file.symlink_to(elsewhere)
    found = places.load()
    assert found.entry("mine").command == "x"
    linked = found.entry("p")
    assert (linked.source, linked.file) == ("project", str(file))
    assert linked.launch({}).cwd == str(file.parent)


def test_a_projects_link_to_the_users_own_file_gives_it_no_rights(places: Places) -> None:
    places.user(mine={"command": "x", "alwaysAllow": ["*"], "enabled": False})
    file = places.project()
    file.unlink()
    file.symlink_to(mcp_config.user_file(places.paths))
    entry = places.load().entry("mine")
    assert (entry.source, entry.enabled) == ("user", False)


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("", False),
        ("http://localhost:8000/mcp", False),
        ("http://127.0.0.1/mcp", False),
        ("http://[::1]:8000/mcp", False),
        ("https://example.org/mcp", True),
        ("http://localhost@example.org/mcp", True),
        ("http://localhost:80@example.org/mcp", True),
        ("http://127.0.0.1.example.org/", True),
        ("http://localhost\\@example.org/", True),
        ("${ADDRESS}", True),
    ],
)
def test_what_is_told_to_a_server_elsewhere_leaves_this_machine(url: str, remote: bool) -> None:
    entry = Entry("a", "user", url=url, command="" if url else "x")
    assert entry.remote is remote


def test_keys_that_are_written_out_are_not_shown() -> None:
    entry = Entry("a", "user", command="x", env={"API_KEY": "sk-1", "LD_PRELOAD": "/x.so"})
    assert entry.shown == "'API_KEY=…' LD_PRELOAD=/x.so x"
    entry = Entry("a", "user", url="https://e.org/", headers={"Authorization": "Bearer sk-1"})
    assert entry.shown == "https://e.org/ (Authorization: …)"
    assert entry.has_keys
    assert Entry("a", "user", command="x", args=("--token", "${MY_TOKEN}")).has_keys
    assert not Entry("a", "user", command="x", args=("${HOME}/notes",)).has_keys
