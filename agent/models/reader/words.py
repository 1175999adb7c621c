"""Words and how alike two of them are: tokens with offsets, stems, rarity. It knows no question.

Rarity takes the place of an inverse document frequency, which a handful of passages cannot give.
It comes from the rank of a word among the 6,000 most frequent of English (`frequent.txt`: the
whole words of BERT's uncased vocabulary, Apache-2.0, which lists them by falling frequency in
Wikipedia and books; Devlin et al. 2019). A word outside the list is as rare as can be.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import log

from knowledge.lexical import terms

_TOKEN = re.compile(
    r"\d+(?:[.,]\d+)*(?:st|nd|rd|th|s)?\b|\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")

_STOP_WORDS = """
a an the this that these those of in on at by for from with to into onto upon over under about
as and or but nor if then than so such both either each any some all more most other is are was
were be been being am do does did doing done has have had having can could may might must shall
should will would it its it's he him his she her hers they them their theirs we us our i me my
you your who whom whose what which when where why how there here also very just too only own
same not no n't s t re ve ll d m out up down off again further during between through because
while until against above below before after within without please tell give show find explain
describe list define many much summarise summarize summary overview outline
"""
STOP = frozenset(_STOP_WORDS.split())
"""Words that carry no content of their own in a question. Negation is looked at separately."""

_IRREGULAR = {
    form: base
    for base, forms in {
        "begin": "began begun", "build": "built", "buy": "bought", "become": "became",
        "bring": "brought", "catch": "caught", "choose": "chose chosen", "come": "came",
        "child": "children", "draw": "drew drawn", "drive": "drove driven", "eat": "ate eaten",
        "fall": "fell fallen", "feed": "fed", "fight": "fought", "find": "found",
        "fly": "flew flown", "foot": "feet", "get": "got gotten", "give": "gave given",
        "go": "went gone",
        "grow": "grew grown", "hold": "held", "keep": "kept", "know": "knew known", "lead": "led",
        "leave": "left", "lose": "lost", "make": "made", "man": "men", "mean": "meant",
        "meet": "met", "pay": "paid", "rise": "rose risen", "run": "ran", "say": "said",
        "see": "saw seen", "seek": "sought", "sell": "sold", "send": "sent", "show": "shown",
        "speak": "spoke spoken", "spend": "spent", "stand": "stood", "steal": "stole stolen",
        "take": "took taken", "teach": "taught", "tell": "told", "think": "thought",
        "wear": "wore worn", "win": "won", "woman": "women", "write": "wrote written",
        "die": "died death dying", "bear": "born", "bind": "bound", "break": "broke broken",
        "two": "2", "one": "1", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
        "eight": "8", "nine": "9", "ten": "10", "twelve": "12",
        "first": "1st", "second": "2nd", "third": "3rd", "high": "height", "long": "length",
        "wide": "width", "deep": "depth", "old": "age", "strong": "strength",
        "heavy": "weight weigh",
    }.items()
    for form in forms.split()
}  # fmt: skip
"""Forms that no stemmer brings together."""

_SPELLING = (
    (re.compile(r"is(e[sd]?|ing|ation|ations|er|ers)$"), r"iz\1"),
    (re.compile(r"([^aeiou])our(s|ed|ing|able|ite|al)?$"), r"\1or\2"),
    (re.compile(r"([^aeiou])tre(s)?$"), r"\1ter\2"),
    (re.compile(r"lled$"), "led"),
    (re.compile(r"lling$"), "ling"),
    (re.compile(r"ence$"), "ense"),
)
"""British endings to American ones; applied to both sides, so a wrong one does no harm."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word in a text."""

    start: int
    end: int
    text: str
    """As written."""
    stem: str
    """What is compared; see `stem`."""

    @property
    def content(self) -> bool:
        """Whether it says something of its own."""
        return self.text.lower() not in STOP and (len(self.text) > 1 or self.text.isalnum())

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()

    @property
    def number(self) -> bool:
        """Whether it begins with a digit."""
        return self.text[0].isdigit()


def tokens(text: str) -> tuple[Token, ...]:
    """The words and numbers of a text, in order; `camelCase` and `snake_case` come apart."""
    found = []
    for match in _TOKEN.finditer(text):
        start = match.start()
        for part in _HUMP.split(match[0]):
            found.append(Token(start, start + len(part), part, stem(part)))
            start += len(part)
    return tuple(found)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The form in which words are compared: no case, accents, endings, British spelling."""
    plain = unicodedata.normalize("NFKD", word.lower()).replace("’", "'")
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.removesuffix("'s").removesuffix("s'")
    if plain[:1].isdigit():
        plain = plain.replace(",", "").removesuffix("s")
        return _IRREGULAR.get(plain, plain)
    plain = _IRREGULAR.get(plain, plain)
    for ending, other in _SPELLING:
        plain = ending.sub(other, plain)
    found = terms(plain)  # none for the index's own stop words
    return found[-1] if found else plain


@cache
def _ranks() -> dict[str, int]:
    """Stem to rank, 1 the most frequent."""
    listed = files(__package__).joinpath("frequent.txt").read_text(encoding="ascii").split()
    ranks: dict[str, int] = {}
    for rank, word in enumerate(listed, 1):
        ranks.setdefault(stem(word), rank)
    return ranks


@lru_cache(maxsize=50_000)
def rarity(stemmed: str) -> float:
    """How much it says that a word is there: from about 0.3 (`time`) to 1 (not in the list).

    The logarithm of the rank, as Zipf's law makes the logarithm of the frequency linear in it.
    """
    ranks = _ranks()
    rank = ranks.get(stemmed)
    return 1.0 if rank is None else max(0.15, log(rank) / log(2 * len(ranks)))


@lru_cache(maxsize=200_000)
def alike(a: str, b: str) -> float:
    """How far two stems are the same word: 1 equal, about 0.7 a shared long beginning, else 0.

    A shared beginning catches what stemming leaves apart: `Norman` and `Normandy`, `computing`
    and `computation`. Numbers are alike only when equal.
    """
    if a == b:
        return 1.0
    if a[:1].isdigit() or b[:1].isdigit():
        return 0.0
    short, long = sorted((len(a), len(b)))
    if short < 4:
        return 0.0
    same = 0
    while same < short and a[same] == b[same]:
        same += 1
    if same >= 4 and same >= short - 1 and long - same <= 4:
        return 0.7
    return 0.6 if same >= 5 and 10 * same >= 6 * long else 0.0
