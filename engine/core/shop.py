"""The shop's own state: what is true of the shop as a whole, and enters every decision as an argument.

It has one owner (the runtime's single writer), who applies what decisions report (`Note`s) one by one, in order.
Decisions only read it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from engine.core.cadence import Cadence, Thresholds
from engine.core.moments import Day, Instant
from engine.core.rules import RuleSet, Switch, Workflow


class Pause(Struct, frozen=True):
    """A pause of everything (`scope` engine), one workflow, one template or one domain."""

    scope: str
    name: str
    at: Instant
    why: str
    who: str = ""


class Pace(Struct, frozen=True, array_like=True):
    """How many entered a workflow since `began`, the start of the present window of its `enter_at_most`."""

    began: Instant
    count: int = 0


class Sweep(Struct, frozen=True, array_like=True):
    """A way through all customers under way: the epoch it is for, and the id it has come to."""

    epoch: int
    after: str = ""


class Spent(Struct, frozen=True, array_like=True):
    """Money of a budget that an issued offer may cost."""

    at: Instant
    amount: int


class Shop(Struct):
    """The shop's state. Times are instants; `known_since` is the first fact we know of, for the warm-up."""

    live_since: Instant = 0
    gone_live: bool = False  # before `go-live` nothing leaves but mails into the local mailbox
    known_since: Instant | None = None
    epoch: int = 0  # counts changes of rules; a customer of an older epoch is looked at before the next signal
    day: Day | None = None  # the shop's day that `thresholds` holds for
    cadence: Cadence = msgspec.field(default_factory=Cadence)
    thresholds: Thresholds = msgspec.field(default_factory=Thresholds)
    pauses: tuple[Pause, ...] = ()
    sweep: Sweep | None = None
    paces: dict[str, Pace] = {}  # by workflow
    refused: tuple[str, ...] = ()  # workflows whose line is over 1,000 and that name no pace
    budgets: dict[str, tuple[Spent, ...]] = {}  # by offer
    codes: dict[str, tuple[str, ...]] = {}  # pool codes granted and not yet used, by offer


class Rules:
    """All that a decision reads beside the customer: the rule set, the versions runs are on, the shop's state.

    `key` makes codes unguessable (live: the secret; back-test: the salt). `history_sends_nothing` is decided before, by
    whoever makes the signal.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        shop: Shop,
        versions: Mapping[tuple[str, int], Workflow] | None = None,
        *,
        key: bytes,
    ) -> None:
        self.lifecycle = rule_set.lifecycle
        self.workflows = rule_set.workflows
        self.switches: dict[str, Switch] = rule_set.switches
        self.own_events = rule_set.own_events
        self.shop = shop
        self.key = key
        self.versions = dict(versions or {})
        for workflow in rule_set.workflows.values():
            self.versions[workflow.name, workflow.version] = workflow
