"""A plan of research as a tree: sub-questions, and below them what is searched for.

Shows; what is done to the plan is done above it. Texts may be a model's: they are never markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from agent.tui.plan_draft import Place
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.research.types import Part

_LONGEST = 500
"""Characters of a row."""


class PlanTree(Tree[Place]):
    """Its rows are cut to its width; `Tree.NodeHighlighted` tells which is under the cursor."""

    DEFAULT_CSS = """
    PlanTree { background: $background; overflow-x: hidden; scrollbar-size-vertical: 1;
               padding: 0 1; }
    PlanTree > .tree--cursor, PlanTree:focus > .tree--cursor {
        background: $primary 30%; color: $foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        """Begin empty."""
        super().__init__(Text("plan"), id=id)
        self.show_root = False
        self.auto_expand = False
        self.guide_depth = 3

    def linear(self, linear: bool) -> None:
        """Draw no lines and no signs, or do."""
        self.show_guides = not linear
        kind = type(self)
        self.ICON_NODE = "" if linear else kind.ICON_NODE
        self.ICON_NODE_EXPANDED = "" if linear else kind.ICON_NODE_EXPANDED

    @property
    def place(self) -> Place | None:
        """What is under the cursor."""
        return self.cursor_node.data if self.cursor_node is not None else None

    def show_plan(self, parts: Sequence[Part], at: Place | None = None) -> None:
        """Show sub-questions with their queries.

        Args:
            parts: All of them.
            at: Where the cursor stands afterwards; None for the first.
        """
        self.clear()
        wanted: TreeNode[Place] | None = None
        for i, part in enumerate(parts):
            label = _label(f"{part.n}. {part.question}", "bold")
            about = f"  ({one_line(part.answered_by, 200)})"
            label.append(about, style="not bold dim")
            node = self.root.add(label, Place(i), expand=True)
            if at == Place(i):
                wanted = node
            for j, query in enumerate(part.queries):
                leaf = node.add_leaf(_label(query), Place(i, j))
                if at == Place(i, j):
                    wanted = leaf
        self.root.expand()
        _ = self.last_line  # numbers the lines anew, for the cursor to find its own
        if self.root.children:
            self.move_cursor(wanted or self.root.children[0])

    def show_progress(self, questions: Mapping[int, str], found: Mapping[int, str]) -> None:
        """Show sub-questions by their numbers, and below each what there is for it."""
        known = self.root.children
        for i, (n, question) in enumerate(questions.items()):
            told = _label(found.get(n) or "nothing yet", "dim")
            if i == len(known):
                node = self.root.add(_label(f"{n}. {question}", "bold"), Place(i), expand=True)
                node.add_leaf(told, Place(i))
            elif known[i].children[0].label != told:
                known[i].children[0].set_label(told)
        self.root.expand()

    def render_label(self, node: TreeNode[Place], base_style: Style, style: Style) -> Text:
        """The row, cut to what there is room for."""
        label = super().render_label(node, base_style, style)
        depth = 1 if node.parent is self.root else 2
        room = self.size.width - self.guide_depth * depth
        if room > 0:
            label.truncate(room, overflow="ellipsis")
        return label


def _label(text: str, style: str = "") -> Text:
    return Text(one_line(text, _LONGEST) or "…", style=style)
