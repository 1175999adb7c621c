"""`agent chat`: questions and answers in a terminal. Paints first; all else loads behind it.

Screens and widgets know no model and no library; here they are given what they show. What an
event looks like is decided in `turn.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, aclosing, suppress
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from agent.errors import AgentError
from agent.plain_text import one_line
from agent.tui.approval import Approval
from agent.tui.turn import Turn
from agent.tui.widgets.answer import Answer
from agent.tui.widgets.composer import Composer
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from textual.worker import Worker

    from agent.approvals import Decision, Request
    from agent.events import Citation
    from agent.session import Session

_KEPT = 200
"""Answers that stay in the window; what is older can be read with `agent sessions show`."""
_WIDE = 100
"""Columns from which the sources stand beside the answers."""
_HELP = (
    "/mode auto|naive|agentic|cag   how answers are found\n"
    "/sources   the library: add, sync, remove\n"
    "/copy   the last answer to the clipboard\n"
    "/quit   leave\n"
    "Esc stops an answer, Tab moves to the sources, Enter on one opens it, Ctrl+T shows all steps."
)


class Chat(App[None]):
    """The chat."""

    CSS_PATH = "chat.tcss"
    TITLE = "Understudy"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop"),
        Binding("ctrl+t", "steps", "Steps"),
        Binding("ctrl+l", "library", "Library"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        open_session: Callable[[], AbstractContextManager[Session]],
        *,
        modes: tuple[str, ...] = (),
        mode: str = "",
    ) -> None:
        """Take what opens the conversation; it is opened once the first frame stands.

        Args:
            open_session: Opens it; it is closed when the app ends.
            modes: What `/mode` offers.
            mode: The one to begin with; empty for the session's own.
        """
        super().__init__()
        self._open_session = open_session
        self._offered = modes
        self._chosen = mode
        self._stack = ExitStack()
        self._session: Session | None = None
        self._waiting: deque[str] = deque()
        self._asking: Worker[None] | None = None
        self._turn: Turn | None = None
        self._cited: list[Citation] = []

    def compose(self) -> ComposeResult:
        """Transcript and sources, the field below, and the line that tells how things stand."""
        with Horizontal():
            with Vertical():
                yield VerticalScroll(id="transcript")
                yield Composer()
            yield OptionList(id="sources")
        yield Static("", id="status")
        yield Footer()

    def on_mount(self) -> None:
        """Type at once; load afterwards."""
        self.query_one(Composer).focus()
        self._tell("Opening the library …")
        self.call_after_refresh(self._open)

    async def on_unmount(self) -> None:
        """Let go of everything."""
        if self._session is not None:
            with suppress(AgentError, KnowledgeError, OSError):
                await self._session.aclose()
        self._stack.close()

    def on_resize(self) -> None:
        """The sources have room beside the answers, or have not."""
        self._place_sources()

    # asking

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """A command is carried out; a question is asked, or waits for its turn."""
        if event.text.startswith("/"):
            self._command(event.text)
        else:
            self._waiting.append(event.text)
            self._next()

    def _open(self) -> None:
        try:
            self._session = self._stack.enter_context(self._open_session())
        except (AgentError, KnowledgeError) as error:
            self._notice(f"{error} {error.hint}".rstrip())
            self._tell("The library could not be opened.")
            return
        self._tell(f"{self._session.model.name} · ready")
        self.run_worker(self._warm(self._session), exit_on_error=False)
        self._next()

    async def _warm(self, session: Session) -> None:
        with suppress(AgentError, KnowledgeError):
            await session.model.warm()

    def _next(self) -> None:
        """Ask the question that has waited longest, unless one is being answered."""
        busy = self._asking is not None and self._asking.is_running
        if self._session is not None and self._waiting and not busy:
            self._asking = self.run_worker(self._ask(self._session, self._waiting.popleft()))

    async def _ask(self, session: Session, question: str) -> None:
        transcript = self.query_one("#transcript", VerticalScroll)
        answer = Answer(question)
        await transcript.mount(answer)
        if len(transcript.children) > _KEPT:
            await transcript.children[0].remove()
        transcript.anchor()
        turn = self._turn = Turn(answer)
        try:
            stream = session.ask(question, mode=self._chosen or None, decide=self._decide)
            async with aclosing(stream) as events:
                async for event in events:
                    turn.show(event)
                    self._tell(turn.state)
        finally:
            self._cited = turn.citations
            self._show_sources()
            self._asking = None
            # Not from within the worker that ends.
            self.call_later(self._next)

    async def _decide(self, request: Request) -> Decision:
        answered: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

        def done(decision: Decision | None) -> None:
            if decision is not None and not answered.done():
                answered.set_result(decision)

        self.push_screen(Approval(request), done)
        return await answered

    def action_stop(self) -> None:
        """End the answer with what there is of it; a second time, at once."""
        if self._asking is None or self._session is None:
            self.query_one(Composer).focus()
        elif self._turn is not None and self._turn.state == "Stopping":
            self._asking.cancel()
        else:
            self._session.stop()
            if self._turn is not None:
                self._turn.state = "Stopping"
            self._tell("Stopping …")

    # what is shown

    def action_steps(self) -> None:
        """All steps of the last answer, or only its end."""
        if self._turn is not None:
            self._turn.answer.toggle_steps()

    def action_library(self) -> None:
        """The library's sources."""
        if self._session is not None:
            from agent.tui.screens.library import LibraryScreen

            self.push_screen(LibraryScreen(self._session.library))

    def on_answer_marker_clicked(self, event: Answer.MarkerClicked) -> None:
        """Open what a marker names, where it is the last answer's."""
        if self._turn is not None and event.answer is self._turn.answer:
            found = next((c for c in self._cited if c.n == event.n), None)
            if found is not None:
                self._open_citation(found)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open a source at its words."""
        if event.option_list.id == "sources":
            self._open_citation(self._cited[event.option_index])

    def _open_citation(self, citation: Citation) -> None:
        self.run_worker(self._show_document(citation), exclusive=True, group="document")

    async def _show_document(self, citation: Citation) -> None:
        from agent.tui.screens.document import DocumentScreen

        if self._session is None:
            return
        library = self._session.library
        try:
            document = await library.document(citation.document_id)
        except KnowledgeError as error:
            self._notice(f"{error} {error.hint}".rstrip())
            return
        await self.push_screen(
            DocumentScreen(
                document,
                citation,
                citations=tuple(self._cited),
                load=lambda other: library.document(other.document_id),
            )
        )

    def _show_sources(self) -> None:
        sources = self.query_one("#sources", OptionList)
        sources.clear_options()
        for citation in self._cited:
            mark = "✓" if citation.verified else "?"
            stale = " (changed since)" if citation.stale else ""
            name = one_line(citation.title or citation.source)
            text = Text(f"[{citation.n}] {mark} {name}{stale}\n", style="bold")
            text.append(one_line(citation.place), style="not bold dim")
            sources.add_option(Option(text))
        self._place_sources()

    def _place_sources(self) -> None:
        wide = self.size.width >= _WIDE and bool(self._cited)
        self.query_one("#sources").set_class(wide, "shown")

    # commands

    def _command(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        if name == "/quit":
            self.exit()
        elif name == "/mode":
            self._choose_mode(rest.strip())
        elif name == "/sources":
            self.action_library()
        elif name == "/copy":
            self._copy()
        elif name == "/help":
            self._notice(_HELP)
        else:
            self._notice(f"There is no command {one_line(name)}. /help lists them.")

    def _choose_mode(self, mode: str) -> None:
        if mode in self._offered:
            self._chosen = mode
            self._tell(f"mode {mode}")
        else:
            self._notice(f"/mode takes one of: {', '.join(self._offered)}")

    def _copy(self) -> None:
        if self._turn is not None and self._turn.answer.text:
            self.copy_to_clipboard(self._turn.answer.text)
            self._tell("Copied.")
        else:
            self._notice("There is no answer to copy yet.")

    def _notice(self, text: str) -> None:
        transcript = self.query_one("#transcript", VerticalScroll)
        transcript.mount(Static(Text(text), classes="notice"))
        transcript.anchor()

    def _tell(self, text: str) -> None:
        self.query_one("#status", Static).update(Text(one_line(text)))
