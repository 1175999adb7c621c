"""`agent finetune check`: what would go wrong in a training, with its lines and remedies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, clean, has_colour, line, paint
from agent.cli.text import plural, short_path, size
from agent.plain_text import duration

if TYPE_CHECKING:
    from finetune.preflight import Finding, Piece, Report, Shown
    from finetune.recipe import Recipe

_FOLDER = click.Path(file_okay=False, path_type=Path)
_PLACES = 5
"""Lines of a finding that are printed; `--json` has more."""
_STYLES = {"error": "red", "warning": "yellow", "hint": "bold"}


@command(name="check")
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path))
@click.option("--data", required=True, metavar="FOLDER", type=_FOLDER, help="The set to train on.")
@click.option("--preferences", metavar="FOLDER", type=_FOLDER, help="A preference set, for DPO.")
@click.option("--base", metavar="MODEL", help="The weights, where the recipe names none.")
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Change a key; repeatable."
)
@click.option("--fix", is_flag=True, help="Write mended copies of set and recipe.")
@click.option(
    "--show",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Show N rows as the model will see them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(
    console: Console,
    recipe: Path,
    data: Path,
    preferences: Path | None,
    base: str | None,
    pairs: tuple[str, ...],
    fix: bool,
    show: int,
    as_json: bool,
) -> int:
    """Say what would go wrong if RECIPE, a file or a preset, were trained on the set.

    Nothing is trained, no GPU is needed, and what is given stays as it is. Exits with 1 where
    there are errors.
    """
    from finetune.preflight import check as run

    wanted = _recipe(recipe, base, pairs)
    try:
        report = run(
            wanted,
            data,
            preferences=preferences,
            fix=fix,
            show=show,
            progress=lambda what, done, total: console.transient(f"{what} {done:,}/{total:,}"),
        )
    finally:
        console.clear()
    mended = _write(report.recipe, recipe) if report.recipe != wanted else None
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(report.to_json() | {"mended_recipe": str(mended) if mended else None}))
    else:
        for text in _lines(report, data, preferences, mended):
            click.echo(text, color=has_colour(sys.stdout))
    return exits.FAILED if report.errors else exits.OK


def _recipe(path: Path, base: str | None, pairs: tuple[str, ...]) -> Recipe:
    """The recipe of a file, or else the preset of this name; of a run with what the run holds."""
    from finetune import recipe as recipes
    from finetune.training import pins, runs

    found = recipes.find(path)
    if path.name == runs.RECIPE:
        found = pins.begun(path.parent, found)
    return recipes.adjust(found, base, pairs)


def _write(recipe: Recipe, path: Path) -> Path:
    """Write the mended recipe beside the file, or here for a preset; replaces no file."""
    from finetune.preflight.mend import write_new
    from finetune.recipe import dumps

    out = path.with_name(f"{path.name.removesuffix('.toml')}.mended.toml")
    return write_new(out, dumps(recipe))


def _lines(
    report: Report, data: Path, preferences: Path | None, mended: Path | None
) -> Iterator[str]:
    counts = " · ".join(f"{name} {count:,}" for name, count in report.counts.items())
    yield f"{short_path(str(report.data_folder))}  {counts}"
    yield from _figures(report)
    for one in report.shown:
        yield from _row(one)
    for finding in report.findings:
        yield from _finding(finding)
    for folder, given in ((report.data_folder, data), (report.preferences, preferences)):
        if folder is not None and folder != given:
            yield f"Mended copy: {short_path(str(folder))}"
    if report.left_out:
        yield f"{plural(report.left_out, 'row')} left out; listed in its refused.jsonl"
    if mended is not None:
        yield f"Mended recipe: {short_path(str(mended))}"
    left = len(report.errors)
    yield f"{plural(left, 'error')}." if left else "No errors."


def _figures(report: Report) -> Iterator[str]:
    rows = sum(report.counts.values())
    if report.tokenized:
        part = "all rows" if report.tokenized == rows else f"{report.tokenized:,} of {rows:,} rows"
        yield (
            f"  {report.tokens:,} tokens to train on, {report.trained:,} with loss; the longest "
            f"row has {report.longest:,} ({part} tokenized)"
        )
    if (figures := report.estimate) is not None:
        yield (
            f"  {line(figures.device)}: {size(figures.need)} of {size(figures.memory)} memory · "
            f"{plural(figures.steps, 'step')} in about {duration(figures.seconds)} · "
            f"{size(figures.disk)} of {size(figures.disk_free)} disk"
        )


def _row(shown: Shown) -> Iterator[str]:
    colour = has_colour(sys.stdout)
    key = "green: trained, red: cut off" if colour else "⟦trained⟧, ⟨cut off⟩"
    yield f"{line(str(shown.place))}: {shown.tokens:,} tokens, {shown.trained:,} trained ({key})"
    text = "".join(_piece(piece, colour) for piece in shown.pieces)
    yield "\n".join(f"  | {one}" for one in text.split("\n"))


def _piece(piece: Piece, colour: bool) -> str:
    text = clean(piece.text)
    if not (piece.cut or piece.loss):
        return text
    if not colour:
        return f"⟨{text}⟩" if piece.cut else f"⟦{text}⟧"
    style = "red" if piece.cut else "green"
    # Line by line: what is put before a line must not be painted too.
    return "\n".join(paint(one, style, sys.stdout) for one in text.split("\n"))


def _finding(finding: Finding) -> Iterator[str]:
    places = ", ".join(str(place) for place in finding.where[:_PLACES])
    if finding.where and (more := finding.count - min(len(finding.where), _PLACES)) > 0:
        places += f" and {more:,} more"
    word = paint("fixed", "green", sys.stdout)
    if not finding.fixed:
        word = paint(finding.level, _STYLES[finding.level], sys.stdout)
    where = f"{line(places)}: " if places else ""
    yield f"{word}: {where}{line(finding.message)} ({finding.code})"
    if finding.fix and not finding.fixed:
        yield f"  fix: {line(finding.fix)}"
