"""`agent finetune train`: a recipe and a data set become a voice, with its curve on stderr."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.finetune_curve import Drawing
from agent.cli.group import command
from agent.cli.terminal import Console, line
from agent.errors import UsageError
from agent.plain_text import duration

if TYPE_CHECKING:
    from finetune.recipe import Recipe
    from finetune.training.progress import RunResult

_FOLDER = click.Path(file_okay=False, path_type=Path)
PRESET = "voice"
"""What is trained by where nothing is said."""


@command(name="train")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=_FOLDER, metavar="RUN", help="The run's folder; new, or to go on with.")
@click.option("--recipe", type=click.Path(path_type=Path), metavar="FILE", help="A recipe (TOML).")
@click.option(
    "--preset", metavar="NAME", help="A recipe that comes along; `voice` if none is named."
)
@click.option(
    "--base", metavar="MODEL", help="The weights to start from: a folder, or a hub's name."
)
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Change a key; repeatable."
)
@click.option("--preferences", type=_FOLDER, metavar="FOLDER", help="A preference set, for DPO.")
@click.option("--resume", type=_FOLDER, metavar="RUN", help="Go on with a run that was stopped.")
@click.option("--devices", type=click.IntRange(1), help="Print the command for so many devices.")
@click.option("--machines", type=click.IntRange(1), default=1, help="On each of so many machines.")
@click.option("--show-recipe", is_flag=True, help="Print the whole recipe, and train nothing.")
@click.option("--estimate", is_flag=True, help="Print the memory it needs; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def train(
    console: Console,
    data: Path | None,
    out: Path | None,
    recipe: Path | None,
    preset: str | None,
    base: str | None,
    pairs: tuple[str, ...],
    preferences: Path | None,
    resume: Path | None,
    devices: int | None,
    machines: int,
    show_recipe: bool,
    estimate: bool,
    as_json: bool,
) -> int:
    """Train on the set DATA, into the folder RUN.

    The same command goes on with a run that was stopped or killed.
    """
    if devices is not None or machines > 1:
        return _print_launch(console, devices or 1, machines)
    if resume is not None:
        if data or out or recipe or preset or base or pairs or preferences:
            raise UsageError(
                "A run goes on with the recipe and the data that it began with.",
                hint=f"agent finetune train --resume {resume}",
            )
        wanted, data, out, preferences = _begun(resume)
    else:
        wanted = _recipe(recipe, preset, base, pairs)
    if show_recipe:
        from finetune.recipe import dumps

        click.echo(dumps(wanted), nl=False)
        return exits.OK
    if estimate:
        return _print_estimate(wanted, as_json)
    if data is None or out is None:
        raise UsageError(
            "Name the data set, and the folder to train into.",
            hint="agent finetune train DATA --out RUN --base MODEL",
        )
    return _train(console, wanted, data, out, preferences, as_json)


def _recipe(
    path: Path | None, preset: str | None, base: str | None, pairs: tuple[str, ...]
) -> Recipe:
    from finetune import recipe as recipes

    if path is not None and preset is not None:
        raise UsageError(
            "A recipe file and a preset exclude each other.",
            hint=f'Write in the file: preset = "{preset}"',
        )
    found = recipes.find(path) if path is not None else recipes.preset(preset or PRESET)
    return recipes.adjust(found, base, pairs)


def _begun(folder: Path) -> tuple[Recipe, Path, Path, Path | None]:
    from finetune.training import runs

    record = runs.read(folder)
    pairs = Path(record.preferences) if record.preferences else None
    return runs.read_recipe(folder), Path(record.data), folder, pairs


def _train(
    console: Console, recipe: Recipe, data: Path, out: Path, pairs: Path | None, as_json: bool
) -> int:
    from finetune.training import launch
    from finetune.training.train import train as run

    first = launch.rank() == 0
    drawing = Drawing(console)
    with _stopping(console if first else None) as asked:
        try:
            result = run(
                recipe,
                data,
                out,
                preferences=pairs,
                progress=drawing if first else None,
                command=("agent", *sys.argv[1:]),
                stop=lambda: bool(asked),
            )
        except KeyboardInterrupt:
            _say_how_to_resume(console, out)
            raise
        finally:
            drawing.close()
    if not first:
        return exits.INTERRUPTED if result.interrupted else exits.OK
    drawing.show_curve()
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(_object(result)))
    elif not result.interrupted and not console.quiet:
        click.echo(f"Trained {line(str(result.weights))}: {_figures(result)}.")
    if result.interrupted:
        _say_how_to_resume(console, out)
        return exits.INTERRUPTED
    return exits.OK


@contextmanager
def _stopping(console: Console | None) -> Generator[list[int]]:
    """A list that holds something once Ctrl-C was pressed; a second one ends at once."""
    asked: list[int] = []

    def on_signal(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        if console is not None:
            console.remark("Stopping after this step; Ctrl-C again to stop at once.")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _say_how_to_resume(console: Console, out: Path) -> None:
    import shlex

    from finetune.training import launch, runs

    if launch.rank() != 0:
        return
    if not (out / runs.RUN).exists():
        console.remark("Interrupted before the training began; type the same again.")
        return
    words = ["finetune", "train", "--resume", str(out)]
    several = launch.processes() > 1
    console.remark("Interrupted; what was trained is kept.")
    console.hint(
        shlex.join(
            launch.command(words, devices=launch.devices(), machines=launch.machines())
            if several
            else ["agent", *words]
        )
    )


def _print_launch(console: Console, devices: int, machines: int) -> int:
    """Print what to type for several devices: this command, less the options that asked for it."""
    import shlex

    from finetune.training import launch

    rest: list[str] = []
    typed = iter(sys.argv[1:])
    for word in typed:
        if word in ("--devices", "--machines"):
            next(typed, None)
        elif not word.startswith(("--devices=", "--machines=")):
            rest.append(word)
    words = launch.command(rest, devices=devices, machines=machines)
    click.echo(shlex.join(words))
    if machines > 1:
        console.remark(
            "Type it on each machine, with its own --machine_rank (0, 1, …), and the first one's "
            "address for ADDRESS. The set, the base and the run's folder must be on a disk that "
            "all of them have under the same path."
        )
    return exits.OK


def _print_estimate(recipe: Recipe, as_json: bool) -> int:
    from agent.cli import finetune_estimate

    figures = finetune_estimate.estimate(recipe)
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(figures))
    else:
        for text in finetune_estimate.lines(figures):
            click.echo(line(text))
    return exits.OK


def _figures(result: RunResult) -> str:
    parts = [f"{result.steps:,} steps in {duration(result.seconds)}"]
    if result.train_loss is not None:
        parts.append(f"loss {result.train_loss:.3f}")
    if result.valid_loss is not None:
        parts.append(f"on held-out rows {result.valid_loss:.3f}")
    return ", ".join(parts)


def _object(result: RunResult) -> dict[str, Any]:
    return {
        "run": str(result.folder),
        "weights": str(result.weights) if result.weights else None,
        "steps": result.steps,
        "train_loss": result.train_loss,
        "valid_loss": result.valid_loss,
        "seconds": result.seconds,
        "interrupted": result.interrupted,
    }
