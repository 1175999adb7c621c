"""`agent finetune export`: a finished run as files for others, each loaded and asked first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, line
from agent.cli.text import short_path, size
from agent.errors import UsageError

if TYPE_CHECKING:
    from finetune.export import Exported

_FOLDER = click.Path(file_okay=False, path_type=Path)


@command(name="export")
@click.argument("run", metavar="RUN", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, metavar="FOLDER", help="Where to write.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="adapter, merged, gguf or gguf-adapter; repeatable.",
)
@click.option(
    "--quantize",
    "forms",
    multiple=True,
    metavar="FORM",
    help="f16, q8_0 or q4_0, of a GGUF file; repeatable.",
)
@click.option("--name", default="", metavar="NAME", help="What the voice is called.")
@click.option("--system", default="", metavar="TEXT", help="What Ollama's model is told first.")
@click.option(
    "--converter",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="llama.cpp's convert_hf_to_gguf.py, for models that are not known here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def export(
    console: Console,
    run: Path,
    out: Path,
    kinds: tuple[str, ...],
    forms: tuple[str, ...],
    name: str,
    system: str,
    converter: Path | None,
    as_json: bool,
) -> int:
    """Write the voice that RUN trained, for this program and for others.

    Each file is loaded and asked before it is given out: it must answer as the trained weights do.
    """
    from finetune.export import KINDS, QUANTIZATIONS, Options
    from finetune.export import export as write

    for given, known in ((kinds, KINDS), (forms, QUANTIZATIONS)):
        if unknown := [one for one in given if one not in known]:
            raise UsageError(f"There is no {unknown[0]}.", hint=f"There are: {', '.join(known)}")
    options = Options(kinds, forms or ("f16",), name, system, converter)
    try:
        done = write(run, out, options, tell=console.transient)
    finally:
        console.clear()
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(_object(done)))
        return exits.OK
    for text in _lines(done):
        click.echo(text)
    for note in done.notes:
        console.remark(line(note))
    return exits.OK


def _lines(done: Exported) -> Iterator[str]:
    for item in done.items:
        path = line(short_path(str(item.path)))
        if item.base is not None:
            path += f" on {line(item.base.name)}"
        yield f"{path}  {size(item.size)}  {item.agreement.words()}"
    if done.modelfile is not None:
        yield line(short_path(str(done.modelfile)))
    yield f"{line(short_path(str(done.card)))}  a persona's card"
    yield ""
    yield from map(line, done.commands)


def _object(done: Exported) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "items": [item.to_json() for item in done.items],
        "card": str(done.card),
        "modelfile": str(done.modelfile) if done.modelfile else None,
        "commands": list(done.commands),
        "notes": list(done.notes),
    }
