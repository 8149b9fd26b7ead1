"""What Prometheus is told of a gateway. No personal data: topics and numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engine.runtimes.kafka.gateway import Figures

_COUNTED = {
    "events": "Events put into the inbox",
    "words": "Words of our own processes put into the inbox or kept as identities",
    "letters": "Dead letters",
    "looked_up": "Events whose customer was asked of PostgreSQL",
    "read": "Records of source topics read",
    "tombstones": "Records of source topics without a value",
    "skipped": "Records of source topics that connectors.yaml leaves out",
    "records": "Records of the inbox written, ticks among them",
}


class GatewayMeters(Collector):
    """Shows the figures of the gateway of the moment."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.figures: Callable[[], Figures] | None = None
        self.lags: Callable[[], dict[tuple[str, int], int]] = dict
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as of now; nothing before the gateway has begun."""
        if self.figures is None:
            return
        now = self.figures()
        for name, what in _COUNTED.items():
            yield CounterMetricFamily(f"winback_gateway_{name}", what, value=getattr(now, name))
        yield GaugeMetricFamily("winback_gateway_in_hand_bytes", "Bytes on their way to Kafka", value=now.in_hand)
        away = GaugeMetricFamily("winback_gateway_identities_away", "1 while PostgreSQL does not answer")
        away.add_metric([], float(now.identities_away))
        yield away
        lag = GaugeMetricFamily(
            "winback_gateway_lag_records",
            "Records of a source partition not taken in yet",
            labels=["topic", "partition"],
        )
        for (topic, partition), records in self.lags().items():
            lag.add_metric([topic, str(partition)], records)
        yield lag

    def describe(self) -> Iterable[Metric]:
        """Describe nothing: there are no figures before the gateway has begun."""
        return ()
