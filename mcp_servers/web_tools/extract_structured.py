"""What a page says of itself to machines: JSON-LD, microdata, and OpenGraph and other meta tags.

Gathers and looks up; whether it is also true of the text that people see is not judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import TYPE_CHECKING, Any

from mcp_servers.web_tools.extract_schema import Field, words_of

if TYPE_CHECKING:
    from knowledge.read.html import Element

Node = Mapping[str, Any]
"""A thing with properties: JSON, whatever the page wrote it in; `@how` names that."""

_SCRIPT = 1_000_000
"""Characters of one JSON-LD script."""
_NODES = 500
_DEPTH = 12
_VALUES = 200
"""Of one property."""
_TAGS = re.compile(r"<[^<>]{0,1000}>")
_SCHEMA_ORG = re.compile(r"https?://schema\.org/(\w+)/?")
_INSIDE = ("offers", "aggregateRating", "address", "mainEntity", "contactPoint", "location",
           "priceSpecification", "reviewRating", "baseSalary")  # fmt: skip
"""Properties of schema.org whose own properties are often asked for as the thing's."""
_SITE = frozenset(
    {"WebSite", "WebPage", "Organization", "NewsMediaOrganization", "BreadcrumbList", "Person",
     "ImageObject", "SiteNavigationElement", "SearchAction", "ItemList"}
)  # fmt: skip
_SAYS = ("name", "headline", "text", "@value", "value", "title", "url")
"""What stands for a thing where a text is wanted, best first."""

_ALIASES = {
    "title": "headline name", "name": "name headline", "headline": "headline name",
    "author": "author creator", "authors": "author creator", "by": "author creator",
    "date": "datePublished startDate dateCreated uploadDate", "published": "datePublished",
    "published at": "datePublished", "publication date": "datePublished",
    "publish date": "datePublished", "published date": "datePublished",
    "updated": "dateModified", "updated at": "dateModified", "modified": "dateModified",
    "start": "startDate", "end": "endDate", "price": "price lowPrice",
    "currency": "priceCurrency currency", "stock": "availability", "rating": "ratingValue",
    "review count": "reviewCount ratingCount", "reviews": "reviewCount",
    "summary": "description abstract", "phone": "telephone", "phone number": "telephone",
    "street": "streetAddress", "city": "addressLocality", "region": "addressRegion",
    "country": "addressCountry", "zip": "postalCode", "zip code": "postalCode",
    "ingredients": "recipeIngredient", "instructions": "recipeInstructions",
    "steps": "recipeInstructions step", "servings": "recipeYield", "yield": "recipeYield",
    "company": "hiringOrganization", "employer": "hiringOrganization",
    "salary": "baseSalary", "venue": "location", "tags": "keywords", "section": "articleSection",
    "manufacturer": "manufacturer brand", "id": "sku identifier", "isbn number": "isbn",
}  # fmt: skip
"""By a field's plain name: what schema.org calls it, best first."""
_META = {
    "title": "og:title twitter:title", "name": "og:title", "headline": "og:title",
    "description": "og:description description twitter:description",
    "summary": "og:description description", "author": "author article:author",
    "authors": "author article:author",
    "date": "article:published_time date datepublished", "published": "article:published_time",
    "date published": "article:published_time date",
    "publication date": "article:published_time date",
    "updated": "article:modified_time", "date modified": "article:modified_time",
    "site": "og:site_name", "site name": "og:site_name", "publisher": "og:site_name",
    "price": "product:price:amount og:price:amount",
    "currency": "product:price:currency og:price:currency", "section": "article:section",
    "tags": "article:tag keywords", "keywords": "keywords",
}  # fmt: skip


def nodes_of(root: Element) -> list[Node]:
    """Every thing of a page's JSON-LD and microdata, in the page's order."""
    found: list[Node] = []
    for script in root.iter("script"):
        kind = (script.get("type") or "").partition(";")[0].strip().lower()
        text = script.text or ""
        if kind == "application/ld+json" and len(text) <= _SCRIPT:
            try:
                _gather(json.loads(text, strict=False), "json-ld", found, 0)
            except (ValueError, RecursionError):
                continue
    for scope in root.iter():
        if isinstance(scope.tag, str) and "itemscope" in scope.attrib:
            if len(found) >= _NODES:
                break
            if "itemprop" not in scope.attrib:
                found.append({**_microdata(scope, 0), "@how": "microdata"})
    return found


def metas_of(root: Element) -> dict[str, list[str]]:
    """Meta tags by their lower-case `property` or `name`."""
    found: dict[str, list[str]] = {}
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or "").strip().lower()
        if name and (content := (meta.get("content") or "").strip()):
            found.setdefault(name, []).append(content)
    return found


def look_up(node: Node, field: Field) -> list[Any]:
    """The values of a thing's property that is meant by a field; empty where it has none."""
    wanted = _names(field)
    plain = {words_of(key): key for key in node if not key.startswith("@")}
    for name in wanted:
        if key := plain.get(words_of(name)):
            return _as_list(node[key])
    for inside in _INSIDE:
        for thing in _as_list(node.get(inside))[:1]:
            if isinstance(thing, Mapping) and (values := look_up(thing, field)):
                return values
    return []


def look_up_meta(metas: Mapping[str, list[str]], field: Field) -> list[str]:
    """The contents of the meta tag that is meant by a field."""
    for label in field.labels:
        for name in (*_META.get(label, "").split(), label.replace(" ", "_"), label):
            if values := metas.get(name):
                return values
    return []


def says(value: object) -> str:
    """A property's value as a text; empty where it is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.12g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        if named := _SCHEMA_ORG.fullmatch(value.strip()):
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", named[1])
        return " ".join(_TAGS.sub(" ", unescape(value)).split())
    if isinstance(value, Mapping):
        return next((text for key in _SAYS if (text := says(value.get(key)))), "")
    if isinstance(value, list) and value:
        return says(value[0])
    return ""


def is_about_site(node: Node) -> bool:
    """Whether a thing is the site or its furniture rather than what the page is about."""
    return bool(_SITE.intersection(_types(node)))


def items_of(nodes: list[Node], field: Field) -> list[Node]:
    """The things that a list of objects may mean: an ItemList's, or several of one type."""
    for node in nodes:
        if "ItemList" in _types(node):
            things = [_unwrapped(each) for each in _as_list(node.get("itemListElement"))]
            if things := [thing for thing in things if isinstance(thing, Mapping)]:
                return [{**thing, "@how": node["@how"]} for thing in things]
    by_type: dict[str, list[Node]] = {}
    for node in nodes:
        for kind in _types(node):
            by_type.setdefault(kind, []).append(node)
    labels = {label.rstrip("s") for label in field.labels}
    for kind, group in by_type.items():
        if words_of(kind).rstrip("s") in labels:
            return group
    return []


def _names(field: Field) -> Iterator[str]:
    for label in field.labels:
        yield label
        yield from _ALIASES.get(label, "").split()


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value[:_VALUES] if isinstance(value, list) else [value]


def _types(node: Node) -> list[str]:
    return [str(kind).rpartition("/")[2] for kind in _as_list(node.get("@type"))]


def _unwrapped(value: Any) -> Any:
    inner = value.get("item") if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else value


def _gather(value: Any, how: str, found: list[Node], depth: int) -> None:
    if depth > _DEPTH or len(found) >= _NODES:
        return
    if isinstance(value, list):
        for each in value:
            _gather(each, how, found, depth + 1)
    elif isinstance(value, dict):
        if "@graph" in value:
            _gather(value["@graph"], how, found, depth + 1)
        if set(value) - {"@graph", "@context"}:
            found.append({**value, "@how": how})


def _microdata(scope: Element, depth: int) -> dict[str, Any]:
    """The properties of an item, those of items within it as theirs (HTML Microdata, 5.2)."""
    node: dict[str, Any] = {"@type": (scope.get("itemtype") or "").split()}
    if depth > _DEPTH:
        return node
    waiting = list(reversed(scope))
    while waiting:
        child = waiting.pop()
        if not isinstance(child.tag, str):
            continue
        is_item = "itemscope" in child.attrib
        if names := (child.get("itemprop") or "").split():
            value = _microdata(child, depth + 1) if is_item else _property(child)
            for name in names:
                node.setdefault(name, []).append(value)
        if not is_item:
            waiting.extend(reversed(child))
    return node


def _property(element: Element) -> str:
    for tags, attribute in (
        (("meta",), "content"), (("time",), "datetime"), (("data", "meter"), "value"),
        (("a", "area", "link"), "href"), (("img", "audio", "video", "source"), "src"),
    ):  # fmt: skip
        if element.tag in tags and element.get(attribute):
            return str(element.get(attribute))
    return str(element.get("content") or " ".join("".join(element.itertext()).split()))
