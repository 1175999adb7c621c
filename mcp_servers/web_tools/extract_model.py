"""The last rung: a model is asked for what no rule found, and believed only what the page says.

Builds the prompt, understands the reply, and asks again with what was wrong. It calls whatever
function it is given; which model that is, and what it costs, is its giver's affair.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

AskModel = Callable[[str], Awaitable[str]]
"""A prompt to a model's reply."""

RETRIES = 2
PAGE_LIMIT = 24_000
"""Characters of the page that are shown: about 6,000 tokens."""
_HEAD = 4_000
"""Of these, from the page's beginning, whatever it says."""
_ENTRIES = 1_000
_PATH = re.compile(r"[^\[\]\n]{1,200}(?:\[\d{1,4}\][^\[\]\n]{0,200}){0,6}")


class Entry(NamedTuple):
    """What the model says that a field is."""

    path: str
    value: Any
    quote: str


Check = Callable[[Entry], str]
"""Takes an entry over where the page bears it out; else says in words why not."""


async def ask_for(
    wanted: Callable[[], Mapping[str, Any]], text: str, ask_model: AskModel, check: Check
) -> None:
    """Ask until every entry of a reply holds, or the retries are used up.

    Args:
        wanted: The schemas of the fields that are still missing, by path.
        text: The page's text.
        ask_model: The model.
        check: Asked about every entry of a reply.
    """
    complaints: list[str] = []
    for _ in range(1 + RETRIES):
        fields = wanted()
        if not fields:
            return
        reply = await ask_model(_prompt(fields, text, complaints))
        entries = entries_of(reply)
        if entries is None:
            complaints = ["the reply was not one JSON object as described"]
            continue
        complaints = [
            f"{entry.path}: {why}" for entry in entries[:_ENTRIES] if (why := check(entry))
        ]
        if not complaints:
            return


def entries_of(reply: str) -> list[Entry] | None:
    """The entries of a reply, whatever stands around its JSON; None where there is none."""
    decoder = json.JSONDecoder()
    for brace in re.finditer(r"\{", reply[:200_000]):
        try:
            found, _ = decoder.raw_decode(reply, brace.start())
        except (ValueError, RecursionError):
            continue
        rows = found.get("fields")
        if isinstance(rows, list):
            return [entry for row in rows if (entry := _entry(row))]
        return None
    return None


def _entry(row: object) -> Entry | None:
    if not isinstance(row, Mapping) or row.get("value") is None:
        return None
    path, quote = row.get("path"), row.get("quote")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        return None
    return Entry(path, row["value"], quote if isinstance(quote, str) else "")


def _prompt(fields: Mapping[str, Any], text: str, complaints: Sequence[str]) -> str:
    listed = "\n".join(
        f"- {path}: {json.dumps(schema, ensure_ascii=False)}" for path, schema in fields.items()
    )
    wrong = "".join(f"\n- {complaint[:300]}" for complaint in complaints[:20])
    template = (Path(__file__).parents[1] / "prompts" / "extract.md").read_text(encoding="utf-8")
    return Template(template).substitute(
        # Not to be foreseen by the page, so that it cannot end its own quotation.
        fence=f"=== PAGE {secrets.token_hex(8)} ===",
        fields=listed,
        complaints=f"\nYour last reply was wrong in this:\n{wrong}\n" if wrong else "",
        page=_part(text, fields),
    )


def _part(text: str, fields: Mapping[str, Any]) -> str:
    """The page, or of a long one its beginning and the paragraphs that share words with a field."""
    if len(text) <= PAGE_LIMIT:
        return text
    told = json.dumps(fields, ensure_ascii=False)
    words = set(re.findall(r"[^\W\d_]{4,}", told.lower().replace("_", " ")))
    head, rest = text[:_HEAD], text[_HEAD:]
    paragraphs = re.split(r"\n{2,}", rest)
    ranked = sorted(
        range(len(paragraphs)),
        key=lambda i: (-len(words.intersection(paragraphs[i].lower().split())), i),
    )
    kept: list[int] = []
    room = PAGE_LIMIT - _HEAD
    for i in ranked:
        if len(paragraphs[i]) + 2 <= room:
            kept.append(i)
            room -= len(paragraphs[i]) + 2
    return "\n\n".join([head, *(paragraphs[i] for i in sorted(kept))])
