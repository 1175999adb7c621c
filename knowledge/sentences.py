"""Sentences of a text, with exact offsets: what is quoted, scored and never cut in two.

Rules only: no model, no data files, standard library. Reads the text as the readers of this room
write it: Markdown or prose, `#` headings, `- ` lists, table rows with ` | `. It knows English
abbreviations and German dates; other languages fare well where a sentence starts with a capital
letter or ends with a full stop of its own script. It is not a Markdown parser, and does not judge
what is said.

Method: lines become blocks (a paragraph, a list item, a heading, a table row, a line of code, an
entry of a log); a block of prose is cut at each terminator whose left word and right word allow it,
after the features of Punkt (Kiss and Strunk 2006) with fixed lists in the place of learnt ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from knowledge.types import Span


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LINE = re.compile(
    r"""[^\S\n]*+(?:
      (?P<blank>$)
    | (?P<fence>`{3,}(?=[^`\n]*$)|~{3,})
    | (?P<heading>\#{1,6}(?=[^\S\n]|$)[^\S\n]*)
    | (?P<rule>(?:[-*_=][^\S\n]?){3,}$)
    | (?P<divider>\|?(?:[^\S\n]*:?-+:?[^\S\n]*\|)+(?:[^\S\n]*:?-+:?)?[^\S\n]*$)
    | (?P<row>\|(?=.*\|)|(?=[^\n]*\S[^\S\n]\|[^\S\n]))
    | (?P<stamp>(?=[\d<\[A-Z])(?:
          (?:<\d{1,3}>)?\[?\d{4}[-/.]\d\d[-/.]\d\d[T\ ,]{1,2}\d{1,2}:\d\d
        | \[?\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4},?\ \d{1,2}:\d\d
        | \[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?\ (?!-->)
        | \[\ *\d+\.\d{3,}\]\ | [IWEF]\d{4}\ \d\d:\d\d:\d\d
        | (?:<\d{1,3}>)?(?:[A-Z][a-z]{2}\ )?[A-Z][a-z]{2}\ [\ \d]?\d\ \d\d:\d\d:\d\d
        | [\w.:-]{1,80}\ \S{1,80}\ \S{1,80}\ \[\d\d/[A-Z][a-z]{2}/\d{4}:
      ))
    | (?P<bullet>(?:>[^\S\n]?)*[^\S\n]*[-*+•‣◦▪·–][^\S\n]+(?:\[[ xX]\][^\S\n]+)?(?=\S))
    | (?P<number>(?:>[^\S\n]?)*[^\S\n]*\(?(?:\d{1,3}|[A-Za-z])[.)][^\S\n]+(?=\S))
    | (?P<quote>(?:>[^\S\n]?)+)
    )""",
    re.VERBOSE,
)
"""What a line begins with; no match: it is prose and may go on with the paragraph above. A stamp is
the time at which a line of a log, or a message of a chat, was written."""

_STOP = re.compile(
    r"""(?:
      (?<![.!?…؟۔।]) [.!?…؟۔।]++ (?:["'”’»)\]}*_`]|\[[^\][\n]{1,16}\])*+ (?=\s)
    | [。！？｡]++ ["'”’»」』）】]*+
    )""",
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[\w.\-’']*\Z")
_START = re.compile(r"[\s\"'“‘«»„(\[{*_`¿¡<]{0,200}+")
_NUMBERING = re.compile(r"(?:\d{1,3}|[A-Z])(?:\.\d{1,3})*\Z")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.[-‐]?)*[^\W\d_]\Z")
_FIRST_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

_BEFORE_NAME = _words(
    "mr mrs ms mx dr prof gen col capt cpt lt sgt cpl maj cmdr adm rep sen gov rev hon pres supt "
    "messrs mme mlle fr br e.g i.e eg ie viz vs cf ca approx resp esp incl excl transl repr illus "
    "misc fig figs eq eqs eqn tbl ed eds bzw vgl ggf evtl inkl zzgl z.b d.h"
)
"""A sentence does not end after these: a name or an explanation follows."""
_BEFORE_NUMBER = _words(
    "no nos nr nrs art arts p pp vol vols ch chap sec sect para pt ref refs tab v ver c app fol "
    "line op § §§"
)
"""A sentence does not end after these where a number follows."""
_MAY_END = _words(
    "inc ltd co corp bros llc plc jr sr al etc est dept univ assn assoc ave blvd rd hwy sq bldg "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri "
    "ph.d b.a m.a b.sc m.sc m.d d.c u.s u.k u.n a.m p.m a.d b.c min max avg temp tel ext orig "
    "pub publ intl natl govt dist div st mt hrs hr lbs oz ft yr yrs sec secs mins"
)
"""A sentence ends after these only where the next word is one that opens sentences."""
_GERMAN_MONTHS = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember"
)
"""A sentence does not end between the day and these: "am 4. Mai 1908"."""
_OPENERS = _words(
    "the a an it its this that these those he she they we you i his her their our my your in on "
    "at by for from with without as if when while after before during since although though but "
    "and or so then there here however moreover furthermore also thus hence therefore what who "
    "where why how which whose some many most all one no not both each every according because to "
    "only under over until despite once such another other others instead finally later today "
    "additionally meanwhile nevertheless nonetheless similarly again further yet between among "
    "through within like unlike of let any few several use see please it's he's she's they're "
    "we're there's that's don't"
)


class _Block(NamedTuple):
    cut: int
    """Where its first line begins, markup and all."""
    start: int
    end: int
    prose: bool
    """Whether it may hold several sentences."""


def sentences(text: str) -> list[Span]:
    """Cut a text into sentences.

    A heading, a list item's sentence, a table row and a line of fenced code each count as one; a
    line wrap inside a paragraph ends nothing, a blank line always does. Time is linear.

    Returns:
        Spans in order, disjoint, none empty, with no white space at their edges. Between them
        lies white space and the markup of blocks only: heading hashes, list markers, quote marks,
        fences, rules and the line under a table's head.
    """
    return [span for _, span in _scan(text) if span is not None]


def pieces(text: str) -> list[str]:
    """Cut a text at the same places into strings that, joined, are the text again.

    Markup of a block goes with what follows it; white space with what precedes it. This is the
    shape that a splitter wants.
    """
    cuts = sorted({0, len(text), *(cut for cut, _ in _scan(text))})
    return [text[a:b] for a, b in pairwise(cuts)]


def _scan(text: str) -> Iterator[tuple[int, Span | None]]:
    """Where each piece begins, and the sentence in it; None where it is markup only."""
    for block in _blocks(text):
        start, end = _strip(text, block.start, block.end)
        if start == end:
            yield block.cut, None
            continue
        cut = block.cut
        for stop in _stops(text, start, end) if block.prose else ():
            first, last = _strip(text, start, stop)
            if first < last:
                yield cut, Span(first, last)
                cut = start = _strip(text, stop, end)[0]
        if start < end:
            yield cut, Span(start, end)


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without white space at its edges; an empty one ends where it began."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks of a text, in order. Lines of a paragraph are gathered until something ends it."""
    fenced = _fenced(text)
    cut = start = -1
    opened = ""
    lines: list[tuple[int, int]] = []

    def close() -> Iterator[_Block]:
        nonlocal lines
        if lines:
            first = start
            for stop in _hard_breaks(text, lines):
                yield _Block(cut if first == start else first, first, stop, True)
                first = stop
            yield _Block(cut if first == start else first, first, lines[-1][1], True)
        lines = []

    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if at in fenced:
            yield from close()
            for code in re.finditer(r"[^\n]*\S[^\n]*", text[at : fenced[at]]):
                fence = code.start() == 0 or at + code.end() >= fenced[at]
                line = at + code.start(), at + code.end()
                yield _Block(line[0], line[1] if fence else line[0], line[1], False)
            at, opened = fenced[at] + 1, ""
            continue
        mark = _LINE.match(text, at, end)
        what = mark.lastgroup or "" if mark else ""
        if what == "fence" or (what == "number" and lines and not _counts(text, lines, opened, at)):
            what = ""
        if what == "quote" and opened == "quote" and lines and mark and mark.end() < end:
            what = ""
        if what == "quote" and mark and mark.end() == end:
            what = "blank"
        if what == "":
            if not lines:
                cut = start = at
                opened = ""
            lines.append((at, end))
        elif mark is not None:
            yield from close()
            if what in ("bullet", "number", "quote"):
                cut, start, opened = at, mark.end(), what
                lines = [(at, end)]
            elif what == "stamp":
                cut, start, lines = at, at, [(at, end)]
            elif what in ("heading", "row"):
                closing = "#" if what == "heading" else "|" if mark["row"] else ""
                last = mark.end() + len(text[mark.end() : end].rstrip().rstrip(closing or None))
                yield _Block(at, mark.end() if last > mark.end() else at, last, False)
            elif what in ("rule", "divider"):
                yield _Block(at, end, end, False)
            if what not in ("bullet", "number", "quote"):
                opened = ""
        at = end + 1
    yield from close()


def _counts(text: str, lines: list[tuple[int, int]], opened: str, at: int) -> bool:
    """Whether `12. ` after a line of prose numbers an item, and is not the tail of a sentence."""
    before = text[lines[-1][0] : lines[-1][1]].rstrip()[-1:]
    return opened == "number" or before in ".:;!?" or text[at : at + 16].lstrip("( >")[:2] == "1."


def _fenced(text: str) -> dict[int, int]:
    """Fenced code: where the opening line begins, to where the closing line ends.

    A fence that is never closed is none, so that a passage cut out of the middle of a document
    does not turn the prose after its code into code.
    """
    found: dict[int, int] = {}
    hopeless: dict[str, int] = {}
    fences = list(re.finditer(r"^[^\S\n]{0,3}(`{3,}|~{3,})([^`\n]*)$", text, re.MULTILINE))
    i = 0
    while i < len(fences):
        mark = fences[i][1]
        if len(mark) < hopeless.get(mark[0], 1 << 30):
            for j in range(i + 1, len(fences)):
                other = fences[j]
                if other[1].startswith(mark) and not other[2].strip():
                    found[fences[i].start()] = other.end()
                    i = j
                    break
            else:
                hopeless[mark[0]] = len(mark)
        i += 1
    return found


def _hard_breaks(text: str, lines: list[tuple[int, int]]) -> Iterator[int]:
    """Ends of lines, within a paragraph, that no wrapping explains: `Name`, then a full line.

    A line was wrapped where the next word did not fit. One that, with that word, fills less than
    half of the paragraph's width was ended on purpose, if what follows looks like a beginning.
    """
    if len(lines) < 2:
        return
    widths = sorted(end - start for start, end in lines)
    width = widths[-1] if len(lines) == 2 else widths[-2]
    for (start, end), (after, _) in pairwise(lines):
        if 2 * (end - start) >= width:
            continue
        head = _START.match(text, after)
        at = head.end() if head else after
        word = _FIRST_WORD.match(text, at)
        fits = 2 * (end - start + 1 + (len(word[0]) if word else 0)) < width
        if fits and not text[at : at + 1].islower() and text[end - 1 : end] not in ",;(-–—&/":
            yield end


def _stops(text: str, start: int, end: int) -> Iterator[int]:
    """Ends of sentences within a block, the last one left out."""
    for stop in _STOP.finditer(text, start, end):
        at = stop.end()
        if at >= end:
            return
        if _ends(text, start, end, stop):
            yield at


def _ends(text: str, start: int, end: int, stop: re.Match[str]) -> bool:
    mark = stop[0]
    if mark[0] in "。！？｡":
        return True
    head = _START.match(text, stop.end(), end)
    at = head.end() if head else stop.end()
    if at >= end:
        return False
    following = text[at]
    word_after = _FIRST_WORD.match(text, at, end)
    after = word_after[0].lower().replace("’", "'") if word_after else ""
    if mark[0] != "." or mark.startswith(".."):
        return not following.islower()
    window = text[max(start, stop.start() - 40) : stop.start()]
    tail = _WORD_BEFORE.search(window)
    before = (tail[0] if tail else "").lstrip("-.'’")
    begins = stop.start() - len(before)
    # "**4. Parking.** …": a number opens its line behind emphasis, too.
    opens_line = begins - start <= 3 and not text[start:begins].strip("*_")
    own_line = opens_line or (text[begins - 1] == "\n" and "." in before)
    if own_line and _NUMBERING.match(before):
        return False
    if after in _GERMAN_MONTHS and before.isdigit() and len(before) <= 2:
        return False
    word = before.lower()
    opens = following.isupper() and after in _OPENERS
    if following.islower():
        # An unknown short word may be an abbreviation; a long one in lower case hardly is.
        known = word in _BEFORE_NAME or word in _BEFORE_NUMBER or word in _MAY_END
        return not known and len(before) >= 5 and before.isalpha() and before.islower()
    if word in ("etc", "al") and mark == ".":
        return following.isupper() and (opens or word == "etc")
    if mark != ".":
        # A bracket or a quotation closed after the full stop: only a title can still go on.
        return word not in _BEFORE_NAME and not (word in _MAY_END and not opens)
    if word in _BEFORE_NAME:
        return False
    if word in _BEFORE_NUMBER and (following.isdigit() or after.strip("ivxlc") == ""):
        return False
    initials = _ACRONYM.match(before) and (len(before) > 1 or before.isupper())
    if word in _MAY_END or (initials and not window.endswith("°" + before)):
        return opens
    return following not in ",;:&="
