"""A run's folder: its record, its recipe, its losses, its checkpoints, and the weights.

    run.json        the record: state, data digest, base hash, versions, command, final losses
    recipe.toml     the whole recipe, so that later defaults change nothing of it
    chat_template.jinja   a copy of the recipe's template, where it names one (see `pins`)
    metrics.jsonl   a line per step and per measurement
    checkpoints/    STAGE/checkpoint-N, from which it is resumed
    adapter/        or model/: the result, complete as soon as it is there
    curve.png       the losses

It knows no library and trains nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from finetune import recipe as recipes
from finetune.errors import FinetuneError
from finetune.recipe import Recipe

SCHEMA = 1
"""Of `run.json`; a number that is higher than this is refused."""
RUN, RECIPE, METRICS, CHECKPOINTS, CURVE, TEMPLATE = (
    "run.json",
    "recipe.toml",
    "metrics.jsonl",
    "checkpoints",
    "curve.png",
    "chat_template.jinja",
)
STATE = "trainer_state.json"
"""Of a checkpoint: the last file of it that transformers writes."""
_PARTIAL = ".partial"


class RunError(FinetuneError):
    """A folder is no run, or one that cannot be started or resumed."""


@dataclass(frozen=True, slots=True)
class Record:
    """`run.json`: where everything of the run came from, and how far it is."""

    state: str
    """`running`, `interrupted`, `failed` or `done`; a killed run is left `running`."""
    command: tuple[str, ...]
    """What was typed."""
    data: str
    """The data set's folder."""
    data_digest: str
    """The digest of its manifest."""
    base: str
    """The base's folder or name."""
    base_hash: str
    """`sha256:…` over the files of a folder, or `commit:…` of the hub, as the run began."""
    versions: Mapping[str, str]
    """Of Python and of the libraries that train."""
    engine: str
    """`trl` or `unsloth`."""
    device: str
    """What it ran on, in words."""
    seed: int
    """The recipe's."""
    instruction: str = ""
    """How the set's own words hand a text to the voice; empty for the built-in ones."""
    system: str = ""
    """What the set's rows were told first; empty for nothing."""
    template_hash: str = ""
    """`sha256:…` of the run's copy of the recipe's chat template; empty where it names none."""
    preferences: str = ""
    """The preference set's folder; empty where there is no such stage."""
    preferences_digest: str = ""
    """The digest of its manifest."""
    started: float = 0.0
    """Seconds since the epoch."""
    seconds: float = 0.0
    """Of all sittings that ended in order."""
    stages: tuple[str, ...] = ()
    """The stages that are done."""
    steps: int = 0
    """Of the last stage."""
    train_loss: float | None = None
    """The last step's."""
    valid_loss: float | None = None
    """The kept weights', on the validation rows."""
    schema: int = field(default=SCHEMA)
    """Of this file."""


def start(folder: Path, recipe: Recipe, record: Record, *, template: str = "") -> None:
    """Make the folder of a new run.

    Args:
        folder: The run's.
        recipe: What is wanted.
        record: Its beginning.
        template: The text of the recipe's chat template; empty where it names none.

    Raises:
        RunError: There is something in it.
    """
    if folder.exists() and any(_strangers(folder)):
        raise RunError(
            f"{folder} is not empty.",
            hint="Name another folder for the run: --out RUN",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECIPE, recipes.dumps(recipe))
    if template:
        write_text(folder / TEMPLATE, template)
    write(folder, record)


def _strangers(folder: Path) -> Iterable[Path]:
    return (entry for entry in folder.iterdir() if entry.name != LOCK)


LOCK = ".lock"
"""Held by the process that trains in the folder."""


def may_resume(folder: Path) -> bool:
    """Whether a run is there. One that failed before its first checkpoint is cleared away."""
    if not (folder / RUN).exists():
        return False
    if read(folder).state != "failed" or keeps_work(folder):
        return True
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for name in (RUN, RECIPE, METRICS, CURVE, TEMPLATE):
        (folder / name).unlink(missing_ok=True)
    return False


def keeps_work(folder: Path) -> bool:
    """Whether a run has a stage or a checkpoint that would be lost with it."""
    return bool(read(folder).stages) or any((folder / CHECKPOINTS).glob("*/*-*"))


def reopen(folder: Path, recipe: Recipe, data: str, preferences: str, base_hash: str) -> Record:
    """Take up a run that was killed, interrupted or failed.

    Where its second stage failed, that stage may begin anew by other settings of its own.

    Args:
        folder: The run's.
        recipe: What is wanted now.
        data: The data set's digest as it is now.
        preferences: Likewise; empty for no such set.
        base_hash: Of the base as it is now; empty where it is not known yet.

    Raises:
        RunError: It is finished, or anything of it is not what it was.
    """
    record = read(folder)
    anew = "Train anew, into another folder: --out RUN"
    if record.state == "done":
        raise RunError(f"The run in {folder} is finished.", hint=anew)
    before = read_recipe(folder)
    other_dpo = before != recipe and replace(before, dpo=recipe.dpo) == recipe
    tries_again = other_dpo and record.state == "failed" and record.stages == ("sft",)
    if before != recipe and not (tries_again and recipe.dpo):
        raise RunError(f"The run in {folder} has another recipe.", hint=anew)
    if (data, preferences) != (record.data_digest, record.preferences_digest):
        raise RunError("The data set is another one than when the run began.", hint=anew)
    if base_hash and record.base_hash and base_hash != record.base_hash:
        raise RunError(f"The base {record.base} has changed since the run began.", hint=anew)
    if tries_again:
        shutil.rmtree(folder / CHECKPOINTS / "dpo", ignore_errors=True)
        rewind(folder, "dpo", 0)
        write_text(folder / RECIPE, recipes.dumps(recipe))
    return update(folder, state="running")


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Be the one process that writes this run.

    Raises:
        RunError: Another one is training in it.
    """
    from filelock import FileLock, Timeout

    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file.", hint="Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"Another process is training in {folder}.", hint="Wait for it, or name another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def read(folder: Path) -> Record:
    """The record of a run.

    Raises:
        RunError: There is none, or it cannot be read.
    """
    path = folder / RUN
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = values["schema"]
        if schema > SCHEMA:
            raise RunError(f"{path} was written by a newer version.", hint="Update this program.")
        lists = {key: tuple(values[key]) for key in ("command", "stages")}
        return Record(**{**values, **lists})
    except OSError as error:
        raise RunError(
            f"{folder} is no run: {path.name}: {error.strerror or error}.",
            hint="Name a folder that `agent finetune train` made.",
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{path} is damaged: it is not what a training writes.",
            hint="Put the file back from a copy, or train anew, into another folder: --out RUN",
        ) from error


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a run.

    Raises:
        RecipeError: It is missing or has been changed into what is none.
    """
    return recipes.load(folder / RECIPE)


def write(folder: Path, record: Record) -> None:
    """Store the record, whole or not at all."""
    write_text(folder / RUN, json.dumps(asdict(record), ensure_ascii=False, indent=2) + "\n")


def update(folder: Path, **changes: Any) -> Record:
    """Store the record with some fields changed; returns it."""
    record = replace(read(folder), **changes)
    write(folder, record)
    return record


def write_text(path: Path, text: str) -> None:
    """Put a file in its place in one step."""
    partial = path.with_name(path.name + _PARTIAL)
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def newest_checkpoint(folder: Path, stage: str) -> Path | None:
    """The last whole checkpoint of a stage; what was being written when a run died is removed."""
    found: list[tuple[int, Path]] = []
    for entry in (folder / CHECKPOINTS / stage).glob("checkpoint-*"):
        number = entry.name.partition("-")[2]
        if not number.isdigit():
            continue
        if _is_whole(entry):
            found.append((int(number), entry))
        else:
            shutil.rmtree(entry, ignore_errors=True)
    return max(found)[1] if found else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def add_metric(folder: Path, values: Mapping[str, float | int | str]) -> None:
    """Append a line to `metrics.jsonl`."""
    with (folder / METRICS).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(dict(values), ensure_ascii=False) + "\n")


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; a last one that was cut off is left out."""
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines):
        try:
            found.append(json.loads(line))
        except ValueError:
            if number + 1 < len(lines):
                raise
    return found


def rewind(folder: Path, stage: str, step: int) -> None:
    """Drop from `metrics.jsonl` what a resumed stage will say again: all after `step`."""
    kept = [row for row in metrics(folder) if row["stage"] != stage or row["step"] <= step]
    write_text(
        folder / METRICS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
    )


def put(partial: Path, folder: Path) -> Path:
    """Move a finished folder of weights to its place; what stood there goes."""
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)
    return folder


def hash_folder(folder: Path) -> str:
    """`sha256:` over the names and bytes of a folder's own files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(entry for entry in folder.iterdir() if entry.is_file()):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """What is installed of these, and Python itself."""
    import platform
    from importlib import metadata

    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def now() -> float:
    """Seconds since the epoch."""
    return round(time.time(), 3)
