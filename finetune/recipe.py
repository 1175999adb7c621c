"""How a model is trained, as one frozen value: read from TOML, checked key by key, written back.

It knows no library: `finetune.training` turns it into the settings of one. A recipe that exists is
valid; whether it suits a base and a data set is `finetune.preflight`'s question.
"""

from __future__ import annotations

import dataclasses
import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from finetune.errors import FinetuneError

ALL_LINEAR = "all-linear"
"""As the only one of `target_modules`: every linear layer but the output's."""


_PATHS = ("base", "chat_template")


class RecipeError(FinetuneError):
    """A recipe cannot be read, or one of its keys is unknown or has a wrong value."""


def _setting(default: Any, **rules: Any) -> Any:
    """A field and what its value is held to.

    Args:
        default: The value where the recipe names none.
        **rules: `choices`; `least` and `most`, themselves allowed; or `above`, itself refused.
    """
    return field(default=default, metadata=rules)


@dataclass(frozen=True, slots=True)
class Dpo:
    """Direct preference optimization after the fine-tuning (Rafailov et al. 2023, 2305.18290)."""

    beta: float = _setting(0.1, above=0.0)
    """How strongly the model is held to where it stood before: more is closer."""
    learning_rate: float = _setting(5e-6, above=0.0, most=1.0)
    """The peak learning rate."""
    epochs: float = _setting(1.0, above=0.0)
    """Passes over the preference set."""
    max_steps: int = _setting(0, least=0)
    """Stop after so many steps; 0 for none but `epochs`."""

    def __post_init__(self) -> None:
        """Raise RecipeError where a value is wrong."""
        _check(self, "dpo.")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train one model. Every field is a key of the TOML file; `dpo` is a table."""

    name: str = "custom"
    """What it is called."""
    base: str = ""
    """The weights to start from: a folder, or a name on the model hub."""
    revision: str = ""
    """The hub's commit or tag; empty for its newest."""
    task: Literal["chat", "classify"] = _setting("chat", choices=("chat", "classify"))
    """`chat` learns the assistant's turns; `classify` learns a label for a text."""
    method: Literal["lora", "qlora", "full"] = _setting("lora", choices=("lora", "qlora", "full"))
    """`lora` trains small matrices beside the weights; `qlora` so, on weights of 4 bits; `full`
    trains all weights."""
    engine: Literal["auto", "trl", "unsloth"] = _setting("auto", choices=("auto", "trl", "unsloth"))
    """Who trains: `auto` is unsloth where it and a CUDA device are there, else trl."""
    chat_template: str = ""
    """A Jinja file in place of the tokenizer's template; empty for the tokenizer's."""
    labels: tuple[str, ...] = ()
    """The classes, in order, where the task is `classify`; empty for those of the training rows."""

    max_length: int = _setting(2048, least=8)
    """Tokens of a row; what is beyond is cut off."""
    packing: bool = False
    """Put several rows into one of `max_length`: quicker where rows are short. Needs a CUDA device
    with FlashAttention to keep the rows apart."""

    rank: int = _setting(16, least=1)
    """The inner dimension of an adapter's matrices (r)."""
    alpha: int = _setting(32, least=1)
    """An adapter's weight: its product is scaled by alpha / rank."""
    dropout: float = _setting(0.0, least=0.0, most=0.9)
    """The share of an adapter's inputs that is dropped in training."""
    target_modules: tuple[str, ...] = (ALL_LINEAR,)
    """The layers that get an adapter, by name; `all-linear` alone for all of them."""

    epochs: float = _setting(3.0, above=0.0)
    """Passes over the training rows."""
    max_steps: int = _setting(0, least=0)
    """Stop after so many steps; 0 for none but `epochs`."""
    learning_rate: float = _setting(2e-4, above=0.0, most=1.0)
    """The peak learning rate: about 2e-4 for adapters, 2e-5 for full."""
    schedule: Literal["linear", "cosine", "constant"] = _setting(
        "cosine", choices=("linear", "cosine", "constant")
    )
    """How the rate falls after the warm-up: `cosine`, `linear`, or `constant` for not at all."""
    warmup: float = _setting(0.05, least=0.0, most=0.9)
    """The share of the steps over which the rate rises from 0."""
    weight_decay: float = _setting(0.01, least=0.0, most=1.0)
    """AdamW's decay of the weights."""
    max_grad_norm: float = _setting(1.0, above=0.0)
    """Gradients longer than this are cut to it."""
    optimizer: str = "adamw_torch"
    """One of transformers' names (`adamw_torch`, `adamw_8bit`, `adafactor` …)."""

    batch_size: int = _setting(4, least=1)
    """Rows that a device reads at once: what memory depends on."""
    gradient_accumulation: int = _setting(4, least=1)
    """Batches of a step: rows of a step are batch_size x gradient_accumulation x devices."""
    gradient_checkpointing: bool = True
    """Compute activations twice rather than keep them: slower, and far less memory."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = _setting(
        "auto", choices=("auto", "bf16", "fp16", "fp32")
    )
    """Of the arithmetic; `auto` is bf16 on a GPU that has it, fp16 on one that has not, fp32 on a
    CPU."""
    quantization_aware: Literal["", "int4", "int8-int4"] = _setting(
        "", choices=("", "int4", "int8-int4")
    )
    """Train with the rounding of a later quantization (torchao): `int4` of the weights, `int8-int4`
    of activations and weights. With `full` only; empty for none."""

    early_stop: int = _setting(3, least=0)
    """Stop after so many checkpoints without a lower loss on the validation rows, and keep the
    best; 0 to go to the end, and keep the last."""
    save_every: int = _setting(50, least=1)
    """Steps between two checkpoints, and between two losses on the validation rows; an epoch that
    is shorter has one of its own."""
    keep_checkpoints: int = _setting(2, least=1)
    """Checkpoints kept: the newest, and the best."""
    seed: int = _setting(0, least=0, most=2**32 - 1)
    """Of the order of rows, of dropout, and of the new weights."""

    dpo: Dpo | None = None
    """A second stage on a preference set; None for no such stage."""

    def __post_init__(self) -> None:
        """Raise RecipeError where a value is wrong, or two do not go together."""
        _check(self, "")
        if not self.target_modules:
            raise RecipeError(
                "target_modules is empty.", hint=f'Write: target_modules = ["{ALL_LINEAR}"]'
            )
        if self.task == "classify" and self.dpo is not None:
            raise RecipeError(
                "dpo: preferences are learnt by a chat, not by a classifier.",
                hint="Remove the table [dpo], or write: task = 'chat'",
            )
        plain = self.task == "chat" and self.method == "full" and self.engine != "unsloth"
        if self.quantization_aware and not plain:
            raise RecipeError(
                "quantization_aware: only a chat model that is trained whole, by trl, learns to be "
                "rounded; an adapter's weights are added to others before they are.",
                hint="Write: method = 'full', engine = 'trl'",
            )

    @property
    def adapter(self) -> bool:
        """Whether the training yields an adapter rather than whole weights."""
        return self.method != "full"


def find(name: Path) -> Recipe:
    """The recipe of a file; where there is no such file, the preset of this name.

    Raises:
        RecipeError: See `load`.
    """
    named = not name.exists() and str(name) in preset_names()
    return preset(str(name)) if named else load(name)


def load(path: Path) -> Recipe:
    """Read a recipe; its key `preset`, where there, names what the other keys stand on.

    Raises:
        RecipeError: The file cannot be read, is not TOML, or one of its keys is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(
            f"{path}: {error.strerror or error}.",
            hint=f"Name a recipe file, or a preset: {', '.join(preset_names())}",
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text (byte {error.start}).") from error
    return loads(text, where=str(path))


def loads(text: str, *, where: str = "recipe") -> Recipe:
    """As `load`, of the text itself; `where` is what errors call it.

    Raises:
        RecipeError: It is not TOML, or one of its keys is wrong.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not TOML: {error}.") from error
    stands_on = values.pop("preset", None)
    try:
        if stands_on is None:
            return build(values)
        if not isinstance(stands_on, str):
            raise RecipeError("preset must be text.")
        return change(preset(stands_on), values)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}", hint=error.hint) from error


def dumps(recipe: Recipe) -> str:
    """The recipe as TOML, with every key, so that later defaults change nothing of it."""
    import tomlkit

    values = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(recipe).items()
        if value is not None
    }
    return tomlkit.dumps(values)


def build(values: Mapping[str, Any]) -> Recipe:
    """A recipe of the keys given and the defaults of the others.

    Raises:
        RecipeError: A key is unknown or its value wrong.
    """
    return change(Recipe(), values)


def change(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with some keys changed; `dpo` takes a mapping, merged into its own.

    A path that begins with `~` is written out.

    Raises:
        RecipeError: A key is unknown or its value wrong.
    """
    _refuse_unknown(values, Recipe, "")
    new: dict[str, Any] = {}
    for key, value in values.items():
        if key == "dpo" and isinstance(value, Mapping):
            _refuse_unknown(value, Dpo, "dpo.")
            new[key] = dataclasses.replace(recipe.dpo or Dpo(), **value)
        elif key in _PATHS and isinstance(value, str) and value.startswith("~"):
            new[key] = os.path.expanduser(value)
        else:
            new[key] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(recipe, **new)


def adjust(recipe: Recipe, base: str | None, pairs: Iterable[str]) -> Recipe:
    """The recipe as a command line changes it.

    Args:
        recipe: What it names.
        base: Its `--base`; None for none.
        pairs: Its `KEY=VALUE` pairs.

    Raises:
        RecipeError: See `settings` and `change`.
    """
    given = {} if base is None else {"base": base}
    return change(recipe, settings(pairs) | given)


def settings(pairs: Iterable[str]) -> dict[str, Any]:
    """What `KEY=VALUE` pairs say, as `change` takes it; a value is TOML, or else plain text.

    Raises:
        RecipeError: A pair has no `=`.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key, text = key.strip(), text.strip()
        if not equals or not key:
            raise RecipeError(f"{pair}: no key and value.", hint="Write KEY=VALUE, as in rank=8")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            value = text
        table, dot, inner = key.partition(".")
        if dot:
            held = found.setdefault(table, {})
            if not isinstance(held, dict):
                raise RecipeError(f"{table} is given as a value and as a table.")
            held[inner] = value
        else:
            found[key] = value
    return found


def preset_names() -> list[str]:
    """The recipes that come with the program, in the order of their names."""
    folder = resources.files("finetune") / "presets"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def preset(name: str) -> Recipe:
    """One of the recipes that come with the program; it names no base.

    Raises:
        RecipeError: There is none of that name.
    """
    names = preset_names()
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}"
        raise RecipeError(f"There is no preset {name}.", hint=hint)
    text = (resources.files("finetune") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return change(build(tomllib.loads(text)), {"name": name})


def _refuse_unknown(values: Mapping[str, Any], kind: type[Recipe | Dpo], prefix: str) -> None:
    known = [a_field.name for a_field in fields(kind)]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else f"Keys: {', '.join(known)}"
            raise RecipeError(f"There is no key {prefix}{key}.", hint=hint)


_KINDS: dict[str, tuple[type, str]] = {
    "str": (str, "text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
}


def _check(values: Recipe | Dpo, prefix: str) -> None:
    """Hold every field to its type and its rules; a whole number stands for a float."""
    for a_field in fields(values):
        key, value = prefix + a_field.name, getattr(values, a_field.name)
        kind = str(a_field.type)
        if kind == "Dpo | None":
            if value is not None and not isinstance(value, Dpo):
                raise RecipeError(f"{key} must be a table.", hint="Write: [dpo]")
            continue
        if kind.startswith("tuple"):
            if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
                raise RecipeError(f"{key} must be a list of texts, and is {value!r}.")
            continue
        expected, word = _KINDS["str" if kind.startswith("Literal") else kind]
        if expected is float and type(value) is int:
            value = float(value)
            object.__setattr__(values, a_field.name, value)
        if type(value) is not expected or (isinstance(value, float) and not math.isfinite(value)):
            raise RecipeError(f"{key} must be {word}, and is {value!r}.")
        _check_rules(key, value, a_field.metadata)


def _check_rules(key: str, value: Any, rules: Mapping[str, Any]) -> None:
    if "choices" in rules and value not in rules["choices"]:
        names = ", ".join(choice or '""' for choice in rules["choices"])
        raise RecipeError(f"{key} must be one of {names}, and is {value!r}.")
    if "least" in rules and value < rules["least"]:
        raise RecipeError(f"{key} must be at least {rules['least']}, and is {value}.")
    if "above" in rules and value <= rules["above"]:
        raise RecipeError(f"{key} must be more than {rules['above']}, and is {value}.")
    if "most" in rules and value > rules["most"]:
        raise RecipeError(f"{key} must be at most {rules['most']}, and is {value}.")
