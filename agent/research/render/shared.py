"""What Markdown and HTML both show of a report: which notes, which sources, which words.

Knows no markup. Texts of pages and models come out on one line, without control characters, and
not escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.plain_text import duration, money, one_line, plural
from agent.research.types import Conflict, Note, Report, Section, Sentence, Source

DISAGREE = "Where the sources disagree"
OPEN = "Open questions"
CITATIONS = "Citations"
SOURCES = "Sources"
NOT_CITED = "Read, and not cited"
METHOD = "How this was made"
PLAN = "What was asked"
FAILED = "Not read"
MARKED = "not fully borne out by what it cites"
"""Said of a sentence that was kept and marked."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A report looked up for showing."""

    report: Report
    notes: dict[int, Note]
    """Those that may be cited: their sources are in the report."""
    sources: dict[str, Source]
    cited: tuple[Note, ...]
    """In the order of their numbers."""

    def of(self, sentence: Sentence) -> list[Note]:
        """The notes that a sentence cites."""
        return [self.notes[n] for n in sentence.notes if n in self.notes]

    def against(self, sentence: Sentence) -> list[Note]:
        """The notes that contradict what a sentence cites, and that it does not cite itself."""
        pairs = [set(conflict.notes) for conflict in self.report.conflicts]
        own = set(sentence.notes)
        found = {n for pair in pairs if pair & own for n in pair - own}
        return [self.notes[n] for n in sorted(found) if n in self.notes]

    def sides(self, conflict: Conflict) -> list[Note]:
        """Both notes of a conflict."""
        return [self.notes[n] for n in conflict.notes if n in self.notes]

    def question(self, part: int | None) -> str:
        """The sub-question of a part."""
        found = [each.question for each in self.report.plan.parts if each.n == part]
        return one_line(found[0]) if found else ""

    @property
    def cited_sources(self) -> list[Source]:
        """In the order of reading."""
        wanted = {note.source for note in self.cited}
        return [source for source in self.report.sources if source.id in wanted]

    @property
    def other_sources(self) -> list[Source]:
        """Those that were read, and that nothing cites."""
        wanted = {note.source for note in self.cited}
        return [source for source in self.report.sources if source.id not in wanted]


def looked_up(report: Report) -> Shown:
    """The report with its notes and sources by number and name."""
    sources = {source.id: source for source in report.sources}
    notes = {note.n: note for note in report.notes if note.source in sources}
    used = {n for section in report.sections for s in section.sentences for n in s.notes}
    used |= {n for conflict in report.conflicts for n in conflict.notes}
    return Shown(report, notes, sources, tuple(notes[n] for n in sorted(used & notes.keys())))


def quotes_only(section: Section) -> bool:
    """Whether everything that a section cites stands in its source word for word."""
    cited = [sentence for sentence in section.sentences if sentence.notes]
    return bool(cited) and all(sentence.standing == "quoted" for sentence in cited)


def about(shown: Shown) -> str:
    """One line on what the report is."""
    report = shown.report
    told = [
        f"Report {one_line(report.id)}",
        f"{len(shown.cited_sources)} of {plural(len(report.sources), 'source')} cited",
        f"model {model(report)}",
    ]
    return " · ".join(told)


def checked(report: Report) -> str:
    """What became of the sentences that were not borne out."""
    dropped = plural(report.dropped, "sentence was", "sentences were")
    marked = plural(report.marked, "is", "are")
    return (
        f"Each cited sentence was held against the words it cites: {dropped} left out because"
        f" nothing bore them out, {marked} kept and marked."
    )


def model(report: Report) -> str:
    """Who was asked."""
    return one_line(report.method.model)


def title(source: Source) -> str:
    """What a source is called."""
    return one_line(source.title) or one_line(source.final_url) or one_line(source.url)


def dated(source: Source) -> str:
    """Author and date, as far as they are known."""
    return ", ".join(filter(None, (one_line(source.author), one_line(source.date))))


def stored(source: Source) -> str:
    """Which text was read, and when."""
    snapshot = f"snapshot {one_line(source.snapshot)}, " if source.snapshot else ""
    return f"Read {one_line(source.retrieved_at)}; {snapshot}SHA-256 {one_line(source.sha256)}"


def place(note: Note) -> str:
    """Where a note's quote stands."""
    return f"{note.source}, characters {note.start:,} to {note.end:,}"


def address(url: str) -> str:
    """A URL that may be linked to: http or https, without a password; otherwise empty."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    except ValueError:
        return ""
    unfit = any(c.isspace() or c in "<>\"'`\\" or not c.isprintable() for c in url)
    return url if plain and not unfit else ""


def method(report: Report) -> Sequence[tuple[str, str]]:
    """How the report was made, as names and values."""
    made = report.method
    rows = [
        ("Model", model(report)),
        ("Where", _where(report)),
        ("Rounds", str(made.rounds)),
        ("Searches", str(made.searches)),
        ("Read", f"{made.pages_read}, and {len(made.pages_failed)} could not be"),
        ("Tokens", f"{made.tokens:,}"),
        ("Cost", money(made.cost)),
        ("Time", duration(made.seconds)),
        ("Estimated", _estimated(report)),
        ("Left out", plural(report.dropped, "sentence")),
        ("Marked", plural(report.marked, "sentence")),
    ]
    if made.stand_ins:
        rows.insert(1, ("Answered in its place", ", ".join(map(one_line, made.stand_ins))))
    if made.partial_reason:
        rows.append(("Ended early", one_line(made.partial_reason)))
    return rows


def _where(report: Report) -> str:
    """Where sources were found."""
    names = {"web": "the web", "library": "your library"}
    found = [name for origin, name in names.items() if origin in {s.origin for s in report.sources}]
    return " and ".join(found or ["nothing was read"]) + ", offline" * report.method.offline


def _estimated(report: Report) -> str:
    estimate = report.plan.estimate
    return ", ".join([
        f"at most {plural(estimate.pages, 'page')}",
        plural(estimate.tokens, "token"),
        money(estimate.cost),
        duration(estimate.seconds),
    ])  # fmt: skip
