"""A stored session as a file to keep or send: Markdown or HTML to read, JSON to process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from markdown_it import MarkdownIt

from agent.events import Citation, Done, Failed, to_json
from agent.plain_text import clean
from agent.summaries import Summary
from agent.transcripts import SessionInfo, StoredTurn

_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif; }}
h2 {{ margin-top: 2.5rem; font-size: 1.15rem; }}
.about, .sources {{ color: #555; font-size: .9rem; }}
pre {{ overflow-x: auto; padding: .75rem; background: #f4f4f4; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #bbb; padding: .2rem .5rem; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def to_markdown(
    info: SessionInfo, turns: Sequence[StoredTurn], summaries: Sequence[Summary] = ()
) -> str:
    """Questions, answers and what they cite, as a person reads them; and the last summary."""
    parts = [f"# {info.title or info.id}", f"Session {info.id}, {_day(info.created)}"]
    for turn in turns:
        parts.append(f"## {turn.n}. {' '.join(turn.question.split())}")
        if turn.answer:
            parts.append(turn.answer.strip())
        if sources := [_source(event) for event in turn.events if isinstance(event, Citation)]:
            parts.append("\n".join(sources))
        if end := _end(turn):
            parts.append(f"*{end}*")
        if summaries and summaries[-1].upto == turn.n:
            lines = summaries[-1].text.splitlines()
            told = "Of all up to here, the model was then told this:"
            parts.append("\n".join(f"> {line}".rstrip() for line in [told, "", *lines]))
    return "\n\n".join(parts) + "\n"


def to_html(
    info: SessionInfo, turns: Sequence[StoredTurn], summaries: Sequence[Summary] = ()
) -> str:
    """What `to_markdown` says, as one page that fetches nothing and runs nothing.

    Answers are CommonMark with tables; HTML in them is text, and so are images. Links keep only
    their words and their address.
    """
    from html import escape

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.disable(["image", "link", "autolink", "html_inline", "html_block", "entity"])
    title = escape(info.title or info.id)
    parts = [f"<h1>{title}</h1>", f"<p class=about>Session {escape(info.id)}, {_day(info.created)}"]
    for turn in turns:
        question = escape(" ".join(turn.question.split()))
        parts.append(f"<h2>{turn.n}. {question}</h2>")
        if turn.answer:
            parts.append(markdown.render(turn.answer.strip()))
        if sources := [_source(event) for event in turn.events if isinstance(event, Citation)]:
            items = "\n".join(f"<li>{escape(source[2:])}" for source in sources)
            parts.append(f"<ul class=sources>\n{items}\n</ul>")
        if end := _end(turn):
            parts.append(f"<p class=about>{escape(end)}")
        if summaries and summaries[-1].upto == turn.n:
            parts.append(
                "<blockquote>Of all up to here, the model was then told this:<br>"
                f"{escape(summaries[-1].text)}</blockquote>"
            )
    return clean(_PAGE.format(title=title, body="\n".join(parts)))


def to_json_text(
    info: SessionInfo, turns: Sequence[StoredTurn], summaries: Sequence[Summary] = ()
) -> str:
    """Everything that is stored, as one JSON object.

    `{"session": {"id", "title", "created", …}, "turns": [{"n", "question", "context", "asked",
    "state", "answer", "events": […]}], "summaries": [{"upto", "text", "model", "made"}]}`; times
    are Unix times, events as `agent.events.to_json`.
    """
    document: dict[str, Any] = {"session": asdict(info), "turns": []}
    document["summaries"] = [asdict(summary) for summary in summaries]
    for turn in turns:
        document["turns"].append(
            {
                "n": turn.n,
                "question": turn.question,
                "context": turn.context,
                "asked": turn.asked,
                "state": turn.state,
                "answer": turn.answer,
                "events": [to_json(event) for event in turn.events],
            }
        )
    return json.dumps(document, indent=2) + "\n"


def _source(citation: Citation) -> str:
    place = f", {citation.place}" if citation.place else ""
    doubts = [
        *([] if citation.verified else ["not verified"]),
        *(["changed since"] if citation.stale else []),
    ]
    doubt = f" ({', '.join(doubts)})" if doubts else ""
    return f"- [{citation.n}] {citation.source}{place}{doubt}: “{' '.join(citation.quote.split())}”"


def _end(turn: StoredTurn) -> str:
    match turn.events[-1] if turn.events else None:
        case Done(outcome=outcome, note=note):
            return "" if outcome == "grounded" and not note else f"{outcome}. {note}".strip()
        case Failed(message=message):
            return f"Failed: {message}"
        case _:
            return "Interrupted."


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
