"""The chat in a real pseudo-terminal, by tmux: what a user sees after what a user types."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.paths import Paths
from agent.transcripts import Transcripts

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
DEADLINE = 120.0


class Terminal:
    """A terminal of its own server, with one program in it at a time."""

    def __init__(self, place: Path, width: int, height: int) -> None:
        self._name = f"understudy-{uuid.uuid4().hex[:12]}"
        self._place = place
        size = ["-x", str(width), "-y", str(height)]
        self._run("-f", "/dev/null", "new-session", "-d", *size, "-c", str(place), "exec sleep 600")
        self._run("set-option", "-g", "remain-on-exit", "on")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, *arguments], capture_output=True, text=True, check=True,
            env={**_without_size(), "TERM": "xterm-256color", "TMUX_TMPDIR": str(self._place)},
        )  # fmt: skip
        return done.stdout

    def start(self, *words: str) -> None:
        """Run `agent` with some words, in place of what ran before."""
        program = shlex.join([sys.executable, "-m", "agent", *words])
        self._run("respawn-pane", "-k", f"exec {program}")

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)
        self._run("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def until(self, *words: str, gone: str = "") -> str:
        """Wait until the screen shows all words, and one of them no more."""
        seen = ""

        def shown() -> bool:
            nonlocal seen
            seen = self.screen()
            flat = " ".join(seen.split())
            return all(word in flat for word in words) and (not gone or gone not in flat)

        wait_for(shown, lambda: f"{words} without {gone!r}:\n{seen}")
        return seen

    def paste(self, text: bytes) -> None:
        """Paste as a terminal does that has been asked to mark what is pasted."""
        file = self._place / "pasted"
        file.write_bytes(text)
        self._run("load-buffer", str(file))
        self._run("paste-buffer", "-p")

    def asked(self, format: str) -> str:
        """What tmux knows of the terminal."""
        return self._run("display-message", "-p", format).strip()

    def kill_program(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End what runs in it, without asking: as kill -9."""
        os.kill(int(self.asked("#{pane_pid}")), number)
        wait_for(lambda: self.asked("#{pane_dead}") == "1", lambda: "it lives on")

    def close(self) -> None:
        self._run("kill-server")


def _without_size() -> dict[str, str]:
    """The environment as a terminal gives it: pictures of screens leave a size behind in it."""
    return {name: v for name, v in os.environ.items() if name not in ("COLUMNS", "LINES")}


def wait_for(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"It never came: {what()}"
        time.sleep(0.05)


def last_answer() -> str:
    """What is kept of the last session's last answer."""
    store = Transcripts(Paths.from_env().transcripts)
    try:
        session = store.last()
        return store.turns(session)[-1].answer if session else ""
    finally:
        store.close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("AGENT_EMBEDDER", "none")
    found = Terminal(tmp_path, 110, 32)
    yield found
    found.close()


def test_a_whole_evening_with_it(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text(
        "# Pump\n\n" + "Look at it every week.\n\n" * 80
        + "The impeller is replaced after 4,000 hours of operation.\n"
    )  # fmt: skip
    slow = tmp_path / "slow.toml"
    slow.write_text(
        'loop = true\n[[replies]]\ntext = "Slowly it goes"\nendless = true\ndelay=0.2\n'
    )

    terminal.start("chat")
    terminal.until("Welcome to Understudy")
    terminal.press("Down", "Enter")
    terminal.until("A folder, a file or a URL")
    terminal.type(str(folder))
    terminal.until("Library · 1 source", "1 indexed")
    terminal.press("Escape")
    terminal.until(gone="Library · 1 source")

    for mode in ("naive", "agentic", "cag", "auto"):
        terminal.type(f"/mode {mode}")
        terminal.until(f"mode {mode}")
        terminal.type("When is the impeller replaced?")
        terminal.until("after 4,000 hours of operation.", "grounded · ")
        terminal.type("/new")
        terminal.until("ready", gone="4,000 hours")

    terminal.type("When is the impeller replaced?")
    terminal.until("Sources: 1", "grounded · ")
    terminal.press("BTab")  # from the field to the sources
    terminal.until("Read it there")
    terminal.press("Enter")
    terminal.until("quote verified", "▌ The impeller is replaced after 4,000 hours of operation.")
    terminal.press("Escape")
    terminal.until("grounded · ", gone="quote verified")

    terminal.press("Tab")
    terminal.until(gone="Read it there")
    terminal.type(f"/model scripted:{slow}")
    terminal.until("· scripted:")
    terminal.type("And then?")
    terminal.until("Slowly it goes")
    terminal.press("Escape")
    terminal.until("You stopped it.")

    terminal.type("/fork 1")
    terminal.until("A copy with 1 question", gone="And then?")
    terminal.type("/model embedded")
    terminal.until("embedded answers until you leave.", gone="scripted:")
    terminal.type("When is the impeller replaced, I ask again?")
    # Below both answers, and in the line at the bottom.
    wait_for(lambda: terminal.screen().count("grounded · ") == 3, terminal.screen)

    terminal.type(f"/model scripted:{slow}")
    terminal.until("· scripted:")
    terminal.type("What is lost?")
    terminal.until("What is lost?", "Slowly it goes")
    wait_for(lambda: "Slowly" in last_answer(), lambda: "it is written down")
    terminal.kill_program()
    terminal.start("chat", "--continue")
    terminal.until("What is lost?", "Slowly", "stopped before its end")
    terminal.press("C-q")


def test_a_paste_that_is_no_text_is_put_in_harmlessly(terminal: Terminal) -> None:
    terminal.start("chat")
    terminal.until("Welcome to Understudy")
    terminal.press("Escape")
    terminal.until(gone="Welcome")
    terminal.paste(b"a \x1b[31mred\x1b[0m word\nand \x07 caf\xe9 ")
    terminal.until("a \u241b[31mred\u241b[0m word", "and \u2407 caf\ufffd")
    terminal.press("C-u")
    terminal.type("Is it empty?")
    terminal.until("The sources do not say.")


def test_one_that_is_told_to_end_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.start("chat")
    terminal.until("Welcome to Understudy")
    assert terminal.asked("#{alternate_on} #{mouse_any_flag}") == "1 1"
    terminal.kill_program(signal.SIGTERM)
    assert terminal.asked("#{alternate_on} #{mouse_any_flag}") == "0 0"


def test_a_terminal_that_can_draw_nothing_is_none() -> None:
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "agent", "chat"], stdin=theirs, stdout=theirs,
            stderr=subprocess.PIPE, env={**os.environ, "TERM": "dumb"}, text=True, check=False,
            timeout=DEADLINE,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "The chat needs a terminal to show itself in." in done.stderr


def test_where_there_is_no_terminal_it_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "chat"], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert 'agent ask "your question"' in done.stderr
