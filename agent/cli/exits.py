"""The one owner of exit codes, and of what an error looks like.

Commands raise; `run` turns what they raise into lines on stderr and an exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import ENOSPC
from typing import TYPE_CHECKING, TextIO

from agent.cli.terminal import Console, clean, one_line
from agent.errors import AgentError, ConfigError, UsageError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from click import ClickException

    from agent.cli.group import Group

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
    from agent.cli.group import root

    console = Console()
    console.on_error = _for_machines(arguments)
    try:
        return _run(root, arguments, program, console)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)


def _run(root: Group, arguments: Sequence[str], program: str, console: Console) -> int:
    import click

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
        return _refused(console, error)
    except Exception as error:
        return _bug(console, error)


def report(console: Console, message: str, hint: str, kind: str) -> None:
    """Tell of a failure on stderr, and on stdout where the command prints for machines."""
    if console.on_error is not None:
        # Where stdout itself is what failed, stderr still says so.
        with suppress(OSError):
            console.on_error(message, hint, kind)
    console.error(message, hint)


def cannot_print(error: OSError) -> int:
    """Tell that standard output cannot be written to, unless its reader has merely gone.

    Returns:
        The exit code.
    """
    console = Console()
    code = OK if isinstance(error, BrokenPipeError) else _refused(console, error, printing=True)
    _let_go(sys.stdout)
    return code


def describe(error: OSError) -> tuple[str, str]:
    """What the system refused, and what to type next."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        room = "Make room where the output goes, or where the library is: agent doctor"
        return f"{reason}.", room if error.errno == ENOSPC else "agent doctor"
    name = error.filename
    return f"{name}: {reason}.", f"Look at who may touch it: ls -ld '{name}'"


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
    message = one_line(error.format_message()).rstrip(".")
    report(console, message, hint, type(error).__name__)
    return USAGE if isinstance(error, click.UsageError) else FAILED


def _refused(console: Console, error: OSError, *, printing: bool = False) -> int:
    """Tell of an error of the system, and by whom it is to be mended."""
    # What could not be printed is still in the buffer, where there is one.
    broken = _let_go(sys.stdout) or printing
    if isinstance(error, BrokenPipeError) and (broken or error.filename is None):
        return FAILED  # whoever read our output (`head`, a pager) has gone: nothing to say
    message, hint = describe(error)
    if broken and error.filename is None:
        message = f"standard output: {message}"
        hint = "Make room where the output goes, or send it elsewhere."
    report(console, message, hint, type(error).__name__)
    _trace(console)
    return FAILED


def _for_machines(arguments: Sequence[str]) -> Callable[[str, str, str], None] | None:
    """How a failure is told on stdout, by what was typed: it may be one of what was typed."""
    typed = list(arguments)
    options = typed[: typed.index("--")] if "--" in typed else typed
    if "--json" in options:
        from agent.cli.printer import JsonPrinter

        return JsonPrinter(Console()).failed
    if "--jsonl" in options:
        from agent.cli.printer import JsonLinesPrinter

        return JsonLinesPrinter().failed
    return None


def _bug(console: Console, error: Exception) -> int:
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "" if console.verbose else "This is a bug; run again with -v for the trace."
    report(console, message, hint, type(error).__name__)
    _trace(console)
    return FAILED


def _trace(console: Console) -> None:
    if console.verbose:
        import traceback

        with suppress(OSError):
            sys.stderr.write(clean(traceback.format_exc()))


def _let_go(stream: TextIO) -> bool:
    """Whether what is left for a stream cannot be written to it; it goes nowhere then.

    Otherwise the interpreter would try once more at its exit, and complain.
    """
    try:
        stream.flush()
    except ValueError:  # closed
        return False
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()
        return True
    return False
