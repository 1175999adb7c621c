"""A tool, or a project's command, asks: the user says whether it may. Leaving it means no."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from agent.approvals import Decision
from agent.plain_text import clean, one_line

if TYPE_CHECKING:
    from agent.approvals import Answer, Request

_WORDS: dict[Answer, str] = {
    "once": "Yes, this once",
    "session": "Yes, for this session",
    "always": "Always",
    "deny": "No",
    "never": "Never",
}
_DETAIL = 4000
"""Characters of what is asked about that are shown."""


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
                yield Static(Text(clean(request.detail[:_DETAIL])))
            yield OptionList(
                *(Option(_WORDS[choice], id=choice) for choice in _WORDS if choice in self._choices)
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

    def action_deny(self) -> None:
        """Leave without a word."""
        self.dismiss(Decision("deny"))

    @property
    def _choices(self) -> set[str]:
        return {*self._request.choices, "deny"}


async def ask(app: App[None], request: Request) -> Decision:
    """Show a request over whatever is shown, and wait for the answer."""
    decided: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

    def done(decision: Decision | None) -> None:
        if not decided.done():
            decided.set_result(decision or Decision("deny"))

    app.push_screen(Approval(request), done)
    return await decided
