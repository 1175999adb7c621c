"""A sub-question that says `it` -> one that says what: its pronoun replaced by what it stands for.

`agent.modes.policy.decompose` gives a clause that refers back the name behind it ("who kept it
Fastnet"), which searches well and reads badly. By surface forms, English only; where it is not
sure, the name stays, in parentheses.
"""

from __future__ import annotations

import re

_PRONOUN = re.compile(
    r"\b(?:(?P<whose>his|its|their|her(?=\s+[a-z]))|it|he|she|they|him|her|them)\b(?!['’])",
    re.IGNORECASE,
)
_BE = r"(?:is|are|was|were)"
_HELPING = re.compile(rf"\b(?:{_BE}|do|does|did|has|have|had|can|will|would|should)\s*\Z", re.I)
_OF_A_THING = re.compile(rf"(?:how\s+\w+|what|who|which)\s+{_BE}\s*\Z", re.IGNORECASE)
"""Behind which the words to the end name a thing: "How tall is …". Not "When was … built"."""
_DOES = re.compile(r"\bd(?:o|oes|id)\s*\Z", re.IGNORECASE)
_NO_NOUN = re.compile(r"first|last|ever|never|again|not|\w+(?:ly|ed)", re.IGNORECASE)
_NOUNS = 2
"""Words behind a name that end a question and belong to the name."""


def with_subject(clause: str, first: str, whole: str) -> str:
    """A sub-question that can be read alone.

    Args:
        clause: As `decompose` gave it.
        first: The one that it may refer back to, as `decompose` gave it.
        whole: The question that both are of.
    """
    clause = " ".join(clause.split())
    bare = clause.rstrip(" ?")
    if clause == first or bare.casefold() in " ".join(whole.split()).casefold():
        return clause  # in the user's own words: no name was put behind it
    asked, names = bare, list[str]()
    while name := _behind(asked, first):
        asked = asked[: -len(name)].rstrip(" ?")
        names.insert(0, name)
    pronoun = _PRONOUN.search(asked)
    if not names or (pronoun is None and "? " not in clause):
        return clause
    if pronoun and len(names) == 1:
        subject = _in_full(names[0], first)
    elif pronoun and pronoun[0].lower() in ("they", "them", "their"):
        subject = " and ".join(names)
    else:  # which is meant is not known
        return f"{asked} ({', '.join(names)})?"
    meant = f"{subject}’s" if pronoun["whose"] else subject
    return f"{asked[: pronoun.start()]}{meant}{asked[pronoun.end() :]}?"


def _behind(clause: str, first: str) -> str:
    """The name at the end of a clause that stands so in the first one; the longest."""
    words, name = clause.split(), ""
    for count in range(1, len(words)):
        tail = " ".join(words[-count:])
        if tail[0].isupper() and re.search(rf"\b{re.escape(tail)}\b", first):
            name = tail
    return name


def _in_full(name: str, first: str) -> str:
    """A name with its article and its noun, as far as it is sure which words they are."""
    found = re.search(
        rf"\b(?P<the>the\s+)?{re.escape(name)}(?P<more>(?:\s+[a-z]+){{0,4}})\s*\??\s*\Z",
        first,
        re.IGNORECASE,
    )
    if found is None:
        return name
    the, more, before = (found["the"] or "").lower(), found["more"].split(), first[: found.start()]
    if not more or (the and _DOES.search(before)):  # "Why did the Vasa sink?"
        return the + name
    if not the:
        return name
    if _HELPING.search(before) and not _OF_A_THING.search(before):
        # "When was the Fastnet lighthouse lit?", but "When was the Fastnet lit?"
        noun = len(more) > 1 and not _NO_NOUN.fullmatch(more[0])
        return f"{the}{name} {more[0]}" if noun else the + name
    return " ".join([the + name, *more]) if len(more) <= _NOUNS else name
