"""A card and the settings -> the persona that is worn: by rule, by prompt, or by adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.card import RULES
from agent.errors import ConfigError
from agent.persona.cards import find
from agent.persona.restyle import Persona
from agent.persona.voices import Prompted, Tables

if TYPE_CHECKING:
    from agent.card import Card
    from agent.config import Config
    from agent.models.base import ChatModel
    from agent.paths import Paths
    from agent.persona.voices import Voice


def put_on(config: Config, paths: Paths, model: Callable[[Config], ChatModel]) -> Persona:
    """The persona that the settings name. Loads no weights yet.

    Args:
        config: The settings.
        paths: Where cards and caches are.
        model: Makes the model that some settings name; for `config` itself, the one that answers.

    Raises:
        ConfigError: There is no such persona, or it cannot be worn.
    """
    card = find(config.persona, paths)
    return Persona(card, _voice(card, config, paths, model), seconds=config.persona_seconds)


def _voice(card: Card, config: Config, paths: Paths, model: Callable[[Config], ChatModel]) -> Voice:
    name = card.model or config.model
    if name in (RULES, "embedded"):  # the embedded model quotes, and writes nothing
        return Tables(card)
    if card.adapter:
        return Prompted(card, _adapted(card, name, config, paths), trained=True)
    if not card.model:
        return Prompted(card, model(config), trained=card.trained)
    # The address and the key of who answers are not for another's server.
    speaks = model(replace(config, model=name, api_base=card.api_base, api_key_env=""))
    return Prompted(card, speaks, trained=card.trained)


def _adapted(card: Card, name: str, config: Config, paths: Paths) -> ChatModel:
    from agent.models.local import PREFIX, Local
    from agent.models.prefix_store import FOLDER

    if not name.startswith(PREFIX):
        raise ConfigError(
            f"The persona '{card.name}' has an adapter, and {name} cannot wear one here.",
            hint="Name the weights that it was trained on, in its card: model = "
            '"local:PATH". A server that has loaded it is named like any other model.',
        )
    return Local(
        name.removeprefix(PREFIX),
        prefixes=paths.cache / FOLDER,
        temperature=config.temperature,
        adapter=card.adapter,
        scale=card.scale,
    )
