"""The engine as a sync sees it: a process is started that speaks with Ray, and sends what is ready.

Ray has that process to itself because it changes much in the one that it is used from: it prints,
takes signals, sets variables and loads for seconds. This module does not import it.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.ahead import Portable, Ready
from knowledge.errors import EngineUnavailable, KnowledgeError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from knowledge.ahead import Twins
    from knowledge.embed import Cancelled, Embedder

_PREFIX = "understudy-ray-"
"""What the folder of a driver begins with."""
_LOCK = "lock"
"""The file in it that is locked as long as the process lives that waits for the driver. Its number
would not do: a container that shares the folder counts its processes anew."""
INSTALL = "pip install -c constraints.txt '.[scale]'  (in the project's folder)"
_ANSWER = 5.0
"""Seconds for a cluster's address to take a connection."""
_LOOK = 0.2
"""Seconds between two looks at `cancelled`."""
_LEAVE = 10.0
"""Seconds for the driver to shut down what it has started, before it is killed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the driver is to do."""

    address: str
    """The cluster's; empty for one of this machine's own, as long as the job lasts."""
    files: Sequence[Path]
    twins: frozenset[tuple[str, str]]
    embedder: Embedder | None
    """A portable copy; None where nothing is embedded by the workers."""
    split: bool
    """Whether they split: with the embedder's count, or an estimate where there is none."""
    gpu: bool
    """Whether the embedder computes faster on a GPU."""


class RayEngine:
    """Implements `Engine` on Ray Data."""

    def __init__(self, address: str = "") -> None:
        """Take the cluster; touch nothing yet.

        Args:
            address: `HOST:PORT` of its head, of which this machine must be a node, or `auto`.
                Empty: a cluster on this machine's cores is started, and stopped at the end.
        """
        self._address = address.strip()

    def prepare(
        self,
        files: Sequence[Path],
        twins: Twins,
        embedder: Embedder | None,
        *,
        tell: Callable[[str], None],
        cancelled: Cancelled,
    ) -> Generator[Ready, None, None]:
        """See `Engine.prepare`. An embedder that is not `Portable` is left to the sync."""
        if not files:
            return
        self._check()
        tell("the cluster is starting" if not self._address else f"asking {self._address}")
        able: Portable | None = embedder if isinstance(embedder, Portable) else None
        job = Job(
            self._address,
            files,
            frozenset(twins),
            able.portable() if able else None,
            split=able is not None or embedder is None,
            gpu=able is not None and able.uses_gpu,
        )
        yield from _run(job, tell, cancelled)

    def _check(self) -> None:
        if find_spec("ray") is None or find_spec("pyarrow") is None:
            raise EngineUnavailable("Ray is not installed.", hint=INSTALL)
        if "://" in self._address:
            raise EngineUnavailable(
                f"{self._address} is the address of a Ray client, which Ray Data cannot be used"
                " through.",
                hint="On a node of the cluster: agent sync --engine ray --address auto",
            )
        host, colon, port = self._address.rpartition(":")
        if not self._address or self._address == "auto":
            return
        if not colon or not port.isdecimal():
            raise EngineUnavailable(
                f"'{self._address}' is no address of a Ray cluster.",
                hint="It is HOST:PORT as `ray start --head` prints it, or auto.",
            )
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
        except (OSError, OverflowError) as error:
            raise EngineUnavailable(
                f"No Ray cluster answers at {self._address}: {error}.",
                hint="Start one with `ray start --head`, or leave --address out.",
            ) from error


def _run(
    job: Job, tell: Callable[[str], None], cancelled: Cancelled
) -> Generator[Ready, None, None]:
    """Start the driver, and give what it sends until it says that this was all."""
    # Not the user's own temporary folder: that may be too long a path for the sockets in it.
    place = "/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()
    clear_left(Path(place))
    with (
        tempfile.TemporaryDirectory(
            prefix=_PREFIX, dir=place, ignore_cleanup_errors=True
        ) as folder,
        held(Path(folder)),
    ):
        yield from _drive(job, Path(folder), tell, cancelled)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have a folder known for one that is in use, while this lasts or until the process is gone."""
    if os.name != "posix":
        yield
        return
    import fcntl

    new = folder / f".{_LOCK}"
    with new.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Nobody finds it before it is locked.
        new.rename(folder / _LOCK)
        yield


def clear_left(place: Path) -> None:
    """Delete the folders there that processes of this user left which were killed."""
    if os.name != "posix":  # elsewhere no folder is held
        return
    import fcntl

    for left in place.glob(f"{_PREFIX}*"):
        # One that is locked, or is not yet, is in use.
        with suppress(OSError):
            if left.lstat().st_uid != os.getuid():
                continue
            with (left / _LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)


def _drive(
    job: Job, folder: Path, tell: Callable[[str], None], cancelled: Cancelled
) -> Generator[Ready, None, None]:
    from knowledge.on_ray.driver import LOG, drive

    # A fresh process: what this one has open, threads above all, is none of Ray's business.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    driver = context.Process(target=drive, args=(theirs, job, folder), name="ray driver")
    driver.start()
    theirs.close()
    try:
        while (message := _next(ours, driver, cancelled)) is not None:
            match message:
                case Ready():
                    yield message
                case KnowledgeError():
                    raise message
                case str():
                    tell(message)
                case _:
                    return
        raise EngineUnavailable(
            f"The process that speaks with Ray ended before its time{_last_line(folder / LOG)}",
            hint="Run it again: it goes on from here. Or without Ray: agent sync",
        )
    finally:
        ours.close()
        _end(driver)


def _next(ours: Connection[Any, Any], driver: BaseProcess, cancelled: Cancelled) -> object:
    """The next message; None where there will be none."""
    while True:
        if cancelled():
            raise InterruptedError
        try:
            if ours.poll(_LOOK):
                return ours.recv()
        except (EOFError, ConnectionError):
            return None
        if not driver.is_alive() and not ours.poll():
            return None


def _end(driver: BaseProcess) -> None:
    """See to it that the driver is gone, by itself if it can."""
    driver.terminate()
    driver.join(_LEAVE)
    if driver.is_alive():
        driver.kill()
        driver.join()
    driver.close()


def _last_line(log: Path) -> str:
    if not log.is_file():
        return "."
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line for line in lines if line.strip()]
    return f": {said[-1].strip()}" if said else "."
