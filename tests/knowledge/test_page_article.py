from __future__ import annotations

from xml.etree import ElementTree

from knowledge.guard import Fetched
from knowledge.read.article import article_of
from knowledge.read.page import read_page

PROSE = "The pump moves water from the basin to the tank, and it needs oil once a year."


def tree(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<main>{markup}</main>")


def article(strict: str | None, lenient: str | None) -> list[str]:
    found = article_of(
        None if strict is None else tree(strict), None if lenient is None else tree(lenient)
    )
    return [] if found is None else [" ".join("".join(n.itertext()).split()) for n in found]


def body(*between: str) -> str:
    paragraphs = [f"<p>First. {PROSE}</p>", *between, f"<p>Last. {PROSE} {PROSE}</p>"]
    return "".join(paragraphs)


def kept(*between: str) -> list[str]:
    """What of these blocks stays, where both readings have them."""
    return article(body(*between), body(*between))[1:-1]


def test_what_only_the_lenient_reading_has_in_between_is_added_in_its_place() -> None:
    lenient = body("<p>Between: a sentence.</p>", "<head>A part</head>")
    assert article(body(), lenient)[1:-1] == ["Between: a sentence.", "A part"]


def test_what_the_lenient_reading_has_around_the_article_is_not_added() -> None:
    around = f"<head>Site</head>{body()}<p>We use cookies.</p>"
    assert article(body(), around) == article(body(), body())


def test_links_between_are_added_only_as_headings_or_where_the_address_is_written_out() -> None:
    lenient = body(
        "<head><ref>A pump</ref></head>",
        "<p><ref>Ten pumps you will not believe</ref></p>",
        "<p><ref>https://e.com/study</ref></p>",
    )
    assert article(body(), lenient)[1:-1] == ["A pump", "https://e.com/study"]


def test_teasers_of_other_articles_are_dropped_in_several_languages() -> None:
    for cue in ("Related:", "READ MORE:", "Lesen Sie auch:", "Lire aussi :", "Читайте также:"):
        assert kept(f"<p>{cue} <ref>Ten pumps you will not believe</ref></p>") == []
    announced = "<p>DON'T MISS</p>", "<p><ref>One pump</ref> | <ref>Two pumps</ref></p>"
    assert kept(*announced) == []


def test_prose_that_begins_like_a_teaser_stays() -> None:
    prose = "Related work: <ref>Lee</ref> shows that pumps that are oiled last twice as long."
    also = "Also, the valve must be closed."
    more = "More information: <ref>Lee 2019</ref>"
    assert len(kept(f"<p>{prose}</p>", f"<p>{also}</p>", f"<p>{more}</p>")) == 3


def test_an_unannounced_list_of_links_goes_and_an_introduced_one_stays() -> None:
    links = "<list><item><ref>One</ref></item><item><ref>Two</ref></item></list>"
    assert kept("<p>Some sentence.</p>", links) == ["Some sentence."]
    assert len(kept("<p>Sources:</p>", links)) == 2
    assert len(kept("<head>See also</head>", links)) == 2


def test_a_page_that_is_a_list_of_links_keeps_it() -> None:
    items = "".join(f"<item><ref>Chapter {i}: {PROSE}</ref></item>" for i in range(9))
    assert len(kept(f"<list>{items}</list>")) == 1


def test_what_a_post_is_filed_under_is_dropped_at_its_end_only() -> None:
    filed = "<p>Filed under: <ref>Pumps</ref> | <ref>Oil</ref></p>"
    assert len(article(body() + filed, body() + filed)) == 2
    assert len(article(filed + body(), filed + body())) == 3


def test_a_share_button_is_cut_off_a_quotation_that_stays() -> None:
    assert kept("<p><ref>Oil is life.Click To Tweet</ref></p>") == ["Oil is life."]


def test_a_strict_reading_that_lost_the_article_gives_way_to_the_lenient_one() -> None:
    whole = body(f"<p>{PROSE}</p>")
    assert article("<p>By Ann</p>", whole) == article(whole, whole)
    assert article(None, whole) == article(whole, whole)


def test_all_text_of_a_page_in_one_breath_is_no_article() -> None:
    assert article(None, f"<p>{PROSE * 9}</p>") == []
    assert article(f"<p>{PROSE}</p>", f"<p>Menu. {PROSE * 9}</p>") == [PROSE]


def test_without_a_lenient_reading_the_strict_one_stands_as_it_is() -> None:
    assert article("<p>Related: pumps</p><p>x</p>", None) == ["Related: pumps", "x"]
    assert article(None, None) == []


def test_text_between_blocks_is_kept() -> None:
    assert article(f"<p>a</p>stray words<p>{PROSE}</p>", None) == ["a", "stray words", PROSE]


def test_a_teaser_in_a_fetched_page_does_not_reach_its_document() -> None:
    markup = f"""<html><body><article><h1>Pumps</h1><p>{PROSE * 3}</p>
    <p>Related: <a href="/b">Ten pumps you will not believe</a></p><p>See <a href="/c">part</a>
    <a href="/d">two</a>. {PROSE * 3}</p></article></body></html>"""
    fetched = Fetched("https://e.com/", 200, "text/html", "", markup.encode(), "", "", 0.0)
    text = read_page(fetched).text
    assert "will not believe" not in text
    assert "See part two. The pump" in text


def test_a_page_that_repeats_itself_without_end_is_compared_in_no_time() -> None:
    blocks = [f"<p>{i % 7} {PROSE}</p>" for i in range(20_000)]
    turned = [f"<p>{i % 5} {PROSE}</p>" for i in range(20_000)]
    assert len(article("".join(blocks), "".join(turned))) == 20_000
