"""The web that research is measured on: what is planted is there, and what is counted is right."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from agent.research.base import Options
from agent.research.plan import by_rule
from benchmarks.research_topics import TOPICS
from benchmarks.research_web import BAIT, WALL, pages
from tests.web import Page

ARTICLES = 90


def articles(folder: Path) -> Path:
    """A set of the benchmark's form, of made-up articles."""
    (folder / "html").mkdir()
    truth = {}
    for n in range(ARTICLES):
        said = [
            f"Paragraph {k} of article {n} tells of things {'and things ' * 9}" for k in range(6)
        ]
        markup = "".join(f"<p class='x'>{words}</p>" for words in said)
        name = f"{n:064x}"[::-1]
        data = f"<html><body><article>{markup}</article></body></html>".encode()
        (folder / "html" / f"{name}.html.gz").write_bytes(gzip.compress(data))
        truth[name] = {"articleBody": "\n\n".join(said), "url": "https://example.com/"}
    (folder / "ground-truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return folder


def test_every_fact_holds_its_key_and_no_other_answer() -> None:
    assert len(TOPICS) == 20
    for topic in TOPICS:
        told = [fact.said for fact in topic.facts]
        for fact in topic.facts:
            assert fact.key in fact.said
            assert fact.key not in topic.against[1]
            assert fact.key not in topic.question
            assert sum(fact.key in said for said in told) == 1
        assert topic.against[0] in topic.against[1]


def test_every_question_has_a_part_for_each_of_its_facts() -> None:
    for topic in TOPICS:
        assert len(by_rule(topic.question, Options()).parts) == len(topic.facts), topic.question


def test_every_fact_stands_in_a_page_that_is_served_and_can_be_found(tmp_path: Path) -> None:
    web = pages(articles(tmp_path))
    for topic in TOPICS:
        for said in [*(fact.said for fact in topic.facts), topic.against[1]]:
            held = [page for page in web if said and said in page.text]
            served = [page.page for page in held if isinstance(page.page, Page)]
            assert not said or any(said.encode() in page.body for page in served)
            assert not said or any(page.indexed for page in held)
    assert len({(page.site, page.path) for page in web}) == len(web)


def test_only_hostile_pages_say_what_is_counted_against_a_report(tmp_path: Path) -> None:
    for page in pages(articles(tmp_path)):
        assert (BAIT in page.text) == page.path.startswith("/orders/")
        assert (WALL in page.text) == (page.site == "paper")
