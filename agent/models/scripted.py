"""A model that plays from a script: it answers what a file says, word by word.

It drives tests, demos and recorded terminal sessions, and ships with the program so that users can
try a face or a mode without a provider: `--model scripted:PATH`. It thinks nothing up; a script
may quote what the asker put before it (see `ScriptedReply.text`). `script_file.py` tells its form.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import BadModelOutput, ModelError
from agent.messages import FREE, ModelUsage, TextDelta, ThoughtDelta
from agent.models.script_file import ScriptedReply, read_script

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec

PREFIX = "scripted:"
"""What a model name begins with that names a script."""

_TEMPLATE = re.compile(r"\{question\}|\{passage:(\d+)\}")
_SENTENCE = re.compile(r"\S.*?[.!?…](?=[\"'”’)\]]*(?:\s|$))[\"'”’)\]]*", re.DOTALL)
_HEADING = re.compile(r"\s*#{1,6}\s[^\n]*(?:\n|$)")


class Scripted:
    """A chat model that plays replies in order; see `ChatModel` for the contract."""

    can_call_tools = True
    price = FREE

    def __init__(
        self,
        replies: Sequence[ScriptedReply | str],
        *,
        loop: bool = False,
        context_window: int | None = None,
        name: str = "scripted",
    ) -> None:
        """Take the replies.

        Args:
            replies: In the order of the calls; a string is a reply's text.
            loop: Repeat the last reply for ever. Otherwise one call too many is an error.
            context_window: What to say when asked; changes nothing.
            name: By which the user chose it.
        """
        self.name = name
        self.context_window = context_window
        self.calls: list[tuple[Message, ...]] = []
        """The messages of each call, for tests."""
        self.offered: list[tuple[ToolSpec, ...]] = []
        """The tools of each call, for tests."""
        self.abandoned = 0
        """How many answers were left before their end, for tests."""
        self._replies = [r if isinstance(r, ScriptedReply) else ScriptedReply(r) for r in replies]
        self._loop = loop

    @classmethod
    def from_file(cls, path: str | Path) -> Scripted:
        """Read a script.

        Raises:
            ConfigError: It cannot be read or is no script; names the file and the reason.
        """
        script = read_script(Path(path))
        return cls(
            script.replies,
            loop=script.loop,
            context_window=script.context_window,
            name=f"{PREFIX}{path}",
        )

    async def warm(self) -> None:
        """Nothing is slow to load."""

    def count(self, text: str) -> int:
        """Four characters are a token."""
        return -(-len(text) // 4)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Play the next reply; see `ChatModel.stream`. A word is a token to `max_tokens`."""
        number = len(self.calls) + 1
        self.calls.append(tuple(messages))
        self.offered.append(tuple(tools))
        reply = self._next(number)
        _check_expectation(reply, messages, number)
        if reply.error is not None:
            raise type(reply.error)(str(reply.error), hint=reply.error.hint)
        text = _fill(reply.text, messages, number)
        ended = False
        try:
            for word in _words(reply.thoughts):
                await asyncio.sleep(reply.delay)
                yield ThoughtDelta(word)
            words = _words(text)
            said = words if max_tokens is None or reply.endless else words[:max_tokens]
            for word in said:
                await asyncio.sleep(reply.delay)
                yield TextDelta(word)
            while reply.endless:
                for word in _words(" " + text):
                    await asyncio.sleep(reply.delay)
                    yield TextDelta(word)
            ended = True
        finally:
            self.abandoned += not ended
        if reply.cut:
            raise BadModelOutput(
                f"The answer of {self.name} broke off before its end, as its script says.",
                hint="Ask again.",
            )
        for request in reply.tool_requests:
            yield request
        yield reply.usage or self._usage(messages, reply, "".join(said), len(said) < len(words))

    async def aclose(self) -> None:
        """Nothing is held."""

    def _next(self, number: int) -> ScriptedReply:
        if number <= len(self._replies):
            return self._replies[number - 1]
        if self._loop and self._replies:
            return self._replies[-1]
        raise ModelError(
            f"The script {self.name} has {len(self._replies)} replies, and this is call {number}.",
            hint="Add a reply to it, or `loop = true` to repeat the last one.",
        )

    def _usage(
        self, messages: Sequence[Message], reply: ScriptedReply, said: str, cut: bool
    ) -> ModelUsage:
        return ModelUsage(
            input_tokens=sum(self.count(message.whole) for message in messages),
            output_tokens=self.count(reply.thoughts) + self.count(said),
            finish="length" if cut else "tools" if reply.tool_requests else "stop",
        )


def _check_expectation(reply: ScriptedReply, messages: Sequence[Message], number: int) -> None:
    asked = next((m.content for m in reversed(messages) if m.role == "user"), "")
    if reply.expect.casefold() not in asked.casefold():
        raise ModelError(
            f"Reply {number} of the script expects to be asked about {reply.expect!r}, "
            f"and was asked {asked[-200:]!r}.",
            hint="Put the replies in the order of the questions, or mend `expect`.",
        )


def _fill(text: str, messages: Sequence[Message], number: int) -> str:
    """Put the question and the evidence where the text names them."""
    evidence = next((m.evidence for m in reversed(messages) if m.evidence is not None), None)
    asked = next((m.content for m in reversed(messages) if m.role == "user"), "")

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return evidence.question if evidence else asked
        n, passages = int(match[1]), evidence.passages if evidence else ()
        if not 1 <= n <= len(passages):
            raise ModelError(
                f"Reply {number} of the script quotes passage {n}, and was given {len(passages)}.",
                hint="Quote a passage with a lower number, or ask for more passages.",
            )
        return first_sentence(passages[n - 1].text)

    return _TEMPLATE.sub(value, text)


def first_sentence(text: str) -> str:
    """The first sentence of a text that is no heading, letter for letter; all, if none ends."""
    body = text
    while heading := _HEADING.match(body):
        body = body[heading.end() :]
    found = _SENTENCE.search(body)
    return found[0] if found else (body.strip() or text.strip())


def _words(text: str) -> list[str]:
    """Words with the blanks before them; joined, they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)
