from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from finetune import recipe as recipes
from finetune.data import load, prepare
from finetune.data.options import Options, Source
from finetune.errors import FinetuneError
from finetune.evaluation.evaluate import evaluate
from finetune.evaluation.models import Chats, Speaker
from finetune.evaluation.questions import Asked
from finetune.evaluation.work import Work
from finetune.training import encode, pins, quiet, runs, weights
from finetune.training.train import train
from tests.finetune.evaluation.conftest import recipe
from tests.finetune.training import sets


def no_digits_lost(plain: str, restyled: str) -> str:
    lost = [sign for sign in plain if sign.isdigit() and sign not in restyled]
    return f"leaves out “{lost[0]}”" if lost else ""


def test_an_adapter_is_told_from_its_base_on_rows_that_were_held_out(
    adapter_run: Path, data: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    found = evaluate(
        adapter_run,
        samples=36,
        check_facts=no_digits_lost,
        progress=lambda *state: told.append(state),
    )
    assert found.rows == {"train": 48, "valid": 36, "test": 0}
    assert any("validation rows stand in" in note for note in found.notes)
    perplexity = found.perplexity
    assert perplexity is not None
    assert (perplexity.split, perplexity.rows) == ("valid", 36)
    assert perplexity.ratio.high < 0.5
    assert perplexity.after.value == pytest.approx(
        perplexity.before.value * perplexity.ratio.value, rel=1e-6
    )
    assert found.style is not None
    assert found.style.trusted
    assert all((found.style.way(name) or 0) > 0.5 for name in found.style.trusted)
    assert len(found.samples) == 36
    assert found.samples[0].wanted.startswith("Verily, the ")
    assert found.samples[0].after.startswith("Verily, the ")
    assert not found.samples[0].before.startswith("Verily")
    assert found.facts is not None
    assert found.facts.after.kept.value < 0.5
    assert "leaves out" in found.facts.after.faults[0][2]
    assert found.speech["after"].unfinished < 0.5
    assert "facts-lost" in [advice.code for advice in found.advice]
    assert ("base: held-out rows", 36, 36) in told
    assert ("trained model: answers", 36, 36) in told
    json.dumps(found.to_json(), allow_nan=False)


def test_sentences_are_handed_over_in_the_words_of_the_training_whatever_set_is_measured_on(
    adapter_run: Path, data: Path
) -> None:
    _, held, trained = pins.finished(adapter_run)
    work = Work(
        recipe=held,
        trained=trained,
        data=load(data),
        plain=None,
        sentences=["It was lit."],
        samples=1,
        instruction="Sing: {text}",
        system="You are a bard.",
        check=no_digits_lost,
        tell=lambda what, done, total: None,
    )
    asked = Asked(work, weights.tokenizer(held), load(data).valid)
    assert asked.restyle == [
        [
            {"role": "system", "content": "You are a bard."},
            {"role": "user", "content": "Sing: It was lit."},
        ]
    ]


def test_the_base_is_the_same_whether_an_adapter_or_all_weights_were_trained(
    adapter_run: Path, full_run: Path
) -> None:
    one, other = (evaluate(run, samples=2) for run in (adapter_run, full_run))
    assert one.perplexity is not None
    assert other.perplexity is not None
    assert one.perplexity.before.value == pytest.approx(other.perplexity.before.value, rel=1e-4)
    assert other.perplexity.ratio.high < 0.9
    assert one.facts is None
    assert any("Style was not measured" in note for note in one.notes)


def test_the_perplexity_is_that_of_training(full_run: Path) -> None:
    import math

    found = evaluate(full_run, samples=1)
    record = runs.read(full_run)
    assert found.perplexity is not None
    assert record.valid_loss is not None
    # The trainer takes the mean of batches, here all of nearly the same number of tokens.
    assert math.log(found.perplexity.after.value) == pytest.approx(record.valid_loss, rel=0.02)


def test_padding_changes_neither_losses_nor_answers(adapter_run: Path) -> None:
    chats = Chats(runs.read_recipe(adapter_run), adapter_run / "adapter")
    rows = encode.chats(chats.tokenizer, sets.chats(7, start=300), 128)
    prompts = [
        [{"role": "user", "content": f"Where does {words} live?"}]
        for words in ("bee number 5", "hen number 10", "hen, the one in the well or the barn,")
    ]
    with quiet.quiet(), chats.loaded("after") as several:
        one_by_one = Speaker(
            several.model, several.tokenizer, replace(several.recipe, batch_size=1)
        )
        for speaker in (several, one_by_one):
            losses = [loss.total for loss in speaker.losses(rows, lambda done: None)]
            answers = speaker.answers(prompts, 24, lambda done: None)
            if speaker is several:
                before = losses, answers
        assert losses == pytest.approx(before[0], rel=1e-4)
        assert answers == before[1]
        assert any(answer.finished for answer in answers)
        cut = several.answers(prompts, 2, lambda done: None)
        assert [answer.finished for answer in cut] == [False] * 3


def test_forgetting_is_measured_on_a_set_of_other_rows(full_run: Path, tmp_path: Path) -> None:
    rows = [{"messages": sets.turns(f"How many is {n}?", f"It is {n}.")} for n in range(12)]
    plain = sets.write(tmp_path / "plain", "chat", rows)
    found = evaluate(full_run, plain=plain, samples=1).forgetting
    assert found is not None
    assert (found.split, found.rows) == ("plain", 12)
    assert found.before.value != found.after.value


def test_test_rows_are_taken_where_there_are_some_and_a_strange_set_is_named(
    full_run: Path, tmp_path: Path
) -> None:
    for name, rows in (("train", sets.chats(8)), ("test", sets.chats(3, start=400))):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text)
    sources = [
        Source(tmp_path / "train.jsonl", split="train"),
        Source(tmp_path / "test.jsonl", split="test"),
    ]
    prepare(sources, tmp_path / "set", Options(valid=0, near=1))
    found = evaluate(full_run, tmp_path / "set", samples=1)
    assert found.perplexity is not None
    assert found.perplexity.split == "test"
    assert any("not the one that was trained on" in note for note in found.notes)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_classifier_is_told_from_the_commonest_label(
    method: str, base: Path, tmp_path: Path
) -> None:
    rows = sets.labelled(48)
    data = sets.write(tmp_path / "data", "classify", rows[:36], rows[36:])
    run = tmp_path / "run"
    wanted = recipe(base, task="classify", method=method, epochs=6, learning_rate=5e-3)
    train(wanted, data, run)
    found = evaluate(run, samples=4)
    assert found.perplexity is None
    assert found.labels is not None
    assert found.labels.accuracy.value == 1
    assert found.labels.commonest_accuracy == 0.5
    assert found.labels.confusion == [[6, 0], [0, 6]]
    assert [one.after for one in found.samples] == [one.wanted for one in found.samples]
    assert [one.code for one in found.advice] == []
    with pytest.raises(FinetuneError, match="a chat set is wanted"):
        evaluate(run, plain=data)


def test_what_is_no_finished_run_is_named(full_run: Path, tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match="is no run"):
        evaluate(tmp_path)
    begun = tmp_path / "begun"
    recipe_of = runs.read_recipe(full_run)
    runs.start(begun, recipe_of, replace(runs.read(full_run), state="interrupted"))
    with pytest.raises(FinetuneError, match="not finished: interrupted") as caught:
        evaluate(begun)
    assert f"--resume {begun}" in caught.value.hint


def test_a_base_or_a_set_that_has_changed_or_gone_is_named(full_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    record = runs.read(full_run)
    runs.write_text(run / runs.RECIPE, (full_run / runs.RECIPE).read_text())
    runs.write(run, replace(record, base_hash="sha256:other"))
    with pytest.raises(FinetuneError, match="has changed since"):
        evaluate(run)
    elsewhere = replace(runs.read_recipe(full_run), base=str(tmp_path / "gone"))
    runs.write_text(run / runs.RECIPE, recipes.dumps(elsewhere))
    runs.write(run, record)
    with pytest.raises(FinetuneError, match="not there any more"):
        evaluate(run)
    runs.write_text(run / runs.RECIPE, (full_run / runs.RECIPE).read_text())
    runs.write(run, replace(record, data=str(tmp_path / "gone")))
    with pytest.raises(FinetuneError, match="that was trained on is not there") as caught:
        evaluate(run)
    assert "--data" in caught.value.hint


def test_a_set_that_cannot_serve_is_named(full_run: Path, data: Path, tmp_path: Path) -> None:
    none_held = sets.write(tmp_path / "none", "chat", sets.chats(4))
    with pytest.raises(FinetuneError, match="no held-out rows"):
        evaluate(full_run, none_held)
    labelled = sets.write(tmp_path / "labelled", "classify", sets.labelled(4), sets.labelled(2))
    with pytest.raises(FinetuneError, match="a classify set, and a chat set is wanted"):
        evaluate(full_run, labelled)
    with pytest.raises(FinetuneError, match="is the one that was trained on"):
        evaluate(full_run, plain=data)
    empty = tmp_path / "none.txt"
    empty.write_text("\n\n")
    with pytest.raises(FinetuneError, match="holds no sentence"):
        evaluate(full_run, answers=empty)
    empty.write_text("Short.\n" + "word " * 1000)
    with pytest.raises(FinetuneError, match="sentence 2 has 4,999 characters"):
        evaluate(full_run, answers=empty)
