"""The customer record: everything the engine knows of one person, as one bounded value.

It is written whole, atomically, in every runtime. Records are values: to change one, take a `copy.copy` and give its
fields new containers; containers are tuples or dicts that nobody changes in place. So an exception half-way leaves the
stored record as it was, and a shallow copy is all that a decision costs.

They hold no cycles, so the garbage collector need not walk them (`gc=False`): that is a sixth of a back-test's time.

Bounds: orders are kept exactly up to `ORDERS_KEPT`, older ones folded into sums; everything else is a ring.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from engine.core.events import Mail
from engine.core.moments import Day, Instant, Zone, zone
from engine.core.rules import Address, Lifecycle, Mode, PermissionRule, Standing

ORDERS_KEPT = 1_000
MARKS_KEPT = 16
MAIL_MARKS_KEPT = 8
RELEASES_KEPT = 64
REFS_KEPT = 64
TAGS_KEPT = 64
CATEGORIES_KEPT = 16
ASKED_KEPT = 8
PROMISES_KEPT = 16
EVIDENCE_KEPT = 8
DONE_KEPT = 64
HELD_KEPT = 16
ARRIVED_KEPT = 4

ASSUMED = "assumed"
"""The basis of a permission that a back-test takes for granted, where the history knows of no consent at all."""


class Order(Struct, frozen=True, array_like=True, gc=False):
    """One order: its instant, its day on the customer's calendar, a hash of its id, and what is left of its amount."""

    at: Instant
    day: Day
    ref: int
    amount: int
    currency: str
    categories: tuple[str, ...] = ()


class Held(Struct, frozen=True, array_like=True, gc=False):
    """A click that may yet turn out to be a program's: until when it is held, when it was, and what it told."""

    due: Instant
    at: Instant
    data: Mail


class Folded(Struct, frozen=True, array_like=True, gc=False):
    """Orders too old to be kept one by one: their number, days and money. The day of the last joins the next gap."""

    orders: int = 0
    days: int = 0
    first_at: Instant = 0
    first_day: Day = 0
    last_at: Instant = 0
    last_day: Day = 0
    revenue: dict[str, int] = {}


class Mark(Struct, frozen=True, array_like=True, gc=False):
    """One past event of some type: when, and those of its fields that conditions may look at."""

    at: Instant
    fields: dict[str, Any] | None = None


class Permission(Struct, frozen=True, array_like=True, gc=False):
    """What was last said about one purpose on one channel. `expires` is a day, or None.

    `basis` is empty for the ordinary one, which is that they said so (express). Of a withdrawal, `yes_at` is when it had last been given before, so that a late stop finds whether a yes followed it.
    `used` is when we last wrote or called under it, 0 for never.
    """

    given: bool
    at: Instant
    basis: str = ""
    expires: Day | None = None
    yes_at: Instant = 0
    used: Instant = 0


class Stop(Struct, frozen=True, array_like=True, gc=False):
    """A purpose that is stopped: since when, and by which event or workflow.

    A "no" stops every channel. A workflow that stops mail to a dead address stops email alone: a letter may still go.
    """

    at: Instant
    by: str
    channel: str = ""  # the only one that is stopped; empty is every channel


class Proof(Struct, frozen=True, array_like=True, gc=False):
    """One report that mail could not arrive, `clear` or doubtful. `address` is the ref of the address named, 0 for none.

    `inherited`: known of the address by another who had it already, so that giving it anew refutes nothing.
    """

    at: Instant
    clear: bool
    status: str = ""
    address: int = 0
    inherited: bool = False


class Asked(Struct, frozen=True, array_like=True, gc=False):
    """A question of a run: its effect, and when it was handed over (0: not yet, or never delivered)."""

    effect_id: str
    at: Instant = 0


class Evidence(Struct, frozen=True, array_like=True, gc=False):
    """What one event said of why the customer leaves: when, which cause, the event's type, and how strong (1 to 3)."""

    at: Instant
    cause: str
    by: str
    strength: int


class Run(Struct, frozen=True, array_like=True, gc=False):
    """One customer's way through one version of a workflow.

    `doing` is what the current step waits for: `waiting` (a wait; `due` says until when), `deferred` (a send that may
    not go yet; asked again at `due`), `paused` (a send held by a pause), `sending` (released, `effect_id` tells which),
    `handed_off` (a person has them, `effect_id` tells by which act), `closing` (the notice of a closing runs).
    `entries` counts how often each stage was entered; `wanted` is when the current step, a send or a wait for a moment,
    was first asked for.
    """

    id: str
    workflow: str
    version: int
    mode: Mode
    held_out: bool
    began: Instant
    ends_at: Instant  # `ends_within` after it began
    stage: str
    step: int = 0
    entries: dict[str, int] = {}
    doing: str = ""
    due: Instant | None = None
    wanted: Instant | None = None
    effect_id: str = ""
    sends: int = 0
    asked: tuple[Asked, ...] = ()
    codes: dict[str, tuple[str, Day]] = {}  # by offer: the code (empty: the run goes without) and its last day
    led_by: int = 0  # ref of the order that led here; it does not hold its own thank-you
    deferrals: int = 0  # of the current send, so that each is told once and has an id of its own
    releases: int = 0  # of the current send; more than one when it came back to be asked again
    reason: str = ""  # why the current send waits
    voided: int = 0  # codes of this run that were voided, so that the next one is another
    branch: str = ""  # of the current `choose`, kept while its send is under way
    done: tuple[str, ...] = ()  # keys of what was done in this stage under earlier versions; empty unless it was moved
    moving_to: int = 0  # the version it goes on in when the send that is being handed over has ended


class Promise(Struct, frozen=True, array_like=True, gc=False):
    """An issued offer whose first send has yet to arrive. `told` is what was told of it, `amount` what it may cost.

    It stands in the customer and not in the run, because a run may end while its send is on its way.
    """

    effect_id: str
    run: str
    at: Instant
    amount: int
    own: bool  # a code of their own, and no text that is everybody's
    told: dict[str, Any]
    awaited: bool = False  # the shop was asked to make the code, and has not answered
    refused: str = ""  # why it would not make it
    ordinal: int = 0  # of the effects about it: an edit may let one send make another offer


class Ended(Struct, frozen=True, array_like=True, gc=False):
    """The last run of a workflow that ended."""

    began: Instant
    at: Instant
    outcome: str
    version: int
    mode: Mode


class Release(Struct, frozen=True, array_like=True, gc=False):
    """A send that was released (or held out, which counts alike): what caps and `offers had` look at."""

    at: Instant
    purpose: str
    template: str
    effect_id: str
    channel: str = "email"


class Return(Struct, frozen=True, array_like=True, gc=False):
    """The last return: when, from which standing, by which order, and whether a run has taken the thanks for it."""

    at: Instant
    came_from: Standing
    order: int
    taken: bool = False


class Customer(Struct, array_like=True, gc=False):
    """One customer. See the module's text for how to change one."""

    id: str
    next_due: Instant | None = None
    last_reaction: Instant = 0  # latest human sign of life
    epoch: int = 0  # of the rules this customer was last looked at under
    standing: Standing = Standing.PROSPECT
    standing_since: Instant = 0
    address: Address = Address.OK
    address_since: Instant = 0
    profile: dict[str, tuple[Any, Instant]] = {}
    orders: tuple[Order, ...] = ()
    folded: Folded | None = None
    called_off: tuple[int, ...] = ()  # refs of cancelled orders; inverted (~) while the order itself has yet to come
    refunds: tuple[
        tuple[int, int, str], ...
    ] = ()  # (order ref, amount or -1 for all, currency) not yet met by an order; without currency in 1/10,000
    refunded_at: Instant = 0
    last_items: tuple[str, ...] = ()  # names of the items of the last order, at most five
    last_items_at: Instant = 0
    under_way: tuple[tuple[int, Instant], ...] = ()  # orders placed and not delivered
    delivered: tuple[int, ...] = ()  # refs delivered before they were placed, as far as we know
    open_tickets: tuple[int, ...] = ()
    solved_tickets: tuple[int, ...] = ()
    ticket_solved_at: Instant = 0
    trail: dict[str, tuple[Mark, ...]] = {}
    life: dict[str, Instant] = {}  # latest human click, reply, login, confirmation, order, other
    permission: dict[str, Permission] = {}  # by "purpose/channel"
    stopped: dict[str, Stop] = {}  # by purpose
    proofs: tuple[Proof, ...] = ()
    address_given: Instant = 0
    last_mail: Instant = 0  # the last mail handed over to them, by anybody we know of
    other_mail: Instant = 0  # the last one by another sender
    tags: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()  # of causes: the latest of each kind, in order of time
    runs: tuple[Run, ...] = ()
    ended: dict[str, Ended] = {}
    releases: tuple[Release, ...] = ()
    offers_had: dict[str, tuple[Instant, ...]] = {}
    used_codes: tuple[str, ...] = ()
    returned: Return | None = None
    lapsed_at: Instant = 0  # when the days without an order became too many; 0 while they are not
    lapse_due: Instant | None = None  # when idleness or silence will next be judged anew
    looks: dict[str, Instant] = {}  # by workflow: when time alone may make it fit
    waiting: tuple[str, ...] = ()  # workflows that fit but may be entered only by a sweep
    gone: str = ""  # ended or erased: nothing is ever sent again
    stuck: str = ""  # the reason of an exception in a decision
    codes_given: tuple[tuple[str, str], ...] = ()  # code and offer, the latest last
    promises: tuple[Promise, ...] = ()  # offers issued by sends that have yet to arrive; one a run at most
    voided_codes: tuple[str, ...] = ()  # codes of their own that never arrived: correctly signed, and good for nothing
    shares: tuple[str, ...] = ()  # others under the same address, at most `SHARES_KEPT`
    drawn_as: str = ""  # what their lots are drawn by, once they are: see `lot_key`
    crowded_out: tuple[str, ...] = ()  # workflows that fit while another run has the customer's one place
    used_in: dict[str, int] = {}  # of the codes we gave: ref of the order each was used in, 0 if unknown
    sold_on: Day = 0  # of the latest order that named the address we have
    consents: bytes = b""  # what was said of each permission, with its proof; read by `engine.core.consents` alone
    data_requested: Instant = 0  # when they last asked what is known of them
    replied_at: Instant = 0  # when they last wrote back to a mail, themselves
    held: tuple[Held, ...] = ()  # clicks that do not count yet, in the order in which they will
    arrived: tuple[Instant, ...] = ()  # when the latest mails of ours were handed over

    def value(self, field: str) -> Any:
        """A field of the profile, None where it is not known."""
        known = self.profile.get(field)
        return known[0] if known is not None else None


def home(customer: Customer, lifecycle: Lifecycle) -> Zone:
    """The customer's own zone, else the shop's; a zone nobody knows counts as none."""
    known = customer.profile.get("timezone")
    if known is not None and known[0]:
        try:
            return zone(known[0])
        except KeyError:
            pass
    return zone(lifecycle.timezone)


def country_of(customer: Customer) -> str:
    """The country of the profile as ISO 3166 writes it, in capitals; empty where it is not known."""
    said = str(customer.value("country") or "").strip().upper()
    return "GB" if said == "UK" else said


def permission_rule(customer: Customer, lifecycle: Lifecycle) -> PermissionRule:
    """What counts as permission for a customer: their country's rule where there is one, else everybody's."""
    if lifecycle.countries and (rule := lifecycle.countries.get(country_of(customer))) is not None:
        return rule.permission
    return lifecycle.permission


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Customer)


def encode(customer: Customer) -> bytes:
    """Return the record as stored."""
    return _encoder.encode(customer)


def decode(raw: bytes) -> Customer:
    """Return the record from what was stored."""
    return _decoder.decode(raw)


def ring(kept: tuple[Any, ...], new: Any, most: int) -> tuple[Any, ...]:
    """Return a ring with one more entry, the oldest left out when it is full."""
    return (*kept[-most + 1 :], new) if len(kept) >= most else (*kept, new)
