"""The folder of an export: claimed, large enough, and filled by whole files only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from finetune.export import gguf
from finetune.export.source import ExportError, Source
from finetune.training import runs

RECORD = "export.json"
"""What was written, and how it answered. A folder that has it is ours to write in."""
_WORK = ".partial"
_OURS = (".safetensors", ".json", ".jinja", ".model", ".txt")


def need_room(folder: Path, source: Source, kinds: Sequence[str], forms: Sequence[str]) -> None:
    """See that what will be written has room.

    Raises:
        ExportError: It has not.
    """
    files = sum(gguf.FORMS[form][0].size(source.count) for form in forms)
    needed = files * sum(kind.startswith("gguf") for kind in kinds)
    if "merged" in kinds or ("gguf" in kinds and source.adapter is not None):
        needed += source.size
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ExportError(
            f"{needed / 1e9:,.1f} GB are needed in {folder}, and {free / 1e9:,.1f} GB are free.",
            hint="Name another folder: --out FOLDER; or fewer forms: --kind, --quantize",
        )


@contextmanager
def claimed(out: Path) -> Generator[Path]:
    """Make the folder ours, and give a place in it for what is not whole yet; it goes at the end.

    Raises:
        ExportError: Somebody else's files are in it, or it cannot be written.
    """
    work = out / _WORK
    try:
        if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
            raise ExportError(f"{out} is not empty.", hint="Name another folder: --out FOLDER")
        out.mkdir(parents=True, exist_ok=True)
        if not (out / RECORD).is_file():
            runs.write_text(out / RECORD, "{}\n")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        yield work
    except OSError as error:
        raise ExportError(
            f"{error.filename or out} cannot be written: {error.strerror or error}.",
            hint="Name another folder: --out FOLDER",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def put(partial: Path, path: Path) -> Path:
    """Move a finished file or folder to its place; what stood there goes."""
    if partial.is_dir():
        return runs.put(partial, path)
    os.replace(partial, path)
    return path


def copy(folder: Path, partial: Path) -> Path:
    """Copy weights, settings and tokenizer; what a training left beside them stays there."""
    partial.mkdir()
    for file in folder.iterdir():
        if file.suffix in _OURS:
            shutil.copyfile(file, partial / file.name)
    return partial


def size(path: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files)
