"""A report as Markdown (CommonMark, and GitHub's): to read, to keep, to send on.

Whatever pages and models said is escaped: it makes no heading, link, picture, table or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.plain_text import one_line
from agent.research.render import shared
from agent.research.render.shared import Shown, looked_up
from agent.research.types import Note, Report, Section, Sentence, Source

_MARKS = re.compile(r"[\\`*_\[\]<>&~|#$^]")
_OPENS = re.compile(r"\A(?:[-+](?=\s|\Z)|[-=](?=[-=\s]*\Z)|\d{1,9}(?=[.)](?:\s|\Z)))")
"""What would begin a list, a rule or an underline at the start of a line."""
_LINKED = re.compile(r"(?i)(?<=\w)(?=://)|(?<=\bwww)(?=\.)|(?<=\w)(?=@\w)")
"""Where GitHub's Markdown would make a link of plain text."""


def to_markdown(report: Report) -> str:
    """The report with its citations, sources, open questions and method."""
    shown = looked_up(report)
    blocks = [f"# {_text(report.question)}", f"*{_text(shared.about(shown))}*"]
    if report.method.partial_reason:
        blocks.append(f"**Not complete:** {_text(report.method.partial_reason)}")
    for section in report.sections:
        blocks += [f"## {_text(section.heading)}", _said(section, shown)]
    if report.conflicts:
        blocks += [f"## {shared.DISAGREE}", _list(_conflicts(shown))]
    if report.gaps:
        gaps = (f"{_text(shown.question(gap.part))} {_text(gap.why)}" for gap in report.gaps)
        blocks += [f"## {shared.OPEN}", _list(gap.strip() for gap in gaps)]
    if shown.cited:
        blocks += [f"## {shared.CITATIONS}", _list(map(_citation, shown.cited))]
    for heading, sources in (
        (shared.SOURCES, shown.cited_sources),
        (shared.NOT_CITED, shown.other_sources),
    ):
        if sources:
            blocks += [f"## {heading}", _list(map(_source, sources))]
    blocks += [f"## {shared.METHOD}", shared.checked(report)]
    blocks.append(_list(f"{name}: {_text(value)}" for name, value in shared.method(report)))
    if report.method.pages_failed:
        failed = (f"{_text(url)}: {_text(why)}" for url, why in report.method.pages_failed)
        blocks += [f"### {shared.FAILED}", _list(failed)]
    if report.plan.parts:
        parts = (
            f"{_text(part.question)} Answered by: {_text(part.answered_by)}."
            f" Searched for: {_text('; '.join(part.queries))}."
            for part in report.plan.parts
        )
        blocks += [f"### {shared.PLAN}", _list(parts)]
    return "\n\n".join(blocks) + "\n"


def _said(section: Section, shown: Shown) -> str:
    """A list of quotes, or a paragraph."""
    if not shared.quotes_only(section):
        return " ".join(_sentence(sentence, shown) for sentence in section.sentences)
    own = (_sentence(sentence, shown) for sentence in section.sentences if not sentence.notes)
    quotes = (_sentence(s, shown, quoted=True) for s in section.sentences if s.notes)
    return "\n\n".join(filter(None, (" ".join(own), _list(quotes))))


def _sentence(sentence: Sentence, shown: Shown, *, quoted: bool = False) -> str:
    if not sentence.notes:
        return f"*{_text(sentence.text)}*"
    text = f"“{_text(sentence.text)}”" if quoted else _text(sentence.text)
    told = [text, _markers(shown.of(sentence))]
    if sentence.standing == "unsupported":
        told.append(f"*({shared.MARKED})*")
    if against := shown.against(sentence):
        told.append(f"(contradicted by {_markers(against)})")
    return " ".join(told)


def _conflicts(shown: Shown) -> Iterable[str]:
    for conflict in shown.report.conflicts:
        sides = [
            f"\n  - “{_text(note.quote)}” {_markers([note])},"
            f" {_text(shared.title(shown.sources[note.source]))}"
            for note in shown.sides(conflict)
        ]
        about = f"**{_text(conflict.about)}:** " if conflict.about.strip() else ""
        yield about + _text(conflict.why) + "".join(sides)


def _citation(note: Note) -> str:
    return f"[{note.n}] “{_text(note.quote)}” ({_text(shared.place(note))})"


def _source(source: Source) -> str:
    link = shared.address(source.final_url or source.url)
    told = [f"**{_text(source.id)}** {_text(shared.title(source))}", _text(shared.dated(source))]
    told.append(f"<{link}>" if link else _text(source.final_url or source.url))
    if source.url not in ("", source.final_url):
        told.append(f"asked for as {_text(source.url)}")
    told.append(_text(shared.stored(source)))
    told += [f"Warning: {_text(flag)}" for flag in source.flags]
    return ". ".join(filter(None, told)) + "."


def _markers(notes: Iterable[Note]) -> str:
    return "".join(f"[{note.n}]" for note in notes)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _text(text: str) -> str:
    """On one line, and no markup."""
    escaped = _MARKS.sub(r"\\\g<0>", one_line(text))
    escaped = _LINKED.sub(r"\\", escaped)
    return _OPENS.sub(lambda m: f"{m[0]}\\" if m[0].isdigit() else f"\\{m[0]}", escaped)
