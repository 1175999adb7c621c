"""The first run: what this is, and three ways to begin. Does nothing itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

Beginning = tuple[Literal["demo", "add", "model", "later"], str]
"""What was chosen, and what was typed with it."""

_TEXT = (
    "Understudy answers from your own documents. Every answer quotes the sources it stands on, "
    "and each quote is checked before you see it. Where they do not hold the answer, it says so."
    "\n\nWith nothing configured it works offline and sends nothing anywhere."
)
_ASKED = {"add": "A folder, a file or a URL, then Enter", "model": "A model, then Enter"}


class WelcomeScreen(ModalScreen[Beginning]):
    """Explains, and offers the demo, a folder, a model."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Later")]
    DEFAULT_CSS = """
    WelcomeScreen { align: center middle; }
    WelcomeScreen > Vertical {
        width: 76; max-width: 94%; height: auto; max-height: 94%; padding: 1 2;
        border: round $accent; background: $surface;
    }
    WelcomeScreen OptionList { height: auto; margin: 1 0 0 0; border: none; }
    WelcomeScreen OptionList:focus { border: none; }
    WelcomeScreen Input { display: none; margin: 1 0 0 0; }
    WelcomeScreen Input.-shown { display: block; }
    """

    def __init__(self, model: str) -> None:
        """Offer ways to begin.

        Args:
            model: Who answers as it stands.
        """
        super().__init__()
        self._model = model
        self._asked: Literal["add", "model"] = "add"

    def compose(self) -> ComposeResult:
        """What it is, the ways, and a line to type in."""
        with Vertical():
            yield Static(Content.styled("Welcome to Understudy\n", "bold"))
            yield Static(_TEXT, markup=False)
            yield OptionList(
                Option("See the demo: it answers from its own handbook", id="demo"),
                Option("Add a folder, a file or a web page of yours", id="add"),
                Option(f"Choose a model (now: {self._model})", id="model"),
                Option("Just begin to type", id="later"),
                markup=False,
            )
            yield Input()

    def on_mount(self) -> None:
        """Enter takes the first."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """One of the ways; two of them need a word more."""
        match event.option.id:
            case "add" | "model" as chosen:
                self._asked = chosen
                line = self.query_one(Input)
                line.placeholder = _ASKED[chosen]
                line.add_class("-shown")
                line.focus()
            case "demo":
                self.dismiss(("demo", ""))
            case _:
                self.dismiss(("later", ""))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What was asked for."""
        if text := event.value.strip():
            self.dismiss((self._asked, text))

    def action_back(self) -> None:
        """Out of the line, then out of the screen."""
        line = self.query_one(Input)
        if line.has_class("-shown"):
            line.remove_class("-shown")
            line.value = ""
            self.query_one(OptionList).focus()
        else:
            self.dismiss(("later", ""))
