"""`/api/sync` and `/api/tags`: a library made equal to its sources, and states of it with names.

For those who may change the library. What its sources are, `api_sources.py` changes.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agent.server.admission import Admission
from agent.server.api_sources import ReportShape, may_write, report_shape
from agent.server.errors import Refused
from agent.server.hosting import Hosting
from agent.server.library_names import Opened, opened
from agent.server.operations import Asked, LibraryName, Nothing, Operation, Shape
from agent.server.seen import report_for
from agent.server.users import User
from knowledge.library import BEFORE_ROLLBACK, Tag


class LibraryParams(Shape):
    """Which library."""

    library: LibraryName = ""


class TagParams(LibraryParams):
    """Which tag, and of which library."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class TagShape(Shape):
    """A named state of a library."""

    name: str
    created: float = Field(description="Unix time.")
    sources: int


class TagsAnswer(Shape):
    """Tags, the oldest first."""

    tags: list[TagShape]


class Forgotten(Shape):
    """The tag that is gone."""

    forgotten: str


class Restored(Shape):
    """What the library is now."""

    restored: str
    before: str = Field(description="The tag of what it was just now.")


class Upkeep:
    """The operations, over what is hosted."""

    def __init__(self, hosting: Hosting, admission: Admission) -> None:
        """Over these; opens nothing."""
        self._hosting = hosting
        self._admission = admission

    def operations(self) -> list[Operation[Any, Any]]:
        """What is offered. To restore one stands before its name, which may hold slashes."""
        one, refusals = "/api/tags/{name:path}", (404, 409, 503)
        return [
            Operation(
                "POST", "/api/sync", "sync",
                "Read what has changed in the sources, and forget what is gone.",
                self.sync, LibraryParams, Nothing, ReportShape, (404, 422, 503),
            ),
            Operation(
                "GET", "/api/tags", "list_tags", "The tags of a library, the oldest first.",
                self.tags, LibraryParams, Nothing, TagsAnswer, (404,),
            ),
            Operation(
                "POST", f"{one}/restore", "restore_tag",
                "Answer from the library as it was at a tag, until the next sync.",
                self.restore, TagParams, Nothing, Restored, refusals,
            ),
            Operation(
                "PUT", one, "tag", "Give the library as it is now a name.",
                self.tag, TagParams, Nothing, TagShape, refusals,
            ),
            Operation(
                "DELETE", one, "untag", "Forget a tag, and what only it kept.",
                self.untag, TagParams, Nothing, Forgotten, refusals,
            ),
        ]  # fmt: skip

    async def sync(self, asked: Asked[LibraryParams, Nothing]) -> ReportShape:
        """Make a library equal to its sources."""
        library = await self._writable(asked.user, asked.params.library)
        turn = self._admission.turn(asked.user, str(library.whole.root))
        async with turn, self._admission.admit(asked.user, heavy=True) as ticket:
            report = await library.whole.sync()
            ticket.ended("synced")
        return report_shape(report_for(asked.user, report))

    async def tags(self, asked: Asked[LibraryParams, Nothing]) -> TagsAnswer:
        """List the tags."""
        library = await opened(self._hosting, asked.user, asked.params.library)
        return TagsAnswer(tags=[_tag(tag) for tag in await library.whole.tags()])

    async def tag(self, asked: Asked[TagParams, Nothing]) -> TagShape:
        """Tag a library; an older tag of that name is replaced."""
        name = asked.params.name.strip()
        if not name.isprintable():
            raise Refused(400, "That cannot be a tag's name.", code="invalid_request", param="name")
        library = await self._writable(asked.user, asked.params.library)
        async with self._admission.turn(asked.user, str(library.whole.root)):
            await library.whole.tag(name)
            return _tag(await _known(library, name))

    async def untag(self, asked: Asked[TagParams, Nothing]) -> Forgotten:
        """Forget a tag."""
        name = asked.params.name.strip()
        library = await self._writable(asked.user, asked.params.library)
        async with self._admission.turn(asked.user, str(library.whole.root)):
            await _known(library, name)
            await library.whole.untag(name)
        return Forgotten(forgotten=name)

    async def restore(self, asked: Asked[TagParams, Nothing]) -> Restored:
        """Go back to a tag."""
        name = asked.params.name.strip()
        library = await self._writable(asked.user, asked.params.library)
        async with self._admission.turn(asked.user, str(library.whole.root)):
            await _known(library, name)
            await library.whole.roll_back(name)
        return Restored(restored=name, before=BEFORE_ROLLBACK)

    async def _writable(self, user: User, called: str) -> Opened:
        library = await opened(self._hosting, user, called)
        may_write(user, library)
        return library


async def _known(library: Opened, name: str) -> Tag:
    for tag in await library.whole.tags():
        if tag.name == name:
            return tag
    raise Refused(
        404, f"The library has no tag {name}.", code="tag_not_found", param="name",
        hint="GET /api/tags lists them.",
    )  # fmt: skip


def _tag(tag: Tag) -> TagShape:
    return TagShape(name=tag.name, created=tag.created, sources=tag.sources)
