"""What a server asks of its user in the middle of a call, through the one way that a user is asked.

Nothing is filled in or opened here. A face that shows no forms answers without any content, and
then the server hears that its question was declined.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.approvals import Request
from agent.mcp_client.shapes import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from agent.approvals import Decide
    from agent.mcp_client import Question

UNSHOWN = "it was declined, for no form can be filled in here"


async def put(question: Question, decide: Decide) -> tuple[Reply, str]:
    """Ask a question.

    Args:
        question: Of a server.
        decide: Asks the user.

    Returns:
        The answer, and what came of the question, for the user.
    """
    if question.url:
        decision = await decide(_visit(question))
        if decision.answer == "once":
            return Reply("accept"), "you said that you visit its page"
        return Reply("decline"), "it was declined"
    decision = await decide(_form(question))
    if decision.answer != "once":
        return Reply("decline"), "it was declined"
    if decision.content is None:
        return Reply("decline"), UNSHOWN
    return Reply("accept", dict(decision.content)), "your answer was sent"


def _visit(question: Question) -> Request:
    return Request(
        kind="url",
        title=f"{question.server} asks you to visit a page, by yourself. Do you?",
        detail=f"{question.url}\n{question.message}",
        reason="Nothing is opened here: look at the address first, then type it in a browser.",
        server=question.server,
        choices=("once", "deny"),
    )


def _form(question: Question) -> Request:
    lines = [question.message, *(_field(name, about) for name, about in _fields(question.schema))]
    again = f" It did not fit: {question.fault}." if question.fault else ""
    return Request(
        kind="form",
        title=f"{question.server} asks you something. Do you answer?",
        detail="\n".join(lines),
        reason=f"What you type is sent to that server; give it no passwords or keys.{again}",
        server=question.server,
        arguments=question.schema,
        choices=("once", "deny"),
    )


def _field(name: str, about: Mapping[str, Any]) -> str:
    told = str(about.get("description") or about.get("title") or about.get("type") or "")
    told = told.rstrip(".") + "." if told else ""
    choice = about.get("enum")
    options = f" One of: {json.dumps(choice, ensure_ascii=False)}." if choice else ""
    default = ""
    if "default" in about:
        default = f" If left out: {json.dumps(about['default'], ensure_ascii=False)}."
    return f"{name}: {told}{options}{default}".rstrip(": ")


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    fields = schema.get("properties")
    if not isinstance(fields, dict):
        return []
    return [(name, about) for name, about in fields.items() if isinstance(about, dict)]
