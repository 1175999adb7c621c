"""What the chat's transcript costs, on a pseudo-terminal of 120 x 40.

    python -m benchmarks.tui [--runs 3]

- streaming: CPU seconds of 1,000 tokens of Markdown at 100 tokens/s through the whole chat, as a
  mode's events, and into a transcript alone, beside textual's own `MarkdownStream` given each
  token, in turn within one run;
- a transcript of 1,000 stored answers: CPU seconds of a whole process that opens it, its resident
  memory above that of one with none, and how late the event loop is while 1,000 tokens stream in;
- first paint: seconds until `agent chat` has drawn the field for a question.

CPU is user and system time of the process. Each figure is of fresh processes; of several runs the
median is told, of stalls the worst run.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COLUMNS, ROWS = 120, 40
TOKENS, RATE = 1_000, 100
ANSWERS = 1_000
_TICK = 0.01
"""Seconds between two looks at how late the loop is."""
_PATIENCE = 120.0
"""Seconds after which a child is given up."""
_FIELD = b"begins a line"
"""Of what the field for a question shows while it is empty."""

_PARAGRAPHS = """\
## What the manual says

The impeller is **replaced after 4,000 hours** of operation [1], or as soon as the flow falls below
80 % of its rated value [2]. Whoever has the log at hand can see both on its first page.

1. Close the valve on the suction side, then the one behind the pump.
2. Drain the housing; what is left in it freezes [2].
   - before frost, all of it
   - else down to the mark

| part | hours | where |
|------|------:|-------|
| impeller | 4,000 | [1] |
| seal | 8,000 | [2] |

```python
def worn(hours: float, flow: float, rated: float) -> bool:
    return hours > 4_000 or flow < 0.8 * rated
```

"""


def tokens(count: int) -> Iterator[str]:
    """So many pieces of four characters, of Markdown with all that answers have."""
    size = 4
    text = _PARAGRAPHS * (1 + count * size // len(_PARAGRAPHS))
    return (text[i * size : (i + 1) * size] for i in range(count))


# the children: each writes what it has measured to a file and ends


def child(what: str, out: Path, store: Path) -> None:
    """Run one app in this process's terminal; `store` holds the session that it may open."""
    from textual.app import App, ComposeResult
    from textual.containers import VerticalScroll
    from textual.widgets import Markdown

    from agent.events import Done, Token
    from agent.transcripts import Transcripts
    from agent.tui.turn import Turn
    from agent.tui.widgets.transcript import Transcript

    if what == "chat":
        out.write_text(json.dumps(stream_chat(store.parent)))
        return
    figures: dict[str, Any] = {}

    class Bench(App[None]):
        def compose(self) -> ComposeResult:
            if what == "markdown":
                with VerticalScroll():
                    yield Markdown()
            else:
                yield Transcript()

        def on_mount(self) -> None:
            self.call_after_refresh(lambda: self.run_worker(self.measure()))

        async def measure(self) -> None:
            if what == "markdown":
                await self.stream_markdown()
            elif what == "transcript":
                await self.stream_transcript()
            else:
                if what == "many":
                    sessions = Transcripts(store)
                    self.query_one(Transcript).load(sessions.turns(sessions.sessions()[0].id))
                await asyncio.sleep(0.5)
                figures["cpu"] = sum(os.times()[:2])
                figures["mb"] = _resident()
                if what == "many":
                    await self.stream_transcript()
            self.exit()

        async def stream_markdown(self) -> None:
            self.query_one(VerticalScroll).anchor()
            stream = Markdown.get_stream(self.query_one(Markdown))
            began = sum(os.times()[:2])
            async for token in _paced():
                await stream.write(token)
            await stream.stop()
            figures["stream_cpu"] = sum(os.times()[:2]) - began

        async def stream_transcript(self) -> None:
            turn = Turn(self.query_one(Transcript).begin("When is it replaced?"))
            late: list[float] = []
            began = sum(os.times()[:2])
            watching = asyncio.create_task(_watch(late)) if what == "many" else None
            async for token in _paced():
                turn.show(Token(token))
            turn.show(Done(turn.answer.text, "grounded", "naive", "m"))
            await asyncio.sleep(0.3)
            if watching is not None:
                watching.cancel()
                figures["p95_ms"] = 1000 * statistics.quantiles(late, n=20)[-1]
                figures["worst_ms"] = 1000 * max(late)
            figures["stream_cpu"] = sum(os.times()[:2]) - began

    Bench().run()
    out.write_text(json.dumps(figures))


def stream_chat(home: Path) -> dict[str, float]:
    """CPU seconds from a question that is asked in the chat to the end of its answer."""
    from contextlib import contextmanager

    from agent.events import Done, Token
    from agent.models.embedded import Embedded
    from agent.paths import Paths
    from agent.session import Session
    from agent.transcripts import Transcripts
    from agent.tui.app import Chat
    from agent.tui.host import Host
    from agent.tui.question import Question
    from agent.wiring import Parts

    figures: dict[str, float] = {}

    class Paced:
        name = "paced"

        async def answer(self, turn: Any) -> Any:
            text = ""
            figures["stream_cpu"] = -sum(os.times()[:2])
            async for token in _paced():
                text += token
                yield Token(token)
            yield Done(text, "grounded", "paced", "m")

    class Given(Host):
        @contextmanager
        def open_session(self, *, resume: str | None = None, last: bool = False) -> Any:
            with self._parts.open_library() as library, self._parts.open_transcripts() as kept:
                yield Session(
                    modes={"paced": Paced()}, model=Embedded(None), library=library,
                    transcripts=kept, mode="paced",
                )  # fmt: skip

    async def measure(pilot: Any) -> None:
        while not app.talk.ready or app.asking.idle:
            await asyncio.sleep(_TICK)
        app.ask(Question("When is it replaced?"))
        while app.busy or not app.transcript.answers:
            await asyncio.sleep(5 * _TICK)
        await asyncio.sleep(0.3)
        figures["stream_cpu"] += sum(os.times()[:2])
        app.exit()

    paths = Paths.from_env({"AGENT_HOME": str(home / "home")})
    earlier = Transcripts(paths.transcripts)  # otherwise it welcomes a new user
    earlier.begin(earlier.create(), "Earlier?")
    earlier.close()

    def make(overrides: Any, notify: Any) -> Parts:
        from agent.config import Config

        return Parts(paths, Config(embedder="none", **overrides), notify=notify)

    app = Chat(Given(make))
    app.run(auto_pilot=measure)
    return figures


def keep(store: Path) -> None:
    """Write a session of `ANSWERS` answers, as the chat does."""
    from agent.events import Citation, Done, Event, Status, Token
    from agent.transcripts import Transcripts

    text = _PARAGRAPHS * 2
    cited = Citation(1, "/pump.pdf", "Pump manual", "p. 2", "4,000 hours", 0, 11, True, False)
    events: list[Event] = [
        Status("Searching"),
        Token(text),
        cited,
        Done(text, "grounded", "naive", "m"),
    ]
    sessions = Transcripts(store)
    session = sessions.create()
    for n in range(1, ANSWERS + 1):
        turn = sessions.begin(session, f"Question {n}: when is it replaced?")
        sessions.append(session, turn, events, state="done")
    sessions.close()


async def _paced() -> Any:
    began = time.monotonic()
    for i, token in enumerate(tokens(TOKENS)):
        await asyncio.sleep(max(0.0, began + i / RATE - time.monotonic()))
        yield token


async def _watch(late: list[float]) -> None:
    """Note how much later than asked for the loop comes back."""
    while True:
        due = time.monotonic() + _TICK
        await asyncio.sleep(_TICK)
        late.append(time.monotonic() - due)


def _resident() -> float:
    """Resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# the parent: a terminal for each child


def on_terminal(command: list[str], env: dict[str, str], until: bytes = b"") -> float:
    """Run a command on a terminal of its own.

    Args:
        command: Program and arguments.
        env: Its environment.
        until: End it once it has drawn this; empty waits for its own end.

    Returns:
        Wall seconds until then.

    Raises:
        TimeoutError: Neither came.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began = time.monotonic()
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    drawn = b""
    try:
        while time.monotonic() < began + _PATIENCE:
            if not select.select([ours], [], [], 0.05)[0]:
                if running.poll() is not None:
                    break
                continue
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # Linux says so where a terminal's last user has left
                running.wait()
                break
            drawn = drawn[-200:] + piece
            if until and until in drawn:
                return time.monotonic() - began
        else:
            raise TimeoutError(f"{command} had not ended after {_PATIENCE:.0f} s")
        if until:
            raise TimeoutError(f"{command} ended and drew no {until!r}: {drawn[-200:]!r}")
        return time.monotonic() - began
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def measured(what: str, store: Path) -> dict[str, float]:
    """The figures of one child."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        this = [sys.executable, "-m", "benchmarks.tui"]
        on_terminal([*this, "--child", what, str(out), str(store)], env)
        found: dict[str, float] = json.loads(out.read_text())
        return found


def first_paint() -> float:
    """Wall seconds from `agent chat` to the field for a question; nothing is configured."""
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"AGENT_HOME": home, "TERM": "xterm-256color"}
        return on_terminal([sys.executable, "-m", "agent", "chat"], env, until=_FIELD)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--child", nargs=3, metavar=("WHAT", "OUT", "STORE"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.child:
        what, out, store = given.child
        child(what, Path(out), Path(store))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "sessions.sqlite3"
        keep(store)
        runs = [
            {
                what: measured(what, store)
                for what in ("markdown", "chat", "transcript", "empty", "many")
            }
            for _ in range(given.runs)
        ]

    def middle(what: str, figure: str) -> float:
        return statistics.median(run[what][figure] for run in runs)

    ours, theirs = middle("chat", "stream_cpu"), middle("markdown", "stream_cpu")
    first_paint()  # compiles, and fills the disk's cache
    figures = {
        "stream_cpu_s": ours,
        "transcript_stream_cpu_s": middle("transcript", "stream_cpu"),
        "markdown_stream_cpu_s": theirs,
        "stream_share": ours / theirs,
        "open_cpu_s": middle("many", "cpu"),
        "empty_cpu_s": middle("empty", "cpu"),
        "open_mb": middle("many", "mb") - middle("empty", "mb"),
        "empty_mb": middle("empty", "mb"),
        "stall_p95_ms": max(run["many"]["p95_ms"] for run in runs),
        "stall_worst_ms": max(run["many"]["worst_ms"] for run in runs),
        "first_paint_s": statistics.median(first_paint() for _ in range(given.runs)),
    }
    told = {
        "stream_cpu_s": "CPU s, 1,000 tokens at 100/s, through the whole chat",
        "transcript_stream_cpu_s": "  into a transcript alone",
        "markdown_stream_cpu_s": "CPU s, the same into a per-token MarkdownStream",
        "stream_share": "  the first over the second",
        "open_cpu_s": "CPU s of a process that opens 1,000 stored answers",
        "empty_cpu_s": "  of one that opens none",
        "open_mb": "MB that 1,000 answers take above an empty app",
        "empty_mb": "  MB of the empty app",
        "stall_p95_ms": "ms that the loop is late, p95, streaming below them",
        "stall_worst_ms": "  at worst",
        "first_paint_s": "s until `agent chat` shows the field",
    }
    for name, words in told.items():
        print(f"{words:<54}{figures[name]:>10.2f}")
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
