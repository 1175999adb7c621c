"""A tool, a project's command or a server asks: the user says whether it may. Leaving means no.

An address that a server wants visited is shown as text, and is not opened.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key, Paste
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from agent.approvals import SHOWN, Decision
from agent.plain_text import clean
from agent.tui.screens.form import FormScreen
from agent.tui.widgets.safe_text import one_line, shown

if TYPE_CHECKING:
    from textual.screen import Screen

    from agent.approvals import Answer, Request

T = TypeVar("T")

_WORDS: dict[Answer, str] = {
    "once": "Yes, this once",
    "session": "Yes, for this session",
    "always": "Always",
    "deny": "No",
    "never": "Never",
}
_VISIT = "I visit the page myself"


class Approval(ModalScreen[Decision]):
    """Asks one question."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "deny", "No")]

    def __init__(self, request: Request) -> None:
        """Show a request; dismissed with the decision."""
        super().__init__()
        self._request = request

    def compose(self) -> ComposeResult:
        """What is asked, why, of what, and the answers that make a difference."""
        request = self._request
        with Vertical():
            yield Static(Text(one_line(request.title), style="bold"))
            yield Static(Text(one_line(request.reason)))
            with VerticalScroll(id="detail"):
                yield Static(Text(_detail(request)))
            yield OptionList(
                *(
                    Option(
                        _VISIT if choice == "once" and request.kind == "url" else words, id=choice
                    )
                    for choice, words in _WORDS.items()
                    if choice in self._choices
                )
            )

    def on_mount(self) -> None:
        """The careful answer is the one that Enter gives."""
        options = self.query_one(OptionList)
        options.highlighted = options.get_option_index("deny")
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The user has answered."""
        chosen = next(choice for choice in _WORDS if choice == event.option.id)
        self.dismiss(Decision(chosen))

    def on_key(self, event: Key) -> None:
        """Who was typing when this came up goes on typing in the field, and answers nothing."""
        if not event.is_printable or event.character is None:
            return
        event.stop()
        field = self._typed_in()
        if isinstance(field, TextArea):
            field.insert(event.character)
        elif isinstance(field, Input):
            field.insert_text_at_cursor(event.character)

    def on_paste(self, event: Paste) -> None:
        """The same of what is pasted."""
        event.stop()
        if (field := self._typed_in()) is not None:
            field.post_message(Paste(event.text))

    def _typed_in(self) -> TextArea | Input | None:
        """The field that had the cursor when this came up."""
        self.query_one(OptionList).highlighted = None  # so that Enter means nothing yet
        stack = self.app.screen_stack
        field = stack[stack.index(self) - 1].focused
        return field if isinstance(field, TextArea | Input) else None

    def action_deny(self) -> None:
        """Leave without a word."""
        self.dismiss(Decision("deny"))

    @property
    def _choices(self) -> set[str]:
        return {*self._request.choices, "deny"}


async def ask(app: App[None], request: Request) -> Decision:
    """Show a request over whatever is shown, and wait for the answer."""
    if request.kind != "form":
        return await _left(app, Approval(request)) or Decision("deny")
    screen = FormScreen(request.title, request.reason, _detail(request), request.arguments)
    content = await _left(app, screen)
    return Decision("deny") if content is None else Decision("once", content=content)


async def _left(app: App[None], screen: Screen[T]) -> T | None:
    """What a screen is left with. It goes when nobody waits for that any more."""
    left: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    def done(result: T | None) -> None:
        if not left.done():
            left.set_result(result)

    app.push_screen(screen, done)
    try:
        return await left
    except asyncio.CancelledError:
        if screen.is_current:
            screen.dismiss(None)
        raise


def _detail(request: Request) -> str:
    """What is asked about: a stranger's words, made harmless; too many are said to be so."""
    text = "\n".join(map(shown, clean(request.detail[:SHOWN]).split("\n")))
    more = len(request.detail) - SHOWN
    return f"{text}\n(and {more:,} more characters, which are not shown)" if more > 0 else text
