"""llama.cpp's own converter, run as a program: for the models that our writer does not know.

It is the user's: `convert_hf_to_gguf.py` of a llama.cpp checkout, with its Python packages in this
environment. It makes f16 and q8_0; for q4_0 the program `llama-quantize` must be there, too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from finetune.export.source import ExportError

_NAME = "convert_hf_to_gguf.py"
_QUANTIZE = "llama-quantize"
_SHOWN = 400
"""Characters of a program's last line that an error shows."""


def find(path: Path | None) -> Path | None:
    """The converter that was named, or one on the PATH; None where there is none.

    Raises:
        ExportError: There is no such file.
    """
    if path is None:
        found = shutil.which(_NAME)
        return Path(found) if found else None
    path = path / _NAME if path.is_dir() else path
    if not path.is_file():
        raise ExportError(
            f"There is no {path}.", hint=f"--converter FILE: {_NAME} of a llama.cpp checkout"
        )
    return path


def write(converter: Path, folder: Path, path: Path, form: str) -> None:
    """Convert a folder of weights with its tokenizer.

    Args:
        converter: The program.
        folder: As transformers stores them.
        path: The GGUF file.
        form: `f16`, `q8_0` or `q4_0`.

    Raises:
        ExportError: It does not know the model either, or a program is missing.
    """
    quantize = shutil.which(_QUANTIZE)
    if form == "q4_0" and quantize is None:
        raise ExportError(
            f"{converter.name} makes f16 and q8_0, and there is no {_QUANTIZE} on the PATH.",
            hint=f"--quantize q8_0, or build llama.cpp's {_QUANTIZE}",
        )
    plain = path.with_suffix(".f16.gguf") if form == "q4_0" else path
    kind = "f16" if form == "q4_0" else form
    _run([sys.executable, str(converter), str(folder), "--outfile", str(plain), "--outtype", kind])
    if quantize is not None and plain != path:
        _run([quantize, str(plain), str(path), "Q4_0"])
        plain.unlink()


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason").splitlines()[-1][:_SHOWN]
        raise ExportError(
            f"{Path(words[1]).name if words[0] == sys.executable else _QUANTIZE} failed: {said}",
            hint="Run it by hand to see all that it says.",
        )
