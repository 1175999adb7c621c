"""How a stored session looks in a list: a title, and below it when it was or what was found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual.content import Content

from agent.plain_text import plural
from agent.tui.widgets.safe_text import one_line

if TYPE_CHECKING:
    from agent.transcripts import Hit, SessionInfo


def session_row(info: SessionInfo, hit: Hit | None = None) -> Content:
    """A session on two rows.

    Args:
        info: The session.
        hit: Where the words stand that were searched for; shown in place of the particulars.
    """
    title = one_line(info.title, 200) or "untitled"
    turns = plural(info.turns, "question")
    day = datetime.fromtimestamp(info.updated).strftime("%Y-%m-%d %H:%M")
    forked = f" · forked from {one_line(info.parent, 20)}" if info.parent else ""
    parts = [Content.styled(title, "bold"), Content("\n  ")]
    if hit is not None:
        parts += [Content.styled(f"{day} · ", "dim"), _excerpt(hit.excerpt)]
    else:
        about = f"{day} · {turns} · {one_line(info.id, 20)}{forked}"
        parts.append(Content.styled(about, "dim"))
    return Content("").join(parts)


def _excerpt(text: str) -> Content:
    """Words between `[` and `]` stand out; the brackets go."""
    parts = []
    for i, piece in enumerate(one_line(text, 400).split("[")):
        inside, found, after = piece.partition("]")
        if i and found:
            parts += [Content.styled(inside, "bold underline"), Content(after)]
        else:
            parts.append(Content(("[" if i else "") + piece))
    return Content("").join(parts)
