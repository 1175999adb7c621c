"""Sources in, one validated set out: the flow from files to a folder, in the order of its steps.

Read and convert, flag personal data, stage on disk; find what repeats; split; join; write. The
memory holds some numbers a row, never the rows.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from finetune.data import pii
from finetune.data.deal import deal
from finetune.data.folder import MANIFEST, REFUSED, REPORT, described, fresh, put, write_rows
from finetune.data.journal import Journal
from finetune.data.json_stream import CUT_OFF
from finetune.data.leaks import exchanges_of
from finetune.data.options import Options, Source
from finetune.data.report import Report
from finetune.data.rows import Example, Kind, Problem, Split
from finetune.data.similar import normal
from finetune.data.sources import File, examples, find, set_kind, sha256
from finetune.data.split import join, joined
from finetune.data.stage import Stage, Staged
from finetune.errors import FinetuneError, SourceError

_TELL_EVERY = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    stage: str
    done: int
    total: int = 0
    """0 where nobody knows."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of it."""

    folder: Path
    kind: Kind
    counts: dict[str, int]
    """Rows by split."""
    told: dict[str, int]
    """Rows by what the report says of them: broken, duplicate, leak, pii, repaired, left out."""
    manifest: dict[str, Any]
    notes: tuple[str, ...]
    """What the user should know of the set as a whole, a sentence each."""


def prepare(
    sources: Sequence[Path | Source],
    out: Path,
    options: Options | None = None,
    *,
    journal: Journal | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Prepared:
    """Make a set.

    Args:
        sources: Files and folders; only read.
        out: The folder to write; an older set in it is replaced when the new one is whole.
        options: How.
        journal: Plain and wrong versions that a model has written.
        progress: Told now and then.

    Raises:
        FinetuneError: A source cannot be read, no row could be used, or `out` may not be
            replaced. Whatever was at `out` is as before.
    """
    options = options or Options()
    tell = progress or (lambda state: None)
    given = [one if isinstance(one, Source) else Source(one) for one in sources]
    _keep_apart(given, out)
    files = find(given, options)
    kind = set_kind(files, options)
    with fresh(out) as folder:
        scratch = folder / "scratch"
        scratch.mkdir()
        with Report(folder / REFUSED) as report:
            stage = Stage(scratch)
            try:
                about = [
                    _stage_file(number, file, kind, options, journal, stage, report, tell)
                    for number, file in enumerate(files)
                ]
                if not any(stage.used):
                    raise _nothing(report)

                def compared(done: int) -> None:
                    tell(Progress("comparing", done, len(stage)))

                dealt, leader = deal(stage, scratch, kind, files, options, report, compared)
                if not dealt["train"]:
                    raise FinetuneError(
                        "Nothing is left to train on: every row is held out, or near one that is.",
                        hint="Give rows to train on that the held-out files do not have.",
                    )
                written = {
                    name: write_rows(
                        folder,
                        name,
                        _rows(rows, leader, stage, kind, options),
                        progress=lambda done: tell(Progress("writing", done)),
                    )
                    for name, rows in dealt.items()
                }
            finally:
                stage.close()
        shutil.rmtree(scratch)
        manifest = _manifest(kind, options, about, written, report)
        put(folder / REPORT, report.to_json())
        put(folder / MANIFEST, manifest)
    counts: dict[str, int] = {name: statistics["rows"] for name, (statistics, _) in written.items()}
    notes = tuple(_notes(kind, counts, manifest, report))
    return Prepared(out, kind, counts, dict(report.counts), manifest, notes)


def _stage_file(
    number: int,
    file: File,
    kind: Kind,
    options: Options,
    journal: Journal | None,
    stage: Stage,
    report: Report,
    tell: Callable[[Progress], None],
) -> dict[str, Any]:
    used = 0
    for example in examples(file, kind, options, journal, report.tell):
        cleared = _cleared(example, file, options, report)
        if cleared is None:
            continue
        used += cleared.used
        group = _hash(f"{number}\0{cleared.group}") if cleared.group else 0
        unit = cleared.unit or "\n".join(cleared.asked)
        stage.add(
            Staged(cleared.row, cleared.asked, cleared.answer, number, cleared.line),
            group=group,
            unit=_hash(normal(unit) or unit),
            split=file.split,
            exchanges=[_hash("\0".join(one)) for one in exchanges_of(cleared.row)],
            binds=cleared.binds,
            used=cleared.used,
        )
        if len(stage) % _TELL_EVERY == 0:
            tell(Progress("reading", len(stage)))
    return {
        "path": str(file.path),
        "sha256": sha256(file.path),
        "bytes": file.path.stat().st_size,
        "format": file.format,
        "rows": used,
    } | ({"split": file.split} if file.split else {})


def _cleared(example: Example, file: File, options: Options, report: Report) -> Example | None:
    """The example after what is to become of personal data; None where it is dropped."""
    found: dict[str, int] = {}
    for text in pii.texts_of(example.row):
        for what, count in pii.kinds(text).items():
            found[what] = found.get(what, 0) + count
    if not found:
        return example
    done = {"flag": "kept as it is", "mask": "masked", "drop": "left out"}[options.pii]
    reason = f"{', '.join(sorted(found))}: {done}"
    if example.used:
        report.tell(Problem(str(file.path), example.line, "pii", reason, {"found": found}))
    if options.pii == "drop":
        return None
    if options.pii == "flag":
        return example
    return replace(
        example,
        row=pii.mask_row(example.row),
        asked=tuple(map(pii.mask, example.asked)),
        answer=pii.mask(example.answer),
    )


def _rows(
    rows: Sequence[int], leader: Sequence[int], stage: Stage, kind: Kind, options: Options
) -> Iterator[dict[str, Any]]:
    if kind != "chat" or options.join == 1:
        for number in rows:
            yield stage[number].row
        return
    singles = []
    for number in rows:
        messages = stage[number].row["messages"]
        if sum(message["role"] != "system" for message in messages) > 2:
            yield stage[number].row
        else:
            system = messages[0]["content"] if messages[0]["role"] == "system" else ""
            singles.append((number, _hash(system), leader[number]))
    for numbers in join(singles, options.join, options.seed + crc32(str(len(rows)).encode())):
        yield {"messages": joined(stage[number].row["messages"] for number in numbers)}


def _manifest(
    kind: Kind,
    options: Options,
    about: Iterable[dict[str, Any]],
    written: dict[Split, tuple[dict[str, Any], dict[str, Any]]],
    report: Report,
) -> dict[str, Any]:
    """No time and no machine in it: the same sources and options give the same manifest."""
    return described(kind, written) | {
        "sources": list(about),
        "options": asdict(options),
        "told": dict(sorted(report.counts.items())),
    }


def _notes(
    kind: Kind, counts: dict[str, int], manifest: dict[str, Any], report: Report
) -> Iterator[str]:
    wanted = {"valid": manifest["options"]["valid"], "test": manifest["options"]["test"]}
    given = {source.get("split") for source in manifest["sources"]}
    for name, share in wanted.items():
        if not counts[name] and (share or name in given):
            yield f"{name}.jsonl is empty: too few rows, or all of one question or exchange."
    if any(CUT_OFF in reason for reason in report.reasons.get("broken", ())):
        yield "A source breaks off: what stands after the broken line was not read."
    if kind == "classify":
        seen = manifest["statistics"]["train"].get("labels", {})
        held = {
            label
            for name in ("valid", "test")
            for label in manifest["statistics"][name].get("labels", {})
        }
        if missing := sorted(held - set(seen)):
            yield f"No row to train on has the label {', '.join(missing[:5])}."
        if len(seen) == 1:
            yield "All rows to train on have one label: there is nothing to tell apart."


def _nothing(report: Report) -> FinetuneError:
    reasons = [
        f"{reason} ({count:,})"
        for what in ("broken", "left out", "pii")
        for reason, count in report.reasons.get(what, {}).items()
    ][:3]
    why = "; ".join(reasons) or "the sources are empty"
    return FinetuneError(
        f"No row could be used: {why}.",
        hint="Force a format with --format, or name columns with --prompt and --answer.",
    )


def _keep_apart(sources: Sequence[Source], out: Path) -> None:
    if not sources:
        raise SourceError("There is no source.", hint="agent finetune data FILE --out FOLDER")
    place = out.resolve()
    for source in sources:
        path = source.path.resolve()
        if path == place or place in path.parents or path in place.parents:
            raise SourceError(
                f"{source.path} and {out} lie one in the other.",
                hint="Name a folder apart from the sources: --out PATH",
            )


def _hash(text: str) -> int:
    """64 bits, never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) or 1
