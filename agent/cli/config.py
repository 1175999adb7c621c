"""`agent config`: settings, where each comes from, and changing them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.json_text import dump
from agent.cli.terminal import Console, line, paint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.config import Setting, Value
    from agent.paths import Paths


@click.group(name="config", cls=Group, invoke_without_command=True)
@click.pass_context
def config(context: click.Context) -> int:
    """Show and change settings; without a command, show them.

    A setting is taken from the command line, else from the environment (AGENT_MODEL …), else from
    the file, else it is the default. Keys of providers stay in the environment.
    """
    if context.invoked_subcommand is None:
        return _show(as_json=False)
    return exits.OK


@config.command(name="show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(as_json: bool) -> int:
    """Show every setting, its value and where that comes from."""
    return _show(as_json=as_json)


@config.command(name="get")
@click.argument("name")
def get(name: str) -> int:
    """Print the value of one setting; nothing where it is unset."""
    setting = _named(name, _settings())
    click.echo("" if setting.value is None else _shown(setting.value))
    return exits.OK


@command(name="set")
@click.argument("name")
@click.argument("value")
def set_(console: Console, name: str, value: str) -> int:
    """Set one setting in the file."""
    from agent.config import variable
    from agent.config_file import set_value

    stored = set_value(_paths(), name, value)
    console.note(f"{name} = {_shown(stored)}")
    # Without looking at the other settings: one of them may be what is being mended.
    if os.environ.get(variable(name), "").strip():
        console.warn(f"{variable(name)} is set in the environment and overrides the file")
    return exits.OK


@command(name="unset")
@click.argument("name")
def unset(console: Console, name: str) -> int:
    """Take one setting out of the file, so that the default holds."""
    from agent.config_file import unset_value

    if not unset_value(_paths(), name):
        console.note(f"{name} is not set in the file.")
    return exits.OK


@config.command(name="path")
def path() -> int:
    """Print the path of the file, whether or not it exists."""
    click.echo(str(_paths().config_file))
    return exits.OK


config.add_command(set_)
config.add_command(unset)


def _show(*, as_json: bool) -> int:
    settings = list(_settings())
    if as_json:
        data: dict[str, Any] = {
            s.name: {"value": _shown(s.value), "origin": s.origin, "default": s.default}
            for s in settings
        }
        click.echo(dump(data))
        return exits.OK
    import sys

    for setting in settings:
        value = "(unset)" if setting.value is None else line(str(_shown(setting.value))) or '""'
        origin = {"env": setting.variable}.get(setting.origin, setting.origin)
        head = f"{setting.name:<20} = {value:<14} {paint(origin, 'dim', sys.stdout)}"
        click.echo(head.rstrip())
        click.echo(paint(f"    {setting.doc}", "dim", sys.stdout))
    return exits.OK


def _shown(value: Value) -> Value:
    """A value without the name and password that an address may hold."""
    return re.sub(r"(?<=://)[^/@\s]*@", "…@", value) if isinstance(value, str) else value


def _paths() -> Paths:
    from agent.paths import Paths

    return Paths.from_env()


def _settings() -> Iterable[Setting]:
    from agent.config import Config, describe

    return describe(Config.load(_paths()))


def _named(name: str, settings: Iterable[Setting]) -> Setting:
    from agent.config import parse

    for setting in settings:
        if setting.name == name:
            return setting
    parse(name, "", "agent config")  # raises: only an unknown name comes here
    raise AssertionError(name)
