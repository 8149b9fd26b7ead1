"""Conditions: each kind, both ways, and the instants at which time alone makes them begin and cease to hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from engine.core.conditions import NEVER, View, all_hold_from, ceases, holds, holds_from, matches, topics
from engine.core.customer import Customer, Ended, Permission, Release, Return, Stop
from engine.core.events import Event
from engine.core.fields import field_value
from engine.core.moments import DAY, HOUR, Instant, Length, iso_day
from engine.core.money import Money
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    AnyOf,
    CauseIs,
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
    StandingIs,
    TagIs,
    TemplateSent,
    WorkflowEnded,
    WorthIs,
)
from engine.core.words import in_words
from tests.builders import PLAIN, START, Play, ago, allowed, at, event, folded, order, somebody


def holds_at(condition: AnyCondition, customer: Customer, now: Instant = START) -> bool:
    """Whether a condition holds for somebody at an instant."""
    return holds(condition, View(customer, now, PLAIN))


def begins(condition: AnyCondition, customer: Customer, now: Instant = START) -> Instant:
    """From when on it holds if nothing happens."""
    return holds_from(condition, View(customer, now, PLAIN))


def seen(*events: Event) -> Customer:
    """Somebody who allows everything, with these events."""
    return folded(*events, into=somebody())


VISITED = event("customer.visited", ago("10d"))
DAYS_10 = Length(days=10)


# Events --------------------------------------------------------------------------------------------------------------


def test_an_event_within_a_length_leaves_out_the_far_end() -> None:
    """At the same clock time so many days later it is gone, a microsecond earlier it is there."""
    condition = EventSeen(event="customer.visited", within=DAYS_10)
    assert holds_at(condition, seen(VISITED), START - 1)
    assert not holds_at(condition, seen(VISITED), START)
    assert begins(condition, seen(VISITED), START) == NEVER


def test_its_absence_begins_where_its_presence_ends() -> None:
    """`no_event:` with the same length holds from that instant on, and is told in advance."""
    absent = EventSeen(event="customer.visited", absent=True, within=DAYS_10)
    assert begins(absent, seen(VISITED), ago("3d")) == START
    assert holds_at(absent, seen(VISITED), START)
    assert holds_at(absent, seen(), START)
    assert begins(Not(condition=EventSeen(event="customer.visited", within=DAYS_10)), seen(VISITED), ago("3d")) == START


def test_so_many_events_are_needed() -> None:
    """`at_least: 2`: the second latest has to lie within; without a length it may be as old as it likes."""
    twice = EventSeen(event="customer.visited", at_least=2, within=DAYS_10)
    two = seen(VISITED, event("customer.visited", ago("1d")))
    assert holds_at(twice, two, START - 1)
    assert not holds_at(twice, two, START)
    assert holds_at(EventSeen(event="customer.visited", at_least=2), two, START + 4000 * DAY)
    assert not holds_at(EventSeen(event="customer.visited", at_least=3), two)


def test_clicks_of_machines_do_not_count_unless_asked_for() -> None:
    """Neither for a click nor against its absence, nor for when it ceases to hold."""
    by_machine = event("email.clicked", ago("1d"), machine=True)
    by_hand = event("email.clicked", ago("5d"))
    condition = EventSeen(event="email.clicked", within=DAYS_10)
    assert not holds_at(condition, seen(by_machine))
    assert holds_at(EventSeen(event="email.clicked", where={"machine": True}), seen(by_machine))
    assert holds_at(EventSeen(event="email.clicked", absent=True, within=DAYS_10), seen(by_machine))
    assert begins(Not(condition=condition), seen(by_hand, by_machine)) == START + 5 * DAY


def test_machines_do_not_push_people_out_of_memory() -> None:
    """Mail proxies open every mail; what a person opened half a year ago is still known."""
    opened = event("email.opened", ago("100d"))
    proxies = [event("email.opened", ago(f"{days}d"), machine=True) for days in range(1, 40)]
    assert holds_at(EventSeen(event="email.opened", within=Length(days=180)), seen(opened, *proxies))


def test_where_reading_may_not_be_observed_its_absence_proves_nothing() -> None:
    """Without a tracking consent nobody is a non-reader; that they did click, counts all the same."""
    nobody = folded(into=somebody(permission=allowed("newsletter")))
    assert begins(EventSeen(event="email.opened", absent=True), nobody) == NEVER
    clicked = folded(event("email.clicked", ago("1d")), into=nobody)
    assert holds_at(EventSeen(event="email.clicked"), clicked)
    assert holds_at(EventSeen(event="customer.visited", absent=True), nobody)


def test_where_looks_at_the_fields_of_the_event() -> None:
    """All of them have to be equal; a list matches by any of its items; numbers and texts are compared as written."""
    opened = seen(event("ticket.opened", ago("1d"), topic="damage", cause="quality"))
    assert holds_at(EventSeen(event="ticket.opened", where={"topic": "damage"}), opened)
    assert not holds_at(EventSeen(event="ticket.opened", where={"topic": "damage", "cause": "price"}), opened)
    fields: dict[str, Any] = {"tags": ["a", "b"], "stars": 4, "gift": True, "price": Decimal("4.50")}
    assert matches({"tags": "b", "stars": 4, "gift": True}, fields.get)
    assert matches({"stars": "4", "price": "4.50"}, fields.get)
    assert not matches({"tags": "c"}, fields.get)
    assert not matches({"gift": 1}, fields.get)
    assert not matches({"missing": "x"}, fields.get)


def test_where_looks_into_the_items_of_an_order() -> None:
    """Any item may match: of a live order its items, of past ones the categories that the orders themselves keep."""
    tea = order(1, ago("40d"), items=({"category": "tea"}, {"category": "pots"}))
    customer = seen(tea, order(2, ago("5d"), items=({"category": "cups"},)))
    condition = EventSeen(event="order.placed", where={"items.category": "tea"})
    assert holds_at(condition, customer)
    assert holds_at(replace(condition, within=Length(days=41)), customer)
    assert not holds_at(replace(condition, within=Length(days=40)), customer)
    assert not holds_at(replace(condition, at_least=2), customer)
    assert not holds_at(replace(condition, where={"items.category": "tea", "coupon": "X"}), customer)
    assert not holds_at(condition, seen(tea, event("order.cancelled", ago("1d"), order_id="1")))
    assert matches({"items.category": "pots"}, tea.field)
    assert not matches({"items.category": "cups"}, tea.field)
    assert matches({"answers.why": "price"}, event("survey.answered", START, answers={"why": "price"}).field)
    assert tea.field("items.nothing") == [None, None]
    assert tea.field("no.such.thing") is None


def test_since_an_occasion_is_since_the_start_of_its_last_day() -> None:
    """In the customer's zone; who has no such day neither saw nor missed anything since."""
    rules = replace(PLAIN, occasions={"birthday": Occasion(name="birthday", kind="customer", field="birthday")})
    ordered, silent = (
        EventSeen(event="order.placed", since="birthday"),
        EventSeen(event="order.placed", absent=True, since="birthday"),
    )

    def both(*events: Event) -> list[bool]:
        return [holds(each, View(seen(*events), START, rules)) for each in (ordered, silent)]

    born = event("profile.updated", ago("90d"), birthday="1990-12-01")
    assert both(born, order(1, at("2025-12-01 00:00"))) == [True, False]
    assert both(born, order(1, at("2025-11-30 23:59"))) == [False, True]
    in_new_york = event("profile.updated", ago("90d"), birthday="1990-12-01", timezone="America/New_York")
    assert both(in_new_york, order(1, at("2025-12-01 00:00"))) == [False, True]
    assert both(order(1, ago("1d"))) == [False, False]


def test_an_event_ahead_of_the_clock_is_seen_at_its_time() -> None:
    """Not now, and not never."""
    ahead = seen(event("customer.visited", START + HOUR))
    condition = EventSeen(event="customer.visited", within=DAYS_10)
    assert begins(condition, ahead) == START + HOUR
    assert holds_at(condition, ahead, START + HOUR)


# Standing, address, tags ---------------------------------------------------------------------------------------------


def test_a_standing_may_have_to_be_held_for_some_time() -> None:
    """`for: 10d` since it became so; another standing never holds by time alone, its own judge sees to it."""
    lapsed = somebody(standing=Standing.LAPSED, standing_since=ago("10d"), lapsed_at=ago("10d"))
    condition = StandingIs(standing=Standing.LAPSED, held_for=DAYS_10)
    assert holds_at(condition, lapsed)
    assert begins(condition, lapsed, START - 1) == START
    assert begins(StandingIs(standing=Standing.READER), lapsed) == NEVER


def test_the_lag_concerns_entering_alone() -> None:
    """A lapse counts later for entering; a way out sees it at once."""
    lifecycle = PLAIN.__class__(enter_after_lag=Length(days=1))
    lapsed = somebody(standing=Standing.LAPSED, standing_since=START, lapsed_at=START)
    condition = StandingIs(standing=Standing.LAPSED)
    assert holds_from(condition, View(lapsed, START, lifecycle)) == START
    assert holds_from(condition, View(lapsed, START, lifecycle, entering=True)) == START + DAY


@pytest.mark.parametrize(
    ("back", "result"),
    [
        (Return(ago("10d"), Standing.READER, 1), False),
        (Return(ago("10d") + 1, Standing.READER, 1), True),
        (Return(ago("1d"), Standing.FORMER, 1), False),
        (Return(ago("1d"), Standing.READER, 1, taken=True), False),
        (None, False),
    ],
)
def test_a_return_counts_until_it_is_thanked_for(back: Return | None, result: bool) -> None:  # noqa: FBT001 - a column
    """From a standing that was named, within the length, far end left out."""
    condition = Returned(from_standings=(Standing.READER, Standing.LAPSED), within=DAYS_10)
    assert holds_at(condition, somebody(returned=back)) is result
    if result:
        assert begins(Not(condition=condition), somebody(returned=back)) == START + 1


def test_a_return_counts_as_long_as_the_lifecycle_says() -> None:
    """`returns_within:` where the condition names no length of its own."""
    customer = somebody(returned=Return(ago("10d"), Standing.READER, 1))
    condition = Returned(from_standings=(Standing.READER,))
    found = [
        holds(condition, View(customer, START, replace(PLAIN, returns_within=Length(days=days)))) for days in (10, 11)
    ]
    assert found == [False, True]


# Offers, sends, runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        (OfferHad(offer="ten"), True),
        (OfferHad(offer="five"), False),
        (OfferHad(offer="ten", had_within=DAYS_10), True),
        (OfferHad(offer="ten", had_within=Length(days=4)), False),
        (OfferHad(offer="ten", used=True), False),  # the code used was the one before
        (OfferHad(offer="ten", used=False), True),
        (OfferHad(offer="gift", used=True), True),
        (OfferHad(offer="gift", used=True, had_within=DAYS_10), False),
        (OfferHad(offer="five", used=False), False),
        (OfferHad(offer="trial", used=False), True),  # held out: had, and no code to use
        (TemplateSent(template="hello"), True),
        (TemplateSent(template="hello", within=DAYS_10), False),
        (TemplateSent(template="bye"), False),
        (WorkflowEnded(workflow="win-back"), True),
        (WorkflowEnded(workflow="win-back", outcome="won"), True),
        (WorkflowEnded(workflow="win-back", outcome="lost"), False),
        (WorkflowEnded(workflow="win-back", ended_within=DAYS_10), True),
        (WorkflowEnded(workflow="win-back", ended_within=Length(days=3)), False),
        (WorkflowEnded(workflow="tried"), False),  # only a shadow run of it has ended
    ],
)
def test_what_the_customer_had_is_remembered(condition: AnyCondition, result: bool) -> None:  # noqa: FBT001 - a column
    """Offers with the fate of their last code, released messages, and how the last live run of a workflow ended."""
    customer = somebody(
        offers_had={"ten": (ago("40d"), ago("4d")), "gift": (ago("20d"),), "trial": (ago("1d"),)},
        codes_given=(("OLD", "ten"), ("MUG", "gift"), ("NEW", "ten")),
        used_codes=("OLD", "MUG"),
        releases=(Release(ago("10d"), "marketing", "hello", "1"),),
        ended={
            "win-back": Ended(ago("30d"), ago("3d"), "won", 1, Mode.LIVE),
            "tried (shadow)": Ended(ago("30d"), ago("3d"), "won", 1, Mode.SHADOW),
        },
    )
    assert holds_at(condition, customer) is result
    assert holds_at(Not(condition=condition), customer) is not result


def test_whether_an_offer_was_used_outlives_its_run() -> None:
    """The record knows which offer a code belonged to; a redeemed one is news to whoever asks."""
    play = Play(
        """
workflow: ten-percent
enter_when_all: [{event: customer.visited}]
again_after: never
leave_when_any: [{event: email.unsubscribed}]
stages: {only: {steps: [{send: hello, offer: ten}], end: told}}
""",
        """
workflow: thanks
enter_when_all: [{offer: ten, used: true}]
again_after: never
stages: {only: {steps: [{tag: used_it}], end: told}}
""",
        offers="offers: {ten: {discount: 10%, valid_for: 14d}}",
    )
    play.happens("customer.visited")
    ((given, offer),) = play.customer().codes_given
    assert offer == "ten"
    play.passes("30d")
    assert play.outcomes() == ["told"]
    play.orders(coupon=given)
    assert "tag used_it" in " ".join(play.told())


def test_address_and_tag_hold_or_do_not() -> None:
    """Both ways."""
    dead = somebody(address=Address.DEAD, tags=("vip",))
    assert holds_at(AddressIs(address=Address.DEAD), dead)
    assert not holds_at(AddressIs(address=Address.OK), dead)
    assert holds_at(TagIs(tag="vip"), dead)
    assert holds_at(Not(condition=TagIs(tag="other")), dead)
    assert not holds_at(Not(condition=TagIs(tag="vip")), dead)


# Permission ----------------------------------------------------------------------------------------------------------


def permitted(said: Permission | None, **fields: Any) -> Customer:
    """Somebody of whom this is known about the newsletter."""
    return somebody(permission={} if said is None else {"newsletter/email": said}, **fields)


YES = Permission(True, ago("100d"), "express")


@pytest.mark.parametrize(
    ("customer", "result"),
    [
        (permitted(YES), True),
        (permitted(None), False),
        (permitted(Permission(False, ago("1d"))), False),
        (permitted(YES, stopped={"newsletter": Stop(1, "x")}), False),
        (permitted(YES, stopped={"marketing": Stop(1, "x")}), True),
        (permitted(Permission(True, ago("731d"), "express")), False),
        (permitted(Permission(True, ago("100d"), "express", START // DAY - 1)), False),
    ],
)
def test_a_permission_is_there_or_not(customer: Customer, result: bool) -> None:  # noqa: FBT001 - a column
    """Given, not withdrawn, not stopped, and neither past its last day nor lapsed by non-use."""
    condition = PermissionIs(permission="newsletter")
    assert holds_at(condition, customer) is result
    assert holds_at(Not(condition=condition), customer) is not result


def test_a_permission_that_will_lapse_is_told_in_advance() -> None:
    """`lapses_within: 30d` holds in its last 30 days; `not:` of it begins when it has lapsed."""
    customer = permitted(Permission(True, ago("700d"), "express"))
    soon = PermissionIs(permission="newsletter", lapses_within=Length(days=31))
    assert holds_at(soon, customer)
    later = PermissionIs(permission="newsletter", lapses_within=Length(days=20))
    assert begins(later, customer) == START + 10 * DAY
    assert begins(Not(condition=PermissionIs(permission="newsletter")), customer) == START + 30 * DAY
    never = PLAIN.__class__(permission=PermissionRule(unused_block=None))
    assert holds_from(soon, View(customer, START, never)) == NEVER


def test_a_permission_may_have_to_be_old_or_of_one_basis() -> None:
    """`given_before: 180d` and `basis:`."""
    assert begins(PermissionIs(permission="newsletter", given_before=Length(days=180)), permitted(YES)) == at(
        "2026-03-26 10:00"
    )
    assert holds_at(PermissionIs(permission="newsletter", basis="express"), permitted(YES))
    assert not holds_at(PermissionIs(permission="newsletter", basis="existing_customer"), permitted(YES))


# Fields --------------------------------------------------------------------------------------------------------------

BOUGHT = seen(order(1, ago("50d"), "80.00", items=({"name": "Tea", "category": "tea"},)), order(2, ago("20d"), "20.00"))


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        (FieldIs(field="orders", at_least=2), True),
        (FieldIs(field="orders", at_least=3), False),
        (FieldIs(field="orders", at_most=1), False),
        (FieldIs(field="order_days", equals=2), True),
        (FieldIs(field="revenue", at_least=Money(10_000, "EUR")), True),
        (FieldIs(field="revenue", at_least=Money(10_001, "EUR")), False),
        (FieldIs(field="average_basket", at_most=Money(5_000, "EUR")), True),
        (FieldIs(field="own_interval", at_most=30), True),
        (FieldIs(field="own_interval", at_most=29), False),
        (FieldIs(field="idle_days", at_least=20), True),
        (FieldIs(field="idle_days", at_least=21), False),
        (FieldIs(field="categories", equals="tea"), True),
        (FieldIs(field="last_items", any_of=("Tea", "Pot")), True),
        (FieldIs(field="standing", equals="prospect"), True),
        (FieldIs(field="reading", equals="observed"), True),
        (FieldIs(field="country", equals="DE"), False),
        (FieldIs(field="email", equals="ada@example.org"), True),
        (FieldIs(field="email", any_of=("a", "b")), False),
        (FieldIs(field="email", at_least=3), False),
        (FieldIs(field="last_order", within_last=Length(days=20)), True),
        (FieldIs(field="last_order", within_last=Length(days=19)), False),
        (FieldIs(field="first_order", within_next=Length(days=9)), False),
    ],
)
def test_fields_are_compared_by_their_kind(condition: FieldIs, result: bool) -> None:  # noqa: FBT001 - a column
    """Numbers, money, days, lists and words; what is not known holds for nothing but `not:`."""
    assert holds_at(condition, BOUGHT) is result
    assert holds_at(Not(condition=condition), BOUGHT) is not result


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        (FieldIs(field="categories.tea.orders", at_least=1), True),
        (FieldIs(field="categories.tea.orders", at_least=2), False),
        (FieldIs(field="categories.loose.leaf.orders", equals=0), True),
        (FieldIs(field="categories.tea.last_order", within_last=Length(days=50)), True),
        (FieldIs(field="categories.tea.last_order", within_last=Length(days=49)), False),
        (FieldIs(field="categories.cups.last_order", within_last=Length(days=900)), False),
        (FieldIs(field="cause", any_of=("money", "price")), True),
        (FieldIs(field="call_again_on", within_next=Length(days=9)), True),
        (FieldIs(field="call_again_on", within_next=Length(days=7)), False),
        (FieldIs(field="competitor_contract_ends", within_next=Length(days=60)), True),
        (FieldIs(field="competitor_contract_ends", at_most=0, within_next=Length(days=60)), False),
    ],
)
def test_fields_that_events_and_orders_bring(condition: FieldIs, result: bool) -> None:  # noqa: FBT001 - a column
    """Orders of one category, the cause, and days that somebody named; a name may have dots, and all tests must hold."""
    customer = folded(
        event("hand_off.answered", ago("9d"), call_again_on="2026-02-01"),
        event("hand_off.answered", ago("2d"), call_again_on="2026-01-13", cause="price"),
        event("contract.cancelled", ago("3d"), competitor_contract_ends="2026-02-28"),
        event("ticket.opened", ago("1d"), cause="service"),
        into=BOUGHT,
    )
    assert holds_at(condition, customer) is result
    assert holds_at(Not(condition=condition), customer) is not result


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((), None),
        (("2025-12-01",), None),
        (("2025-12-01", "2025-12-01"), None),  # a day is a day, however many orders it had
        (("2025-12-01", "2025-12-26"), "2026-01-20"),
        (("2025-11-01", "2025-12-01", "2025-12-26"), "2026-01-22"),  # 55 days in 2 gaps are 27 and a half
    ],
)
def test_the_next_order_of_a_category_is_expected_by_its_own_rhythm(
    days: tuple[str, ...], expected: str | None
) -> None:
    """One average gap after the last of its order days, rounded down; what else was bought in between does not count."""
    customer = folded(
        *(order(number, at(day), items=[{"category": "tea"}]) for number, day in enumerate(days)),
        order("cups", at("2025-12-10"), items=[{"category": "cups"}]),
    )
    found = field_value(customer, "categories.tea.next_order", START, PLAIN)
    assert (None if found is None else iso_day(found)) == expected


def test_idle_days_hold_from_a_midnight_on() -> None:
    """`at_least: 25` from the start of the fifth day on, known at once; too many idle days only an order can undo."""
    assert begins(FieldIs(field="idle_days", at_least=25), BOUGHT) == at("2026-01-10")
    assert begins(FieldIs(field="idle_days", at_most=10), BOUGHT) == NEVER
    assert begins(Not(condition=FieldIs(field="idle_days", at_most=20)), BOUGHT) == at("2026-01-06")


def test_a_day_ahead_comes_into_reach() -> None:
    """`within_next: 14d` holds from 14 days before that day begins until it is over, then never again."""
    customer = seen(event("profile.updated", ago("1d"), contract_ends="2026-02-01"))
    condition = FieldIs(field="contract_ends", within_next=Length(days=14))
    assert begins(condition, customer) == at("2026-01-18")
    assert holds_at(condition, customer, at("2026-02-02") - 1)
    assert begins(condition, customer, at("2026-02-02")) == NEVER
    assert begins(Not(condition=condition), customer, at("2026-01-20")) == at("2026-02-02")
    past = FieldIs(field="contract_ends", within_last=Length(days=3))
    assert begins(past, customer) == at("2026-02-01")
    assert begins(Not(condition=past), customer, at("2026-02-03")) == at("2026-02-05")


@pytest.mark.parametrize(
    ("told", "known"), [(120, 120), ("120", 120), ("120.5", Decimal("120.5")), ("many", None), ("1e999999", None)]
)
def test_points_may_be_written_as_text(told: Any, known: Any) -> None:
    """A number is one however it was sent; what is none is not known, and holds for nothing but `not:`."""
    customer = seen(event("profile.updated", ago("1d"), points=told))
    assert field_value(customer, "points", START, PLAIN) == known
    assert holds_at(FieldIs(field="points", at_least=100), customer) is (known is not None)
    assert holds_at(FieldIs(field="points", at_most=99), customer) is False


def test_a_day_may_stand_in_a_field_of_the_shops_own() -> None:
    """What is written as a day is near or not as any day is; other text is near to nothing."""
    told = {"pause_ends": "2026-02-01", "size": "large", "boxes": 20_470}  # a day by its number, were it one
    customer = seen(event("profile.updated", ago("1d"), attributes=told))
    ahead = FieldIs(field="attributes.pause_ends", within_next=Length(days=14))
    assert begins(ahead, customer) == at("2026-01-18")
    assert begins(Not(condition=ahead), customer, at("2026-01-20")) == at("2026-02-02")
    assert begins(FieldIs(field="attributes.pause_ends", within_last=Length(days=3)), customer) == at("2026-02-01")
    for name in ("size", "boxes", "none"):
        near = FieldIs(field=f"attributes.{name}", within_next=Length(days=14))
        assert begins(near, customer) == NEVER
        assert holds_at(Not(condition=near), customer)


def test_all_hold_from_the_last_of_them_on() -> None:
    """Together they hold when the last begins; if one never does, never."""
    view = View(BOUGHT, START, PLAIN)
    idle = FieldIs(field="idle_days", at_least=25)
    assert all_hold_from((FieldIs(field="orders", at_least=1), idle), view) == at("2026-01-10")
    assert all_hold_from((idle, TagIs(tag="x")), view) == NEVER
    assert all_hold_from((), view) == START


def test_each_condition_names_what_can_change_it() -> None:
    """A workflow is looked at only when a topic of its conditions is touched."""
    every: list[AnyCondition] = [
        EventSeen(event="customer.visited"),
        EventSeen(event="email.opened", absent=True),
        StandingIs(standing=Standing.LAPSED),
        Returned(from_standings=(Standing.LAPSED,), within=DAYS_10),
        AddressIs(address=Address.DEAD),
        TagIs(tag="x"),
        PermissionIs(permission="newsletter"),
        FieldIs(field="orders", at_least=1),
        FieldIs(field="last_click", within_last=DAYS_10),
        FieldIs(field="cause", equals="price"),
        FieldIs(field="call_again_on", within_next=DAYS_10),
        Declining(),
        CauseIs(any_of=("price",)),
        CauseIs(any_of=("price", "money"), within=DAYS_10),
        OfferHad(offer="ten"),
        OfferHad(offer="ten", used=False),
        TemplateSent(template="hello"),
        WorkflowEnded(workflow="win-back", outcome="won"),
        WorthIs(),
        OccasionNear(occasion="easter", before=DAYS_10),
        EventSeen(event="order.placed", since="easter"),
    ]
    assert {type(each) for each in every} | {Not, AnyOf} == set(get_args(AnyCondition))
    told = [topics(each) for each in every]
    assert all(told)
    assert [topics(Not(condition=each)) for each in every] == told
    assert len({in_words(each) for each in every}) == len(every)
    assert in_words(Not(condition=every[5])) == "not: {tag: x}"
    assert [in_words(each) for each in every[-10:]] == [
        "declining: either, by: 50%",
        "cause: price",
        "cause: [price, money], within: 10d",
        "offer: ten",
        "offer: ten, used: false",
        "sent: hello",
        "workflow: win-back, outcome: won",
        "worth: positive",
        "occasion: easter, before: 10d",
        "event: order.placed, since: {occasion: easter}",
    ]


# One of several ------------------------------------------------------------------------------------------------------


def test_one_of_several_holds_as_soon_as_one_does() -> None:
    """It begins with the first that begins, listens to what any listens to, and says what it asks."""
    here = TagIs(tag="regular")
    later = EventSeen(event="customer.visited", absent=True, within=DAYS_10)
    never = TagIs(tag="vip")
    assert holds_at(AnyOf(conditions=(never, here)), somebody(tags=("regular",)))
    assert begins(AnyOf(conditions=(never, later)), seen(VISITED), START - 1) == START
    assert begins(AnyOf(conditions=(never, never)), seen(VISITED)) == NEVER
    assert topics(AnyOf(conditions=(never, later))) == topics(never) | topics(later)
    told = in_words(AnyOf(conditions=(never, here)))
    assert told == "enter_when_any: [{tag: vip}, {tag: regular}]"


def test_one_of_several_ceases_with_the_last_that_holds() -> None:
    """While another one holds, the end of the first is no end."""
    short, long = (EventSeen(event="customer.visited", within=Length(days=days)) for days in (11, 15))
    both = View(seen(VISITED), START, PLAIN)
    assert ceases(AnyOf(conditions=(short, long, TagIs(tag="vip"))), both) == START + 5 * DAY
