from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.cli import checks
from tests.agent.cli.conftest import Agent, Ran


def by_name(ran: Ran) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(ran.out)["checks"]}


@pytest.fixture
def server() -> Iterator[str]:
    """A loopback server that refuses everything, and so is there."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_with_nothing_configured_all_that_is_needed_works(agent: Agent, home: Path) -> None:
    ran = agent("doctor", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["ok"] is True
    found = by_name(ran)
    assert list(found) == [
        "program", "packages", "settings", "disk", "embedder", "library", "model", "sessions",
    ]  # fmt: skip
    assert found["embedder"]["state"] == "warn"
    assert found["library"]["mend"] == "agent add PATH"
    assert not home.exists(), "the doctor changes nothing"


def test_text_names_each_thing_its_state_and_how_to_mend_it(agent: Agent) -> None:
    lines = agent("doctor").out.splitlines()
    assert lines[0].startswith("ok    program      understudy ")
    assert "warn  embedder     none: search is by words only" in lines
    assert lines[lines.index("warn  embedder     none: search is by words only") + 1].endswith(
        "-> agent config unset embedder"
    )


def test_a_broken_settings_file_fails_and_the_rest_is_still_looked_at(
    agent: Agent, home: Path
) -> None:
    home.mkdir()
    (home / "config.toml").write_text("modle = 'x'\n")
    ran = agent("doctor", "--json")
    assert ran.code == 1
    found = by_name(ran)
    assert found["settings"]["state"] == "fail"
    assert "modle" in found["settings"]["detail"]
    assert found["model"]["state"] == "ok"


def test_damaged_stores_are_failures_with_what_to_do(agent: Agent, home: Path) -> None:
    library = home / "data" / "libraries" / "default"
    library.mkdir(parents=True)
    (library / "catalog.sqlite").write_bytes(b"no database" * 100)
    (home / "data" / "transcripts.db").write_bytes(b"no database" * 100)
    ran = agent("doctor", "--json")
    assert ran.code == 1
    found = by_name(ran)
    for name in ("library", "sessions"):
        assert found[name]["state"] == "fail"
        assert found[name]["mend"]


def test_a_script_that_is_not_there_is_a_failure(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_MODEL", "scripted:/nowhere.json")
    ran = agent("doctor", "--json")
    assert ran.code == 1
    assert "/nowhere.json" in by_name(ran)["model"]["detail"]


def test_a_server_that_answers_anything_is_reachable_and_a_closed_port_is_not(
    server: str,
) -> None:
    assert checks.unreachable(server) == ""
    assert checks.unreachable(closed_port()) != ""
    assert checks.unreachable("no address") != ""


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PACKAGES", ("click", "no-such-package"))
    found = checks.packages()
    assert (found.state, found.detail) == ("fail", "not installed: no-such-package")
    assert "pip install" in found.mend


def test_a_full_disk_is_warned_of_and_then_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, state in ((10**12, "ok"), (5 * 10**8, "warn"), (10**6, "fail")):
        usage = type("usage", (), {"free": free})
        monkeypatch.setattr(shutil, "disk_usage", lambda place, usage=usage: usage)
        assert checks.disk(tmp_path / "not" / "yet").state == state


def test_a_home_that_is_a_file_fails_wherever_something_is_kept(agent: Agent, home: Path) -> None:
    home.write_text("not a folder")
    ran = agent("doctor", "--json")
    assert ran.code == 1
    found = by_name(ran)
    for name in ("disk", "library", "sessions"):
        assert found[name]["state"] == "fail", name
        assert str(home) in found[name]["detail"]
        assert found[name]["mend"]
    assert found["model"]["state"] == "ok"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into any folder")
def test_a_home_that_may_not_be_entered_is_a_finding(agent: Agent, home: Path) -> None:
    home.mkdir(mode=0o000)
    try:
        ran = agent("doctor", "--json")
    finally:
        home.chmod(0o700)
    assert ran.code == 1
    assert by_name(ran)["disk"]["state"] == "fail"


def test_no_check_that_breaks_stops_the_others(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/a/b")

    for name in ("program", "packages", "disk", "embedder", "library_state", "model", "sessions"):
        monkeypatch.setattr(checks, name, broken)
    ran = agent("doctor", "--json")
    assert ran.code == 1
    found = by_name(ran)
    assert len(found) == 8
    assert found["disk"]["detail"] == "/a/b: Permission denied"
    assert found["disk"]["mend"] == "ls -ld '/a/b'"


def test_a_library_that_is_not_there_is_named(agent: Agent) -> None:
    found = by_name(agent("doctor", "--json", "--library", "nowhere"))
    assert found["library"]["state"] == "fail"
    assert found["library"]["mend"] == "agent library list"


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_a_damaged_picture_of_the_library_is_found(
    agent: Agent, home: Path, tmp_path: Path, damage: str
) -> None:
    (tmp_path / "lamp.md").write_text("# Lamp\n\nThe lamp was lit in 1902.\n")
    agent("add", tmp_path / "lamp.md")
    assert by_name(agent("doctor", "--json"))["library"]["state"] == "ok"
    pictures = home / "data" / "libraries" / "default" / "snapshots"
    if damage == "lost":
        shutil.rmtree(pictures)
    else:
        for file in pictures.rglob("rows.npy"):
            file.write_bytes(b"")
    ran = agent("doctor", "--json")
    assert ran.code == 1
    found = by_name(ran)["library"]
    assert (found["state"], found["mend"]) == ("fail", "agent sync --rebuild")


def test_the_address_of_the_model_is_not_asked_for_vectors(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("AGENT_EMBEDDER", "openai/x")
    monkeypatch.setenv("AGENT_API_BASE", server)
    monkeypatch.setenv("AGENT_EMBEDDER_API_BASE", closed := closed_port())
    found = by_name(agent("doctor", "--json"))["embedder"]
    assert found["state"] == "fail"
    assert closed in found["detail"]
    assert "agent config set embedder_api_base URL" in found["mend"]
