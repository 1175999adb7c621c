"""`agent chat`: questions and answers in a terminal. Paints first; all else loads behind it.

Puts widgets, commands and the conversation together. What an event looks like is decided in
`turn.py`, what a command does in `actions/`, what the agent is in `host.py`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer

from agent.errors import AgentError
from agent.tui import actions, approval, clipboard, looks
from agent.tui.actions import beginning
from agent.tui.asking import Asking
from agent.tui.commands import Commands, is_command
from agent.tui.conversation import Conversation
from agent.tui.early import Early
from agent.tui.palette import CommandProvider
from agent.tui.question import Question
from agent.tui.reading import Reading
from agent.tui.terminal import driver
from agent.tui.widgets.body import Body
from agent.tui.widgets.composer import Composer
from agent.tui.widgets.history import HistoryFile
from agent.tui.widgets.safe_text import one_line, sendable
from agent.tui.widgets.status import StatusLine
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from textual.screen import Screen

    from agent.tui.host import Host
    from agent.tui.looks import Looks
    from agent.tui.widgets.answer import Answer
    from agent.tui.widgets.transcript import Transcript

T = TypeVar("T")
_HISTORY = "chat-history.jsonl"
_LINES = {
    "copy": "/copy", "code": "/copy code", "quote": "/copy quote", "edit": "/edit",
    "retry": "/retry", "fork": "/fork", "rewind": "/rewind",
}  # fmt: skip
"""What the keys of the transcript stand for."""
_GONE = "If the folder that it was started in has gone: leave, and start it in another one."


class Chat(Reading):
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
        super().__init__(driver_class=driver())
        self._looks_file = host.state / looks.FILE
        self.looks = looks.load(self._looks_file)
        if plain:
            self.looks = replace(self.looks, plain=True)
        self.commands = Commands(self.notice)
        self.talk = Conversation(host, decide=lambda request: approval.ask(self, request))
        self.commands.register(*actions.every(self))
        self.body = Body(id="body")
        self.transcript = self.body.transcript
        self.composer = Composer(
            commands=self.commands,
            sources=self.talk.sources.matching,
            history=HistoryFile(host.state / _HISTORY),
        )
        self.status = StatusLine(id="status")
        self.asking = Asking(
            self.talk, self.transcript, run=self.run_worker, changed=self.stand, warn=self.warn
        )
        self._begin = (resume, last)
        self._early = Early(self.commands.run)

    def compose(self) -> ComposeResult:
        """Answers and sources, the field below, and the line that tells how things stand."""
        yield self.body
        yield self.composer
        yield self.status
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
            await self.begin()
        except (AgentError, KnowledgeError) as error:
            self.asking.idle = "not open"
            self.complain(error)
            self.stand()
        except OSError as error:  # such as of a folder that was removed while one was in it
            self.asking.idle = "not open"
            self.complain(AgentError(f"It cannot be opened: {error}.", hint=_GONE))
            self.stand()
        await self._early.carry_out()
        self.asking.held = False
        self.stand()
        if self.talk.ready:
            try:
                await beginning.welcome(self)
            except (AgentError, KnowledgeError) as error:
                self.complain(error)

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
        if not self._early.over:
            self._early.said.append(text)
        self.transcript.notice(text)

    def tell(self, text: str) -> None:
        """Say something for a moment."""
        self.notify(one_line(text, 400), markup=False)

    def warn(self, text: str) -> None:
        """Say for a moment that something is not as it should be."""
        self.notify(one_line(text, 400), severity="warning", markup=False)

    def complain(self, error: AgentError | KnowledgeError) -> None:
        """Say what went wrong, and what to do."""
        self.notice(f"{error} {error.hint}".rstrip())

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
        if self.status.is_attached:
            self.status.show(self.asking.standing)
            self.composer.show_waiting([*self._early.lines, *self.asking.waiting])
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
        self.copy_to_clipboard(sendable(text))
        self.tell(f"Copied the {what}.")

    def copy_to_clipboard(self, text: str) -> None:
        """By the terminal, and on a desktop by its own clipboard; what the mouse selected, too."""
        super().copy_to_clipboard(text)
        if not self.is_headless and not self.is_web:
            self.run_worker(lambda: clipboard.copy(text), thread=True, group="clipboard")

    async def begin(self) -> None:
        """Open what the chat was started for."""
        await self.go_on(self._begin[0], last=self._begin[1])

    async def go_on(self, resume: str | None = None, *, last: bool = False) -> None:
        """Open a session, or a new one, and show what is in it."""
        self.asking.held = True
        try:
            await self.talk.open(resume, last=last)
            turns = await self.talk.turns()
            self.transcript.load(turns)
            self.asking.begin_with(self.transcript.answers, turns)
            for text in self._early.said:
                self.transcript.notice(text)
        finally:
            self.asking.held = bool(self._early.lines)
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
        elif self._early.lines:
            self.put(Question(self._early.lines.pop()))
            self.stand()

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        """A key of the transcript."""
        if (line := _LINES.get(event.what)) is not None:
            self.action_line(line)
        elif event.answer.citations:
            self.body.show_sources()

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other screens have keys of their own: there only leaving is left of these."""
        if action in ("line", "panel", "steps", "stop"):
            return len(self.screen_stack) == 1
        return True

    def action_line(self, line: str) -> None:
        """Carry out a command's line, once what it needs is open."""
        if self._early.takes(line):
            self.stand()
        else:
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
        self.body.toggle_sources()

    # how it looks

    def _wear(self) -> None:
        if self.looks.theme in self.available_themes:
            self.theme = self.looks.theme
        self.set_class(self.looks.plain, "-plain")
        self.animation_level = "none" if self.looks.plain else "full"
        self.body.linear(self.looks.plain)
        self.status.linear(self.looks.plain)
