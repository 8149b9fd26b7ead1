"""What a worker counts, for Prometheus. Nothing of it is personal."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class WorkerMeters:
    """Counters of one worker, in a registry (None: counted and shown to nobody)."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._records = Counter("winback_worker_records", "Records of the inbox decided", registry=registry)
        self._entries = Counter("winback_worker_entries", "Their entries made durable", registry=registry)
        self._bytes = Counter("winback_worker_changelog_bytes", "Bytes of values flushed", registry=registry)
        self._poisoned = Counter("winback_worker_poisoned", "Decisions that failed", registry=registry)
        self._lost = Counter(
            "winback_worker_lost_records",
            "Records that were gone from the inbox before they were decided",
            registry=registry,
        )
        self._flushes = Histogram(
            "winback_worker_flush_seconds", "How long a flush took", registry=registry, buckets=_SECONDS
        )
        self._restores = Histogram(
            "winback_worker_restore_seconds", "From the taking over of partitions to their first decision",
            registry=registry, buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 300),
        )  # fmt: skip
        self._lag = Gauge(
            "winback_worker_lag_records", "Records that wait in the inbox", ["partition"], registry=registry
        )
        self._age = Gauge(
            "winback_worker_lag_seconds", "How old the last record decided is while others wait", registry=registry
        )
        self._customers = Gauge(
            "winback_worker_customers", "Customers of a partition", ["partition"], registry=registry
        )
        self._partitions = Gauge("winback_worker_partitions", "Partitions that it holds", registry=registry)

    def decided(self, poisoned: int) -> None:
        """Count a record."""
        self._records.inc()
        if poisoned:
            self._poisoned.inc(poisoned)

    def flushed(self, seconds: float) -> None:
        """Note a flush of all partitions."""
        self._flushes.observe(seconds)

    def durable(self, entries: int, size: int) -> None:
        """Count what a flush of one partition made durable."""
        self._entries.inc(entries)
        self._bytes.inc(size)

    def restored(self, seconds: float) -> None:
        """Note that partitions were taken over."""
        self._restores.observe(seconds)

    def lost(self, records: int) -> None:
        """Count records that nobody has decided and nobody can."""
        self._lost.inc(records)

    def holds(self, customers: dict[int, int]) -> None:
        """Show which partitions it holds, with how many customers."""
        self._partitions.set(len(customers))
        self._customers.clear()
        for number, count in customers.items():
            self._customers.labels(str(number)).set(count)

    def behind(self, lag: dict[int, int], age: float) -> None:
        """Show how many records wait in each partition, and how far behind in time it is (seconds)."""
        self._lag.clear()
        for number, count in lag.items():
            self._lag.labels(str(number)).set(count)
        self._age.set(age)
