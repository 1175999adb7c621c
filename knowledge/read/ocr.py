"""Text in pictures, recognised by the `tesseract` program where it is installed (door: PIL).

The program runs beside this one, in one thread and for a limited time. A picture that would
unpack to more pixels than a page has is not shown to it.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from typing import Any

from knowledge.errors import ReadError
from knowledge.read import stopping
from knowledge.read.text import tidy

TIMEOUT = 120.0
"""Seconds for one picture."""
_ASKED = 0.2
"""Seconds between two looks whether to break off."""
MAX_PIXELS = 80_000_000
"""An A3 page at 600 dots an inch has 70 million."""
MAX_PAGES = 1_000
"""Pages of one file that are recognised: at some seconds each, about an hour."""
_SMALLEST = 24
"""Pixels of the shorter side, below which a picture is an ornament."""


def available() -> bool:
    """Whether the program is on the PATH."""
    return shutil.which("tesseract") is not None


def install_hint() -> str:
    """What to type to have it."""
    if sys.platform == "darwin":
        return "brew install tesseract"
    if sys.platform == "win32":
        return "winget install UB-Mannheim.TesseractOCR"
    return "sudo apt install tesseract-ocr"


def needed() -> str:
    """The reason for what is not read without it."""
    return f"needs OCR: install tesseract ({install_hint()}), then run agent sync"


def recognise(picture: bytes) -> list[str]:
    """The text in a picture file (PNG, JPEG, TIFF), a string for each page in it.

    Raises:
        ReadError: There is no such program, it fails or takes too long, or the picture is
            damaged, too large or of too many pages.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size: that is checked here
            image = Image.open(io.BytesIO(picture), formats=("PNG", "JPEG", "TIFF", "MPO"))
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    except Exception:  # PIL fails on damaged files with errors of every type
        raise ReadError("the picture is damaged, too large, or not the kind it is named") from None
    if count > MAX_PAGES:
        raise ReadError(f"it has {count:,} pages, above the limit of {MAX_PAGES:,}")
    texts = []
    with image:
        for number in range(count):
            try:
                image.seek(number)
                _check_size(image)
                # Cameras store a picture as they were held, and a note of it.
                turned = ImageOps.exif_transpose(image)
            except ReadError:
                raise
            except Exception:  # as above
                raise ReadError("the picture is damaged") from None
            texts.append(recognise_image(turned))
    return texts


def recognise_image(image: Any) -> str:
    """The text in an open PIL image; empty for an ornament.

    Raises:
        ReadError: As `recognise`.
    """
    if min(image.size) < _SMALLEST:
        return ""
    _check_size(image)
    out = io.BytesIO()
    try:
        if image.mode not in ("1", "L", "RGB"):
            image = image.convert("RGB")
        image.save(out, "PNG", compress_level=1)
    except Exception:  # as above: the pixels may be decoded only now
        raise ReadError("a picture is damaged") from None
    return _run(out.getvalue())


def _check_size(image: Any) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ReadError(
            f"the picture is too large: {width * height / 1e6:.0f} million pixels"
            f" (at most {MAX_PIXELS / 1e6:.0f})"
        )


def _run(picture: bytes) -> str:
    program = shutil.which("tesseract")
    if program is None:
        raise ReadError(needed())
    with tempfile.TemporaryFile() as given:
        # A file and no pipe: `communicate` cannot go on with what it was giving when it timed out.
        given.write(picture)
        given.seek(0)
        try:
            process = subprocess.Popen(
                [program, "stdin", "stdout"],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
                # A terminal's Ctrl-C is meant for this program, which then ends the other one.
                start_new_session=True,
            )
        except OSError as error:
            raise ReadError(f"tesseract cannot be run: {error.strerror or error}") from None
    with process:
        try:
            out, said = _communicate(process)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise ReadError(f"OCR failed: {lines[-1] if lines else f'exit code {process.returncode}'}")
    # It ends a page with a form feed.
    return tidy(out.decode("utf-8", "replace").replace("\f", "\n")).strip()


def _communicate(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What the program writes on its two streams; asks meanwhile whether to break off."""
    end = time.monotonic() + TIMEOUT
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=min(_ASKED, TIMEOUT))
        stopping.check()
        if time.monotonic() > end:
            raise ReadError(f"OCR took more than {TIMEOUT:.0f} seconds and was stopped")
