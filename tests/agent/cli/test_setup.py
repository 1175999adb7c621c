from __future__ import annotations

from pathlib import Path

import pytest

from knowledge import weights
from knowledge.errors import EmbedderUnavailable
from tests.agent.cli.conftest import Agent


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> weights.Weights:
    """Weights that are already on this machine (two small files in their place)."""
    (tmp_path / "w").mkdir()
    place = weights.Weights(tmp_path / "w" / "m", tmp_path / "w" / "t", "cache")
    monkeypatch.setattr(weights, "find", lambda cache, notify=None: place)
    return place


def test_what_is_there_is_not_fetched_again(
    agent: Agent, found: weights.Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "fetch", lambda *a, **k: pytest.fail("fetched"))
    ran = agent("setup")
    assert ran.code == 0
    assert ran.out.startswith(f"Ready: {weights.MODEL}, from ")


def test_what_was_fetched_is_packed_where_asked(
    agent: Agent, found: weights.Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[tuple[weights.Weights, Path]] = []
    monkeypatch.setattr(weights, "pack", lambda got, file: packed.append((got, file)))
    ran = agent("setup", "--pack", tmp_path / "weights.zip")
    assert packed == [(found, tmp_path / "weights.zip")]
    assert "agent setup --from weights.zip" in ran.err


def test_no_network_is_exit_1_with_the_other_way(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(cache: Path, **_: object) -> weights.Weights:
        raise EmbedderUnavailable("There is no network.", hint="agent setup --from FILE")

    monkeypatch.setattr(weights, "find", lambda cache, notify=None: None)
    monkeypatch.setattr(weights, "fetch", fetch)
    ran = agent("setup")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: There is no network.\nhint: agent setup --from FILE\n"


@pytest.mark.parametrize("option", ["--from", "--unpack"])
def test_a_file_that_is_no_pack_is_refused(agent: Agent, tmp_path: Path, option: str) -> None:
    assert agent("setup", option, tmp_path / "nowhere.zip").code == 2
    (tmp_path / "other.zip").write_bytes(b"nonsense")
    ran = agent("setup", option, tmp_path / "other.zip")
    assert ran.code == 1
    assert "other.zip" in ran.err
