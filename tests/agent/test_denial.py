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


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("The museum is open on Tuesday.", "The museum is open every day except Tuesday."),
        ("Das Brot gehört in den Kühlschrank.", "Das Brot gehört nicht in den Kühlschrank."),
        ("Bohren ist erlaubt.", "Es ist kein Bohren erlaubt."),
        ("Roken is hier toegestaan.", "Roken is hier niet toegestaan."),
        ("Les shorts sont admis.", "Les shorts ne sont pas admis."),
        ("L'eau est potable.", "L'eau n'est plus potable."),
    ],
)
def test_an_exception_and_the_plain_denials_of_other_languages_are_denials(
    claim: str, said: str
) -> None:
    assert opposed(claim, said, words)
    assert opposed(said, claim, words)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("Jones was there when they voted.", "All except Jones voted when Jones was there."),
        ("The museum opens at nine.", "The museum opens at nine every day except Tuesday."),
        ("The band played rock.", "The band played rock n' roll, plus blues."),
    ],
)
def test_what_is_said_beside_an_exception_is_not_denied(claim: str, said: str) -> None:
    assert not opposed(claim, said, words)


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
