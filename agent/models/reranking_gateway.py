"""Any provider's reranker, through litellm; see `knowledge.rerank.Reranker` for the contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agent.errors import ModelError
from agent.models.gateway import close_synchronous, load, reach
from agent.models.retry import Retries, persist
from knowledge.errors import RerankerUnavailable


class GatewayReranker:
    """A reranker behind litellm. Synchronous, any thread; making one touches no network."""

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take a model by its litellm name, such as `cohere/rerank-v3.5` or `hosted_vllm/NAME`.

        Args:
            name: As litellm spells it, provider first.
            api_base: The server's address; None for the provider's own.
            timeout: Seconds for one call. No attempt begins later than this after the first.
            retries: Attempts after the first.
            sleep: How to wait between attempts.
        """
        self.name = name
        self._api_base = api_base
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """The provider's relevance score of each text, in order.

        Raises:
            RerankerUnavailable: No key, no such model, no connection, or no scores in the answer.
        """
        try:
            target, call = reach(self.name, self._api_base, None)
            call = replace(call, instead="without it the fused order holds")

            def run() -> Any:
                return load().rerank(
                    **target,
                    query=query,
                    documents=list(texts),
                    top_n=len(texts),
                    return_documents=False,
                    timeout=self._timeout,
                    num_retries=0,
                    max_retries=0,
                )

            answer = persist(run, call, Retries(self._retries, self._timeout), self._sleep)
        except ModelError as error:
            raise RerankerUnavailable(str(error), hint=error.hint) from None
        try:
            found = {row["index"]: float(row["relevance_score"]) for row in answer.results}
            return [found[i] for i in range(len(texts))]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RerankerUnavailable(
                f"The reranker {self.name} did not score every passage.",
                hint="Take another: agent config set reranker NAME, or agent config unset reranker",
            ) from None

    def close(self) -> None:
        """Close the connections of all synchronous callers; a later call opens new ones."""
        close_synchronous()
