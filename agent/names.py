"""The names in a claim, and whether a text knows them. Names are told by their capital letters.

No dictionary: the word that opens a sentence is a name unless its form, or what follows it, says
that it is not. In German, where every noun has a capital, every noun is a name.
"""

from __future__ import annotations

import re
import unicodedata

from agent.numerals import NUMBER_WORDS

_WORD = re.compile(r"[^\W\d_]+(?:['’.&-][^\W\d_]+)*")
_OPENING = frozenset('.!?:;\n•|"“„«(-*+')
"""What stands before a word that opens a sentence, a list item, a quotation or a table cell."""
_BETWEEN = frozenset("*_`\"'“„«(")
"""What may stand between the two, beside white space."""
_DETERMINED = re.compile(
    r"[*_`]*\s+(?:the|a|an|this|that|these|those|its|his|her|their|your|our|my|it|them|all|any"
    r"|each|every|of\s+(?:the|all|its|these|those|his|her|their|your))\b"
)
"""Behind a verb or a noun that opens a sentence, and hardly ever behind a name."""
_PARTICIPLE = re.compile(
    r"\w{2,}ed\s+(?:in|by|as|on|from|to|at|for|with|after|before|during)\b", re.IGNORECASE
)
_FORMED = re.compile(
    r"\w{2,}(?:tions?|sions?|ments?|ness|ities|isms?|ships?|ists|fully|ously|ively|ately|ently"
    r"|antly|ingly|edly|ically|ially|ually|larly|ably|ibly|wise|ward|wards)\Z"
)
_COMMON = """
about above across actually additionally after afterwards again against ahead all almost along
already also although always amid among another any anyone anything apart around aside away back
because before behind below beneath besides best better between beyond big both briefly but common
consequently correct currently daily despite different down due during each early earlier either
else enough especially even eventually every everyone everything exactly except far few fewer
finally first follow following for former formerly frequently from full further furthermore
generally good great half hence here high however if immediately in indeed initially inside instead
just large largely last late later lastly latter least less like likewise little local long low
lower mainly major many maybe meanwhile more moreover most mostly much nearly nevertheless new next
nobody none nonetheless normally nothing notably now of often old on once one only open opposite
or other others otherwise out outside over overall part partly people per perhaps please possibly
presumably previously primarily probably quickly quite rather recent recently roughly same second
several shortly similar similarly simply since small so some someone something sometimes soon
still such suddenly third though through throughout thus today together too toward twice two
ultimately under unless unlike until up upon upper use used users usually various very via when
whenever where whereas whether while who whoever with within work workers works year years yet
click close create delete enter install press remove restart run select set start stop try type
write add check choose call change keep make put read see send take turn wait
men women children person man woman son daughter father mother brother sister king queen city town
country river government company army animals plants water food money time war law data
number age area author book cause centre center date day death effect example form group head
home house kind language leader length level life line list name nature north south east west
order origin place point population power price problem process product purpose reason result role
rule scientists researchers size source speed state students system temperature term use value
version way weight width world
"""
_COMMON_WORDS = frozenset(_COMMON.split())
_TITLES = frozenset(["mr", "mrs", "ms", "dr", "prof", "sir", "st"])
_JOINING = frozenset(["of", "the", "and", "for"])
"""Words that a row of initials leaves out."""
_NATIONS = ("n", "an", "ian", "ean", "ese", "ish", "er", "i", "ic", "s")
_PEOPLES = """
france french england english britain british ireland irish scotland scottish wales welsh
spain spanish switzerland swiss netherlands dutch greece greek denmark danish sweden swedish
poland polish turkey turkish norway norwegian finland finnish portugal portuguese
philippines filipino iceland icelandic
"""
_PAIRS = tuple(zip(_PEOPLES.split()[::2], _PEOPLES.split()[1::2], strict=True))
_PEOPLE = dict(_PAIRS) | {people: country for country, people in _PAIRS}
"""Country to nationality and back, where the one is not made of the other by an ending."""
_BASE = 3
"""Letters with which both words begin where the one is made of the other."""


def names(text: str) -> list[str]:
    """The names of a text, in order, as it writes them; one of several words is as many names."""
    found: list[str] = []
    for word in _WORD.finditer(text):
        plain = re.sub(r"['’]s\Z", "", word[0])
        inner = any(c.isupper() for c in plain[1:])
        if not (plain[0].isupper() or inner) or plain.lower() in _TITLES:
            continue
        if inner or not _opens(text, word.start()) or not _common(text, word):
            parts = (
                part for part in re.split(r"['’.&-]", plain) if part[1:] and not part.islower()
            )
            found += [part for part in parts if part.lower() not in NUMBER_WORDS]
    return found


def unknown(named: list[str], text: str) -> set[str]:
    """Those of the names that a text does not know, in no case, nor as initials or a nationality.

    So `Germany` is known to a text that says "German", and `NASA` to one that spells it out, or
    the other way round.
    """
    found = re.findall(r"[^\W\d_]+", _folded(text))
    known = {word.lower() for word in found}
    missing = {name for name in named if _folded(name).lower() not in known}
    if not missing:
        return missing
    spelt = "".join(w[0] if w[0].isupper() else " " for w in found if w.lower() not in _JOINING)
    initials = "".join(_folded(name)[0] for name in named)
    for short in {w for w in found if w.isupper() and len(w) > 1}:
        if (at := initials.find(short)) >= 0:
            missing -= set(named[at : at + len(short)])
    long: dict[str, list[str]] = {}
    for word in known:
        if len(word) > _BASE:
            long.setdefault(word[:_BASE], []).append(word)

    def related(name: str) -> bool:
        near = long.get(name[:_BASE], ())
        return _PEOPLE.get(name) in known or any(_akin(name, word) for word in near)

    return {
        name
        for name in missing
        if not (name.isupper() and name in spelt) and not related(_folded(name).lower())
    }


def _folded(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _opens(text: str, at: int) -> bool:
    """Whether a word at this place opens a sentence, or something like one."""
    while at > 0:
        before = text[at - 1]
        if before in _OPENING:
            return True
        if before not in _BETWEEN and not before.isspace():
            return False
        at -= 1
    return True


def _common(text: str, word: re.Match[str]) -> bool:
    lower = word[0].lower()
    return bool(
        lower in _COMMON_WORDS
        or _FORMED.match(lower)
        or _DETERMINED.match(text, word.end())
        or _PARTICIPLE.match(text, word.start())
    )


def _akin(one: str, other: str) -> bool:
    """Whether one is of the other: Paris and Parisian, Germany and German."""
    if _PEOPLE.get(one) == other or _PEOPLE.get(other) == one:
        return True
    base, long = sorted((one, other), key=len)
    if len(base) < 4 or not long.startswith(base[:-1]):
        return False
    stems = (base, base[:-1]) if base[-1] in "aeyo" else (base,)
    return long in {stem + end for stem in stems for end in _NATIONS} or (
        long == f"{base}y" and len(base) > 5
    )
