"""The prompts of the knowledge server, as data files beside this one; here is what offers them."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from mcp.server import MCPServer


def offer_prompts(server: MCPServer[Any]) -> None:
    """Add the prompts to a server."""

    @server.prompt(title="Answer from my documents")
    def answer(question: str) -> str:
        """Answer a question from the documents, with sources and places."""
        return _prompt("answer", question=question)

    @server.prompt(title="Summarise a document")
    def summarise(document: str) -> str:
        """Summarise one document, with the places of its main points."""
        return _prompt("summarise", document=document)

    @server.prompt(title="Compare what my documents say")
    def compare(topic: str) -> str:
        """Say what the documents state on a topic, and where they contradict each other."""
        return _prompt("compare", topic=topic)


def _prompt(name: str, **values: str) -> str:
    text = (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8")
    return Template(text).substitute(values).strip()
