"""A sentence as the check reads it: its words in one spelling, its marks, and what words turn it.

English: contractions are taken apart (`isn't` is `is not`) and a few old and dialect spellings
count as the common ones (`hath`, `an'`). Judges nothing; that is `check.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from agent.numerals import NUMBER_WORDS
from knowledge.lexical import terms

_TOKEN = re.compile(
    r"""(?P<marker>\[\d{1,3}\])
    | (?P<number>(?:(?<![\w)\]])[-−])?\d+(?:[.,]\d+)*)
    | (?P<word>['’](?i:em|tis|twas)\b
        | [^\W\d_]+(?:['’][^\W\d_]+)*
          (?:(?:(?<=\b[aA]n)|(?<=\b[tT]h)|(?<=\b[oO])|(?<=in))['’](?!\w))?)
    | (?P<stop>[.!…]+)
    | (?P<pause>[,;:–—]|(?<=\w)[‐‑-](?=\w)|(?<=\s)[‐‑-](?=\s))
    | (?P<symbol>\S)""",
    re.VERBOSE,
)
_QUOTED = re.compile(
    r"“[^“”]+”|„[^„“”]+[“”]|«[^«»]+»|(?<!\w)\"[^\"]+\"(?!\w)|`[^`]+`|\*\*[^*]+\*\*"
)
_THAN = re.compile(r"\s+than\b", re.IGNORECASE)
_PAUSES = re.compile(r"\s*(?:[,;:–—]|-\s)")
_NOT = {"can't": "can", "won't": "will", "shan't": "shall"}
_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will", "'m": "am"}
_IS_WORDS = "it's he's she's that's there's what's who's here's where's how's"
_IS = frozenset(_IS_WORDS.split())
_SPELT = {
    "'tis": "it is", "'twas": "it was", "'em": "them", "cannot": "can not", "hath": "has",
    "doth": "does", "ye": "you", "thee": "you", "thou": "you", "thy": "your", "thine": "your",
    "yer": "your", "an'": "and", "th'": "the", "o'": "of",
}  # fmt: skip

_DENIALS = "not no never none nobody nothing neither nor nowhere without hardly scarcely barely"
DENIALS = frozenset(_DENIALS.split())
"""Words that deny."""
_LIMITS = """
may might could can must should shall will would perhaps possibly probably maybe likely unlikely
seem seems seemed appear appears appeared apparently reportedly allegedly supposedly presumably
suggest suggests suggested estimate estimated believed thought claimed claims claim said says say
about approximately roughly around nearly almost mostly mainly usually often sometimes rarely
seldom always ever only just merely even still yet already again all every each any some most many
much few several both half either least more less fewer than over under above below exactly enough
too very if unless except but although though whether because so however instead first last next
other another same different surely certainly definitely doubtless
"""
LIMITS = DENIALS | frozenset(_LIMITS.split())
"""Words that deny, hedge, compare, count or condition: moved or lost, they turn a statement."""
_ROLES = """
by from to before after since until till into onto against between during per versus via towards
toward through across behind off of in on at upon that which and or here there
"""
ROLES = frozenset(_ROLES.split())
"""Words that say which part something has in what is told."""
_TURNS = """
refuse refused grant granted deny denied accept accepted reject rejected allow allowed
forbade harm harmed help helped hurt heal healed damage damaged repair repaired protect protected
increase decrease rise rose risen fall fell fallen grow grew grown shrink shrank gain lose lost win
won defeat beat up down high low large small big little long short old young new early late open
close opened closed begin began end start stop add remove allow forbid ban permit accept reject
import export buy bought sell sold give gave take took lend borrow send sent receive win pass fail
succeed true false right wrong good bad best worst better worse safe dangerous cause prevent north
south east west left dead alive born die died male female man woman father mother son daughter
brother sister husband wife black white hot cold full empty rich poor strong weak fast slow inside
outside enter leave arrive depart love hate friend enemy guilty innocent legal illegal public
private profit loss borrow teach learn lead follow raise lower widen narrow day night morning
evening summer winter spring autumn today tomorrow yesterday
"""
_FORMS = """
i me my we us our you your he him his she her it its they them their who whom whose what where when
why how myself himself herself itself themselves be am is are was were been being have has had
having do does did doing done get gets got
"""
FORMS = frozenset(_FORMS.split())
"""Words that stand for others, or say when something holds."""
SMALL = frozenset(["the", "a", "an", "thus", "so"])
"""Words that say nothing of their own; `of`, `that` or `and` may turn a sentence."""
DROPPABLE = frozenset(["also", "moreover", "furthermore", "additionally"])
"""Words that link sentences and state nothing; a voice may leave them out, never put them in."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark."""

    key: str
    """In its common spelling and in lower case; `.` for all that ends a statement."""
    text: str
    """As it stands there; of a contraction, the whole of it."""
    word: bool
    pause: bool
    """A comma, a dash or the like stands behind it."""
    quoted: bool
    """It stands between quotation marks, or is code or marked."""
    fixed: bool
    """It is what a number counts or measures, or compares."""

    @property
    def counts(self) -> bool:
        """Whether it is a number."""
        return self.key[-1:].isdigit() or self.key in NUMBER_WORDS

    @property
    def common(self) -> bool:
        """A word with content that is no name and no number, and does not turn what is said."""
        if not self.word or self.quoted or self.fixed or not self.text.islower():
            return False
        if self.key in LIMITS or self.key in ROLES or self.key in NUMBER_WORDS:
            return False
        stems = terms(self.key)
        return bool(stems) and self.key not in FORMS and _turn_stems().isdisjoint(stems)


@cache
def _turn_stems() -> frozenset[str]:
    return frozenset(stem for word in _TURNS.split() for stem in terms(word))


def tokens(text: str) -> list[Token]:
    """The tokens of a sentence, in order. Pauses are no tokens of their own."""
    found: list[Token] = []
    spans = [match.span() for match in _QUOTED.finditer(text)]
    for match in _TOKEN.finditer(text):
        if match["pause"]:
            continue
        pause = bool(_PAUSES.match(text, match.end()))
        quoted = any(start <= match.start() < end for start, end in spans)
        compared = match["word"] and (match[0].endswith("est") or _THAN.match(text, match.end()))
        fixed = bool(compared or (found and found[-1].counts))
        if match["word"]:
            spelt = list(_keys(match[0].replace("’", "'").casefold()))
            # Behind a contraction the pause belongs to its last word.
            last = len(spelt) - 1
            found += [
                Token(key, match[0], True, pause and n == last, quoted, fixed)
                for n, key in enumerate(spelt)
            ]
        else:
            key = "." if match["stop"] else match[0].replace("−", "-")
            found.append(Token(key, match[0], False, pause, quoted, fixed))
    return found


def keys(text: str) -> tuple[str, ...]:
    """The tokens of a phrase, as they are compared."""
    return tuple(token.key for token in tokens(text))


def _keys(word: str) -> Iterator[str]:
    if word in _SPELT:
        yield from _SPELT[word].split()
    elif word.endswith("n't") and word != "ain't":
        yield from (_NOT.get(word, word[:-3]), "not")
    elif word in _IS:
        yield from (word[:-2], "is")
    elif word.endswith("in'"):
        yield f"{word[:-1]}g"
    else:
        ending = next((end for end in _ENDINGS if word.endswith(end)), "")
        yield from (word.removesuffix(ending), _ENDINGS[ending]) if ending else (word,)
