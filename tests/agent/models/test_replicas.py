"""Several real servers of one model on loopback: they share the work, a dead one is passed by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agent.config import Config
from agent.errors import ConfigError, ModelError
from agent.models.gateway import Gateway
from tests.agent.models.asking import collect, text_of
from tests.loopback import Loopback, Reply


@pytest.fixture
def other() -> Iterator[Loopback]:
    with Loopback(Reply("The other server says so.")) as loopback:
        yield loopback


async def test_requests_go_to_all_servers(
    server: Loopback, other: Loopback, connect: Callable[..., Gateway]
) -> None:
    gateway = connect(replicas=[other.base_url])
    for _ in range(60):  # that one of them gets none: once in 2 to the 59
        await collect(gateway)
    assert server.requests
    assert other.requests
    assert len(server.requests) + len(other.requests) == 60


async def test_a_dead_server_is_passed_over_and_then_left_alone(
    server: Loopback, other: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("500")
    gateway = connect(replicas=[other.base_url])
    for _ in range(12):
        assert text_of(await collect(gateway)) == "The other server says so."
    assert len(server.requests) <= 1


async def test_where_all_are_dead_their_own_trouble_is_told(
    server: Loopback, other: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("500")
    other.fail("500")
    gateway = connect(replicas=[other.base_url])
    with pytest.raises(ModelError) as told:
        await collect(gateway)
    assert "cooldown" not in str(told.value)
    assert "litellm" not in str(told.value).lower()
    with pytest.raises(ModelError) as again:
        await collect(gateway)
    assert type(again.value) is type(told.value)


async def test_an_answer_that_is_cut_is_not_finished_by_another_server(
    server: Loopback, other: Loopback, connect: Callable[..., Gateway]
) -> None:
    server.fail("cut")
    other.fail("cut")
    with pytest.raises(ModelError):
        await collect(connect(replicas=[other.base_url]))
    assert len(server.requests) + len(other.requests) == 1


def test_addresses_that_are_none_are_refused() -> None:
    from agent.config import parse

    assert parse("replicas", "http://one:8000/v1, http://two:8000/v1", "x")
    with pytest.raises(ConfigError, match="addresses such as"):
        parse("replicas", "http://one:8000/v1, two", "x")
    assert Config().replicas == ""
