"""What the server counts, in Prometheus' text format. The only door to prometheus_client.

No label names a user, a library or a question: whoever may read the figures learns nothing of
others. Names follow Prometheus' own rules (base units, `_total` for counters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from agent.events import Usage

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The figures of one server, from its start on."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._requests = Counter(
            "understudy_requests", "Requests answered.", ("method", "route", "status"),
            registry=registry,
        )  # fmt: skip
        self._request_seconds = Histogram(
            "understudy_request_seconds", "From a request to the end of its response.",
            ("route",), buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "understudy_refused", "Requests refused, by the reason's code.", ("code",),
            registry=registry,
        )  # fmt: skip
        self._asks = Counter(
            "understudy_asks", "Asks ended, by outcome.", ("outcome",), registry=registry
        )
        self._ask_seconds = Histogram(
            "understudy_ask_seconds", "From an ask's place to its end.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._first_token_seconds = Histogram(
            "understudy_first_token_seconds", "From an ask's place to the answer's first piece.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._wait_seconds = Histogram(
            "understudy_wait_seconds", "In the queue, of asks that got a place.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._running = Gauge("understudy_asks_running", "Asks that run.", registry=registry)
        self._waiting = Gauge("understudy_asks_waiting", "Asks that wait.", registry=registry)
        self._tokens = Counter(
            "understudy_tokens", "Tokens of models: input, output, and cached of the input.",
            ("kind",), registry=registry,
        )  # fmt: skip
        self._cost = Counter(
            "understudy_cost_dollars", "Cost of models, where prices are known.", registry=registry
        )

    def text(self) -> bytes:
        """All figures, as `CONTENT_TYPE` says."""
        return generate_latest(self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def refused(self, code: str) -> None:
        """Count one refusal."""
        self._refused.labels(code).inc()

    def queue(self, *, running: int, waiting: int) -> None:
        """Say how many asks run and wait."""
        self._running.set(running)
        self._waiting.set(waiting)

    def waited(self, seconds: float) -> None:
        """Note how long an ask waited for its place."""
        self._wait_seconds.observe(seconds)

    def first_token(self, seconds: float) -> None:
        """Note how long an answer took to begin."""
        self._first_token_seconds.observe(seconds)

    def used(self, usage: Usage) -> None:
        """Count what one call to a model has used."""
        self._tokens.labels("input").inc(usage.input_tokens)
        self._tokens.labels("output").inc(usage.output_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
        self._cost.inc(usage.cost or 0.0)

    def asked(self, outcome: str, seconds: float) -> None:
        """Count one ask that has ended."""
        self._asks.labels(outcome).inc()
        self._ask_seconds.observe(seconds)
