"""The shop's own state: what is true of the shop as a whole, and enters every decision as an argument.

It has one owner (the runtime's single writer), who applies what decisions report (`Note`s) one by one, in order.
Decisions only read it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from engine.core.allowances import Allowance
from engine.core.breaker import Breaker
from engine.core.cadence import Cadence, Thresholds
from engine.core.moments import Day, Instant, zone
from engine.core.ramp import Ramp
from engine.core.rules import Lifecycle

TASKS_KEPT = 1_000
"""Hand-offs of a team that are remembered: no team is given more in one window, whatever its `at_most` says."""


TIME = "time"
"""The scope of a pause in which time itself stands still: no timer rings, and nobody is let in."""


class Pause(Struct, frozen=True):
    """A pause of everything (`scope` engine), one workflow, one template or one domain; of marketing; or of time.

    `marketing` is all mail that is no service, `family` that to one family of providers: what the breaker pauses.
    """

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
    """A way through all customers under way: the id it has come to. `rehearsed`: it ends the runs begun before.

    Before everybody, it goes through those in the workflows of `first`; there it has come to `stage` and `after`.
    """

    after: str = ""
    rehearsed: bool = False
    first: tuple[str, ...] = ()
    stage: str = ""


class Moved(Struct, frozen=True, array_like=True):
    """What an `apply` said of the runs of a workflow, as its epoch: `move` them to `version`, or `exit`."""

    epoch: int
    workflow: str
    how: str
    version: int = 0


class Draining(Struct, frozen=True, array_like=True):
    """Sends held by a pause that is over are being asked again: how, since when they were held, how many are left."""

    overdue: str
    paused_at: Instant
    left: int


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
    armed: dict[str, int] = {}  # the largest thresholds that due times may have been set by; names as in `by_name`
    judged_to: Instant = 0  # of the due times set by larger thresholds: those up to here have been judged anew
    judge_to: Instant = 0  # up to where they must be, today
    last_history_at: Instant = 0  # when the last event of history was accepted
    sweep: Sweep | None = None
    draining: Draining | None = None
    paces: dict[str, Pace] = {}  # by workflow
    used_up: dict[str, Instant] = {}  # until when a workflow lets in nobody more, though some wait
    refused: tuple[str, ...] = ()  # workflows whose line is over 1,000 and that name no pace
    budgets: dict[str, dict[Day, int]] = {}  # what issued offers may cost, by offer and shop day, in smallest units
    codes: dict[str, list[str]] = {}  # pool codes granted and not yet used, by offer; the last is the next
    granted: dict[str, int] = {}  # how many codes of each pool were granted so far
    hand_offs: dict[
        str, tuple[Instant, ...]
    ] = {}  # by team: when each of the latest `TASKS_KEPT` customers was handed on
    moves: tuple[Moved, ...] = ()  # of runs, for those who have not been looked at since; empty when all have
    ramps: dict[str, Ramp] = {}  # by family of providers, as of the last mail to it
    call_up_at: Instant = 0  # when those who wait for the ramp are called up; 0: nobody waits who could go
    meant_since: Instant = 0  # when mail first left by a sender that is no mailbox; 0 while none could
    suppressions_at: Instant = 0  # when suppressions of another tool were last imported; 0: never
    news_since: Instant = 0  # what happened before the last restore of a backup is history; 0: there was none
    forgotten_to: str = ""  # the id up to which old marks of engagement were forgotten last; empty: of all
    allowances: dict[str, Allowance] | None = None  # what a part of the shop may use; None: it is the whole shop
    breakers: dict[str, Breaker] = {}  # by family of providers: mails of the last days, and what became of them

    @property
    def time_stands(self) -> bool:
        """Whether time stands still: a backup was restored, and what happened since then is yet to come in."""
        return any(each.scope == TIME for each in self.pauses)

    @property
    def rehearsed_before(self) -> Instant:
        """Before this instant workflows were a rehearsal; once mail has really left, going live anew does not move it."""
        return self.meant_since or self.live_since


def learn_since(shop: Shop, at: Instant, *, history: bool, accepted: Instant) -> None:
    """Note how far back facts reach, and when the last history came. An event of 1970 is one whose day nobody knows."""
    if history:
        shop.last_history_at = accepted
    if at and (shop.known_since is None or at < shop.known_since):
        shop.known_since = at


def is_warm(shop: Shop, lifecycle: Lifecycle, now: Instant) -> bool:
    """Say whether the warm-up is over: the known facts reach back far enough for absence to mean something."""
    if lifecycle.warm_up is None:
        return True
    if shop.known_since is None:
        return False
    return zone(lifecycle.timezone).after(shop.known_since, lifecycle.warm_up) <= now
