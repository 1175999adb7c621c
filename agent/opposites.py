"""Whether two texts say opposite things in the same words: rose and fell, before and after.

English, by a list of pairs. What is turned round is no opposite: "A before B" is "B after A", and
"A won against B" is "B lost to A".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from knowledge.sentences import sentences

_PAIRS = """
rise rises rose risen rising increase increases increased increasing grow grows grew grown growing
  raised climbed | fall falls fell fallen falling decrease decreases decreased decreasing decline
  declines declined declining drop drops dropped dropping shrank shrunk lowered reduced;
more | less fewer;
most | least fewest;
before | after;
win wins won | lose loses lost;
victory | defeat;
accept accepts accepted approve approves approved granted | reject rejects rejected refuse refuses
  refused;
carried | defeated;
open opens opened | close closes closed;
begin begins began begun start starts started | end ends ended finish finishes finished stop stops
  stopped;
permit permits permitted allow allows allowed | forbid forbids forbade forbidden prohibit
  prohibits prohibited ban bans banned;
legal | illegal;
first | last;
earliest | latest;
oldest | newest youngest;
largest biggest highest tallest longest | smallest lowest shortest;
minimum | maximum;
import imports imported | export exports exported;
north northern | south southern;
east eastern | west western;
left | right;
above | below;
up | down;
high higher highest | low lower lowest;
large larger big bigger | small smaller;
long longer | short shorter;
early earlier | late later;
old older | new newer young younger;
fast faster quick quicker | slow slower;
strong stronger | weak weaker;
deep deeper | shallow shallower;
wide wider | narrow narrower;
safe safer | dangerous unsafe;
cheap cheaper | expensive costly;
pass passes passed | fail fails failed;
inside | outside;
upper | lower;
succeed succeeds succeeded | fail fails failed;
join joins joined | leave leaves left;
arrive arrives arrived | depart departs departed;
born | died;
supported | opposed;
always | never;
true | false;
guilty | innocent;
effective | ineffective;
successful | unsuccessful;
possible | impossible;
visible | invisible;
sufficient | insufficient;
"""
_SAME = 0.5
"""The share of the claim's other words that the sentence must hold to speak of the same thing."""
_WORD = re.compile(r"[^\W\d_]+")
_CLAUSE_END = re.compile(r"[,;:.!?()–—](?=\s|$)|\b(?:but|and|because|although|while|whereas)\b")
_DENIED = re.compile(
    r"(?:\b(?:not|never|no|nor|cannot|without)|n['’]t)\b[^,;:.!?]*\Z", re.IGNORECASE
)


@cache
def _sides() -> dict[str, tuple[tuple[int, int], ...]]:
    """Word -> the pairs that it is in, and on which side, 0 or 1."""
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for n, pair in enumerate(_PAIRS.split(";")):
        for side, words in enumerate(pair.split("|")):
            for word in words.split():
                found[word] = (*found.get(word, ()), (n, side))
    return found


def opposites(claim: str, said: str, content: Callable[[str], set[str]]) -> bool:
    """Whether a claim says of the same thing the opposite of what a text says.

    Args:
        claim: What is claimed.
        said: The sentences that are to bear it out. Where they hold both words of a pair, they
            say nothing by that pair.
        content: The words of a text that count.
    """
    mine, known = _placed(claim), _placed(said)
    for span in sentences(said) if mine else ():
        sentence = said[span.start : span.end]
        theirs = _placed(sentence)
        for (pair, side), place in mine.items():
            other = theirs.get((pair, 1 - side))
            one_sided = (pair, 1 - side) not in mine and (pair, side) not in known
            if other is None or not one_sided or _DENIED.search(sentence[: other.start()]):
                continue
            rest = content(f"{claim[: place.start()]} {claim[place.end() :]}")
            alike = len(rest & content(sentence)) >= _SAME * len(rest)
            alike = alike and bool(rest & content(_clause(sentence, other)))
            if alike and not _turned(claim, place, sentence, other, content):
                return True
    return False


def _placed(text: str) -> dict[tuple[int, int], re.Match[str]]:
    """The words of pairs that a text has, each side of a pair once; names are none."""
    found: dict[tuple[int, int], re.Match[str]] = {}
    for word in _plain_words(text):
        for key in _sides().get(word[0].lower(), ()):
            found.setdefault(key, word)
    return found


def _plain_words(text: str) -> Iterator[re.Match[str]]:
    """Words without a capital, or that open the text."""
    for n, word in enumerate(_WORD.finditer(text)):
        if word[0].islower() or n == 0:
            yield word


def _clause(text: str, word: re.Match[str]) -> str:
    """What stands around a word, up to the next mark or conjunction."""
    starts = [end.end() for end in _CLAUSE_END.finditer(text, 0, word.start())]
    end = _CLAUSE_END.search(text, word.end())
    return text[starts[-1] if starts else 0 : end.start() if end else len(text)]


def _turned(
    one: str,
    at: re.Match[str],
    other: str,
    there: re.Match[str],
    content: Callable[[str], set[str]],
) -> bool:
    """Whether two things have changed places: what each governs stands beside it in the other."""
    rest, behind = _halves(one, at, content)
    others_rest, others_behind = _halves(other, there, content)
    over, back = rest & others_behind, behind & others_rest
    return bool(over and back) and len(over) + len(back) > len(behind & others_behind)


def _halves(
    text: str, at: re.Match[str], content: Callable[[str], set[str]]
) -> tuple[set[str], set[str]]:
    """The words of a text without a pair's word and what it governs, and those that it governs."""
    end = _CLAUSE_END.search(text, at.end())
    stop = end.start() if end else len(text)
    start = at.end()
    if than := re.compile(r"\bthan\b").search(text, start, stop):
        start = than.end()
    behind = content(text[start:stop])
    return content(f"{text[: at.start()]} {text[at.end() : start]} {text[stop:]}") - behind, behind
