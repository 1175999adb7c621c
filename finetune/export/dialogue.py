"""What a chat template writes around each turn, found by rendering marked turns.

Ollama's templates are in a language of their own. One is drawn up from the pieces where they give
again every conversation that was tried; a template that does more has no such form, and gets none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finetune.export.source import ExportError, Messages

Render = Callable[[Messages, bool], str]
"""Renders a conversation; True where an answer is to follow."""

_SYSTEM, _USER, _ANSWER = "qsystemq", "quserq", "qanswerq"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The pieces: what stands before and behind a turn's text, by role."""

    system: tuple[str, str]
    user: tuple[str, str]
    assistant: tuple[str, str]
    begin: str
    """Before the first turn: the token that begins a text, or nothing."""
    opening: str
    """What invites an answer."""
    default: str
    """The system's words where a conversation has none; empty for none."""

    def go_template(self) -> str:
        """As Ollama's `TEMPLATE`; the token that begins a text is not in it, for Ollama adds it."""
        roles = {"system": self.system, "user": self.user, "assistant": self.assistant}
        parts = []
        for n, (role, (before, behind)) in enumerate(roles.items()):
            test = f'{{{{ {"else " if n else ""}if eq .Role "{role}" }}}}'
            parts.append(f"{test}{_go(before)}{{{{ .Content }}}}{_go(behind)}")
        turns = "".join(parts)
        return f"{{{{ range .Messages }}}}{turns}{{{{ end }}}}{{{{ end }}}}{_go(self.opening)}"

    def _write(self, messages: Messages, answering: bool) -> str:
        text = self.begin
        if self.default and messages[0]["role"] != "system":
            text += self.default.join(self.system)
        for turn in messages:
            before, behind = getattr(self, turn["role"])
            text += before + turn["content"] + behind
        return text + (self.opening if answering else "")


def turn_end(render: Render, tokens: Sequence[str]) -> str:
    """The special token that a template writes behind an answer; empty for none.

    Args:
        render: Renders a conversation.
        tokens: The tokenizer's special tokens, as text.
    """
    behind = render(_turns((_USER, _ANSWER)), False).partition(_ANSWER)[2].lstrip()
    return max(
        (token for token in tokens if token and behind.startswith(token)), key=len, default=""
    )


def find(render: Render, bos: str) -> Dialogue | None:
    """The pieces of a template; None where it does more than put them together.

    Args:
        render: Renders a conversation.
        bos: The token that begins a text, or nothing.
    """
    try:
        found = _find(render, bos)
        tried = [
            (_turns((_USER,)), True),
            (_turns((_USER, _ANSWER, "q2", "q3")), False),
            (_turns((_USER, _ANSWER, "q2"), system=_SYSTEM), True),
        ]
        same = all(found._write(turns, end) == render(turns, end) for turns, end in tried)
    except (ExportError, ValueError):
        return None
    return found if same and '"""' not in found.default else None


def _find(render: Render, bos: str) -> Dialogue:
    """The pieces, by cutting what is rendered at the marks.

    Raises:
        ValueError: They are not where they should be.
    """
    first, rest = render(_turns((_USER,)), False).split(_USER)
    user_behind = rest
    opening = render(_turns((_USER,)), True).split(_USER)[1].removeprefix(user_behind)
    _, between, behind = _split(render(_turns((_USER, _ANSWER)), False), _USER, _ANSWER)
    before_answer = between.removeprefix(user_behind)
    _, _, next_user, _ = _split(render(_turns((_USER, _ANSWER, "q2")), False), _USER, _ANSWER, "q2")
    before_user = next_user.removeprefix(behind)
    led, middle, _ = _split(render(_turns((_USER,), system=_SYSTEM), False), _SYSTEM, _USER)
    begin = bos if bos and led.startswith(bos) else ""
    system = (led.removeprefix(begin), middle.removesuffix(before_user))
    default = first.removeprefix(begin).removesuffix(before_user)
    default = default.removeprefix(system[0]).removesuffix(system[1])
    return Dialogue(
        system,
        (before_user, user_behind),
        (before_answer, behind),
        begin,
        opening,
        default,
    )


def _split(text: str, *marks: str) -> list[str]:
    """What stands between the marks; ValueError where one is missing."""
    parts = []
    for mark in marks:
        part, found, text = text.partition(mark)
        if not found:
            raise ValueError(mark)
        parts.append(part)
    return [*parts, text]


def _turns(texts: Sequence[str], system: str = "") -> Messages:
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def _go(text: str) -> str:
    """A literal of Go's templates; nothing for nothing."""
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if text else ""
