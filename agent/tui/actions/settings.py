"""Commands about how it works and looks: mode, model, settings, theme, servers, checks, help."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.config import NO_PERSONA, Setting
from agent.errors import UsageError
from agent.plain_text import one_line, plural
from agent.tui.commands import Command, Completion
from agent.tui.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.mcp_client import ServerState
    from agent.mcp_config import Loaded
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
        if stage.busy:  # what is changed could not hold for the session that is open
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        screen = SettingsScreen(
            lambda: [*talk.host.settings(), *kept_looks(stage.looks)],
            lambda name, text: keep(stage, name, text),
            lambda name: values(stage, name),
        )
        before = talk.host.config
        await stage.show(screen)
        if talk.host.config.mode != before.mode:
            talk.mode = ""
        if not talk.ready:
            await stage.begin()
        elif talk.host.config != before and not stage.busy:
            await talk.again()
        stage.stand()

    async def theme(rest: str) -> None:
        look(stage, "theme", rest)

    async def plain(rest: str) -> None:
        look(stage, "plain", rest or ("off" if stage.looks.plain else "on"))

    async def mcp(rest: str) -> None:
        states = talk.session.servers if talk.ready else ()
        stage.notice(await asyncio.to_thread(servers, talk.host.servers, states))

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
            "plain", "One column, words for signs: for screen readers", plain, "[on|off]",
            lambda typed: starting(typed, ("on", "off")),
        ),
        Command("mcp", "The MCP servers whose tools can be called", mcp),
        Command("help", "All commands and keys", show_help),
        Command("quit", "Leave", leave),
    ]  # fmt: skip
    if talk.host.checks is not None:
        found.insert(-2, Command("doctor", "What works here, and how to mend the rest", doctor))
    return found


def values(stage: Stage, name: str) -> list[str]:
    """The values that a setting may have, where they can be listed."""
    match name:
        case "mode":
            return list(stage.talk.host.modes)
        case "persona":
            return [*(known for known, _ in stage.talk.host.personas()), NO_PERSONA]
        case "theme":
            return sorted(stage.available_themes)
        case "plain":
            return ["on", "off"]
        case _:
            return []


def keep(stage: Stage, name: str, text: str) -> None:
    """Keep a setting, or how the chat looks; empty text is the default.

    Raises:
        AgentError: It cannot have this value.
    """
    if name in ("theme", "plain"):
        look(stage, name, text or _shown(Looks())[name])
    else:
        stage.talk.host.keep(name, text)


def look(stage: Stage, name: str, text: str) -> None:
    """Look otherwise, and keep it.

    Raises:
        UsageError: There is no such look, or it cannot be kept.
    """
    if text not in (known := values(stage, name)):
        raise UsageError(f"/{name} takes one of: {', '.join(known)}")
    looks = stage.looks
    new = replace(looks, theme=text) if name == "theme" else replace(looks, plain=text == "on")
    try:
        stage.look(new)
    except OSError as error:
        raise UsageError(
            f"It looks so until you leave, but cannot be kept: {error.strerror}."
        ) from error


def kept_looks(looks: Looks) -> list[Setting]:
    """How the chat looks, as settings."""
    about = {
        "theme": "Colours of the chat.",
        "plain": "No borders, no animation, one column, words for signs: for screen readers.",
    }
    now, usual = _shown(looks), _shown(Looks())
    return [
        Setting(
            name=name, value=now[name], default=usual[name], doc=doc, expected="text", variable="",
            origin="default" if now[name] == usual[name] else "file",
        )
        for name, doc in about.items()
    ]  # fmt: skip


def _shown(looks: Looks) -> dict[str, str]:
    return {"theme": looks.theme, "plain": "on" if looks.plain else "off"}


async def change(stage: Stage, name: str, value: str, *, keep: bool) -> None:
    """Let a setting have another value, in the session that is open too.

    Raises:
        AgentError: It cannot have it.
    """
    host = stage.talk.host
    await asyncio.to_thread(host.keep if keep else host.use, name, value)
    if stage.talk.ready:
        await stage.talk.again()
    else:
        await stage.begin()
    stage.stand()


def servers(configured: Callable[[], Loaded], states: Sequence[ServerState]) -> str:
    """Each server: whether it is on and runs, what it runs, and what is wrong with it."""
    loaded = configured()
    by_name = {state.name: state for state in states}
    lines = []
    for entry in loaded.entries:
        state = by_name.get(entry.name)
        lines.append(
            f"{_running(entry.enabled, state):<15} {one_line(entry.name)} ({entry.source}): "
            f"{one_line(entry.url or ' '.join([entry.command, *entry.args]))}"
        )
        if state is not None and state.error:
            lines.append(f"{'':<15} {one_line(state.error)} {one_line(state.hint)}".rstrip())
    lines += [f"{problem} {problem.hint}".rstrip() for problem in loaded.problems]
    return "\n".join([*(lines or ["No MCP server is configured."]), "To try them: agent mcp list"])


def _running(enabled: bool, state: ServerState | None) -> str:
    if not enabled:
        return "off"
    if state is None or state.state in ("off", "idle"):
        return "not needed yet"
    if state.state == "ready":
        return f"runs, {plural(len(state.tools), 'tool')}"
    return "FAILED" if state.state == "failed" else "not allowed"
