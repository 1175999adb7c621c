"""Any provider's chat model, through litellm. The only module that imports litellm.

litellm translates between providers; all else is done here: when to try again, how long to wait,
what a failure means to the person who asked, when the connection is let go. Not here: the shape of
messages (`wire.py`), the meaning of failures (`provider_errors.py`), embeddings
(`embedding_gateway.py`, which reaches litellm through `load`).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from agent.messages import ModelUsage
from agent.models import prices
from agent.models.provider_errors import (
    Call,
    Trouble,
    cut_off,
    shown,
    timed_out,
    understand,
)
from agent.models.replicas import Replica, Replicas
from agent.models.retry import Retries
from agent.models.wire import Assembly, check_end, keeping, to_wire, tools_to_wire

if TYPE_CHECKING:
    from agent.messages import Delta, Message, Price, ToolSpec

_LOCAL_BASES = {
    "lm_studio": ("LM_STUDIO_API_BASE", "http://localhost:1234/v1"),
    "hosted_vllm": ("HOSTED_VLLM_API_BASE", "http://localhost:8000/v1"),
}
"""Where servers of one's own listen. litellm without an address sends these to api.openai.com."""

_PATIENCE = 5.0
"""Seconds by which litellm's own time-out is longer than ours, so that ours acts first."""

_IDLE_WARNINGS = (
    # litellm sets this filter itself at its import. Where filters have been reset since, pydantic
    # warns of litellm's code at every chunk.
    r"Accessing the .* on the instance is deprecated",
    # pydantic, of the types that litellm makes when it first meets an answer.
    r"Item '\w+' on TypedDict class '\w+' is using the `ReadOnly` qualifier",
    # litellm makes the request's coroutine in a thread: where the asker leaves at that moment, it
    # is dropped before it has begun, and nothing was opened.
    r"coroutine '\w+\.a(sync_streaming|completion)\w*' was never awaited",
)

_loading = threading.Lock()
_loaded: list[Any] = []
"""The module, once it is imported and silenced."""
_users: WeakSet[object] = WeakSet()
"""Whoever may hold a connection of litellm's shared pool."""
_pool_of: list[ref[asyncio.AbstractEventLoop]] = []
"""The event loop that the pool's connections were last opened on."""


def load() -> Any:
    """The litellm module, offline and silent. The first call takes seconds; any thread may make it.

    Its own network calls at import (a price list), its `.env` reading, telemetry, loggers and
    printed advice are off, and so is the download of tokenizers.
    """
    with _loading:
        if _loaded:
            return _loaded[0]
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        os.environ["LITELLM_MODE"] = "PRODUCTION"
        os.environ["LANGSMITH_TRACING"] = "false"
        import litellm

        litellm.suppress_debug_info = True
        litellm.telemetry = False
        litellm.drop_params = True
        # Where an embedding is asked for with no retries at all, this is what is taken instead.
        litellm.DEFAULT_MAX_RETRIES = 0
        litellm.disable_hf_tokenizer_download = True
        # httpx closes a connection within the cancellation; aiohttp leaves it to its pool.
        litellm.disable_aiohttp_transport = True
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logger = logging.getLogger(name)
            logger.handlers[:] = [logging.NullHandler()]
            logger.propagate = False
        _loaded.append(litellm)
        return litellm


def _silence() -> None:
    """Once a call, and not once for all: whoever embeds the agent may reset the filters."""
    for message in _IDLE_WARNINGS:
        warnings.filterwarnings("ignore", message)


def hold(user: object) -> None:
    """Note that `user` is about to use a pooled connection on the running event loop.

    litellm keeps its pool by `id` of the loop, which a later loop may bear again: the connections
    of a loop that has ended are dropped here.
    """
    _users.add(user)
    _silence()
    loop = asyncio.get_running_loop()
    if _pool_of and _pool_of[0]() is not loop:
        for key, _ in _pooled(asynchronous=True):
            load().in_memory_llm_clients_cache.delete_cache(key)
    _pool_of[:] = [ref(loop)]


async def let_go(user: object) -> None:
    """Close the pooled connections, unless somebody else may be using them."""
    _users.discard(user)
    if not _users:
        await load().close_litellm_async_clients()
        for key, _ in _pooled(asynchronous=True):
            load().in_memory_llm_clients_cache.delete_cache(key)


def close_synchronous() -> None:
    """Close the pooled connections of synchronous calls, which only embedders make."""
    for key, client in _pooled(asynchronous=False):
        client.close()
        load().in_memory_llm_clients_cache.delete_cache(key)


def _pooled(*, asynchronous: bool) -> list[tuple[str, Any]]:
    """The keys and clients of litellm's pool whose `close` is awaited, or is not."""
    if not _loaded:
        return []
    pool: dict[str, Any] = _loaded[0].in_memory_llm_clients_cache.cache_dict
    return [
        (key, client)
        for key, client in list(pool.items())
        if inspect.iscoroutinefunction(getattr(client, "close", None)) is asynchronous
    ]


def facts(name: str) -> prices.Listed:
    """What litellm's bundled price list says of a model; empty where it is not listed."""
    return prices.find(load().model_cost, name)


def missing_keys(name: str) -> tuple[str, ...]:
    """The environment variables of which this model needs one for its key, where none is set."""
    answer = load().validate_environment(name)
    if answer["keys_in_environment"]:
        return ()
    return tuple(key for key in answer["missing_keys"] if key.endswith(("KEY", "TOKEN", "KEY_ID")))


def reach(name: str, api_base: str | None, api_key: str | None) -> tuple[dict[str, Any], Call]:
    """Where to send a request for a model: litellm's arguments, and how an error names it.

    Raises:
        UnknownModel: The name has no provider.
    """
    litellm = load()
    _silence()
    try:
        provider = litellm.get_llm_provider(name)[1]
    except litellm.exceptions.BadRequestError as failure:
        call = Call(name, name.partition("/")[0])
        raise understand(failure, call).error from None
    if not api_base and provider == "openai":
        api_base = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    elif not api_base and provider in _LOCAL_BASES:
        variable, usual = _LOCAL_BASES[provider]
        api_base = os.environ.get(variable) or usual
    missing = () if api_key else missing_keys(name)
    call = Call(name, provider, shown(api_base), missing, (api_key,) if api_key else ())
    if api_base and missing:
        # A server of one's own seldom wants a key, but the client library insists on one.
        api_key = "none"
    return {"model": name, "api_base": api_base, "api_key": api_key}, call


class _Failed(Exception):
    """A litellm call went wrong; `trouble` says how."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble.error))
        self.trouble = trouble


class Gateway:
    """A chat model behind litellm; see `ChatModel` for the contract.

    Every property but `name` loads litellm, if `warm` has not done so.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        replicas: Sequence[str] = (),
        timeout: float = 60.0,
        retries: int = 3,
        temperature: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take a model by its litellm name. Touches no network.

        Args:
            name: As litellm spells it, provider first: `openai/gpt-4o-mini`.
            api_base: The server's address; None for the provider's own.
            api_key: None for the provider's environment variable.
            replicas: Addresses of other servers that serve the same model.
            timeout: Seconds until the first chunk, and from each chunk to the next. No attempt
                begins later than this after the first.
            retries: Attempts after the first, while nothing of an answer has come.
            temperature: None for the provider's default.
            sleep: How to wait between attempts.
        """
        self.name = name
        self._api_base = api_base
        self._api_key = api_key
        self._others = tuple(replicas)
        self._replicas: Replicas | None = None
        self._timeout = timeout
        self._retries = retries
        self._temperature = temperature
        self._sleep = sleep

    @property
    def context_window(self) -> int | None:
        """From litellm's bundled list; None where the model is not in it."""
        known = facts(self.name)
        window = known.get("max_input_tokens") or known.get("max_tokens")
        return int(window) if window else None

    @property
    def can_call_tools(self) -> bool:
        """From litellm's bundled list; a model that is not in it is taken to be able to."""
        known = facts(self.name)
        return bool(known.get("supports_function_calling")) if known else True

    @property
    def price(self) -> Price | None:
        """From litellm's bundled list; models on the user's own machine are free."""
        return prices.per_token(self.name, {} if prices.free(self.name) else facts(self.name))

    async def warm(self) -> None:
        """Import litellm in a thread, so that retrieval runs meanwhile."""
        await asyncio.to_thread(self.count, "warm")

    def count(self, text: str) -> int:
        """By the model's own tokenizer where litellm bundles it, else by OpenAI's; offline."""
        try:
            return int(load().token_counter(model=self.name, text=text))
        except Exception:
            # The tokenizers are an estimate for most models; four characters a token is another.
            return -(-len(text) // 4)

    def missing_keys(self) -> tuple[str, ...]:
        """The environment variables of which one must hold a key; empty where one does."""
        return () if self._api_key else missing_keys(self.name)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer; see `ChatModel.stream`.

        Closing the generator, like cancelling the task, closes the provider's connection at once.
        Arguments of a tool that are no JSON object come as `{wire.MALFORMED: what was written}`.
        """
        litellm = await asyncio.to_thread(load)
        target, call = reach(self.name, self._api_base, self._api_key)
        hold(self)
        request = {
            **target,
            "messages": to_wire(messages, keeping(call.provider, self.name, self._api_base)),
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": self._timeout + _PATIENCE,
            "num_retries": 0,
            "max_retries": 0,
        }
        if tools:
            request["tools"] = tools_to_wire(tools)
        if max_tokens is not None:
            request["max_tokens"] = max_tokens
        if self._temperature is not None:
            request["temperature"] = self._temperature

        if self._others and self._replicas is None:
            self._replicas = Replicas(litellm, target, self._others)
        server: Replica | None = None
        retries, spoke = Retries(self._retries, self._timeout), False
        while True:
            answer = Assembly()
            response = None
            try:
                if self._replicas is not None:
                    server = await self._replicas.choose()
                    request["api_base"] = server.address
                    call = replace(call, base=shown(server.address))
                response = await self._within(litellm.acompletion(**request), call)
                chunks = aiter(response)
                while (chunk := await self._within(anext(chunks, None), call)) is not None:
                    for delta in answer.feed(chunk):
                        spoke = True
                        yield delta
            except _Failed as failed:
                trouble = failed.trouble
                if self._replicas is not None and server is not None and trouble.retry:
                    self._replicas.leave_alone(server, trouble.error)
            else:
                break
            finally:
                if response is not None:
                    await response.aclose()
            if spoke:
                raise cut_off(call, trouble.reason)
            await self._sleep(retries.wait(trouble))

        check_end(answer, response, call, max_tokens)
        for tool_request in answer.tool_requests():
            yield tool_request
        yield self._usage(answer)

    async def _within(self, work: Awaitable[Any], call: Call) -> Any:
        """Await a step of litellm's, for so long and no longer.

        Raises:
            _Failed: It failed or took too long.
        """
        clock = asyncio.timeout(self._timeout)
        try:
            async with clock:
                return await work
        except Exception as failure:
            if clock.expired():
                error = timed_out(call, self._timeout)
                trouble = Trouble(error, f"nothing came for {self._timeout:g} s", retry=True)
            else:
                trouble = understand(failure, call)
            raise _Failed(trouble) from None

    def _usage(self, answer: Assembly) -> ModelUsage:
        used = answer.usage
        details = getattr(used, "prompt_tokens_details", None)
        read = getattr(details, "cached_tokens", None) or 0
        written = getattr(used, "cache_creation_input_tokens", None) or 0
        return ModelUsage(
            input_tokens=getattr(used, "prompt_tokens", None) or 0,
            output_tokens=getattr(used, "completion_tokens", None) or 0,
            cached_tokens=read,
            cost=price(self.name, used),
            saved=prices.saved(self.price, read, written) if read or written else 0.0,
            finish="tools"
            if answer.has_calls
            else ("length" if answer.finish == "length" else "stop"),
        )

    async def aclose(self) -> None:
        """Close the connections that no other open `Gateway` may be using."""
        if self in _users:
            await let_go(self)


def price(name: str, usage: Any) -> float | None:
    """US dollars for a usage, by litellm's bundled list; None where the price is unknown."""
    if prices.free(name):
        return 0.0
    if usage is None or not facts(name):
        return None
    try:
        return float(sum(load().cost_per_token(model=name, usage_object=usage)))
    except Exception:
        # A price is a courtesy: no answer is lost over a gap in the list.
        return None
