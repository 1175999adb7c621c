"""A compound question -> the questions in it, by its punctuation and function words alone.

A grammar of surface forms, not a parser: clauses that ask ("…, and who …", "Besides …, tell me …",
"Two things: …"), things compared ("difference between X and Y", "which is older: X or Y"), names in
a row ("of X and of Y"). English only; any other question is one question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.modes.prompting import standalone
from agent.names import names
from agent.support import content
from knowledge.sentences import sentences

if TYPE_CHECKING:
    from agent.messages import Message

MOST = 4
"""Questions that one is split into, at most."""
_READ = 1000
"""Characters; a longer text tells more than it asks, and is searched for as it is."""

_WH = r"(?:who|whom|whose|what|when|where|which|why|how)"
_PREPOSITION = r"(?:(?:in|on|at|from|for|to|by|of|with|about|under|during|after|before)\s+)?"
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)"
)
_ASKS_BY_WORD = re.compile(rf"{_PREPOSITION}{_WH}\b", re.IGNORECASE)
_ASKS = re.compile(rf"{_PREPOSITION}{_WH}\b|{_AUXILIARY}\s", re.IGNORECASE)
_ITEM = r"(?:\(?(?:[0-9]|[a-h])[.)]|[*•-])\s+"
_LEAD_IN = re.compile(
    rf"\s*(?:{_ITEM})?"
    r"(?:(?:and|but|or|also|then|so|please|thanks|hello|hi|first(?: of all)?|firstly|second(?:ly)?"
    r"|third(?:ly)?|next|finally|lastly)\b[\s,:]*)*"
    r"(?:(?:my|the|another|a|one)(?: \w+)?? (?:question|thing) is[\s,:]*"
    r"|(?:(?:can|could|would|will) (?:you|someone|anyone) (?:please )?|please )?"
    r"(?:tell|show|explain to|remind|give) (?:me|us)\b(?:,? please)?(?: about)?[\s:,]*"
    r"|i(?: would|['’]d)? (?:like|want|need|love) to (?:know|learn|find out|understand)[\s:,]*"
    r"(?:about )?"
    r"|(?:do|does) (?:you|anyone) know[\s,]*|i wonder[\s,]*"
    r"|(?:can|could|would) you (?:please )?(?:explain|find(?: out)?|say|describe)[\s,]*"
    rf"|(?:explain|describe|say|state|find out)\s+(?={_PREPOSITION}{_WH}\b))?"
    r"(?:(?:both|also)\s+)?",
    re.IGNORECASE,
)
_CUT = re.compile(
    rf"(?P<item>[\s,;]+{_ITEM})"
    r"|(?P<mark>\s*(?:[,;:(/—–]|\s--?(?=\s))\s*|\s+)"
    r"(?P<join>(?:(?:and|or|but|plus|then|next|finally|also|as well as|along with|if so)\b,?\s*)*)",
    re.IGNORECASE,
)
"""Where a question may end and another begin."""
_NO_NOUN = r"(?!(?:i|you|he|she|it|we|they|the|an?|this|that|his|her|its|their)\b)"
_INVERTED = re.compile(
    rf"(?:{_PREPOSITION}(?:what|which)\s+{_NO_NOUN}(?:[\w'’-]+\s+){{1,3}}?"
    rf"|how\s+{_NO_NOUN}(?:[\w'’-]+\s+){{0,3}}?|(?:what|when|where|why)\s+){_AUXILIARY}\b"
    r"|whom?\s+d(?:o|oes|id)\b",
    re.IGNORECASE,
)
"""A question for itself: its verb stands before its subject. "…, who was a duke" may be none."""
_SUBORDINATE = re.compile(rf"(?:when|where|how)\b(?!\s+(?:[\w'’-]+\s+)?{_AUXILIARY}\b)", re.I)
_BEFORE = re.compile(
    r"(?P<added>besides|apart from|aside from|in addition to|as well as|along with|together with"
    r"|on top of|other than|not only)\s+(?=\S)"
    rf"|(?:(?!(?:the|an?|this|that|these|those)\b)[\w'’-]+\s+){{1,5}}?(?={_PREPOSITION}{_WH}\b)",
    re.IGNORECASE,
)
"""What stands before the first of two questions: "Besides …", "Once you have told me …"."""
_ANNOUNCED = re.compile(r"(?P<what>[^:?.!]{1,60}):\s+(?=\S)")
_MANY = re.compile(
    r"\b(?:two|three|four|several|some|few|couple|both|[2-4]|questions|things|points)\b", re.I
)
_ANNOUNCING = """
two three four several some few couple both question questions thing things point points help know
need want tell answer ask please following more also quick favour favor hello
"""
_ANNOUNCING_STEMS = content(_ANNOUNCING).keys()
_REFERS = re.compile(
    r"\b(?:it|its|he|his|him|she|her|they|their|them|this|that one|these|those|there)\b",
    re.IGNORECASE,
)
_COMPARED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Which is older: X or Y?
        r"(?P<head>\w[\w\s'’-]{1,60}?)\s*[:,]\s*(?P<either>.+?,?\s+or\s+.+)",
        rf"(?P<head>(?:{_WH}) (?:is|was|are|were|came|comes|has|had) (?:more|less|first|last|better"
        r"|worse|\w+er|the \w+est)(?: \w+)??)\s+(?P<either>.+?\s+or\s+.+)",
        # What is the difference between X and Y in Z?
        r"(?P<head>\w+(?:\s+\w+){0,4}?\s+(?:differences?|similarit\w+|distinctions?|comparisons?|contrasts?"
        r"|relation(?:ship)?s?|connections?|links?)\s+(?:is there |are there )?(?:between|of))\s+"
        r"(?:both\s+)?(?P<both>.+?\s+(?:and|or)\s+.+)",
        r"(?P<head>(?:compare|contrast))\s+(?P<both>.+?\s+and\s+.+)",
        r"(?P<head>(?:compare|contrast))\s+(?P<one>.+?)\s+(?:with|to|against)\s+(?P<other>.+)",
        # How does X compare with Y? How does X differ from Y?
        rf"(?P<head>(?:how|in what way)s? (?:{_AUXILIARY}) )(?P<one>.+?)\s+"
        r"(?:compare[sd]?|differ(?:s|ed)?|relate[sd]?)\s+(?:with|to|from|against)\s+(?P<other>.+)",
        # Is X older than Y?
        rf"(?P<head>{_AUXILIARY} )(?P<one>.+?)\s+(?:(?:more|less|as)\s+)?(?P<how>[\w-]+)\s+"
        r"(?:than|as)\s+(?P<other>.+)",
        r"(?P<one>.+?)(?:,)?\s+(?:compared|in comparison|as opposed|in contrast)\s+"
        r"(?:with|to)\s+(?P<other>.+)",
        r"(?P<one>.+?)\s+(?:versus|vs\.?)\s+(?P<other>.+)",
        # What do X and Y have in common?
        rf"(?P<head>.*?{_AUXILIARY} )(?:both )?(?P<both>.+?\s+and\s+.+?)\s+"
        r"(?:have in common|share|differ|relate|compare|resemble each other)\b.*",
        # What is said about both X and Y?
        r"(?P<head>.*?)\bboth\s+(?P<both>.+?\s+and\s+.+)",
    )
)
_COMPARING = re.compile(
    rf"\b(?:{_WH}|{_AUXILIARY}|came|come|first|last|earlier|later|older|younger|newer|larger"
    r"|bigger|smaller|greater|more|less|fewer|number|longer|shorter|higher|lower|difference"
    r"|differences|between|compare|contrast|both|there|the|of|two|event|happened|better|worse)\b",
    re.IGNORECASE,
)
_NAME = r"[A-Z][\w'’.-]*(?:\s+(?:(?:of|de|the|la|von|van)\s+)*[A-Z][\w'’.-]*)*"
_ROW = re.compile(
    rf"(?P<one>(?:[Tt]he\s+)?{_NAME})\s*,?\s+(?:and|as well as)\s+"
    rf"(?P<link>(?:of|in|by|for|to|at)\s+)?(?P<other>(?:[Tt]he\s+)?{_NAME})"
)


def parts(question: str, history: Sequence[Message] = ()) -> tuple[str, ...]:
    """The questions in a question, each fit to be searched for alone; at most `MOST`.

    A follow-up takes along the question before it, as in the naive mode. A question that cannot be
    split comes back whole.
    """
    whole = standalone(question, history)
    before = whole[len(question) :]
    if len(question) > _READ:
        return (whole,)
    found: list[str] = []
    for clause in _clauses(" ".join(question.split())):
        for part in compared(clause) or (clause,):
            if content(part) and part not in found:
                found.append(part)
    if len(found) == 1:
        found = list(_row(found[0])) or found
    if len(found) < 2:
        return (whole,)
    return tuple(part + before for part in found[:MOST])


def _clauses(question: str) -> list[str]:
    """The parts of a text that ask something each; what only tells goes with what comes next."""
    text = question.strip()
    said, asked = "", list[str]()
    for span in sentences(text):
        sentence = text[span.start : span.end].strip()
        topic, sentence, several = _announced(sentence)
        lead = _LEAD_IN.match(sentence)
        bare = sentence[lead.end() :] if lead else sentence
        clauses = _split(bare, several=several)
        asks = (
            sentence.endswith("?")
            or _ASKS.match(bare)
            or (lead and lead.end())
            or (len(clauses) > 1 and _BEFORE.match(bare))
        )
        said = f"{said} {topic}".strip()
        if not asks:
            if not re.fullmatch(_ITEM, f"{sentence} "):
                said = f"{said} {sentence}".strip()
            continue
        asked += [f"{said} {clause}".strip() for clause in clauses]
        said = ""
    if said and asked:
        asked[-1] = f"{asked[-1]} {said}"
    return [_completed(clause, asked[:i]) for i, clause in enumerate(asked)] or [text]


def _announced(sentence: str) -> tuple[str, str, bool]:
    """What a colon announces: what it is about, what is asked, and whether that is several."""
    found = _ANNOUNCED.match(sentence)
    if found is None or _ASKS.match(_bare(found["what"])):
        return "", sentence, False
    rest = sentence[found.end() :]
    if not _ASKS.match(_bare(rest)):
        return "", sentence, False
    topic = found["what"] if content(found["what"]).keys() - _ANNOUNCING_STEMS else ""
    return topic, rest, bool(_MANY.search(found["what"]))


def _split(sentence: str, *, several: bool = False) -> list[str]:
    """A sentence where one question ends and another begins.

    Args:
        sentence: Without what leads up to a question.
        several: Whether more than one were announced.
    """
    if any(pattern.fullmatch(sentence.rstrip(" ?.")) for pattern in _COMPARED[:2]):
        return [sentence]
    found, start = list[str](), 0
    for cut in _CUT.finditer(sentence):
        left, right = sentence[start : cut.start()], sentence[cut.end() :]
        if content(left) and content(right) and _ends(cut, left, right, several=several):
            found.append(left)
            start = cut.end()
    whole = [*found, sentence[start:]]
    if found and (before := _BEFORE.match(whole[0])) and not _ASKS.match(whole[0]):
        whole[0] = whole[0][before.end() :]
    return [_bare(part) for part in whole]


def _ends(cut: re.Match[str], left: str, right: str, *, several: bool) -> bool:
    """Whether a question ends here, with another behind it."""
    if left.count('"') % 2 or left.count("“") > left.count("”"):
        return False
    before = None if _ASKS.match(_bare(left)) else _BEFORE.match(left)
    first = _bare(left[before.end() :] if before else left)
    whole = before is None and bool(_ASKS.match(first)) and not _SUBORDINATE.match(first)
    lead = _LEAD_IN.match(right)
    asks = _ASKS_BY_WORD.match(right) or (lead and lead.end() and _ASKS.match(right, lead.end()))
    if cut["item"]:
        return bool(asks or _ASKS.match(right))
    if cut["mark"].strip() == ";":
        return True
    if cut["join"]:
        again = re.match(r"(?:who|whom|whose|which|where|that)\b", right, re.IGNORECASE)
        # "the duke who led them and who died": the second clause is of the duke, too.
        if again and re.search(rf"\S\s+{again[0]}\s", first, re.IGNORECASE):
            return False
        yes_no = re.match(rf"{_AUXILIARY}\s", right, re.I) and re.match(
            rf"{_AUXILIARY}\s", first, re.I
        )
        return bool(asks or yes_no)
    if not cut["mark"].strip():
        return False
    if several and asks:
        return True
    if cut["mark"].strip() == "/":
        return whole and bool(asks)
    if asks and not _ASKS_BY_WORD.match(right):
        # "…, tell me who …"
        return whole or before is not None
    if before is not None and before["added"]:
        return bool(asks)
    return whole and bool(_INVERTED.match(right))


def _bare(clause: str) -> str:
    lead = _LEAD_IN.match(clause)
    bare = clause[lead.end() if lead else 0 :].strip(" ,;:/—–-")
    return bare if "(" in bare else bare.replace(")", "")


def _completed(clause: str, before: Sequence[str]) -> str:
    """A clause with the names it refers back to ("…, and when did he die?")."""
    if not before or (names(clause) and not _REFERS.search(clause)):
        return clause
    if not _REFERS.search(clause) and len(content(clause)) > 1:
        return clause
    meant = list(dict.fromkeys(match[0] for match in re.finditer(_NAME, before[0][1:])))
    known = clause.lower()
    return " ".join([clause, *(name for name in meant if name.lower() not in known)])


def compared(clause: str) -> tuple[str, ...]:
    """What a clause compares, each with what is asked about it; empty where it compares nothing."""
    plain = clause.rstrip(" ?.")
    for pattern in _COMPARED:
        found = pattern.fullmatch(plain)
        if found is None:
            continue
        groups = found.groupdict()
        sides: tuple[str, str] | None
        if groups.get("one"):
            sides = groups["one"], groups["other"]
        elif groups.get("either"):
            sides = _sides(groups["either"], "or")
        else:
            sides = _sides(groups["both"], "and|or")
        if sides is None or not all(content(side) for side in sides):
            continue
        if pattern is _COMPARED[-1] and not all(map(_stands, sides)):
            continue
        about = " ".join(_COMPARING.sub(" ", groups.get("head") or "").split())
        return tuple(
            side if _ASKS.match(side) or not about else f"{side} {about}"
            for side in (side.strip(" ,") for side in sides)
        )
    return ()


def _sides(both: str, conjunction: str) -> tuple[str, str] | None:
    """Two sides, cut at the conjunction that has a name, or a question, on both sides."""
    best: tuple[int, str, str] | None = None
    for cut in re.finditer(rf",?\s+(?:{conjunction})\s+", both):
        left, right = both[: cut.start()], both[cut.end() :]
        fit = _stands(left) + _stands(right)
        if best is None or fit > best[0]:
            best = fit, left, right
    return None if best is None else best[1:]


def _stands(side: str) -> bool:
    """Whether a side of a comparison looks like a name, a noun phrase or a question."""
    return bool(_ASKS.match(side) or side[:1].isupper() or side.startswith("the "))


def _row(clause: str) -> tuple[str, ...]:
    """A question on two names in a row, asked on each of them."""
    found = _ROW.search(clause, 1)
    # Of three and more the first are behind commas.
    if found is None or clause[: found.start()].rstrip().endswith(","):
        return ()
    start, end = found.span()
    return tuple(f"{clause[:start]}{found[side]}{clause[end:]}" for side in ("one", "other"))
