from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.card import read as read_card
from finetune.errors import FinetuneError
from finetune.export import ExportError, Options, export, shapes
from finetune.training import runs
from tests.agent.cli.conftest import Agent, agent, home
from tests.finetune.export import models

__all__ = ["agent", "home"]  # fixtures


@pytest.mark.parametrize("kind", ["llama3", "smollm", "qwen2", "qwen3"])
def test_a_gguf_file_answers_as_the_weights_do(tmp_path: Path, kind: str) -> None:
    base = models.make(tmp_path / "base", kind)
    run = models.run(tmp_path / "run", base)
    done = export(run, tmp_path / "out", Options(kinds=("gguf", "gguf-adapter")))
    names = [(item.path.name, item.base and item.base.name) for item in done.items]
    assert names == [("run-f16.gguf", None), ("run-adapter.gguf", "run-base-f16.gguf")]
    for item in done.items:
        assert item.agreement.share == 1.0
        assert item.agreement.tokens == 4 * 32
        assert item.size == item.path.stat().st_size
    (note,) = done.notes
    assert note.startswith(f"The run's data set {tmp_path / 'run' / 'no-data'} is gone")


def test_each_kind_is_written_with_what_serves_it(run: Path, base: Path, tmp_path: Path) -> None:
    told: list[str] = []
    kinds = ("gguf", "merged", "adapter")
    done = export(run, tmp_path / "out", Options(kinds, system="Be brief."), tell=told.append)
    out = tmp_path / "out"
    assert [item.kind for item in done.items] == ["adapter", "merged", "gguf"]
    assert sorted(path.name for path in out.iterdir()) == [
        "Modelfile",
        "adapter",
        "export.json",
        "merged",
        "old-salt-f16.gguf",
        "old-salt.toml",
    ]
    assert not (out / "adapter" / "README.md").exists()
    adapter, merged, _ = done.items
    for item in (adapter, merged):
        assert item.agreement.share == 1.0
        assert item.agreement.error is not None
        assert item.agreement.error < 1e-4
    record = json.loads((out / "export.json").read_text())
    assert [item["file"] for item in record["items"]] == ["adapter", "merged", "old-salt-f16.gguf"]
    assert record["card"] == done.card.name
    assert record["items"][1]["same"] == record["items"][1]["tokens"]
    card = read_card(done.card)
    assert (card.name, card.keep, card.model) == ("old-salt", "facts", f"local:{base.resolve()}")
    assert Path(card.adapter) == out / "adapter"
    modelfile = (out / "Modelfile").read_text()
    assert 'SYSTEM """Be brief."""' in modelfile
    assert 'PARAMETER stop "<|im_end|>"' in modelfile
    assert done.commands == (
        f"agent ask --persona {out}/old-salt.toml QUESTION",
        f"vllm serve {base} --enable-lora --max-lora-rank 8 --lora-modules old-salt={out}/adapter",
        f"vllm serve {out}/merged --served-model-name old-salt",
        f"llama-server -m {out}/old-salt-f16.gguf --jinja",
        f"ollama create old-salt -f {out}/Modelfile",
    )
    assert "Merging" in told


def test_a_run_of_all_weights_gives_merged_ones_and_a_card_without_an_adapter(
    base: Path, tmp_path: Path
) -> None:
    run = models.run(tmp_path / "run", base, adapter=False)
    done = export(run, tmp_path / "out", Options())
    assert [item.kind for item in done.items] == ["merged"]
    card = tomllib.loads(done.card.read_text())
    assert card["model"] == f"local:{(tmp_path / 'out' / 'merged').resolve()}"
    assert "adapter" not in card
    assert card["trained"] is True
    with pytest.raises(ExportError, match="no gguf-adapter"):
        export(run, tmp_path / "out", Options(("gguf-adapter",)))


def test_q4_is_written_smaller_and_its_agreement_is_told(run: Path, tmp_path: Path) -> None:
    done = export(run, tmp_path / "out", Options(("gguf",), ("f16", "q4_0")))
    sixteen, four = done.items
    assert four.size < sixteen.size
    assert four.required == 0
    assert four.agreement.same < four.agreement.tokens
    assert "of 128 tokens as the source" in four.agreement.words()


def test_prompts_are_of_the_runs_own_set_where_it_is_there(run: Path, tmp_path: Path) -> None:
    from finetune.export import source
    from tests.finetune.training import sets

    data = sets.write(tmp_path / "data", "chat", sets.chats(4), sets.chats(2, start=50))
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    digest = json.loads((data / "manifest.json").read_text())["digest"]
    runs.update(copy, data=str(data), data_digest=digest)
    found = source.find(copy)
    assert found.note == ""
    asked = [[dict(turn) for turn in prompt] for prompt in found.prompts]
    rows = [*sets.chats(2, start=50), *sets.chats(4)]
    assert asked == [row["messages"][:1] for row in rows]


@pytest.mark.parametrize("kind", ["classify", "preference", "chat"])
def test_a_set_that_was_made_anew_is_told_and_general_questions_are_asked(
    kind: str, run: Path, tmp_path: Path
) -> None:
    from finetune.export import source
    from tests.finetune.training import sets

    rows = {"classify": sets.labelled, "preference": sets.pairs, "chat": sets.chats}[kind](4)
    data = sets.write(tmp_path / "data", kind, rows)
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    runs.update(copy, data=str(data), data_digest="that it was trained on")
    found = source.find(copy)
    assert found.prompts[0][0]["content"] == "Who are you?"
    assert f"{data} is not the set that was trained on any more" in found.note
    assert "make it again from the same sources" in found.note


def test_a_voice_is_served_in_the_words_that_it_was_trained_with(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    runs.update(copy, instruction="Sing: {text}", system="You are a bard.")
    done = export(copy, tmp_path / "out", Options(("gguf",)))
    card = read_card(done.card)
    assert (card.instruction, card.system) == ("Sing: {text}", "You are a bard.")
    assert 'SYSTEM """You are a bard."""' in (done.folder / "Modelfile").read_text()


def test_a_file_that_answers_otherwise_is_not_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Queries and keys in transformers' order: the file loads, and says something else.
    monkeypatch.setattr(shapes.Shape, "turn", lambda shape, name, weights: weights)
    with pytest.raises(ExportError, match="does not answer as the trained weights do"):
        export(run, tmp_path / "out", Options(("gguf",)))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["export.json"]


def test_what_was_written_before_an_error_stays(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes.Shape, "turn", lambda shape, name, weights: weights)
    with pytest.raises(ExportError):
        export(run, tmp_path / "out", Options(("adapter", "gguf")))
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert [item["kind"] for item in record["items"]] == ["adapter"]
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()


def test_an_interrupted_export_leaves_nothing_half_written(run: Path, tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        if text.startswith("Writing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(run, tmp_path / "out", Options(("gguf",)), tell=interrupt)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["export.json"]


Break = Callable[[Path], Any]


def unfinished(run: Path) -> None:
    runs.update(run, state="interrupted")


def classifier(run: Path) -> None:
    text = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(text.replace('task = "chat"', 'task = "classify"'))


def no_run(run: Path) -> None:
    (run / "run.json").unlink()


def other_base(run: Path) -> None:
    runs.update(run, base_hash="sha256:0")


def base_gone(run: Path) -> None:
    text = (run / "recipe.toml").read_text().splitlines()
    (run / "recipe.toml").write_text(
        "\n".join('base = "gone/away"' if line.startswith("base") else line for line in text)
    )


def hub_base_gone(run: Path) -> None:
    base_gone(run)
    runs.update(run, base_hash="")


@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        (unfinished, "not finished"),
        (classifier, "classifier"),
        (no_run, "is no run"),
        (other_base, "has changed since the run"),
        (base_gone, "not there any more"),
        (hub_base_gone, "not on this machine"),
    ],
)
def test_a_run_that_cannot_be_exported_is_told_before_anything_is_written(
    run: Path, tmp_path: Path, break_it: Break, word: str
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    break_it(copy)
    with pytest.raises(FinetuneError, match=word) as caught:
        export(copy, tmp_path / "out", Options())
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_elses_is_not_touched(run: Path, tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "thesis.txt").write_text("x")
    with pytest.raises(ExportError, match="is not empty"):
        export(run, tmp_path, Options(("merged",)))
    assert (tmp_path / "merged" / "thesis.txt").read_text() == "x"


def test_a_disk_without_room_is_told_before_anything_is_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Full)
    with pytest.raises(ExportError, match="GB are free"):
        export(run, tmp_path / "out", Options(("gguf",)))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def strange(base: Path, tmp_path: Path) -> Path:
    """A run on a model that our writer does not know."""
    folder = Path(shutil.copytree(base, tmp_path / "strange"))
    models.change_json(folder / "config.json", architectures=["StrangeForCausalLM"])
    return models.run(tmp_path / "run", folder)


def test_an_unknown_model_is_refused_with_what_to_do(strange: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="StrangeForCausalLM") as caught:
        export(strange, tmp_path / "out", Options(("gguf",)))
    assert "--converter" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_had_is_told_before_anything_is_loaded(
    run: Path, strange: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="system text"):
        export(run, tmp_path / "out", Options(("gguf",), system='Say """ often.'))
    plain = export(run, tmp_path / "plain", Options(("adapter",), system='Say """ often.'))
    assert plain.modelfile is None
    with pytest.raises(ExportError, match="An adapter in GGUF") as caught:
        export(strange, tmp_path / "out", Options(("gguf-adapter",)))
    assert caught.value.hint.endswith("--kind gguf")
    assert not (tmp_path / "out").exists()


CONVERTER = """
import pathlib, sys
folder, _, path, _, form = sys.argv[1:]
sys.path.insert(0, {root!r})
from finetune.export import gguf
if not {works}:
    sys.exit("Model StrangeForCausalLM is not supported")
folder, path = pathlib.Path(folder), pathlib.Path(path)
gguf.write(folder, folder, path, form, name="x", turn_end="")
"""


def converter(tmp_path: Path, *, works: bool) -> Path:
    """Takes what llama.cpp's takes."""
    root = str(Path(__file__).resolve().parents[3])
    file = tmp_path / "convert_hf_to_gguf.py"
    file.write_text(CONVERTER.format(root=root, works=works))
    return file


def test_a_converter_that_is_named_writes_and_is_asked_like_our_own(
    run: Path, tmp_path: Path
) -> None:
    options = Options(("gguf",), converter=converter(tmp_path, works=True))
    done = export(run, tmp_path / "out", options)
    assert done.items[0].agreement.share == 1.0


def test_a_converter_that_fails_is_quoted(strange: Path, tmp_path: Path) -> None:
    options = Options(("gguf",), converter=converter(tmp_path, works=False))
    with pytest.raises(ExportError, match="is not supported"):
        export(strange, tmp_path / "out", options)
    with pytest.raises(ExportError, match="There is no"):
        export(strange, tmp_path / "out", Options(("gguf",), converter=tmp_path / "no.py"))


@pytest.mark.skipif(shutil.which("llama-quantize") is not None, reason="it is there")
def test_q4_by_a_converter_needs_a_second_program(run: Path, tmp_path: Path) -> None:
    options = Options(("gguf",), ("q4_0",), converter=converter(tmp_path, works=True))
    with pytest.raises(ExportError, match="llama-quantize"):
        export(run, tmp_path / "out", options)


def test_without_llama_cpp_a_gguf_file_is_not_given_out(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune.export import in_llamacpp

    monkeypatch.setattr(in_llamacpp, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match="xllamacpp is not installed"):
        export(run, tmp_path / "out", Options(("gguf",)))


def test_the_command_tells_files_agreement_and_what_to_type(
    agent: Agent, run: Path, tmp_path: Path
) -> None:
    ran = agent("finetune", "export", run, "--out", tmp_path / "out", "--name", "Salt")
    assert ran.code == 0, ran.err
    assert "128 of 128 tokens as the source" in ran.out
    assert "a persona's card" in ran.out
    assert "agent ask --persona" in ran.out
    assert "general questions" in ran.err
    data = json.loads(agent("finetune", "export", run, "--out", tmp_path / "out", "--json").out)
    assert [item["kind"] for item in data["items"]] == ["adapter"]


def test_the_command_refuses_unknown_kinds_before_it_loads(
    agent: Agent, run: Path, tmp_path: Path
) -> None:
    before = set(sys.modules)
    ran = agent("finetune", "export", run, "--out", tmp_path / "out", "--kind", "onnx")
    assert ran.code == 2
    assert "adapter, merged, gguf, gguf-adapter" in ran.err
    assert not {"torch", "transformers"} & (set(sys.modules) - before)
