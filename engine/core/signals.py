"""Signals: everything a decision can be about. What the journal keeps, in order, each with its `now`."""

from __future__ import annotations

from msgspec import Struct

from engine.core.cadence import Thresholds
from engine.core.customer import Customer, Ended, Release
from engine.core.events import Event
from engine.core.moments import Instant


class Signal(Struct, frozen=True, gc=False, tag_field="signal"):
    """A reason to decide about one customer."""


class Happened(Signal, frozen=True, gc=False, tag="happened"):
    """An event. `history` says that it is none of today's news: it changes facts and starts nothing."""

    event: Event
    history: bool = False


class TimeUp(Signal, frozen=True, gc=False, tag="time_up"):
    """The customer's next due time has come."""


class Look(Signal, frozen=True, gc=False, tag="look"):
    """Look at the customer anew, since rules or the reorder interval changed what holds.

    `by_time`: the reorder interval has shrunk, so that a due time comes earlier; who fits by that may enter at once.
    """

    by_time: bool = False


class Admit(Signal, frozen=True, gc=False, tag="admit"):
    """A sweep lets the customer into a workflow that waited for it, if it still fits."""

    workflow: str


class CalledUp(Signal, frozen=True, gc=False, tag="called_up"):
    """The ramp may take the customer's mail now, which waited for it: the gate is asked again."""


class Handed(Signal, frozen=True, gc=False, tag="handed"):
    """What became of a released send.

    `outcome` is `done` (taken by the mail server), `uncertain` (the call's end is not known; not sent again), `refused`
    (a final no from the mail server), `blocked` (the block list knows a "no"), `late` (past `not_after`) or `again` (it
    lay too long and is to be asked again).
    """

    effect_id: str
    outcome: str
    reason: str = ""


class Unpause(Signal, frozen=True, gc=False, tag="unpause"):
    """A pause is over. `overdue` says what becomes of the sends it held: send, skip, or shift by its length."""

    overdue: str
    paused_at: Instant


class GivenUp(Signal, frozen=True, gc=False, tag="given_up"):
    """This record turned out to be of the same person as another, which stays."""

    stays: str


class Joined(Signal, frozen=True, gc=False, tag="joined"):
    """Another record turned out to be of the same person; here it is, as it was given up."""

    other: Customer
    history: bool = False


class Shares(Signal, frozen=True, gc=False, tag="shares"):
    """Another customer has the same mail address; here is what their record holds about it (`known_of_address`)."""

    other: Customer
    history: bool = False


class Apart(Signal, frozen=True, gc=False, tag="apart"):
    """Those share an address with this customer no more: one side has another now, or is gone."""

    others: tuple[str, ...]


class Counted(Signal, frozen=True, gc=False, tag="counted"):
    """Sends to another who shares the address count here too; one of an earlier signal is given back."""

    releases: tuple[Release, ...] = ()
    given_back: str = ""


# What customers of different partitions tell each other; a whole engine has none of it ---------------------------------


class Introduced(Signal, frozen=True, gc=False, tag="introduced"):
    """Another customer, of any partition, has the same mail address (its `address_ref`): tell them what is known of it."""

    other: str
    address: int
    history: bool = False


class Greeted(Signal, frozen=True, gc=False, tag="greeted"):
    """Another customer tells what their record holds about the mail address of both; see `Shares`.

    Who did not know of the other answers with the same; who has another address by now tells them so (`Apart`).
    """

    other: Customer
    address: int
    history: bool = False


class Merging(Signal, frozen=True, gc=False, tag="merging"):
    """A record that was given up is on its way to the one that stays; see `Joined`.

    `merge` is the merge's id, 16 bytes: it is joined once. `past` are the records it has come by that were given up
    themselves, each with the instant of that.
    """

    other: Customer
    merge: bytes
    history: bool = False
    past: tuple[tuple[str, Instant], ...] = ()


class Rehearsed(Signal, frozen=True, gc=False, tag="rehearsed"):
    """`go-live`: runs begun before end as `rehearsal`; their sends, caps and offers are forgotten."""


class Released(Signal, frozen=True, gc=False, tag="released"):
    """A stuck customer is released after its dead letter was replayed."""


class Forgotten(Signal, frozen=True, gc=False, tag="forgotten"):
    """What is left of the record of who was erased, or was merged into them, may go: nothing of them is on its way any more."""


class Recovered(Signal, frozen=True, gc=False, tag="recovered"):
    """What is known of a customer from the time between a backup and its restore: see `engine.core.restoring`."""

    releases: tuple[Release, ...] = ()
    ended: dict[str, Ended] = {}
    offers_had: dict[str, tuple[Instant, ...]] = {}


# What concerns the shop as a whole; the journal keeps it under the empty customer id -----------------------------------


class PaceUsedUp(Signal, frozen=True, gc=False, tag="pace_used_up"):
    """A workflow has let in as many as it may until then, and more wait: whoever comes to fit joins the line."""

    workflow: str
    until: Instant


class DayClosed(Signal, frozen=True, gc=False, omit_defaults=True, tag="day_closed"):
    """A shop day began: the reorder interval is closed from the days before, and holds for this one.

    Who has a part of the shop's customers is told what follows from all of them: the `thresholds`, and how far back the
    facts reach (`known_since`). Who has all of them reckons both.
    """

    thresholds: Thresholds | None = None
    known_since: Instant | None = None


class Move(Struct, frozen=True):
    """What becomes of the runs of a workflow that an `apply` changes: `pin`, `move` or `exit`."""

    workflow: str
    how: str


class RulesChanged(Signal, frozen=True, gc=False, tag="rules_changed"):
    """A checked rule set went live, as this epoch; the runs of these workflows are to be moved."""

    epoch: int
    moves: tuple[Move, ...] = ()
    who: str = ""


class RunsMoved(Signal, frozen=True, gc=False, tag="runs_moved"):
    """Everybody has been looked at since the runs of some workflows were to be moved: none is left to move."""


class WentLive(Signal, frozen=True, gc=False, tag="went_live"):
    """`go-live`: what happened before now is history; runs begun before were rehearsal."""


class MailLeaves(Signal, frozen=True, gc=False, tag="mail_leaves"):
    """The shop is live, and its sender is no mailbox: from now on what workflows do is no rehearsal."""


class PauseSet(Signal, frozen=True, gc=False, tag="pause_set"):
    """A pause begins: of the engine, a workflow, a template, a domain, marketing, or marketing to a family of providers."""

    scope: str
    name: str
    why: str
    who: str = ""


class PauseEnded(Signal, frozen=True, gc=False, tag="pause_ended"):
    """A pause is over; `overdue` says what becomes of what it held."""

    scope: str
    name: str
    overdue: str
    who: str = ""


class TurnedAway(Signal, frozen=True, gc=False, tag="turned_away"):
    """A family of providers put off a mail of ours for reasons of policy (4xx). `at`: when it was released."""

    family: str
    effect_id: str
    at: Instant


class CodesGranted(Signal, frozen=True, gc=False, tag="codes_granted"):
    """A block of an offer's pool codes may be given out, in this order."""

    offer: str
    codes: tuple[str, ...]


class Granted(Signal, frozen=True, gc=False, omit_defaults=True, tag="granted"):
    """A part of the shop may use so much more of something, or gives so much back; see `engine.core.allowances.granted`.

    `what` is one of the kinds named there, `name` the offer, workflow or team.
    """

    what: str
    name: str
    amount: int = 0
    back: int = 0
    since: Instant = 0
    until: Instant = 0
    free_at: Instant = 0


class SuppressionsImported(Signal, frozen=True, gc=False, tag="suppressions_imported"):
    """Suppressions of another tool were put on the list: so many new ones; none where it was said to be empty."""

    count: int
    who: str = ""


class EngagementForgotten(Signal, frozen=True, gc=False, tag="engagement_forgotten"):
    """Marks of engagement from before an instant are forgotten, of so many customers after an id, in the order of ids.

    Without one they are those who follow whom the last such signal came to: the first where it has been through all.
    """

    before: Instant
    after: str
    customers: int


class PersonErased(Signal, frozen=True, gc=False, tag="person_erased"):
    """Somebody was erased, and what the journal held of them with it; the proof of it has this id.

    Nobody can decide the journal anew across this: what they added to the shop's sums stays in those, and is in no entry.
    """

    proof: str


class Restored(Signal, frozen=True, gc=False, tag="restored"):
    """A backup of `since` was restored: what happened before now is history, and granted codes may have been given out."""

    since: Instant
    who: str = ""


ShopSignal = (
    CodesGranted
    | Granted
    | PaceUsedUp
    | DayClosed
    | RulesChanged
    | RunsMoved
    | WentLive
    | MailLeaves
    | PauseSet
    | PauseEnded
    | SuppressionsImported
    | TurnedAway
    | Restored
    | EngagementForgotten
    | PersonErased
)
AnySignal = (
    Happened
    | TimeUp
    | Look
    | Admit
    | CalledUp
    | Handed
    | Unpause
    | GivenUp
    | Joined
    | Shares
    | Apart
    | Counted
    | Introduced
    | Greeted
    | Merging
    | Rehearsed
    | Released
    | Recovered
    | Forgotten
    | ShopSignal
)
