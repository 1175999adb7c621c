from __future__ import annotations

import json
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
