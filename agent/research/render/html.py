"""A report as one HTML page that loads nothing and runs nothing; `page.html` is its frame.

Everything that pages and models said is escaped. A quote opens under its citation, by the browser's
own `<details>`; on paper, the list of citations has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from agent.plain_text import one_line
from agent.research.render import shared
from agent.research.render.shared import Shown, looked_up
from agent.research.types import Note, Report, Section, Sentence, Source

_FRAME = Path(__file__).with_name("page.html")


def to_html(report: Report) -> str:
    """The report as a whole page, light or dark as the reader's system is."""
    shown = looked_up(report)
    parts = [(section.heading, _said(section, shown)) for section in report.sections]
    if report.conflicts:
        parts.append((shared.DISAGREE, _list(_conflicts(shown))))
    if report.gaps:
        gaps = (f"<b>{_text(shown.question(gap.part))}</b> {_text(gap.why)}" for gap in report.gaps)
        parts.append((shared.OPEN, _list(gaps)))
    if shown.cited:
        parts.append((shared.CITATIONS, _citations(shown)))
    if cited := shown.cited_sources:
        parts.append((shared.SOURCES, _sources(cited)))
    if other := shown.other_sources:
        parts.append((shared.NOT_CITED, _sources(other)))
    parts.append((shared.METHOD, _method(report)))
    contents = (f'<a href="#p{n}">{_text(name)}</a>' for n, (name, _) in enumerate(parts, 1))
    body = "\n".join(
        f'<section id="p{n}">\n<h2>{_text(name)}</h2>\n{inner}\n</section>'
        for n, (name, inner) in enumerate(parts, 1)
    )
    partial = report.method.partial_reason
    return Template(_FRAME.read_text(encoding="utf-8")).substitute(
        title=_text(report.question),
        about=_text(shared.about(shown)),
        partial=f'<p class="partial"><b>Not complete:</b> {_text(partial)}</p>' if partial else "",
        contents=_list(contents),
        body=body,
    )


def _said(section: Section, shown: Shown) -> str:
    """A list of quotes, or a paragraph."""
    if not shared.quotes_only(section):
        return f'<div class="said">{_sentences(section.sentences, shown)}</div>'
    own = [sentence for sentence in section.sentences if not sentence.notes]
    quotes = (_sentence(s, shown, quoted=True) for s in section.sentences if s.notes)
    told = f'<div class="said">{_sentences(own, shown)}</div>\n' if own else ""
    return told + _list(quotes, "said")


def _sentences(sentences: Sequence[Sentence], shown: Shown) -> str:
    return "\n".join(_sentence(sentence, shown) for sentence in sentences)


def _sentence(sentence: Sentence, shown: Shown, *, quoted: bool = False) -> str:
    text = _text(sentence.text)
    if not sentence.notes:
        return f'<span class="own">{text}</span>'
    text = f"<q>{text}</q>" if quoted else text
    told = [text, *(_opening(note, shown) for note in shown.of(sentence))]
    if sentence.standing == "unsupported":
        told.append(f'<span class="doubt">({shared.MARKED})</span>')
    if against := shown.against(sentence):
        marks = " ".join(_opening(note, shown) for note in against)
        told.append(f'<span class="doubt">contradicted by</span> {marks}')
    return " ".join(told)


def _opening(note: Note, shown: Shown) -> str:
    """A citation whose quote opens under it."""
    return (
        f'<details class="c"><summary title="Show the quote">[{note.n}]</summary>'
        f"<blockquote>{_quote(note, shown)}</blockquote></details>"
    )


def _quote(note: Note, shown: Shown) -> str:
    source = shown.sources[note.source]
    where = " · ".join(filter(None, (shared.title(source), shared.dated(source))))
    name = _text(note.source)
    return f'<q>{_text(note.quote)}</q> <a class="from" href="#{name}">{name}</a> {_text(where)}'


def _conflicts(shown: Shown) -> Iterable[str]:
    for conflict in shown.report.conflicts:
        sides = (f"{_quote(note, shown)} {_number(note)}" for note in shown.sides(conflict))
        about = f"<b>{_text(conflict.about)}:</b> " if conflict.about.strip() else ""
        yield f"{about}{_text(conflict.why)}{_list(sides)}"


def _citations(shown: Shown) -> str:
    items = (
        f'<li id="n{note.n}" value="{note.n}"><q>{_text(note.quote)}</q>'
        f' <span class="about"><a href="#{_text(note.source)}">{_text(note.source)}</a>'
        f"{_text(shared.place(note).removeprefix(note.source))}</span></li>"
        for note in shown.cited
    )
    return f'<ol class="citations">\n{chr(10).join(items)}\n</ol>'


def _number(note: Note) -> str:
    return f'<a href="#n{note.n}">[{note.n}]</a>'


def _sources(sources: Sequence[Source]) -> str:
    return f'<dl class="sources">\n{chr(10).join(map(_source, sources))}\n</dl>'


def _source(source: Source) -> str:
    where = source.final_url or source.url
    link = shared.address(where)
    told = [_text(shared.dated(source))]
    told.append(
        f'<a rel="noopener noreferrer nofollow" href="{escape(link)}">{_text(link)}</a>'
        if link
        else _text(where)
    )
    if source.url not in ("", source.final_url):
        told.append(f"asked for as {_text(source.url)}")
    told.append(f'<span class="about">{_text(shared.stored(source))}</span>')
    told += [f'<span class="doubt">Warning: {_text(flag)}</span>' for flag in source.flags]
    name = _text(source.id)
    lines = "<br>".join(filter(None, told))
    return f'<dt id="{name}">{name} · {_text(shared.title(source))}</dt><dd>{lines}</dd>'


def _method(report: Report) -> str:
    rows = (
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
        for name, value in shared.method(report)
    )
    told = [f"<p>{_text(shared.checked(report))}</p>", f"<table>{''.join(rows)}</table>"]
    if report.method.pages_failed:
        failed = (f"{_text(url)}: {_text(why)}" for url, why in report.method.pages_failed)
        told.append(f"<h3>{shared.FAILED}</h3>{_list(failed)}")
    if report.plan.parts:
        parts = (
            f"<b>{_text(part.question)}</b> Answered by: {_text(part.answered_by)}."
            f" Searched for: {_text('; '.join(part.queries))}."
            for part in report.plan.parts
        )
        told.append(f"<h3>{shared.PLAN}</h3>{_list(parts)}")
    return "\n".join(told)


def _list(items: Iterable[str], kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f"<ul{name}>\n" + "\n".join(f"<li>{item}</li>" for item in items) + "\n</ul>"


def _text(text: str) -> str:
    """On one line, and no markup."""
    return escape(one_line(text))
