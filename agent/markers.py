"""Citation markers in an answer, as it streams: found, made uniform, and taken out where empty.

A marker is `[1]`, `[1, 2]`, `[1-3]` or the full-width `【1】`, `【1†p. 3】`; what is emitted is
always `[1]`, `[1][2]`, `[1][2][3]`. Not markers are: code between backticks or in a fence, a
Markdown link `[1](url)` and its definition `[1]: url`, a bracket behind a backslash, and numbers
of more than three digits, such as a year. What a marker stands for is said in `citations.py`.

Three simplifications of CommonMark: a code span does not go over a line's end, indentation makes
no code, because models indent lists, and what goes on for longer than any writer would (hundreds
of blanks before a fence, a span of a thousand characters) is plain text.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_ITEM = r"[0-9]{1,3}(?:\s?[-–]\s?[0-9]{1,3})?"
_ITEMS = rf"\s?({_ITEM}(?:\s?[,;]\s?{_ITEM}){{0,15}})"
_MARKER = re.compile(rf"\[{_ITEMS}\s?\]|【{_ITEMS}(?:†[^】\n]{{0,60}})?\s?】")
_MAY_GROW = re.compile(r"\[[\s0-9,;–-]{0,160}\Z|【[\s0-9,;–-]{0,160}(?:†[^】\n]{0,60})?\Z")
"""What may become a marker when more text comes."""
_SPECIAL = re.compile(r"[`\[【\\\n]")
_FAR = 200
"""Characters of white space, or of a fence, that are held back until it is plain what they are: an
answer of nothing else costs no more than any other."""
_SPAN = 1000
"""Characters of a code span at most."""
_ROW = 32
"""Markers of a row that are taken together."""
_TICKS = re.compile(rf"`{{1,{_FAR}}}")
_LIST = rf"(?:(?:[-*+]|[0-9]{{1,3}}[.)])[ \t]{{1,{_FAR}}})?"
_FENCE = re.compile(
    rf"[ \t>]{{0,{_FAR}}}(?P<item>{_LIST})"
    rf"(?P<mark>`{{3,{_FAR}}}|~{{3,{_FAR}}})(?P<info>.{{0,{_FAR}}})"
)
_MAY_FENCE = re.compile(
    rf"[ \t>]{{0,{_FAR}}}(?:[-*+]|[0-9]{{1,3}}[.)]?)?[ \t]{{0,{_FAR}}}(?:`{{0,2}}|~{{0,2}})\Z"
)


@dataclass(frozen=True, slots=True)
class Marker:
    """One `[n]` of a text."""

    n: int
    start: int
    end: int
    """Where it stands in the text that the filter has emitted."""


class MarkerFilter:
    """Text in as it streams, text out that is safe to show; how it is cut makes no difference."""

    def __init__(self, valid: Container[int]) -> None:
        """Take the numbers that name a passage; all others name nothing."""
        self.markers: list[Marker] = []
        """The markers emitted so far, in order."""
        self.code: list[tuple[int, int]] = []
        """Where fenced code stands in the emitted text; complete after `flush`."""
        self.removed = 0
        """How many numbers or ranges named nothing, wholly or in part."""
        self._valid = valid
        self._held = ""
        self._out: list[str] = []
        self._length = 0
        self._blank = True
        """Nothing but white space has been emitted of the current line."""
        self._line_start = True
        self._fence = ""
        self._fence_start = 0

    def feed(self, text: str) -> str:
        """The next piece of the answer -> what may be shown now; perhaps nothing yet."""
        return self._run(self._held + text, last=False)

    def flush(self) -> str:
        """What was still held back. The answer has ended."""
        shown = self._run(self._held, last=True)
        if self._fence:
            self.code.append((self._fence_start, self._length))
            self._fence = ""
        return shown

    def _run(self, text: str, *, last: bool) -> str:
        at = 0
        while at < len(text):
            if self._line_start:
                step = self._fence_line(text, at, last)
            elif self._fence:
                step = self._emit(text[at : self._line_end(text, at)])
            else:
                step = self._inline(text, at, last)
            if step < 0:
                break
            at += step
        self._held = text[at:]
        shown, self._out = "".join(self._out), []
        return shown

    # Each of the following emits what it can and returns how many characters of the text it has
    # dealt with, or -1 where it must see more first.

    def _fence_line(self, text: str, at: int, last: bool) -> int:
        end = self._line_end(text, at)
        line = text[at:end].removesuffix("\n")
        fence = _FENCE.fullmatch(line)
        whole = text.endswith("\n", at, end) or last
        # The whole line decides: "```a``` b" is a code span and opens nothing.
        if not whole and (fence or _MAY_FENCE.fullmatch(line)):
            return -1
        self._line_start = False
        if fence and self._fence:
            mark = fence["mark"]
            if mark.startswith(self._fence) and not (fence["item"] or fence["info"].strip()):
                step = self._emit(text[at:end])
                self.code.append((self._fence_start, self._length))
                self._fence = ""
                return step
        elif fence and not ("`" in fence["mark"] and "`" in fence["info"]):
            self._fence, self._fence_start = fence["mark"], self._length
            return self._emit(text[at:end])
        return 0

    def _inline(self, text: str, at: int, last: bool) -> int:
        special = _SPECIAL.search(text, at)
        here = special.start() if special else len(text)
        plain = text[at:here]
        if special is None and last:
            return self._emit(plain)
        # White space may have to go with a marker behind it.
        word = _before_space(plain)
        if special is None or text[here] in "[【":
            self._emit(word)
            space = plain[len(word) :]
            if special is None:
                return len(word) or -1
            step = self._bracket(text, here, space, last)
            return len(word) + len(space) + step if step >= 0 else len(word) or -1
        self._emit(plain)
        if text[here] == "\n":
            return len(plain) + self._emit("\n")
        step = (
            self._backslash(text, here, last)
            if text[here] == "\\"
            else self._ticks(text, here, last)
        )
        return len(plain) + step if step >= 0 else len(plain) or -1

    def _backslash(self, text: str, here: int, last: bool) -> int:
        if here + 1 == len(text) and not last:
            return -1
        return self._emit(text[here : here + 2].removesuffix("\n"))

    def _ticks(self, text: str, here: int, last: bool) -> int:
        """A code span as a whole, or backticks that close on this line with no others."""
        ticks = _TICKS.match(text, here)
        assert ticks is not None
        line_end = self._line_end(text, here)
        end = min(line_end, ticks.end() + _SPAN)
        complete = last or end < line_end or text.endswith("\n", here, end)
        close = re.compile(rf"(?<!`){ticks[0]}(?!`)").search(text, ticks.end(), end)
        if close and (close.end() < end or (complete and end == line_end)):
            return self._emit(text[here : close.end()])
        return self._emit(ticks[0]) if complete else -1

    def _bracket(self, text: str, here: int, space: str, last: bool) -> int:
        """A row of markers as one; the white space before it goes where all of them go."""
        end, items, row = here, "", 0
        while row < _ROW and (marker := _MARKER.match(text, end)):
            if marker.end() == len(text) and not last:
                return -1
            following = text[marker.end() : marker.end() + 1]
            if following == "(" or (following == ":" and self._blank):
                break
            items, end, row = f"{items},{marker[1] or marker[2]}", marker.end(), row + 1
        if marker is None and not last and _MAY_GROW.match(text, end):
            return -1
        if end == here:
            self._emit(space + (marker[0] if marker else text[here]))
            return len(marker[0]) if marker else 1

        numbers, removed = self._numbers(items)
        if numbers:
            self._emit(space)
            for n in numbers:
                self.markers.append(Marker(n, self._length, self._length + len(f"[{n}]")))
                self._emit(f"[{n}]")
        elif self._blank:
            behind = text[end : end + _FAR]
            end += len(behind) - len(behind.lstrip(" \t"))
            if end == len(text) and len(behind) < _FAR and not last:
                return -1
            self._emit(space)
        elif text[end : end + 1].isalnum():
            self._emit(space)
        self.removed += removed
        return end - here

    def _numbers(self, items: str) -> tuple[list[int], int]:
        """The numbers that name something, each once; how many items do not, wholly or partly."""
        found: list[int] = []
        removed = 0
        for item in filter(None, re.split("[,;]", items)):
            ends = sorted(int(n) for n in re.split("[-–]", item))
            numbers = range(ends[0], ends[-1] + 1)
            valid = [n for n in numbers if n in self._valid]
            removed += len(valid) < len(numbers)
            found += [n for n in valid if n not in found]
        return found, removed

    def _line_end(self, text: str, at: int) -> int:
        end = text.find("\n", at)
        return len(text) if end < 0 else end + 1

    def _emit(self, text: str) -> int:
        if text:
            self._out.append(text)
            self._length += len(text)
            line = text.rpartition("\n")[2]
            self._blank = (self._blank or "\n" in text) and not line.strip()
            self._line_start = text.endswith("\n")
        return len(text)


def _before_space(plain: str) -> str:
    """A text without the white space at its end, as far as that may go with a marker behind it."""
    return plain[: max(len(plain.rstrip(" \t")), len(plain) - _FAR)]


def strip_markers(text: str) -> str:
    """The text without its markers, as earlier answers go into a new prompt."""
    without = MarkerFilter(())
    return without.feed(text) + without.flush()
