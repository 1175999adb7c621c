"""Asking the person at the terminal whether something may be done. Nobody there means no."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from agent.approvals import SHOWN, Decision, deny
from agent.cli.form import fill_in
from agent.cli.terminal import clean, is_terminal, line

if TYPE_CHECKING:
    from agent.approvals import Answer, Decide, Request
    from agent.cli.terminal import Console

_LETTERS: dict[str, tuple[Answer, str]] = {
    "y": ("once", "yes, this once"),
    "s": ("session", "yes, for this session"),
    "a": ("always", "always"),
    "n": ("deny", "no"),
    "v": ("never", "never"),
}


def terminal(console: Console) -> Decide:
    """Who asks in this run: the terminal, or nobody where there is none, or with `--no-input`."""
    if console.no_input or not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return deny

    async def ask(request: Request) -> Decision:
        show(console, request)
        offered = {k: v for k, v in _LETTERS.items() if v[0] in request.choices}
        if "once" not in request.choices:  # a yes that holds
            offered = {"y": ("always", "yes, and remember it"), "n": ("deny", "no")}
        elif request.kind in ("form", "url"):
            offered = {"y": ("once", "yes"), "n": ("deny", "no")}
        options = ", ".join(f"{key} = {words}" for key, (_, words) in offered.items())
        while True:
            console.remark(f"{options} [n]")
            typed = (await _line()).strip().lower()
            if not typed:
                return Decision("deny")
            if typed[0] in offered:
                answer = offered[typed[0]][0]
                if request.kind == "form" and answer == "once":
                    return Decision(
                        answer, content=await fill_in(console, request.arguments, _line)
                    )
                return Decision(answer)

    return ask


def show(console: Console, request: Request) -> None:
    """Print what is asked, and what of it is a stranger's words set in."""
    console.remark(f"{request.title} {request.reason}")
    shown = request.detail[:SHOWN]
    for text in clean(shown).splitlines():
        console.remark(f"    {line(text)}")
    if more := len(request.detail) - len(shown):
        console.remark(f"    (and {more} more characters)")


async def _line() -> str:
    """A line that is typed; empty at the input's end. Cancelling leaves no thread behind."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), ready.set)
    except NotImplementedError:  # Windows
        return await asyncio.to_thread(sys.stdin.readline)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
