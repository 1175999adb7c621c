"""`agent completion`: the script that teaches a shell this command line."""

from __future__ import annotations

import click

from agent.cli.group import command, root
from agent.cli.terminal import Console

_INSTALL = {
    "bash": 'put into ~/.bashrc:  eval "$({program} completion bash)"',
    "zsh": 'put into ~/.zshrc:  eval "$({program} completion zsh)"',
    "fish": "run once:  {program} completion fish > ~/.config/fish/completions/{program}.fish",
}


@command(name="completion")
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(context: click.Context, console: Console, shell: str) -> None:
    """Print the script that completes commands and options in SHELL."""
    from click.shell_completion import ShellComplete, get_completion_class

    program = context.find_root().info_name or "agent"
    kind = get_completion_class(shell)
    assert kind is not None  # click knows all that the choice offers
    # The base class's `source`: bash's own starts a bash to read its version, which may be
    # another than the one that will read the script.
    script = ShellComplete.source(kind(root, {}, program, f"_{program.upper()}_COMPLETE"))
    click.echo(script)
    console.note(_INSTALL[shell].format(program=program))
