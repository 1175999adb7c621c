"""One look at recipe, sets and base: rows, tokens, template, base, machine, in this order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from finetune.data import DataSet
from finetune.data.leaks import leaks
from finetune.data.rows import SPLITS, Kind
from finetune.errors import FinetuneError
from finetune.preflight import base, instead, machine, pieces, rows, template, tokens
from finetune.preflight.findings import Estimate, Finding, Place, Shown, Tell
from finetune.recipe import Recipe

if TYPE_CHECKING:
    from finetune.training.weights import Device

PAIRS = "preferences/"
"""Before the file names of a preference set, where there are two sets."""
_COMPARED = 200
"""Rows whose prompts are rendered as serving renders them, and compared."""


@dataclass(slots=True)
class Part:
    """One of the sets, and what was found in it."""

    data: DataSet
    prefix: str
    marks: dict[str, list[Place]]
    reader: pieces.Reader | None = None
    found: tokens.Found = field(default_factory=tokens.Found)


@dataclass(slots=True)
class Seen:
    """One look at everything."""

    recipe: Recipe
    on: Device
    parts: list[Part]
    findings: list[Finding] = field(default_factory=list)
    base: base.Base | None = None
    estimate: Estimate | None = None
    shown: tuple[Shown, ...] = ()


def look(recipe: Recipe, sets: list[DataSet], shown: int, tell: Tell, *, whole: bool) -> Seen:
    """Look at everything, and change nothing.

    Args:
        recipe: What is to be done.
        sets: The set, and the preference set where there is one.
        shown: How many training rows to show.
        tell: Told now and then.
        whole: Tokenize every row, rather than a sample of a large set.
    """
    from finetune.training import weights

    seen = Seen(recipe, weights.device(), [])
    wanted: Kind = "classify" if recipe.task == "classify" else "chat"
    for data, prefix in zip(sets, ("", PAIRS), strict=False):
        kind: Kind = "preference" if prefix else wanted
        seen.findings += [_within(one, prefix) for one in rows.as_a_whole(data, kind)]
        seen.parts.append(Part(data, prefix, rows.marks(data, recipe)))
    if len(seen.parts) > 1 and (found := leaks(*sets)):
        places = [Place("train.jsonl", number) for number in found]
        seen.parts[1].marks["preference-leak"] = places
    if (recipe.dpo is None) != (len(sets) == 1):
        seen.findings.append(_stage(recipe))
    tokenizer = _tokenizer(seen)
    for part in seen.parts:
        if tokenizer is not None:
            _tokenize(seen, part, tokenizer, tell, whole=whole)
        seen.findings += _of_rows(part)
    if tokenizer is not None:
        _of_template(seen, tokenizer)
        _of_base(seen, tokenizer)
    first = seen.parts[0]
    if first.reader is not None:
        seen.shown = tuple(_shown(first, first.reader, recipe.max_length, shown))
    if first.data.kind == "chat":
        skip = _shapeless(first, "train")
        good = [row for number, row in enumerate(first.data.train) if number not in skip]
        seen.findings += instead.hints(good)
    seen.findings += base.environment(recipe, cuda=seen.on.kind == "cuda")
    return seen


def _stage(recipe: Recipe) -> Finding:
    missing = recipe.dpo is not None
    return Finding(
        "error",
        "preferences",
        "The recipe has a stage dpo, and there is no preference set."
        if missing
        else "There is a preference set, and the recipe has no stage dpo.",
        (Place("recipe"),),
        fix="--preferences FOLDER" if missing else "--set dpo.beta=0.1",
    )


def _tokenizer(seen: Seen) -> Any | None:
    from finetune.training import hub, weights

    if not seen.recipe.base:
        message, hint = "The recipe names no base.", "--base FOLDER, or a name on the model hub"
    else:
        try:
            hub.check(seen.recipe.base, seen.recipe.revision)
            return weights.tokenizer(seen.recipe)
        except FinetuneError as error:
            message, hint = str(error), error.hint
    seen.findings.append(Finding("error", "no-base", message, (Place("recipe"),), fix=hint))
    return None


def _tokenize(seen: Seen, part: Part, tokenizer: Any, tell: Tell, *, whole: bool) -> None:
    recipe, data = seen.recipe, part.data
    labels = recipe.labels or sorted({str(row.get("label")) for row in data.train})
    try:
        part.reader = pieces.Reader(tokenizer, data.kind, labels)
    except FinetuneError as error:
        place = (Place("chat_template"),)
        found = Finding("error", "template-unmarked", str(error), place, fix=error.hint)
        seen.findings.append(found)
        return
    for split in SPLITS:
        its = getattr(data, split)
        what = f"tokenizing {part.prefix}{split}"
        tokens.look(
            part.reader,
            split,
            its,
            recipe.max_length,
            part.found,
            lambda done, total, what=what: tell(what, done, total),  # type: ignore[misc]
            skip=_shapeless(part, split),
            most=len(its) if whole else tokens.SAMPLE,
        )


def _shapeless(part: Part, split: str) -> frozenset[int]:
    places = part.marks.get("row-shape", ())
    return frozenset(place.line - 1 for place in places if place.file == f"{split}.jsonl")


def _of_rows(part: Part) -> Iterator[Finding]:
    for known, marks in ((rows.FOUND, part.marks), (tokens.FOUND, part.found.marks)):
        for code, finding in known.items():
            if places := marks.get(code):
                if code == tokens.CONTROL.code and part.data.kind != "classify":
                    finding = tokens.CONTROL
                message, fix = finding.message, finding.fix
                if said := part.found.reasons.get(code):
                    message = f"{message} It says: {said}"
                if code in tokens.CUTS:
                    fix = f"--set max_length={part.found.longest} holds the longest row. {fix}"
                found = replace(finding, message=message, fix=fix)
                yield _within(found.at(places), part.prefix)


def _within(finding: Finding, prefix: str) -> Finding:
    return replace(
        finding, where=tuple(Place(prefix + place.file, place.line) for place in finding.where)
    )


def _of_template(seen: Seen, tokenizer: Any) -> None:
    from finetune.training import weights

    first = seen.parts[0]
    if first.reader is None or first.data.kind != "chat":
        return
    try:
        seen.base = base.look(seen.recipe)
    except FinetuneError:  # told by `_of_base`
        ends: Iterable[int] = ()
    else:
        ends = seen.base.ends
    found = list(template.check(first.reader, ends))
    if any(one.code == "all-masked" for one in found):
        seen.findings = [one for one in seen.findings if one.code != "no-loss"]
    seen.findings += found
    skip = _shapeless(first, "train")
    compared = [
        (Place("train.jsonl", number + 1), row)
        for number, row in enumerate(first.data.train[:_COMPARED])
        if number not in skip
    ]
    unlike, late, words = template.differences(first.reader, compared)
    if unlike:
        seen.findings.append(
            Finding(
                "warning",
                "served-otherwise",
                f"The prompt is trained as other tokens than it is served as: {words} (trained "
                f"against served; {len(compared):,} rows compared).",
                fix="Take a template that renders both alike: a copy with the difference taken "
                "out, named by: --set chat_template=FILE.",
            ).at(unlike)
        )
    if late and not any(one.code == "all-masked" for one in found):
        seen.findings.append(
            Finding(
                "warning",
                "answer-start-untrained",
                "The first token of an answer carries no loss: what the model says first is left "
                "as it was.",
                fix="Begin the generation marker right before the answer: {% generation %}",
            ).at(late)
        )
    if seen.recipe.chat_template:
        own = weights.tokenizer(replace(seen.recipe, chat_template=""))
        seen.findings += template.against_own(tokenizer, own)


def _of_base(seen: Seen, tokenizer: Any) -> None:
    from finetune.training import hub

    first, recipe = seen.parts[0], seen.recipe
    try:
        seen.base = seen.base or base.look(recipe)
    except FinetuneError as error:
        place = (Place("recipe"),)
        seen.findings.append(Finding("error", "no-base", str(error), place, fix=error.hint))
        return
    longest = max(part.found.longest for part in seen.parts)
    seen.findings += base.check(recipe, seen.base, tokenizer, longest)
    folder = hub.folder(recipe.base, recipe.revision)
    count = len(first.data.train)
    if folder is not None and count:
        seen.estimate = machine.estimate(
            recipe, folder, first.data.folder, count, first.found.tokens, seen.on
        )
    if seen.estimate is not None:
        seen.findings += machine.check(recipe, seen.estimate)


def _shown(part: Part, reader: pieces.Reader, max_length: int, count: int) -> Iterator[Shown]:
    skip = _shapeless(part, "train")
    for number, row in enumerate(part.data.train):
        if count == 0:
            return
        if number in skip:
            continue
        try:
            encodings = reader.read(row)
        except Exception:  # told as `template-refuses`
            continue
        count -= 1
        for one in encodings:
            place = Place(f"{part.prefix}train.jsonl", number + 1)
            yield pieces.show(reader.training, one, place, max_length)
