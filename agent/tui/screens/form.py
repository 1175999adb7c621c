"""A form that an MCP server shows in the middle of a call. Nothing is sent but by its button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Select, SelectionList, Static
from textual.widgets.selection_list import Selection

from agent.tui import form
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.tui.form import Field

_LABEL = 200
"""Characters of a name, or of an option's title, that are shown."""


class FormScreen(ModalScreen[Mapping[str, Any] | None]):
    """Fields to fill in; dismissed with what was filled in, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Do not answer")]
    DEFAULT_CSS = """
    FormScreen { align: center middle; }
    FormScreen > Vertical {
        width: 76; max-width: 94%; height: auto; max-height: 94%; padding: 0 2;
        border: thick $warning; background: $surface;
    }
    FormScreen .asked { height: auto; max-height: 20vh; }
    FormScreen .fields { height: auto; max-height: 40vh; margin: 1 0 0 0; }
    FormScreen Input, FormScreen SelectCurrent { background: $panel; }
    FormScreen Input:focus, FormScreen Select:focus > SelectCurrent { background: $primary-muted; }
    FormScreen Static { height: auto; }
    FormScreen SelectionList { height: auto; max-height: 6; }
    FormScreen #fault { min-height: 1; color: $text-error; text-style: bold; }
    FormScreen Horizontal { height: auto; }
    FormScreen Button { margin: 0 2 0 0; background: $panel; }
    """

    def __init__(self, title: str, reason: str, asked: str, schema: Mapping[str, Any]) -> None:
        """Show a form.

        Args:
            title: Who asks, in a line.
            reason: What becomes of the answer.
            asked: The question and what each field means, to be shown as it is.
            schema: The form. As the texts, a stranger's.
        """
        super().__init__()
        self._title = title
        self._reason = reason
        self._asked = asked
        self._fields = form.fields(schema)

    def compose(self) -> ComposeResult:
        """Who asks and why, the fields, and the two answers."""
        with Vertical():
            yield Static(Content.styled(one_line(self._title), "bold"))
            yield Static(Content(one_line(self._reason)))
            with VerticalScroll(classes="asked"):
                yield Static(Content(self._asked))
            with VerticalScroll(classes="fields", can_focus=False):
                for n, field in enumerate(self._fields):
                    label = Content.styled(one_line(field.name, _LABEL), "bold")
                    yield Static(label + Content(f" ({field.expected})"))
                    yield _control(field, f"field-{n}")
            yield Static("", id="fault", markup=False)
            with Horizontal():
                yield Button("Send it", id="send", compact=True)
                yield Button("Do not answer", id="leave", compact=True)

    def on_mount(self) -> None:
        """Begin with the first field."""
        first = self.query("#field-0")
        (first.first() if first else self.query_one("#leave")).focus()

    def on_input_submitted(self) -> None:
        """Enter goes on to what is next; only the button sends."""
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two answers."""
        if event.button.id == "leave":
            self.dismiss(None)
            return
        content: dict[str, Any] = {}
        for n, field in enumerate(self._fields):
            control = self.query_one(f"#field-{n}")
            try:
                found = _value(field, control)
            except ValueError as error:
                self.query_one("#fault", Static).update(f"{one_line(field.name, 40)} {error}.")
                control.focus()
                return
            if found is not None:
                content[field.name] = found
        self.dismiss(content)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


def _control(field: Field, id: str) -> Widget:
    """Where a field is filled in; its default stands there already."""
    if field.kind == "many":
        chosen = field.default if isinstance(field.default, list) else []
        return SelectionList[int](
            *(
                Selection(Content(one_line(title, _LABEL)), n, value in chosen)
                for n, (title, value) in enumerate(field.options)
            ),
            id=id,
            compact=True,
        )
    if field.kind in ("one", "yes"):
        values = [value for _, value in field.options]
        return Select(
            [(Text(one_line(title, _LABEL)), n) for n, (title, _) in enumerate(field.options)],
            prompt="Choose", id=id, compact=True,
            value=values.index(field.default) if field.default in values else Select.NULL,
        )  # fmt: skip
    default = field.default
    typed = ", ".join(map(str, default)) if isinstance(default, list) else default
    return Input("" if typed is None else one_line(str(typed)), id=id, compact=True)


def _value(field: Field, control: Widget) -> Any:
    """What was filled in, or None.

    Raises:
        ValueError: It does not fit; says why.
    """
    if isinstance(control, Input):
        return form.value(field, control.value)
    if isinstance(control, SelectionList):
        found = [field.options[n][1] for n in sorted(control.selected)]
    elif isinstance(control, Select) and isinstance(control.value, int):
        return field.options[control.value][1]
    else:
        found = []
    if not found and field.required:
        raise ValueError("is needed")
    return found or None
