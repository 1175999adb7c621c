"""Every setting: what it is, what it means, changed in place. Works by what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList

from agent.errors import AgentError
from agent.tui.screens.listing import BACK, ListScreen
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.config import Setting, Value

_FIRST = ("model", "mode", "persona", "theme", "plain", "library", "max_cost", "max_tokens",
          "max_steps", "max_seconds")  # fmt: skip
"""What is changed most, above all else."""
_FROM = {"file": "from the file", "env": "from the environment", "flag": "until you leave"}


class SettingsScreen(ListScreen[None]):
    """The settings in a list; Enter changes one, and it is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d,delete", "reset", "Back to the default", key_display="d"),
        BACK,
    ]
    FIND = "/ to filter by name or meaning"
    ASK = "A new value, then Enter"

    def __init__(
        self,
        read: Callable[[], Sequence[Setting]],
        write: Callable[[str, str], object],
        known: Callable[[str], Sequence[str]] = lambda name: (),
    ) -> None:
        """Show settings.

        Args:
            read: All of them, as they are now.
            write: Keeps a value as it is typed, or for empty text the default. May raise
                `AgentError`.
            known: The values that one may have, where they can be listed.
        """
        super().__init__()
        self._read = read
        self._write = write
        self._known = known
        self._settings: dict[str, Setting] = {}

    def on_mount(self) -> None:
        """Fill the list."""
        self._refill()
        self.note("")
        self.rows.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out of the footer what cannot be done here."""
        return bool(self.keys) if action == "reset" else True

    def _refill(self, chosen: str | None = None) -> None:
        order = {name: n for n, name in enumerate(_FIRST)}
        found = sorted(self._read(), key=lambda setting: order.get(setting.name, len(order)))
        self._settings = {setting.name: setting for setting in found}
        words = self.search_line.value.casefold().split()
        rows = [
            (setting.name, _row(setting))
            for setting in found
            if all(word in f"{setting.name} {setting.doc}".casefold() for word in words)
        ]
        self.fill(rows, chosen or self.chosen)
        self.head(f"Settings · {len(rows)}")

    def note(self, text: str) -> None:
        """A line below the list; how to change something, where there is nothing else."""
        super().note(text or "Enter changes a setting, and it is kept for the next time, too.")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        if event.input is self.search_line:
            self._refill()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Type another value."""
        if self.chosen is None:
            return
        setting = self._settings[self.chosen]
        self.ask(_shown(setting.value))
        note = f"{setting.name} is {setting.expected}. Esc keeps it as it is."
        if known := self._known(setting.name):
            note = f"One of: {', '.join(map(one_line, known))}. Esc keeps it as it is."
        if setting.origin == "env":
            note += " It now comes from the environment, which goes before the file."
        if setting.origin == "flag":
            note += " What it is now was chosen for this chat alone."
        self.note(note)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in one of the two lines."""
        if event.input is self.search_line:
            self.rows.focus()
            return
        if (name := self.chosen) is not None:
            self._change(name, event.value.strip())

    def action_reset(self) -> None:
        """Take a setting out of the file."""
        if (name := self.chosen) is not None:
            self._change(name, "")

    def _change(self, name: str, text: str) -> None:
        try:
            self._write(name, text)
        except AgentError as error:
            self.fail(error)  # the line stays, to be mended
            return
        self.close_ask()
        self._refill(name)
        self.note(f"{name} is {_shown(self._settings[name].value) or 'unset'}.")


def _row(setting: Setting) -> Content:
    value = one_line(_shown(setting.value), 200) or "unset"
    origin = f"  ({_FROM[setting.origin]})" if setting.origin in _FROM else ""
    return Content("").join(
        [
            Content.styled(f"{setting.name}: ", "bold"),
            Content.styled(value, "$text-accent" if origin else ""),
            Content.styled(f"{origin}\n  {one_line(setting.doc, 300)}", "dim"),
        ]
    )


def _shown(value: Value) -> str:
    return "" if value is None else str(value)
