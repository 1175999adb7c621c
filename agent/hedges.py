"""What a text says only as possible, planned or believed, and of how many it says it.

English and by words: a hedge reaches to the end of its clause. Who says a thing ("according to the
police") is no hedge, and neither is what will be. Conditions and stories are `frames`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.denial import FAILED, Content, first_hit, of_the_same

_THING = (
    r"(?=(?:the|an?|this|these|that|those|it|he|she|they|there|its|his|her|their|all|some)\b"
    r"|(?-i:[A-Z]))"
)
"""How a clause begins: so that a claim for damages is no belief."""
_DETERMINER = (
    r"(?:the|an?|no|any|this|that|these|those|its|his|her|their|my|our|your|some|all|both|several"
    r"|many|much|more|less|such|which|whose|each|every|another|one)\b"
)
_NOUN = r"\w{3,}(?:ings?|tions?|sions?|ness|ities|ity|isms?|ships?|ous|ful|ical|[^su]s)\b"
"""What is no infinitive, by its form."""
_DUE = (
    r"(?:(?:is|are|was|were|be|been|being|['’](?:s|re))\s+(?:(?:not|also|still|now|\w+ly)\s+)*)"
    rf"due\s+to\s+(?!{_DETERMINER}|\d|(?-i:[A-Z])"
    rf"|{_NOUN}|(?:bad|poor|heavy|high|low|strong|dense|thick|severe|extreme|human|technical|mechanical"
    r"|electrical|natural|local|global|recent|old|new|early|cold|hot|fog|mist|rain|snow|ice|wind"
    r"|weather|storm|lightning|smoke|drought|heat|frost|fire|war|illness|disease|cancer|age|death"
    r"|debt|fraud|theft|corrosion|rust|wear|damage|lack|loss|fear|fault|faulty|error|climate"
    r"|demand|traffic|noise|health|safety|budget|staff|money|water|power|fuel)\b)"
)
"""What is to come: not what is due to a cause, of which the usual ones are told by their form or
by name."""
_HEDGE = re.compile(
    # Not the month, which has a capital.
    r"\b(?-i:may)\b|\bmight\b"
    r"|\bcould\s+(?:(?:\w+ly|also|still|even|well)\s+)?have\b"
    r"|\b(?:plan(?:s|ned|ning)?|propos(?:es?|ed|ing|als?)|inten(?:d(?:s|ed|ing)?|tions?)|hop(?:es?|ed|ing)"
    r"|expect(?:s|ed|ing)?|want(?:s|ed|ing)?|wish(?:es|ed)?|aim(?:s|ed|ing)?|attempt(?:s|ed|ing)?"
    r"|tr(?:y|ies|ied|ying)|threaten(?:s|ed)?|offer(?:s|ed)?|scheduled|supposed|likely|meant"
    r"|believed|thought|assumed|suspected|presumed|rumou?red|reputed|claimed"
    r"|seem(?:s|ed)?|appear(?:s|ed)?)\s+to\b"
    r"|\b(?:is|are|was|were|been)\s+(?:\w+\s+)?(?:planned|scheduled|proposed)\b(?=\s+for\b)"
    rf"|\b{_DUE}"
    # The verb, not what somebody has: "his claim to the throne", "a legal claim to land".
    rf"|(?<!['’]s\s)(?<!\b(?:an|my|no)\s)(?<!\b(?:the|any|its|his|her|our)\s)(?<!\ba\s)"
    rf"(?<!\b(?:this|that|your)\s)(?<!\btheir\s)\bclaims?\s+to\s+(?!{_DETERMINER}|{_NOUN}|(?-i:[A-Z])"
    r"|(?:land|fame|power|title|property|office|independence|compensation)\b)"
    r"|\b(?:plan(?:s|ned)?|propos(?:es?|ed|als?)|hop(?:es?|ed|ing)|expect(?:s|ed)?|wish(?:es|ed)?"
    r"|believ(?:es?|ed|ing)|thinks?|thought|suspect(?:s|ed)?|assum(?:es?|ed)|presum(?:es?|ed)"
    r"|guess(?:es|ed)?|claim(?:s|ed)?|speculat(?:es?|ed))\s+(?:that\s+|" + _THING + r")"
    r"|\b(?:probably|possibly|perhaps|maybe|presumably|reportedly|apparently|potentially)\b"
    r"|\b(?:possible|probable|likely|conceivable|unclear|uncertain)\s+that\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(rf"\s*{_THING}", re.IGNORECASE)
_COULD = re.compile(
    r"\bcould\s+(?:(?:\w+ly|also|one\s+day|soon|then|even)\s+)?(\w+)", re.IGNORECASE
)
"""What was possible, and of old what was so: "it could be seen from afar"."""
_KEPT = re.compile(
    rf"{_HEDGE.pattern}|\b(?:can|could|would|should|possible|possib(?:ly|ility)|able|chance|if|whether"
    r"|suggest(?:s|ed)?|allegedly|plan(?:s|ned)?|propos(?:al|ed)|hopes?|expected|believed|thought"
    r"|goals?|purposes?|aims?|objectives?|ambitions?|intend(?:s|ed)?|intentions?"
    rf"|said\s+to)\b|\b{FAILED}",
    re.IGNORECASE,
)
"""By which a claim says so, too."""
_CLAUSE_END = re.compile(r"[,;:.!?()–—](?=\s|$)|\b(?:but|because|although|though|while|whereas)\b")
_MOST = 0.5
"""The share of a claim's words that a hedge must reach, unless it reaches what it stands at."""

_COUNTS = {
    "all": 3, "every": 3, "each": 3, "most": 2, "many": 1,
    "some": 0, "several": 0, "few": 0, "fewer": 0, "certain": 0,
}  # fmt: skip
"""Of how many a thing is said; the larger says the smaller, but not the other way round."""
_COUNTED = re.compile(
    # "Some 3 hours" are about 3 hours; "all 120 ships" are all ships.
    rf"(?<!\bnot )(?<!\bat )\b(?!(?:many|some|several|fewer?|certain)\s+\d)({'|'.join(_COUNTS)})"
    r"\s+(?:of\s+)?(?:(?:the|its|his|her|their|these|those)\s+)?(?:\d[\d.,]*\s+)?"
    r"((?:[^\W\d_]+\s*){1,3})",
    re.IGNORECASE,
)
_SWEEPING = 2


def hedged(claim: str, said: str, content: Content) -> bool:
    """Whether a claim says as a fact what a text only hopes, plans, believes or holds possible.

    Or says of all what the text says of some.

    Args:
        claim: What is claimed.
        said: The sentences that are to bear it out.
        content: The words of a text that count.
    """
    if _overcounts(claim, said, content):
        return True
    if not _HEDGE.search(said) and not _COULD.search(said):
        return False
    words = content(claim)
    plain = words - _reached(claim, content)
    same = of_the_same(words, said, content) if plain else []
    return any(_hits(claim, plain, sentence, content) for sentence in same)


def _hits(claim: str, plain: set[str], said: str, content: Content) -> bool:
    """Whether a hedge of a sentence reaches what a claim says plainly."""
    hedges = [hedge.end() for hedge in _HEDGE.finditer(said)]
    hedges += [could.start(1) for could in _COULD.finditer(said) if _present(could[1], claim)]
    reaches = [_reach(said, at) for at in hedges]
    for reach in reaches:
        # What the text says without a hedge, too, is said: "many believe …, but it was built in".
        within = plain & content(reach) - content(_beside(said, reaches))
        # Of a whole clause the first word is what it is about, and no verb that is put in doubt.
        verb = not _CLAUSE.match(reach) and first_hit(reach, within, content)
        if within and (verb or len(within) >= _MOST * len(content(claim))):
            return True
    return False


def _reached(claim: str, content: Content) -> set[str]:
    """The words that a claim hedges itself: all, where it says last that it was planned."""
    found: set[str] = set()
    for hedge in _KEPT.finditer(claim):
        found |= content(_reach(claim, hedge.end())) or content(claim)
    return found


def _reach(text: str, at: int) -> str:
    end = _CLAUSE_END.search(text, at)
    return text[at : end.start() if end else len(text)]


def _beside(text: str, reaches: Iterable[str]) -> str:
    """A text without what its hedges reach."""
    for reach in filter(None, reaches):
        text = text.replace(reach, " ")
    return text


def _present(verb: str, claim: str) -> bool:
    """Whether a claim says in the present what could be: of what was, it may have been so."""
    form = r"(?:is|are)" if verb.lower() == "be" else rf"{re.escape(verb)}(?:e?s)?"
    return bool(re.search(rf"\b{form}\b", claim, re.IGNORECASE))


def _overcounts(claim: str, said: str, content: Content) -> bool:
    """Whether a claim says of all, or of most, what a text says of fewer."""
    mine = [(n, words) for n, words in _counts(claim, content) if n >= _SWEEPING]
    if not mine:
        return False
    theirs = _counts(said, content)
    for count, things in mine:
        said_of = [n for n, words in theirs if words & things]
        if said_of and max(said_of) < count:
            return True
    return False


def _counts(text: str, content: Content) -> list[tuple[int, set[str]]]:
    return [(_COUNTS[found[1].lower()], content(found[2])) for found in _COUNTED.finditer(text)]
