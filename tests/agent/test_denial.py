"""What a text denies, and that a text of nothing but denials is read in bounded time."""

from __future__ import annotations

import pytest

from agent.denial import opposed
from agent.support import content


def words(text: str) -> set[str]:
    return set(content(text))


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("Nothing burned.", "Nobody was hurt, but the house burned."),
        ("The mill did not burn.", "The mill burned, but not the house."),
        ("The harbour was never closed.", "Without ships, the harbour was closed."),
    ],
)
def test_of_two_texts_that_deny_something_each_denial_is_held_against_the_other(
    claim: str, said: str
) -> None:
    assert opposed(claim, said, words)


def test_how_much_is_read_does_not_grow_with_the_square_of_the_denials() -> None:
    read = 0

    def counted(text: str) -> set[str]:
        nonlocal read
        read += len(text)
        return words(text)

    sizes = []
    for many in (1000, 4000):
        read = 0
        opposed("not stone " * many, "no tower " * many, counted)
        sizes.append(read)
    assert sizes[1] < 8 * sizes[0]
