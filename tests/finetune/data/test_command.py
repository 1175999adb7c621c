"""`agent finetune data`, as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.finetune.data.files import distinct, lines, read
from tests.finetune.data.test_voice import CHAT, DICTIONARY

Agent = Callable[..., tuple[int, str, str]]


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agent:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["agent", "finetune", "data", *map(str, arguments)])
        capsys.readouterr()
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_set_is_made_and_summed_up(agent: Agent, tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", [*distinct(30), {"instruction": "x", "output": ""}])
    code, out, err = agent(source, "--out", tmp_path / "set", "--valid", 0.1, "--test", 0.1)
    assert code == 0
    held = {name: len(read(tmp_path / "set" / f"{name}.jsonl")) for name in ("valid", "test")}
    train = 30 - sum(held.values())
    counts = f"train {train} · valid {held['valid']} · test {held['test']}"
    assert f"chat from alpaca  {counts}\n" in out
    assert "rows.jsonl:31: not used: the answer is empty" in err


def test_a_machine_gets_one_object(agent: Agent, tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(30))
    code, out, _ = agent(source, "--out", tmp_path / "set", "--json")
    told = json.loads(out)
    assert code == 0
    assert sum(told["counts"].values()) == 30
    assert all(told["counts"].values())
    code, out, _ = agent(tmp_path / "none.csv", "--out", tmp_path / "set", "--json")
    assert code == 1
    assert "No such file" in json.loads(out)["error"]["message"]


def test_a_model_writes_plain_versions_up_to_its_limit_and_goes_on(
    agent: Agent, tmp_path: Path
) -> None:
    source = tmp_path / "words.txt"
    source.write_text(DICTIONARY)
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"loop": True, "replies": ["A plain sentence."]}))
    words = (source, "--out", tmp_path / "set", "--valid", 0, "--test", 0)
    model = ("--model", f"scripted:{script}")
    code, _, err = agent(*words, *model, "--max-asks", 2)
    assert code == 0
    assert "3 texts wait" in err
    assert len(read(tmp_path / "set" / "train.jsonl")) == 7
    code, _, err = agent(*words, *model)
    assert "wrote 3 texts; 2 known before" in err
    assert len(read(tmp_path / "set" / "train.jsonl")) == 10
    code, _, err = agent(*words)
    assert "Using 5 texts that a model has written before" in err
    assert len(read(tmp_path / "set" / "train.jsonl")) == 10


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("--model", "embedded"), 2, "Name one that writes"),
        (("--format", "foo"), 2, "One of: auto, alpaca"),
        (("--role", "x"), 2, "--role customer=user"),
        (("--join", "0"), 1, "--join 3"),
        ((), 1, '--voice "Ann"'),
    ],
    ids=["embedded", "format", "role", "join", "voice"],
)
def test_what_cannot_be_done_says_what_to_type(
    agent: Agent, tmp_path: Path, words: tuple[str, ...], code: int, hint: str
) -> None:
    source = tmp_path / "chat.txt"
    source.write_text(CHAT)
    got, out, err = agent(source, "--out", tmp_path / "set", *words)
    assert (got, out) == (code, "")
    assert hint in err
    assert not (tmp_path / "set").exists()


def test_rows_that_have_no_voice_are_not_sent_to_a_model(agent: Agent, tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.jsonl", distinct(3))
    script = tmp_path / "script.json"
    script.write_text('["Never asked for."]')
    code, _, err = agent(source, "--out", tmp_path / "set", "--model", f"scripted:{script}")
    assert code == 2
    assert "--kind preference" in err


def test_the_real_dictionary_makes_a_set(agent: Agent, tmp_path: Path) -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "persona-bierce"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    code, out, _ = agent(folder, "--out", tmp_path / "set", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["counts"]["train"] > 800
    answers = {
        row["messages"][-1]["content"]
        for name in ("train", "valid", "test")
        for row in read(tmp_path / "set" / f"{name}.jsonl")
    }
    assert not any("Gutenberg" in answer for answer in answers)
    assert "The mother of caution." in answers
