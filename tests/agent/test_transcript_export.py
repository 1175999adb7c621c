"""A session as a page: what strangers wrote stands in it as text, and nothing is fetched or run."""

from __future__ import annotations

from html.parser import HTMLParser

from agent.events import Citation, Done, Event, Failed
from agent.summaries import Summary
from agent.transcript_export import to_html
from agent.transcripts import SessionInfo, StoredTurn

HOSTILE = (
    "<script>alert(1)</script> ![x](https://evil.example/x.png) [go](javascript:alert(1)) "
    "<https://evil.example> &lt;img src=x onerror=alert(1)&gt; \x1b]0;x\x07 \u202egnp"
)


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def page(question: str, *events: Event, title: str = "Pumps") -> Tags:
    info = SessionInfo("k3m9pa", title, 1.7e9, 1.7e9, 1, "")
    return Tags(to_html(info, [StoredTurn(1, question, "", 1.7e9, "done", events)]))


def test_an_answer_is_laid_out_with_its_sources() -> None:
    cited = Citation(1, "/a/pump.pdf", "Pump", "p. 2", "after 4,000 hours", 0, 5, True, True)
    found = page("When?", cited, Done("**After** 4,000 hours. [1]", "partial", "naive", "m"))
    assert "strong" in found.tags
    assert "[1] /a/pump.pdf, p. 2 (changed since): “after 4,000 hours”" in found.text
    assert "partial." in found.text


def test_what_strangers_wrote_is_text() -> None:
    cited = Citation(1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0, 5, False, False)
    done = Done(f"{HOSTILE}\n\n<img src=x>\n\n[a]: javascript:x\n\n[a]", "ungrounded", "m", "m")
    found = page(HOSTILE, cited, done, title=HOSTILE)
    assert not {"script", "img", "a", "iframe", "object"} & set(found.tags)
    assert not {name for name in found.attributes if name.startswith("on")} | (
        {"src", "href"} & found.attributes
    )
    assert "<script>alert(1)</script>" in found.text
    assert "&lt;img" in found.text
    assert "\x1b" not in found.text
    assert "\u202e" not in found.text


def test_the_page_may_fetch_nothing() -> None:
    info = SessionInfo("k3m9pa", "", 1.7e9, 1.7e9, 0, "")
    assert "default-src 'none'" in to_html(info, [])


def test_how_a_turn_failed_and_what_the_model_was_told_stand_there() -> None:
    info = SessionInfo("k3m9pa", "", 1.7e9, 1.7e9, 1, "")
    turn = StoredTurn(1, "q", "", 1.7e9, "failed", (Failed("No key."),))
    found = Tags(to_html(info, [turn], [Summary(1, "in <short>")]))
    assert "Failed: No key." in found.text
    assert "in <short>" in found.text
