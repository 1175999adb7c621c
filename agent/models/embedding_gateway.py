"""Any provider's embeddings, through litellm, as the library wants them: float32 unit vectors.

litellm itself is behind `gateway.load`. The room of knowledge knows nothing of this module;
`wiring` hands it the embedder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.errors import ModelError
from agent.models.gateway import close_synchronous, facts, load, reach
from agent.models.provider_errors import first_line
from agent.models.retry import Retries, persist
from knowledge.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Progress, Vectors

_BATCH = 64
"""Texts in a request; providers take 96 (Cohere) to 2,048 (OpenAI)."""
_UNLISTED_MAX_TOKENS = 512
"""What the encoder models behind most self-hosted servers read."""


class GatewayEmbedder:
    """An embedder behind litellm; see `Embedder` for the contract. Synchronous, any thread."""

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take a model by its litellm name. Touches no network.

        Args:
            name: As litellm spells it, provider first: `openai/text-embedding-3-small`.
            api_base: The server's address; None for the provider's own.
            api_key: None for the provider's environment variable.
            timeout: Seconds for one batch. No attempt begins later than this after the first.
            retries: Attempts after the first, for each batch.
            sleep: How to wait between attempts.
        """
        self.name = name
        self._api_base = api_base
        self._api_key = api_key
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._dimensions = 0

    @property
    def dimensions(self) -> int:
        """The length of a vector; loads."""
        self.load()
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        """From litellm's bundled list; 512 where the model is not in it."""
        known = facts(self.name)
        return int(known.get("max_input_tokens") or known.get("max_tokens") or _UNLISTED_MAX_TOKENS)

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """Import litellm, and learn the vectors' length by embedding one word.

        It ends by itself within the time-out: `cancelled` is not asked.

        Raises:
            EmbedderUnavailable: No key, no such model, no connection, or no vectors in the answer.
        """
        if not self._dimensions:
            self._dimensions = len(self._request(["length"])[0])

    def count(self, texts: Sequence[str]) -> list[int]:
        """By the tokenizer that litellm bundles for the model, or four characters a token."""
        counter = load().token_counter
        try:
            return [int(counter(model=self.name, text=text)) for text in texts]
        except Exception:
            # An estimate is enough to split by, and better than no index.
            return [-(-len(text) // 4) for text in texts]

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        """Embed texts, in batches; see `Embedder.embed`."""
        import numpy as np

        self.load()
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            if cancelled is not None and cancelled():
                raise InterruptedError("Embedding was cancelled.")
            batch = texts[start : start + _BATCH]
            rows = self._request(batch)
            if {len(row) for row in rows} != {self._dimensions}:
                raise self._unusable("the vectors are not of one length")
            vectors[start : start + len(batch)] = rows
            if progress is not None:
                progress(start + len(batch))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise self._unusable("a vector has no length")
        return np.asarray(vectors / lengths, dtype=np.float32)

    def _request(self, texts: Sequence[str]) -> list[list[float]]:
        """One request, tried again while that may help; a row for each text, in order."""
        try:
            target, call = reach(self.name, self._api_base, self._api_key)
        except ModelError as error:
            raise self._unavailable(error) from None
        call = replace(call, instead="the embedder built in works offline")

        def run() -> Any:
            return load().embedding(
                **target,
                # Providers embed an empty text as an error; a blank one has the same meaning.
                input=[text or " " for text in texts],
                encoding_format="float",
                timeout=self._timeout,
                num_retries=0,
                max_retries=0,
            )

        try:
            answer = persist(run, call, Retries(self._retries, self._timeout), self._sleep)
        except ModelError as error:
            raise self._unavailable(error) from None
        return self._rows(answer, len(texts))

    def _rows(self, answer: Any, expected: int) -> list[list[float]]:
        try:
            data = sorted(answer.data, key=lambda row: row["index"])
            rows = [[float(x) for x in row["embedding"]] for row in data]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._unusable(first_line(str(error))) from None
        if len(rows) != expected or not all(rows):
            raise self._unusable(f"{len(rows)} vectors for {expected} texts")
        return rows

    def close(self) -> None:
        """Close the connections of all embedders of this kind; a later call opens new ones."""
        close_synchronous()

    def _unavailable(self, error: ModelError) -> EmbedderUnavailable:
        return EmbedderUnavailable(
            f"The embedder {self.name} cannot be used. {error}", hint=error.hint
        )

    def _unusable(self, reason: str) -> EmbedderUnavailable:
        return EmbedderUnavailable(
            f"The embedder {self.name} answered with something that is no embedding: {reason}.",
            hint="Check the address and the name; `agent doctor` tries them.",
        )
