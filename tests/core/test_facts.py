"""What each type of event does to the record."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.address import judge_address
from engine.core.customer import MARKS_KEPT, Customer, Permission, Stop, decode, encode
from engine.core.events import DATA, Event
from engine.core.facts import fold
from engine.core.fields import field_value, revenue
from engine.core.fields import summary as summarised
from engine.core.moments import DAY, HOUR, Instant, Length, parse_day, zone
from engine.core.orders import Gap
from engine.core.rules import DeadAddressRule, OwnEvent
from tests.builders import PLAIN, START, ago, allowed, at, event, folded, order, somebody


def cancelled(number: int | str, time: Instant = START) -> Event:
    """A cancellation."""
    return event("order.cancelled", time, order_id=str(number))


def refunded(number: int | str, time: Instant = START, **data: Any) -> Event:
    """A refund, of everything unless an amount is given."""
    return event("order.refunded", time, order_id=str(number), **data)


# Orders --------------------------------------------------------------------------------------------------------------


def test_an_order_says_when_what_and_for_how_much() -> None:
    """Day, money, categories, what was last bought, who paid with which code, and that it is under way."""
    items = (
        {"name": "Tea", "category": "tea"},
        {"sku": "P-1", "category": "pots"},
        {"name": "More", "category": "tea"},
    )
    customer = folded(order(7, START, "49.90", items=items, coupon="WB-X", email="ada@example.org"))
    (kept,) = customer.orders
    assert (kept.day, kept.amount, kept.currency, kept.categories) == (20_458, 4_990, "EUR", ("tea", "pots"))
    assert customer.last_items == ("Tea", "P-1", "More")
    assert customer.used_codes == ("WB-X",)
    assert customer.value("email") == "ada@example.org"
    assert [at for _, at in customer.under_way] == [START]
    assert customer.last_reaction == START


def test_an_orders_address_does_not_replace_a_known_one() -> None:
    """What they were asked about stands; an order may have gone to a friend."""
    assert folded(order(1, START, email="friend@example.org"), into=somebody()).value("email") == "ada@example.org"


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([order(1, START), refunded(1)], 0),
        ([order(1, START), refunded(1, amount="12.50")], 3_750),
        ([order(1, START), refunded(1, amount="12.50"), refunded(1, amount="12.50")], 2_500),
        ([order(1, START), refunded(1, amount="99")], 0),
        ([order(1, START), refunded(1, amount="5", currency="USD")], 5_000),
        ([refunded(1, amount="12.50"), refunded(1, amount="12.50"), order(1, START)], 2_500),
        ([refunded(1), order(1, START)], 0),
        ([refunded(2, amount="5"), order(1, START)], 5_000),
        ([order(1, START), refunded(1, amount="12.509")], 3_750),
    ],
)
def test_refunds_are_taken_off_before_or_after(events: list[Event], left: int) -> None:
    """Partly or whole, also when they are told before their order; never below nothing."""
    assert revenue(folded(*events)) == {"EUR": left}


def test_a_refund_without_currency_is_in_its_orders() -> None:
    """Also when the order is in another than the shop's, and comes later: yen have no cents."""
    yen = order(1, START, "5000", currency="JPY")
    assert revenue(folded(yen, refunded(1, amount="2000"))) == {"JPY": 3_000}
    assert revenue(folded(refunded(1, amount="2000"), yen)) == {"JPY": 3_000}


@pytest.mark.parametrize("events", [[order(1, START), cancelled(1)], [cancelled(1), order(1, START)]])
def test_a_cancelled_order_is_as_if_it_had_never_been(events: list[Event]) -> None:
    """Its day, money, mark and sign of life go, whichever came first."""
    customer = folded(*events)
    assert (customer.orders, customer.under_way, customer.last_reaction) == ((), (), 0)
    assert "order.placed" not in customer.trail


@pytest.mark.parametrize(
    "events",
    [
        [order(1, START), event("order.delivered", START, order_id="1")],
        [event("order.delivered", START, order_id="1"), order(1, START)],
    ],
)
def test_a_delivered_order_is_no_longer_under_way(events: list[Event]) -> None:
    """Whichever is told first."""
    customer = folded(*events)
    assert (customer.under_way, customer.delivered) == ((), ())


def test_orders_move_with_the_customers_zone() -> None:
    """A day is one of their calendar: an order late at night in Berlin was placed the next day in Auckland."""
    late, early = order(1, at("2026-01-05 23:30")), order(2, at("2026-01-06 00:30"))
    moved = folded(late, early, event("profile.updated", START, timezone="Pacific/Auckland"))
    assert len({each.day for each in moved.orders}) == 1
    assert {each.day for each in moved.orders} == {zone("Pacific/Auckland").day(late.time)}
    assert field_value(moved, "order_days", START, PLAIN) == 1


def test_a_zone_nobody_knows_counts_as_none() -> None:
    """The shop's is taken, and nothing breaks."""
    customer = folded(order(1, START), event("profile.updated", START, timezone="Atlantis/Main_Street"))
    assert customer.orders[0].day == 20_458


# Address -------------------------------------------------------------------------------------------------------------


def bounce(kind: str, time: Instant, **data: Any) -> Event:
    """A bounce of some kind."""
    return event("email.bounced", time, kind=kind, **data)


@pytest.mark.parametrize(
    ("events", "judged"),
    [
        ([], "ok"),
        ([bounce("dead", START)], "dead"),
        ([bounce("unknown", START)], "doubtful"),
        ([bounce("", START, status="5.0.0")], "doubtful"),
        ([bounce("", START, status="4.2.2")], "ok"),
        ([bounce("full", START), bounce("policy", START), bounce("spam", START), bounce("soft", START)], "ok"),
        ([bounce("unknown", START + 7 * DAY * n) for n in range(2)], "doubtful"),
        ([bounce("unknown", START + 7 * DAY * n) for n in range(3)], "dead"),
        ([bounce("unknown", START + 7 * DAY * n - n) for n in range(3)], "doubtful"),  # not quite a week apart
        ([bounce("unknown", START + HOUR * n) for n in range(10)], "doubtful"),
        ([bounce("dead", START), event("email.clicked", START + 1)], "ok"),
        ([bounce("dead", START), event("email.clicked", START + 1, machine=True)], "dead"),
        ([bounce("dead", START), event("email.opened", START + 1)], "dead"),
        ([bounce("dead", START), event("email.clicked", START - 1)], "dead"),
        ([bounce("dead", START), order(1, START + 1)], "ok"),
        ([bounce("dead", START), order(1, START + 1), cancelled(1)], "dead"),
        ([bounce("dead", START), event("customer.logged_in", START + 1)], "dead"),  # says nothing of the mailbox
        ([bounce("dead", START), event("profile.updated", START + 1, email="new@example.org")], "ok"),
        ([bounce("dead", START), event("profile.updated", START + 1, email="ADA@example.org")], "dead"),  # the same
        (
            [
                event("profile.updated", START, email="new@example.org"),
                bounce("dead", START + 1, email="ada@example.org"),
            ],
            "ok",
        ),
        ([bounce("dead", START, email="Ada@Example.org")], "dead"),
    ],
)
def test_proofs_against_an_address(events: list[Event], judged: str) -> None:
    """One beyond doubt or three weeks of doubt kill it; a click, an order or another address afterwards revives it."""
    assert judge_address(folded(*events, into=somebody()), PLAIN).value == judged


def test_how_many_proofs_it_takes_can_be_said() -> None:
    """`dead_address: {clear_proofs: 2, doubtful_proofs: 1}`."""
    rule = PLAIN.__class__(dead_address=DeadAddressRule(2, 2, Length(days=1)))
    assert judge_address(folded(bounce("dead", START)), rule).value == "doubtful"
    assert judge_address(folded(bounce("dead", START), bounce("dead", START + 1)), rule).value == "dead"
    assert judge_address(folded(bounce("unknown", START), bounce("unknown", START + DAY)), rule).value == "dead"


def test_a_forgotten_address_may_be_given_anew() -> None:
    """Null forgets it; later another is given, by the profile."""
    forgotten = folded(event("profile.updated", START, email=None), into=somebody())
    assert forgotten.value("email") is None
    given = folded(event("profile.updated", START + 1, email="new@example.org"), into=forgotten)
    assert given.value("email") == "new@example.org"


# Permission ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "stopped"),
    [
        ([event("email.unsubscribed", START)], {"marketing", "newsletter"}),
        ([event("email.unsubscribed", START, purpose="newsletter")], {"newsletter"}),
        ([event("email.unsubscribed", START, purpose="of something else")], {"marketing", "newsletter"}),
        ([event("email.complained", START)], {"marketing", "newsletter"}),
        ([event("account.closed", START)], {"marketing", "newsletter"}),
        ([event("email.unsubscribed", START), event("newsletter.confirmed", START + 1)], {"marketing"}),
        ([event("email.unsubscribed", START), event("newsletter.confirmed", START)], {"marketing", "newsletter"}),
        ([event("newsletter.confirmed", START + 1), event("email.unsubscribed", START)], {"marketing"}),
        ([event("email.unsubscribed", START), event("newsletter.subscribed", START + 1)], {"marketing", "newsletter"}),
        (
            [
                event("email.unsubscribed", START),
                event("consent.given", START + 1, purpose="marketing", channel="phone"),
            ],
            {"marketing", "newsletter"},
        ),
    ],
)
def test_a_no_stops_and_only_a_later_yes_allows_again(events: list[Event], stopped: set[str]) -> None:
    """For its purpose, else for both; at one instant the no wins, in either order of arrival."""
    assert set(folded(*events, into=somebody()).stopped) == stopped


def test_consents_are_kept_by_purpose_and_channel() -> None:
    """The newest counts; an unreadable withdrawal is one from everything."""
    customer = folded(
        event("consent.given", START, purpose="marketing", basis="existing_customer", expires="2027-01-01"),
        event("consent.given", START, purpose="newsletter", channel="sms"),
        event("consent.withdrawn", START - 1, purpose="marketing"),
    )
    assert customer.permission["marketing/email"] == Permission(
        True, START, "existing_customer", parse_day("2027-01-01")
    )
    assert customer.permission["newsletter/sms"] == Permission(True, START)  # the ordinary basis is not written
    unreadable = event("consent.withdrawn", START + 1, purpose="marketing")
    no = Event(unreadable.id, "t", unreadable.type, START + 1, "ada", DATA["consent.withdrawn"](""))
    assert {key for key, each in folded(no, into=somebody()).permission.items() if not each.given} == set(allowed())


def test_a_workflows_stop_is_older_than_a_later_yes() -> None:
    """A confirmation lifts the stop that silence led to."""
    customer = somebody(stopped={"newsletter": Stop(START, "workflow w")})
    assert folded(event("newsletter.confirmed", START + 1), into=customer).stopped == {}


# The rest ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "events",
    [
        [event("ticket.opened", START, ticket_id="1"), event("ticket.solved", START + 1, ticket_id="1")],
        [event("ticket.solved", START + 1, ticket_id="1"), event("ticket.opened", START, ticket_id="1")],
    ],
)
def test_a_ticket_is_open_until_it_is_solved(events: list[Event]) -> None:
    """Whichever is told first."""
    customer = folded(*events)
    assert (customer.open_tickets, customer.ticket_solved_at) == ((), START + 1)
    assert folded(events[0] if events[0].type == "ticket.opened" else events[1]).open_tickets != ()


@pytest.mark.parametrize(
    ("kind", "data", "life"),
    [
        ("email.clicked", {}, "click"),
        ("email.clicked", {"machine": True}, ""),
        ("email.opened", {}, ""),
        ("email.replied", {}, "reply"),
        ("email.replied", {"kind": "auto_reply"}, ""),
        ("customer.logged_in", {}, "login"),
        ("customer.visited", {}, ""),
        ("newsletter.confirmed", {}, "confirmation"),
        ("newsletter.subscribed", {}, ""),
        ("survey.answered", {}, "reply"),
        ("invitation.answered", {}, "reply"),
        ("hand_off.answered", {}, "reply"),
        ("hand_off.answered", {"result": "not_reached"}, ""),
        ("email.delivered", {}, ""),
    ],
)
def test_signs_of_life(kind: str, data: dict[str, Any], life: str) -> None:
    """Clicks, replies, logins and confirmations of people; opens, visits and machines prove nothing."""
    customer = folded(event(kind, START, **data))
    assert customer.life == ({life: START} if life else {})
    assert customer.last_reaction == (START if life else 0)


def test_a_shops_own_event_may_show_life() -> None:
    """Where events.yaml says so."""
    review = event("review.written", START, stars=5)
    for shows in (True, False):
        customer = Customer("ada")
        gaps: list[Gap] = []
        fold(customer, review, PLAIN, OwnEvent("review.written", "A review", {"stars": "number"}, shows), gaps)
        assert customer.life == ({"other": START} if shows else {})
        assert customer.trail["review.written"][0].fields == {"stars": 5}


def test_mails_of_others_are_told_apart_from_ours() -> None:
    """A sender's name says it is another's; a service mail of theirs keeps nothing waiting."""
    ours = folded(event("email.sent", START))
    theirs = folded(event("email.sent", START, sender="agency"))
    receipt = folded(event("email.sent", START, sender="shop", purpose="service"))
    assert [(each.last_mail, each.other_mail) for each in (ours, theirs, receipt)] == [
        (START, 0),
        (START, START),
        (START, 0),
    ]


def test_profiles_keep_the_newest_of_each_field() -> None:
    """What is absent stays, what is null is forgotten, what is older loses."""
    customer = folded(
        event("profile.updated", START, first_name="Ada", country="DE", attributes={"size": "M", "club": True}),
        event("profile.updated", START + 1, country=None, attributes={"size": "L"}),
        event("profile.updated", START - 1, first_name="Eva", language="en"),
    )
    assert {name: customer.value(name) for name in ("first_name", "country", "language")} == {
        "first_name": "Ada",
        "country": None,
        "language": "en",
    }
    assert (customer.value("attributes.size"), customer.value("attributes.club")) == ("L", True)


@pytest.mark.parametrize("kind", ["customer.ended", "customer.erased"])
def test_the_end_is_the_end(kind: str) -> None:
    """The first reason stays."""
    customer = folded(event(kind, START, reason="deceased"), event("customer.erased", START + 1))
    assert customer.gone == "deceased"
    assert folded(event("customer.erased", START)).gone == "customer.erased"


def test_everything_that_happens_leaves_a_bounded_record() -> None:
    """A thousand of each type: rings stay rings, and what is stored can be read again."""
    customer = somebody()
    gaps: list[Gap] = []
    for kind in DATA:
        for number in range(100):
            data: dict[str, Any] = {"into": "bob"} if kind == "customer.merged" else {}
            if kind == "sender.reputation":
                data = {"provider": "p", "day": "2026-01-01"}
            if kind.startswith("consent."):
                data = {"purpose": "marketing"}
            if kind.startswith("order."):
                data = {"order_id": str(number)}
            fold(customer, event(kind, START + number * HOUR, **data), PLAIN, None, gaps)
    assert max(len(marks) for marks in customer.trail.values()) <= 3 * MARKS_KEPT  # people's, machines', unverified
    assert len(encode(customer)) < 16_000
    assert decode(encode(customer)) == customer


def test_a_summary_is_in_the_words_of_the_outside() -> None:
    """What `explain` shows: counts, money by currency, days, permission by purpose, what is stopped."""
    customer = folded(
        order(1, ago("40d"), "80.00"),
        order(2, ago("10d"), "20.00"),
        order(3, ago("10d"), "5", currency="JPY"),
        event("email.unsubscribed", START, purpose="newsletter"),
        into=somebody(),
    )
    told = summarised(customer, START, PLAIN)
    wanted = {
        "id": "ada",
        "orders": 3,
        "order_days": 2,
        "revenue": {"EUR": "100.00", "JPY": "5"},
        "first_order": "2025-11-26",
        "last_order": "2025-12-26",
        "idle_days": 10,
        "stopped": ["newsletter"],
        "reading": "observed",
        "address": "ok",
    }
    assert {name: told[name] for name in wanted} == wanted
    assert told["permission"]["marketing"]["basis"] == "express"


def test_fields_of_a_customer() -> None:
    """Averages and sums in the shop's currency, days on the customer's calendar, None where nothing is known."""
    customer = folded(order(1, ago("400d"), "80.00"), order(2, ago("10d"), "20.00"), event("email.clicked", ago("1d")))
    names = ("average_basket", "revenue_365d", "own_interval", "last_click", "categories", "tags", "cause", "country")
    values = {name: field_value(customer, name, START, PLAIN) for name in names}
    assert values == {
        "average_basket": 5_000,
        "revenue_365d": 2_000,
        "own_interval": 390,
        "last_click": parse_day("2026-01-04"),
        "categories": [],
        "tags": [],
        "cause": None,
        "country": None,
    }
    nobody = Customer("eve")
    assert [
        field_value(nobody, name, START, PLAIN)
        for name in ("average_basket", "idle_days", "own_interval", "first_order")
    ] == [None] * 4
