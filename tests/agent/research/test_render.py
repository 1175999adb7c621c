"""A report as Markdown, HTML and JSON; what pages said is data in each of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from agent.errors import UsageError
from agent.research.render import form_of, rendered
from agent.research.types import Conflict, Gap, Method, Report, Section, Sentence, from_json
from tests.agent.research.material import NOTES, report, source

EVIL = "</style><script>alert(1)</script> <img src=https://e.example/x> ![p](https://e.example/y)"
EVIL += (
    " [a](javascript:alert(1)) \x1b[31m \u202e # `b` **c** &amp; https://e.example www.e.example"
)


class Parsed(HTMLParser):
    """The elements of a page, and its text by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def evil() -> Report:
    """A report in which everything from outside is hostile."""
    note = replace(NOTES[0], quote=EVIL, claim=EVIL)
    bad = source(
        "s1", url="javascript:alert(1)", final_url="https://u:p@e.example/", title=EVIL,
        author=EVIL, date=EVIL, flags=(EVIL,),
    )  # fmt: skip
    made = Method(EVIL, False, 1, 1, 1, ((EVIL, EVIL),), 0, None, 1.0, EVIL)
    sentence = Sentence(EVIL, (1,), "quoted")
    return report(
        question=EVIL,
        sections=(
            Section(EVIL, 1, (sentence,)),
            Section(EVIL, 1, (replace(sentence, standing="unsupported"),)),
        ),
        conflicts=(Conflict(1, EVIL, (1, 2), EVIL),),
        gaps=(Gap(1, EVIL, (EVIL,)),),
        sources=(bad, source("s2")),
        notes=(note, NOTES[1]),
        method=made,
    )


def test_json_is_the_whole_report_and_can_be_read_again() -> None:
    text = rendered(evil(), "json")
    assert from_json(Report, json.loads(text)) == evil()
    assert text.isascii()
    assert "\x1b" not in text


def test_markdown_cites_each_claim_and_lists_quotes_and_sources() -> None:
    text = rendered(report(), "markdown")
    assert "It was first lit in 1904, after seven years of work. [1] (contradicted by [2])" in text
    assert "[3] *(not fully borne out by what it cites)*" in text
    assert "- [3] “Keepers lived on the rock" in text
    assert "<https://s1.example/page>" in text
    assert f"snapshot snaps1, SHA-256 {source('s1').sha256}" in text
    assert "**first lit:** One says 1904, the other 1897." in text
    assert "- What did it cost? Nothing that was read answers it." in text
    assert "2 sentences were left out" in text
    assert "HTTP 404" in text


def test_a_section_of_quotes_is_a_list_of_them() -> None:
    quotes = Section("Lit", 1, (Sentence(NOTES[0].quote, (1,), "quoted"),))
    shown = report(sections=(quotes,), conflicts=())
    assert f"- “{NOTES[0].quote}” [1]" in rendered(shown, "markdown")
    assert f"<li><q>{NOTES[0].quote}</q>" in rendered(shown, "html")


def test_markup_in_what_was_read_is_text_in_markdown() -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(rendered(evil(), "markdown"))
    page = Parsed(html)
    allowed = {"h1", "h2", "h3", "p", "em", "strong", "ul", "li", "a"}
    assert {tag for tag, _ in page.tags} <= allowed
    assert [link["href"] for link in page.all("a")] == ["https://s2.example/page"]
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_words_that_would_open_a_list_stay_words() -> None:
    for words in ("- item", "1. item", "2) item", "+ item", "- - -", "---", "=", "# item"):
        said = Section("What", 1, (Sentence(words, (1,), "supported"),))
        html = MarkdownIt().render(rendered(report(sections=(said,)), "markdown"))
        assert words in Parsed(html).text


def test_markup_in_what_was_read_is_text_in_html() -> None:
    page = Parsed(rendered(evil(), "html"))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "link", "iframe", "object"})
    assert len(page.all("style")) == 1
    assert "<script>alert(1)</script>" in page.text
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "srcset", "style", "background"} & attributes.keys()
    links = [str(link["href"]) for link in page.all("a")]
    assert {link for link in links if not link.startswith("#")} == {"https://s2.example/page"}
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


def test_the_page_forbids_itself_to_load_or_run_anything() -> None:
    text = rendered(report(), "html")
    (policy,) = [m for m in Parsed(text).all("meta") if m.get("http-equiv")]
    assert str(policy["content"]).startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "url(" not in text
    assert "@import" not in text


def test_a_quote_opens_under_its_citation_and_every_link_within_the_page_leads_somewhere() -> None:
    text = rendered(report(), "html")
    page = Parsed(text)
    assert len(page.all("details")) == 5  # three citations, and two that contradict them
    assert re.search(r"<summary[^>]*>\[1\]</summary><blockquote><q>It was first lit in 1904", text)
    ids = {str(attributes["id"]) for _, attributes in page.tags if "id" in attributes}
    links = {str(link["href"])[1:] for link in page.all("a") if str(link["href"])[0] == "#"}
    assert links <= ids


def test_what_was_not_read_is_neither_cited_nor_contradicts() -> None:
    unread = replace(NOTES[0], n=9, source="s9")
    said = Section("Lit", 1, (Sentence("It was lit.", (9, 2), "supported"),))
    shown = report(
        sections=(said,), notes=(*NOTES, unread), conflicts=(Conflict(1, "x", (9, 2), "y"),)
    )
    for form in ("markdown", "html"):
        text = rendered(shown, form)  # type: ignore[arg-type]
        assert "[9]" not in text
        assert "[2]" in text


def test_sources_that_nothing_cites_are_told_apart() -> None:
    text = rendered(report(sources=(source("s1"), source("s2"), source("s3"), source("s4"))),
                    "markdown")  # fmt: skip
    cited, other = text.split("## Read, and not cited")
    assert "**s4**" not in cited
    assert "**s4**" in other


def test_a_report_of_nothing_is_still_a_whole_page() -> None:
    bare = report(sections=(), conflicts=(), gaps=(), sources=(), notes=())
    assert "0 of 0 sources cited" in rendered(bare, "markdown")
    assert "0 of 0 sources cited" in rendered(bare, "html")


def test_why_it_ended_early_stands_at_the_top() -> None:
    made = replace(report().method, partial_reason="The limit of 10 pages is reached.")
    for form in ("markdown", "html"):
        text = rendered(report(method=made), form)  # type: ignore[arg-type]
        assert text.index("Not complete") < text.index("It was first lit in 1904")
        assert "The limit of 10 pages is reached." in text


def test_the_files_name_says_the_form(tmp_path: Path) -> None:
    assert form_of(tmp_path / "a.HTML") == "html"
    assert form_of(tmp_path / "a.md") == "markdown"
    assert form_of(tmp_path / "a.json") == "json"
    with pytest.raises(UsageError, match=r"cannot be written as a\.pdf"):
        form_of(tmp_path / "a.pdf")
