"""A provider's reranker against a real server on loopback, where longer texts score higher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.models.reranking_gateway import GatewayReranker
from knowledge.errors import RerankerUnavailable
from tests.loopback import Loopback


@pytest.fixture
def reranker(server: Loopback) -> Iterator[Callable[..., GatewayReranker]]:
    made: list[GatewayReranker] = []

    def make(**settings: Any) -> GatewayReranker:
        defaults: dict[str, Any] = {"api_base": server.base_url, "sleep": lambda seconds: None}
        made.append(GatewayReranker("hosted_vllm/judge", **{**defaults, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_scores_come_in_the_order_of_the_texts(
    server: Loopback, reranker: Callable[..., GatewayReranker]
) -> None:
    assert reranker().score("q", ["aaa", "a", "aaaaa"]) == [0.003, 0.001, 0.005]
    assert server.requests[-1]["query"] == "q"


def test_a_short_failure_is_outlived_and_a_lasting_one_is_told(
    server: Loopback, reranker: Callable[..., GatewayReranker]
) -> None:
    server.fail("500", times=1)
    assert reranker().score("q", ["a"]) == [0.001]
    server.fail("500")
    with pytest.raises(RerankerUnavailable, match="500") as caught:
        reranker(retries=1).score("q", ["a"])
    assert "fused order" in caught.value.hint
