"""`agent finetune evaluate`: what a training changed, in figures and in two files.

It gives the room the checker of the persona pass, which it may not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, line
from agent.cli.text import plural, short_path
from agent.plain_text import duration

if TYPE_CHECKING:
    from finetune.evaluation.intervals import Interval
    from finetune.evaluation.results import Evaluation

_FOLDER = click.Path(file_okay=False, path_type=Path)
_MEASURES = {"classifier": "the classifier", "delta": "Cosine Delta"}


@command(name="evaluate")
@click.argument("run", metavar="RUN", type=_FOLDER)
@click.option(
    "--data", type=_FOLDER, metavar="FOLDER", help="Another set than that of the training."
)
@click.option(
    "--plain", type=_FOLDER, metavar="FOLDER", help="A chat set of other rows, for forgetting."
)
@click.option(
    "--answers",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Grounded sentences of your own, one a line, for fact keeping.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    metavar="N",
    help="Held-out questions that both models answer; 64 if nothing is said.",
)
@click.option("--out", type=_FOLDER, metavar="FOLDER", help="For the report; RUN/evaluation else.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON report.")
def evaluate(
    console: Console,
    run: Path,
    data: Path | None,
    plain: Path | None,
    answers: Path | None,
    samples: int | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Measure what the training in the folder RUN changed.

    Perplexity, style, fact keeping and forgetting, before against after, on rows that were not
    trained on; with what to try next where a figure is bad.
    """
    from finetune.evaluation import write
    from finetune.evaluation.evaluate import SAMPLES
    from finetune.evaluation.evaluate import evaluate as measure
    from finetune.training import runs

    runs.read(run)  # what is no run gets no folder
    out = out or run / "evaluation"
    write.prepare(out)
    try:
        found = measure(
            run,
            data,
            plain=plain,
            samples=samples or SAMPLES,
            answers=answers,
            check_facts=_check_facts(),
            progress=lambda what, done, total: console.transient(f"{what} {done:,}/{total:,}"),
        )
    finally:
        console.clear()
    page, data_file = write.write(found, out)
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(found.to_json()))
        return exits.OK
    for text in _lines(found):
        click.echo(line(text))
    if not console.quiet:
        click.echo(f"Report: {short_path(str(page))} · {short_path(str(data_file))}")
    return exits.OK


def _check_facts() -> Callable[[str, str], str]:
    """The check of the persona pass, under the rule that lets a trained voice change words."""
    from agent.card import Card
    from agent.persona.check import Gate

    return Gate(Card("evaluate", keep="facts")).fault


def _lines(found: Evaluation) -> Iterator[str]:
    for name, one in (("Perplexity", found.perplexity), ("Forgetting", found.forgetting)):
        if one is not None:
            yield f"{name:<12}{_change(one.before, one.after)}, on {plural(one.rows, 'row')}"
    if (style := found.style) is not None:
        for name, judged in style.measures.items():
            way = style.way(name)
            moved = "" if way is None else f", {way:.0%} of the way to the voice"
            doubt = "" if name in style.trusted else " (not to be trusted: see the report)"
            change = _change(judged["before"].score, judged["after"].score)
            yield f"Style       {change} by {_MEASURES[name]}{moved}{doubt}"
    if (facts := found.facts) is not None:
        change = _change(facts.before.kept, facts.after.kept, percent=True)
        yield f"Facts kept  {change}, of {plural(facts.sentences, 'sentence')}"
    if (labels := found.labels) is not None:
        yield (
            f"Accuracy    {labels.commonest_accuracy:.1%} (commonest label) → "
            f"{_figure(labels.accuracy, percent=True)}, on {plural(labels.rows, 'row')}"
        )
        yield (
            f"            precision {labels.precision:.3f}, recall {labels.recall:.3f}, "
            f"F1 {labels.f1:.3f} (means over labels)"
        )
    for note in found.notes:
        yield f"Note: {note}"
    for advice in found.advice:
        yield f"Try next: {advice.found}"
        for what in advice.tries:
            yield f"  {what}"
    if not found.advice:
        yield f"No figure is bad. Took {duration(found.seconds)}."


def _change(before: Interval, after: Interval, *, percent: bool = False) -> str:
    return f"{_figure(before, percent=percent)} → {_figure(after, percent=percent)}"


def _figure(found: Interval, *, percent: bool = False) -> str:
    """The value and its 95 % interval."""
    if percent:
        return f"{found.value:.1%} ({found.low:.0%} to {found.high:.0%})"
    return f"{found.value:.4g} ({found.low:.3g} to {found.high:.3g})"
