"""A conversation to show, and a small app that shows it: for the tests of the transcript."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.pilot import Pilot

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
)
from agent.transcripts import State, StoredTurn
from agent.tui.turn import Standing, Turn
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.citations import Citations
from agent.tui.widgets.status import StatusLine
from agent.tui.widgets.transcript import Transcript

MARKDOWN = """\
## When to replace it

Replace the impeller after **4,000 hours** of operation [1], or when the flow falls below 80 % of
its rated value [2]. The log says which came first; `hours.csv` holds the *raw* figures.

1. Close the valve
2. Drain the housing [2]
   - before frost
   - and after it

| part | hours | where |
|------|------:|-------|
| impeller | 4,000 | [1] |
| seal | 8,000 | [2] |

```python
def worn(hours: float) -> bool:
    # as the manual has it
    return hours > 4_000
```

> Quoted words of somebody.

See [the manual](https://example.org/pump) for more.
"""


class Shown(App[None]):
    """The transcript with what stands around it; keeps the messages that it is sent."""

    CSS = "Citations { width: 44; height: 1fr; }"

    def __init__(self, *, panel: bool = False) -> None:
        super().__init__()
        self.panel = panel
        self.transcript = Transcript(id="transcript")
        self.sources = Citations()
        self.status = StatusLine()
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.transcript
            if self.panel:
                yield self.sources
        yield self.status

    def on_mount(self) -> None:
        self.transcript.focus()

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        self.heard.append(event)
        if self.panel:
            self.sources.show(event.answer.citations if event.answer else ())

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        self.heard.append(event)

    def on_answer_marker_clicked(self, event: Answer.MarkerClicked) -> None:
        self.heard.append(event)

    def on_citations_opened(self, event: Citations.Opened) -> None:
        self.heard.append(event)

    def on_citations_file_wanted(self, event: Citations.FileWanted) -> None:
        self.heard.append(event)

    def play(self, question: str, *events: Event) -> Answer:
        """An answer that has gone through these events."""
        answer = self.transcript.begin(question)
        turn = Turn(answer, Standing(mode="auto", model="claude-sonnet-5", context_window=200_000))
        for event in events:
            turn.show(event)
        self.status.show(turn.standing)
        return answer

    @property
    def drawn(self) -> str:
        """What the transcript draws now."""
        rows = range(self.transcript.size.height)
        return "\n".join(self.transcript.render_line(y).text.rstrip() for y in rows)


async def settle(pilot: Pilot[None]) -> None:
    """Draw what waits to be drawn."""
    await pilot.pause()
    for shown in pilot.app.query(Transcript):
        shown.redraw()
    await pilot.pause()


def cited(n: int = 1, **changes: object) -> Citation:
    values: dict[str, object] = {
        "n": n, "source": "/home/ada/pump.pdf", "title": "Pump manual",
        "place": "Maintenance, p. 2",
        "quote": "Replace the impeller after 4,000 hours of operation, or when the flow\nfalls.",
        "start": 0, "end": 10, "verified": True, "stale": False, "document_id": "d",
    }  # fmt: skip
    return Citation(**(values | changes))  # type: ignore[arg-type]


def done(text: str, **changes: object) -> Done:
    values: dict[str, object] = {
        "text": text, "outcome": "grounded", "mode": "naive", "model": "claude-sonnet-5",
        "seconds": 3.2,
    }  # fmt: skip
    return Done(**(values | changes))  # type: ignore[arg-type]


def rich_events() -> list[Event]:
    """Steps, a tool that fails, all kinds of Markdown, two citations."""
    return [
        Status("naive: one fact is asked for", stage="route"),
        Status("Searching the library", stage="search"),
        Thought("Hours are meant, "),
        Thought("not days."),
        ToolCall("1", "search", {"query": "impeller hours"}),
        ToolResult("1", "[1] Pump manual, p. 2\nReplace the impeller after 4,000 hours"),
        ToolCall("2", "mail.send", {"to": "ada@example.org"}),
        ToolResult("2", "the user said no", ok=False),
        Token(MARKDOWN),
        cited(1),
        cited(2, verified=False, stale=True, quote="Drain the housing.", place="Storage, p. 3"),
        Usage(1_200, 300, 900, 0.0012, 0.003),
        done(MARKDOWN, route="auto: one fact is asked for"),
    ]


def restyled() -> list[Event]:
    """An answer that a persona has said anew."""
    plain, said = "Drain the housing before frost [1].", "Arr, drain yer housing afore frost [1]."
    note = "One claim is not borne out by the sources."
    return [
        Status("Searching the library", stage="search"),
        Token(plain),
        cited(1),
        Revision(plain, said),
        done(said, outcome="partial", persona="Pirate", note=note),
    ]


def failed() -> list[Event]:
    """An ask that has failed half-way."""
    return [
        Status("Searching the library", stage="search"),
        Token("It is"),
        Failed("There is no key for this provider.", "export ANTHROPIC_API_KEY=…"),
    ]


def stored(count: int, text: str = "It is so [1].", state: State = "done") -> list[StoredTurn]:
    """As many stored turns, whose answers say their numbers."""

    def events(n: int) -> Sequence[Event]:
        said = f"Answer {n}. {text}"
        return (Status("Searching"), Token(said), cited(1), done(said))

    return [
        StoredTurn(n, f"Question {n}?", "", 0.0, state, tuple(events(n)))
        for n in range(1, count + 1)
    ]
