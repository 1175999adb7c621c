"""A plan of research shown to its user, who changes it, approves it, or does not.

Knows no run: it is given a plan, and says what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static, Tree

from agent.errors import UsageError
from agent.plain_text import duration, money, plural
from agent.tui.plan_draft import Draft, Place
from agent.tui.widgets.plan_tree import PlanTree
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.research.types import Plan

_EDITING = ("approve", "edit", "add", "add_query", "remove", "undo")


class PlanEditor(Vertical):
    """The plan as a tree, what it may come to, and a line to type in."""

    DEFAULT_CSS = """
    PlanEditor { height: 1fr; }
    PlanEditor > PlanTree { height: 1fr; }
    PlanEditor > Static { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
    PlanEditor > #whole { min-height: 1; border-top: solid $panel; color: $foreground; }
    PlanEditor.-linear > #whole { border-top: none; }
    PlanEditor > #line { display: none; border: none; height: 1; padding: 0 1; background: $boost; }
    PlanEditor.-typing > #line { display: block; }
    PlanEditor > #hint { min-height: 1; background: $panel; }
    PlanEditor > #hint.-failed { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "approve", "Go on"),
        Binding("e", "edit", "Edit"),
        Binding("a", "add", "Add"),
        Binding("s", "add_query", "Add a query"),
        Binding("d,delete", "remove", "Take out", key_display="d"),
        Binding("u", "undo", "Undo"),
        Binding("escape", "discard", "Discard", key_display="esc"),
        Binding("escape", "leave", "Leave", key_display="esc"),
    ]

    class Decided(Message):
        """The plan was approved as it is now, or is not wanted."""

        def __init__(self, plan: Plan | None) -> None:
            self.plan = plan
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        """Begin without a plan."""
        super().__init__(id=id)
        self._draft: Draft | None = None
        self._typed: Callable[[str], Place] | None = None
        """Puts what is typed into the draft; None while nothing is."""

    def compose(self) -> ComposeResult:
        """The tree, the whole row under the cursor, the estimate, the line, a hint."""
        yield PlanTree(id="plan")
        yield Static(id="whole", markup=False)
        yield Static(id="estimate", markup=False)
        yield Input(id="line", select_on_focus=False)
        yield Static(id="hint", markup=False)

    @property
    def tree_of_plan(self) -> PlanTree:
        """The tree."""
        return self.query_one(PlanTree)

    def linear(self, linear: bool) -> None:
        """Draw no lines and no signs, or do."""
        self.set_class(linear, "-linear")
        self.tree_of_plan.linear(linear)

    def show(self, plan: Plan) -> None:
        """Show a plan to be decided on."""
        self._draft = Draft(plan)
        told = plan.estimate
        parts = [f"At most {plural(told.pages, 'page')}"]
        if told.tokens:
            parts.append(f"about {told.tokens:,} tokens")
        parts += [money(told.cost), f"about {duration(told.seconds)}"]
        self.query_one("#estimate", Static).update(", ".join(parts) + ".")
        self._hint("Nothing has been searched yet: y goes on with this plan.")
        self._fill(Place(0))
        self.tree_of_plan.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out of the footer what cannot be done now."""
        if action in _EDITING:
            there = self._draft is not None and self._typed is None
            return there and (action != "undo" or (self._draft is not None and self._draft.changed))
        if action in ("discard", "leave"):
            return (self._typed is not None) == (action == "discard")
        return True

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Place]) -> None:
        """Show all of a row, which may be cut in the tree."""
        event.stop()
        place, draft = event.node.data, self._draft
        if place is not None and draft is not None and place in draft:
            self.query_one("#whole", Static).update(one_line(draft.text(place), 500))

    def on_tree_node_selected(self, event: Tree.NodeSelected[Place]) -> None:
        """Enter, or a click, edits a row."""
        event.stop()
        if self._typed is None:
            self.action_edit()

    # keys

    def action_approve(self) -> None:
        """Go on with the plan as it is now."""
        if self._draft is not None:
            self.post_message(self.Decided(self._draft.plan))

    def action_edit(self) -> None:
        """Change what is under the cursor."""
        draft, place = self._draft, self.tree_of_plan.place
        if draft is not None and place is not None:
            hint = "Enter keeps it, Esc leaves it as it was."
            self._type(draft.text(place), lambda text: draft.edit(place, text), hint)

    def action_add(self) -> None:
        """Add a sub-question."""
        if self._draft is not None:
            self._type("", self._draft.add_part, "A further sub-question:")

    def action_add_query(self) -> None:
        """Add a query to the sub-question under the cursor."""
        draft, place = self._draft, self.tree_of_plan.place
        if draft is not None and place is not None:
            hint = f"Something else to search for, for sub-question {place.part + 1}:"
            self._type("", lambda text: draft.add_query(place.part, text), hint)

    def action_remove(self) -> None:
        """Take out what is under the cursor."""
        if self._draft is None or (place := self.tree_of_plan.place) is None:
            return
        try:
            self._draft.remove(place)
        except UsageError as error:
            self._fail(error)
            return
        self._fill(Place(min(place.part, len(self._draft.parts) - 1)))
        self._hint("Taken out. u takes that back.")

    def action_undo(self) -> None:
        """Take back the last change."""
        if self._draft is not None:
            self._draft.undo()
            self._fill(self.tree_of_plan.place)
            self._hint("Taken back.")

    def action_discard(self) -> None:
        """Leave as it was what is being typed over."""
        self._end_typing()
        self._hint("")

    def action_leave(self) -> None:
        """The plan is not wanted."""
        self.post_message(self.Decided(None))

    # the line

    def _type(self, value: str, then: Callable[[str], Place], hint: str) -> None:
        self._typed = then
        line = self.query_one(Input)
        line.value = value
        line.cursor_position = len(value)
        self.add_class("-typing")
        line.focus()
        self._hint(hint)
        self.refresh_bindings()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed; where it cannot be taken it stays, to be mended."""
        event.stop()
        if self._typed is None:
            return
        try:
            place = self._typed(event.value)
        except UsageError as error:
            self._fail(error)
            return
        self._end_typing()
        self._fill(place)
        self._hint("y goes on with this plan.")

    def _end_typing(self) -> None:
        self._typed = None
        self.remove_class("-typing")
        self.tree_of_plan.focus()
        self.refresh_bindings()

    # showing

    def _fill(self, at: Place | None) -> None:
        if self._draft is not None:
            self.tree_of_plan.show_plan(self._draft.parts, at)
            self.refresh_bindings()

    def _hint(self, text: str) -> None:
        hint = self.query_one("#hint", Static)
        hint.update(text)
        hint.remove_class("-failed")

    def _fail(self, error: UsageError) -> None:
        self._hint(one_line(f"{error} {error.hint}", 500))
        self.query_one("#hint", Static).add_class("-failed")
