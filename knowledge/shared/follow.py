"""How a cache follows the log for those who ask: at most once a second, and never for long.

What others have committed is taken in by a thread of its own. Who asks waits a few seconds for it,
and is then answered from the cache as it is, with a note that says so. Only where nothing was ever
read from the server is it waited for, since there is nothing to answer from. Who closes the library
waits for it where the server answers: a program that runs for one question would else never end it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import TYPE_CHECKING

from knowledge import snapshot
from knowledge.errors import EmbedderMismatch, KnowledgeError, LibraryBusy, StoreUnreachable
from knowledge.writer import LOCK_WAIT

if TYPE_CHECKING:
    from knowledge.shared.cache import Share
    from knowledge.shared.log import SharedLog
    from knowledge.shelf import Shelf, Shelves

LOOK = 1.0
"""Seconds between two looks at the log, however many questions are asked."""
AGAIN = 10.0
"""Seconds until a server that did not answer is asked again."""
PATIENCE = 4.0
"""Seconds that a question waits for the server, and for what others have added to be taken in."""
WAIT = 2.0
"""Seconds that taking in waits while another process on this machine writes to the cache."""

_SOON = 0.5
"""Seconds that a library being closed waits for it before it says so."""

_SILENT = "Answered from this machine's cache: the server has not answered yet."
_SLOW = "Answered from this machine's cache: what others have added is still being taken in."
_BUSY = (
    "Answered from this machine's cache: others have added to the library, and another process on"
    " this machine, which writes to it, has to take that in."
)
_FINISHING = "Taking in what others have added to the library, before this ends … (Ctrl-C ends it)"


class Follower:
    """Brings one cache up to the log, in a thread."""

    def __init__(
        self, shelves: Shelves, watched: SharedLog, share: Callable[[Shelf], Share]
    ) -> None:
        """For a library's cache.

        Args:
            shelves: The cache.
            watched: The log by connections of its own, which give up after `PATIENCE`: what a sync
                or a reader of commits asks for may take longer.
            share: The hold on an opened cache.
        """
        self.watched = watched
        self.failed: KnowledgeError | OSError | None = None
        """Why the last look failed."""
        self._shelves = shelves
        self._share = share
        self._attaching = threading.Lock()
        self._lock = threading.Lock()
        """Of what is below."""
        self._next_look = 0.0
        self._at_work: Future[None] | None = None
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._answered = False
        """Whether the server has said, this time, if anything is new."""
        self._busy = ""
        """Why the last look took in nothing, though the server answered."""
        self._unforeseen: BaseException | None = None
        """What no one foresaw, until somebody has been told."""
        self._let_go: Callable[[], None] | None = None

    def look(self) -> str:
        """Take in what others have committed; gives why that is not done, if it is not.

        Raises:
            StoreUnreachable: The server does not answer, and nothing was ever read from it.
            LibraryBusy: Nothing was ever read, and another process is at it.
        """
        with self._shelves.use() as at:
            attached = self._share(at).state.version() > 0
            whole = snapshot.is_there(at.catalog, at.snapshots)
        return self._wait(whole) if attached else self._attach()

    def close(self, let_go: Callable[[], None], tell: Callable[[str], None]) -> None:
        """Let go of connections and files, once what is being taken in is.

        Where the server has answered, that is waited for: as long as it answers, each request
        within its own time, or until Ctrl-C. Where it has not, nobody waits.

        Args:
            let_go: Does it.
            tell: Told, in a line, that it is waited for, and what came in its way.
        """
        with self._lock:
            at_work, thread, answered = self._at_work, self._thread, self._answered
            if at_work is not None:
                self._let_go = let_go
        if at_work is None or thread is None:
            self._close(let_go)
        elif answered:
            thread.join(_SOON)
            if thread.is_alive():
                tell(_FINISHING)
                thread.join()
            if self.failed is not None:
                tell(f"What others have added could not be taken in: {self.failed}")
        self._raise_unforeseen()

    def _raise_unforeseen(self) -> None:
        """Raise what no one foresaw, once."""
        with self._lock:
            error, self._unforeseen = self._unforeseen, None
        if error is not None:
            raise error

    def _close(self, let_go: Callable[[], None]) -> None:
        self.watched.close()
        let_go()

    def _wait(self, whole: bool) -> str:
        # What came after everybody had gone.
        self._raise_unforeseen()
        with self._lock:
            now, first = time.monotonic(), False
            due = now >= self._next_look or not (whole or self.failed)
            if self._at_work is None and due:
                self._at_work, self._began, first = Future(), now, True
                self._answered = False
                # No program's end waits for a server that is silent: killed, this does no harm.
                self._thread = threading.Thread(
                    target=self._work, args=(self._at_work,), daemon=True
                )
                self._thread.start()
            at_work, failed = self._at_work, self.failed
            # While a server that did not answer is tried again, the others do not wait for it.
            patience = 0.0 if failed and not first else self._began + PATIENCE - now
        if at_work is not None:
            try:
                at_work.result(max(0.0, patience))
            except NotYet:
                return _SLOW if self._answered else _note(failed) or _SILENT
            self._raise_unforeseen()
        return _note(self.failed) or self._busy

    def _work(self, told: Future[None]) -> None:
        """Look, and take in; keeps what no one foresaw for who waits, or asks next."""
        failed, unforeseen, busy = None, None, ""
        try:
            busy = self._take_in(WAIT)
        except (KnowledgeError, OSError) as error:
            failed = error
        except BaseException as error:
            unforeseen = error
        with self._lock:
            self._looked(failed)
            self._busy, self._unforeseen = busy, unforeseen or self._unforeseen
            self._at_work = None
            let_go = self._let_go
        told.set_result(None)
        if let_go is not None:
            self._close(let_go)

    def _looked(self, failed: KnowledgeError | OSError | None) -> None:
        self.failed = failed
        self._next_look = time.monotonic() + (AGAIN if failed else LOOK)

    def _attach(self) -> str:
        """The first look of all, for which there is no cache to answer from."""
        # Who asks while a server that did not answer is tried again has the same answer, at once.
        failed = self.failed
        if not self._attaching.acquire(timeout=0 if failed else -1) and failed:
            raise failed.with_traceback(None)
        try:
            if time.monotonic() >= self._next_look:
                try:
                    self._take_in(LOCK_WAIT)
                    self._looked(None)
                except LibraryBusy:
                    raise
                except (KnowledgeError, OSError) as error:
                    self._looked(error)
            if (failed := self.failed) is not None:
                raise failed.with_traceback(None)
            return ""
        finally:
            self._attaching.release()

    def _take_in(self, wait: float) -> str:
        """Take in what others have committed; gives why it is left, where another process is at it.

        Raises:
            LibraryBusy: So it is, and there is nothing to answer from.
        """
        from filelock import FileLock, Timeout

        with self._shelves.use() as at, in_our_words():
            share = self._share(at)
            state, version = share.state, share.state.version()
            new = self.watched.moved(version, state.token())
            self._answered = True
            if not new and (not version or snapshot.is_there(at.catalog, at.snapshots)):
                return ""
            lock = FileLock(at.base / "write.lock")
            try:
                # Whoever has it takes in what others commit, too.
                lock.acquire(timeout=wait, cancel_check=lambda: state.version() > version)
            except Timeout:
                if there := state.version():
                    return _BUSY if there == version else ""
                raise LibraryBusy(
                    "Another process on this machine is still reading the shared library for the"
                    " first time, or writing to it.",
                    hint="Wait until it has ended, and ask again.",
                ) from None
            try:
                share.pull()
                share.keep_list()
                share.tidy_here(seldom=True)
            finally:
                lock.release()
        return ""


def _note(failed: KnowledgeError | OSError | None) -> str:
    """Why the last look failed, where there is a cache to answer from all the same."""
    if failed is None:
        return ""
    why = f"Answered from this machine's cache: {str(failed).rstrip('.')}."
    return f"{why} {getattr(failed, 'hint', '')}".rstrip()


@contextmanager
def in_our_words() -> Iterator[None]:
    """The way out of an error that a library of one's own has and a shared one has not."""
    try:
        yield
    except EmbedderMismatch as error:
        error.hint = (
            "Set the embedder back (agent config set embedder NAME): all who share the library"
            " need the same. Or begin another: agent config set chroma_collection NAME"
        )
        raise
    except StoreUnreachable as error:
        error.hint = (
            "Start the server (chroma run), or correct chroma_url. To use this machine's own"
            " library: agent config unset chroma_collection, then agent config unset chroma_url"
        )
        raise
