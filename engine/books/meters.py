"""What the relay and the deliveries count, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from engine.core.moments import SECOND, Instant

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Meters:
    """Counters of one relay, in a registry (None: counted and shown to nobody)."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._ended = Counter("winback_sends", "Sends that ended, by outcome", ["outcome"], registry=registry)
        self.calls = Histogram(
            "winback_sender_seconds", "How long the sender took", registry=registry, buckets=_SECONDS
        )
        self._handed = Histogram(
            "winback_handover_seconds", "From release to the mail server's yes", registry=registry, buckets=_SECONDS
        )

    def ended(self, outcome: str) -> None:
        """Count a send that ended."""
        self._ended.labels(outcome).inc()

    def handed_over_after(self, released: Instant, now: Instant) -> None:
        """Note how long a send took from its release to the mail server's yes, on the engine's clock."""
        self._handed.observe((now - released) / SECOND)


class DeliveryMeters:
    """Counters of all deliveries, in a registry (None: counted and shown to nobody)."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        what = "Attempts to deliver effects, by receiver and outcome"
        self._attempts = Counter("winback_deliveries", what, ["receiver", "outcome"], registry=registry)

    def attempted(self, receiver: str, outcome: str) -> None:
        """Count an attempt."""
        self._attempts.labels(receiver, outcome).inc()
