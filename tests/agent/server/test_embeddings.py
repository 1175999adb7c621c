from __future__ import annotations

import asyncio
import base64
import struct
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agent.server import embeddings
from tests.agent.server.hosted import Hosted, hosted
from tests.fakes import HashingEmbedder

if TYPE_CHECKING:
    from knowledge.embed import Cancelled, Progress, Vectors


DEADLINE = 20.0


async def embed(
    server: Hosted, given: Any, embedder: HashingEmbedder | None = None, **fields: Any
) -> httpx.Response:
    server.hosting.parts.embedder = embedder or HashingEmbedder()
    body = {"model": "understudy/embedding", "input": given, **fields}
    return await server.client.post("/v1/embeddings", json=body)


async def test_texts_become_the_vectors_of_the_librarys_embedder_in_their_order() -> None:
    async with hosted(documents=None) as server:
        answer = (await embed(server, ["the moon", "a boat"])).json()
        one = (await embed(server, "a boat")).json()
    assert [item["index"] for item in answer["data"]] == [0, 1]
    expected = HashingEmbedder().embed(["the moon", "a boat"]).tolist()
    assert [item["embedding"] for item in answer["data"]] == expected
    assert one["data"][0]["embedding"] == expected[1]
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


async def test_base64_holds_the_same_numbers_as_float32() -> None:
    async with hosted(documents=None) as server:
        answer = (await embed(server, "the moon", encoding_format="base64")).json()
    packed = base64.b64decode(answer["data"][0]["embedding"])
    numbers = struct.unpack(f"<{len(packed) // 4}f", packed)
    assert list(numbers) == HashingEmbedder().embed(["the moon"])[0].tolist()


class Slow(HashingEmbedder):
    """Takes until it is told that nobody waits."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Vectors:
        assert cancelled is not None
        self.began.set()
        until = time.monotonic() + DEADLINE
        while not cancelled() and time.monotonic() < until:
            time.sleep(0.001)
        self.ended.set()
        raise InterruptedError


async def test_what_takes_too_long_is_ended_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "LONGEST", 0.01)
    async with hosted(documents=None) as server:
        slow = Slow()
        response = await embed(server, "a", slow)
        assert slow.ended.is_set()
        assert server.admission.running == 0
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_much_at_once")


async def test_while_texts_are_embedded_questions_are_answered() -> None:
    async with hosted(["The Moon has no air. [1]"]) as server:
        slows = [Slow() for _ in range(3)]
        tasks = [asyncio.create_task(embed(server, "a", slow)) for slow in slows]
        async with asyncio.timeout(DEADLINE):
            while not (slows[0].began.is_set() and slows[1].began.is_set()):
                await asyncio.sleep(0.001)
            assert not slows[2].began.is_set()
            assert (await server.chat("Does the Moon have air?")).status_code == 200
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("given", [[], "", ["a", " "], [1, 2], [[1, 2]], ["a"] * 2049])
async def test_what_is_no_list_of_texts_is_refused(given: Any) -> None:
    async with hosted(documents=None) as server:
        response = await embed(server, given)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "input")


async def test_other_dimensions_and_other_models_are_refused() -> None:
    async with hosted(documents=None) as server:
        shorter = await embed(server, "a", dimensions=8)
        same = await embed(server, "a", dimensions=64, model="hashing")
        other = await embed(server, "a", model="text-embedding-3-small")
    assert (shorter.status_code, same.status_code, other.status_code) == (400, 200, 404)


async def test_a_server_without_an_embedder_says_that_there_is_no_such_model() -> None:
    async with hosted(documents=None) as server:
        body = {"model": "understudy/embedding", "input": "a"}
        response = await server.client.post("/v1/embeddings", json=body)
    assert response.json()["error"]["code"] == "model_not_found"
