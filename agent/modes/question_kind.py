"""How much of a library a question is about, and how many searches it needs. English; form only.

Into which questions one falls is told by `policy/decompose.py`. Nothing here knows what the library
holds. What kind of answer is wanted (a date, a name) is another question, which
`agent.models.reader.question` asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.modes.policy.decompose import parts

Kind = Literal["single", "compound", "comparison", "list", "summary"]
"""`single`: one fact, one passage may hold it. `compound`: several questions, or one that leads
through another. `comparison`: one question about several things. `list`: every case of something.
`summary`: what all of it says."""

WORDS: dict[Kind, str] = {
    "single": "one thing is asked",
    "compound": "several things are asked",
    "comparison": "a comparison is asked for",
    "list": "every case is asked for",
    "summary": "a summary of everything is asked for",
}
"""Each kind in words for the user."""

_READ = 2000
"""Characters of a question whose form is read: what is longer holds more than a question."""

_COLLECTION = (
    r"(?:every ?thing|(?:it|them) all|all of (?:it|them|this|these|that)|"
    r"(?:(?:all|the|this|these|those|my|our|your|whole|entire|of|each|every|in|stored) )*"
    r"(?:library|librar(?:y|ies)|collection|corpus|knowledge base|documents?|docs|files?|folder|"
    r"sources?|notes|papers|archive))"
)
_SUMMARY_VERB = (
    r"(?:summari[sz]e|sum up|outline|recap|digest|tl;?dr:?|"
    r"(?:(?:give|write|show)(?: me| us)? |i (?:want|need) )?(?:an? |the )?(?:\w+ )?"
    r"(?:summary|overview|outline|synopsis|gist|digest)(?: of)?)"
)
_SUMMARY = re.compile(
    rf"^{_SUMMARY_VERB}\W*(?:{_COLLECTION})?\W*$|"
    rf"^what (?:is|are|does|do) {_COLLECTION} (?:all )?(?:about|contain|say|cover|hold)\W*$|"
    rf"^what is in {_COLLECTION}\W*$|"
    r"\b(?:main|key|central|overall|common|recurring) "
    rf"(?:themes?|topics?|points?|ideas?|messages?|findings?)\b.*\b{_COLLECTION}\W*$"
)
_LIST = re.compile(
    r"^(?:list|enumerate|name|find|show|give|collect|extract)\b.*?"
    r"\b(?:all|every|each)\b|"
    r"^(?:list|enumerate)\b|"
    r"^(?:what|which|who|where|when)\b(?: \w+)?(?: (?:is|are|was|were|do|does|did|have|has))? "
    r"all (?:of )?(?:the|those|these|my|our)\b|"
    r"^(?:what|who|which) (?:\w+ )?are all\b|"
    r"^(?:in )?(?:which|how many|what|do any|does any|do all|does every|is every|are all)"
    r"(?: (?:of|other|different|the|my|our|these|those))* "
    r"(?:documents?|docs|files?|sources?|notes|papers|pages|articles|chapters)\b|"
    r"\b(?:a|the) (?:complete|full|exhaustive) list\b|"
    r"\b(?:all|every|each) (?:the |of the )?(?:mentions?|occurrences?|cases?|instances?)\b"
)
_COMPARISON = re.compile(
    r"\b(?:compar(?:e|es|ed|ing|isons?)|contrast|versus|vs|"
    r"differ(?:s|ed|ences?|ent (?:from|than|to))?|"
    r"in common|similar(?:ity|ities)|distinguish(?:es)?|which of the (?:two|three))\b|"
    r"\b(?:better|worse|more|less|fewer|larger|smaller|bigger|greater|older|younger|newer|earlier|"
    r"later|longer|shorter|higher|lower|taller|faster|slower|heavier|lighter|cheaper|"
    r"(?!other|rather|either|whether|never)\w{3,}er) "
    r"(?:\w+ ){0,3}than\b|"
    r"^(?:which|who|what)\b.*\b(?:first|last|\w{2,}er|more|less|most|\w{3,}est)\b.*[,:] .*\bor\b|"
    r"\b(?:both|either|neither) .* (?:and|or|nor)\b"
)
_LEADS = re.compile(
    r"\b(?:the|a|an|that|those|some)(?: \w+){1,3},? (?:that|which|who|whom|whose|where|in which|"
    r"by whom|from which)\b|\bthe \w+ of the \w+ (?:of|that|who|which|where)\b|"
    r"\bthe (?:same|one)(?: \w+)? (?:that|who|which|as)\b"
)
"""A thing that is named only by what else is said of it: it has to be found first."""
_OPENING = re.compile(
    r"^(?:(?:please|ok|okay|hi|hello|hey|so|and|now)\b[\s,]*)*"
    r"(?:(?:can|could|would|will) you (?:please )?|please )?(?:tell (?:me|us) )?",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the form of a question tells."""

    kind: Kind
    searches: int
    """How many are expected, at least 1, where each part is searched for by itself."""


def read(question: str) -> Reading:
    """Read a question's form. What has no known form is one thing asked."""
    text = " ".join(question[:_READ].split()).replace("’", "'")
    lower = _OPENING.sub("", text.lower(), count=1)
    found = parts(text)
    # What is named by what else is said of it is searched for first.
    several = max(len(found), 2)
    if _SUMMARY.search(lower):
        return Reading("summary", several)
    if _LIST.search(lower):
        return Reading("list", several)
    if _COMPARISON.search(lower):
        return Reading("comparison", several)
    if len(found) > 1 or _LEADS.search(lower):
        return Reading("compound", several)
    return Reading("single", 1)
