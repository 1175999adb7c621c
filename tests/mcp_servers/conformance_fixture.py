"""A server with what the public conformance suite calls, on the stack of our servers.

`python -m tests.mcp_servers.conformance_fixture` serves it on a free port of this machine, as
`agent mcp serve --http` does, and prints the URL. The names and the texts are the suite's
(npm `@modelcontextprotocol/conformance`); nothing of it is offered to anybody else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import warnings
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)

from mcp_servers.serving import PATH, over_http

ABOUT = "What the conformance suite calls."
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SILENCE = base64.b64encode(
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\2\0\0\0\0\0"
).decode()


def build() -> MCPServer[Any]:
    """The server."""
    server: MCPServer[Any] = MCPServer("conformance", version="1", log_level="ERROR")
    _contents(server)
    _conversations(server)
    _rounds(server)
    _resources(server)
    _prompts(server)
    _old_requests(server)
    return server


def _contents(server: MCPServer[Any]) -> None:
    @server.tool(description=ABOUT)
    def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description=ABOUT)
    def test_image_content() -> list[ImageContent]:
        return [_picture()]

    @server.tool(description=ABOUT)
    def test_audio_content() -> list[AudioContent]:
        return [AudioContent(data=SILENCE, mime_type="audio/wav")]

    @server.tool(description=ABOUT)
    def test_embedded_resource() -> list[EmbeddedResource]:
        return [_embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(description=ABOUT)
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        data = '{"test":"data","value":123}'
        return [
            TextContent(text="Multiple content types test:"),
            _picture(),
            _embedded("test://mixed-content-resource", data, "application/json"),
        ]

    @server.tool(description=ABOUT)
    def test_error_handling() -> str:
        raise ToolError("This tool intentionally returns an error for testing")


def _conversations(server: MCPServer[Any]) -> None:
    """Tools that talk to the client while they run."""

    @server.tool(description=ABOUT)
    async def test_tool_with_logging(ctx: Context) -> str:
        for text in ("started", "processing data", "completed"):
            await ctx.info(f"Tool execution {text}")
            await asyncio.sleep(0.05)
        return "done"

    @server.tool(description=ABOUT)
    async def test_logging_tool(ctx: Context) -> str:
        await ctx.info("only where it was asked for")
        return "done"

    @server.tool(description=ABOUT)
    async def test_tool_with_progress(ctx: Context) -> str:
        for part in (0, 50, 100):
            await ctx.report_progress(part, 100, f"Completed step {part} of 100")
            await asyncio.sleep(0.05)
        return "done"

    @server.tool(description=ABOUT)
    async def test_sampling(prompt: str, ctx: Context) -> str:
        said = await ctx.session.create_message(
            [SamplingMessage(role="user", content=TextContent(text=prompt))],
            max_tokens=100,
            related_request_id=ctx.request_id,
        )
        return f"LLM response: {said.content}"

    async def elicited(ctx: Context, message: str, schema: dict[str, Any]) -> str:
        got = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        return f"User response: action={got.action}, content={json.dumps(got.content)}"

    @server.tool(description=ABOUT)
    async def test_elicitation(message: str, ctx: Context) -> str:
        return await elicited(ctx, message, _form("username", "email"))

    @server.tool(description=ABOUT)
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        states = ["active", "inactive", "pending"]
        properties = {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": states, "default": "active"},
            "verified": {"type": "boolean", "default": True},
        }
        return await elicited(ctx, "Who are you?", {"type": "object", "properties": properties})

    @server.tool(description=ABOUT)
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        plain = ["option1", "option2", "option3"]
        titled = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]
        names = ["Option One", "Option Two", "Option Three"]
        properties = {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names},
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        }
        return await elicited(ctx, "Choose.", {"type": "object", "properties": properties})

    @server.tool(description=ABOUT)
    async def test_missing_capability(ctx: Context) -> str:
        has = ctx.client_capabilities
        if has is None or has.sampling is None:
            raise MCPError(
                MISSING_REQUIRED_CLIENT_CAPABILITY,
                "This needs sampling.",
                {"requiredCapabilities": {"sampling": {}}},
            )
        return "done"

    @server.tool(description=ABOUT)
    async def test_trigger_tool_change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        return "done"

    @server.tool(description=ABOUT)
    async def test_trigger_prompt_change(ctx: Context) -> str:
        await ctx.notify_prompts_changed()
        return "done"


def _rounds(server: MCPServer[Any]) -> None:
    """Tools that answer with a question (2026-07-28)."""

    @server.tool(description=ABOUT)
    async def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
        got = (ctx.input_responses or {}).get("user_name")
        if isinstance(got, ElicitResult) and got.content:
            return f"Hello, {got.content['name']}!"
        return InputRequiredResult(input_requests={"user_name": _ask("What is your name?", "name")})

    @server.tool(description=ABOUT)
    async def test_streaming_elicitation(ctx: Context) -> str | InputRequiredResult:
        if ctx.input_responses:
            return "done"
        return InputRequiredResult(input_requests={"more": _ask("More?", "more")})

    @server.tool(description=ABOUT)
    async def test_input_required_result_sampling(ctx: Context) -> str | InputRequiredResult:
        if got := (ctx.input_responses or {}).get("capital_question"):
            return f"The model said: {got}"
        question = _sample("What is the capital of France?")
        return InputRequiredResult(input_requests={"capital_question": question})

    @server.tool(description=ABOUT)
    async def test_input_required_result_list_roots(ctx: Context) -> str | InputRequiredResult:
        if got := (ctx.input_responses or {}).get("client_roots"):
            return f"The roots: {got}"
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})

    @server.tool(description=ABOUT)
    async def test_input_required_result_request_state(ctx: Context) -> str | InputRequiredResult:
        if ctx.input_responses and ctx.request_state == "confirming":
            return "state-ok"
        return _confirm()

    @server.tool(description=ABOUT)
    async def test_input_required_result_tampered_state(ctx: Context) -> str | InputRequiredResult:
        return "done" if ctx.request_state == "confirming" else _confirm()

    @server.tool(description=ABOUT)
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str | InputRequiredResult:
        asked: dict[str, Any] = {
            "user_name": _ask("What is your name?", "name"),
            "greeting": _sample("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        }
        if asked.keys() <= (ctx.input_responses or {}).keys():
            return "done"
        return InputRequiredResult(input_requests=asked, request_state="asked for three")

    @server.tool(description=ABOUT)
    async def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
        got = ctx.input_responses or {}
        if ctx.request_state == "second" and "step2" in got:
            return "done"
        if ctx.request_state == "first" and "step1" in got:
            ask = _ask("Step 2: What is your favorite color?", "color")
            return InputRequiredResult(input_requests={"step2": ask}, request_state="second")
        ask = _ask("Step 1: What is your name?", "name")
        return InputRequiredResult(input_requests={"step1": ask}, request_state="first")

    @server.tool(description=ABOUT)
    async def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
        has, asked = ctx.client_capabilities, dict[str, Any]()
        if has is not None and has.elicitation is not None:
            asked["name"] = _ask("What is your name?", "name")
        if has is not None and has.sampling is not None:
            asked["greeting"] = _sample("Generate a greeting")
        if ctx.input_responses or not asked:
            return "done"
        return InputRequiredResult(input_requests=asked)


def _resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """A picture."""
        return base64.b64decode(PIXEL)

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """A text that changes."""
        return "watched"

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        """Data by id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        values = [v for v in ("test1", "test2", "other") if v.startswith(argument.value)]
        return Completion(values=values, total=len(values), has_more=False)


def _prompts(server: MCPServer[Any]) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
        """A prompt with a resource."""
        text = "Embedded resource content for testing."
        asks = UserMessage("Please process the embedded resource above.")
        return [UserMessage(_embedded(resourceUri, text)), asks]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """A prompt with a picture."""
        return [UserMessage(_picture()), UserMessage("Please analyze the image above.")]

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Context) -> str | InputRequiredResult:
        """A prompt that asks back."""
        if ctx.input_responses:
            return "Use what was said."
        ask = _ask("What context should the prompt use?", "context")
        return InputRequiredResult(input_requests={"user_context": ask})


def _old_requests(server: MCPServer[Any]) -> None:
    """What only clients up to 2025-11-25 send; `MCPServer` has no public way to answer it."""

    async def agree(ctx: Any, params: Any) -> EmptyResult:
        return EmptyResult()

    for method, params in (
        ("logging/setLevel", SetLevelRequestParams),
        ("resources/subscribe", SubscribeRequestParams),
        ("resources/unsubscribe", UnsubscribeRequestParams),
    ):
        server._lowlevel_server.add_request_handler(method, params, agree)


def _picture() -> ImageContent:
    return ImageContent(data=PIXEL, mime_type="image/png")


def _embedded(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


def _form(*names: str, kind: str = "string") -> dict[str, Any]:
    properties = {name: {"type": kind} for name in names}
    return {"type": "object", "properties": properties, "required": list(names)}


def _ask(message: str, name: str, kind: str = "string") -> ElicitRequest:
    form = ElicitRequestFormParams(message=message, requested_schema=_form(name, kind=kind))
    return ElicitRequest(params=form)


def _sample(text: str) -> CreateMessageRequest:
    said = SamplingMessage(role="user", content=TextContent(text=text))
    params = CreateMessageRequestParams(messages=[said], max_tokens=100)
    return CreateMessageRequest(params=params)


def _confirm() -> InputRequiredResult:
    asked = {"confirm": _ask("Please confirm", "ok", "boolean")}
    # The SDK seals it: one that was changed does not come back.
    return InputRequiredResult(input_requests=asked, request_state="confirming")


def main() -> None:
    """Serve, until a signal comes."""
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{bound.getsockname()[1]}{PATH}", flush=True)

    async def nothing() -> None:
        """Nothing is held."""

    asyncio.run(over_http(build(), bound, nothing))


if __name__ == "__main__":
    main()
