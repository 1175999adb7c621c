"""Vectors that need not be made again: of sentences that were read whole, or a short while ago.

A text's vector is the same whatever it is embedded with, so that nothing but time, or a provider's
price, is saved.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Embedder, Progress, Vectors

RECENT = 4096
"""Texts whose vectors a model keeps: some 170 questions' worth, and 8 MB where a vector has 384
numbers."""


class Recalling:
    """An embedder that asks the one within for new texts only; see `Embedder`. Thread-safe."""

    def __init__(
        self, inner: Embedder, known: Mapping[str, Any] | None = None, *, recent: int = 0
    ) -> None:
        """Begin with what is known.

        Args:
            inner: Makes vectors.
            known: Vectors by text, of any precision.
            recent: Of how many texts vectors are kept besides, the longest unused given up first.
        """
        self._inner = inner
        self._known = known or {}
        self._most = recent
        self._recent: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """That of the embedder within."""
        return self._inner.name

    @property
    def dimensions(self) -> int:
        """As the embedder within."""
        return self._inner.dimensions

    @property
    def max_tokens(self) -> int:
        """As the embedder within."""
        return self._inner.max_tokens

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """As the embedder within."""
        self._inner.load(cancelled=cancelled)

    def count(self, texts: Sequence[str]) -> list[int]:
        """As the embedder within."""
        return self._inner.count(texts)

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        """As the embedder within."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        found: dict[str, Any] = {}
        with self._lock:
            for text in texts:
                if text in self._known:
                    found[text] = self._known[text]
                elif text in self._recent:
                    self._recent.move_to_end(text)
                    found[text] = self._recent[text]
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            made = self._inner.embed(new, progress=progress, cancelled=cancelled)
            found |= zip(new, made, strict=True)
        if self._most:
            with self._lock:
                # Copies: a row would keep alive all that it was made with.
                self._recent |= {text: found[text].copy() for text in new}
                while len(self._recent) > self._most:
                    self._recent.popitem(last=False)
        return np.array([found[text] for text in texts], np.float32)
