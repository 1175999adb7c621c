"""What a provider is told to keep of a prompt, and what it says that this has saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from agent.messages import FREE, Message, ModelUsage, Price
from agent.models.gateway import Gateway
from agent.models.prices import saved
from agent.models.wire import keeping, to_wire
from tests.agent.models.asking import KEY, Naps
from tests.anthropic_loopback import AnthropicLoopback
from tests.loopback import Loopback, Reply

CORPUS = "The library, word by word. " * 40
RULES = Message("system", "Cite.")
FIRST = (RULES, Message("user", "What is it?", prefix=CORPUS))
SECOND = (
    RULES,
    Message("user", "What is it?", prefix=CORPUS),
    Message("assistant", "This."),
    Message("user", "And then?"),
)


@pytest.fixture
def anthropic() -> Iterator[AnthropicLoopback]:
    with AnthropicLoopback() as server:
        yield server


@pytest.fixture
async def claude(anthropic: AnthropicLoopback) -> AsyncIterator[Gateway]:
    model = Gateway(
        "anthropic/claude-sonnet-4-5", api_base=anthropic.base_url, api_key=KEY, sleep=Naps()
    )
    yield model
    await model.aclose()


async def usage_of(model: Gateway, messages: tuple[Message, ...]) -> ModelUsage:
    deltas = [delta async for delta in model.stream(messages)]
    assert isinstance(deltas[-1], ModelUsage)
    return deltas[-1]


async def test_anthropic_is_told_to_keep_the_prefix_and_no_more(
    anthropic: AnthropicLoopback, claude: Gateway
) -> None:
    await usage_of(claude, FIRST)
    (body,) = anthropic.requests
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": CORPUS, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "What is it?"},
    ]


async def test_what_is_kept_is_read_again_by_the_next_question_and_its_saving_is_told(
    anthropic: AnthropicLoopback, claude: Gateway
) -> None:
    first, second = await usage_of(claude, FIRST), await usage_of(claude, SECOND)
    size = len(f"Cite. {CORPUS}".split())
    assert len(anthropic.kept) == 1
    assert (first.input_tokens, first.cached_tokens) == (size + 3, 0)
    assert (second.input_tokens, second.cached_tokens) == (size + 6, size)
    price = claude.price
    assert price is not None
    assert first.saved == pytest.approx(-size * (price.written - price.input))
    assert first.saved < 0
    assert second.saved == pytest.approx(size * 0.9 * price.input)
    assert first.cost is not None
    assert second.cost is not None
    # What was saved is what the answer would have cost more without the cache.
    for usage in (first, second):
        plain = usage.input_tokens * price.input + usage.output_tokens * price.output
        assert usage.cost + usage.saved == pytest.approx(plain)


async def test_a_provider_that_keeps_prefixes_unasked_is_sent_plain_text() -> None:
    with Loopback(reply=Reply(prompt_tokens=400, cached_tokens=300)) as server:
        model = Gateway("openai/gpt-4o-mini", api_base=server.base_url, api_key=KEY, sleep=Naps())
        usage = await usage_of(model, FIRST)
        await model.aclose()
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Cite."},
        {"role": "user", "content": f"{CORPUS}What is it?"},
    ]
    assert usage.cached_tokens == 300
    assert model.price is not None
    assert usage.saved == pytest.approx(300 * (model.price.input - model.price.cached))


async def test_where_no_price_is_known_no_saving_is_claimed() -> None:
    with Loopback(reply=Reply(prompt_tokens=400, cached_tokens=300)) as server:
        model = Gateway("openai/my-own", api_base=server.base_url, api_key=KEY, sleep=Naps())
        usage = await usage_of(model, FIRST)
        await model.aclose()
    assert (usage.cost, usage.saved) == (None, None)


def test_gemini_is_sent_what_it_shall_keep_as_messages_of_their_own() -> None:
    wire = to_wire(SECOND, "message")
    mark = {"type": "ephemeral", "ttl": "300s"}
    kept = [
        {"role": role, "content": [{"type": "text", "text": text, "cache_control": mark}]}
        for role, text in (("system", "Cite."), ("user", CORPUS))
    ]
    assert wire == [
        *kept,
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "This."},
        {"role": "user", "content": "And then?"},
    ]
    # Nothing to keep, nothing marked.
    assert to_wire((RULES, Message("user", "Hm?")), "message")[0]["content"] == "Cite."


@pytest.mark.parametrize(
    ("provider", "name", "api_base", "style"),
    [
        ("anthropic", "anthropic/claude-sonnet-4-5", None, "part"),
        ("anthropic", "anthropic/claude-sonnet-4-5", "http://127.0.0.1:1", "part"),
        ("bedrock", "bedrock/anthropic.claude-sonnet-4-5", None, "part"),
        ("vertex_ai", "vertex_ai/claude-sonnet-4-5", None, "part"),
        ("openrouter", "openrouter/anthropic/claude-sonnet-4", None, "part"),
        ("gemini", "gemini/gemini-2.5-flash", None, "message"),
        ("vertex_ai", "vertex_ai/gemini-2.5-flash", None, "message"),
        ("gemini", "gemini/gemini-2.5-flash", "http://127.0.0.1:1", "none"),
        ("openai", "openai/gpt-4o", None, "none"),
        ("ollama_chat", "ollama_chat/llama3.2", None, "none"),
    ],
)
def test_each_provider_is_told_in_its_own_way(
    provider: str, name: str, api_base: str | None, style: str
) -> None:
    assert keeping(provider, name, api_base) == style


def test_what_a_cache_saves_is_less_what_it_cost_to_write() -> None:
    price = Price(input=10, output=50, cached=1, written=12.5)
    assert saved(price, read=100, written=0) == 900
    assert saved(price, read=0, written=100) == -250
    assert saved(FREE, read=100, written=0) == 0
    assert saved(None, read=100, written=0) is None
