"""What the settings name -> the model, the embedder and the reranker; makes them, loads nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.config import by_comma

if TYPE_CHECKING:
    from agent.config import Config
    from agent.models.base import ChatModel
    from agent.paths import Paths
    from knowledge.embed import Embedder
    from knowledge.rerank import Reranker

SCRIPTED = "scripted:"
"""How a model begins whose answers stand in a file."""
LOCAL = "local:"
"""How a model begins whose weights run in this process."""


def embedder(
    config: Config, paths: Paths, api_key: Callable[[], str | None], notify: Callable[[str], None]
) -> Embedder | None:
    """What makes vectors; None for a search by words only.

    Args:
        config: Names it.
        paths: Where its weights are kept.
        api_key: Gives its provider's, where one is needed; None leaves it to the environment.
        notify: Told, one line at a time, while weights are fetched.
    """
    name = config.embedder
    if name == "none":
        return None
    if name == "minilm":
        from knowledge.minilm import MiniLM

        return MiniLM(
            paths.cache,
            precision="int8" if config.precision == "auto" else config.precision,
            threads=config.threads,
            notify=notify,
        )
    from agent.models.embedding_gateway import GatewayEmbedder

    return GatewayEmbedder(
        name,
        api_base=config.embedder_api_base or None,
        api_key=api_key(),
        timeout=config.timeout,
        retries=config.retries,
    )


def reranker(config: Config) -> Reranker | None:
    """Who orders the best passages anew; None for nobody."""
    if not config.reranker:
        return None
    from agent.models.reranking_gateway import GatewayReranker

    return GatewayReranker(
        config.reranker,
        api_base=config.reranker_api_base or None,
        timeout=config.timeout,
        retries=config.retries,
    )


def model(
    config: Config, paths: Paths, api_key: Callable[[], str | None], embedder: Embedder | None
) -> ChatModel:
    """Who answers, and who stands in for it. A script is read whole; nothing else is loaded.

    Args:
        config: Names them.
        paths: Where they keep what they can use again.
        api_key: Gives the first one's provider's, as for `embedder`; its stand-ins find theirs in
            the environment.
        embedder: What the embedded model compares sentences with.

    Raises:
        ConfigError: A script cannot be read; the variable that is to hold the key is not set.
    """
    first = _model(config, config.model, paths, api_key, embedder)
    if not (names := by_comma(config.fallbacks)):
        return first
    from agent.models.fallback import Fallback

    alone = replace(config, api_base="", replicas="")
    others = [_model(alone, name, paths, lambda: None, embedder) for name in names]
    return Fallback([first, *others])


def _model(
    config: Config,
    name: str,
    paths: Paths,
    api_key: Callable[[], str | None],
    embedder: Embedder | None,
) -> ChatModel:
    if name == "embedded":
        from agent.models.embedded import Embedded

        return Embedded(embedder, paths.cache / "sentences")
    if name.startswith(LOCAL):
        from agent.models.local import Local
        from agent.models.prefix_store import FOLDER

        return Local(
            name.removeprefix(LOCAL),
            prefixes=paths.cache / FOLDER,
            temperature=config.temperature,
        )
    if name.startswith(SCRIPTED):
        from agent.models.scripted import Scripted

        return Scripted.from_file(os.path.expanduser(name.removeprefix(SCRIPTED)))
    from agent.models.gateway import Gateway

    return Gateway(
        name,
        api_base=config.api_base or None,
        api_key=api_key(),
        replicas=by_comma(config.replicas),
        timeout=config.timeout,
        retries=config.retries,
        temperature=config.temperature,
    )
