"""The figures, as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.events import Usage
from agent.server.admission import Admission
from agent.server.errors import Refused
from agent.server.metrics import Metrics
from agent.server.users import User
from tests.agent.server.guarded import TOKEN, guarded

ADA = User("ada")


def figures(text: str) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def test_an_ask_is_counted_with_its_tokens_its_cost_and_its_times() -> None:
    metrics = Metrics()
    admission = Admission(metrics=metrics)
    async with admission.admit(ADA) as ticket:
        assert figures(metrics.text().decode())["understudy_asks_running"] == 1
        ticket.first_token()
        ticket.first_token()
        ticket.used(Usage(100, 10, cached_tokens=40, cost=0.5))
        ticket.used(Usage(1, 1, cost=None))
        ticket.ended("grounded")
    found = figures(metrics.text().decode())
    assert found['understudy_asks_total{outcome="grounded"}'] == 1
    assert found['understudy_tokens_total{kind="input"}'] == 101
    assert found['understudy_tokens_total{kind="output"}'] == 11
    assert found['understudy_tokens_total{kind="cached"}'] == 40
    assert found["understudy_cost_dollars_total"] == 0.5
    assert found["understudy_first_token_seconds_count"] == 1
    assert found["understudy_wait_seconds_count"] == 1
    assert found["understudy_ask_seconds_count"] == 1
    assert found["understudy_asks_running"] == 0


async def test_an_ask_of_which_no_end_was_told_was_interrupted() -> None:
    metrics = Metrics()
    async with Admission(metrics=metrics).admit(ADA):
        pass
    assert figures(metrics.text().decode())['understudy_asks_total{outcome="interrupted"}'] == 1


async def test_an_ask_that_was_refused_has_failed_and_was_not_interrupted() -> None:
    metrics = Metrics()
    with pytest.raises(Refused):
        async with Admission(metrics=metrics).admit(ADA):
            raise Refused(404, "There is no such library.", code="library_not_found")
    assert figures(metrics.text().decode())['understudy_asks_total{outcome="failed"}'] == 1


async def test_requests_are_counted_by_route_and_no_label_names_a_user_or_a_path(
    tmp_path: Path,
) -> None:
    server = guarded(tmp_path)
    key = server.keys.add(ADA)
    async with server.client(key) as client:
        await client.get("/who")
        await client.get("/a-name-in-confidence")
        await client.request("INVENTED", "/who")
        answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = figures(answer.text)
    assert found['understudy_requests_total{method="GET",route="/who",status="200"}'] == 1
    assert found['understudy_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found['understudy_requests_total{method="other",route="/who",status="405"}'] == 1
    assert "confidence" not in answer.text
    assert "ada" not in answer.text
    assert TOKEN not in answer.text


async def test_refusals_are_counted_by_their_code(tmp_path: Path) -> None:
    server = guarded(tmp_path)
    async with server.client() as client:
        await client.get("/who")
    found = figures(server.metrics.text().decode())
    assert found['understudy_refused_total{code="invalid_api_key"}'] == 1
