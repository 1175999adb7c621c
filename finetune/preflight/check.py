"""The room's public face: one look; and where wanted a mended copy, looked at again.

Nothing is trained, and nothing that is given is changed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from finetune.data import DataSet, load
from finetune.data.rows import SPLITS
from finetune.preflight import look, machine, mend, rows, tokens
from finetune.preflight.findings import Finding, Report, Tell, ordered
from finetune.recipe import Recipe
from finetune.training import hub

_MENDABLE = {code for code, one in (rows.FOUND | tokens.FOUND).items() if one.mendable} - {
    "text-cut"  # of the recipe only: a text without its end is of use still
}


def check(
    recipe: Recipe,
    data_folder: Path,
    *,
    preferences: Path | None = None,
    fix: bool = False,
    show: int = 0,
    progress: Tell | None = None,
) -> Report:
    """Tell what would go wrong if this recipe were trained on this set.

    Args:
        recipe: What is to be done.
        data_folder: A set that `finetune.data.prepare` made.
        preferences: A preference set, where the recipe has a stage `dpo`.
        fix: Write a mended copy beside each set, and mend the recipe that is returned; every row
            is tokenized then. What is given stays as it is.
        show: How many training rows to show as the model will see them.
        progress: Told now and then.

    Returns:
        Findings, figures, and rows to look at.

    Raises:
        FinetuneError: A folder is no set, or the copy cannot be written.
    """
    from finetune.training import quiet

    tell = progress or (lambda what, done, total: None)
    quiet.no_telemetry()
    sets = [load(data_folder), *([load(preferences)] if preferences is not None else [])]
    with quiet.quiet():
        before = sum(map(_rows, sets))
        seen = look.look(recipe, sets, show, tell, whole=fix)
        report = _report(seen)
        if not fix or not any(one.mendable for one in report.findings):
            return report
        mended = _mended_recipe(seen)
        if mended != recipe:
            seen = look.look(mended, sets, show, tell, whole=True)
        folders = [_mended_set(part) for part in seen.parts]
        if any(folder != data.folder for folder, data in zip(folders, sets, strict=True)):
            sets = [load(folder) for folder in folders]
            seen = look.look(mended, sets, show, tell, whole=True)
        left_out = before - sum(map(_rows, sets))
        return replace(_compared(report, _report(seen)), left_out=left_out)


def _rows(data: DataSet) -> int:
    return sum(len(getattr(data, split)) for split in SPLITS)


def _mended_recipe(seen: look.Seen) -> Recipe:
    recipe, codes = seen.recipe, {one.code for one in seen.findings}
    if "packing-mixes-rows" in codes:
        recipe = replace(recipe, packing=False)
    if codes & (tokens.CUTS | {"beyond-window"}):
        recipe = _longer(recipe, seen)
    if "end-not-trained" in codes:
        recipe = _other_template(recipe, seen.parts[0])
    return recipe


def _mended_set(part: look.Part) -> Path:
    """The folder of the mended copy; the set's own where no row is to be mended."""
    marks = part.marks | part.found.marks
    if part.data.kind != "classify":
        marks.pop(tokens.CONTROL.code, None)  # the training does it
    if not _MENDABLE & marks.keys():
        return part.data.folder
    control = tokens.control_tokens(part.reader.serving) if part.reader else ()
    return mend.write(part.data, marks, control)


def _longer(recipe: Recipe, seen: look.Seen) -> Recipe:
    """The recipe with room for the longest row, where base and machine have it too."""
    longest = max(part.found.longest for part in seen.parts)
    window = seen.base.window if seen.base else 0
    if window and recipe.max_length > window:
        recipe = replace(recipe, max_length=window)
    wanted = max(recipe.max_length, -(-longest // 64) * 64)
    longer = replace(recipe, max_length=min(wanted, window) if window else wanted)
    folder = hub.folder(recipe.base, recipe.revision)
    return longer if folder is not None and machine.fits(longer, folder, seen.on) else recipe


def _other_template(recipe: Recipe, part: look.Part) -> Recipe:
    """The recipe with a template that trains the end of turn, where one could be made of its own.

    It is taken only where a chat is rendered as before.
    """
    if part.reader is None:
        return recipe
    before = part.reader.training
    chat = [{"role": role, "content": "a probe"} for role in ("user", "assistant") * 2]
    text = mend.template(before.chat_template)
    try:
        shown = before.apply_chat_template(chat, chat_template=text, tokenize=False)
        same = shown == before.apply_chat_template(chat, tokenize=False)
    except Exception:  # a template is a program; what was made of it may be none
        return recipe
    if same and text != before.chat_template:
        copy = mend.copy_of(part.data.folder)
        path = mend.write_new(copy.with_name(f"{copy.name}.jinja"), text)
        return replace(recipe, chat_template=str(path))
    return recipe


def _report(seen: look.Seen) -> Report:
    first = seen.parts[0]
    pairs = seen.parts[1] if len(seen.parts) > 1 else None
    return Report(
        findings=ordered(seen.findings),
        counts={split: len(getattr(first.data, split)) for split in SPLITS},
        tokenized=first.found.tokenized,
        tokens=first.found.tokens,
        trained=first.found.trained,
        longest=first.found.longest,
        estimate=seen.estimate,
        shown=seen.shown,
        recipe=seen.recipe,
        data_folder=first.data.folder,
        preferences=pairs.data.folder if pairs else None,
    )


def _compared(before: Report, after: Report) -> Report:
    """The second report, with what the first one had and it has no more as fixed."""

    def key(one: Finding) -> tuple[str, bool]:
        return one.code, bool(one.where) and one.where[0].file.startswith(look.PAIRS)

    left = {key(one) for one in after.findings}
    gone = [replace(one, fixed=True) for one in before.findings if key(one) not in left]
    return replace(after, findings=ordered([*gone, *after.findings]))
