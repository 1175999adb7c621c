"""A report of research with its citations beside it, or below it.

The transcript's rows draw it, so that its markers can be clicked, nothing in it is fetched, and a
long one costs no more than what is in sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.tui.widgets.body import Body
from agent.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from agent.events import Citation

_HERE = ("copy", "open")
"""What can be done with a report by a key of the transcript."""


class ReportText(Transcript):
    """A transcript of one answer that is a report: it cannot be asked again, edited or forked."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what is only for answers."""
        if action == "want":
            return bool(parameters) and parameters[0] in _HERE
        return action not in ("answer", "steps", "plain")


class ReportBody(Body):
    """The report and its citations."""

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with neither."""
        super().__init__(id=id)
        self.transcript: Transcript = ReportText(id="transcript")

    def show_report(
        self, question: str, markdown: str, citations: Sequence[Citation], summary: str
    ) -> None:
        """Show a report from its beginning.

        Args:
            question: What was asked.
            markdown: The report; its markers `[n]` name the citations.
            citations: In the order of their numbers.
            summary: How it ended, in a line.
        """
        answer = self.transcript.begin(question)
        for citation in citations:
            answer.cite(citation)
        answer.end(markdown, summary)
        self.transcript.redraw()  # before which it is taken for short, and its end followed
        self.transcript.select(answer)
        self.transcript.focus()
