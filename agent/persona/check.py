"""Whether a restyled sentence still says what the plain one says: the gate of the persona pass.

By words. Under `keep = "words"` the restyled sentence is the plain one with its words in their
order; it may differ in spelling and contractions, in what the card's table swaps, and by asides
that the card lists. Under `keep = "facts"` besides, a common word may stand in place of
another, and words without content may come and go; numbers, marks, names, quotations, denials,
hedges, comparisons, roles and common opposites may not. So there, a common word that was replaced
by one of another meaning is not seen.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from unicodedata import category

from agent.card import Card
from agent.persona.tokens import DENIALS, DROPPABLE, LIMITS, SMALL, Token, keys, tokens

_ROOM = 60
"""Characters that a restyled sentence may have beyond twice the plain one's."""
_CHANGED = 1 / 3
"""The share of a sentence's words that others may stand for, under `keep = "facts"`."""


@dataclass(frozen=True)
class Gate:
    """The check for one card."""

    card: Card

    def fault(self, plain: str, voiced: str) -> str:
        """What keeps a restyled sentence from being shown, as words behind "it"; empty if nothing.

        Args:
            plain: The sentence as it was checked against its sources, markers and all.
            voiced: What a voice made of it.
        """
        if not voiced.strip():
            return "is empty"
        if any(category(c)[0] == "C" for c in voiced if c not in plain):
            return "holds characters that are not shown"
        if len(voiced) > 2 * len(plain) + _ROOM:
            return "goes on for too long"
        return self._compared(tokens(plain), tokens(voiced))

    @cached_property
    def _asides(self) -> list[tuple[str, ...]]:
        return sorted((keys(aside) for aside in self.card.asides), key=len, reverse=True)

    @cached_property
    def _swaps(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        pairs = ((keys(plain), keys(voiced)) for plain, voiced in self.card.words.items())
        return sorted(pairs, key=lambda pair: -len(pair[0]))

    def _compared(self, said: Sequence[Token], told: Sequence[Token]) -> str:
        """Go through both at once; the first token that nothing allows is the fault."""
        i = j = changed = inside = 0
        opens = True
        """Whether the next word of `told` opens a sentence, or follows an aside."""
        loose = self.card.keep == "facts"
        known = {token.key for token in said}
        while i < len(said) or j < len(told):
            one = said[i] if i < len(said) else None
            other = told[j] if j < len(told) else None
            if swap := self._swap(said, i, told, j):
                i, j, opens = i + swap[0], j + swap[1], False
                if not self._paused(said[i - 1], told, j - 1):
                    return f"moves the pauses at “{told[j - 1].text}”"
            elif one and other and one.key == other.key:
                if not self._paused(one, told, j):
                    return f"moves the pauses at “{other.text}”"
                if not _same_case(one, other, first=i == 0, opens=opens):
                    return f"writes “{one.text}” as “{other.text}”"
                i, j, opens = i + 1, j + 1, other.key == "."
            elif other and (width := self._aside(told, j)):
                inside += 0 < i < len(said) and any(token.word for token in said[i:])
                if inside > 1:  # two would enclose what stands between them, like commas
                    return "puts in too many asides"
                j, opens = j + width, True
                if j < len(told) and told[j].key == "." and not (one and one.key == "."):
                    j += 1
            elif one and one.key in DROPPABLE and not one.quoted:
                i += 1
            elif loose and other and other.key in SMALL and not other.quoted and not other.fixed:
                j, opens = j + 1, False
            elif loose and one and one.key in SMALL and not one.quoted:
                i += 1
            elif loose and one and other and one.common and _new(other, known):
                i, j, opens, changed = i + 1, j + 1, False, changed + 1
                if not self._paused(one, told, j - 1):
                    return f"moves the pauses at “{other.text}”"
                if changed > _CHANGED * len(said):
                    return "changes too many words"
            else:
                return _difference([t.key for t in said[i:]], [t.key for t in told[j:]])
        return ""

    def _paused(self, one: Token, told: Sequence[Token], j: int) -> bool:
        """Whether a word is followed by a pause as it was, or by an aside's.

        A comma may turn a statement: `No price rose`, `The mate, said the captain, was drunk`.
        """
        if told[j].pause == one.pause:
            return True
        return told[j].pause and one.key not in LIMITS and bool(self._aside(told, j + 1))

    def _aside(self, told: Sequence[Token], at: int) -> int:
        """How many tokens the aside that stands here has, set off by pauses; 0 where none does."""
        width = next((len(aside) for aside in self._asides if _stands(aside, told, at)), 0)
        if not width or told[at].quoted:  # phrases of a source are no asides
            return 0
        last = told[at - 1]
        before = at == 0 or last.pause or not (last.word or last.counts)
        after = at + width == len(told) or not told[at + width].word or told[at + width - 1].pause
        return width if before and after else 0

    def _swap(
        self, said: Sequence[Token], i: int, told: Sequence[Token], j: int
    ) -> tuple[int, int] | None:
        """The lengths of a plain phrase here and of what the card swaps it for, there."""
        for plain, voiced in self._swaps:
            if _stands(plain, said, i) and _stands(voiced, told, j) and not said[i].quoted:
                return len(plain), len(voiced)
        return None


def wrong_tables(card: Card) -> str:
    """Why a card's tables cannot be trusted, as a sentence; empty where they can.

    They may hold no number and no mark, an aside no denial, and a swap must keep the words that
    turn a statement.
    """
    for aside in card.asides:
        found = tokens(aside)
        if not found or not all(t.word for t in found) or DENIALS & {t.key for t in found}:
            return f"The aside “{aside}” must be words alone, and deny nothing."
    for plain, voiced in card.words.items():
        both = [tokens(plain), tokens(voiced.replace("ain't", "is not"))]
        turning = [[t.key for t in side if t.key in LIMITS] for side in both]
        if not all(both) or not all(t.word for side in both for t in side):
            return f"The swap of “{plain}” for “{voiced}” must be words for words."
        if turning[0] != turning[1]:
            return f"The swap of “{plain}” for “{voiced}” turns what is said."
    return ""


def _stands(phrase: tuple[str, ...], within: Sequence[Token], at: int) -> bool:
    part = within[at : at + len(phrase)]
    return (
        bool(phrase)
        and len(part) == len(phrase)
        and all(token.key == key for token, key in zip(part, phrase, strict=True))
    )


def _new(word: Token, known: Container[str]) -> bool:
    """Whether a word may stand in place of another: one of the sentence's own would move there."""
    return word.common and word.key not in known


def _same_case(one: Token, other: Token, *, first: bool, opens: bool) -> bool:
    """Whether a word's capitals are as they were, but for those that open a sentence."""
    if one.text.casefold() != other.text.casefold():
        return True  # another spelling of it
    allowed = {one.text}
    if first:
        allowed.add(one.text[:1].lower() + one.text[1:])
    if opens:
        allowed.add(one.text[:1].upper() + one.text[1:])
    return other.text in allowed


def _difference(plain: Sequence[str], voiced: Sequence[str]) -> str:
    """In words, the first thing in which two rows of words differ."""
    at = next(
        (n for n, (a, b) in enumerate(zip(plain, voiced, strict=False)) if a != b),
        min(len(plain), len(voiced)),
    )
    for word in voiced[at:]:
        if voiced.count(word) > plain.count(word):
            return f"adds “{word}”"
    for word in plain[at:]:
        if plain.count(word) > voiced.count(word):
            return f"leaves out “{word}”"
    return f"moves “{plain[at]}”"
