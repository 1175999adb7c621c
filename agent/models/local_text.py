"""Tokens as they come -> text as far as it is certain. Knows no tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_WIDEST = 8
"""Tokens that one character may take; what is no character by then is shown as it is."""


class Detokenizer:
    """The text of one answer: the pieces that it gives, joined, are the tokens' text."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        """Begin.

        Args:
            decode: Tokens -> text, with U+FFFD for what is no whole character.
        """
        self._decode = decode
        self._tokens: list[int] = []
        self._told = self._read = 0

    def feed(self, token: int) -> str:
        """What is certain with one more token; often empty."""
        self._tokens.append(token)
        return self._new(last=False)

    def flush(self) -> str:
        """What was held back, where no token follows."""
        return self._new(last=True)

    def _new(self, *, last: bool) -> str:
        # Some tokenizers show a token otherwise at the beginning of a text, so that what is new is
        # read behind the tokens before it.
        before = self._decode(self._tokens[self._told : self._read])
        now = self._decode(self._tokens[self._told :])
        open_end = now.endswith("\ufffd") and len(self._tokens) - self._read < _WIDEST
        if len(now) <= len(before) or (open_end and not last):
            return ""
        self._told, self._read = self._read, len(self._tokens)
        return now[len(before) :]
