"""Deep research with the embedded model, on a local web of real articles with planted facts.

    python -m benchmarks.research [--data DIR] [--lexical] [--questions N] [--kills N]

Twenty questions about invented things (`research_topics`) are put to the real pipeline: our web
server as a process of its own, spoken to by MCP; a SearXNG-shaped engine with its own index of that
web (`research_web`); plan, notes, reflection, report and check as the program makes them. Told are

- `citations`: sentences of the reports that stand on notes, and the share of these notes whose
  quote stands in the stored text, whose hash is the source's;
- `noted`, `told`: the share of planted facts in the quotes of the notes, and in the sentences of
  the reports; `sharp`: of the sentences that answer, the share that holds a planted fact or what
  is planted against it;
- `named`: the share of planted contradictions that the reports name with both sides, and `false`
  how many they name that are none;
- `baited`, `walled`: sentences that repeat what a page orders, or that quote a stub.

With `--kills N` the first N questions are asked again in processes of their own: once undisturbed,
and once killed at a random moment and resumed. Told are pages that were fetched twice because of
that, and reports that hold the same facts. A page that was under way when its process was killed
has to be asked for again. The data is article-extraction-benchmark (Scrapinghub, MIT). A table,
then one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from agent.mcp_built_in import built_in
from agent.mcp_client import McpClient
from agent.mcp_entry import Entry
from agent.models.embedded import Embedded
from agent.research.base import Hands, Options, Stages
from agent.research.choose import Chooser
from agent.research.gather import WebGather
from agent.research.journal import Journal, Journals
from agent.research.notes import ReaderNotes
from agent.research.reflect import RuleReflect
from agent.research.run import Research
from agent.research.types import Report, as_json, from_json
from agent.research.verify import SpanVerify
from agent.research.write import QuotedWrite
from benchmarks.extraction import DATA
from benchmarks.research_topics import TOPICS, Topic
from benchmarks.research_web import BAIT, WALL, pages
from knowledge.minilm import MiniLM
from tests.agent.research.web_fixture import SmallWeb

OPTIONS = Options(library=False)
_SEED = 8
"""Of the moments at which runs are killed."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a run needs to know of its surroundings; handed to a process that will be killed."""

    home: Path
    engine: str
    hosts: str
    cache: Path | None
    lexical: bool


@dataclass(slots=True)
class Figures:
    """Counts over all questions."""

    facts: int = 0
    noted: int = 0
    told: int = 0
    sentences: int = 0
    sharp: int = 0
    cited: int = 0
    cited_true: int = 0
    planted: int = 0
    named: int = 0
    false: int = 0
    baited: int = 0
    walled: int = 0
    read: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, help="the embedder's cache; temporary by default")
    parser.add_argument("--lexical", action="store_true", help="without an embedder")
    parser.add_argument("--questions", type=int, default=len(TOPICS))
    parser.add_argument("--pages", type=int, default=OPTIONS.pages, help="for a part and round")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        told = json.loads(chosen.child[0])
        where = Where(Path(told["home"]), told["engine"], told["hosts"],
                      Path(told["cache"]) if told["cache"] else None, told["lexical"])  # fmt: skip
        asyncio.run(_child(where, chosen.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder, SmallWeb(pages(chosen.data)) as web:
        where = Where(
            Path(folder), web.engine_url, ",".join(web.authorities), chosen.cache, chosen.lexical
        )
        options = replace(OPTIONS, pages=chosen.pages)
        figures = asyncio.run(_all(where, TOPICS[: chosen.questions], options))
        summary = _summary(figures)
        if chosen.kills:
            summary["kills"] = _kills(where, web, chosen.kills)
    print()
    for name, value in summary.items():
        print(f"{name:12} {value}")
    print(json.dumps(summary))


async def _all(where: Where, topics: tuple[Topic, ...], options: Options) -> Figures:
    figures = Figures()
    async with _client(where) as client:
        for topic in topics:
            journals = Journals(where.home / "research")
            journal = journals.create(topic.question, options, "embedded")
            report = await _report(where, client, journal)
            _count(figures, topic, report, journal)
            journals.close()
    return figures


def _client(where: Where) -> McpClient:
    (built,) = built_in()
    env = {
        "AGENT_HOME": str(where.home),
        "AGENT_SEARXNG_URL": where.engine,
        "AGENT_ALLOW_HOSTS": where.hosts,
    }
    entry = replace(built, env=env, enabled=True)

    async def may_run(entry: Entry) -> bool:
        return True

    return McpClient([entry], where.home / "logs", may_run=may_run)


async def _report(where: Where, client: McpClient, journal: Journal) -> Report:
    embedder = None if where.lexical else MiniLM(where.cache or where.home / "cache")
    hands = Hands(ReaderNotes(embedder), RuleReflect(), QuotedWrite())
    stages = Stages(Chooser(), SpanVerify(), hands, hands)
    research = Research(Embedded(embedder), journal, WebGather(client), stages)
    found: Report | None = None
    async with aclosing(research.run()) as steps:
        async for step in steps:
            if isinstance(step, Report):
                found = step
    assert found is not None
    return found


def _count(figures: Figures, topic: Topic, report: Report, journal: Journal) -> None:
    notes = {note.n: note for note in report.notes}
    sources = {source.id: source for source in report.sources}
    answering = [s for part in report.sections for s in part.sentences if s.notes]
    said = [sentence.text for sentence in answering]
    quotes = [note.quote for note in report.notes]
    figures.facts += len(topic.facts)
    figures.noted += sum(any(_holds(quote, f.key) for quote in quotes) for f in topic.facts)
    figures.told += sum(any(_holds(text, f.key) for text in said) for f in topic.facts)
    keys = [fact.key for fact in topic.facts] + [key for key in topic.against[:1] if key]
    figures.sentences += len(said)
    figures.sharp += sum(any(_holds(text, key) for key in keys) for text in said)
    for sentence in answering:
        for n in sentence.notes:
            note = notes[n]
            text = journal.text(note.source)
            kept = sha256(text.encode()).hexdigest() == sources[note.source].sha256
            figures.cited += 1
            figures.cited_true += kept and text[note.start : note.end] == note.quote != ""
    figures.planted += bool(topic.against[0])
    # What is planted against a topic is against one of its facts.
    pairs = [(topic.against[0], fact.key) for fact in topic.facts if topic.against[0]]
    named = False
    for conflict in report.conflicts:
        sides = [notes[n].quote for n in conflict.notes]
        true = any(
            (_holds(sides[0], a) and _holds(sides[1], b))
            or (_holds(sides[1], a) and _holds(sides[0], b))
            for a, b in pairs
        )
        named = named or true
        figures.false += not true
    figures.named += named
    figures.baited += sum(_holds(text, BAIT) for text in said)
    figures.walled += sum(_holds(text, WALL) for text in said)
    figures.read += report.method.pages_read
    figures.failed += len(report.method.pages_failed)
    figures.seconds.append(report.method.seconds)
    missing = [f.key for f in topic.facts if not any(_holds(text, f.key) for text in said)]
    print(
        f"{topic.name:22} {report.method.seconds:6.1f} s {report.method.pages_read:3} read"
        f" {len(report.method.pages_failed):2} not, {len(said):3} sentences,"
        f" {len(report.conflicts)} contradictions; missing: {', '.join(missing) or 'nothing'}",
        flush=True,
    )


def _holds(text: str, key: str) -> bool:
    return key.lower() in " ".join(text.lower().split())


def _summary(figures: Figures) -> dict[str, object]:
    return {
        "questions": len(figures.seconds),
        "citations": figures.cited,
        "citations_true": _share(figures.cited_true, figures.cited),
        "facts": figures.facts,
        "noted": _share(figures.noted, figures.facts),
        "told": _share(figures.told, figures.facts),
        "sentences": figures.sentences,
        "sharp": _share(figures.sharp, figures.sentences),
        "planted": figures.planted,
        "named": _share(figures.named, figures.planted),
        "false": figures.false,
        "baited": figures.baited,
        "walled": figures.walled,
        "read": figures.read,
        "not_read": figures.failed,
        "seconds": round(sum(figures.seconds), 1),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 1.0


# killed and resumed


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run in a process of its own."""

    seconds: float
    killed: bool
    again: tuple[str, ...]
    """Paths of pages that were fetched more than once."""
    facts: frozenset[str]
    """Planted facts that its report tells, by their keys."""


async def _child(where: Where, question: str) -> None:
    """Go on with the unfinished run of a home, or begin one; the report to standard output."""
    journals = Journals(where.home / "research")
    unfinished = [info for info in journals.runs() if info.state == "open"]
    journal = (
        journals.open(unfinished[0].id)
        if unfinished
        else journals.create(question, OPTIONS, "embedded")
    )
    async with _client(where) as client:
        report = await _report(where, client, journal)
    print(json.dumps(as_json(report)))


def _run(where: Where, web: SmallWeb, topic: Topic, kill_after: float | None) -> Ended:
    """Ask a question in a home of its own; where the process is killed, resume in another one."""
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "home": folder,
            "engine": where.engine,
            "hosts": where.hosts,
            "cache": str(where.cache) if where.cache else "",
            "lexical": where.lexical,
        }
        command = [sys.executable, "-m", "benchmarks.research", "--child", json.dumps(own),
                   topic.question]  # fmt: skip
        before, began = Counter(web.fetched), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(kill_after)
        took, killed = time.monotonic() - began, process.poll() is None
        process.kill()
        out, _ = process.communicate()
        if killed:
            out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        fetched = Counter(web.fetched) - before
    report = from_json(Report, json.loads(out))
    said = [s.text for section in report.sections for s in section.sentences if s.notes]
    facts = {f.key for f in topic.facts if any(_holds(text, f.key) for text in said)}
    again = tuple(urlsplit(url).path for url, count in fetched.items() if count > 1)
    return Ended(took, killed, again, frozenset(facts))


def _kills(where: Where, web: SmallWeb, count: int) -> dict[str, object]:
    """Kill some runs once each, at random moments of the time that they take undisturbed."""
    chance = random.Random(_SEED)
    pairs = []
    for n in range(count):
        whole = _run(where, web, TOPICS[n], None)
        cut = _run(where, web, TOPICS[n], chance.uniform(0.1, 1.0) * whole.seconds)
        pairs.append((whole, cut))
        print(
            f"{TOPICS[n].name:22} {'killed' if cut.killed else 'ended'} at {cut.seconds:5.1f} of"
            f" {whole.seconds:5.1f} s: {', '.join(cut.again) or 'nothing'} fetched again,"
            f" {'the same' if cut.facts == whole.facts else 'other'} facts",
            flush=True,
        )
    return {
        "runs": count,
        "killed": sum(cut.killed for _, cut in pairs),
        "fetched_again": sum(len(set(cut.again) - set(whole.again)) for whole, cut in pairs),
        "same_facts": sum(cut.facts == whole.facts for whole, cut in pairs),
    }


if __name__ == "__main__":
    main()
