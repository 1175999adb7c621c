"""`agent chat`: questions and answers in a terminal. Paints first; all else loads behind it.

Puts widgets, commands and the conversation together. What an event looks like is decided in
`turn.py`, what a command does in `actions/`, what the agent is in `host.py`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer

from agent.errors import AgentError
from agent.tui import actions, approval, clipboard, looks, reading
from agent.tui.actions import beginning
from agent.tui.asking import Asking
from agent.tui.commands import Commands, is_command
from agent.tui.conversation import Conversation
from agent.tui.opening import open_file
from agent.tui.palette import CommandProvider
from agent.tui.question import Question
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.citations import Citations
from agent.tui.widgets.composer import Composer
from agent.tui.widgets.history import HistoryFile
from agent.tui.widgets.safe_text import one_line, sendable
from agent.tui.widgets.status import StatusLine
from agent.tui.widgets.transcript import Transcript
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.screen import Screen

    from agent.events import Citation
    from agent.tui.host import Host
    from agent.tui.looks import Looks

T = TypeVar("T")
_WIDE = 100
"""Columns from which the sources stand beside the answers."""
_HISTORY = "chat-history.jsonl"
_LINES = {
    "copy": "/copy", "code": "/copy code", "quote": "/copy quote", "edit": "/edit",
    "retry": "/retry", "fork": "/fork", "rewind": "/rewind",
}  # fmt: skip
"""What the keys of the transcript stand for."""


class Chat(App[None]):
    """The chat."""

    CSS_PATH = "chat.tcss"
    TITLE = "Understudy"
    COMMANDS: ClassVar = {CommandProvider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop"),
        Binding("f1", "line('/help')", "Help"),
        Binding("ctrl+t", "steps", "Steps", show=False),
        Binding("ctrl+b", "panel", "Sources"),
        Binding("ctrl+l", "line('/sources')", "Library"),
        Binding("ctrl+o", "line('/sessions')", "Sessions"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        host: Host,
        *,
        resume: str | None = None,
        last: bool = False,
        plain: bool = False,
    ) -> None:
        """Take the agent; it is opened once the first frame stands.

        Args:
            host: The agent.
            resume: The stored session to go on with.
            last: Go on with the one last written to.
            plain: Be plain, whatever was kept.
        """
        super().__init__()
        self._looks_file = host.state / looks.FILE
        self.looks = looks.load(self._looks_file)
        if plain:
            self.looks = replace(self.looks, plain=True)
        self.commands = Commands(self.notice)
        self.talk = Conversation(host, decide=lambda request: approval.ask(self, request))
        self.commands.register(*actions.every(self))
        self.transcript = Transcript(id="transcript")
        self.composer = Composer(
            commands=self.commands,
            sources=self.talk.sources,
            history=HistoryFile(host.state / _HISTORY),
        )
        self.asking = Asking(self.talk, self.transcript, run=self.run_worker, changed=self.stand)
        self._begin = (resume, last)
        self._panel: bool | None = None
        """Whether the sources are shown; None decides by the room that there is."""

    def compose(self) -> ComposeResult:
        """Transcript and sources, the field below, and the line that tells how things stand."""
        with Container(id="body"):
            yield self.transcript
            yield Citations(id="sources")
        yield self.composer
        yield StatusLine(id="status")
        yield Footer()

    def on_mount(self) -> None:
        """Type at once; load afterwards."""
        self._wear()
        self.composer.focus()
        self.asking.idle = "opening the library …"
        self.stand()
        self.call_after_refresh(lambda: self.run_worker(self._start()))

    async def on_unmount(self) -> None:
        """Let go of everything."""
        with suppress(AgentError, KnowledgeError, OSError):
            await self.talk.close()

    async def _start(self) -> None:
        try:
            await self.go_on(self._begin[0], last=self._begin[1])
            await beginning.welcome(self)
        except (AgentError, KnowledgeError) as error:
            self.asking.idle = "not open" if not self.talk.ready else ""
            self.notice(f"{error} {error.hint}".rstrip())
            self.stand()

    # what commands may do: see `actions.stage.Stage`

    @property
    def busy(self) -> bool:
        """Whether a question is being answered."""
        return self.asking.busy

    @property
    def typed(self) -> str:
        """What stands where questions are typed."""
        return self.composer.text

    @property
    def selected(self) -> Answer | None:
        """The answer under the cursor, or the last one."""
        return self.transcript.selected

    def notice(self, text: str) -> None:
        """Say something in the transcript that is no answer."""
        self.transcript.notice(text)

    def tell(self, text: str) -> None:
        """Say something for a moment."""
        self.notify(one_line(text, 400), markup=False)

    def ask(self, question: Question, *, mode: str = "") -> None:
        """Ask a question, or let it wait for its turn."""
        self.asking.add(question, mode)

    def asked(self, answer: Answer) -> Question:
        """The question of an answer, with what went with it."""
        return self.asking.asked(answer)

    def put(self, question: Question) -> None:
        """Let a question be edited where questions are typed."""
        self.composer.put(question.text, question.context, question.sources)
        self.composer.focus()

    def stand(self) -> None:
        """Show how things stand."""
        for line in self.screen_stack[0].query(StatusLine) if self._screen_stack else ():
            line.show(self.asking.standing)
            self.composer.show_waiting(self.asking.waiting)
        self.asking.next()
        for text in self.talk.host.take_told() if self.talk.ready else ():
            self.notice(text)

    def look(self, looks_: Looks) -> None:
        """Look so from now on, and keep it."""
        self.looks = looks_
        self._wear()
        looks.save(self._looks_file, looks_)

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say so."""
        text = sendable(text)
        self.copy_to_clipboard(text)
        if not self.is_headless and not self.is_web:
            self.run_worker(lambda: clipboard.copy(text), thread=True, group="clipboard")
        self.tell(f"Copied the {what}.")

    async def go_on(self, resume: str | None = None, *, last: bool = False) -> None:
        """Open a session, or a new one, and show what is in it."""
        self.asking.held = True
        try:
            await self.talk.open(resume, last=last)
            turns = await self.talk.turns()
            self.transcript.load(turns)
            self.asking.begin_with(self.transcript.answers, turns)
        finally:
            self.asking.held = False
        self.asking.idle = "loading the model …"
        self.stand()
        self.run_worker(self._warm(), group="warm", exclusive=True)

    async def show(self, screen: Screen[T]) -> T | None:
        """Show a screen until it is left; what it was left with is returned."""
        return await self.push_screen_wait(screen)

    async def leave(self) -> None:
        """End the chat."""
        self.exit()

    async def _warm(self) -> None:
        await self.talk.warm()
        self.asking.idle = ""
        self.stand()

    # messages of the widgets

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """A command is carried out; a question is asked, or waits for its turn."""
        if is_command(event.text):
            self.action_line(event.text)
        else:
            self.ask(Question(event.text, event.context, event.sources))

    def on_composer_take_back(self, event: Composer.TakeBack) -> None:
        """The last question that waits is edited again."""
        if (question := self.asking.take_back()) is not None:
            self.put(question)

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        """Its sources."""
        panel = self.query_one(Citations)
        panel.show(event.answer.citations if event.answer is not None else ())
        if panel.highlighted is None and panel.citations:
            panel.highlighted = 0  # so that Enter opens one at once
        self._place()

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        """A key of the transcript."""
        if (line := _LINES.get(event.what)) is not None:
            self.action_line(line)
        elif event.answer.citations:
            self._panel = True
            self._place()
            self.query_one(Citations).focus()

    def on_answer_marker_clicked(self, event: Answer.MarkerClicked) -> None:
        """Open what a marker names."""
        found = next((c for c in event.answer.citations if c.n == event.n), None)
        if found is not None:
            self._read(found, event.answer.citations)

    def on_citations_opened(self, event: Citations.Opened) -> None:
        """Open a source at its words."""
        self._read(event.citation, self.query_one(Citations).citations)

    def on_citations_file_wanted(self, event: Citations.FileWanted) -> None:
        """Open the file itself."""
        try:
            open_file(event.citation.source)
        except (AgentError, OSError) as error:
            self.tell(f"{error} {getattr(error, 'hint', '')}")

    def _read(self, citation: Citation, citations: Sequence[Citation]) -> None:
        self.run_worker(self._document(citation, citations), exclusive=True, group="document")

    async def _document(self, citation: Citation, citations: Sequence[Citation]) -> None:
        try:
            await reading.read(self, self.talk.library, citation, citations)
        except (AgentError, KnowledgeError) as error:
            self.notice(f"{error} {error.hint}".rstrip())

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other screens have keys of their own: there only leaving is left of these."""
        if action in ("line", "panel", "steps", "stop"):
            return len(self.screen_stack) == 1
        return True

    def action_line(self, line: str) -> None:
        """Carry out a command's line."""
        self.run_worker(self.commands.run(line), group="command")

    def action_stop(self) -> None:
        """End the answer with what there is of it; a second time, at once."""
        if not self.asking.stop():
            self.composer.focus()

    def action_steps(self) -> None:
        """All steps of the answer under the cursor, or one line for them."""
        if self.selected is not None:
            self.selected.toggle_steps()

    def action_panel(self) -> None:
        """The sources, or not."""
        self._panel = not self.query_one(Citations).has_class("shown")
        self._place()

    # how it looks

    def on_resize(self) -> None:
        """The sources have room beside the answers, or have not."""
        self._place()

    def _place(self) -> None:
        wide = self.size.width >= _WIDE and not self.looks.plain
        self.set_class(wide, "-wide")
        for panel in self.screen_stack[0].query(Citations):
            room = wide and bool(panel.citations)
            panel.set_class(room if self._panel is None else self._panel, "shown")

    def _wear(self) -> None:
        if self.looks.theme in self.available_themes:
            self.theme = self.looks.theme
        self.set_class(self.looks.plain, "-plain")
        self.animation_level = "none" if self.looks.plain else "full"
        self._place()
