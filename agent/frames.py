"""Whether a text says something as a fact, or asks it, or under a condition, in a story, a forgery.

English and by words, sentence by sentence. A frame that an earlier sentence sets ("This is the plot
of the film:") is not seen, and neither is a story that does not call itself one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain

from knowledge.sentences import sentences

_CONDITION = re.compile(
    r"\b(?:if|unless|as\s+though|suppos(?:e|ing)\s+(?:that\s+)?|whether)\b[^,;:.!?()–—]*",
    re.IGNORECASE,
)
"""What a condition puts is not said to be so, up to the end of its clause."""
_WOULD = re.compile(r"[^,;:.!?()–—]*\bwould\b[^,;:.!?()–—]*", re.IGNORECASE)
"""What hangs on a condition, where the sentence has one."""
_NEVER_WAS = re.compile(
    r"\bwould(?:\s+(?:never|also|still|then|\w+ly))?(?:\s+not)?\s+(?:have|['’]ve)\b"
    r"|\b(?:if|had)\b.*\b(?:could|might)(?:\s+not)?\s+(?:have|['’]ve)\b"
    r"|\b(?:could|might)(?:\s+not)?\s+(?:have|['’]ve)\b.*\bif\b",
    re.IGNORECASE | re.DOTALL,
)
"""What did not come to pass: the whole sentence, the condition that it hangs on included."""
_STORY = (
    r"(?:novels?|films?|movies?|plays?|operas?|legends?|myths?|(?:fairy\s+)?tales?|short\s+stor(?:y|ies)"
    r"|poems?|ballads?|sitcoms?|satires?|parod(?:y|ies)|dreams?|nightmares?|alternate\s+histor(?:y|ies)"
    r"|thought\s+experiments?|folklore|fiction)"
)
_PAPER = (
    r"(?:letters?|documents?|diar(?:y|ies)|charters?|reports?|articles?|accounts?|stor(?:y|ies)|memos?"
    r"|records?|e-?mails?|photos?|photographs?|deeds?|wills?|interviews?|manuscripts?|chronicles?"
    r"|books?|quotes?|quotations?|statements?|press\s+releases?)"
)
_A_STORY = (
    r"(?:the|an?|his|her|its|their|this|that|one|some|(?:\w+\s+){0,3}\w+['’]s)\s+"
    rf"(?:\w+\s+)?{_STORY}\b"
)
_TOLD = re.compile(
    # Where it begins or ends what is said: "she appeared in the film of 1961" is a fact.
    rf"(?:\A\W*|[,:(–—]\s*|\b(?:and|but|that|while)\s+)in\s+{_A_STORY}"
    r"(?!\s+(?:industry|festival|studios?|business|market|awards?))"
    rf"|\bin\s+{_A_STORY}\W*\Z"
    rf"|\baccording\s+to\s+(?:{_A_STORY}|(?:\w+\s+)?{_STORY}\b)"
    r"|\b(?:legend|myth|folklore|rumou?r)\s+(?:has\s+it|says|tells|holds)\b"
    r"|\b(?:dream(?:ed|t|s)|imagin(?:e[sd]?|ing)|fanta?si[sz]e[sd]?|daydreamed)\s+that\b"
    r"|\b(?:forged|faked?|fabricated|fictitious|fictional|bogus|spurious|counterfeit|doctored"
    rf"|invented|satirical|hoax)\s+(?:\w+\s+)?{_PAPER}\b"
    rf"|\b{_PAPER},?\s+(?:that|which)\s+(?:was|is|were|are)\s+(?:later\s+)?(?:forged|faked?|fabricated)\b"
    r"|\b(?:forger(?:y|ies)|hoax(?:es)?)\s+(?:says?|claims?|states?|tells?)\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(r",\s*(?:which|who|whose|where)\b[^,;]*,|\([^()]*\)", re.IGNORECASE)
"""What is said of a thing in passing: of what would have been there, the rest is still a fact."""
_OPEN = re.compile(
    r"\b(?:if|unless|whether|when(?:ever)?|would|should|could|might|may|were\s+to|until|suppos\w+"
    r"|in\s+case|provided|as\s+though)\b",
    re.IGNORECASE,
)
"""By which a claim says that it is under a condition, too."""
_ASKS = re.compile(r"\?[\s\"”'’)*_]*\Z")
_MOST = 0.5
"""The share of a claim's words that must stand in a frame, and nowhere beside it."""


def framed(text: str) -> bool:
    """Whether a sentence of a text tells of no fact at all: of what never was, or of a story."""
    return any(
        _TOLD.search(said) or _never_was(said) or not re.search(r"\w", _without(said))
        for said in _said(text)
        if re.search(r"\w", said)
    )


def supposes(question: str) -> bool:
    """Whether a question asks for more than facts: for what would be, or for what a story tells."""
    return any(found.search(question) for found in (_TOLD, _CONDITION, _WOULD))


def unreal(claim: str, said: str, content: Callable[[str], set[str]]) -> bool:
    """Whether a claim says as a fact what a text says in a frame.

    Args:
        claim: What is claimed.
        said: The sentences that are to bear it out.
        content: The words of a text that count.
    """
    open_, told = bool(_OPEN.search(claim)), bool(_TOLD.search(claim))
    inside: list[str] = []
    beside: list[str] = []
    for sentence in _said(said):
        asked = _ASKS.search(sentence) and not _ASKS.search(claim)
        if asked or (_TOLD.search(sentence) and not told) or (_never_was(sentence) and not open_):
            inside.append(sentence)
        elif open_:
            beside.append(sentence)
        else:
            inside += _unsaid(sentence)
            beside.append(_without(sentence))
    if not inside:
        return False
    words = content(claim)
    within = words & set(chain.from_iterable(map(content, inside)))
    within -= set(chain.from_iterable(map(content, beside)))
    return bool(within) and len(within) >= _MOST * len(words)


def _unsaid(sentence: str) -> list[str]:
    """The parts of a sentence that say nothing as a fact, though the rest does."""
    asides = [found[0] for found in _ASIDE.finditer(sentence) if _NEVER_WAS.search(found[0])]
    conditions = [found[0] for found in _CONDITION.finditer(sentence)]
    hanging = _WOULD.findall(_CONDITION.sub(" ", sentence)) if conditions else []
    return [*asides, *conditions, *hanging]


def _without(sentence: str) -> str:
    """The rest of it."""
    for part in _unsaid(sentence):
        sentence = sentence.replace(part, " ")
    return sentence


def _never_was(sentence: str) -> bool:
    """Whether a sentence tells of what did not come to pass, other than in passing."""
    return bool(_NEVER_WAS.search(_ASIDE.sub(" ", sentence)))


def _said(text: str) -> list[str]:
    """Its sentences, cut at semicolons."""
    whole = (text[span.start : span.end] for span in sentences(text))
    return [part for sentence in whole for part in sentence.split(";")]
