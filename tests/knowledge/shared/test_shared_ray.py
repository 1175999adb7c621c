"""A shared library that a Ray cluster has filled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from knowledge.library import Library
from knowledge.on_ray.engine import RayEngine
from knowledge.report import SyncReport
from tests.knowledge.test_ray_engine import PortableEmbedder, needs_ray


@needs_ray
def test_a_shared_library_filled_by_ray_equals_one_filled_here(
    docs: Path, tmp_path: Path, chroma: str, collection: str
) -> None:
    def fill(name: str, engine: RayEngine | None) -> tuple[SyncReport, object]:
        library = Library.open(
            tmp_path / name,
            embedder=PortableEmbedder(),
            chroma_url=chroma,
            chroma_collection=f"{collection}-{name}",
        )
        library.engine = engine
        try:
            report = asyncio.run(library.add([str(docs)]))
            asked = [asyncio.run(library.search(text)) for text in ("largest animal", "red fox")]
            stored = library._shelves.shelf.store.get(
                [passage.chunk_id for found in asked for passage in found.passages]
            )
            return report, (asked, stored[0], stored[1].tobytes())
        finally:
            library.close()

    here, there = fill("here", None), fill("there", RayEngine())
    assert replace(there[0], seconds=0) == replace(here[0], seconds=0)
    assert there[1] == here[1]
