"""What the commands may do to the chat. The app is one; the commands know no other part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.screen import Screen

    from agent.tui.commands import Commands
    from agent.tui.conversation import Conversation
    from agent.tui.looks import Looks
    from agent.tui.question import Question
    from agent.tui.widgets.answer import Answer

T = TypeVar("T")


class Stage(Protocol):
    """The chat, as far as commands go."""

    talk: Conversation
    commands: Commands
    looks: Looks

    @property
    def busy(self) -> bool:
        """Whether a question is being answered."""

    @property
    def typed(self) -> str:
        """What stands where questions are typed."""

    @property
    def selected(self) -> Answer | None:
        """The answer under the cursor, or the last one."""

    @property
    def available_themes(self) -> Mapping[str, object]:
        """The themes, by name."""

    def notice(self, text: str) -> None:
        """Say something in the transcript that is no answer."""

    def tell(self, text: str) -> None:
        """Say something for a moment."""

    def ask(self, question: Question, *, mode: str = "") -> None:
        """Ask a question, or let it wait for its turn."""

    def asked(self, answer: Answer) -> Question:
        """The question of an answer, with what went with it."""

    def put(self, question: Question) -> None:
        """Let a question be edited where questions are typed."""

    def stand(self) -> None:
        """Show mode and model as they are now."""

    def look(self, looks: Looks) -> None:
        """Look so from now on, and keep it."""

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say so."""

    async def begin(self) -> None:
        """Open what the chat was started for, where that could not be done before."""

    async def go_on(self, resume: str | None = None) -> None:
        """Open a session, or a new one, and show what is in it."""

    async def show(self, screen: Screen[T]) -> T | None:
        """Show a screen until it is left; what it was left with is returned."""

    async def leave(self) -> None:
        """End the chat."""
