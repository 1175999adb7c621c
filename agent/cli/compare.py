"""`agent ask --mode all`: what several modes answer to one question, side by side.

Three printers like those of `printer.py`, for asks that follow each other: each ends with its own
`Done` or `Failed`, and its mode is told by its place. Nothing is asked here.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any
from unicodedata import category, east_asian_width

from agent.cli import exits
from agent.cli.json_text import dump
from agent.cli.printer import Tally, answer_object, error_object
from agent.cli.terminal import Console, clean, is_terminal, paint, terminal_width
from agent.cli.text import citation_lines, heading, plural, spent
from agent.events import Event, Failed, Status, to_json

_COLUMN = 36
"""Characters of the narrowest column that can be read."""
_GAP = "  "
_BEST = (exits.OK, exits.NO_ANSWER, exits.FAILED, exits.USAGE)


@dataclass(slots=True)
class Answer:
    """What one mode has said so far."""

    mode: str
    tally: Tally = field(default_factory=Tally)
    failed: Failed | None = None
    begun: bool = False

    @property
    def ended(self) -> bool:
        """Whether its last event has come."""
        return self.failed is not None or self.tally.done is not None

    @property
    def code(self) -> int:
        """The exit code that it would have by itself."""
        if self.tally.done is not None:
            return exits.of_outcome(self.tally.done.outcome)
        return exits.FAILED if self.failed is None else exits.of_failure(self.failed.error)


class Answers:
    """The answers of several modes, as their events come in."""

    def __init__(self, modes: Sequence[str]) -> None:
        """Expect these modes, in this order."""
        self.all = [Answer(mode) for mode in modes]

    @property
    def current(self) -> Answer | None:
        """The one whose events come next; None when all have ended."""
        return next((answer for answer in self.all if not answer.ended), None)

    @property
    def begun(self) -> list[Answer]:
        """Those of which anything has come."""
        return [answer for answer in self.all if answer.begun]

    @property
    def code(self) -> int:
        """The best of their exit codes: an answer from one mode is an answer."""
        return min(
            (answer.code for answer in self.all if answer.begun),
            key=_BEST.index,
            default=exits.FAILED,
        )

    def add(self, event: Event) -> Answer:
        """Count one event in; gives whose it is."""
        answer = self.current
        assert answer is not None, "an event after the last"
        answer.begun = True
        answer.tally.add(event)
        if isinstance(event, Failed):
            answer.failed = event
        return answer


class CompareText:
    """All answers when the last has ended: in columns on a wide terminal, else one by one."""

    def __init__(self, console: Console, modes: Sequence[str]) -> None:
        """Show on stdout, and progress on stderr through the console."""
        self._console = console
        self._answers = Answers(modes)
        self._printed = False

    @property
    def code(self) -> int:
        """The best of the modes' exit codes."""
        return self._answers.code

    def show(self, event: Event) -> None:
        """Collect; print at the end."""
        answer = self._answers.add(event)
        if isinstance(event, Status):
            text = f"{answer.mode}: {event.text}"
            if event.stage == "record":
                self._console.warn(text)
            elif event.stage == "note":
                self._console.note(text)
            elif self._console.verbose:
                self._console.trace(text)
            else:
                self._console.transient(f"{text} …")
        elif isinstance(event, Failed):
            self._console.error(f"{answer.mode}: {event.message}", event.hint)
        if self._answers.current is None:
            self._print()

    def interrupted(self) -> None:
        """Print what there is."""
        self._print()

    def failed(self, message: str, hint: str, kind: str) -> None:
        """Print what there is."""
        self._print()

    def _print(self) -> None:
        self._console.clear()
        answers = self._answers.begun
        if self._printed or not answers:
            return
        self._printed = True
        width = (terminal_width() - len(_GAP) * (len(answers) - 1)) // len(answers)
        columns = [_column(answer, width) for answer in answers]
        wide = is_terminal(sys.stdout) and len(answers) > 1 and width >= _COLUMN
        if wide and all(_narrow(line) for column in columns for line in column):
            lines = _side_by_side([answer.mode for answer in answers], columns, width)
        else:
            lines = [line for answer in answers for line in ["", *_stacked(answer)]][1:]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


class CompareJson:
    """One object `{"answers": [...]}`, in the order of asking; a mode that failed has `error`."""

    def __init__(self, console: Console, modes: Sequence[str]) -> None:
        """Show on stdout; remarks and warnings through the console."""
        self.session: Callable[[], str | None] = lambda: None
        """The session's name, which it has once it has been stored."""
        self.model = ""
        """What is printed where an ask did not come far enough to say."""
        self._console = console
        self._answers = Answers(modes)
        self._printed = False

    @property
    def code(self) -> int:
        """The best of the modes' exit codes."""
        return self._answers.code

    def show(self, event: Event) -> None:
        """Collect; print at the end."""
        answer = self._answers.add(event)
        if isinstance(event, Status) and event.stage == "note":
            self._console.note(f"{answer.mode}: {event.text}")
        elif isinstance(event, Status) and event.stage == "record":
            self._console.warn(f"{answer.mode}: {event.text}")
        if self._answers.current is None:
            self._print({})

    def interrupted(self) -> None:
        """Print what there is."""
        self._print({"error": error_object("interrupted", "", "Interrupted")})

    def failed(self, message: str, hint: str, kind: str) -> None:
        """Print the failure, and what was answered before it."""
        self._print({"error": error_object(message, hint, kind)})

    def _print(self, more: dict[str, Any]) -> None:
        if self._printed:
            return
        self._printed = True
        answers = [self._object(answer) for answer in self._answers.begun]
        sys.stdout.write(dump({**({"answers": answers} if answers else {}), **more}) + "\n")
        sys.stdout.flush()

    def _object(self, answer: Answer) -> dict[str, Any]:
        if (failed := answer.failed) is not None:
            error = error_object(failed.message, failed.hint, failed.error)
            return {"mode": answer.mode, "error": error}
        return answer_object(answer.tally, answer.mode, self.model, self.session())


class CompareLines:
    """Each event on a line, with the `mode` that it comes from; each mode ends with its own."""

    def __init__(self, modes: Sequence[str]) -> None:
        """Show on stdout."""
        self._answers = Answers(modes)
        self._failed = False

    @property
    def code(self) -> int:
        """The best of the modes' exit codes."""
        return self._answers.code

    def show(self, event: Event) -> None:
        """Print one event."""
        mode = self._answers.add(event).mode
        data = to_json(event)
        line = {"kind": data.pop("kind"), "mode": mode, **data}
        sys.stdout.write(dump(line, indent=None) + "\n")
        sys.stdout.flush()

    def interrupted(self) -> None:
        """End the stream of the mode that was running, if one was."""
        self.failed("interrupted", "", "Interrupted")

    def failed(self, message: str, hint: str, kind: str) -> None:
        """End the stream."""
        current = self._answers.current
        if not self._failed and current and (current.begun or not self._answers.begun):
            self.show(Failed(message, hint, kind))
        self._failed = True


def _facts(answer: Answer) -> str:
    """What one needs to know to compare: how it ended, what it took, what it rests on."""
    done, tally = answer.tally.done, answer.tally
    if done is None:
        return "failed" if answer.failed else "interrupted"
    cited = plural(len(tally.citations), "citation")
    return clean(" · ".join([done.outcome, *spent(done, tally.usage), cited]))


def _stacked(answer: Answer) -> list[str]:
    lines = [
        paint(answer.mode, "bold", sys.stdout),
        paint(_facts(answer), "dim", sys.stdout),
        "",
        _said(answer),
    ]
    citations = sorted(answer.tally.citations, key=lambda c: (c.n, c.start))
    return [*lines, *(["", *citation_lines(citations)] if citations else [])]


def _column(answer: Answer, width: int) -> list[str]:
    """An answer folded to a width, its mode left out; of the sources, where they are."""
    citations = sorted(answer.tally.citations, key=lambda c: (c.n, c.start))
    places = dict.fromkeys(f"[{c.n}] {heading(c.title, c.place, c.source)}" for c in citations)
    lines = [_facts(answer), "", *_said(answer).splitlines(), "", *places]
    return [fold for line in lines for fold in textwrap.wrap(line, width) or [""]]


def _said(answer: Answer) -> str:
    if answer.failed is not None:
        return clean(answer.failed.message)
    note = answer.tally.done.note if answer.tally.done else ""
    return clean("\n\n".join(filter(None, (answer.tally.text, note and f"({note})"))))


def _side_by_side(modes: Sequence[str], columns: Sequence[Sequence[str]], width: int) -> list[str]:
    head = _GAP.join(paint(mode.ljust(width), "bold", sys.stdout) for mode in modes)
    rows = zip_longest(*columns, fillvalue="")
    body = [_GAP.join(cell.ljust(width) for cell in row).rstrip() for row in rows]
    return [head, *body]


def _narrow(line: str) -> bool:
    """Whether every character takes one cell, so that columns can be aligned by counting."""
    return line.isascii() or not any(
        east_asian_width(c) in "WF" or category(c) in ("Mn", "Me", "Cf") for c in line
    )
