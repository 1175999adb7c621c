"""The door of the command `agent`: help and version at once, all else by way of `agent.cli`.

Nothing is imported here that the interpreter has not loaded itself, so that `agent --help` costs
what `python -c pass` costs.
"""

from __future__ import annotations

import os
import sys

PROGRAMS = ("agent", "understudy")
"""The names under which the command is installed."""


def main() -> int:
    """Run the command line of this process.

    Returns:
        The exit code; `agent.cli.exits` says what it means.
    """
    _prepare_streams()
    arguments = sys.argv[1:]
    program = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    if program not in PROGRAMS:
        program = PROGRAMS[0]
    # A shell that asks for completions sends no arguments either.
    completing = f"_{program.upper()}_COMPLETE" in os.environ
    if not completing:
        if arguments in ([], ["-h"], ["--help"], ["help"]):
            from agent.cli.commands import help_text

            return _say(help_text(program))
        if arguments in (["-V"], ["--version"]):
            from agent import __version__

            return _say(f"understudy {__version__}\n")
        if arguments[0] == "help":
            arguments = [*arguments[1:], "--help"]
    try:
        from agent.cli.exits import run

        return run(arguments, program)
    except KeyboardInterrupt:  # Ctrl-C while the imports run
        return 130


def _prepare_streams() -> None:
    """Make the standard streams there, and able to print any text.

    In the order of their numbers: a file that is opened takes the lowest that is free.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
        elif mode == "w" and hasattr(stream, "reconfigure"):
            # File names may hold bytes that are no text, and the encoding may lack a letter:
            # printing one must not end the program.
            stream.reconfigure(errors="backslashreplace")


def _say(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from agent.cli.exits import cannot_print

        return cannot_print(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
