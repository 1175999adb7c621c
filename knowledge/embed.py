"""What an embedder is: texts go in, unit vectors come out. Where from is not said here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Progress = Callable[[int], None]
"""Called with the number of texts embedded so far."""
Cancelled = Callable[[], bool]
"""Asked between batches; true ends the work with `InterruptedError`."""


class Embedder(Protocol):
    """Batches of texts to vectors.

    Making one is cheap; `load` (or the first call) reads the weights.
    """

    @property
    def name(self) -> str:
        """Identity, recorded in the index: vectors of two names are never compared."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many of its own word pieces it reads of a text; the rest is not seen."""

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """Make ready now, which may mean to fetch.

        Raises:
            EmbedderUnavailable: There are no weights, or the provider cannot be used.
            InterruptedError: `cancelled` said so.
        """

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of word pieces of each text, uncut, special tokens left out."""

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        """Embed texts.

        Returns:
            float32, shape (len(texts), dimensions), each row of length 1.

        Raises:
            EmbedderUnavailable: As `load`.
            InterruptedError: `cancelled` said so.
        """
