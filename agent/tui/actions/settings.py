"""Commands about how it works and looks: mode, model, settings, theme, servers, checks, help."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.plain_text import one_line
from agent.tui.commands import Command, Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.tui.actions.stage import Stage

_MARKS = {"ok": "ok", "warn": "warning", "fail": "FAILED"}


def commands(stage: Stage) -> list[Command]:
    """Those of this subject."""
    talk = stage.talk

    async def mode(rest: str) -> None:
        if rest not in talk.host.modes:
            raise UsageError(f"/mode takes one of: {', '.join(talk.host.modes)}")
        talk.mode = rest
        stage.stand()

    async def model(rest: str) -> None:
        if stage.busy:
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        if not rest:
            stage.notice(f"The model is {talk.session.model.name}. /model NAME takes another.")
            return
        await change(stage, "model", rest, keep=False)
        stage.tell(f"{rest} answers until you leave. /settings keeps it.")

    async def settings(rest: str) -> None:
        from agent.tui.screens.settings import SettingsScreen

        if talk.in_demo:
            raise UsageError("The demo has settings of its own.", hint="/new leaves it.")
        await stage.show(SettingsScreen(talk.host.settings, talk.host.keep))
        talk.mode = ""
        if talk.ready and not stage.busy:
            await talk.again()
        stage.stand()

    async def theme(rest: str) -> None:
        if rest not in stage.available_themes:
            raise UsageError(f"/theme takes one of: {', '.join(sorted(stage.available_themes))}")
        stage.look(replace(stage.looks, theme=rest))

    async def plain(rest: str) -> None:
        if rest not in ("", "on", "off"):
            raise UsageError("/plain takes on or off.")
        on = not stage.looks.plain if not rest else rest == "on"
        stage.look(replace(stage.looks, plain=on))

    async def mcp(rest: str) -> None:
        stage.notice(await asyncio.to_thread(_servers, stage))

    async def doctor(rest: str) -> None:
        stage.tell("Looking …")
        findings = talk.host.checks or tuple
        lines = [
            f"{_MARKS[found.state]:<8} {found.name}: {one_line(found.detail)}"
            + (f"\n         to mend it: {one_line(found.mend)}" if found.mend else "")
            for found in await asyncio.to_thread(lambda: list(findings()))
        ]
        stage.notice("\n".join(lines))

    async def show_help(rest: str) -> None:
        from agent.tui.screens.help import HelpScreen

        await stage.show(HelpScreen(stage.commands.help()))

    async def leave(rest: str) -> None:
        await stage.leave()

    def choices(names: Sequence[str]) -> list[Completion]:
        return [Completion(name) for name in names]

    def starting(typed: str, names: Sequence[str]) -> list[Completion]:
        return choices([name for name in names if name.startswith(typed)])

    found = [
        Command(
            "mode", "How answers are found", mode, "|".join(talk.host.modes),
            lambda typed: starting(typed, talk.host.modes),
        ),
        Command(
            "model", "Who answers, until you leave", model, "[NAME]",
            lambda typed: starting(typed, sorted({"embedded", talk.host.config.model})),
        ),
        Command("settings", "Change settings, and keep them", settings),
        Command(
            "theme", "Colours, kept for the next time", theme, "NAME",
            lambda typed: starting(typed, sorted(stage.available_themes)),
        ),
        Command(
            "plain", "No borders, no animation, one column: for screen readers", plain, "[on|off]",
            lambda typed: starting(typed, ("on", "off")),
        ),
        Command("mcp", "The MCP servers whose tools can be called", mcp),
        Command("help", "All commands and keys", show_help),
        Command("quit", "Leave", leave),
    ]  # fmt: skip
    if talk.host.checks is not None:
        found.insert(-2, Command("doctor", "What works here, and how to mend the rest", doctor))
    return found


async def change(stage: Stage, name: str, value: str, *, keep: bool) -> None:
    """Let a setting have another value, in the session that is open too.

    Raises:
        AgentError: It cannot have it.
    """
    host = stage.talk.host
    await asyncio.to_thread(host.keep if keep else host.use, name, value)
    await stage.talk.again()
    stage.stand()


def _servers(stage: Stage) -> str:
    loaded = stage.talk.host.servers()
    lines = [
        f"{'on ' if entry.enabled else 'off'} {one_line(entry.name)} ({entry.source}): "
        f"{one_line(entry.url or ' '.join([entry.command, *entry.args]))}"
        for entry in loaded.entries
    ]
    lines += [f"{problem} {problem.hint}".rstrip() for problem in loaded.problems]
    return "\n".join([*(lines or ["No MCP server is configured."]), "To try them: agent mcp list"])
