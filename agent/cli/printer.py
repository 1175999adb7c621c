"""An ask's events, printed: as text for a person, as one JSON object, or as JSON lines.

Stdout gets the answer and nothing else. A printer decides the exit code too, since only it has
seen how the ask ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, assert_never

from agent.cli import exits
from agent.cli.json_text import dump
from agent.cli.terminal import Console, clean, paint
from agent.cli.text import citation_lines, summary
from agent.events import (
    Citation,
    Done,
    Event,
    Failed,
    Revision,
    Status,
    Thought,
    Token,
    ToolCall,
    ToolResult,
    Usage,
    to_json,
)


class Printer(Protocol):
    """Shows events as they come."""

    @property
    def code(self) -> int:
        """The exit code that the events shown so far come to."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def interrupted(self) -> None:
        """The user stopped the ask: finish what there is of the answer."""

    def failed(self, message: str, hint: str, kind: str) -> None:
        """The ask failed outside its events; whoever calls says so on stderr.

        Nothing is printed if the ask has ended before.
        """


class Tally:
    """What an ask's events add up to."""

    def __init__(self) -> None:
        self.text = ""
        self.plain: str | None = None
        """The answer before a persona restyled it; None where none did."""
        self.citations: list[Citation] = []
        self.usage = Usage()
        self.done: Done | None = None

    def add(self, event: Event) -> None:
        """Count one event in."""
        if isinstance(event, Token):
            self.text += event.text
        elif isinstance(event, Revision):
            self.text, self.plain = event.text, event.before
        elif isinstance(event, Citation):
            self.citations.append(event)
        elif isinstance(event, Usage):
            self.usage = _sum(self.usage, event)
        elif isinstance(event, Done):
            self.done = event
            self.text = event.text


def _sum(a: Usage, b: Usage) -> Usage:
    # A price that is not known makes the sum unknown, not smaller.
    return Usage(
        a.input_tokens + b.input_tokens,
        a.output_tokens + b.output_tokens,
        a.cached_tokens + b.cached_tokens,
        None if a.cost is None or b.cost is None else a.cost + b.cost,
        None if a.saved is None or b.saved is None else a.saved + b.saved,
    )


class TextPrinter:
    """The answer as it is written, then its sources; on stderr how it came about."""

    def __init__(self, console: Console, *, summary_to_answer: bool = False) -> None:
        """Show on stdout, and on stderr through the console.

        Args:
            console: How much is said on stderr.
            summary_to_answer: Put the line that sums up on stdout too (the demo is all answer).
        """
        self.code = exits.FAILED
        self.waits = False
        """Show no answer before it is final: a persona may still put it in other words."""
        self._console = console
        self._summary_to_answer = summary_to_answer
        self._tally = Tally()
        self._begun = False

    def show(self, event: Event) -> None:
        """Show one event."""
        self._tally.add(event)
        match event:
            case Token(text=text):
                if not self.waits:
                    self._write(text)
            case Revision(text=text):
                if not self.waits:
                    self._write(("\n\n" if self._begun else "") + text)
            case Done():
                self._end(event)
            case Failed(message=message, hint=hint):
                self.code = exits.of_failure(event.error)
                self.interrupted()
                self._console.error(message, hint)
            case Status(text=text, stage="note" | "route"):
                self._console.note(text)
            case Status(text=text, stage="record"):
                self._console.warn(text)
            case Status(text=text):
                if self._console.verbose:
                    self._console.trace(text)
                elif not self._begun:
                    self._console.transient(f"{text} …")
            case Thought(text=text):
                if self._console.verbose:
                    self._console.clear()
                    sys.stderr.write(clean(text))
            case ToolCall(name=name):
                self._console.trace(f"calls {name} {event.arguments}")
            case ToolResult(text=text, ok=ok):
                self._console.trace(f"{'got' if ok else 'failed:'} {text[:200]}")
            case Citation() | Usage():
                pass
            case _:
                assert_never(event)

    def interrupted(self) -> None:
        """End the line that the answer stopped in."""
        if self.waits:
            self._write(self._tally.text)
            self.waits = False
        if self._begun:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._begun = False
        self._console.clear()

    def failed(self, message: str, hint: str, kind: str) -> None:
        """End the line that the answer stopped in."""
        self.interrupted()

    def _write(self, text: str) -> None:
        if text:
            self._console.clear()
            sys.stdout.write(clean(text))
            sys.stdout.flush()
            self._begun = True

    def _end(self, done: Done) -> None:
        self.code = exits.of_outcome(done.outcome)
        self.interrupted()
        citations = sorted(self._tally.citations, key=lambda c: (c.n, c.start))
        if citations:
            sys.stdout.write("\n" + "\n".join(citation_lines(citations)) + "\n")
            sys.stdout.flush()
        if any(citation.stale for citation in citations):
            self._console.warn("a source has changed since it was indexed")
            self._console.hint("agent sync")
        if done.note:
            # Why there is no answer is what a person who asked quietly needs to know, too.
            tell = self._console.remark if self.code == exits.NO_ANSWER else self._console.note
            tell(done.note)
        if done.removed_markers:
            one = done.removed_markers == 1
            self._console.note(
                f"{done.removed_markers} citation{'' if one else 's'} named no source "
                f"and {'was' if one else 'were'} taken out"
            )
        line = clean(summary(done, self._tally.usage))
        if self._summary_to_answer:
            sys.stdout.write("\n" + paint(line, "dim", sys.stdout) + "\n")
        else:
            self._console.note(line)


class JsonPrinter:
    """One object, when all is known; remarks and warnings stay on stderr."""

    def __init__(self, console: Console) -> None:
        self.code = exits.FAILED
        self.session: Callable[[], str | None] = lambda: None
        """The session's name, which it has once it has been stored."""
        self.mode = ""
        self.model = ""
        """What is printed where the ask did not come far enough to say."""
        self._console = console
        self._tally = Tally()
        self._ended = False

    def show(self, event: Event) -> None:
        """Collect; print at the end."""
        self._tally.add(event)
        if isinstance(event, Status) and event.stage == "note":
            self._console.note(event.text)
        elif isinstance(event, Status) and event.stage == "record":
            self._console.warn(event.text)
        if isinstance(event, Done):
            self.code = exits.of_outcome(event.outcome)
            self._print(self._answer())
        elif isinstance(event, Failed):
            self.code = exits.of_failure(event.error)
            self.failed(event.message, event.hint, event.error)

    def interrupted(self) -> None:
        """Print what there is, with no outcome, since the answer was not checked to its end."""
        self._print({**self._answer(), "error": error_object("interrupted", "", "Interrupted")})

    def failed(self, message: str, hint: str, kind: str) -> None:
        """Print the failure as the object."""
        self._print({"error": error_object(message, hint, kind)})

    def _answer(self) -> dict[str, Any]:
        return answer_object(self._tally, self.mode, self.model, self.session())

    def _print(self, data: dict[str, Any]) -> None:
        if not self._ended:
            self._ended = True
            sys.stdout.write(dump(data) + "\n")
            sys.stdout.flush()


class JsonLinesPrinter:
    """Each event on a line of its own, as it comes. The last is always `done` or `failed`."""

    def __init__(self) -> None:
        self.code = exits.FAILED
        self._ended = False

    def show(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, Done):
            self.code, self._ended = exits.of_outcome(event.outcome), True
        elif isinstance(event, Failed):
            self.code, self._ended = exits.of_failure(event.error), True
        sys.stdout.write(dump(to_json(event), indent=None) + "\n")
        sys.stdout.flush()

    def interrupted(self) -> None:
        """End the stream as its contract says."""
        self.failed("interrupted", "", "Interrupted")

    def failed(self, message: str, hint: str, kind: str) -> None:
        """End the stream."""
        if not self._ended:
            self.show(Failed(message, hint, kind))


def answer_object(tally: Tally, mode: str, model: str, session: str | None) -> dict[str, Any]:
    """An answer, or what there is of it, as `--json` tells of it.

    Args:
        tally: Of its events.
        mode: Which was to answer, where the events did not come so far as to say.
        model: Likewise.
        session: In which it is recorded.
    """
    done, usage = tally.done, tally.usage
    asked, _, why = done.route.partition(": ") if done else ("", "", "")
    answer: dict[str, Any] = {
        "answer": tally.text,
        "outcome": done.outcome if done else None,
        "mode": done.mode if done else mode,
        "route": {"asked": asked, "why": why} if asked else None,
        "model": done.model if done else model,
        "persona": (done.persona if done else "") or None,
        "citations": [_citation_object(citation) for citation in tally.citations],
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
        },
        "cost": usage.cost,
        "saved": usage.saved,
        "seconds": round(done.seconds, 3) if done else None,
        "session": session,
    }
    if tally.plain is not None:
        answer["plain"] = tally.plain
    if done and done.note:
        answer["note"] = done.note
    if done and done.removed_markers:
        answer["removed_markers"] = done.removed_markers
    return answer


def error_object(message: str, hint: str, kind: str) -> dict[str, str]:
    """A failure as `--json` tells of it."""
    return {"message": message, "hint": hint, "kind": kind}


def _citation_object(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "source": citation.source,
        "title": citation.title,
        "place": citation.place,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "verified": citation.verified,
        "stale": citation.stale,
        "document_id": citation.document_id,
        "marked": list(citation.marked),
    }
