"""A provider's embedder against a real server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.models.embedding_gateway import GatewayEmbedder
from knowledge.errors import EmbedderUnavailable
from tests.agent.models.asking import KEY
from tests.loopback import Loopback


@pytest.fixture
def embedder(server: Loopback) -> Iterator[Callable[..., GatewayEmbedder]]:
    made: list[GatewayEmbedder] = []

    def make(**settings: Any) -> GatewayEmbedder:
        defaults: dict[str, Any] = {"api_base": server.base_url, "api_key": KEY}
        defaults["sleep"] = lambda seconds: None
        made.append(GatewayEmbedder("openai/text-embedding-3-small", **{**defaults, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_embeddings_are_unit_vectors_in_the_order_of_the_texts(
    server: Loopback, embedder: Callable[..., GatewayEmbedder]
) -> None:
    import numpy as np

    texts = [f"text {n}" for n in range(100)]
    seen: list[int] = []
    vectors = embedder().embed(texts, progress=seen.append)
    assert vectors.shape == (100, 8)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(vectors[70], embedder().embed(["text 70"])[0])
    assert seen == [64, 100]


def test_an_embedder_learns_its_dimensions_and_knows_its_limit(
    embedder: Callable[..., GatewayEmbedder],
) -> None:
    made = embedder()
    assert made.dimensions == 8
    assert made.max_tokens == 8191
    assert made.count(["Where does the rain fall?", ""]) == [6, 0]


def test_no_texts_make_no_vectors(embedder: Callable[..., GatewayEmbedder]) -> None:
    assert embedder().embed([]).shape == (0, 8)


def test_embedding_stops_between_batches_when_it_is_told_to(
    server: Loopback, embedder: Callable[..., GatewayEmbedder]
) -> None:
    stop = threading.Event()
    with pytest.raises(InterruptedError):
        embedder().embed(["x"] * 200, progress=lambda n: stop.set(), cancelled=stop.is_set)
    assert len(server.requests) == 2  # the probe, and the first batch


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("401", "refused the key"),
        ("404", "does not exist"),
        ("429", "refuses for now"),
        ("500", "status 500"),
        ("garbage", "no answer"),
    ],
)
def test_an_embedder_that_fails_says_why_and_what_to_do(
    server: Loopback, embedder: Callable[..., GatewayEmbedder], kind: Any, reason: str
) -> None:
    server.fail(kind)
    with pytest.raises(EmbedderUnavailable, match=reason) as caught:
        embedder(retries=1).load()
    assert caught.value.hint
    assert KEY not in str(caught.value) + caught.value.hint
    assert len(server.requests) == (2 if kind in ("429", "500") else 1)


def test_closing_an_embedder_closes_its_kept_connections(
    server: Loopback, embedder: Callable[..., GatewayEmbedder]
) -> None:
    made = embedder()
    made.load()
    assert not server.wait_until_alone(0)
    made.close()
    assert server.wait_until_alone(1.0)
    assert made.embed(["x"]).shape == (1, 8), "a later call opens a new one"


def test_an_embedder_outlives_a_short_failure(
    server: Loopback, embedder: Callable[..., GatewayEmbedder]
) -> None:
    server.fail("500", times=2)
    assert embedder().dimensions == 8


def test_an_embedder_whose_vectors_change_length_is_refused(
    server: Loopback, embedder: Callable[..., GatewayEmbedder]
) -> None:
    made = embedder()
    made.load()
    server.dimensions = 4
    with pytest.raises(EmbedderUnavailable, match="not of one length"):
        made.embed(["x"])
