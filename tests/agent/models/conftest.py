"""A loopback server, and gateways to it that are closed when the test ends."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from agent.models.gateway import Gateway
from tests.agent.models.asking import KEY, MODEL, Naps
from tests.loopback import Loopback


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "LM_STUDIO_API_BASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
async def connect(server: Loopback) -> AsyncIterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(name: str = MODEL, **settings: Any) -> Gateway:
        defaults = {"api_base": server.base_url, "api_key": KEY, "sleep": Naps()}
        made.append(Gateway(name, **{**defaults, **settings}))
        return made[-1]

    yield make
    for gateway in made:
        await gateway.aclose()


@pytest.fixture(autouse=True, scope="module")
def _leftovers() -> Iterator[None]:
    """Let what was left open complain in this module, and not in one that comes later."""
    yield
    gc.collect()
