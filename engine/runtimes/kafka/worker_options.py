"""How a worker runs, and who writes its messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.rulebook import Rules
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.rules_topic import RulesDocument
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.watchdog import STALL


class Writer(Protocol):
    """Makes messages."""

    def use(self, document: RulesDocument) -> None:
        """Write with these templates from now on."""
        ...

    def __call__(self, effect: Effect, record: Customer | None, rules: Rules) -> Mapping[str, Any]:
        """Return what a requested send is complete with: subject, text, html, headers, message_id.

        Raises:
            Exception: no message can be made; the customer is told that the send was refused.

        """
        ...


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """How a worker runs.

    `slot` is its lasting name: a process started anew under it gets the same partitions back, without a rebalance. `folder`
    is where its customers lie in RocksDB; in memory where it is None. `metrics` is where Prometheus asks, as host and port.
    `reach_within` are the seconds it waits for the brokers at first, `stall` those without progress after which it is killed.
    """

    brokers: Brokers
    topics: TopicNames
    group: str
    partitions: int
    key: bytes
    slot: str = ""
    folder: Path | None = None
    metrics: tuple[str, int] | None = None
    session_timeout: float = 10.0
    commit_interval: float = 2.0
    reach_within: float = 60.0
    stall: float = STALL
