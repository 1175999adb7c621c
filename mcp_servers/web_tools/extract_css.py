"""CSS selectors to XPath: the part of the language that picks values off pages.

Tags, `*`, `#id`, `.class`, `[a]`, `[a=v]` with `^=`, `$=`, `*=`, `~=`, `:first-child`,
`:last-child`, `:nth-child(n)`, descendants, `>`, `+`, and lists by comma. What is not known here is
refused, not guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mcp_servers.web_tools.errors import WebError

if TYPE_CHECKING:
    from knowledge.read.html import Element

_LENGTH = 500
_NAME = r"-?[_a-zA-Z][\w-]*"
_PART = re.compile(
    rf"(?P<tag>{_NAME}|\*)|#(?P<id>{_NAME})|\.(?P<cls>{_NAME})"
    rf"|\[\s*(?P<key>{_NAME})\s*(?:(?P<op>[~^$*]?=)\s*(?:\"(?P<dq>[^\"]*)\"|'(?P<sq>[^']*)'"
    rf"|(?P<bare>[\w-]+))\s*)?\]"
    r"|:(?P<pseudo>first-child|last-child|nth-child\(\s*(?P<nth>\d{1,4})\s*\))"
)
_COMBINATOR = re.compile(r"\s*([>+])\s*|\s+")
_AXES = {None: "//", ">": "/", "+": "/following-sibling::*[1]/self::"}
_COMMA = re.compile(r",(?![^\[]*\])")


def select(root: Element, selector: str) -> list[Element]:
    """The elements under `root` that a selector picks, in the page's order.

    Raises:
        WebError: The selector cannot be understood.
    """
    found: Any = root.xpath(xpath_of(selector))
    return list(found)


def xpath_of(selector: str) -> str:
    """The XPath of a selector, relative to an element.

    Raises:
        WebError: The selector cannot be understood.
    """
    if len(selector) > _LENGTH:
        raise _not_understood(selector)
    return " | ".join(_path(one.strip(), selector) for one in _COMMA.split(selector))


def _path(one: str, selector: str) -> str:
    path, at, axis = ".", 0, "//"
    while True:
        begin, tag, tests = at, "*", []
        while part := _PART.match(one, at):
            if part["tag"]:
                if at != begin:
                    raise _not_understood(selector)
                tag = part["tag"].lower()
            else:
                tests.append(_test(part))
            at = part.end()
        if at == begin:
            raise _not_understood(selector)
        path += axis + tag + "".join(tests)
        if at == len(one):
            return path
        combinator = _COMBINATOR.match(one, at)
        if combinator is None:
            raise _not_understood(selector)
        axis, at = _AXES[combinator[1]], combinator.end()


def _test(part: re.Match[str]) -> str:
    if part["id"]:
        return f"[@id={_quoted(part['id'])}]"
    if part["cls"]:
        return _has_word("class", part["cls"])
    if part["pseudo"]:
        if part["nth"]:
            return f"[count(preceding-sibling::*)={int(part['nth']) - 1}]"
        side = "preceding" if part["pseudo"].startswith("first") else "following"
        return f"[not({side}-sibling::*)]"
    key = f"@{part['key'].lower()}"
    if not part["op"]:
        return f"[{key}]"
    value = next(v for v in (part["dq"], part["sq"], part["bare"]) if v is not None)
    quoted = _quoted(value)
    match part["op"]:
        case "^=":
            return f"[starts-with({key},{quoted})]"
        case "*=":
            return f"[contains({key},{quoted})]"
        case "~=":
            return _has_word(key[1:], value)
        case "$=":
            tail = f"substring({key},string-length({key})-{len(value) - 1})"
            return f"[{tail}={quoted}]"
        case _:
            return f"[{key}={quoted}]"


def _has_word(attribute: str, word: str) -> str:
    return f"[contains(concat(' ',normalize-space(@{attribute}),' '),{_quoted(f' {word} ')})]"


def _quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text else f'"{text}"'


def _not_understood(selector: str) -> WebError:
    return WebError(
        f"the selector {selector[:100]!r} cannot be understood",
        hint="Use tags, #id, .class, [attribute=value], :nth-child(n), spaces, > and +.",
    )
