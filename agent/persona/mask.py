"""What a voice never gets to see: numbers, names, quotations and the like; it is shown `{1}`.

So a model that is asked to restyle cannot round, misspell or translate them; that it may still
leave one out or move it is found when they are put back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.names import names
from agent.numerals import NUMBER_WORDS, figures
from agent.persona.turning import COUNTS
from agent.persona.verbatim import VERBATIM
from agent.support import content

_FIXED = re.compile(
    r"""(?P<marker>(?:\[\d{1,3}\])+)
    | @verbatim@
    | \b\w+://[^\s<>"”]*[^\s<>"”.,;:!?)\]] | \bwww\.[^\s<>"”]*[^\s<>"”.,;:!?)\]]
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | (?<!\w)(?:~|\.{1,2})?/[\w.-]*\w(?:/[\w.-]*\w)*
    | \b[A-Za-z]+(?:[_.][A-Za-z0-9_]+)+\b
    | \[[^\]\n]*\]
    | [{}<>|*_#\\`]+""".replace("@verbatim@", VERBATIM),
    re.VERBOSE,
)
_COUNTING = "|".join(sorted(NUMBER_WORDS | COUNTS, key=len, reverse=True))
_CARDINALS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?:[$€£]\s?)?(?:(?<![\w)\]])[-−])?\d+(?:[.,:/–-]\d+)*(?:st|nd|rd|th|s)?(?!\w)"
    # "Once" and "First" that open a sentence are left to the check: an aside may come before them.
    rf"|\w*\d\w*|\b(?:{_CARDINALS}|(?-i:{_COUNTING}))\b(?:(?:[\s-]|\sand\s)(?:{_COUNTING})\b)*",
    re.IGNORECASE,
)
_UNIT = re.compile(r"[\s\u00a0\u202f-]?(?:°?[^\W\d_]+|[%€$£‰])(?:\s?/\s?[^\W\d_]+)?")
_HOLE = re.compile(r"\{\s?(\d{1,3})\s?\}")
_MORE = "repeats or makes up a placeholder"


@dataclass(frozen=True, slots=True)
class Masked:
    """A sentence with holes."""

    text: str
    """With `{1}`, `{2}`, … where something was taken out."""
    kept: tuple[str, ...]
    """`kept[0]` is what `{1}` stands for."""

    def fault(self, voiced: str) -> str:
        """What became of a hole in a voice's words, as words behind "it"; empty where all stand."""
        found = [int(n) for n in _HOLE.findall(voiced)]
        for n in range(1, len(self.kept) + 1):
            if n not in found:
                return f"leaves out {self._named(n)}"
        if found != sorted(found):
            return f"moves {self._named(_first_moved(found))}" if self._known(found) else _MORE
        return "" if found == list(range(1, len(self.kept) + 1)) else _MORE

    def restore(self, voiced: str) -> str:
        """The holes filled; only for what has no `fault`."""
        return _HOLE.sub(lambda hole: self.kept[int(hole[1]) - 1], voiced)

    def _named(self, n: int) -> str:
        """A hole's text in quotation marks, without the Markdown and the marks around it."""
        text = self.kept[n - 1]
        return f"“{text.strip('*`“”‘’') or text}”"

    def _known(self, found: list[int]) -> bool:
        return all(1 <= n <= len(self.kept) for n in found)


def mask(text: str) -> Masked:
    """Take out of a sentence what no voice may touch."""
    fixed = [(m.start(), m.end(), bool(m["marker"])) for m in _FIXED.finditer(text)]
    loose = [*_numbers(text), *_names(text)]
    spans = _joined(text, fixed, loose)
    parts: list[str] = []
    kept: list[str] = []
    at = 0
    for start, end in spans:
        kept.append(text[start:end])
        parts += [text[at:start], f"{{{len(kept)}}}"]
        at = end
    return Masked("".join(parts) + text[at:], tuple(kept))


def _numbers(text: str) -> list[tuple[int, int]]:
    """Numbers, each with the unit that stands at it."""
    spans = []
    for number in _NUMBER.finditer(text):
        end = number.end()
        unit = _UNIT.match(text, end)
        # Without its currency: that is a unit, too, and stands before it.
        if unit and any(f.unit for f in figures(number[0].lstrip("$€£ ") + unit[0])):
            end = unit.end()
        spans.append((number.start(), end))
    return spans


def _names(text: str) -> list[tuple[int, int]]:
    """Every place where a word stands that is a name somewhere in the text."""
    words = sorted(filter(content, set(names(text))), key=len, reverse=True)
    if not words:
        return []
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")
    return [match.span() for match in pattern.finditer(text)]


def _joined(
    text: str, fixed: list[tuple[int, int, bool]], loose: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """One row of spans without overlap; names and numbers side by side are one."""
    taken: list[tuple[int, int]] = []
    for start, end in sorted(loose):
        if any(start < b and a < end for a, b, _ in fixed):
            continue
        if taken and text[taken[-1][1] : start] in ("", " ", "-", "\u00a0"):
            taken[-1] = (taken[-1][0], max(end, taken[-1][1]))
        elif not taken or start >= taken[-1][1]:
            taken.append((start, end))
        else:
            taken[-1] = (taken[-1][0], max(end, taken[-1][1]))
    return sorted([*taken, *((start, end) for start, end, _ in fixed)])


def _first_moved(found: list[int]) -> int:
    return next(n for n, wanted in zip(found, sorted(found), strict=True) if n != wanted)
