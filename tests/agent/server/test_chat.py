from __future__ import annotations

from typing import Any

import pytest

from agent.messages import ModelUsage
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from tests.agent.server.hosted import events_of, hosted, text_of

AIRLESS = "The Moon has no air. [1]"
SAID = f"{AIRLESS}\n\nSources:\n[1] The Moon"


def scripted(model: Any) -> Scripted:
    assert isinstance(model, Scripted)
    return model


async def test_an_answer_has_its_markers_its_sources_and_the_same_as_fields() -> None:
    usage = ModelUsage(30, 7, cached_tokens=10, cost=0.5)
    async with hosted([ScriptedReply(AIRLESS, usage=usage)]) as server:
        answer = (await server.chat("Does the Moon have air?")).json()
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == SAID
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["prompt_tokens"] == 30
    assert answer["usage"]["total_tokens"] == 37
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 10}
    about = answer["understudy"]
    assert (about["outcome"], about["mode"], about["session"]) == ("grounded", "naive", None)
    assert about["cost"] == 0.5
    (citation,) = about["citations"]
    assert citation["quote"] == "The Moon has no air."
    assert citation["verified"]
    assert citation["source"].endswith("moon.md")


async def test_a_stream_says_the_same_piece_by_piece_and_ends_with_the_fields() -> None:
    async with hosted([AIRLESS]) as server:
        options = {"include_usage": True}
        response = await server.chat("Does the Moon have air?", stream=True, stream_options=options)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response)
    assert text_of(events) == SAID
    assert len({event["id"] for event in events}) == 1
    *_, last, used = events
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["understudy"]["citations"][0]["n"] == 1
    assert used["choices"] == []
    assert used["usage"]["total_tokens"] > 0


async def test_earlier_messages_are_history_without_the_sources_that_were_added() -> None:
    async with hosted(["Phobos and Deimos. [1]"]) as server:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Does the Moon have air?"},
            {"role": "assistant", "content": f"{SAID}\n\nNote: That is all."},
            {"role": "user", "content": [{"type": "text", "text": "Which moons has Mars?"}]},
        ]
        body = {"model": "understudy/naive", "messages": messages, "temperature": 0.2}
        answer = (await server.client.post("/v1/chat/completions", json=body)).json()
        (asked,) = scripted(server.hosting.model).calls
    said = [(m.role, m.content) for m in asked[1:-1]]
    assert said == [("user", "Does the Moon have air?"), ("assistant", "The Moon has no air.")]
    assert "Which moons has Mars?" in asked[-1].content
    assert answer["understudy"]["ignored"] == ["temperature", "system message"]


async def test_a_limit_of_cost_that_no_price_lets_keep_is_the_owners_to_mend() -> None:
    class Unpriced(Scripted):
        price = None  # type: ignore[assignment]

    async with hosted(settings={"max_cost": 0.5}) as server:
        server.hosting.parts.model = Unpriced([AIRLESS])
        answer = await server.chat("Does the Moon have air?")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "price_unknown")


async def test_of_an_endless_conversation_only_what_could_matter_is_looked_at() -> None:
    async with hosted([AIRLESS]) as server:
        turn = [
            {"role": "user", "content": "Tell me of the Moon."},
            {"role": "assistant", "content": "It has no air. " * 20_000},
        ]
        asks = {"role": "user", "content": "Does the Moon have air?"}
        answer = await server.chat("", messages=[*turn * 20, asks])
        assert answer.status_code == 200
        told = scripted(server.hosting.model).calls[-1]
        assert sum(len(message.content) for message in told) < 200_000
        many = [{"role": "user", "content": "x" * 300_000}] * 2
        refused = await server.chat("", messages=[*many, asks])
    assert refused.json()["error"]["code"] == "context_length_exceeded"


async def test_a_message_that_was_never_answered_is_handed_in_with_the_next() -> None:
    async with hosted([AIRLESS]) as server:
        given = [
            {"role": "user", "content": "I stand on the Moon."},
            {"role": "user", "content": "Does the Moon have air?"},
        ]
        await server.chat("", messages=given)
        (asked,) = scripted(server.hosting.model).calls
    assert [message.role for message in asked] == ["system", "user"]
    assert "~~~\nI stand on the Moon.\n~~~" in asked[-1].content


async def test_a_stored_answer_is_a_session_that_can_be_gone_on_with() -> None:
    async with hosted([AIRLESS, "It has none, as said. [1]"]) as server:
        first = (await server.chat("Does the Moon have air?", store=True)).json()
        session = first["understudy"]["session"]
        second = (await server.chat("Has it air?", metadata={"session": session})).json()
        assert second["understudy"]["session"] == session
        asked = scripted(server.hosting.model).calls[1]
        assert [m.role for m in asked] == ["system", "user", "assistant", "user"]
        missing = await server.chat("Has it air?", metadata={"session": "nowhere"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "session_not_found")


async def test_an_answer_that_is_not_stored_leaves_no_session() -> None:
    async with hosted([AIRLESS]) as server:
        await server.chat("Does the Moon have air?")
        assert not server.hosting.parts.paths.transcripts.exists()


async def test_a_persona_speaks_and_a_stream_never_shows_what_it_replaced() -> None:
    async with hosted(settings={"model": "embedded"}) as server:
        question = "Who is the harbour master?"
        plain = (await server.chat(question)).json()["choices"][0]["message"]["content"]
        worn = await server.chat(question, model="understudy/naive@butler", stream=True)
        events = events_of(worn)
    assert events[-1]["understudy"]["persona"] == "butler"
    said = text_of(events).partition("\n\nSources:")[0]
    assert said != plain.partition("\n\nSources:")[0]
    pieces = [e["choices"][0]["delta"].get("content") for e in events]
    assert [piece for piece in pieces if piece] == [text_of(events)]
    assert ": Restyling as butler" in worn.text


async def test_an_answer_that_is_not_grounded_says_why_in_its_text() -> None:
    async with hosted(documents=None) as server:
        answer = (await server.chat("Does the Moon have air?")).json()
    assert answer["understudy"]["outcome"] == "unanswerable"
    assert "\n\nNote: The library is empty." in answer["choices"][0]["message"]["content"]


async def test_a_cut_answer_has_the_finish_reason_length() -> None:
    cut = ScriptedReply(AIRLESS, usage=ModelUsage(1, 1, finish="length"))
    async with hosted([cut]) as server:
        answer = (await server.chat("Does the Moon have air?", max_tokens=100)).json()
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Hello."}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "x" * 500_001}]}, "messages.0.content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.content.0",
        ),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
async def test_what_cannot_be_answered_as_asked_is_refused_by_the_name_of_its_field(
    fields: dict[str, Any], param: str
) -> None:
    async with hosted(documents=None) as server:
        response = await server.chat("Does the Moon have air?", **fields)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "model", ["gpt-4o", "understudy/none", "understudy/naive@", "understudy/naive@../butler"]
)
async def test_a_model_that_there_is_not_is_a_404_as_openai_has_it(model: str) -> None:
    async with hosted(documents=None) as server:
        response = await server.chat("Does the Moon have air?", model=model)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


async def test_every_mode_and_persona_is_a_model_and_can_be_looked_up() -> None:
    async with hosted(documents=None) as server:
        listed = (await server.client.get("/v1/models")).json()["data"]
        names = {model["id"] for model in listed}
        one = await server.client.get("/v1/models/understudy/cag@butler")
        none = await server.client.get("/v1/models/understudy/cag@nobody")
        for name in ("understudy@butler", "understudy@none", "understudy/naive@none"):
            found = await server.client.get(f"/v1/models/{name}")
            assert found.json()["id"] == name
        for name in ("understudy@nobody", "understudy/none@butler", "understudy/embedding"):
            assert (await server.client.get(f"/v1/models/{name}")).status_code == 404
    assert {"understudy", "understudy/auto", "understudy/agentic", "understudy/cag@butler"} <= names
    assert "understudy/embedding" not in names
    assert one.json()["id"] == "understudy/cag@butler"
    assert none.status_code == 404
