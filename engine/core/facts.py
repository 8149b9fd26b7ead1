"""Folding events into facts, so that the order in which they arrive does not matter where it need not.

Each type of event has one function that changes a `Customer` that is the caller's own copy. Facts are taken by the
event's own `time`; nothing here knows the present. Folding the same event twice changes nothing but counts of marks,
which is why `handling` drops what it has seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

import msgspec

from engine.core.customer import (
    CATEGORIES_KEPT,
    MAIL_MARKS_KEPT,
    MARKS_KEPT,
    ORDERS_KEPT,
    REFS_KEPT,
    Customer,
    Folded,
    Mark,
    Order,
    Permission,
    Proof,
    Stop,
    ring,
)
from engine.core.events import (
    Consent,
    Coupon,
    Event,
    HandOffAnswered,
    Mail,
    OrderCalledOff,
    OrderDelivered,
    OrderPlaced,
    ProfileUpdated,
    Reason,
    Ticket,
)
from engine.core.ids import ref
from engine.core.moments import DAY, Day, Instant, Zone, day_number, zone
from engine.core.money import DIGITS, smallest_units
from engine.core.rules import Address, Lifecycle, OwnEvent, Purpose

Gap = tuple[str, int, int]
"""A change of the shop's reorder intervals: category (empty: overall), days, and +1 or -1."""

UNDER_WAY_AT_MOST = 90 * DAY
"""No order holds a send for longer; older ones are not kept as under way."""

STOPPABLE = (Purpose.MARKETING.value, Purpose.NEWSLETTER.value)

PURPOSES = (*STOPPABLE, "tracking")

KEPT_FIELDS: dict[str, tuple[str, ...]] = {
    "order.cancelled": ("reason",),
    "order.refunded": ("reason",),
    "email.bounced": ("kind",),
    "email.opened": ("machine",),
    "email.clicked": ("link", "machine"),
    "email.replied": ("kind",),
    "survey.answered": ("survey", "cause"),
    "invitation.answered": ("invitation", "answer"),
    "hand_off.answered": ("hand_off", "result", "cause"),
    "ticket.opened": ("topic", "cause"),
    "ticket.solved": ("topic", "cause"),
    "contract.cancelled": ("reason", "cause"),
    "coupon.redeemed": ("code",),
    "customer.visited": ("page",),
}
"""Which fields of a past event are kept for `where:`; a live one is looked at whole."""

MAIL_TYPES = frozenset({"email.sent", "email.delivered", "email.opened"})


def home(customer: Customer, lifecycle: Lifecycle) -> Zone:
    """The customer's own zone, else the shop's; a zone nobody knows counts as none."""
    known = customer.profile.get("timezone")
    if known is not None and known[0]:
        try:
            return zone(known[0])
        except KeyError:
            pass
    return zone(lifecycle.timezone)


def is_known(customer: Customer, event: Event) -> bool:
    """Say whether an order event is about something the record knows already, whatever its event id."""
    data = event.data
    if event.type == "order.placed":
        order = ref(data.order_id)
        return any(kept.ref == order for kept in customer.orders) or order in customer.called_off
    if event.type == "order.cancelled":
        return ref(data.order_id) in customer.called_off
    return False


def fold(customer: Customer, event: Event, lifecycle: Lifecycle, own: OwnEvent | None, gaps: list[Gap]) -> None:
    """Fold an event into the record (the caller's own copy); changes of reorder intervals are added to `gaps`."""
    folder = _FOLDERS.get(event.type)
    if folder is not None:
        folder(customer, event, lifecycle, gaps)
    elif own is not None and own.shows_life:
        _live(customer, "other", event.time)
    _mark(customer, event)


def _mark(customer: Customer, event: Event) -> None:
    kind = event.type
    fields: dict[str, Any] | None = None
    data = event.data
    if isinstance(data, dict):
        fields = data or None
    else:
        names = KEPT_FIELDS.get(kind)
        if names is not None:
            fields = {name: value for name in names if (value := getattr(data, name)) not in ("", None)} or None
    mark = Mark(event.time, fields)
    kept = customer.trail.get(kind, ())
    most = MAIL_MARKS_KEPT if kind in MAIL_TYPES else MARKS_KEPT
    if kept and mark.at < kept[-1].at:  # a late one finds its place by time
        kept = tuple(sorted((*kept, mark), key=lambda each: each.at))[-most:]
    else:
        kept = ring(kept, mark, most)
    customer.trail = {**customer.trail, kind: kept}


# Signs of life -------------------------------------------------------------------------------------------------------


def _live(customer: Customer, kind: str, at: Instant) -> None:
    if at > customer.life.get(kind, 0):
        customer.life = {**customer.life, kind: at}
        _weigh_proofs(customer)
        customer.last_reaction = max(customer.last_reaction, at)


def _reaction(customer: Customer) -> None:
    """Find the last reaction again, after an order was taken out."""
    last_order = customer.orders[-1].at if customer.orders else (customer.folded.last_at if customer.folded else 0)
    customer.last_reaction = max((last_order, *customer.life.values()))


# Orders --------------------------------------------------------------------------------------------------------------


def order_days(customer: Customer) -> list[Day]:
    """The days of the orders kept exactly, and before them the last folded one, in order; days may repeat."""
    days = [order.day for order in customer.orders]
    return days if customer.folded is None else [customer.folded.last_day, *days]


def _placed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderPlaced = event.data
    number = ref(data.order_id)
    if data.email and "email" not in customer.profile:
        customer.profile = {**customer.profile, "email": (data.email, 0)}
        customer.address_given = max(customer.address_given, event.time)
    if number in customer.called_off:
        return
    categories = tuple(dict.fromkeys(item.category for item in data.items if item.category))[:CATEGORIES_KEPT]
    amount = smallest_units(data.total, data.currency)
    for pending in customer.refunds:
        if pending[0] == number:
            refunded = amount if pending[1] < 0 else pending[1] if pending[2] == data.currency else 0
            amount = max(0, amount - refunded)
            customer.refunds = tuple(each for each in customer.refunds if each != pending)
    day = home(customer, lifecycle).day(event.time)
    insert_order(customer, Order(event.time, day, number, amount, data.currency, categories), gaps)
    if number in customer.delivered:
        customer.delivered = tuple(each for each in customer.delivered if each != number)
    else:
        recent = tuple(each for each in customer.under_way if event.time - each[1] < UNDER_WAY_AT_MOST)
        customer.under_way = ring(recent, (number, event.time), MARKS_KEPT)
    if data.coupon:
        _used(customer, data.coupon)
    if data.items and event.time >= customer.last_items_at:
        customer.last_items = tuple(item.name or item.sku for item in data.items[:5])
        customer.last_items_at = event.time
    customer.last_reaction = max(customer.last_reaction, event.time)
    _weigh_proofs(customer)


def insert_order(customer: Customer, order: Order, gaps: list[Gap]) -> None:
    """Put an order in its place by time, on the caller's own copy, and note how that changes the intervals."""
    before = customer.orders
    if customer.folded is not None and order.at <= customer.folded.last_at:
        customer.folded = _into_sums(customer.folded, order)  # its neighbours are no longer known: money without a gap
        return
    if not before or (order.at, order.ref) >= (before[-1].at, before[-1].ref):
        orders = (*before, order)
    else:
        orders = tuple(sorted((*before, order), key=lambda each: (each.at, each.ref)))
    _changed_gaps(customer, before, orders, order, gaps)
    customer.orders = orders
    while len(customer.orders) > ORDERS_KEPT:
        _fold_oldest(customer)


def _changed_gaps(
    customer: Customer, before: tuple[Order, ...], after: tuple[Order, ...], order: Order, gaps: list[Gap]
) -> None:
    """Note how one order, put in or taken out, changes the intervals: overall, and within each of its categories."""
    bound = customer.folded.last_day if customer.folded else None
    longer, by = (after, 1) if len(after) > len(before) else (before, -1)
    _neighbours(
        sorted({each.day for each in longer}), [e.day for e in longer].count(order.day), order, bound, "", by, gaps
    )
    for category in order.categories:
        days = [each.day for each in longer if category in each.categories]
        _neighbours(sorted(set(days)), days.count(order.day), order, None, category, by, gaps)


def _neighbours(
    days: list[Day], on_that_day: int, order: Order, bound: Day | None, category: str, by: int, gaps: list[Gap]
) -> None:
    if on_that_day > 1 or order.day == bound:
        return  # same-day orders count once
    place = bisect_left(days, order.day)
    earlier = days[place - 1] if place else bound
    later = days[place + 1] if place + 1 < len(days) else None
    if earlier is not None and later is not None:
        gaps.append((category, later - earlier, -by))
    if earlier is not None:
        gaps.append((category, order.day - earlier, by))
    if later is not None:
        gaps.append((category, later - order.day, by))


def _fold_oldest(customer: Customer) -> None:
    oldest, *rest = customer.orders
    customer.folded = _into_sums(customer.folded or Folded(0, 0, oldest.at, oldest.day, 0, -1, {}), oldest)
    customer.orders = tuple(rest)


def _into_sums(sums: Folded, order: Order) -> Folded:
    revenue = {**sums.revenue, order.currency: sums.revenue.get(order.currency, 0) + order.amount}
    if order.day <= sums.last_day:
        return msgspec.structs.replace(sums, orders=sums.orders + 1, revenue=revenue)
    return Folded(sums.orders + 1, sums.days + 1, sums.first_at, sums.first_day, order.at, order.day, revenue)


def _cancelled(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderCalledOff = event.data
    number = ref(data.order_id)
    customer.called_off = ring(customer.called_off, number, REFS_KEPT)
    customer.under_way = tuple(each for each in customer.under_way if each[0] != number)
    order = next((each for each in customer.orders if each.ref == number), None)
    if order is not None:
        take_out_order(customer, order, gaps)
        _reaction(customer)


def _refund(amount: Decimal, currency: str) -> int:
    """Return a refund in smallest units. One without a currency of its own may have a digit too many: it is cut off."""
    try:
        return smallest_units(amount, currency)
    except ValueError:
        return smallest_units(amount.quantize(Decimal(1).scaleb(-DIGITS[currency]), ROUND_DOWN), currency)


def take_out_order(customer: Customer, order: Order, gaps: list[Gap]) -> None:
    """Take an order out of the caller's own copy, and note how that changes the intervals."""
    before = customer.orders
    customer.orders = tuple(each for each in before if each.ref != order.ref)
    _changed_gaps(customer, before, customer.orders, order, gaps)


def _refunded(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderCalledOff = event.data
    number = ref(data.order_id)
    customer.refunded_at = max(customer.refunded_at, event.time)
    order = next((each for each in customer.orders if each.ref == number), None)
    currency = data.currency or (order.currency if order else lifecycle.currency)
    amount = -1 if data.amount is None else _refund(data.amount, currency)
    if order is None:
        customer.refunds = ring(customer.refunds, (number, amount, currency), MARKS_KEPT)
        return
    left = 0 if amount < 0 else max(0, order.amount - amount) if currency == order.currency else order.amount
    customer.orders = tuple(
        msgspec.structs.replace(each, amount=left) if each.ref == number else each for each in customer.orders
    )


def _delivered_order(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderDelivered = event.data
    number = ref(data.order_id)
    if any(order.ref == number for order in customer.orders):
        customer.under_way = tuple(each for each in customer.under_way if each[0] != number)
    elif number not in customer.delivered:
        customer.delivered = ring(customer.delivered, number, MARKS_KEPT)


# Mail ----------------------------------------------------------------------------------------------------------------


def _mailed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    customer.last_mail = max(customer.last_mail, event.time)
    if data.sender and data.purpose != Purpose.SERVICE:
        customer.other_mail = max(customer.other_mail, event.time)


def _bounced(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    if data.email and data.email.casefold() != str(customer.value("email") or data.email).casefold():
        return  # it speaks of an address they no longer have
    if data.kind == "dead" or (data.kind in ("", "unknown") and not data.status.startswith("4")):
        proof = Proof(event.time, data.kind == "dead", data.status)
        proofs = sorted((*customer.proofs, proof), key=lambda each: each.at)
        customer.proofs = tuple(proofs[-MARKS_KEPT:])
        _weigh_proofs(customer)
    number = data.message_id.strip("<>").partition("@")[0]
    if number:
        customer.runs = tuple(
            msgspec.structs.replace(
                run, asked=tuple(msgspec.structs.replace(a, at=0) if a.effect_id == number else a for a in run.asked)
            )
            for run in customer.runs
        )


def _weigh_proofs(customer: Customer) -> None:
    """A human click or an order after a proof shows that the address lives; so does a new address."""
    if customer.proofs:
        last_order = customer.orders[-1].at if customer.orders else 0
        alive = max(customer.life.get("click", 0), last_order, customer.address_given)
        customer.proofs = tuple(proof for proof in customer.proofs if proof.at > alive)


def _clicked(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    if not event.data.machine:
        _live(customer, "click", event.time)


def _replied(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    if event.data.kind != "auto_reply":
        _live(customer, "reply", event.time)


def _answered(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    _live(customer, "reply", event.time)


def _hand_off_answered(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: HandOffAnswered = event.data
    if data.result != "not_reached":
        _live(customer, "reply", event.time)


def _logged_in(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    _live(customer, "login", event.time)


# Permission ----------------------------------------------------------------------------------------------------------


def _stop(customer: Customer, purpose: str, at: Instant, by: str) -> None:
    """Stop a purpose, unless they allowed it again after that."""
    allowed = customer.permission.get(f"{purpose}/email")
    if allowed is not None and allowed.given and allowed.at > at:
        return
    known = customer.stopped.get(purpose)
    if known is None or at > known.at:
        customer.stopped = {**customer.stopped, purpose: Stop(at, by)}


def _unsubscribed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    for purpose in [data.purpose] if data.purpose in STOPPABLE else STOPPABLE:
        _stop(customer, purpose, event.time, event.type)


def _objected(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    for purpose in STOPPABLE:
        _stop(customer, purpose, event.time, event.type)


def _permit(customer: Customer, key: str, new: Permission) -> None:
    known = customer.permission.get(key)
    if known is None or (new.at, not new.given) >= (known.at, not known.given):  # at one instant a "no" wins
        customer.permission = {**customer.permission, key: new}
        purpose, _, channel = key.partition("/")
        stop = customer.stopped.get(purpose)
        if new.given and channel == "email" and stop is not None and stop.at < new.at:
            customer.stopped = {name: each for name, each in customer.stopped.items() if name != purpose}


def _confirmed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    _permit(customer, "newsletter/email", Permission(True, event.time, "express"))
    _live(customer, "confirmation", event.time)
    _address_given(customer, event.data.email, event.time)


def _consent_given(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Consent = event.data
    expires = parse_day(data.expires) if data.expires else None
    _permit(customer, f"{data.purpose}/{data.channel}", Permission(True, event.time, data.basis or "express", expires))
    _address_given(customer, data.email, event.time)


def _consent_withdrawn(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Consent = event.data
    said: str = data.purpose  # empty in a "no" that could be read only in part: then it is one to everything
    for purpose in [said] if said else PURPOSES:
        _permit(customer, f"{purpose}/{data.channel}", Permission(given=False, at=event.time))


# Profile -------------------------------------------------------------------------------------------------------------


def _address_given(customer: Customer, address: str, at: Instant) -> None:
    if address and "email" not in customer.profile:
        customer.profile = {**customer.profile, "email": (address, 0)}
        customer.address_given = max(customer.address_given, at)


def _profiled(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: ProfileUpdated = event.data
    profile = dict(customer.profile)
    at = event.time
    for name in data.__struct_fields__:
        value = getattr(data, name)
        if value in ("", {}):
            continue  # said nothing about this field
        if name == "attributes":
            for key, attribute in (value or {}).items():
                _newer(profile, f"attributes.{key}", attribute, at)
        elif name == "email" and value is not None:
            known = profile.get("email")
            if _newer(profile, "email", value, at) and (known is None or known[0].casefold() != value.casefold()):
                customer.address_given = max(customer.address_given, at)
        else:
            _newer(profile, name, value, at)
    customer.profile = profile
    _weigh_proofs(customer)
    if data.timezone != "":
        _redate(customer, lifecycle, gaps)


def _newer(profile: dict[str, tuple[Any, Instant]], name: str, value: Any, at: Instant) -> bool:
    known = profile.get(name)
    if known is not None and (known[1], repr(known[0])) > (at, repr(value)):
        return False
    if isinstance(value, Decimal):
        value = str(value)
    profile[name] = (value, at)
    return True


def _redate(customer: Customer, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    """Put the orders on the days of a new zone: all their intervals are taken out and put in again."""
    there = home(customer, lifecycle)
    orders = customer.orders
    moved = tuple(msgspec.structs.replace(order, day=there.day(order.at)) for order in orders)
    if moved == orders:
        return
    for order in orders:
        take_out_order(customer, order, gaps)
    for order in moved:
        insert_order(customer, order, gaps)


# Tickets, coupons, the end -------------------------------------------------------------------------------------------


def _ticket_opened(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Ticket = event.data
    number = ref(data.ticket_id)
    if number not in customer.solved_tickets and number not in customer.open_tickets:
        customer.open_tickets = ring(customer.open_tickets, number, MARKS_KEPT)


def _ticket_solved(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Ticket = event.data
    number = ref(data.ticket_id)
    customer.open_tickets = tuple(each for each in customer.open_tickets if each != number)
    if number not in customer.solved_tickets:
        customer.solved_tickets = ring(customer.solved_tickets, number, MARKS_KEPT)
    customer.ticket_solved_at = max(customer.ticket_solved_at, event.time)


def _used(customer: Customer, code: str) -> None:
    if code not in customer.used_codes:
        customer.used_codes = ring(customer.used_codes, code, MARKS_KEPT)


def _redeemed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Coupon = event.data
    _used(customer, data.code)


def _gone(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Reason = event.data
    customer.gone = customer.gone or (data.reason or event.type)


def parse_day(text: str) -> Day | None:
    """Return a day from YYYY-MM-DD (a time after it is left out), None where it is none."""
    try:
        return day_number(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except (ValueError, IndexError):
        return None


def judge_address(customer: Customer, lifecycle: Lifecycle) -> Address:
    """Say whether mail can arrive: clear proofs kill an address, doubtful ones only when they lie days apart."""
    proofs = customer.proofs
    if not proofs:
        return Address.OK
    rule = lifecycle.dead_address
    if sum(proof.clear for proof in proofs) >= rule.clear_proofs:
        return Address.DEAD
    apart = 0
    last: Instant | None = None
    for proof in proofs:
        if last is None or proof.at - last >= rule.apart.roughly:
            apart, last = apart + 1, proof.at
    return Address.DEAD if apart >= rule.doubtful_proofs else Address.DOUBTFUL


_FOLDERS: dict[str, Callable[[Customer, Event, Lifecycle, list[Gap]], None]] = {
    "order.placed": _placed,
    "order.cancelled": _cancelled,
    "order.refunded": _refunded,
    "order.delivered": _delivered_order,
    "email.sent": _mailed,
    "email.delivered": _mailed,
    "email.bounced": _bounced,
    "email.clicked": _clicked,
    "email.replied": _replied,
    "email.complained": _objected,
    "email.unsubscribed": _unsubscribed,
    "newsletter.confirmed": _confirmed,
    "consent.given": _consent_given,
    "consent.withdrawn": _consent_withdrawn,
    "coupon.redeemed": _redeemed,
    "survey.answered": _answered,
    "invitation.answered": _answered,
    "hand_off.answered": _hand_off_answered,
    "profile.updated": _profiled,
    "ticket.opened": _ticket_opened,
    "ticket.solved": _ticket_solved,
    "customer.logged_in": _logged_in,
    "account.closed": _objected,
    "customer.ended": _gone,
    "customer.erased": _gone,
}
