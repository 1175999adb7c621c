"""What a price list says of models, as figures of the house. It holds no list; see `gateway.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.messages import FREE, Price

_FREE = ("ollama", "ollama_chat", "lm_studio", "llamafile")
"""Providers that run on the user's own machine."""

Listed = Mapping[str, Any]
"""What the list says of one model, under litellm's keys; empty where it is not in it."""


def free(name: str) -> bool:
    """Whether a model runs on the user's own machine, by its provider."""
    return name.partition("/")[0] in _FREE


def find(prices: Mapping[str, Listed], name: str) -> Listed:
    """A model's entry, by its litellm name with or without the provider."""
    provider, slash, rest = name.partition("/")
    if found := prices.get(name):
        return found
    found = prices.get(rest, {}) if slash else {}
    # `someone/gpt-4o` is not OpenAI's model at OpenAI's price.
    return found if str(found.get("litellm_provider", "")).startswith(provider) else {}


def per_token(name: str, known: Listed) -> Price | None:
    """The price of a model that runs here, or that is listed; else None."""
    if free(name):
        return FREE
    if not known:
        return None
    first = float(known.get("input_cost_per_token") or 0.0)
    return Price(
        input=first,
        output=float(known.get("output_cost_per_token") or 0.0),
        cached=float(known.get("cache_read_input_token_cost") or first),
        written=float(known.get("cache_creation_input_token_cost") or first),
        source="litellm's bundled price list",
    )


def saved(price: Price | None, read: int, written: int) -> float | None:
    """US dollars by which a provider's cache made a call cheaper; None where no price is known.

    Args:
        price: Of the model.
        read: Tokens that were read from the cache.
        written: Tokens that were written to it, which some providers charge for.
    """
    if price is None:
        return None
    return read * (price.input - price.cached) - written * (price.written - price.input)
