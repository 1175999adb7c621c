"""`/api/sources` and `/api/files`: what a library is made of, for those who may change it.

A path is one of the server's own disk, and reading it is a right of the owner alone; others hand in
URLs, which the guard fetches, and files of their own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import Field

from agent.server.admission import Admission
from agent.server.causes import log_cause
from agent.server.errors import Refused
from agent.server.hosting import Hosting
from agent.server.library_names import Opened, opened
from agent.server.operations import Asked, LibraryName, Name, Nothing, Operation, Shape
from agent.server.seen import report_for
from agent.server.source_names import meant, names_of, own_name, shown
from agent.server.uploads import LARGEST, Exchange, Uploads
from agent.server.users import User
from knowledge.filters import is_url
from knowledge.library import Library, Problem, SyncReport
from knowledge.types import SourceInfo


class ListParams(Shape):
    """Which sources are listed."""

    library: LibraryName = ""
    contains: str = Field("", max_length=1000, description="Only with this in name or title.")
    offset: int = Field(0, ge=0, le=2**31 - 1)
    limit: int = Field(100, ge=1, le=1000)


class SourceShape(Shape):
    """A file or a page of a library."""

    source: str
    document_id: str | None
    title: str
    type: str
    state: Literal["indexed", "failed"]
    reason: str = Field(description="Why it failed, or what was lost; otherwise empty.")
    passages: int
    bytes: int
    indexed_at: float = Field(description="Unix time.")


class SourcesAnswer(Shape):
    """Sources, by name."""

    total: int
    sources: list[SourceShape]


class NewSource(Shape):
    """What is to be added, or brought up to date."""

    source: Name = Field(description="A URL; the server's owner may name an absolute path, too.")
    library: LibraryName = ""


class FileParams(Shape):
    """A file that is handed in."""

    name: str = Field(description="The file's name; another of yours by that name is replaced.")
    library: LibraryName = ""


class SourceParams(Shape):
    """A source that is taken out."""

    source: Name = Field(description="As GET /api/sources calls it, or its document_id.")
    library: LibraryName = ""


class ProblemShape(Shape):
    """What is wrong with a source."""

    source: str
    reason: str


class ReportShape(Shape):
    """What was done."""

    added: int
    changed: int
    moved: int
    removed: int
    unchanged: int
    passages: int
    failed: list[ProblemShape]
    warned: list[ProblemShape]
    note: str
    seconds: float


class Removed(Shape):
    """What is gone."""

    removed: list[str]


class Sources:
    """The operations, over what is hosted."""

    def __init__(self, hosting: Hosting, admission: Admission) -> None:
        """Over these; opens nothing."""
        self._hosting = hosting
        self._admission = admission
        self._uploads = Uploads(hosting.parts.paths)

    def operations(self) -> list[Operation[Any, Any]]:
        """What is offered."""
        writing = (404, 422, 503)
        return [
            Operation(
                "GET", "/api/sources", "list_sources", "What the library is made of.",
                self.list, ListParams, Nothing, SourcesAnswer, (404,),
            ),
            Operation(
                "POST", "/api/sources", "add_source",
                "Add a web page (the owner: or a path), or bring it up to date.",
                self.add, Nothing, NewSource, ReportShape, writing,
            ),
            Operation(
                "DELETE", "/api/sources", "remove_source", "Take a source out of the library.",
                self.remove, SourceParams, Nothing, Removed, (*writing, 409),
            ),
            Operation(
                "PUT", "/api/files/{name}", "upload_file",
                "Hand in a file, and add it to the library: the body is its bytes.",
                self.upload, FileParams, Nothing, ReportShape, (*writing, 413),
                most_bytes=LARGEST,
            ),
        ]  # fmt: skip

    async def list(self, asked: Asked[ListParams, Nothing]) -> SourcesAnswer:
        """List the sources of a library."""
        wanted = asked.params
        library = await opened(self._hosting, asked.user, wanted.library)
        words = wanted.contains.casefold()
        found = [
            info
            for info in await library.seen.sources()
            if words in f"{info.source} {info.title}".casefold()
        ]
        page = found[wanted.offset : wanted.offset + wanted.limit]
        return SourcesAnswer(total=len(found), sources=[_source(info) for info in page])

    async def add(self, asked: Asked[Nothing, NewSource]) -> ReportShape:
        """Add a URL, or a path of this machine."""
        source = asked.body.source
        library = (await self._writable(asked.user, asked.body.library)).whole
        if not is_url(source):
            may_add_path(asked.user, source)
        async with self._writing(asked.user, library):
            return await _added(asked.user, library, source)

    async def upload(self, asked: Asked[FileParams, Nothing]) -> ReportShape:
        """Take a file in, and add it: what is refused, or broken off, changes nothing."""
        named = await self._writable(asked.user, asked.params.library)
        library = named.whole
        file = self._uploads.place(asked.user, named.name, asked.params.name)
        received = self._uploads.received(asked.user, file, asked.request.stream())
        async with received as part, self._writing(asked.user, library):
            source = os.path.realpath(file)
            before = await _listed(library, source)
            exchange = Exchange(part, file)
            try:
                report = await _added(asked.user, library, source)
            except BaseException:
                await _decided(library, source, before, exchange)
                exchange.done()
                raise
            exchange.done()
            return report

    async def remove(self, asked: Asked[SourceParams, Nothing]) -> Removed:
        """Take a source out; a file that was handed in is deleted."""
        named = await self._writable(asked.user, asked.params.library)
        library, sources = named.whole, await named.whole.sources()

        def mine(source: str) -> bool:
            try:
                file = self._uploads.place(asked.user, named.name, own_name(source))
            except Refused:
                return False
            return source == os.path.realpath(file)

        def found() -> tuple[str, dict[str, str]]:
            called = {} if asked.user.is_owner else names_of(sources)
            return meant(asked.user, asked.params.source, sources, mine), called

        source, called = await asyncio.to_thread(found)
        async with self._admission.turn(asked.user, str(library.root)):
            removed = await library.remove([source])
        for gone in removed:
            if not is_url(gone):
                self._uploads.forget(gone)
        return Removed(removed=[called.get(gone, shown(asked.user, gone)) for gone in removed])

    async def _writable(self, user: User, called: str) -> Opened:
        """A library that a user may change."""
        library = await opened(self._hosting, user, called)
        may_write(user, library)
        return library

    @asynccontextmanager
    async def _writing(self, user: User, library: Library) -> AsyncIterator[None]:
        """The user's turn to add to a library."""
        turn = self._admission.turn(user, str(library.root))
        async with turn, self._admission.admit(user, heavy=True) as ticket:
            yield
            ticket.ended("added")


async def _added(user: User, library: Library, source: str) -> ReportShape:
    report = report_for(user, await library.add([source]))
    if report.failed and not report.added + report.changed + report.moved + report.unchanged:
        reason = report.failed[0].reason.removesuffix(".")
        raise Refused(
            422, f"Nothing was added: {reason}.", code="unreadable_source",
            param="source",
        )  # fmt: skip
    return report_shape(report)


async def _decided(
    library: Library, source: str, before: SourceInfo | None, exchange: Exchange
) -> None:
    """What becomes of a file whose addition was broken off: it stays, or the one before is back.

    Args:
        library: That it was added to.
        source: Its place.
        before: As the library listed that then.
        exchange: Of the one before.
    """
    try:
        now = await _listed(library, source)
    except Exception as error:  # a library that cannot be read lists what it did
        log_cause(f"{type(error).__name__}: {error}")
        now = before
    except BaseException:
        exchange.undo()
        raise
    if now == before:
        exchange.undo()
    elif exchange.replaces and now is not None and now.state == "failed":
        exchange.undo()
        try:
            await library.add([source])
        except Exception as error:  # the next sync reads it
            log_cause(f"{type(error).__name__}: {error}")
    # Else the library has it, if only to say why it cannot be read: it can be tried again, and
    # taken out.


async def _listed(library: Library, source: str) -> SourceInfo | None:
    return next((info for info in await library.sources() if info.source == source), None)


def may_write(user: User, library: Opened) -> None:
    """See that a user may change a library.

    Raises:
        Refused: They may only read it.
    """
    if not user.may_write(library.name):
        raise Refused(
            403, f"You may read the library '{library.called}', and not change it.",
            code="library_read_only", param="library",
            hint="Name another in `library`: GET /api/libraries says which you may change. The "
            "server's owner can let you change this one.",
        )  # fmt: skip


def may_add_path(user: User, path: str) -> None:
    """See that a user may have this path read.

    Raises:
        Refused: They are not the owner, or it is not absolute.
    """
    if not user.is_owner:
        raise Refused(
            403, "Only the server's owner may have a path of the server read.",
            code="path_not_allowed", param="source",
            hint="Hand the file in: PUT /api/files/NAME, with its bytes as the body.",
        )  # fmt: skip
    if not os.path.isabs(path):
        raise Refused(
            400, "This is neither a URL nor an absolute path.", code="invalid_request",
            param="source",
        )  # fmt: skip


def _source(info: SourceInfo) -> SourceShape:
    return SourceShape(
        source=info.source,
        document_id=info.document_id,
        title=info.title,
        type=info.kind,
        state=info.state,
        reason=info.reason,
        passages=info.chunks,
        bytes=info.size,
        indexed_at=info.indexed_at,
    )


def _problem(problem: Problem) -> ProblemShape:
    return ProblemShape(source=problem.source, reason=problem.reason)


def report_shape(report: SyncReport) -> ReportShape:
    """What was done, as it is answered."""
    return ReportShape(
        added=report.added,
        changed=report.changed,
        moved=report.moved,
        removed=report.removed,
        unchanged=report.unchanged,
        passages=report.chunks,
        failed=[_problem(problem) for problem in report.failed],
        warned=[_problem(problem) for problem in report.warned],
        note=report.note,
        seconds=report.seconds,
    )
