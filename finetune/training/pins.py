"""What lies outside a run's folder and must not move while the run lives: template and base.

The chat template's file is copied into the run, and the hub's commit is noted in its record; a run
that is resumed, evaluated or exported goes by these, whatever became of what they were taken from.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from finetune.recipe import Recipe
from finetune.training import runs
from finetune.training.runs import Record, RunError

_COMMIT = "commit:"


def read_template(recipe: Recipe) -> str:
    """The text of the template that a recipe names; empty where it names none.

    Raises:
        RunError: The file cannot be read.
    """
    if not recipe.chat_template:
        return ""
    try:
        return Path(recipe.chat_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise RunError(
            f"chat_template: {recipe.chat_template} cannot be read: {reason}.",
            hint="--set chat_template=FILE",
        ) from error


def hash_of(text: str) -> str:
    """`sha256:…` of a template; empty for none."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if text else ""


def base_hash(commit: str) -> str:
    """A hub's commit as a record keeps it; empty for none."""
    return f"{_COMMIT}{commit}" if commit else ""


def held(folder: Path, record: Record, recipe: Recipe) -> Recipe:
    """The recipe as the run goes by it: with its own template, and the hub's commit.

    Args:
        folder: The run's.
        record: Its record.
        recipe: Its recipe.

    Raises:
        RunError: The copy is not there any more, or not what it was.
    """
    if record.base_hash.startswith(_COMMIT):
        recipe = replace(recipe, revision=record.base_hash.removeprefix(_COMMIT))
    if not record.template_hash:
        return recipe
    own = folder / runs.TEMPLATE
    recipe = replace(recipe, chat_template=str(own.resolve()))
    hint = f"Put the template that it was trained with back as {own}, or train anew."
    try:
        text = read_template(recipe)
    except RunError as error:
        raise RunError(f"The run's own template cannot be read: {error}", hint=hint) from error
    if hash_of(text) != record.template_hash:
        raise RunError(f"{own} has changed since the run began.", hint=hint)
    return recipe


def begun(folder: Path, recipe: Recipe) -> Recipe:
    """As `held` where the folder has a run of this recipe; else the recipe as it is.

    The settings of a second stage may be others: see `runs.reopen`.

    Raises:
        RunError: There is a run and it cannot be read; or see `held`.
    """
    if not (folder / runs.RUN).exists():
        return recipe
    if replace(runs.read_recipe(folder), dpo=None) != replace(recipe, dpo=None):
        return recipe
    return held(folder, runs.read(folder), recipe)


def finished(folder: Path) -> tuple[Record, Recipe, Path]:
    """A run that is done: its record, its recipe as `held`, and the folder of its weights.

    Raises:
        RunError: It is no run, or not done; or see `held`.
        RecipeError: See `runs.read_recipe`.
    """
    record, recipe = runs.read(folder), runs.read_recipe(folder)
    trained = folder / ("adapter" if recipe.adapter else "model")
    if record.state != "done" or not trained.is_dir():
        raise RunError(
            f"The run in {folder} is not finished: {record.state}.",
            hint=f"agent finetune train --resume {folder}",
        )
    return record, held(folder, record, recipe), trained


def hold_base(record: Record, recipe: Recipe) -> None:
    """See that the recipe's base is what was trained on; a hub's is had by its commit: see `held`.

    Raises:
        RunError: It is gone, or has changed.
    """
    if not record.base_hash.startswith("sha256:"):
        return
    base = Path(recipe.base)
    if not base.is_dir():
        raise RunError(
            f"The base {base} is not there any more.",
            hint="Put it back where it was, or name it anew in the run's recipe.toml.",
        )
    if runs.hash_folder(base) != record.base_hash:
        raise RunError(
            f"The base {base} has changed since the run.",
            hint="Put back the weights that it was trained on, or train anew.",
        )
