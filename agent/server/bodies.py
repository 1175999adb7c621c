"""What clients of OpenAI's API send, as far as it is understood here, and how it is read.

Fields that are not named are taken and have no effect, as with other servers of this API; the
answer lists those that would have changed it (`Understudy.ignored`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.server.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

_Body = TypeVar("_Body", bound=BaseModel)


class OpenAI(BaseModel):
    """What goes over the wire; the strings under its fields describe them in the document too."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Part(OpenAI):
    """One part of a message: only text is read."""

    type: str
    text: str | None = None


class FunctionCall(OpenAI):
    """The function that was called."""

    name: str
    arguments: str = "{}"
    """JSON, as the model wrote it."""


class SentCall(OpenAI):
    """A tool call of an earlier answer, sent back."""

    id: str
    function: FunctionCall


class ChatMessage(OpenAI):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[SentCall] | None = None
    tool_call_id: str | None = None


class Function(OpenAI):
    """What a tool of the client is called and takes."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """A JSON Schema of an object."""


class ClientTool(OpenAI):
    """A tool of the client."""

    type: Literal["function"] = "function"
    function: Function


class NamedFunction(OpenAI):
    """The function that must be called."""

    name: str


class NamedTool(OpenAI):
    """The tool that must be called."""

    type: Literal["function"] = "function"
    function: NamedFunction


class StreamOptions(OpenAI):
    """What a stream has besides the answer."""

    include_usage: bool = False


class ResponseFormat(OpenAI):
    """The form of the answer: text."""

    type: str = "text"


class Metadata(OpenAI):
    """What goes with a request; other entries are ignored."""

    session: str | None = None
    """A stored session to go on with; the earlier messages are then those of the session."""
    library: str | None = None
    """The library to answer from, by name."""


class ChatRequest(OpenAI):
    """POST /v1/chat/completions."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    model: str
    """`understudy`, or a mode as `understudy/agentic`, each also in a voice: `…@PERSONA`."""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2000)]
    """The last of the user is the question; those before it are what was said before."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: int | None = None
    """Only one answer is given."""
    store: bool | None = None
    """Keep the answer as a session."""
    metadata: Metadata | None = None
    tools: Annotated[list[ClientTool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: ResponseFormat | None = None
    modalities: list[str] | None = None


class EmbeddingsRequest(OpenAI):
    """POST /v1/embeddings."""

    model: str
    """`understudy/embedding`."""
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    """Only the embedder's own length is given."""


async def read(request: Request, kind: type[_Body]) -> _Body:
    """The body of a request.

    Raises:
        Refused: It is not what is asked for; says which field, and never repeats its value. Or it
            does not come: see `receiving.py`.
    """
    body = await request.body()
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or None
        what = first["msg"][:1].lower() + first["msg"][1:]
        message = f"{where or 'The body'}: {what}."
        raise Refused(400, message, code="invalid_request", param=where) from None
