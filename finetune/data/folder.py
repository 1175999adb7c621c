"""A set on disk: written beside its place and put there whole, read back and checked.

`train.jsonl`, `valid.jsonl`, `test.jsonl` · `manifest.json` · `report.json` · `refused.jsonl`, all
that is told of single rows. `fresh` is the one way to make such a folder.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.rows import SPLITS, Kind, Split
from finetune.data.statistics import Statistics
from finetune.errors import SetError

SCHEMA = 1
"""Of the manifest; a reader refuses a higher one."""
_TELL_EVERY = 500
MANIFEST, REPORT, REFUSED = "manifest.json", "report.json", "refused.jsonl"


@dataclass(frozen=True, slots=True)
class DataSet:
    """A set in memory."""

    folder: Path
    kind: Kind
    train: list[dict[str, Any]]
    valid: list[dict[str, Any]]
    test: list[dict[str, Any]]
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of all rows, by which a run names the set that it was trained on."""
        return str(self.manifest["digest"])


def load(folder: Path) -> DataSet:
    """Read a set, and see that it is what its manifest says.

    Raises:
        SetError: It is no set, one of a later version, or one that has been changed.
    """
    manifest = read_manifest(folder)
    place = _place(folder)
    rows: dict[str, list[dict[str, Any]]] = {}
    for split in SPLITS:
        path = place / f"{split}.jsonl"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SetError(f"{path}: {error.strerror or error}.", hint=_AGAIN) from error
        if hashlib.sha256(data).hexdigest() != manifest["files"].get(path.name, {}).get("sha256"):
            raise SetError(f"{path} has changed since the set was made.", hint=_AGAIN)
        # Not splitlines: a text may hold U+2028, which JSON leaves as it is.
        rows[split] = [json.loads(line) for line in data.split(b"\n") if line]
    return DataSet(folder, manifest["kind"], **rows, manifest=manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone; nothing else is looked at.

    Raises:
        SetError: There is none, or it cannot be understood.
    """
    path = _place(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        schema = manifest["schema"]
        whole = all(manifest[key] for key in ("kind", "digest", "files"))
    except FileNotFoundError:
        raise SetError(f"{folder} is no data set.", hint=_MAKE) from None
    except OSError as error:
        raise SetError(f"{path}: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError):
        raise SetError(f"{path} cannot be understood.", hint=_AGAIN) from None
    if not whole or schema != SCHEMA:
        raise SetError(f"{path} is of another version ({schema}, not {SCHEMA}).", hint=_AGAIN)
    return dict(manifest)


def read_report(folder: Path) -> dict[str, Any]:
    """What is told of a set's rows: by sort the `count`, the `reasons`, the `first` of them.

    Raises:
        SetError: There is no report that could be read.
    """
    path = folder / REPORT
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SetError(f"{path} cannot be read: {error}.", hint=_AGAIN) from error


def write_rows(
    folder: Path,
    split: Split,
    rows: Iterable[dict[str, Any]],
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write one split.

    Args:
        folder: The set's.
        split: Which.
        rows: What is in it, in order.
        progress: Told now and then of the rows written.

    Returns:
        Its statistics, and the digest and size of its file.
    """
    statistics, digest, size = Statistics(), hashlib.sha256(), 0
    with (folder / f"{split}.jsonl").open("wb") as stream:
        for number, row in enumerate(rows, 1):
            line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            stream.write(line)
            digest.update(line)
            size += len(line)
            statistics.add(row)
            if number % _TELL_EVERY == 0:
                progress(number)
    return statistics.to_json(), {"sha256": digest.hexdigest(), "bytes": size}


def described(
    kind: Kind, written: Mapping[Split, tuple[dict[str, Any], dict[str, Any]]]
) -> dict[str, Any]:
    """What a manifest says of the rows: `digest`, `counts`, `statistics` and `files` among it.

    Args:
        kind: What the set trains.
        written: What `write_rows` gave for each split.
    """
    files = {f"{name}.jsonl": file for name, (_, file) in written.items()}
    whole = json.dumps([SCHEMA, kind, [files[name]["sha256"] for name in sorted(files)]])
    return {
        "schema": SCHEMA,
        "kind": kind,
        "digest": hashlib.sha256(whole.encode()).hexdigest(),
        "counts": {name: about["rows"] for name, (about, _) in written.items()},
        "statistics": {name: about for name, (about, _) in written.items()},
        "files": files,
    }


def put(path: Path, data: dict[str, Any]) -> None:
    """Write a manifest or a report."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@contextmanager
def fresh(out: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `out` when the block ends without an error.

    A reader sees the old set or the new one. Two renames are between them: there, and where a
    process was killed there, `load` reads the old one under its other name.

    Raises:
        SetError: Something is at `out` that is no data set, or holds other files; it is left alone.
    """
    out = out.resolve()
    _recover(out)
    if out.exists() and not _may_replace(out):
        raise SetError(
            f"{out} is there and is more or other than a data set, so it is not replaced.",
            hint="Name another folder: --out PATH",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    _clear_left(out)
    new = out.with_name(f".{out.name}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        _sync(new)
        before = _before(out)
        if out.exists():
            os.replace(out, before)
        try:
            os.replace(new, out)
        except OSError:
            _recover(out)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


_MAKE = "agent finetune data SOURCE --out FOLDER"
_AGAIN = "Make it again: agent finetune data SOURCE --out FOLDER"


def _before(out: Path) -> Path:
    return out.with_name(f".{out.name}.before")


def _place(folder: Path) -> Path:
    """Where a set is: its folder, or what stands in for it while it is being replaced."""
    before = _before(folder.resolve())
    return before if before.is_dir() and not folder.exists() else folder


def _recover(out: Path) -> None:
    if (before := _before(out)).is_dir():
        if out.exists():
            shutil.rmtree(before, ignore_errors=True)
        else:
            os.replace(before, out)


def _may_replace(out: Path) -> bool:
    """Whether all of it is a set's: nothing else is ever removed."""
    if not out.is_dir():
        return False
    names = {path.name for path in out.iterdir()}
    ours = {MANIFEST, REPORT, REFUSED, *(f"{split}.jsonl" for split in SPLITS)}
    return not names or (MANIFEST in names and names <= ours)


def _clear_left(out: Path) -> None:
    """Remove what processes that were killed have left beside it."""
    for path in out.parent.glob(f".{glob.escape(out.name)}.*.new"):
        pid = path.name.split(".")[-2]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (ValueError, OverflowError, OSError):  # another's, and running
            continue


def _sync(folder: Path) -> None:
    """Have all of it on the disk, so that a power cut leaves no empty files under new names."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
