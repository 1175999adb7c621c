"""The sources of a library as completions: asked for once, named by their paths where need be."""

from __future__ import annotations

from typing import Any

from agent.tui.known import OFFERED, KnownSources
from tests.fakes import MemoryLibrary


class Counted(MemoryLibrary):
    """Counts how often it is asked for all its sources."""

    asked = 0

    async def sources(self) -> Any:
        self.asked += 1
        return await super().sources()


def known(*paths: str) -> tuple[KnownSources, Counted, list[float]]:
    library = Counted(dict.fromkeys(paths, "Text."))
    now = [0.0]
    return KnownSources(lambda: library, clock=lambda: now[0]), library, now  # type: ignore[arg-type,return-value]


async def test_a_library_is_asked_once_while_one_types_and_again_when_it_has_changed() -> None:
    sources, library, now = known("/a/moon.txt")
    for typed in ("m", "mo", "moo"):
        assert [each.text for each in await sources.matching(typed)] == ["moon.txt"]
    assert library.asked == 1
    sources.forget()
    await sources.matching("m")
    assert library.asked == 2
    now[0] += 60
    await sources.matching("m")
    assert library.asked == 3


async def test_sources_of_one_name_are_told_apart_by_their_paths() -> None:
    sources, _, _ = known("/a/notes.md", "/b/notes.md", "/b/sun.md")
    found = await sources.matching("notes")
    assert [(each.text, each.names) for each in found] == [
        ("/a/notes.md", "/a/notes.md"),
        ("/b/notes.md", "/b/notes.md"),
    ]
    (sun,) = await sources.matching("sun")
    assert (sun.text, sun.names) == ("sun.md", "/b/sun.md")


async def test_the_source_of_a_whole_name_is_found_among_many() -> None:
    sources, _, _ = known(*(f"/a/{n}-log.md" for n in range(3 * OFFERED)), "/z/log.md")
    found = await sources.matching("log.md")
    assert found[0].names == "/z/log.md"
    assert len(found) == OFFERED


async def test_without_a_library_nothing_is_offered() -> None:
    assert await KnownSources(lambda: None).matching("a") == []
