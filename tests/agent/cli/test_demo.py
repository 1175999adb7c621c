from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent import handbook
from agent.cli.demo import questions
from agent.config import Config
from agent.paths import Paths
from knowledge import weights
from tests.agent.cli.conftest import Agent


def test_the_handbook_is_found_in_a_checkout() -> None:
    folder = handbook.folder()
    assert folder is not None
    assert (folder / "index.md").is_file()


def test_three_questions_are_asked_and_one_is_beyond_the_handbook() -> None:
    assert [q.answerable for q in questions()].count(False) == 1
    assert len(questions()) == 3


def test_two_answers_are_cited_and_one_question_is_declined(
    agent: Agent, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The embedder's weights may lie in the user's own cache; everything else is thrown away.
    monkeypatch.setenv("AGENT_EMBEDDER", Config().embedder)
    if weights.find(Paths.from_env().cache) is None:
        pytest.skip("the embedding model is not on this machine")
    ran = agent("demo")
    assert ran.code == 0, ran.err
    head, *answers = ran.out.split("\n> ")
    assert head.startswith("Read the handbook")
    assert len(answers) == 3
    for question, answer in zip(questions(), answers, strict=True):
        assert answer.startswith(question.text)
        assert bool(re.search(r"\n\[\d+\] ", answer)) is question.answerable
        assert ("The sources do not say" in answer) is not question.answerable
        assert " · naive · embedded · " in answer
        assert "unverified" not in answer
    assert 'agent ask "your question"' in answers[-1]
    assert not (home / "data").exists(), "nothing of the user's is touched"


def test_another_model_may_answer(agent: Agent, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": ["{passage:1} [1]"], "loop": True}))
    ran = agent("demo", "--model", f"scripted:{script}")
    assert ran.code == 0, ran.err
    assert ran.out.count(f" · naive · scripted:{script} · ") == 3


def test_a_model_that_fails_ends_the_demo(agent: Agent, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"error": {"message": "No."}}]))
    ran = agent("demo", "--model", f"scripted:{script}")
    assert ran.code == 1
    assert "error: No.\n" in ran.err


def test_a_missing_handbook_says_how_to_get_it(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handbook, "folder", lambda: None)
    ran = agent("demo")
    assert ran.code == 1
    assert "hint: pip install" in ran.err
