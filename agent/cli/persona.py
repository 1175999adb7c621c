"""`agent persona`: the voices that an answer can be given, and which of them is worn."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.terminal import Console, line, one_line
from agent.errors import ConfigError, UsageError
from agent.whole_file import write_own

if TYPE_CHECKING:
    from agent.card import Card
    from agent.paths import Paths


@click.group(name="persona", cls=Group, invoke_without_command=True)
@click.pass_context
def persona(context: click.Context) -> int:
    """List, show, put on and make personas; without a command, list them.

    A persona says a grounded answer in another voice. What it says is checked against the plain
    answer, sentence by sentence; where a fact would move, the sentence stays plain.
    """
    if context.invoked_subcommand is None:
        return _list(context.obj, as_json=False)
    return exits.OK


@command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(console: Console, as_json: bool) -> int:
    """List the personas; a star marks the one that is worn."""
    return _list(console, as_json=as_json)


@command(name="show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(console: Console, name: str, as_json: bool) -> int:
    """Print a persona's card."""
    from agent.card import render
    from agent.persona.cards import find

    card = find(name, _paths())
    if as_json:
        from dataclasses import asdict

        _print_json(asdict(card))
    else:
        from agent.plain_text import clean

        click.echo(clean(render(card)), nl=False)
    return exits.OK


@command(name="use")
@click.argument("name", metavar="NAME|none")
def use(console: Console, name: str) -> int:
    """Wear a persona for every answer; `none` takes it off."""
    from agent.config import NO_PERSONA, variable
    from agent.config_file import set_value
    from agent.persona.cards import find

    paths = _paths()
    if name != NO_PERSONA:
        card = find(name, paths)
        if name.endswith(".toml"):  # the setting must hold in any folder
            name = str(Path(name).expanduser().absolute())
        console.note(f"{card.name}: {one_line(card.description)}".rstrip(": "))
    set_value(paths, "persona", name)
    if os.environ.get(variable("persona"), "").strip():
        console.warn(f"{variable('persona')} is set in the environment and overrides the file")
    return exits.OK


@command(name="new")
@click.argument("name")
@click.option("--from", "base", metavar="NAME", help="Begin with the card of this persona.")
@click.option(
    "--trained",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Speak with what `agent finetune export` wrote there.",
)
@click.option("--description", metavar="TEXT", help="What it is, in a line.")
@click.option("--rule", "rules", multiple=True, metavar="TEXT", help="How it speaks; repeatable.")
@click.option("--model", metavar="MODEL", help="Who speaks, if not the model that answers.")
@click.option("--adapter", metavar="PATH", help="A trained LoRA adapter, for a local: model.")
@click.option("--scale", type=click.FloatRange(0, 4), help="How strong the adapter is.")
@click.option("--keep", type=click.Choice(("words", "facts")), help="What must stay; see below.")
def new(
    console: Console,
    name: str,
    base: str | None,
    trained: Path | None,
    description: str | None,
    rules: tuple[str, ...],
    model: str | None,
    adapter: str | None,
    scale: float | None,
    keep: str | None,
) -> int:
    """Write a card to be edited, and print its path.

    With --keep words every word that states something stays; with --keep facts common words may
    change, and names, numbers, quotations, citations, denials and comparisons stay.
    """
    from agent.card import Card, CardError, parse, render
    from agent.persona.cards import exported, find, folder, load

    paths = _paths()
    file = folder(paths) / f"{name}.toml"
    if base and trained:
        raise UsageError(
            "--from and --trained exclude each other.",
            hint=f"agent persona new {name} --trained FOLDER",
        )
    if trained:
        start = exported(trained)
    else:
        start = find(base, paths) if base else Card(name, rules=("Speak plainly and kindly.",))
    given: dict[str, Any] = {
        "description": description,
        "rules": rules or None,
        "model": model,
        "adapter": adapter and str(Path(adapter).expanduser().absolute()),
        "scale": scale,
        "keep": keep,
    }
    card = replace(start, name=name, **{k: v for k, v in given.items() if v is not None})
    try:
        text = render(card)
        parse(text, where=name)
    except CardError as error:
        raise UsageError(str(error), hint="agent persona new NAME") from error
    if file.exists():
        raise UsageError(
            f"{file} is there already.", hint=f"Edit it, or show it: agent persona show {name}"
        )
    write_own(file, text)
    load(file)
    click.echo(str(file))
    console.hint(f"agent persona use {name}")
    return exits.OK


for _command in (list_, show, use, new):
    persona.add_command(_command)


def _list(console: Console, *, as_json: bool) -> int:
    from agent.config import Config
    from agent.persona.cards import available, listed, load

    paths = _paths()
    rows = []
    for found, worn in listed(Config.load(paths).persona, paths):
        card: Card | None = None
        try:
            card = load(found.file)
        except ConfigError as error:
            console.warn(f"{error} {error.hint}")
        if card is not None:
            rows.append((found, card, worn))
    if as_json:
        _print_json(
            [
                {
                    "name": found.name,
                    "description": card.description,
                    "model": card.model or None,
                    "keep": card.keep,
                    "built_in": found.built_in,
                    "file": str(found.file),
                    "worn": worn,
                }
                for found, card, worn in rows
            ]
        )
        return exits.OK
    width = max((len(found.name) for found, _, _ in rows), default=0)
    by_name = {found.file for found in available(paths)}
    for found, card, worn in rows:
        mark = "*" if worn else " "
        text = f"{mark} {one_line(found.name):<{width}}  {one_line(card.description)}".rstrip()
        # Only a card in its place goes by its name.
        click.echo(text if found.file in by_name else f"{text} ({line(str(found.file))})")
    return exits.OK


def _print_json(data: Any) -> None:
    from agent.cli.json_text import dump

    click.echo(dump(data))


def _paths() -> Paths:
    from agent.paths import Paths

    return Paths.from_env()
