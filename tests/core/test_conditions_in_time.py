"""Walking through time half hour by half hour finds what `holds_from` and `ceases` tell in advance, for every condition.

What a walk finds is worked out anew here, plainly and from the facts alone, around both changes of the clocks in zones
that make them on different days, by an hour or by half of one, or not at all.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.conditions import NEVER, View, ceases, holds, holds_from
from engine.core.customer import Customer, Ended, Evidence, Mark, Order, Permission, Release, Return
from engine.core.moments import HOUR, MINUTE, Instant, Length, Zone, day_number, iso_day, zone
from engine.core.money import Money
from engine.core.occasions import last_day, next_day
from engine.core.rules import (
    AnyCondition,
    CauseIs,
    Condition,
    Declining,
    EventSeen,
    FieldIs,
    Mode,
    Not,
    Occasion,
    OccasionNear,
    OfferHad,
    PermissionIs,
    PermissionRule,
    Returned,
    Standing,
    TemplateSent,
    WorkflowEnded,
)
from tests.builders import PLAIN, at

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
)
STEP = 30 * MINUTE
HORIZON = 14 * 48  # steps
MIDDLES = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-09-27", "2026-10-25", "2026-11-01", "2028-02-29")

OCCASIONS = {
    "fixed": Occasion(name="fixed", kind="date", month=3, day=29),
    "in_autumn": Occasion(name="in_autumn", kind="date", month=10, day=25),
    "easter": Occasion(name="easter", kind="easter", offset=0),
    "leap": Occasion(name="leap", kind="date", month=2, day=29),
    "sunday": Occasion(name="sunday", kind="weekday", month=10, weekday=6, nth=-1),
    "birthday": Occasion(name="birthday", kind="customer", field="birthday"),
    "jubilee": Occasion(name="jubilee", kind="date", month=4, day=5, since=2026, every=2),
}
RULES = replace(PLAIN, occasions=OCCASIONS, permission=PermissionRule(unused_block=None), returns_within=Length(days=9))

LENGTHS = st.one_of(
    st.integers(1, 9).map(lambda days: Length(days=days)),
    st.integers(1, 40).map(lambda hours: Length(minutes=60 * hours)),
)
DAYS = st.integers(0, 6).map(lambda days: Length(days=days))
OFFSETS = st.lists(st.integers(-10 * 48, 4 * 48), max_size=6, unique=True).map(sorted)  # steps from now; some are ahead


# What is true at an instant, worked out plainly ----------------------------------------------------------------------


def among(times: list[Instant], length: Length | None, t: Instant, there: Zone, least: int = 1) -> bool:
    """Whether the `least`-th latest of the instants by then is not longer ago than the length."""
    past = [each for each in times if each <= t]
    return len(past) >= least and (length is None or t < there.after(past[-least], length))


def is_day(occasion: Occasion, customer: Customer, day: int) -> bool:
    """Whether a day is the occasion, by looking at that day alone."""
    today = date.fromisoformat(iso_day(day))
    month_day = (today.month, today.day)
    if occasion.kind == "customer":
        born = str(customer.value(occasion.field) or "")[-5:]
        return bool(born) and month_day == (int(born[:2]), int(born[3:]))
    if today.year < occasion.since or (today.year - (occasion.since or 1)) % occasion.every:
        return False
    if occasion.kind == "easter":
        return day == gauss(today.year) + occasion.offset
    if occasion.kind == "weekday":
        last = (today + timedelta(days=7)).month != today.month
        return today.month == occasion.month and today.weekday() == occasion.weekday and last
    is_leap = today.year % 4 == 0 and (today.year % 100 != 0 or today.year % 400 == 0)
    return month_day == (
        (2, 28) if (occasion.month, occasion.day) == (2, 29) and not is_leap else (occasion.month, occasion.day)
    )


def gauss(year: int) -> int:
    """Easter Sunday of 1900 to 2199 by Gauss's rule, with the numbers of those centuries."""
    m, n = (24, 5) if year < 2100 else (24, 6)
    a, b, c = year % 19, year % 4, year % 7
    d = (19 * a + m) % 30
    e = (2 * b + 4 * c + 6 * d + n) % 7
    if (d, e) == (29, 6) or ((d, e) == (28, 6) and (11 * m + 11) % 30 < 19):
        e -= 7
    return day_number(year, 3, 22) + d + e


def truth(condition: Condition, customer: Customer, t: Instant, there: Zone) -> bool:
    """Whether a condition holds at an instant."""
    today = there.day(t)
    match condition:
        case Not():
            return not truth(condition.condition, customer, t, there)
        case EventSeen():
            return seen(condition, customer, t, there)
        case Returned():
            back = customer.returned
            return back is not None and among([back.at], condition.within or RULES.returns_within, t, there)
        case OfferHad():
            codes = [code for code, offer in customer.codes_given if offer == condition.offer]
            used = bool(codes) and codes[-1] in customer.used_codes
            times = list(customer.offers_had.get(condition.offer, ()))
            return condition.used in (None, used) and among(times, condition.had_within, t, there)
        case TemplateSent():
            times = [each.at for each in customer.releases if each.template == condition.template]
            return among(times, condition.within, t, there)
        case WorkflowEnded():
            past = customer.ended.get(condition.workflow)
            is_meant = past is not None and condition.outcome in ("", past.outcome)
            return past is not None and is_meant and among([past.at], condition.ended_within, t, there)
        case CauseIs():
            return caused(condition, customer, t, there)
        case Declining():
            days = sorted({order.day for order in customer.orders if order.at <= t})
            gaps = [later - earlier for earlier, later in pairwise(days)]
            last, before = gaps[-3:], gaps[:-3]
            return len(days) >= 6 and 2 * sum(last) * len(before) >= 3 * sum(before) * 3
        case OccasionNear():
            occasion = OCCASIONS[condition.occasion]
            around = range(today - condition.after.days, today + condition.before.days + 1)
            return any(is_day(occasion, customer, day) for day in around)
        case PermissionIs():
            given = customer.permission["newsletter/email"]
            end = there.start((given.expires or 0) + 1)
            old = condition.given_before is None or t >= there.after(given.at, condition.given_before)
            near = condition.lapses_within is None or t >= there.before(end, condition.lapses_within)
            return t < end and old and near
        case FieldIs():
            return compared(condition, customer, t, there)
    raise TypeError(condition)


def seen(condition: EventSeen, customer: Customer, t: Instant, there: Zone) -> bool:
    """Whether the event was seen so often within the length, or since the occasion's last day."""
    times = [mark.at for mark in customer.trail.get(condition.event, ())]
    if not condition.since:
        return among(times, condition.within, t, there, condition.at_least) is not condition.absent
    today = there.day(t)
    days = (day for day in range(today, today - 800, -1) if is_day(OCCASIONS[condition.since], customer, day))
    last = next(days, None)
    if last is None:
        return False
    return (sum(last <= there.day(each) and each <= t for each in times) >= condition.at_least) is not condition.absent


def caused(condition: CauseIs, customer: Customer, t: Instant, there: Zone) -> bool:
    """Whether the strongest, then newest evidence since the last order is of one of the causes, and new enough."""
    last = max([order.at for order in customer.orders if order.at <= t], default=0)
    counting = [each for each in customer.evidence if last <= each.at <= t]
    if not counting:
        return False
    best = max(counting, key=lambda each: (each.strength, each.at, each.cause))
    return best.cause in condition.any_of and among([best.at], condition.within, t, there)


def compared(condition: FieldIs, customer: Customer, t: Instant, there: Zone) -> bool:
    """Whether a field passes its tests."""
    today = there.day(t)
    if condition.field == "contract_ends":
        start, past = there.start(CONTRACT), there.start(CONTRACT + 1)
        ahead = condition.within_next is None or there.before(start, condition.within_next) <= t < past
        behind = condition.within_last is None or start <= t < there.after(past, condition.within_last)
        return ahead and behind
    if condition.field == "idle_days":
        value = today - customer.orders[-1].day
        low, high = condition.at_least, condition.at_most
    else:
        value = sum(order.amount for order in customer.orders if today - 365 < order.day <= today)
        low, high = (
            each.amount if isinstance(each, Money) else None for each in (condition.at_least, condition.at_most)
        )
    assert not isinstance(low, str | Money)
    assert not isinstance(high, str | Money)
    return (low is None or value >= low) and (high is None or value <= high)


CONTRACT = day_number(2026, 3, 29)


# Customers and conditions --------------------------------------------------------------------------------------------


@st.composite
def customers(draw: st.DrawFn, now: Instant, there: Zone) -> Customer:
    """Somebody with something of everything, in the days around now."""

    def times() -> list[Instant]:
        return [now + steps * STEP for steps in draw(OFFSETS)]

    ago = draw(st.lists(st.integers(0, 380), min_size=1, max_size=9))
    ordered = sorted({now - days * 24 * HOUR + draw(st.integers(0, 4 * 48)) * STEP for days in ago} | set(times()))
    orders = [Order(each, there.day(each), place, 1000 * (place % 4), "EUR") for place, each in enumerate(ordered)]
    causes = ("price", "quality", "service")
    evidence = [
        Evidence(each, draw(st.sampled_from(causes)), "survey.answered", draw(st.integers(1, 3))) for each in times()
    ]
    codes = draw(st.lists(st.sampled_from([("A", "ten"), ("B", "ten"), ("C", "gift")]), max_size=3, unique=True))
    return Customer(
        "ada",
        profile={
            "timezone": (there.name, 0),
            "birthday": (draw(st.sampled_from(["1990-03-29", "--10-25", "02-28", ""])), 0),
            "contract_ends": (iso_day(CONTRACT), 0),
        },
        orders=tuple(orders),
        trail={"customer.visited": tuple(Mark(each) for each in times())},
        evidence=tuple(evidence),
        permission={
            "newsletter/email": Permission(
                True, now - draw(st.integers(0, 900)) * STEP, "express", there.day(now) + draw(st.integers(-2, 12))
            ),
        },
        returned=Return(now - draw(st.integers(-48, 450)) * STEP, Standing.LAPSED, 1),
        offers_had={"ten": tuple(times())},
        codes_given=tuple(codes),
        used_codes=tuple(draw(st.lists(st.sampled_from(["A", "B"]), max_size=2, unique=True))),
        releases=tuple(Release(each, "marketing", "hello", str(each)) for each in times()),
        ended={"win-back": Ended(0, now - draw(st.integers(-48, 450)) * STEP, "won", 1, Mode.LIVE)},
    )


OPTIONAL = st.none() | LENGTHS
OCCASION = st.sampled_from(sorted(OCCASIONS))
KINDS: dict[str, st.SearchStrategy[AnyCondition]] = {
    "event": st.builds(
        EventSeen,
        event=st.just("customer.visited"),
        absent=st.booleans(),
        within=OPTIONAL,
        at_least=st.integers(1, 3),
    ),
    "since": st.builds(
        EventSeen,
        event=st.just("customer.visited"),
        absent=st.booleans(),
        since=OCCASION,
        at_least=st.integers(1, 2),
    ),
    "returned": st.builds(Returned, from_standings=st.just((Standing.LAPSED,)), within=OPTIONAL),
    "offer": st.builds(OfferHad, offer=st.just("ten"), had_within=OPTIONAL, used=st.none() | st.booleans()),
    "sent": st.builds(TemplateSent, template=st.just("hello"), within=OPTIONAL),
    "workflow": st.builds(
        WorkflowEnded,
        workflow=st.just("win-back"),
        ended_within=OPTIONAL,
        outcome=st.sampled_from(["", "won", "lost"]),
    ),
    "cause": st.builds(CauseIs, any_of=st.sampled_from([("price",), ("quality", "service")]), within=OPTIONAL),
    "declining": st.just(Declining(what="gaps")),
    "occasion": st.builds(OccasionNear, occasion=OCCASION, before=DAYS, after=DAYS),
    "permission": st.builds(
        PermissionIs, permission=st.just("newsletter"), given_before=OPTIONAL, lapses_within=OPTIONAL
    ),
    "day": st.builds(FieldIs, field=st.just("contract_ends"), within_next=OPTIONAL, within_last=OPTIONAL),
    "idle_days": st.builds(
        FieldIs,
        field=st.just("idle_days"),
        at_least=st.none() | st.integers(0, 40),
        at_most=st.none() | st.integers(0, 40),
    ),
    "revenue_365d": st.builds(
        FieldIs,
        field=st.just("revenue_365d"),
        at_least=st.none() | st.integers(0, 6).map(lambda tens: Money(1000 * tens, "EUR")),
        at_most=st.none() | st.integers(0, 6).map(lambda tens: Money(1000 * tens, "EUR")),
    ),
}


@st.composite
def situations(draw: st.DrawFn, kind: str) -> tuple[AnyCondition, View]:
    """A condition of a kind or its negation, and somebody in a zone at an instant near a change of the clocks."""
    there = zone(draw(st.sampled_from(ZONES)))
    now = at(f"{draw(st.sampled_from(MIDDLES))} 00:00", "UTC") + draw(st.integers(-12 * 48, 3 * 48)) * STEP
    condition = draw(KINDS[kind])
    if draw(st.booleans()):
        condition = Not(condition=condition)
    return condition, View(draw(customers(now, there)), now, RULES)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)  # each walks through 670 half hours
@given(data=st.data())
def test_what_is_told_in_advance_is_what_a_walk_finds(kind: str, data: st.DataObject) -> None:
    """The first instant at which it holds, and the one at which that ends: not a step earlier or later."""
    condition, view = data.draw(situations(kind))
    customer, now, there = view.customer, view.now, view.zone
    begins = holds_from(condition, view)
    assert begins >= now
    assert holds(condition, view) is (begins == now) is truth(condition, customer, now, there)
    turns = begins if begins > now else ceases(condition, view)
    assert turns > now
    as_now = begins == now
    for steps in range(1, HORIZON):
        t = now + steps * STEP
        if truth(condition, customer, t, there) is not as_now:
            assert turns == t
            return
    assert turns > now + (HORIZON - 1) * STEP


@given(data=st.data())
def test_an_occasions_days_are_those_that_a_walk_finds(data: st.DataObject) -> None:
    """The next one and the last one, from any day on, through years with and without a 29 February."""
    occasion = OCCASIONS[data.draw(OCCASION)]
    customer = Customer("ada", profile={"birthday": ("--02-28", 0)})
    day = data.draw(st.integers(day_number(2023, 1, 1), day_number(2033, 1, 1)))
    after = (each for each in range(day, day + 1500) if is_day(occasion, customer, each))
    before = (each for each in range(day, day - 1500, -1) if is_day(occasion, customer, each))
    assert next_day(occasion, customer, day) == next(after, None)
    assert last_day(occasion, customer, day) == next(before, None)


def test_never_is_later_than_any_clock() -> None:
    """What only an event can bring about is told as NEVER."""
    assert at("2199-12-31", "UTC") < NEVER
