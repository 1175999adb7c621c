"""A sentence as the check reads it: its words in one spelling, its marks and its pauses.

English: contractions are taken apart (`isn't` is `is not`) and a few old and dialect spellings
count as the common ones (`hath`, `an'`). Which words turn a statement is in `turning.py`; judges
nothing, that is `check.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.numerals import NUMBER_WORDS
from agent.persona.turning import COUNTS, FORMS, LIMITS, ROLES, turns
from agent.persona.verbatim import SPANS

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
_THAN = re.compile(r"\s+than\b", re.IGNORECASE)
_PAUSES = re.compile(r"(?:\s*[,;:–—]|\s*[‐‑-](?=\s)|[‐‑-](?=\w))+")
_DASH = re.compile(r"[–—]|(?:\s[‐‑-]|[‐‑-](?=\s|\Z))")
_NOT = {"can't": "can", "won't": "will", "shan't": "shall"}
_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will", "'m": "am"}
_IS_WORDS = "it's he's she's that's there's what's who's here's where's how's"
_IS = frozenset(_IS_WORDS.split())
_SPELT = {
    "'tis": "it is", "'twas": "it was", "'em": "them", "cannot": "can not", "hath": "has",
    "doth": "does", "ye": "you", "thee": "you", "thou": "you", "thy": "your", "thine": "your",
    "yer": "your", "an": "a", "an'": "and", "th'": "the", "o'": "of",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark."""

    key: str
    """In its common spelling and in lower case; `.` for all that ends a statement."""
    text: str
    """As it stands there; of a contraction, the whole of it."""
    at: int
    """Where that begins: the words of one contraction have one place."""
    word: bool
    pause: str
    """What stands behind it of commas, dashes and the like; `–` for any dash, `-` in a compound."""
    quoted: bool
    """It stands between quotation marks, or is code, a formula or marked."""
    fixed: bool
    """It is what a number counts or measures, or compares."""

    @property
    def counts(self) -> bool:
        """Whether it is a number."""
        return self.key[-1:].isdigit() or self.key in NUMBER_WORDS

    @property
    def marker(self) -> bool:
        """Whether it is a citation."""
        return self.key.startswith("[") and self.key != "["

    @property
    def common(self) -> bool:
        """A word with content that is no name and no number, and does not turn what is said."""
        if not self.word or self.quoted or self.fixed or not self.text.islower():
            return False
        fixed = (LIMITS, ROLES, FORMS, NUMBER_WORDS, COUNTS)
        return not any(self.key in words for words in fixed) and not turns(self.key)


def tokens(text: str) -> list[Token]:
    """The tokens of a sentence, in order. Pauses are no tokens of their own."""
    found: list[Token] = []
    spans = [match.span() for match in SPANS.finditer(text)]
    for match in _TOKEN.finditer(text):
        if match["pause"]:
            continue
        pause = _pause(text, match.end())
        quoted = any(start <= match.start() < end for start, end in spans)
        compared = match["word"] and (match[0].endswith("est") or _THAN.match(text, match.end()))
        fixed = bool(compared or (found and found[-1].counts))
        if match["word"]:
            spelt = list(_keys(match[0].replace("’", "'").casefold()))
            # Behind a contraction the pause belongs to its last word.
            last = len(spelt) - 1
            found += [
                Token(key, match[0], match.start(), True, pause if n == last else "", quoted, fixed)
                for n, key in enumerate(spelt)
            ]
        else:
            key = "." if match["stop"] else match[0].replace("−", "-")
            found.append(Token(key, match[0], match.start(), False, pause, quoted, fixed))
    return found


def _pause(text: str, at: int) -> str:
    found = _PAUSES.match(text, at)
    return re.sub(r"\s", "", _DASH.sub("–", found[0])) if found else ""


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
