"""Which hits are worth reading: lists fused, one hit a page, hosts taking turns, copies told.

Pure: searches nothing and reads nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from agent.names import names, unknown
from agent.research.types import Hit, Origin, Source
from agent.support import numbers, opposes
from knowledge.errors import FetchRefused
from knowledge.guard.urls import parse
from knowledge.sentences import sentences

_K = 60
"""Of reciprocal rank fusion. Source: Cormack, Clarke and Buettcher, SIGIR 2009."""
_RUN = 5
"""Words of a shingle."""
_GIVES_WAY = 3
"""Places by which a further hit of one host comes later: a host that is meant is still read, and
one that floods the results is not all that is read."""
_COPIED = 0.85
"""The share of a text's shingles that another text holds, from which on it is a copy."""
_MIRRORED = 0.9
"""The Jaccard index of the words of two results from which on they tell of one text."""
_EDITED = 0.6
"""The Jaccard index of the words of two sentences from which on one is the other, edited."""
_FRAME = 4
"""Words beside the names below which a sentence is too short to be told from another one."""
_WORDY = 8
"""Words of a result below which it is too short to be told from another."""
_WORD = re.compile(r"\w+")
_TRACKING = re.compile(
    r"utm_\w+|gclid|dclid|fbclid|msclkid|yclid|igshid|mc_[ce]id|mkt_tok|_g[al]|_hs(?:enc|mi)|srsltid",
    re.IGNORECASE,
)
"""Parameters that say who came and from where, and change nothing in the page."""


class Chooser:
    """See `Choose` for the contract."""

    def __init__(self, domains: Sequence[str] = (), since: str = "") -> None:
        """Take what was asked for; see `Options`."""
        self._domains = tuple(domains)
        self._since = since
        self._shingles: dict[str, frozenset[int]] = {}
        """By text; hashes of runs of words, which take less room than the words."""

    def best(self, ranked: Sequence[Sequence[Hit]], seen: Collection[str], limit: int) -> list[Hit]:
        """Fuse, filter, and let hosts take turns; see `Choose.best`.

        What looks like the text of a better hit at another address comes after all others.
        """
        known = {page_key(url) for url in seen}
        fused: dict[str, Hit] = {}
        for hits in ranked:
            for rank, (key, hit) in enumerate(_once(hits).items(), 1):
                if key in known or not self.allows(hit):
                    continue
                before = fused.get(key)
                score = 1 / (_K + rank) + (before.score if before else 0.0)
                fused[key] = replace(before or hit, score=score)
        ordered = sorted(fused.values(), key=lambda hit: -hit.score)
        told: list[set[str]] = []
        own, mirrors = [], []
        for hit in ordered:
            words = set(_WORD.findall(f"{hit.title} {hit.snippet}".lower()))
            if len(words) >= _WORDY and any(_jaccard(words, w) >= _MIRRORED for w in told):
                mirrors.append(hit)
            else:
                told.append(words)
                own.append(hit)
        return (_taking_turns(own, limit) + mirrors)[:limit]

    def allows(self, hit: Hit) -> bool:
        """Whether a hit comes from where, and when, was asked for."""
        return not unwanted(hit.origin, hit.url, hit.date, self._domains, self._since)

    def copy_of(self, text: str, read: Sequence[tuple[Source, str]]) -> Source | None:
        """A source that holds nearly all of a text; see `Choose.copy_of`.

        A text that repeats another with a sentence edited in its figures or names, or to say the
        opposite, is no copy: that it says otherwise is worth knowing.
        """
        own = self._of(text)
        for source, other in read:
            theirs = self._of(other)
            if text == other or (
                own and len(own & theirs) >= _COPIED * len(own) and not _edited(text, other)
            ):
                return source
        return None

    def _of(self, text: str) -> frozenset[int]:
        known = self._shingles.get(text)
        if known is None:
            words = _WORD.findall(text.lower())
            runs = (hash(tuple(words[i : i + _RUN])) for i in range(len(words) - _RUN + 1))
            known = self._shingles[text] = frozenset(runs)
        return known


def unwanted(origin: Origin, url: str, date: str, domains: Sequence[str], since: str) -> str:
    """Why something does not come from where, and when, was asked for; empty where it does.

    Args:
        origin: Domains say nothing of the library.
        url: Where it was found, or where that led to.
        date: ISO 8601, as far as it is known; empty where not, which leaves nothing out.
        domains: Hosts, with those below them; empty for all.
        since: The earliest date; empty for any.
    """
    asked = [d.strip().lower().removeprefix("www.") for d in domains if d.strip()]
    if origin == "web" and asked:
        # A domain may be given with its port.
        host = host_of(url)
        names = {host, host.partition(":")[0]}
        if not any(name == d or name.endswith(f".{d}") for name in names for d in asked):
            return f"it leads to {host}, which was not asked for"
    if since and date and date < since[: len(date)]:
        return f"it is of {date}, before {since}"
    return ""


def page_key(url: str) -> str:
    """By which two addresses are one page: whatever the scheme, `www.`, tracking, or fragment.

    What is no web address, such as a path, is its own key.
    """
    try:
        parts = urlsplit(parse(url).url)
    except FetchRefused:
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = sorted((name, value) for name, value in pairs if not _TRACKING.fullmatch(name))
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}?{urlencode(kept)}"


def host_of(url: str) -> str:
    """The host of a web address, without `www.`; anything else, such as a path, is its own."""
    try:
        return parse(url).authority.removeprefix("www.")
    except FetchRefused:
        return url


def _once(hits: Sequence[Hit]) -> dict[str, Hit]:
    """The first hit of each page, in order."""
    found: dict[str, Hit] = {}
    for hit in hits:
        found.setdefault(page_key(hit.url), hit)
    return found


def _taking_turns(hits: Sequence[Hit], limit: int) -> list[Hit]:
    """Hits, best first; each further one of a host gives way by some places."""
    left, taken = list(enumerate(hits)), Counter[str]()
    chosen: list[Hit] = []
    while left and len(chosen) < limit:
        following = min(left, key=lambda at: at[0] + _GIVES_WAY * taken[host_of(at[1].url)])
        left.remove(following)
        taken[host_of(following[1].url)] += 1
        chosen.append(following[1])
    return chosen


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _edited(text: str, other: str) -> bool:
    """Whether a sentence of a text is one of the other's that says otherwise.

    With other figures or other names, or denied, or turned round.
    """
    mine, theirs = _said(text), _said(other)
    # What both say was not edited; of a copy little is left, so that few pairs are compared.
    new, old = [_Said(each) for each in mine - theirs], [_Said(each) for each in theirs - mine]
    return any(one.edits(before) for one in new for before in old)


def _said(text: str) -> set[str]:
    """Its sentences, each on one line."""
    return {" ".join(text[span.start : span.end].split()) for span in sentences(text)}


class _Said:
    """A sentence that only one of two texts has."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = set(_WORD.findall(text.lower()))
        self._figures = numbers(text)
        self._names = names(text)
        self._rest = self._words - {name.lower() for name in self._names}

    def edits(self, other: _Said) -> bool:
        """Whether it says with nearly the same words what the other does not."""
        figured = bool(self._figures and other._figures) and self._figures != other._figures
        if _jaccard(self._words, other._words) >= _EDITED and (
            figured or opposes(self._text, other._text) or opposes(other._text, self._text)
        ):
            return True
        # A name may have several words, so that the share is taken of the others.
        return bool(
            min(len(self._rest), len(other._rest)) >= _FRAME
            and _jaccard(self._rest, other._rest) >= _EDITED
            and unknown(self._names, other._text)
            and unknown(other._names, self._text)
        )
