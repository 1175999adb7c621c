"""A vector store that lives in memory, for tests of what stands above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class MemoryStore:
    """See `knowledge.dense.DenseStore`."""

    place = ""

    def __init__(self) -> None:
        self.vectors: dict[str, Vectors] = {}

    def put(self, ids: Sequence[str], vectors: Vectors) -> None:
        self.vectors.update(zip(ids, vectors, strict=True))

    def get(self, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        found = [i for i in ids if i in self.vectors]
        rows = [self.vectors[i] for i in found]
        return found, np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    def delete(self, ids: Sequence[str]) -> None:
        for i in ids:
            self.vectors.pop(i, None)

    def query(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        scored = [(i, float(v @ vector)) for i, v in self.vectors.items()]
        return sorted(scored, key=lambda pair: -pair[1])[:limit]

    def count(self) -> int:
        return len(self.vectors)

    def clear(self) -> None:
        self.vectors.clear()

    def close(self) -> None:
        pass
