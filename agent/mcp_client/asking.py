"""What a server asks of its user in the middle of a call (elicitation): passed on, and checked.

How a person is asked is the faces' affair. A server gets an answer that fits the form that it gave,
with that form's defaults where the person left something out, or none at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mcp_types as types
from pydantic import ValidationError

from agent.errors import AgentError
from agent.mcp_client.shapes import Ask, Question

if TYPE_CHECKING:
    from mcp.client.context import ClientRequestContext

    from agent.mcp_client.clocks import Clocks

_TRIES = 3
"""How often a form is shown again whose answers do not fit."""


class Asking:
    """The callback that the SDK wants: a request of the server in, an answer out."""

    def __init__(self, server: str, ask: Ask, clocks: Clocks) -> None:
        """Take who is asked.

        Args:
            server: Who asks.
            ask: Asks the person.
            clocks: Stopped meanwhile.
        """
        self._server = server
        self._ask = ask
        self._clocks = clocks

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        """Ask, and answer. Who cannot be asked, or only by a form that is none, dismisses it."""
        if isinstance(params, types.ElicitRequestURLParams):
            question = Question(self._server, params.message, url=params.url)
        else:
            question = Question(self._server, params.message, params.requested_schema)
        try:
            with self._clocks.stopped():
                return await self._answer(question)
        except (AgentError, ValidationError):
            return types.ElicitResult(action="cancel")

    async def _answer(self, question: Question) -> types.ElicitResult:
        for _ in range(_TRIES):
            reply = await self._ask(question)
            if reply.action != "accept" or question.url:
                return types.ElicitResult(action=reply.action)
            content = _filled(question.schema, reply.content)
            fault = _misfit(question.schema, content)
            if not fault:
                return types.ElicitResult(action="accept", content=content)
            question = replace(question, fault=fault)
        return types.ElicitResult(action="cancel")


def _filled(schema: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Answers, with the form's defaults for what they leave out (SEP-1034)."""
    defaults = {
        name: field["default"]
        for name, field in schema.get("properties", {}).items()
        if isinstance(field, dict) and "default" in field
    }
    return {**defaults, **content}


def _misfit(schema: dict[str, Any], content: dict[str, Any]) -> str:
    """What is wrong with answers by the form; empty if they fit, or if the form is none."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry

    from agent.arguments import plain

    if unknown := content.keys() - schema.get("properties", {}).keys():
        return f"the form has no field {min(unknown)!r}"
    try:
        form = plain(schema)
        Draft202012Validator.check_schema(form)
        # An empty registry: nothing that a form names is fetched.
        checker = Draft202012Validator(
            form, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        error = best_match(checker.iter_errors(content))
    except Exception:  # none, or one that turns in circles: a stranger's affair
        return ""
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else error.message
