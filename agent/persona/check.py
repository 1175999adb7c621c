"""Whether a restyled sentence still says what the plain one says: the gate of the persona pass.

By words. Under `keep = "words"` the restyled sentence is the plain one with its words and pauses in
their order; it may differ in spelling and contractions, in what the card's table swaps, and by
asides that the card lists, which never cut it in two. Under `keep = "facts"` besides, a common word
may stand in place of another, and articles before such words may come and go; numbers, counts,
marks, names, quotations, denials, hedges, comparisons, roles and listed opposites may not. So
there, a common word that was replaced by one of another meaning is not seen.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from unicodedata import category

from agent.card import Card
from agent.persona.tokens import Token, tokens
from agent.persona.turning import ARTICLES, COUNTS, DENIALS, DROPPABLE, LIMITS, replaces

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
    def _asides(self) -> list[list[Token]]:
        return sorted((tokens(aside) for aside in self.card.asides), key=len, reverse=True)

    @cached_property
    def _swaps(self) -> list[tuple[list[Token], list[Token]]]:
        pairs = ((tokens(plain), tokens(voiced)) for plain, voiced in self.card.words.items())
        return sorted(pairs, key=lambda pair: -len(pair[0]))

    def _compared(self, said: Sequence[Token], told: Sequence[Token]) -> str:
        """Go through both at once; the first token that nothing allows is the fault."""
        i = j = changed = inside = 0
        opens = True
        """Whether the next token of `told` is of the word that opens the sentence, or of the one
        behind an aside that does."""
        loose = self.card.keep == "facts"
        known = {token.key for token in said}
        while i < len(said) or j < len(told):
            one = said[i] if i < len(said) else None
            other = told[j] if j < len(told) else None
            if swap := self._swap(said, i, told, j):
                i, j, opens = i + swap[0], j + swap[1], False
                if not self._paused(said, i - 1, told, j - 1):
                    return f"moves the pauses at “{told[j - 1].text}”"
            elif one and other and one.key == other.key:
                if not self._paused(said, i, told, j):
                    return f"moves the pauses at “{other.text}”"
                first = one.at == said[0].at
                if not _same_text(one, other, first=first, opens=opens, last=_ended(said, i)):
                    return f"writes “{one.text}” as “{other.text}”"
                i, j = i + 1, j + 1
                opens = opens and j < len(told) and told[j].at == other.at
            elif other and (width := self._aside(said, i, told, j)):
                inside += _within(said, i)
                if inside > 1:  # two would enclose what stands between them, like commas
                    return "puts in too many asides"
                j += width
                stops = j < len(told) and told[j].key == "." and not (one and one.key == ".")
                if stops and not _within(said, i):  # there it would cut the sentence in two
                    j += 1
            elif one and _droppable(said, i):
                i += 1
            elif (
                loose
                and other
                and _idle(told, j, opens=opens)
                and not (one and one.key in ARTICLES)
            ):
                j, opens = j + 1, False
            elif (
                loose
                and one
                and _idle(said, i, opens=i == 0)
                and not (other and other.key in ARTICLES)
            ):
                i += 1
            elif loose and one and other and _may_replace(one, other, known):
                i, j, opens, changed = i + 1, j + 1, False, changed + 1
                if not self._paused(said, i - 1, told, j - 1):
                    return f"moves the pauses at “{other.text}”"
                if changed > _CHANGED * len(said):
                    return "changes too many words"
            else:
                return _difference([t.key for t in said[i:]], [t.key for t in told[j:]])
        return ""

    def _paused(self, said: Sequence[Token], i: int, told: Sequence[Token], j: int) -> bool:
        """Whether a word is followed by a pause as it was, or by an aside's.

        A mark may turn a statement: `No price rose`, `The mate, said the captain, was drunk`.
        """
        if told[j].pause == said[i].pause:
            return True
        free = told[j].pause and said[i].key not in LIMITS
        return bool(free and self._aside(said, i + 1, told, j + 1))

    def _aside(self, said: Sequence[Token], i: int, told: Sequence[Token], at: int) -> int:
        """How many tokens the aside that stands here has, set off by pauses; 0 where none does.

        Within a sentence they are commas, or what stood there: `It was denied; arr, it sank`.
        """
        width = next((len(aside) for aside in self._asides if _stands(aside, told, at)), 0)
        if not width or told[at].quoted:  # phrases of a source are no asides
            return 0
        last = told[at - 1]
        if _within(said, i):
            around, stood = {last.pause, told[at + width - 1].pause}, said[i - 1].pause
            return width if around <= {",", stood or ","} and (stood or ",") in around else 0
        before = at == 0 or last.pause or not (last.word or last.counts)
        after = at + width == len(told) or not told[at + width].word or told[at + width - 1].pause
        return width if before and after else 0

    def _swap(
        self, said: Sequence[Token], i: int, told: Sequence[Token], j: int
    ) -> tuple[int, int] | None:
        """The lengths of a plain phrase here and of what the card swaps it for, there."""
        if i == len(said) or said[i].quoted or _named(said[i]):
            return None
        for plain, voiced in self._swaps:
            if _stands(plain, said, i) and _stands(voiced, told, j):
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
        turning = [
            [t.key for t in side if t.key in LIMITS or t.key in COUNTS or t.counts] for side in both
        ]
        if not all(both) or not all(t.word for side in both for t in side):
            return f"The swap of “{plain}” for “{voiced}” must be words for words."
        if turning[0] != turning[1]:
            return f"The swap of “{plain}” for “{voiced}” turns what is said."
    return ""


def _stands(phrase: Sequence[Token], within: Sequence[Token], at: int) -> bool:
    """Whether a card's phrase stands at a place, with no pauses in it but its own."""
    part = within[at : at + len(phrase)]
    return (
        bool(phrase)
        and [token.key for token in part] == [token.key for token in phrase]
        and [token.pause for token in part[:-1]] == [token.pause for token in phrase[:-1]]
    )


def _ended(row: Sequence[Token], at: int) -> bool:
    """Whether but stops and citations are left of a sentence."""
    return all(token.key == "." or token.marker for token in row[at:])


def _within(said: Sequence[Token], i: int) -> bool:
    """Whether something of a sentence stands before a place, and something behind it."""
    return i > 0 and not _ended(said, i)


def _droppable(said: Sequence[Token], i: int) -> bool:
    """Whether a word only links sentences, and no pause is lost with it."""
    pause_stays = i == 0 or not said[i].pause or bool(said[i - 1].pause)
    return said[i].key in DROPPABLE and not said[i].quoted and pause_stays


def _idle(row: Sequence[Token], at: int, *, opens: bool) -> bool:
    """Whether an article says nothing of its own: `the mill`, not `a few`, `the third`, `all the`.

    Nor does one before a name, a number, or a word that has an opposite. With a capital it may be
    a name, unless it is the `The` that opens the sentence: `hepatitis A`, `A reacts with water`.
    """
    one = row[at]
    if one.text[:1].isupper() and (one.key == "a" or not opens):
        return False
    if one.key not in ARTICLES or one.quoted or one.fixed or one.pause or at + 1 == len(row):
        return False
    before = row[at - 1].key if at else ""
    return row[at + 1].common and before not in LIMITS and before not in COUNTS


def _may_replace(one: Token, other: Token, known: Container[str]) -> bool:
    """Whether a word may stand in place of another: one of the sentence's own would move there."""
    both = one.common and other.common and other.key not in known
    return both and replaces(one.key, other.key)


def _same_text(one: Token, other: Token, *, first: bool, opens: bool, last: bool) -> bool:
    """Whether a token is written as it was, but for a capital that opens a sentence and its end."""
    if one.key == ".":
        return last or one.text == other.text
    if one.text.casefold() != other.text.casefold():
        # Another spelling of it, unless it is a name that looks like one: "He met Ye".
        return ((first and one.key == "a") or not _named(one)) and (opens or not _named(other))
    allowed = {one.text}
    if first:
        allowed.add(one.text[:1].lower() + one.text[1:])
    if opens:
        allowed.add(one.text[:1].upper() + one.text[1:])
    return other.text in allowed


def _named(token: Token) -> bool:
    """Whether a word may be a name that is spelt like another word, as `Ye` and `Thou` are."""
    text = token.text
    return text.isalpha() and text[:1].isupper() and token.key != text.casefold()


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
