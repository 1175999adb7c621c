from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finetune import recipe as recipes
from finetune.recipe import Dpo, Recipe, RecipeError


def test_a_recipe_survives_being_written_and_read() -> None:
    recipe = replace(
        recipes.preset("voice-dpo"),
        base='a "quoted" folder\\née',
        labels=("yes", "no"),
        target_modules=("q_proj", "v_proj"),
    )
    assert recipes.loads(recipes.dumps(recipe)) == recipe


def test_every_preset_is_a_valid_recipe_of_its_own_name() -> None:
    names = recipes.preset_names()
    assert "voice" in names
    assert [recipes.preset(name).name for name in names] == names


def test_a_file_may_stand_on_a_preset_and_change_some_keys(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('preset = "voice-dpo"\nrank = 8\n[dpo]\nbeta = 0.5\n')
    recipe = recipes.load(path)
    assert recipe.rank == 8
    assert recipe.dpo == Dpo(beta=0.5, learning_rate=5e-6, epochs=1.0)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("rnak = 8", "There is no key rnak", "Did you mean rank?"),
        ("[dpo]\nbetta = 1", "There is no key dpo.betta", "Did you mean dpo.beta?"),
        ("rank = 0", "rank must be at least 1, and is 0", ""),
        ("rank = true", "rank must be a whole number, and is True", ""),
        ("rank = 'x'", "rank must be a whole number, and is 'x'", ""),
        ("learning_rate = 0", "learning_rate must be more than 0.0", ""),
        ("learning_rate = nan", "learning_rate must be a number", ""),
        ("dropout = 1", "dropout must be at most 0.9", ""),
        ("method = 'lroa'", "method must be one of lora, qlora, full", ""),
        ("labels = 'yes'", "labels must be a list of texts", ""),
        ("labels = [1]", "labels must be a list of texts", ""),
        ("target_modules = []", "target_modules is empty", "all-linear"),
        ("dpo = 3", "dpo must be a table", "[dpo]"),
        ("preset = 'vioce'", "There is no preset vioce", "Did you mean voice?"),
        ("task = 'classify'\n[dpo]\n", "preferences are learnt by a chat", "Remove the table"),
        ("rank = ", "not TOML", ""),
    ],
)
def test_a_wrong_key_is_named_with_what_it_must_be(text: str, message: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.loads(text, where="mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_missing_recipe_file_names_the_presets(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: No such file") as caught:
        recipes.load(tmp_path / "none.toml")
    assert "voice" in caught.value.hint


def test_pairs_from_the_command_line_are_read_as_toml_or_as_text() -> None:
    values = recipes.settings(["rank=8", "base=models/tiny", "dpo.beta = 0.5", "packing=true"])
    assert values == {"rank": 8, "base": "models/tiny", "dpo": {"beta": 0.5}, "packing": True}
    assert recipes.change(Recipe(), values).dpo == Dpo(beta=0.5)


def test_a_pair_without_a_value_is_refused() -> None:
    with pytest.raises(RecipeError, match="no key and value"):
        recipes.settings(["rank"])
