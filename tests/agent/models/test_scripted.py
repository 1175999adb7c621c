"""A scripted model plays what its script says, and says what is wrong with a script."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import errors
from agent.errors import BadModelOutput, ConfigError, ModelError, RateLimited
from agent.messages import (
    Delta,
    Evidence,
    Message,
    ModelUsage,
    TextDelta,
    ThoughtDelta,
    ToolRequest,
    ToolSpec,
)
from agent.models.base import ChatModel
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted, first_sentence
from knowledge.types import Passage

SEARCH = ToolSpec("search", "Look it up.", {"type": "object"})


def user(text: str, *passages: str) -> Message:
    evidence = Evidence(
        f"{text} (the question)",
        tuple(
            Passage(f"d:{n}", "d", "rain.md", "Rain", "", 0, len(text), text, 1.0)
            for n, text in enumerate(passages)
        ),
    )
    return Message("user", text, evidence=evidence if passages else None)


async def play(model: ChatModel, *messages: Message, **options: Any) -> list[Delta]:
    return [delta async for delta in model.stream(messages or (user("Hello?"),), **options)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def written(folder: Path, text: str, name: str = "script.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# Playing


async def test_a_reply_comes_word_by_word_and_ends_with_its_usage() -> None:
    deltas = await play(Scripted(["It rains  a lot.\n"]))
    assert [d.text for d in deltas if isinstance(d, TextDelta)] == [
        "It",
        " rains",
        "  a",
        " lot.",
        "\n",
    ]
    assert deltas[-1] == ModelUsage(input_tokens=2, output_tokens=5)


@given(st.text())
def test_the_words_joined_are_the_text(text: str) -> None:
    async def ask() -> list[Delta]:
        return await play(Scripted([ScriptedReply(text.replace("{", "("))]))

    assert text_of(asyncio.run(ask())) == text.replace("{", "(")


async def test_replies_come_in_order_and_the_calls_are_noted() -> None:
    model = Scripted(["One.", "Two."])
    assert text_of(await play(model, user("a"))) == "One."
    assert text_of(await play(model, user("b"), tools=[SEARCH])) == "Two."
    assert [call[-1].content for call in model.calls] == ["a", "b"]
    assert model.offered == [(), (SEARCH,)]


async def test_one_call_too_many_is_an_error_that_counts() -> None:
    model = Scripted(["One."])
    await play(model)
    with pytest.raises(ModelError, match="has 1 replies, and this is call 2") as caught:
        await play(model)
    assert "loop = true" in caught.value.hint


async def test_a_looping_script_repeats_its_last_reply() -> None:
    model = Scripted(["One.", "Two."], loop=True)
    assert [text_of(await play(model)) for _ in range(4)] == ["One.", "Two.", "Two.", "Two."]


async def test_thoughts_come_first_and_tool_requests_after_the_text() -> None:
    request = ToolRequest("a", "search", {"q": "rain"})
    reply = ScriptedReply("I look.", thoughts="Hm.", tool_requests=(request,))
    deltas = await play(Scripted([reply]))
    assert deltas[0] == ThoughtDelta("Hm.")
    assert deltas[-2] == request
    assert isinstance(deltas[-1], ModelUsage)
    assert deltas[-1].finish == "tools"


async def test_a_token_limit_cuts_the_answer_and_says_so() -> None:
    deltas = await play(Scripted(["one two three"]), max_tokens=2)
    assert text_of(deltas) == "one two"
    assert isinstance(deltas[-1], ModelUsage)
    assert deltas[-1].finish == "length"


async def test_a_scripted_error_is_raised_anew_each_time() -> None:
    error = RateLimited("Too many.", hint="Wait.")
    model = Scripted([ScriptedReply("unheard", error=error)], loop=True)
    for _ in range(2):
        with pytest.raises(RateLimited, match="Too many") as caught:
            await play(model)
        assert caught.value.hint == "Wait."
        assert caught.value is not error


async def test_a_cut_answer_is_heard_and_then_breaks_off() -> None:
    heard: list[Delta] = []

    async def listen() -> None:
        async for delta in Scripted([ScriptedReply("It is", cut=True)]).stream((user("?"),)):
            heard.append(delta)

    with pytest.raises(BadModelOutput, match="broke off"):
        await listen()
    assert text_of(heard) == "It is"


async def test_an_endless_answer_goes_on_until_its_listener_leaves() -> None:
    model = Scripted([ScriptedReply("on and", endless=True)])
    stream = model.stream((user("?"),), max_tokens=3)
    heard = [await anext(stream) for _ in range(50)]
    assert text_of(heard).startswith("on and on and on and")
    await stream.aclose()
    assert model.abandoned == 1


async def test_cancelling_the_listener_ends_an_endless_answer() -> None:
    model = Scripted([ScriptedReply("", thoughts="hm", endless=True)])
    task = asyncio.create_task(play(model))
    while not model.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.abandoned == 1


async def test_an_answer_heard_to_its_end_is_not_abandoned() -> None:
    model = Scripted(["Yes."])
    await play(model)
    assert model.abandoned == 0


async def test_a_reply_checks_that_it_is_asked_what_it_expects() -> None:
    model = Scripted([ScriptedReply("Oslo.", expect="CAPITAL")], loop=True)
    assert text_of(await play(model, user("The capital?"), Message("assistant", "…"))) == "Oslo."
    with pytest.raises(ModelError, match=r"Reply 2 .* 'CAPITAL', and was asked") as caught:
        await play(model, user("The weather?"))
    assert "expect" in caught.value.hint


# Quoting


async def test_a_reply_quotes_the_question_and_the_evidence() -> None:
    asked = user("Rain?", "# Rain\n\nIt rains in Bergen. Often.", "Dry is {question} Oslo!")
    reply = "{question}: {passage:1} [1] {passage:2} [2] {other} {passage:x}"
    assert text_of(await play(Scripted([reply]), asked)) == (
        "Rain? (the question): It rains in Bergen. [1] Dry is {question} Oslo! [2] "
        "{other} {passage:x}"
    )


async def test_the_question_is_the_last_user_message_where_there_is_no_evidence() -> None:
    assert text_of(await play(Scripted(["{question}"]), user("Rain?"))) == "Rain?"


async def test_a_passage_that_was_not_given_cannot_be_quoted() -> None:
    with pytest.raises(ModelError, match="quotes passage 2, and was given 1"):
        await play(Scripted(["{passage:2}"]), user("Rain?", "It rains."))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("It rains. It pours.", "It rains."),
        ("  He said “It rains.” Then he left.", "He said “It rains.”"),
        ("It rains 3.5 mm\na day! So.", "It rains 3.5 mm\na day!"),
        ("## A\n### B\nIt rains.", "It rains."),
        ("no end", "no end"),
        ("# Only a heading", "# Only a heading"),
        ("", ""),
    ],
)
def test_the_first_sentence_is_no_heading_and_stands_in_the_text(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
    assert sentence in text


@given(st.text())
def test_the_first_sentence_always_stands_in_the_text(text: str) -> None:
    assert first_sentence(text) in text


# Files


async def test_a_script_is_read_from_json(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """{"loop": true, "context_window": 4096, "replies": ["Hi.", {
            "text": "I look.", "thoughts": "Hm.", "expect": "rain", "delay": 0,
            "tool_requests": [{"name": "search", "arguments": {"q": "rain"}}],
            "usage": {"input_tokens": 9, "cached_tokens": 4, "cost": 0.5, "finish": "tools"}}]}""",
    )
    model = Scripted.from_file(path)
    assert model.name == f"scripted:{path}"
    assert model.context_window == 4096
    assert text_of(await play(model)) == "Hi."
    for _ in range(2):
        deltas = await play(model, user("Is there rain?"))
        assert deltas[-2] == ToolRequest("call-1", "search", {"q": "rain"})
        assert deltas[-1] == ModelUsage(9, 0, 4, cost=0.5, finish="tools")


async def test_a_script_is_read_from_a_list_of_json(tmp_path: Path) -> None:
    assert text_of(await play(Scripted.from_file(str(written(tmp_path, '["Hi."]'))))) == "Hi."


async def test_a_script_is_read_from_toml(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[replies]]\ntext = "Hi."\n\n[[replies]]\n'
        'error = {kind = "MissingKey", message = "No key."}',
        "script.toml",
    )
    model = Scripted.from_file(path)
    assert text_of(await play(model)) == "Hi."
    with pytest.raises(errors.MissingKey, match="No key"):
        await play(model)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not JSON"),
        ("7", "the script must be a table"),
        ("{}", "`replies` must be a list"),
        ("[]", "at least one reply"),
        ('{"replies": ["a"], "lop": true}', "the script has an unknown field `lop`"),
        ('{"replies": ["a"], "loop": 1}', "`loop` must be true or false"),
        ('{"replies": ["a"], "context_window": true}', "`context_window` must be a whole number"),
        ('["a", 7]', "reply 2 must be a table"),
        ('[{"txt": "a"}]', "reply 1 has an unknown field `txt`"),
        ('[{"text": 7}]', "reply 1: `text` must be text"),
        ('[{"delay": -1}]', "reply 1: `delay` must not be negative"),
        ('[{"tool_requests": {}}]', "`tool_requests` must be a list"),
        ('[{"tool_requests": [{}]}]', "reply 1, tool request 1: `name` is missing"),
        ('[{"tool_requests": [{"name": "x", "arguments": []}]}]', "`arguments` must be a table"),
        ('[{"error": {"kind": "Oops"}}]', "`kind` must be one of ModelError, MissingKey"),
        ('[{"usage": {"finish": "late"}}]', "`finish` must be stop, length or tools"),
        ('[{"usage": {"input_tokens": 1.5}}]', "`input_tokens` must be a whole number"),
    ],
)
def test_a_bad_script_is_named_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        Scripted.from_file(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert caught.value.hint


def test_a_script_that_cannot_be_opened_is_named_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Scripted.from_file(tmp_path / "none.json")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Scripted.from_file(tmp_path / "bytes.toml")
    with pytest.raises(ConfigError, match="not TOML"):
        Scripted.from_file(written(tmp_path, "= 1", "bad.toml"))
