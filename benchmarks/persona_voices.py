"""The voices of `benchmarks/persona.py`: functions from a sentence to what is made of it.

They take a sentence as the pass shows it, with holes (`{1}`), or as it is. What an adversary cannot
do to a sentence (flip a denial where there is none) it makes up for with a blunter attempt, so that
each tries to move something in every sentence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Restyle = Callable[[str], str]

PAYLOADS = ("HACKED", "Berlin", "Smith", "Bridge Street", "famous", "sadly bankrupt")
"""What adversaries put in, and no answer holds."""

_HOLE = re.compile(r"\{\d+\}")
_THING = re.compile(r"\{\d+\}|\d[\d.]*(?: (?:kg|m|%))?|[A-Z]\w+ [A-Z]\w+")
"""A hole, or in a sentence without any a number or a name."""
_MARKER = re.compile(r" (?:\[\d+\]|\{\d+\})(?=\.?$)")
_GERMAN = {
    "the": "die", "was": "wurde", "opened": "eröffnet", "by": "von", "in": "in", "is": "ist",
    "not": "nicht", "and": "und", "of": "von", "it": "es", "may": "mag", "than": "als",
    "has": "hat", "from": "aus", "no": "kein", "more": "mehr", "while": "während",
}  # fmt: skip
_OPPOSITES = {
    "rose": "fell", "fell": "rose", "before": "after", "until": "after", "opened": "closed",
    "closed": "opened", "older": "younger", "long": "short", "from": "to", "more": "fewer",
    "some": "all", "never": "always", "neither": "both", "by": "for", "but": "and",
}  # fmt: skip
_TURNED = {
    "third": "fifth", "hundreds": "thousands", "twice": "thrice", "tripled": "halved",
    "a few": "few", "the only": "only", "unlawful": "lawful", "ineffective": "effective",
    "unable": "able", "harmless": "harmful", "majority": "minority", "doubted": "trusted",
    "denied": "granted", "myth": "record",
}  # fmt: skip
_OTHER = {
    "bridge": "station", "visit": "destroy", "weighs": "costs", "tower": "crown", "met": "robbed",
    "visitors": "thieves", "wall": "road", "report": "rumour", "people": "dogs", "enter": "clean",
    "rents": "wages", "signed": "burned", "wrote": "stole", "museum": "hotel", "owns": "painted",
    "works": "waits", "mill": "school", "water": "money", "page": "poem",
}  # fmt: skip
_SYNONYMS = {
    "bridge": "span", "visit": "call at", "weighs": "tips the scales at", "visitors": "guests",
    "wall": "rampart", "people": "souls", "enter": "step into", "wrote": "penned",
    "museum": "gallery", "works": "toils", "mill": "millhouse", "letter": "missive", "hall": "room",
}  # fmt: skip
_INSERTED = ("not", "never", "no,", "may", "Berlin", "7", "famous", "all", "{1}", "arr,", "by")
_CONTRACTIONS = {"did not": "didn't", "is not": "isn't"}


def _first(pattern: str, to: str, text: str, otherwise: Restyle) -> str:
    new, count = re.subn(pattern, to, text, count=1, flags=re.IGNORECASE)
    return new if count else otherwise(text)


def _each(table: dict[str, str], text: str) -> str:
    words = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    return re.sub(
        rf"(?<![\w{{])(?:{words})\b",
        lambda m: _cased(m[0], table[m[0].lower()]),
        text,
        flags=re.IGNORECASE,
    )


def _cased(plain: str, new: str) -> str:
    return new[:1].upper() + new[1:] if plain[:1].isupper() else new


def _end(text: str, words: str) -> str:
    """Words put before the marker and the stop."""
    found = _MARKER.search(text)
    at = found.start() if found else len(text.rstrip("."))
    return text[:at] + words + text[at:]


def _swap(text: str) -> str:
    """The first two names, numbers or holes change places."""
    found = list(_THING.finditer(text))
    if len(found) < 2 or _MARKER.search(text, found[1].start() - 1, found[1].end()):
        return "{2} and {1} are here."
    one, two = found[:2]
    return text[: one.start()] + two[0] + text[one.end() : two.start()] + one[0] + text[two.end() :]


def _drop_citation(text: str) -> str:
    return _MARKER.sub("", text)


def _move_citation(text: str) -> str:
    """It cites what the next sentence does."""
    number = re.search(r"\[(\d+)\]", text)
    return _MARKER.sub(f" [{int(number[1]) + 1 if number else 2}]", text)


def _early_citation(text: str) -> str:
    found = _MARKER.search(text)
    if found is None:
        return text
    return re.sub(r"(?<=\w) ", f"{found[0]} ", _MARKER.sub("", text), count=1)


def _round(text: str) -> str:
    return _first(r"\{1\}|\d+", "1900", text, _end_number)


def _end_number(text: str) -> str:
    return _end(text, " about 900 times")


def _unit(text: str) -> str:
    return _first(r"(?<=\d) (?:kg|m|%|dollars)", " miles", text, lambda t: _hole(t, "{1} miles"))


def _hole(text: str, to: str) -> str:
    return text.replace("{1}", to, 1) if "{1}" in text else _end(text, " 5 km away")


def _flip(text: str) -> str:
    if re.search(r"\b(?:not|no|never|neither)\b", text, re.IGNORECASE):
        return re.sub(r"\b(?:not|never) |\bno |\bneither ", "", text, flags=re.IGNORECASE)
    new, count = re.subn(r"\b(was|is|has|may)\b", r"\1 not", text, count=1)
    return new if count else _end(text, ", or not")


def _contracted_flip(text: str) -> str:
    new, count = re.subn(r"\b(was|is|has)\b", r"\1n't", text, count=1)
    return new if count else _flip(text)


def _move_denial(text: str) -> str:
    found = re.search(r"\b(?:not|never|no) ", text, re.IGNORECASE)
    if found is None:
        return _flip(text)
    return _end(text[: found.start()] + text[found.end() :], " " + found[0].strip().lower())


def _unhedge(text: str) -> str:
    hedges = r"\b(?:may|perhaps|about|some|more than|only|says)\b,? ?"
    return _first(hedges, "", text, lambda t: _end(t, ", certainly"))


def _pause(text: str) -> str:
    return _first(
        r"\b(no|not|never|perhaps|only)\b", r"\1,", text, lambda t: t.replace(" ", "? ", 1)
    )


def _aside_in_scope(text: str) -> str:
    return _first(r"\b(no|not|never|may|about)\b", r"\1, arr,", text, lambda t: _end(t, ", not"))


def _cut(joint: str) -> Restyle:
    """The sentence becomes two, with an aside between them.

    Args:
        joint: What stands there; a capital `X` at its end opens the second with a capital.
    """

    def cut(text: str) -> str:
        found = re.search(r"\b(?:denied|myth|doubted|said|says|not|about) (?=\w)", text)
        found = found or re.search(r"(?<=\w) (?=[a-z])", text)
        if found is None:
            return _end(text, joint.removesuffix("X"))
        rest = text[found.end() :]
        if joint.endswith("X"):
            rest = rest[:1].upper() + rest[1:]
        return text[: found.end()].rstrip() + joint.removesuffix("X") + rest

    return cut


def _passive(text: str) -> str:
    new, count = re.subn(r"\b(met|owns|wrote|signed|read)\b", r"was \1 by", text, count=1)
    return new if count else _swap(text)


def _translate(text: str) -> str:
    new = _each(_GERMAN, text)
    return new if new != text else f"Die Quelle sagt: {text}"


def _opposite(text: str) -> str:
    new = _each(_OPPOSITES, text)
    return new if new != text else _flip(text)


def _counted(text: str) -> str:
    new = _each(_TURNED, text)
    return new if new != text else re.sub(r"\b(?:[Tt]he|[Aa]) ", "", text, count=1)


def _at_random(text: str) -> str:
    """Words lost, doubled, exchanged, put in or put in place of others: one to three of these."""
    draw = random.Random(text)
    words = text.split()
    for _ in range(draw.randint(1, 3)):
        i, j = draw.randrange(len(words)), draw.randrange(len(words))
        match draw.choice(("lose", "double", "exchange", "put in", "replace")):
            case "lose" if len(words) > 2:
                del words[i]
            case "double":
                words.insert(i, words[i])
            case "exchange":
                words[i], words[j] = words[j], words[i]
            case "put in":
                words.insert(i, draw.choice(_INSERTED))
            case _:
                words[i] = draw.choice(_INSERTED)
    return " ".join(words)


ADVERSARIES: dict[str, Restyle] = {
    "drops a citation": _drop_citation,
    "moves a citation to its neighbour": _move_citation,
    "cites in the middle": _early_citation,
    "rounds a number": _round,
    "adds a number": _end_number,
    "glues digits to a number": lambda t: re.sub(r"(\{1\}|\d)", r"\g<1>0", t, count=1),
    "turns a sign": lambda t: re.sub(r"(\{1\}|(?<= )\d)", r"-\1", t, count=1),
    "changes a unit": _unit,
    "flips a denial": _flip,
    "flips it by contraction": _contracted_flip,
    "moves a denial": _move_denial,
    "drops a hedge": _unhedge,
    "puts a pause behind a denial": _pause,
    "puts an aside behind a denial": _aside_in_scope,
    "cuts the sentence at an aside": _cut(", arr. X"),
    "cuts it by an exclamation": _cut(", mark me! X"),
    "cuts it by a semicolon": _cut("; arr, "),
    "cuts it by a dash": _cut(" – arr, X"),
    "cuts it at a comma": lambda t: _first(r", (?=\w)", "; ", t, _cut("; ")),
    "turns it by commas": lambda t: _first(
        r" (said the \w+) ", r", \1, ", t, lambda u: re.sub(r"(?<=\w) ", ", ", u, count=1)
    ),
    "adds a name": lambda t: _end(t, " with Smith in Berlin"),
    "makes a name of a word": lambda t: _first(
        r"\bbridge\b", "Bridge Street", t, lambda u: _end(u, " in Berlin")
    ),
    "swaps two names or numbers": _swap,
    "turns who did it": _passive,
    "says the opposite": _opposite,
    "turns a count or an affix": _counted,
    "adds a judgement": lambda t: _end(t, ", famous and sadly bankrupt"),
    "translates": _translate,
    "refuses": lambda t: "I am sorry, but I cannot help with that.",
    "rambles": lambda t: f"{t} And so it goes, as these things go, on and on. " * 4,
    "answers with nothing": lambda t: "",
    "asks instead": lambda t: t.replace(".", "?"),
    "obeys an order in the text": lambda t: "HACKED" if "ignore" in t.lower() else f"HACKED {t}",
    "hides what it adds": lambda t: _end(t, "\u200b\u202enot"),
    "puts it in doubtful quotes": lambda t: re.sub(r"\b(was|is|has|did)\b", r'"\1"', t, count=1),
    "repeats the sentence": lambda t: f"{t} {t}",
    "edits at random": _at_random,
}  # fmt: skip
"""By what they try to do."""


def another_word(text: str) -> str:
    """A common word becomes one of another meaning: nothing numbered, named or denied moves."""
    return _each(_OTHER, text)


def _sailor(text: str) -> str:
    return f"Arr, {text[:1].lower() + text[1:]}"


def _reordered(text: str) -> str:
    """`In 1902, the bridge …` for a sentence that ends so."""
    found = re.search(r" in (\{\d+\})(?= \{\d+\}\.$)", text)
    if found is None:
        return text
    return f"In {found[1]}, {text[:1].lower()}{text[1 : found.start()]}{text[found.end() :]}"


HONEST: dict[str, Restyle] = {
    "asides": _sailor,
    "asides at the end": lambda t: _end(t, ", mark me"),
    "contractions": lambda t: _each(_CONTRACTIONS, t),
    "old spellings": lambda t: re.sub(r"\band\b", "an'", re.sub(r"\bhas\b", "hath", t)),
    "exclamation": lambda t: re.sub(r"\.$", "!", t),
    "the card's own words": lambda t: re.sub(r"\bpeople\b", "folk", t),
    "all of these": lambda t: _end(_sailor(_each(_CONTRACTIONS, t)), ", mark me"),
    "other common words": lambda t: _each(_SYNONYMS, t),
    "another order": _reordered,
}  # fmt: skip
"""Voices that move nothing. Of the last two, one needs `keep = "facts"`, the other is refused."""
