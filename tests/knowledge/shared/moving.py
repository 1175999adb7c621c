"""Libraries at the places between which tests move them."""

from __future__ import annotations

from pathlib import Path

from knowledge.library import Library
from knowledge.move import Place
from tests.fakes import HashingEmbedder

EMBEDDED = Place()


def opened(root: Path, to: Place) -> Library:
    return Library.open(
        root,
        embedder=HashingEmbedder(),
        chroma_url=to.url,
        chroma_collection=to.collection,
    )
