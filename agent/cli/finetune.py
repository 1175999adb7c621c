"""`agent finetune`: the group. Each of its commands is a file of its own, loaded when asked for.

What the room raises becomes the agent's errors here, once for all of them.
"""

from __future__ import annotations

import importlib
import importlib.util

import click

from agent.cli.group import Group
from agent.errors import AgentError, UsageError
from finetune.errors import FinetuneError
from finetune.recipe import RecipeError

COMMANDS = ("data", "check", "train", "evaluate", "export")
"""In the order of the work. Each is a click command of its name in `agent.cli.finetune_NAME`."""


class FinetuneGroup(Group):
    """Offers the commands whose file is there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the work."""
        return [name for name in COMMANDS if importlib.util.find_spec(_module(name)) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found = getattr(importlib.import_module(_module(cmd_name)), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, and tell the room's errors as the agent's.

        Raises:
            AgentError: What the room could not do, with its hint; or a package of the extra is not
                installed, which `agent doctor` does not look for.
        """
        try:
            return super().invoke(ctx)
        except RecipeError as error:
            raise UsageError(str(error), hint=error.hint) from error
        except FinetuneError as error:
            raise AgentError(str(error), hint=error.hint) from error
        except ModuleNotFoundError as error:
            raise AgentError(
                f"Training needs {error.name}, which is not installed.",
                hint="pip install -c constraints.txt '.[finetune,local]'"
                "  (in the project's folder)",
            ) from error


def _module(name: str) -> str:
    return f"agent.cli.finetune_{name}"


@click.group(name="finetune", cls=FinetuneGroup)
def finetune() -> None:
    """Make a voice of your own: prepare texts, check, train, measure and export."""
