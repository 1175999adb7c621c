from __future__ import annotations

import base64
import struct
from typing import Any

import httpx
import pytest

from tests.agent.server.hosted import Hosted, hosted
from tests.fakes import HashingEmbedder


async def embed(server: Hosted, given: Any, **fields: Any) -> httpx.Response:
    server.hosting.parts.embedder = HashingEmbedder()
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
