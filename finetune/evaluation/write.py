"""An evaluation on disk: `report.json` and `report.html`, each there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.evaluation import page
from finetune.evaluation.results import Evaluation
from finetune.training import runs

JSON, HTML = "report.json", "report.html"


def prepare(out: Path) -> None:
    """Make the folder, before hours are spent on what could not be written.

    Raises:
        FinetuneError: It cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FinetuneError(
            f"{out} cannot be made: {error.strerror or error}.", hint="Name a folder: --out FOLDER"
        ) from error


def write(found: Evaluation, out: Path) -> tuple[Path, Path]:
    """Write both files into a folder that is there; returns the paths of page and JSON.

    Raises:
        FinetuneError: They cannot be written.
    """
    picture = Path(found.run) / runs.CURVE
    curve = picture.read_bytes() if picture.is_file() else b""
    try:
        # What a model says may hold a lone surrogate, which no file can.
        text = json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n"
        runs.write_text(out / JSON, _writable(text))
        runs.write_text(out / HTML, _writable(page.render(found, curve)))
    except OSError as error:
        raise FinetuneError(
            f"{out}: the report cannot be written: {error.strerror or error}.",
            hint="Name another folder: --out FOLDER",
        ) from error
    return out / HTML, out / JSON


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
