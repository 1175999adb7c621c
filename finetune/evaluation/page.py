"""An evaluation as one HTML page that fetches nothing and runs nothing.

All texts, those of models and data sets included, are escaped; a policy in the page forbids
scripts, and everything that would have to be loaded.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from finetune.evaluation.intervals import Interval
from finetune.evaluation.results import Evaluation, Facts, Labels, Perplexity
from finetune.evaluation.style import Style

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_NAMES = {
    "before": "before",
    "after": "after",
    "voice": "the voice’s own text",
    "classifier": "Style classifier",
    "delta": "Cosine Delta",
}
_WIDTH = 240
"""Of a chart, in its own units."""


def render(found: Evaluation, curve: bytes = b"") -> str:
    """The page.

    Args:
        found: The figures.
        curve: A PNG of the losses; empty for none.
    """
    style = (resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    title = f"Evaluation of {escape(found.run)}"
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            f"<h1>{title}</h1>\n",
            *_about(found),
            *_advice(found),
            *_perplexity("Perplexity on held-out rows", found.perplexity),
            *_style(found.style),
            *_facts(found.facts),
            *_perplexity("Forgetting: perplexity on the plain set", found.forgetting),
            *_labels(found.labels),
            *_speech(found),
            *_curve(curve),
            *_samples(found),
            "</body>\n</html>\n",
        )
    )


def _about(found: Evaluation) -> Iterable[str]:
    rows = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found.evaluated))
    yield _table(
        (),
        [
            ("Base", escape(found.base)),
            ("Trained by", escape(f"{found.method}, task {found.task}")),
            ("Set", f"{escape(found.data)} ({rows})"),
            ("Evaluated", f"{when}, in {found.seconds:.0f} s"),
        ],
    )
    for note in found.notes:
        yield f'<p class="soft">{escape(note)}</p>\n'


def _advice(found: Evaluation) -> Iterable[str]:
    yield "<h2>What to try next</h2>\n"
    if not found.advice:
        yield '<p class="good">No figure here is bad.</p>\n'
    for one in found.advice:
        tries = "".join(f"<li><code>{escape(what)}</code></li>" for what in one.tries)
        yield f'<div class="advice"><p>{escape(one.found)}</p><ul>{tries}</ul></div>\n'


def _perplexity(title: str, found: Perplexity | None) -> Iterable[str]:
    if found is None:
        return
    most = max(found.before.high, found.after.high)
    yield f"<h2>{title}</h2>\n"
    yield (
        f'<p class="soft">{found.tokens:,} tokens of the answers in {found.rows:,} rows '
        f"({escape(found.split)}); lower is better. After over before: {_figure(found.ratio)}"
        + (f"; {found.cut:,} rows were cut at max_length" if found.cut else "")
        + ".</p>\n"
    )
    yield _table(
        ("", "perplexity", "n:"),
        [
            (side, _bar(side, value, 0, most), _figure(value))
            for side, value in (("before", found.before), ("after", found.after))
        ],
    )


def _style(found: Style | None) -> Iterable[str]:
    if found is None:
        return
    yield "<h2>Style</h2>\n"
    yield (
        f'<p class="soft">Samples of at least {found.words} words of held-out answers, pooled. '
        "A score above 0 is nearer to the voice than to the base. The share is that of samples "
        "nearer to the voice.</p>\n"
    )
    for name, judged in found.measures.items():
        way = found.way(name)
        trusted = "" if name in found.trusted else " That is too few to trust its figures."
        yield f"<h3>{_NAMES[name]}</h3>\n<p>"
        if way is not None:
            yield f"The answers moved {way:.0%} of the way from the base to the voice. "
        yield (
            f"On text of known origin the measure is right in {found.right(name):.0%} of "
            f"cases.{trusted}</p>\n"
        )
        yield _table(
            ("", "score", "n:", "n:share", "n:samples"),
            [
                (
                    _NAMES[group],
                    _bar(group, one.score, -1, 1),
                    _figure(one.score),
                    _figure(one.share, percent=True),
                    f"{found.samples[group]}",
                )
                for group, one in judged.items()
            ],
        )


def _facts(found: Facts | None) -> Iterable[str]:
    if found is None:
        return
    yield "<h2>Fact keeping</h2>\n"
    yield (
        f'<p class="soft">{found.sentences} grounded sentences, restyled by the model alone, '
        "without the masks and the fallback of the persona pass.</p>\n"
    )
    sides = (("before", found.before), ("after", found.after))
    yield _table(
        ("", "facts kept", "n:", "n:said in other words"),
        [
            (
                side,
                _bar(side, one.kept, 0, 1),
                _figure(one.kept, percent=True),
                f"{one.changed:.0%}",
            )
            for side, one in sides
        ],
    )
    if found.after.faults:
        yield '<h3>Moved, after</h3>\n<div class="wide">'
        yield _table(
            ("plain", "restyled", "it"),
            [tuple(_text(one) for one in fault) for fault in found.after.faults],
            kind="side",
        )
        yield "</div>\n"


def _labels(found: Labels | None) -> Iterable[str]:
    if found is None:
        return
    yield "<h2>Labels</h2>\n"
    yield (
        f'<p class="soft">{found.rows:,} held-out rows ({escape(found.split)}). “Before” is the '
        f"commonest label of the training rows, {escape(repr(found.commonest))}, for every "
        "row.</p>\n"
    )
    base = Interval(*[found.commonest_accuracy] * 3)
    yield _table(
        ("", "accuracy", "n:"),
        [
            ("before", _bar("before", base, 0, 1), f"{found.commonest_accuracy:.1%}"),
            ("after", _bar("after", found.accuracy, 0, 1), _figure(found.accuracy, percent=True)),
        ],
    )
    rows = [
        (
            _text(one.label),
            *(f"{x:.3f}" for x in (one.precision, one.recall, one.f1)),
            f"{one.rows}",
        )
        for one in found.by_label
    ]
    mean = ("mean", *(f"{x:.3f}" for x in (found.precision, found.recall, found.f1)), "")
    yield _table(("label", "n:precision", "n:recall", "n:F1", "n:rows"), [*rows, mean])
    yield '<h3>Confusion: true label by row, given label by column</h3>\n<div class="wide">'
    names = [one.label for one in found.by_label]
    yield _table(
        ("", *(f"n:{escape(name)}" for name in names)),
        [
            (_text(name), *(str(count) for count in counts))
            for name, counts in zip(names, found.confusion, strict=True)
        ],
    )
    yield "</div>\n"


def _speech(found: Evaluation) -> Iterable[str]:
    if not found.speech:
        return
    yield "<h2>Answers to held-out questions</h2>\n"
    yield _table(
        ("", "n:answers", "n:empty", "n:cut off", "n:different"),
        [
            (
                side,
                f"{one.answers}",
                *(f"{x:.0%}" for x in (one.empty, one.unfinished, one.distinct)),
            )
            for side, one in found.speech.items()
        ],
    )


def _curve(png: bytes) -> Iterable[str]:
    if png:
        data = base64.b64encode(png).decode("ascii")
        yield "<h2>Loss</h2>\n"
        yield f'<img alt="The loss by step" src="data:image/png;base64,{data}">\n'


def _samples(found: Evaluation) -> Iterable[str]:
    if not found.samples:
        return
    yield '<h2>Side by side</h2>\n<div class="wide">'
    heads = ("asked", "the set’s own answer", "before", "after")
    rows = [
        tuple(_text(text) for text in (one.asked, one.wanted, one.before, one.after))
        for one in found.samples
    ]
    yield _table(heads, rows, kind="side")
    yield "</div>\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML. A head that begins with `n:` is of a column of numbers."""
    numeric = [head.startswith("n:") for head in heads]

    def cell(tag: str, text: str, at: int) -> str:
        right = ' class="n"' if at < len(numeric) and numeric[at] else ""
        return f"<{tag}{right}>{text}</{tag}>"

    head = "".join(cell("th", text.removeprefix("n:"), at) for at, text in enumerate(heads))
    body = "\n".join(
        "<tr>" + "".join(cell("td", text, at) for at, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    top = f"<tr>{head}</tr>\n" if heads else ""
    return f'<table class="{kind}">\n{top}{body}\n</table>\n'


def _text(text: str) -> str:
    return f'<div class="text">{escape(text)}</div>'


def _figure(found: Interval, *, percent: bool = False) -> str:
    """The value and its 95 % interval."""
    if percent:
        return f"{found.value:.1%} ({found.low:.0%} to {found.high:.0%})"
    return f"{found.value:.4g} ({found.low:.3g} to {found.high:.3g})"


def _bar(name: str, found: Interval, least: float, most: float) -> str:
    """A bar from 0 to the value, and a whisker over the interval."""

    def at(value: float) -> float:
        inside = min(max(value, least), most)
        return round(_WIDTH * (inside - least) / ((most - least) or 1), 1)

    zero, value = sorted((at(0), at(found.value)))
    return (
        f'<svg viewBox="0 0 {_WIDTH} 16" preserveAspectRatio="none" role="img" '
        f'aria-label="{found.value:.4g}"><rect class="{name}" stroke="none" fill-opacity=".55" '
        f'x="{zero}" y="3" width="{round(value - zero, 1)}" height="10"/>'
        f'<line class="{name}" x1="{at(found.low)}" x2="{at(found.high)}" y1="8" y2="8" '
        f'stroke-width="2"/><line class="axis" x1="{at(0)}" x2="{at(0)}" y1="0" y2="16"/></svg>'
    )
