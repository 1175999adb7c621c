"""What users call the libraries."""

from __future__ import annotations

from typing import cast

from agent.server.hosting import Hosting
from agent.server.library_names import libraries_of
from agent.server.users import ALL, OWNER, User


class Libraries:
    """A hosting of which only the names of its libraries are asked."""

    def __init__(self, *names: str) -> None:
        self._names = list(names)

    def libraries(self, user: User) -> list[str]:
        return self._names


def test_no_two_libraries_are_called_the_same() -> None:
    names = ("/x/team", "team", "team (folder)", "/y/team", "/z/docs")
    hosting = cast(Hosting, Libraries(*names))
    assert libraries_of(hosting, User("ada")) == {
        "/x/team": "team (folder) (folder)",
        "team": "team",
        "team (folder)": "team (folder)",
        "/y/team": "team (folder) (folder) (folder)",
        "/z/docs": "docs",
    }
    owner = User(OWNER, reads=(ALL,))
    assert libraries_of(hosting, owner) == {name: name for name in names}
