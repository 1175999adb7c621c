"""E-books (.epub): the chapters in reading order, named as the table of contents names them.

An EPUB is a ZIP archive of XHTML with a list of what to read in which order. Nothing outside of
the archive is looked at, and nothing in it is run. No library of EPUBs is used.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from typing import Any
from urllib.parse import unquote

from knowledge.errors import ReadError
from knowledge.read.html import convert, decode_html, parse_xml
from knowledge.read.outline import Heading, sections_of
from knowledge.read.package import check_package
from knowledge.read.text import tidy
from knowledge.read.writer import Writer
from knowledge.types import Document

_ENTRIES = 20_000
"""Entries of a table of contents that are looked at."""
_LEVELS = 6
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"})
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w.:-]*)((?:\s[^<>]*)?)/>")
"""XHTML may close any element at once; to HTML `<title/>` is only opened, and swallows the rest."""


def read_epub(data: bytes, name: str) -> Document:
    """Read an e-book.

    Raises:
        ReadError: It is damaged, locked by its seller, no EPUB, or unpacks to too much.
    """
    check_package(data, "e-book")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(_Book(archive))
    except ReadError:
        raise
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError):
        raise ReadError("the e-book is damaged", hint="Get it again.") from None


def _read(book: _Book) -> Document:
    out = Writer()
    missing = 0
    level = 0
    labels = book.labels()
    for path in book.spine():
        if (markup := book.markup(path)) is None:
            missing += 1
            continue
        text, headings, _ = convert(markup)
        label = labels.get(path)
        if label is not None:
            level = label[0]
            out.mark(*label)
        out.block(text, headings=_under(headings, level, label[1] if label else ""))
    text = out.text()
    return Document(
        text,
        "epub",
        title=book.title,
        sections=sections_of(text, out.headings),
        notes=(f"{missing} chapters damaged or missing",) if missing else (),
    )


def _under(headings: list[Heading], level: int, label: str) -> list[Heading]:
    """The headings of a chapter below the chapter's own; one that repeats it is left out.

    A chapter begun in one file goes on in the next, so without a label the level stays.
    """
    first = next((h for h in headings if h.title.split()), None)
    if first and " ".join(first.title.split()).casefold() == label.casefold():
        headings = [h for h in headings if h is not first]
    return [h._replace(level=h.level + level) for h in headings]


class _Book:
    """An EPUB's archive and the package document in it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        container = self._xml("META-INF/container.xml")
        roots = [node.get("full-path") for node in _all(container, "rootfile")]
        self._path = next((path for path in roots if path), "")
        package = self._xml(self._path)
        self.title = next(
            (" ".join(tidy(n.text).split()) for n in _all(package, "title") if n.text), ""
        )
        self._items = {node.get("id"): node for node in _all(package, "item") if node.get("href")}
        self._order = [node.get("idref") for node in _all(package, "itemref")]
        self._toc = next((node.get("toc") for node in _all(package, "spine")), None)
        self._locked = self._encrypted()

    def spine(self) -> list[str]:
        """The paths of what is read, in order, each once.

        Raises:
            ReadError: There is none, or they are locked.
        """
        items = (self._items[ref] for ref in self._order if ref in self._items)
        paths = [
            self._resolve(self._path, item.get("href"))
            for item in items
            if "html" in item.get("media-type", "html")
        ]
        if not paths:
            raise ReadError("the e-book is damaged: it names no chapters", hint="Get it again.")
        if self._locked.issuperset(paths):
            raise ReadError("the e-book is locked (DRM): only its seller's programs can read it")
        return list(dict.fromkeys(paths))

    def markup(self, path: str) -> str | None:
        """A chapter, fit for a parser of HTML; None where it is missing or damaged."""
        if path not in self._names or path in self._locked:
            return None
        try:
            markup, _ = decode_html(self._archive.read(path))
        except (ReadError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            return None
        return _SELF_CLOSED.sub(_opened, markup)

    def labels(self) -> dict[str, tuple[int, str]]:
        """By path: level and title of its first entry in the table of contents."""
        found: dict[str, tuple[int, str]] = {}
        for path, entries in self._contents():
            for level, href, title in entries:
                target = self._resolve(path, href)
                if title and target:
                    found.setdefault(target, (level, title))
            if found:
                break
        return found

    def _contents(self) -> list[tuple[str, list[tuple[int, str, str]]]]:
        """The tables of contents, of EPUB 3 first: their path and (level, href, title)."""
        out: list[tuple[str, list[tuple[int, str, str]]]] = []
        for item in self._items.values():
            path = self._resolve(self._path, item.get("href"))
            try:
                if "nav" in item.get("properties", "").split():
                    out.insert(0, (path, _nav(self._xml(path))))
                elif item.get("id") == self._toc or "dtbncx" in item.get("media-type", ""):
                    out.append((path, _ncx(self._xml(path))))
            except ReadError:
                continue  # a damaged table of contents costs the names of chapters only
        return out

    def _encrypted(self) -> set[str]:
        if "META-INF/encryption.xml" not in self._names:
            return set()
        root = self._xml("META-INF/encryption.xml")
        return {self._resolve("", node.get("URI")) for node in _all(root, "CipherReference")}

    def _xml(self, path: str) -> Any:
        if path not in self._names:
            raise ReadError("it is not an e-book: it lacks what every EPUB has")
        return parse_xml(self._archive.read(path))

    @staticmethod
    def _resolve(base: str, href: str | None) -> str:
        path = unquote((href or "").split("#")[0])
        joined = posixpath.join(posixpath.dirname(base), path) if path else base
        return posixpath.normpath(joined).lstrip("/")


def _opened(match: re.Match[str]) -> str:
    name, attributes = match.groups()
    return match[0] if name.lower() in _VOID else f"<{name}{attributes}></{name}>"


def _all(root: Any, name: str) -> list[Any]:
    """All elements of a name, of whatever namespace."""
    return list(root.iter(f"{{*}}{name}"))


def _nav(root: Any) -> list[tuple[int, str, str]]:
    """The entries of the `toc` of an EPUB 3 navigation document, else of its first `nav`."""
    navs = _all(root, "nav")
    kinds = [" ".join(v for k, v in nav.items() if k.endswith("type")).split() for nav in navs]
    toc = next((nav for nav, kind in zip(navs, kinds, strict=True) if "toc" in kind), None)
    if toc is None and not navs:
        return []
    links = _all(toc if toc is not None else navs[0], "a")[:_ENTRIES]
    return [
        (_depth(link, "{*}ol"), link.get("href", ""), _words("".join(link.itertext())))
        for link in links
    ]


def _ncx(root: Any) -> list[tuple[int, str, str]]:
    """The entries of an EPUB 2 table of contents."""
    out = []
    for point in _all(root, "navPoint")[:_ENTRIES]:
        label, content = point.find("{*}navLabel"), point.find("{*}content")
        if label is not None and content is not None:
            title = _words("".join(label.itertext()))
            out.append((1 + _depth(point, "{*}navPoint"), content.get("src", ""), title))
    return out


def _depth(node: Any, name: str) -> int:
    return min(_LEVELS, sum(1 for _ in node.iterancestors(name)))


def _words(text: str) -> str:
    return " ".join(tidy(text).split())
