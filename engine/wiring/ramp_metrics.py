"""Ramp and pauses for Prometheus: read at the moment it is asked for, so that nothing is counted beside the shop's own state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from engine.books.database import Where
from engine.books.views import Views
from engine.core.breaker import WHO
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.insight.ramps import ramp_rows


class RampMetrics(Collector):
    """`winback_ramp_allowed`, `_used` and `_waiting` by family of providers; nothing where there is no ramp."""

    def __init__(self, where: Where, rules: Callable[[], Rules], now: Callable[[], Instant]) -> None:
        self._where, self._rules, self._now = where, rules, now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges. It is called in a thread of its own, and so opens the data anew."""
        said = {
            "allowed": "Marketing mails that a family of providers may be sent today",
            "used": "Marketing mails that a family of providers was sent today",
            "waiting": "Customers whose mail waits for the ramp",
        }
        gauges = {
            name: GaugeMetricFamily(f"winback_ramp_{name}", help_, labels=["family"]) for name, help_ in said.items()
        }
        rules = self._rules()
        if rules.lifecycle.ramp is not None:
            with Views(self._where) as views:
                lines = dict(views.all("lines"))
            for row in ramp_rows(rules, lines, self._now()):
                for name, gauge in gauges.items():
                    gauge.add_metric([row.family], getattr(row, name))
        yield from gauges.values()


class PauseMetrics(Collector):
    """`winback_paused` by scope, name and who set it: a person, or winback itself."""

    def __init__(self, rules: Callable[[], Rules]) -> None:
        self._rules = rules

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge."""
        gauge = GaugeMetricFamily("winback_paused", "Pauses that hold sends", labels=["scope", "name", "by"])
        for each in self._rules().shop.pauses:
            gauge.add_metric([each.scope, each.name, WHO if each.who == WHO else "person"], 1)
        yield gauge


def add_ramp_metrics(
    registry: CollectorRegistry, where: Where, rules: Callable[[], Rules], now: Callable[[], Instant]
) -> None:
    """Let a registry tell the ramp and the pauses."""
    registry.register(RampMetrics(where, rules, now))
    registry.register(PauseMetrics(rules))
