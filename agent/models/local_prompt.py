"""Messages -> the text that local weights read, cut where the kept prefix ends. Reads nothing.

Text of documents and users never becomes control: a token such as `<|im_end|>` in it is broken
with a word joiner, which no reader sees and the check of quotes looks through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.models.local_engine import TemplateRefuses

if TYPE_CHECKING:
    from agent.messages import Message

    Render = Callable[[Sequence[Mapping[str, str]]], str]

_JOINER = "\u2060"
_PROBE = "\ue000"
"""A character for private use that stands for the rest: where it is shown, the prefix ends."""


def split(
    messages: Sequence[Message], render: Render, specials: Sequence[str] = ()
) -> tuple[str, str]:
    """The prompt in two parts: up to the end of `Message.prefix`, and the rest.

    Where no message has one, or the template shows it so that it cannot be told apart, the first
    part is empty. The first part is the same to the byte while system message and prefix are.

    Args:
        messages: The conversation.
        render: The weights' chat template.
        specials: What the tokenizer reads as control.

    Raises:
        ModelError: The template cannot show the conversation.
    """
    harmless = _defuser(specials)
    said = [{"role": m.role, "content": harmless(m.whole)} for m in messages]
    where = next((i for i, m in enumerate(messages) if m.prefix), None)
    if where is None:
        return "", _rendered(said, render)
    prefix = harmless(messages[where].prefix)
    # A token may not arise where the two meet, nor be broken in one question and not in the next.
    said[where]["content"] = prefix + harmless(messages[where].content)
    role = messages[where].role
    probed = _rendered([*said[:where], {"role": role, "content": prefix + _PROBE}], render)
    head = probed.rpartition(_PROBE)[0]
    whole = _rendered(said, render)
    if not whole.startswith(head) or len(head) == len(whole):
        return "", whole
    return head, whole[len(head) :]


def _defuser(specials: Sequence[str]) -> Callable[[str], str]:
    # A token of one character cannot be broken; it is white space or a letter, and harmless.
    long = sorted({s for s in specials if len(s) > 1 and not s.isspace()}, key=len, reverse=True)
    if not long:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, long)))
    return lambda text: pattern.sub(lambda m: m[0][0] + _JOINER + m[0][1:], text)


def _rendered(messages: Sequence[Mapping[str, str]], render: Render) -> str:
    """By the template; one that knows no system role is given its text before the first user's."""
    try:
        return render(messages)
    except TemplateRefuses as refusal:
        if len(messages) > 1 and messages[0]["role"] == "system":
            first = f"{messages[0]['content']}\n\n{messages[1]['content']}"
            try:
                return render([{**messages[1], "content": first}, *messages[2:]])
            except TemplateRefuses:
                pass
        raise ModelError(
            f"The chat template of these weights fails: {refusal}",
            hint="Mend it, or take other weights: --model local:PATH",
        ) from refusal
