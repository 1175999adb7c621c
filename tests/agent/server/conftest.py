"""A server with two libraries, and two users who may use one each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.server.users import User
from tests.agent.server.whole_server import Whole, fill, whole

ANN = User("ann", reads=("default",), writes=("shared",))
BOB = User("bob", reads=("shared",))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    await fill("default", tmp_path / "own", moon="The Moon has no air. It is cold there at night.")
    await fill("shared", tmp_path / "team", mars="Mars has two moons, Phobos and Deimos.")
    async with whole(ANN, BOB) as server:
        yield server
