"""Two records of one person made into one: facts are joined as if all had happened to the one that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any, TypeVar

from msgspec.structs import replace

from engine.core.address import add_proofs
from engine.core.causes import with_evidence
from engine.core.clicks import judge_clicks
from engine.core.consents import history, note
from engine.core.customer import (
    ARRIVED_KEPT,
    HELD_KEPT,
    MAIL_MARKS_KEPT,
    MARKS_KEPT,
    PROMISES_KEPT,
    REFS_KEPT,
    RELEASES_KEPT,
    TAGS_KEPT,
    Customer,
    Folded,
    Run,
)
from engine.core.life import find_last_reaction
from engine.core.marks import CLICKED, with_marks
from engine.core.moments import Instant
from engine.core.orders import Gap, call_off, insert_order, meet_refunds, put_under_way, redate, take_out_order
from engine.core.permission import permit, stop
from engine.core.rules import Lifecycle

MERGED = "merged into "
"""How `gone` begins on the record that was given up; the id of the one that stays follows."""

_MERGES_IN_A_ROW = 10

_T = TypeVar("_T")


def who_is_now(load: Callable[[str], Customer | None], customer_id: str) -> str:
    """Return the id itself, or that of the record it was merged into."""
    for _ in range(_MERGES_IN_A_ROW):
        record = load(customer_id)
        if record is None or not record.gone.startswith(MERGED):
            return customer_id
        customer_id = record.gone.removeprefix(MERGED)
    return customer_id


def given_up(goes: Customer, stays: str, now: Instant) -> Customer:
    """Return what is left of a record that was merged into another: nothing but where it went, and since when."""
    return Customer(goes.id, epoch=goes.epoch, gone=f"{MERGED}{stays}", address_since=now)


def survivor(trail: Sequence[tuple[str, Instant]], stays: str) -> str:
    """Return which of the records that were merged into each other in a circle stays after all: the last one given up.

    `trail` leads from record to record, each with the instant at which it was given up; `stays` is where its last one
    leads. Empty where that closes no circle.
    """
    names = [name for name, _ in trail]
    if stays not in names:
        return ""
    return max(trail[names.index(stays) :], key=lambda each: (each[1], each[0]))[0]


def join(mine: Customer, other: Customer, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    """Join the facts of another record to one's own copy. Intervals between orders are counted anew across both."""
    mine.profile = _newest(mine.profile, other.profile, lambda each: (each[1], repr(each[0])))
    mine.trail = {
        kind: with_marks(kind, mine.trail.get(kind, ()), other.trail.get(kind, ()))
        for kind in {**mine.trail, **other.trail}
    }
    _join_orders(mine, other, gaps)
    redate(mine, lifecycle, gaps)
    for purpose, said in other.stopped.items():
        stop(mine, purpose, said)
    for key, permission in other.permission.items():
        permit(mine, key, permission)
    note(mine, *history(other))
    mine.ended = _newest(mine.ended, other.ended, lambda each: each.began)
    mine.life = _newest(mine.life, other.life, lambda each: each)
    mine.offers_had = {
        name: tuple(sorted((*mine.offers_had.get(name, ()), *other.offers_had.get(name, ()))))[-MAIL_MARKS_KEPT:]
        for name in {**mine.offers_had, **other.offers_had}
    }
    add_proofs(mine, other.proofs)
    mine.releases = _ring((*mine.releases, *other.releases), RELEASES_KEPT, lambda release: release.at)
    mine.promises = _ring((*mine.promises, *other.promises), PROMISES_KEPT, lambda promise: promise.at)
    for name in ("open_tickets", "solved_tickets", "used_codes", "voided_codes"):
        both = tuple(dict.fromkeys((*getattr(mine, name), *getattr(other, name))))
        setattr(mine, name, both[-REFS_KEPT:])
    mine.open_tickets = tuple(each for each in mine.open_tickets if each not in mine.solved_tickets)
    mine.tags = tuple(dict.fromkeys((*mine.tags, *other.tags)))[-TAGS_KEPT:]
    for name in (
        "refunded_at",
        "ticket_solved_at",
        "replied_at",
        "address_given",
        "last_mail",
        "other_mail",
        "sold_on",
        "data_requested",
    ):
        setattr(mine, name, max(getattr(mine, name), getattr(other, name)))
    find_last_reaction(mine)
    if other.last_items_at > mine.last_items_at:
        mine.last_items, mine.last_items_at = other.last_items, other.last_items_at
    mine.evidence = with_evidence(mine.evidence, other.evidence)
    mine.used_in = dict([*other.used_in.items(), *mine.used_in.items()][-MARKS_KEPT:])
    mine.codes_given = tuple(dict.fromkeys((*mine.codes_given, *other.codes_given)))[-MARKS_KEPT:]
    mine.drawn_as = mine.drawn_as or other.drawn_as
    mine.arrived = _ring((*mine.arrived, *other.arrived), ARRIVED_KEPT, lambda at: at)
    mine.held = tuple(sorted((*mine.held, *other.held), key=lambda each: (each.due, each.at, each.data.link)))[
        :HELD_KEPT
    ]
    if CLICKED in mine.trail or mine.held:
        judge_clicks(mine, lifecycle.engagement)


def joined_runs(mine: Customer, other: Customer, takes_the_place: set[str]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Return the runs that go over with their ids, and those that must end.

    Those end that are of a workflow which the other record is in already, or a second one where only one may be.
    """
    kept: list[Run] = []
    for run in other.runs:
        for own in (*mine.runs, *kept):
            if own.workflow == run.workflow or {own.workflow, run.workflow} <= takes_the_place:
                break
        else:
            kept.append(run)
    return tuple(kept), tuple(run for run in other.runs if run not in kept)


def _join_orders(mine: Customer, other: Customer, gaps: list[Gap]) -> None:
    emptied = copy(other)
    for order in other.orders:
        take_out_order(emptied, order, gaps)
    if other.folded is not None:
        mine.folded = _sums(mine.folded, other.folded)
    placed = {order.ref for order in (*mine.orders, *other.orders)}
    known = {order.ref for order in mine.orders}
    for order in other.orders:
        if order.ref not in known:
            insert_order(mine, order, gaps)
    off = dict.fromkeys(max(number, ~number) for number in (*mine.called_off, *other.called_off))
    met = placed.union(mine.called_off, other.called_off)
    mine.called_off = tuple(number if number in met else ~number for number in off)[-REFS_KEPT:]
    for order in mine.orders:
        if order.ref in off:
            call_off(mine, order, gaps)
    mine.delivered = tuple(dict.fromkeys((*mine.delivered, *other.delivered)))[-MARKS_KEPT:]
    mine.under_way = tuple(each for each in mine.under_way if each[0] not in off)
    put_under_way(mine, tuple(each for each in (*mine.under_way, *other.under_way) if each[0] not in off))
    mine.refunds = (*mine.refunds, *other.refunds)[-MARKS_KEPT:]
    meet_refunds(mine)


def _sums(one: Folded | None, two: Folded) -> Folded:
    if one is None:
        return two
    last, first = max(one, two, key=lambda each: each.last_at), min(one, two, key=lambda each: each.first_at)
    revenue = {
        currency: one.revenue.get(currency, 0) + two.revenue.get(currency, 0)
        for currency in {**one.revenue, **two.revenue}
    }
    return replace(
        last,
        orders=one.orders + two.orders,
        days=one.days + two.days,
        first_at=first.first_at,
        first_day=first.first_day,
        revenue=revenue,
    )


def _newest(mine: dict[str, _T], other: dict[str, _T], rank: Callable[[_T], Any]) -> dict[str, _T]:
    return {**mine, **{key: each for key, each in other.items() if key not in mine or rank(each) > rank(mine[key])}}


def _ring(entries: Iterable[_T], most: int, at: Callable[[_T], Any]) -> tuple[_T, ...]:
    return tuple(sorted(entries, key=at))[-most:]
