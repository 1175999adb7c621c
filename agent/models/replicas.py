"""Several servers of one model, chosen among by litellm's router: each request to one that works.

The router chooses, by chance, and leaves one alone for a while that has failed; the request is the
gateway's own. Sent by the router it would lose how an answer ended, and where it broke off another
server's would be glued to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_GROUP = "replicas"
"""The router's name for them all."""
COOLDOWN = 10.0
"""Seconds that one which has failed is left alone."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One server."""

    id: str
    """The router's name for it."""
    address: str


class Replicas:
    """The servers of one model."""

    def __init__(self, litellm: Any, target: dict[str, Any], others: Sequence[str]) -> None:
        """Take the servers; touches no network.

        Args:
            litellm: The module.
            target: How litellm reaches the first of them: model, api_base, api_key.
            others: Addresses of the others.
        """
        addresses = list(dict.fromkeys([target["api_base"], *others]))
        self._router = litellm.Router(
            model_list=[
                {"model_name": _GROUP, "litellm_params": {**target, "api_base": address}}
                for address in addresses
            ],
            routing_strategy="simple-shuffle",
        )
        self._last: Replica | None = None

    async def choose(self) -> Replica:
        """One that is not left alone just now; where all are, the one that was chosen last."""
        try:
            chosen = await self._router.async_get_available_deployment(_GROUP, {})
        except Exception as failure:
            if type(failure).__name__ != "RouterRateLimitError" or self._last is None:
                raise
        else:
            self._last = Replica(chosen["model_info"]["id"], chosen["litellm_params"]["api_base"])
        return self._last

    def leave_alone(self, replica: Replica, failure: Exception) -> None:
        """Choose another one for a while."""
        self._router.cooldown_cache.add_deployment_to_cooldown(
            model_id=replica.id,
            original_exception=failure,
            exception_status=getattr(failure, "status_code", 500),
            cooldown_time=COOLDOWN,
        )
