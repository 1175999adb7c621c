"""What the tests of the library share: embedders that count, lack or differ, and short forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from knowledge.errors import (
    EmbedderUnavailable,
)
from knowledge.library import Library
from tests.fakes import HashingEmbedder


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that it embeds as documents of the library."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts, **options):  # type: ignore[no-untyped-def]
        self.texts += texts
        return super().embed(texts, **options)


class AbsentEmbedder(HashingEmbedder):
    """Has no weights."""

    def load(self, **_: object) -> None:
        raise EmbedderUnavailable("No weights.", hint="agent setup")


class OtherEmbedder(HashingEmbedder):
    name = "other"  # type: ignore[assignment]


Open = Callable[..., Library]


async def names(library: Library, query: str, **options) -> list[str]:  # type: ignore[no-untyped-def]
    found = await library.search(query, **options)
    return [Path(passage.source).name for passage in found.passages]
