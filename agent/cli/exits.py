"""The one owner of exit codes, and of what an error looks like.

Commands raise; `run` turns what they raise into lines on stderr and an exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.cli.terminal import Console, clean
from agent.errors import AgentError, ConfigError, UsageError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from click import ClickException

OK = 0
"""Answered (grounded or partial), or done."""
FAILED = 1
"""It failed; stderr says why and what to do."""
USAGE = 2
"""What was typed or configured cannot be carried out."""
NO_ANSWER = 3
"""The sources do not say, or do not support what was said."""
INTERRUPTED = 130
"""Stopped by the user; what there was of the answer has been printed."""


def of_outcome(outcome: str) -> int:
    """The exit code of an answer."""
    return OK if outcome in ("grounded", "partial") else NO_ANSWER


def of_failure(kind: str) -> int:
    """The exit code of an ask that failed with an error of this class name."""
    return USAGE if kind in (UsageError.__name__, ConfigError.__name__) else FAILED


def run(arguments: Sequence[str], program: str = "agent") -> int:
    """Run one command line.

    Args:
        arguments: What follows the program's name.
        program: The name it was called by, as help and completion show it.

    Returns:
        One of this module's codes.
    """
    import click

    from agent.cli.group import root

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # File names may hold bytes that are no text; printing one must not end the program.
            stream.reconfigure(errors="backslashreplace")
    console = Console()
    try:
        _complete(program)
        with root.make_context(program, list(arguments), obj=console) as context:
            code = root.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        console.clear()
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except click.exceptions.ClickException as error:
        return _report_click(console, error)
    except (AgentError, KnowledgeError) as error:
        report(console, str(error), error.hint, type(error).__name__)
        _trace(console)
        return USAGE if isinstance(error, UsageError) else FAILED
    except ModuleNotFoundError as error:
        message = f"The package {error.name} is not installed."
        report(console, message, "agent doctor", type(error).__name__)
        _trace(console)
        return FAILED
    except OSError as error:
        if error.filename is None:
            return _bug(console, error)
        report(console, f"{error.filename}: {error.strerror}", "", type(error).__name__)
        _trace(console)
        return FAILED
    except Exception as error:
        return _bug(console, error)


def report(console: Console, message: str, hint: str, kind: str) -> None:
    """Tell of a failure on stderr, and on stdout where the command prints for machines."""
    if console.on_error is not None:
        console.on_error(message, hint, kind)
    console.error(message, hint)


def _complete(program: str) -> None:
    """Answer a shell that asks for completions, and end; else do nothing."""
    instruction = os.environ.get(f"_{program.upper()}_COMPLETE")
    if not instruction:
        return
    from click.exceptions import Exit
    from click.shell_completion import shell_complete

    from agent.cli.group import root

    variable = f"_{program.upper()}_COMPLETE"
    raise Exit(shell_complete(root, {"obj": Console()}, program, variable, instruction))


def _report_click(console: Console, error: ClickException) -> int:
    import click

    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{error.ctx.command_path} --help"
    message = error.format_message().rstrip(".")
    report(console, message, hint, type(error).__name__)
    return USAGE if isinstance(error, click.UsageError) else FAILED


def _bug(console: Console, error: Exception) -> int:
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "" if console.verbose else "This is a bug; run again with -v for the trace."
    report(console, message, hint, type(error).__name__)
    _trace(console)
    return FAILED


def _trace(console: Console) -> None:
    if console.verbose:
        import traceback

        sys.stderr.write(clean(traceback.format_exc()))


def _reader_gone() -> int:
    # Whoever read our output (`head`, a pager) has gone. Nothing to say, and nothing may be left
    # in the buffer for the interpreter to complain about at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
