"""What a question asks for: its kind of answer, the thing asked after, the words that say it.

It reads the form of the question only; it does not know what is true. English wh-words decide the
kind; a text without one is a keyword query, and anything else falls back to `thing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.models.reader.words import Token, rarity, tokens

Kind = Literal[
    "person",
    "date",
    "place",
    "number",
    "reason",
    "way",
    "thing",
    "definition",
    "whether",
    "summary",
    "keywords",
]

_CLASSES: dict[Kind, str] = {
    "date": "year date day month decade century era period time millennium season",
    "place": "country city town state region place location area continent island river "
    "province village nation colony street neighborhood neighbourhood county territory",
    "number": "percent percentage number amount temperature angle degree size rate height "
    "length width weight speed cost price population age distance depth share proportion "
    "total count limit quantity fraction ratio value default port version",
    "person": "person man woman king queen leader author writer president scientist inventor "
    "ruler emperor general philosopher engineer monarch founder chairman director artist "
    "bishop pope member people scholar",
}
_FOCUS = {word: kind for kind, words in _CLASSES.items() for word in words.split()}
"""A noun after `what`, `which` or `how` that settles what kind of answer is meant."""

_LEAD = re.compile(
    r"^\s*(?:(?:and|but|so|also|please|ok|okay|hi|hello|hey)\b[\s,]*)*"
    r"(?:(?:can|could|would|will) you (?:please )?)?"
    r"(?:(?:tell|show) (?:me|us)|i(?:'d| would) like to know|do you know|i want to know)?\s*"
    r"(?:about\s+)?",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"^(summari[sz]e|sum up|give (me |us )?(a |an )?(summary|overview)|outline)\b"
)
_DEFINITION = re.compile(
    r"^(?:(?:what|who)(?:'s| is| are| was| were)(?: meant by)? (?P<x>(?:an? |the )?[^?,]{2,60}?)|"
    r"(?:define|describe|explain) (?P<y>[^?]+)|"
    r"what does (?P<z>[^?]+?) (?:mean|stand for))\s*\??\s*$"
)
_WHETHER = re.compile(
    r"^(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|must|may|might)\b"
)
_WH = re.compile(r"\b(who|whom|whose|when|where|why|how|what|which)\b")
_AUXILIARY_WORDS = """
is are was were do does did has have had can could may might must shall should will would of in
on for to
"""
_AUXILIARY = frozenset(_AUXILIARY_WORDS.split())
_RELATION_WORDS = """
of in on for by to with from at that which who and between among
"""
_RELATION = frozenset(_RELATION_WORDS.split())


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart."""

    text: str
    kind: Kind
    tokens: tuple[Token, ...]
    terms: tuple[Token, ...]
    """Its content words and numbers, each stem once, in order."""
    weights: tuple[float, ...]
    """How much each term matters, in (0, 1]."""
    focus: str
    """The noun that names the answer's class, as written (`country` of `what country …`), or ''."""
    negated: bool
    """Whether it asks what is not so."""

    @property
    def phrase(self) -> str:
        """The terms as one string; what a definition defines."""
        return " ".join(t.text for t in self.terms)


def analyse(text: str) -> Question:
    """Take a question apart.

    A follow-up comes with the question that it follows, on further lines: those lend their words,
    at half weight, and nothing else.
    """
    asked, _, earlier = text.strip().partition("\n")
    bare = _LEAD.sub("", asked, count=1).strip()
    lower = bare.lower()
    words = tokens(bare)
    kind, focus = _kind(lower, words)
    terms: dict[str, Token] = {}
    for token in words:
        if token.content:
            terms.setdefault(token.stem, token)
    if not terms:  # `who are you`, `what is it about`: whatever words there are
        terms = {token.stem: token for token in words}
    listed = tuple(terms.values())
    shouted = not any(c.islower() for c in bare)
    first = words[0].start if words else 0
    weights = [rarity(t.stem) for t in listed]
    for i, t in enumerate(listed):
        if t.text == focus:
            weights[i] *= 0.5  # `what year …`: the text says 1550, not `year`
        elif t.number or (t.capital and not shouted and t.start != first):
            weights[i] = max(weights[i], 0.8)  # a name, even of everyday words
    for token in tokens(earlier):
        if token.content and token.stem not in terms:
            terms[token.stem] = token
            listed += (token,)
            weights.append(rarity(token.stem) / 2)
    negated = bool(re.search(r"\b(not|never|no longer|without|cannot|except)\b|n't\b", lower))
    return Question(text, kind, words, listed, tuple(weights), focus, negated)


def _kind(lower: str, words: tuple[Token, ...]) -> tuple[Kind, str]:
    """The kind of answer, and the noun that says so where there is one."""
    if not words:
        return "keywords", ""
    if _SUMMARY.match(lower):
        return "summary", ""
    wh = _WH.search(lower)
    if wh is None:
        defined = _DEFINITION.match(lower)
        if defined:
            return "definition", ""
        if _WHETHER.match(lower):
            return "whether", ""
        return "keywords" if "?" not in lower else "thing", ""
    if wh.start() > 0 and _WHETHER.match(lower):
        return "whether", ""
    word, rest = wh[0], lower[wh.end() :].split()
    if word in ("who", "whom", "whose"):
        return ("definition" if _defines(lower, words) else "person"), ""
    if word == "when":
        return "date", ""
    if word == "where":
        return "place", ""
    if word == "why":
        return "reason", ""
    if word == "how":
        return _how(rest)
    if rest[:1] in (["is"], ["are"], ["was"], ["were"], ["does"]) and _defines(lower, words):
        return "definition", ""
    return _what(lower, wh.end(), words)


def _defines(lower: str, words: tuple[Token, ...]) -> bool:
    """`What is a topology?`: nothing but one thing named."""
    match = _DEFINITION.match(lower)
    if not match:
        return False
    named = [w for w in words if w.content]
    subject = next(g for g in match.groups() if g)
    return 0 < len(named) <= 4 and not re.search(
        r"\b(of|in|on|for|by|to|with|at|that|who)\b", subject
    )


def _how(rest: list[str]) -> tuple[Kind, str]:
    if rest[:1] and rest[0] in ("many", "much"):
        focus = rest[1].strip("?,.") if rest[0] == "many" and len(rest) > 1 else ""
        return "number", focus
    if rest[:1] and rest[0] in (
        "long", "old", "far", "fast", "big", "large", "high", "tall", "often", "deep", "wide",
        "heavy", "hot", "few", "quickly",
    ):  # fmt: skip
        return "number", ""
    return "way", ""


def _what(lower: str, at: int, words: tuple[Token, ...]) -> tuple[Kind, str]:
    """`what`/`which`: the noun of the phrase that follows it, or the one after `is the`."""
    tail = [w for w in words if w.start >= at]
    i = 0
    while i < len(tail) and not tail[i].content and tail[i].text.lower() not in _RELATION:
        i += 1
    copula = i > 0
    phrase: list[Token] = []
    for token in tail[i : i + 5]:
        gap = lower[phrase[-1].end : token.start].strip(" -") if phrase else ""
        if not token.content or gap or (phrase and token.text.endswith(("ed", "ing"))):
            break
        phrase.append(token)
    if not phrase:
        return "thing", ""
    after = tail[i + len(phrase)].text.lower() if i + len(phrase) < len(tail) else ""
    # `what liturgical belief did …`: the last of the phrase; `what law makes …`: the first.
    noun = phrase[-1] if copula or after in _AUXILIARY else phrase[0]
    for form in (noun.text.lower(), noun.text.lower().removesuffix("s")):
        if form in _FOCUS:
            return _FOCUS[form], noun.text
    return "thing", "" if copula else noun.text
