"""Which hits are read: fused, one a page, from several hosts, within domains and dates."""

from __future__ import annotations

import pytest

from agent.research.choose import Chooser, host_of, page_key
from agent.research.types import Hit, Source
from tests.agent.research.web_fixture import OTHERWISE, STORY

A, B, C = "https://a.example/1", "https://b.example/1", "https://c.example/1"


def hit(url: str, *, snippet: str = "", date: str = "", origin: str = "web") -> Hit:
    return Hit(1, origin, url, f"Title of {url}", snippet, date, 1.0, ())  # type: ignore[arg-type]


def source(n: int, text: str) -> tuple[Source, str]:
    url = f"https://{n}.example/"
    return Source(f"s{n}", "web", url, url, "", "", "", "", "", "", (), len(text)), text


def urls(hits: list[Hit]) -> list[str]:
    return [hit.url for hit in hits]


def test_what_several_queries_find_comes_before_what_one_finds() -> None:
    ranked = [[hit(A), hit(C)], [hit(B), hit(C)]]
    assert urls(Chooser().best(ranked, (), 3)) == [C, A, B]


@pytest.mark.parametrize(
    "other",
    [
        "http://a.example/1",
        "https://www.a.example/1/",
        "https://a.example/1#part",
        "https://A.example/1?utm_source=mail&fbclid=3",
        "https://a.example:443/1",
    ],
)
def test_addresses_of_one_page_are_one_hit(other: str) -> None:
    assert urls(Chooser().best([[hit(A), hit(other)]], (), 5)) == [A]
    assert urls(Chooser().best([[hit(other)]], (A,), 5)) == []


def test_parameters_that_name_a_page_are_kept_apart_whatever_their_order() -> None:
    assert page_key(f"{A}?id=1&x=2") == page_key(f"{A}?x=2&id=1")
    assert page_key(f"{A}?id=1") != page_key(f"{A}?id=2")


def test_a_host_that_floods_the_results_is_not_all_that_is_read() -> None:
    ranked = [[hit(f"https://a.example/{n}") for n in range(5)] + [hit(B), hit(C)]]
    chosen = urls(Chooser().best(ranked, (), 4))
    assert chosen == [f"https://a.example/{n}" for n in (0, 1)] + [B, C]


def test_a_second_good_hit_of_a_host_comes_before_poor_ones_of_others() -> None:
    others = [hit(f"https://{n}.example/") for n in range(9)]
    ranked = [[hit("https://a.example/0"), hit("https://a.example/1"), *others]]
    assert "https://a.example/1" in urls(Chooser().best(ranked, (), 5))


def test_what_was_seen_is_not_read_again() -> None:
    assert urls(Chooser().best([[hit(A), hit(B)]], (A,), 5)) == [B]


def test_the_same_words_at_another_address_come_last() -> None:
    words = "The lighthouse of Skarholm was built in 1887 by the engineer Anna Holm, it says."
    twin = Hit(1, "web", B, f"Title of {A}", words, "", 1.0, ())
    ranked = [[hit(A, snippet=words), twin, hit(C, snippet="Something else altogether.")]]
    assert urls(Chooser().best(ranked, (), 3)) == [A, C, B]


def test_only_the_domains_asked_for_are_read_with_those_below_them() -> None:
    chooser = Chooser(domains=("a.example", "www.B.example"))
    below = "https://news.a.example/1"
    ranked = [[hit(A), hit(B), hit(C), hit(below), hit("https://nota.example/")]]
    assert set(urls(chooser.best(ranked, (), 9))) == {A, B, below}


def test_domains_say_nothing_of_the_library() -> None:
    chooser = Chooser(domains=("a.example",))
    assert chooser.allows(hit("/home/ada/light.md", origin="library"))


@pytest.mark.parametrize(
    ("date", "allowed"),
    [
        ("2024-05-01", True),
        ("2024-04-30", False),
        ("2024-05-01T08:00:00Z", True),
        ("2023", False),
        ("2024", True),
        ("", True),
    ],
)
def test_what_is_older_than_asked_is_left_out_as_far_as_dates_are_known(
    date: str, allowed: bool
) -> None:
    assert Chooser(since="2024-05-01").allows(hit(A, date=date)) is allowed


def test_a_mirror_with_words_of_its_own_site_is_a_copy() -> None:
    mirrored = f"{STORY}\n\nMirrored with permission by the friends of the coast."
    original = source(1, STORY)
    assert Chooser().copy_of(mirrored, [source(2, OTHERWISE), original]) == original[0]


def test_a_text_that_holds_another_and_more_is_no_copy() -> None:
    assert Chooser().copy_of(f"{STORY}\n\n{OTHERWISE}", [source(1, STORY)]) is None


def test_another_text_on_the_same_thing_is_no_copy() -> None:
    assert Chooser().copy_of(OTHERWISE, [source(1, STORY)]) is None


def test_a_copy_whose_figures_were_changed_is_worth_reading() -> None:
    changed = STORY.replace("34 metres", "43 metres")
    assert Chooser().copy_of(changed, [source(1, STORY)]) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It was designed by an engineer, Anna Holm.", "It was designed by an engineer, Ian Lund."),
        ("The lamp was lit by gas at first.", "The lamp was not lit by gas at first."),
        ("The number of ships rose in the war.", "The number of ships fell in the war."),
    ],
)  # fmt: skip
def test_a_copy_that_says_otherwise_is_worth_reading(before: str, after: str) -> None:
    story, told = f"{STORY} {before}", f"{STORY} {after}"
    assert Chooser().copy_of(told, [source(1, story)]) is None
    assert Chooser().copy_of(f"{story} Mirrored in Lund.", [source(1, story)]) is not None


def test_short_texts_are_copies_only_where_they_are_equal() -> None:
    assert Chooser().copy_of("Not here.", [source(1, "Not here.")]) is not None
    assert Chooser().copy_of("Not there.", [source(1, "Not here.")]) is None


def test_a_path_is_its_own_host_and_key() -> None:
    assert host_of("notes/light.md") == page_key("notes/light.md") == "notes/light.md"
