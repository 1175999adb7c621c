"""The click group that loads one command family at a time, and the options all commands share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import click

from agent.cli.commands import COMMANDS, OPTIONS, help_text
from agent.cli.terminal import Console
from agent.errors import UsageError

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_SYNONYMS = {
    "index": "add",
    "ingest": "add",
    "update": "sync",
    "refresh": "sync",
    "list": "sources",
    "ls": "sources",
    "rm": "remove",
    "delete": "remove",
    "find": "search",
    "query": "ask",
    "history": "sessions",
    "settings": "config",
    "init": "setup",
    "install": "setup",
    "status": "doctor",
    "check": "doctor",
}
"""What people type who come from another program: suggested, never run."""


def _shared_options() -> list[click.Option]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        console = context.obj
        assert isinstance(console, Console)
        if parameter.name == "quiet":
            console.quiet = console.quiet or value
        elif parameter.name == "verbose":
            console.verbose += value
        elif parameter.name == "no_input":
            console.no_input = console.no_input or value
        elif value is not None:
            console.library = value

    texts = dict(OPTIONS)
    kinds: dict[str, dict[str, Any]] = {
        "-q, --quiet": {"is_flag": True},
        "-v, --verbose": {"count": True},
        "--no-input": {"is_flag": True},
        "--library NAME": {},
    }
    options = []
    for flags, text in texts.items():
        names = [part.split()[0] for part in flags.split(", ")]
        options.append(
            click.Option(
                names,
                help=text,
                metavar="NAME" if flags.endswith("NAME") else None,
                expose_value=False,
                callback=keep,
                **kinds[flags],
            )
        )
    return options


class Command(click.Command):
    """A command that takes the shared options too, and lists them apart in its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**_SETTINGS, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.shared = _shared_options()
        self.params += self.shared

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, the shared ones under a heading of their own."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and record[1]:  # newer clicks give arguments an empty record
                (shared if parameter in self.shared else own).append(record)
        for heading, records in (("Options", own), ("Options of every command", shared)):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Group(Command, click.Group):
    """A command with commands of its own (`agent sessions show`)."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Command.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class Root(Group):
    """The program itself: its commands are those of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the one family that the command is in."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one.

        Raises:
            UsageError: There is no such command.
        """
        if args[0] == "help":  # after an option of every command; before one it costs no click
            if not args[1:]:
                click.echo(ctx.get_help())
                ctx.exit()
            args = [*args[1:], "--help"]
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise UsageError(f"No such command: {args[0]}", hint=_nearest(args))
        return super().resolve_command(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete from the table, without loading every family for its help."""
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=text)
            for name, (_, text, _) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def get_help(self, ctx: click.Context) -> str:
        """The same text as `agent --help` without click."""
        return help_text(ctx.info_name or "agent").rstrip("\n")


def _nearest(args: list[str]) -> str:
    from difflib import get_close_matches

    word = args[0]
    if word.lower() in _SYNONYMS:
        return f"Did you mean {_SYNONYMS[word.lower()]}?"
    if near := get_close_matches(word.lower(), COMMANDS, n=1):
        return f"Did you mean {near[0]}?"
    question = " ".join(arg for arg in args if not arg.startswith("-"))
    if " " in question:
        return f'To ask a question: agent ask "{question}"'
    return "agent --help"


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from agent import __version__

        click.echo(f"understudy {__version__}")
        context.exit()


root = Root(
    name="agent",
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        )
    ],
)


def command(**attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """`click.command` for a command of this program.

    The function takes the `Console` first, then its own parameters, and returns an exit code or
    None for success.
    """

    def wrap(function: Callable[..., Any]) -> Command:
        return click.command(cls=Command, **attributes)(click.pass_obj(function))

    return wrap
