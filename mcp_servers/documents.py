"""The library's documents as MCP resources: a list in pages, a template, and completions.

A document goes by its file's name, or by its whole path where several have that name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    Resource,
    ResourceTemplateReference,
)

from agent.errors import AgentError
from knowledge.errors import KnowledgeError
from mcp_servers.results import in_words

if TYPE_CHECKING:
    from knowledge.library import Library
    from knowledge.types import SourceInfo

TEMPLATE = "understudy://documents/{document}"
_PAGE = 100
"""Documents listed at once, and values completed; the protocol allows no more of these."""
_LONGEST = 100_000
"""Characters of a document that are given at once."""

Open = Callable[[], "Awaitable[Library]"]


def offer_documents(server: MCPServer[Any], library: Open) -> None:
    """Add resources and completions to a server.

    Args:
        server: To which they are added.
        library: Opens the library in use.
    """

    # Looked up among the library's names, and never opened as a path.
    @server.resource(
        TEMPLATE,
        name="document",
        title="A document of the library",
        description="The text of a document, by name.",
        security=ResourceSecurity(exempt_params={"document"}),
    )
    async def document(document: str) -> str:
        from agent.evidence import Ledger
        from agent.known_sources import KnownSources
        from agent.toolbox import BadCall

        try:
            held = await library()
            info = await KnownSources(held, Ledger(), None).one(document)
            text = (await held.document(info.document_id or "")).text
        except BadCall as error:
            raise ResourceNotFoundError(str(error)) from error
        except (AgentError, KnowledgeError) as error:
            raise ResourceError(in_words(str(error), error.hint)) from error
        if len(text) <= _LONGEST:
            return text
        rest = f"read_source reads on: place 'from {_LONGEST}'"
        return f"{text[:_LONGEST]}\n\n({_LONGEST:,} of {len(text):,} characters; {rest})"

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        if argument.name != "document":
            return None
        typed = argument.value.casefold()
        documents = await _named(library)
        found = [n for n, info in documents if typed in f"{n} {info.title}".casefold()]
        # What begins so, first.
        found.sort(key=lambda name: not name.casefold().startswith(typed))
        return Completion(values=found[:_PAGE], total=len(found), has_more=len(found) > _PAGE)

    async def list_in_pages(
        ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        if ctx.method != "resources/list":
            return await call_next(ctx)
        # It checks the call, and gives the frame of the answer; there are no other resources.
        answer = await call_next(ctx)
        assert isinstance(answer, dict)
        cursor = (ctx.params or {}).get("cursor") or "0"
        documents = await _named(library)
        if not cursor.isdecimal() or len(cursor) > 12 or int(cursor) > len(documents):
            raise MCPError(INVALID_PARAMS, "There is no such page: begin without a cursor.")
        start = int(cursor)
        page = [_resource(name, info) for name, info in documents[start : start + _PAGE]]
        answer = answer | {
            "resources": [r.model_dump(by_alias=True, mode="json", exclude_none=True) for r in page]
        }
        if start + _PAGE < len(documents):
            answer["nextCursor"] = str(start + _PAGE)
        return answer

    server.middleware.append(list_in_pages)


async def _named(library: Open) -> list[tuple[str, SourceInfo]]:
    """Every document that can be read, with the name it goes by."""
    from agent.evidence import Ledger
    from agent.known_sources import KnownSources

    try:
        known = KnownSources(await library(), Ledger(), None)
        names = await known.names()
        return [(names[info.source], info) for info in await known.allowed()]
    except (AgentError, KnowledgeError) as error:
        raise MCPError(INTERNAL_ERROR, in_words(str(error), error.hint)) from error


def _resource(name: str, info: SourceInfo) -> Resource:
    return Resource(
        uri=TEMPLATE.replace("{document}", quote(name, safe="")),
        name=name,
        title=info.title or name,
        description=info.source,
        mime_type="text/plain",
    )
