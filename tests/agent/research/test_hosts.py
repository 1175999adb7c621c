"""Hosts as they are typed: in the spelling that addresses of pages have, or refused."""

from __future__ import annotations

import pytest

from agent.errors import UsageError
from agent.research.choose import unwanted
from agent.research.hosts import hosts


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("münchen.de", "https://münchen.de/rathaus"),
        ("example.org.", "https://example.org/"),
        ("EXAMPLE.org:443", "https://www.example.org/"),
        ("example.org:80", "http://example.org/"),
        ("https://example.org/a?b", "https://example.org/c"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
    ],
)
def test_a_host_is_the_one_of_its_pages_however_it_is_spelled(typed: str, url: str) -> None:
    assert unwanted("web", url, "", hosts([typed, " "]), "") == ""


@pytest.mark.parametrize("typed", ["a b", "ftp://example.org", "-", "me@example.org", "a..b"])
def test_what_is_no_host_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="is no host"):
        hosts([typed])
