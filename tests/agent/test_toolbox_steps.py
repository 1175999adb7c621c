"""Steps that a tool tells of while it runs, what is cut of its text, and what is imported when."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from agent.events import Event, Status
from agent.messages import ToolRequest
from agent.toolbox import ToolOutput, head
from tests.agent.test_toolbox import Asked, box


class Slow(Asked):
    """Tells of two steps, and goes on when the first has been heard."""

    def __init__(self) -> None:
        super().__init__(None)
        self.heard = asyncio.Event()

    async def call_telling(
        self, arguments: dict[str, Any], told: Callable[[Status], None]
    ) -> ToolOutput:
        told(Status("one", stage="tool"))
        await self.heard.wait()
        told(Status("two", stage="tool"))
        return ToolOutput("Done.")


async def test_the_steps_of_a_call_are_told_while_it_runs() -> None:
    tool = Slow()
    events: list[Event] = []
    async for event in box(tool).call(ToolRequest("1", "do", {"n": 1})):
        events.append(event)
        if event == Status("one", stage="tool"):
            tool.heard.set()
    assert [type(event).__name__ for event in events] == [
        "Status", "ToolCall", "Status", "Status", "ToolResult",
    ]  # fmt: skip


async def test_leaving_a_call_ends_its_tool() -> None:
    ended = asyncio.Event()

    class Waits(Asked):
        async def call_telling(
            self, arguments: dict[str, Any], told: Callable[[Status], None]
        ) -> ToolOutput:
            told(Status("one"))
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ToolOutput("")

    async with aclosing(box(Waits(None)).call(ToolRequest("1", "do", {"n": 1}))) as events:
        async for event in events:
            if event == Status("one"):
                break
    assert ended.is_set()


def test_what_checks_arguments_is_imported_in_a_thread() -> None:
    code = """
import asyncio, builtins, sys, threading
from agent.budget import Budget
from agent.evidence import Ledger
from agent.messages import ToolRequest
from agent.toolbox import Toolbox
assert "jsonschema" not in sys.modules
seen = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "jsonschema":
            seen.append(threading.current_thread() is threading.main_thread())
sys.meta_path.insert(0, Watch())
async def main():
    async for _ in Toolbox((), Budget(), Ledger()).call(ToolRequest("1", "x", {})):
        pass
asyncio.run(main())
assert seen == [False], seen
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        ("~~~\nabc\n~~~\n", 100, "~~~\nabc\n~~~\n"),
        ("head\n~~~~\nab~~~\ncdef\n~~~~\n", 14, "head\n~~~~\nab~~\n~~~~"),
        ("head\n~~~~\n~~~\ncdef\n~~~~\n", 15, "head\n~~~~\n~~~\nc\n~~~~"),
        ("~~~\nab\n~~~\nmore words", 14, "~~~\nab\n~~~\nmor"),
        ("plain words", 5, "plain"),
    ],
)
def test_a_text_that_is_cut_leaves_no_fence_open(text: str, longest: int, shown: str) -> None:
    assert head(text, longest) == shown
