"""Names that a question describes and found passages spell out: what to search for next. Pure.

"Who founded the town that Rollo burned?" names no town; a passage about Rollo does. A lead is a
name of such a passage that the question does not have, with the words of the question that the
passage does not explain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.names import names
from agent.support import content
from knowledge.sentences import sentences

if TYPE_CHECKING:
    from knowledge.types import Passage

_DESCRIBES = re.compile(
    r"\b(?:the|a|an|that|those|some)\s+(?:[\w'’-]+\s+){1,4}?"
    r"(?:that|who|whom|whose|which|where|in which|by whom)\b"
    r"|\bthe (?:one|person|man|woman|place|country|city|book) \w+"
    r"|\bthe (?:[\w-]+ )?\w+ of the \w+ (?:of|in|that|who)\b",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\b(?:(?:more|anything|something|everything) (?:else )?about|what else|where else|who else"
    r"|known about|said about|tell me about)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[A-Z](?:\.(?=\s[A-Z])|[\w'’-]*)"
    r"(?:\s+(?:(?:of|de|the|von|van|la)\s+)?[A-Z](?:\.(?=\s[A-Z])|[\w'’-]*))*"
)
_ARTICLES = frozenset(["The", "A", "An"])
_READ = 2
"""Best passages whose names are looked at."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A name worth searching for."""

    name: str
    query: str
    rest: tuple[str, ...]
    """The words of the question that are still to be explained; empty where it only wants more."""


def describes(question: str) -> bool:
    """Whether a question speaks of something by description, or wants more than one place."""
    return bool(_DESCRIBES.search(question) or _MORE.search(question))


def leads(question: str, found: Sequence[Passage], most: int) -> tuple[Lead, ...]:
    """The names to follow, the likeliest first.

    Of the best passages, the sentence with most of the question's words is read. Of its names,
    one that few found passages have comes before one that is the topic of them all.

    Args:
        question: Names in it are no leads.
        found: What was found for it, best first.
        most: How many leads to give.
    """
    wanted, known = content(question), question.lower()
    only_more = _MORE.search(question) is not None
    among = Counter(
        stem for passage in found for stem in content(passage.text).keys() - wanted.keys()
    )
    scored: dict[str, tuple[float, Lead]] = {}
    for rank, passage in enumerate(found[:_READ]):
        held = content(passage.text)
        rest = () if only_more else _words(question, held)
        for span in sentences(passage.text):
            sentence = passage.text[span.start : span.end]
            near = content(sentence)
            fit = sum(w for stem, w in wanted.items() if stem in near) / (sum(wanted.values()) or 1)
            for name in spelt(sentence):
                stems = content(name).keys()
                if name.lower() in known or not stems or stems <= wanted.keys():
                    continue
                common = max(among[stem] for stem in stems) / max(1, len(found))
                score = fit - 0.25 * common - 0.1 * rank
                if name not in scored or score > scored[name][0]:
                    scored[name] = score, Lead(name, " ".join((name, *rest)), rest)
    best = sorted(scored.values(), key=lambda entry: -entry[0])[:most]
    return tuple(lead for _, lead in best)


def spelt(text: str) -> list[str]:
    """The names of a text as it writes them, each once; one of several words is one name."""
    known = set(names(text))
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        words = match[0].split()
        # The word that opens a sentence may have its capital from there only.
        while words and (
            words[0] in _ARTICLES
            or not any(part in known for part in re.split(r"['’.-]", words[0]))
        ):
            words.pop(0)
        if words:
            found.setdefault(re.sub(r"['’]s\Z", "", " ".join(words)))
    return list(found)


def _words(question: str, held: Container[str]) -> tuple[str, ...]:
    """The words of a question, with content, that a passage does not hold."""
    return tuple(
        word
        for word in re.findall(r"\w+(?:['’-]\w+)*", question)
        if any(stem not in held for stem in content(word))
    )
