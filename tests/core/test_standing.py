"""Standings: prospect, active, reader, lapsed, former, judged in that order by the facts up to an instant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.cadence import Thresholds
from engine.core.customer import Customer
from engine.core.events import Event
from engine.core.moments import DAY, SECOND, Instant, Length
from engine.core.rules import LapseRule, Lifecycle, ReaderRule, Standing
from engine.core.standing import evidence, judge, threshold_days
from tests.builders import PLAIN, START, ago, allowed, at, event, folded, order

SIXTY = Thresholds(overall=60, one_time=60)


def standing(*events: Event, now: Instant = START, lifecycle: Lifecycle = PLAIN, thresholds: Thresholds = SIXTY) -> str:
    """What a customer with these events is at an instant."""
    return judge(folded(*events, lifecycle=lifecycle), now, lifecycle, thresholds).standing.value


def days_before(days: int) -> Instant:
    """So many times 24 hours before the start."""
    return START - days * DAY


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "prospect"),
        ([event("email.clicked", days_before(1))], "prospect"),
        ([order(1, days_before(10))], "active"),
        ([order(1, days_before(60))], "active"),
        ([order(1, days_before(61))], "lapsed"),
        ([order(1, days_before(61)), event("email.clicked", days_before(5))], "reader"),
        ([order(1, days_before(61)), event("email.clicked", ago("90d"))], "lapsed"),
        ([order(1, days_before(61)), event("email.clicked", days_before(89))], "reader"),
        ([order(1, days_before(61)), event("email.clicked", days_before(5), machine=True)], "lapsed"),
        ([order(1, days_before(61)), event("email.opened", days_before(5))], "lapsed"),
        ([order(1, days_before(61)), event("email.replied", days_before(5))], "reader"),
        ([order(1, days_before(61)), event("email.replied", days_before(5), kind="auto_reply")], "lapsed"),
        ([order(1, days_before(61)), event("customer.logged_in", days_before(5))], "reader"),
        ([order(1, days_before(61)), event("customer.visited", days_before(5))], "lapsed"),
        ([order(1, days_before(61)), event("newsletter.confirmed", days_before(5))], "reader"),
        ([order(1, days_before(61)), event("newsletter.subscribed", days_before(5))], "lapsed"),
        (
            [order(1, days_before(100)), order(2, days_before(5)), event("order.cancelled", START, order_id="2")],
            "lapsed",
        ),
        ([order(1, days_before(5)), event("order.cancelled", START, order_id="1")], "prospect"),
        ([order(1, days_before(5)), event("order.refunded", START, order_id="1")], "active"),
    ],
)
def test_the_order_of_judgement(events: list[Event], expected: str) -> None:
    """No order is a prospect, whatever they click; then what orders say, then signs of life of people."""
    assert standing(*events) == expected


@pytest.mark.parametrize(
    ("last_order", "zone_name", "lapses"),
    [
        ("2026-01-05 23:59", "Europe/Berlin", "2026-03-07"),  # 60 idle days on 6 March
        ("2024-01-05 00:00", "Europe/Berlin", "2024-03-06"),  # a leap year
        ("2026-02-20 12:00", "Europe/Berlin", "2026-04-22"),  # over the change to summer time
        ("2026-09-10 12:00", "America/New_York", "2026-11-10"),  # and back
        ("2025-07-16 12:00", "America/Santiago", "2025-09-15"),
        ("2026-01-05 23:59", "Pacific/Auckland", "2026-03-07"),
    ],
)
def test_a_lapse_begins_with_the_first_day_that_has_more_idle_days(
    last_order: str, zone_name: str, lapses: str
) -> None:
    """At its midnight in the customer's zone, and not a microsecond earlier."""
    events = [event("profile.updated", 1, timezone=zone_name), order(1, at(last_order, zone_name))]
    begins = at(lapses, zone_name)
    assert standing(*events, now=begins - 1) == "active"
    assert standing(*events, now=begins) == "lapsed"
    assert judge(folded(*events), begins - 1, PLAIN, SIXTY).next_doubt == begins
    assert judge(folded(*events), begins, PLAIN, SIXTY).lapsed_at == begins


def test_reading_ends_at_the_same_clock_time() -> None:
    """`within: 90d` after a click leaves out its far end, also over a change of clocks."""
    clicked = at("2026-01-05 10:30")
    events = [order(1, at("2025-01-01")), event("email.clicked", clicked)]
    assert standing(*events, now=at("2026-04-05 10:30") - 1) == "reader"
    assert standing(*events, now=at("2026-04-05 10:30")) == "lapsed"


def test_which_signs_make_a_reader_can_be_said() -> None:
    """`reader: {any_of: [reply], within: 10d}` counts replies alone, so long."""
    lifecycle = replace(PLAIN, reader=ReaderRule(("reply",), Length(days=10)))
    clicks = [order(1, days_before(100)), event("email.clicked", days_before(1))]
    assert standing(*clicks, lifecycle=lifecycle) == "lapsed"
    assert standing(*clicks, event("email.replied", days_before(9)), lifecycle=lifecycle) == "reader"
    assert standing(*clicks, event("email.replied", days_before(10)), lifecycle=lifecycle) == "lapsed"


def former(*events: Event) -> Customer:
    """Somebody who was said farewell to on START."""
    customer = folded(*events)
    customer.standing, customer.standing_since = Standing.FORMER, START
    return customer


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (event("email.clicked", START + DAY), "former"),
        (event("customer.logged_in", START + DAY), "former"),
        (order(2, START - DAY), "former"),
        (order(2, START + DAY), "active"),
    ],
)
def test_only_an_order_brings_a_former_customer_back(then: Event, expected: str) -> None:
    """A click does not, nor does an order that was placed before the farewell and told late."""
    customer = folded(then, into=former(order(1, days_before(300))))
    assert judge(customer, START + 2 * DAY, PLAIN, SIXTY).standing.value == expected


def test_so_many_days_lapsed_make_former_where_it_is_said() -> None:
    """`former_after: 100d` counts from the lapse, or from the end of reading."""
    lifecycle = replace(PLAIN, former_after=Length(days=100))
    one = [order(1, at("2025-01-01"))]  # lapses on 3 March
    assert standing(*one, now=at("2025-06-11") - 1, lifecycle=lifecycle) == "lapsed"
    assert standing(*one, now=at("2025-06-11"), lifecycle=lifecycle) == "former"
    reads = [*one, event("email.clicked", at("2025-03-01"))]  # until 30 May
    assert standing(*reads, now=at("2025-09-06"), lifecycle=lifecycle) == "lapsed"
    assert standing(*reads, now=at("2025-09-07"), lifecycle=lifecycle) == "former"


# After how many days ---------------------------------------------------------------------------------------------------


def days(*events: Event, lifecycle: Lifecycle = PLAIN, thresholds: Thresholds) -> int:
    """The most idle days that are no lapse yet, for a customer with these events."""
    customer = folded(*events, lifecycle=lifecycle)
    return threshold_days(customer, customer.orders[-1].day, lifecycle, thresholds)


def test_one_time_buyers_may_have_a_rule_of_their_own() -> None:
    """Orders of one day are one; with `same` there is no difference."""
    own = replace(PLAIN, one_time_buyers=LapseRule("days", (90, 1)))
    both = Thresholds(overall=60, one_time=90)
    assert days(order(1, START), lifecycle=own, thresholds=both) == 90
    assert days(order(1, START), order(2, START + SECOND), lifecycle=own, thresholds=both) == 90
    assert days(order(1, START), order(2, START + DAY), lifecycle=own, thresholds=both) == 60
    assert days(order(1, START), thresholds=both) == 60


def test_the_longest_category_of_the_last_order_counts() -> None:
    """Too early costs money; a category without intervals of its own counts as the shop."""
    thresholds = Thresholds(overall=60, one_time=60, categories={"tea": 30, "pots": 200})
    tea, pots = {"category": "tea"}, {"category": "pots"}
    assert days(order(1, START, items=(tea,)), thresholds=thresholds) == 30
    assert days(order(1, START, items=(tea, pots)), thresholds=thresholds) == 200
    assert days(order(1, START, items=({"category": "cups"},)), thresholds=thresholds) == 60
    assert days(order(1, START, items=(pots,)), order(2, START + DAY, items=(tea,)), thresholds=thresholds) == 30


def test_an_own_interval_needs_two_closed_ones() -> None:
    """Three order days, 20 days apart in the mean, twice that is 40; with fewer it is the shop's."""
    thresholds = Thresholds(overall=60, one_time=60, own_factor=(2, 1))
    orders = [order(1, START), order(2, START + 10 * DAY), order(3, START + 40 * DAY)]
    assert days(*orders, thresholds=thresholds) == 40
    assert days(*orders[:2], thresholds=thresholds) == 60
    assert days(order(0, START), *orders[:2], thresholds=thresholds) == 60  # two orders of one day


@pytest.mark.parametrize(("apart", "bounded"), [(5, 30), (300, 400)])
def test_floor_and_ceiling_bound_what_is_measured(apart: int, bounded: int) -> None:
    """`lapsed_at_least` and `lapsed_at_most`, for a customer's own rhythm too."""
    thresholds = Thresholds(overall=60, one_time=60, own_factor=(2, 1))
    orders = [order(number, START + number * apart * DAY) for number in range(3)]
    assert days(*orders, thresholds=thresholds) == bounded


def test_the_past_is_judged_by_the_orders_up_to_it() -> None:
    """Looking back to a day, later orders change nothing: neither the own rhythm nor the category."""
    thresholds = Thresholds(overall=60, one_time=60, own_factor=(2, 1))
    early = [order(number, at("2025-01-01") + number * 20 * DAY) for number in range(3)]
    late = [order(number, at("2025-12-01") + number * DAY) for number in range(4, 9)]
    then = at("2025-04-01")
    known_then = judge(folded(*early), then, PLAIN, thresholds)
    assert judge(folded(*early, *late), then, PLAIN, thresholds) == replace(
        known_then, next_doubt=known_then.next_doubt or late[0].time
    )


# Evidence -------------------------------------------------------------------------------------------------------------


def test_evidence_says_what_a_standing_rests_on() -> None:
    """The last order, the idle days, the allowance, the last sign of life, and whether reading may be observed."""
    customer = folded(order(1, days_before(61)), event("email.clicked", days_before(5)))
    assert evidence(customer, START, PLAIN, SIXTY) == [
        "last order on 2025-11-05, 61 idle days, 60 are not yet a lapse",
        "last click on 2025-12-31",
        "reading: not observed",
    ]
    customer.permission = allowed("tracking")
    assert evidence(customer, START, PLAIN, SIXTY)[-1] == "last click on 2025-12-31"
    assert evidence(Customer("eve"), START, PLAIN, SIXTY)[0] == "no order yet"


def test_money_is_no_reason_for_a_standing() -> None:
    """An order that was free of charge is an order."""
    assert standing(order(1, days_before(5), total=str(Decimal(0)))) == "active"
