"""How an engine is, as people are told: what `winback status --json` prints, and what the console shows."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.insight.mailing import Mailing
from engine.insight.ramps import RampRow
from engine.insight.receiving import ReceiverRow


class Pending(Struct, frozen=True):
    """Files that are not those in force: what they would change, or how many errors keep them from it."""

    changes: list[dict[str, Any]]
    errors: int


class BooksAge(Struct, frozen=True):
    """How old the distributed engine's books are: by the partition furthest back, and which ones lag behind the others.

    `heard` of so many `partitions` have said anything yet; the books are as of no instant before all have.
    """

    seconds: float | None
    partitions: int
    heard: int
    behind: list[int]


class Overview(Struct, frozen=True):
    """`winback status --json`. Times are RFC 3339; counts of customers by standing, runs by workflow and stage."""

    as_of: str
    running: dict[str, Any] | None
    live_since: str | None
    customers: int
    standings: dict[str, int]
    not_mailable: dict[str, int]
    workflows: dict[str, dict[str, Any]]
    runs: dict[str, dict[str, int]]
    waiting: dict[str, int]
    refused: dict[str, int]
    due: int
    next_due: str | None
    lag_seconds: float
    stalls: list[str]
    stuck: list[str]
    paused: list[dict[str, Any]]
    held: int
    outbox: int
    sends: dict[str, int]
    uncertain: list[dict[str, str]]
    dead_letters: int
    data_requests: list[dict[str, Any]]
    last_errors: list[dict[str, str]]
    pending: Pending | None
    receivers: dict[str, str]
    nobody_takes: dict[str, int]
    reorder_interval: dict[str, Any]
    warm_up_over: bool
    sweep: str | None
    in_force: list[dict[str, Any]] = []  # what was put in force last, the newest first
    pools: list[dict[str, Any]] = []  # of each offer with a pool: left, low_water, and whether it is low
    ramp: list[RampRow] = []
    annoyed: list[str] = []  # families from which more complaints come than is well
    deliveries: list[ReceiverRow] = []
    books: BooksAge | None = None  # of the distributed engine
    mailing: Mailing | None = None  # who may be mailed, where that was asked
