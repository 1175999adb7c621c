"""Columns merged into one prompt by a template.

`{name}` stands for a column's text; what stands in `[[…]]` goes where a column in it is empty.
Not a template language: there is nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from finetune.data.conversation import text_of
from finetune.data.rows import BadRow
from finetune.errors import FinetuneError

_COLUMN = re.compile(r"\{([^{}\n]+)\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


def columns_of(template: str) -> list[str]:
    """The columns that a template names, in order."""
    return _COLUMN.findall(template)


def merge(template: str, row: Mapping[str, Any]) -> str:
    r"""The template with a row's columns in it.

    >>> merge("{question}[[\n\nTables:\n{schema}]]", {"question": "How many?", "schema": ""})
    'How many?'

    Raises:
        BadRow: A column is missing, no text, or empty outside of `[[…]]`.
    """

    def fill(part: str, *, optional: bool) -> str:
        texts = {name: _column(row, name) for name in columns_of(part)}
        for name, text in texts.items():
            if not text and optional:
                return ""
            if not text:
                raise BadRow(f"the column {name!r} is empty")
        # In one pass: braces that a column's text holds are text.
        return _COLUMN.sub(lambda match: texts[match[1]], part)

    whole, at = [], 0
    for match in _OPTIONAL.finditer(template):
        whole.append(fill(template[at : match.start()], optional=False))
        whole.append(fill(match[1], optional=True))
        at = match.end()
    whole.append(fill(template[at:], optional=False))
    return "".join(whole).strip()


def check(template: str, what: str) -> str:
    """The template, if it names a column.

    Raises:
        FinetuneError: It names none: every row would get the same text.
    """
    if template and not columns_of(template):
        raise FinetuneError(
            f"The {what} {template!r} names no column.",
            hint=f"Put columns in braces: {what} '{{question}}[[ {{context}}]]'",
        )
    return template


def _column(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        raise BadRow(f"there is no column {name!r}")
    return text_of(row[name])
