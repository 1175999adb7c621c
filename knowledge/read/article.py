"""Two readings of a web page, a strict and a lenient one, to one article without its teasers.

Works on the trees that the extractor gives (TEI's names: `p`, `head`, `list`, `ref` for a link),
block by block, and judges by two things only: how much of a block is links, and whether it begins
with the few words by which sites announce other articles. Extracts nothing itself.

The strict reading comes without its links: the extractor reads a page otherwise when it is to keep
them, and takes spaces away. Which of its blocks are links is learnt from the lenient one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

Tree = ElementTree.Element

LINKED = 0.5
"""Share of a block's characters that are links, from which on it points elsewhere rather than
tells something (the same bound as in Kohlschütter et al. 2010, "Boilerplate Detection")."""
_ALL_LINKS = 0.9
_LEAST = 250
"""Characters of an article. The strict reading has its own idea of the least; for less than this,
the lenient one is no better than all text of the page."""
_SHORTFALL = 0.5
"""Of the lenient reading's text: a strict one that is shorter has lost the article's scope."""
_LINE = 240
"""Characters of a block that can be a teaser or a footer: a longer one is read as prose."""
_ASIDE = 0.1
"""Of the article's text: an unannounced list of links that is longer is its content."""

_TEASER = re.compile(
    r"(?:related(?: (?:articles?|stor(?:y|ies)|posts?|content|coverage|video|links?))?"
    r"|see (?:also|more)|(?:also )?read(?: more| also| next| on| this)?"
    r"|more (?:on|from|like) .{0,40}|also|don['’]t miss"
    r"|recommended(?: (?:reading|for you|stories))?|you (?:may|might) (?:also )?like"
    r"|watch(?: (?:also|more|now))?|trending(?: now)?|editor['’]?s picks?|most (?:read|popular)"
    r"|lesen sie auch|lies auch|mehr zum thema|siehe auch|auch interessant"
    r"|(?:à )?lire (?:aussi|également)|voir aussi|sur le même sujet"
    r"|(?:lea|lee|leer|ver|vea)(?: también| más)|te puede interesar"
    r"|leggi anche|potrebbe interessarti|(?:leia|veja)(?: também| mais)|lees ook|baca juga"
    r"|czytaj (?:też|także|również)|zobacz (?:też|także|również)|läs (?:också|mer)"
    r"|читайте (?:также|ещё|еще)|по теме)"
    r"(?=\s*[:|►▶»>–—-]|\s*$)",
    re.IGNORECASE,
)
"""Words that announce another article, followed by a colon, an arrow or nothing more."""
_FOOTER = re.compile(
    r"(?:filed under|posted (?:in|under)|tagged(?: with| under)?|tags?|categor(?:y|ies)|topics?"
    r"|share (?:this|on)|follow (?:us|me)\b"
    r"|schlagw(?:orte|örter)|étiquettes|etiquetas|etichette|рубрик\w*|метки)\b",
    re.IGNORECASE,
)
"""Words that begin the last lines of a post: what it is filed under, and where to share it."""
_BUTTON = re.compile(r"\s*(?:click to tweet|tweet this|share on (?:facebook|twitter|x))\W*$", re.I)
"""A button behind a quotation that is offered for sharing."""
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


class _Block(NamedTuple):
    node: Tree
    text: str
    """In one line."""
    linked: float
    """Share of the text that stands in links, 0 to 1."""

    @property
    def is_heading(self) -> bool:
        return self.node.tag == "head"


def article_of(strict: Tree | None, lenient: Tree | None) -> Tree | None:
    """The article by both readings; None where neither has found one.

    The strict reading says where it begins and ends. What the lenient one has in between is added,
    unless it is links. Teasers of other articles are dropped. The trees given are used up.

    Args:
        strict: The body of the strict reading, without links.
        lenient: The body of the lenient reading, with them.
    """
    told = [] if lenient is None else list(_blocks(lenient))
    if len(told) == 1:
        told = []  # no article: where it finds none, the extractor says all text in one breath
    linked = {_letters(block.text): block.linked for block in told}
    kept = [
        block._replace(linked=linked.get(_letters(block.text), 0.0))
        for block in ([] if strict is None else _blocks(strict))
    ]
    prose = sum(len(block.text) for block in told if block.linked < LINKED)
    if prose >= _LEAST and sum(len(block.text) for block in kept) < _SHORTFALL * prose:
        blocks = told
    else:
        blocks = _with_missing(kept, told)
    article = ElementTree.Element("main")
    article.extend(block.node for block in _without_teasers(blocks))
    return article if len(article) else None


def _letters(text: str) -> str:
    """A text without its spaces, in which the readings differ."""
    return "".join(text.split())


def _blocks(main: Tree) -> Iterator[_Block]:
    """The blocks of a reading. Stray text between them becomes a paragraph."""
    for text, node in ((main.text, None), *((child.tail, child) for child in main)):
        if node is not None:
            node.tail = None
            words = _one_line(node)
            links = sum(len(_one_line(link)) for link in node.iter("ref"))
            if words or node.tag in ("lb", "graphic"):
                yield _Block(node, words, min(1.0, links / max(1, len(words))))
        if text and text.strip():
            stray = ElementTree.Element("p")
            stray.text = text
            yield _Block(stray, _one_line(stray), 0.0)


def _one_line(node: Tree) -> str:
    return " ".join("".join(node.itertext()).split())


def _with_missing(strict: list[_Block], lenient: list[_Block]) -> list[_Block]:
    """The strict blocks, and between neighbours of them what only the lenient reading has there."""
    places = _alignment(
        [_letters(block.text) for block in strict], [_letters(block.text) for block in lenient]
    )
    merged: list[_Block] = []
    for i, block in enumerate(strict):
        merged.append(block)
        if i in places and i + 1 in places:
            between = lenient[places[i] + 1 : places[i + 1]]
            merged += [missing for missing in between if _tells(missing)]
    return merged


def _alignment(strict: list[str], lenient: list[str]) -> dict[int, int]:
    """Where strict blocks stand in the lenient reading: those that each has once, in one order.

    The longest rising sequence of them, as in patience sorting: n log n, whatever a page repeats.
    """
    at = {text: place for place, text in enumerate(lenient)}
    once = {text for text, count in Counter(lenient).items() if count == 1}
    once &= {text for text, count in Counter(strict).items() if count == 1}
    pairs = [(i, at[text]) for i, text in enumerate(strict) if text in once]
    ends: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for k, (_, place) in enumerate(pairs):
        pile = bisect_left(ends, place)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(ends):
            ends.append(place)
            piles.append(k)
        else:
            ends[pile], piles[pile] = place, k
    chosen: dict[int, int] = {}
    k = piles[-1] if piles else -1
    while k >= 0:
        i, place = pairs[k]
        chosen[i] = place
        k = before[k]
    return chosen


def _tells(block: _Block) -> bool:
    """Whether a block says something here: headings, prose, and addresses that are written out."""
    return block.is_heading or block.linked < LINKED or bool(_URL.fullmatch(block.text))


def _without_teasers(blocks: list[_Block]) -> Iterator[_Block]:
    size = sum(len(block.text) for block in blocks)
    announced = False
    """Whether the last block was nothing but the announcement of links."""
    for place, block in enumerate(blocks):
        before = blocks[place - 1] if place else None
        following = blocks[place + 1] if place + 1 < len(blocks) else None
        short = len(block.text) <= _LINE
        cue = _TEASER.match(block.text) if short and not block.is_heading else None
        alone = cue is not None and not block.text[cue.end() :].strip(" :|►▶»>–—-")
        if alone and following is not None and following.linked >= LINKED:
            announced = True
            continue
        linked = block.linked >= LINKED
        if (
            (announced and linked)
            or (cue and linked)
            or (place >= len(blocks) - 2 and short and block.linked and _is_footer(block))
            or (_is_link_list(block, before) and len(block.text) <= _ASIDE * size)
        ):
            continue
        announced = False
        if linked and (button := _BUTTON.search(block.text)):
            if not button.start():
                continue
            _say(block.node, block.text[: button.start()])
        yield block


def _say(node: Tree, text: str) -> None:
    """Let a block say this text, without links."""
    for child in list(node):
        node.remove(child)
    node.text = text


def _is_footer(block: _Block) -> bool:
    return block.node.tag == "p" and bool(_FOOTER.match(block.text))


def _is_link_list(block: _Block, before: _Block | None) -> bool:
    """Whether it is a list of links that neither a heading nor a colon introduces."""
    if block.node.tag != "list" or block.linked < _ALL_LINKS or len(block.node) < 2:
        return False
    return before is not None and not before.is_heading and not before.text.endswith((":", "："))
