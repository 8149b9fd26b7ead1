"""The gate: whether a send may go now, later, or not at all, and with which offer."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.customer import Customer, Permission, Proof, Release, Run, Stop
from engine.core.gate import Defer, Drop, Go, Verdict, verdict
from engine.core.ids import ref
from engine.core.moments import DAY, HOUR, Instant, Length, zone
from engine.core.rulebook import Rules
from engine.core.rules import (
    Address,
    Cap,
    HoldWhile,
    Lifecycle,
    Mode,
    PerCustomer,
    PermissionRule,
    Purpose,
    RuleSet,
    Send,
    Stage,
    Standing,
    Workflow,
)
from engine.core.shop import Pause, Shop
from engine.core.signals import CodesGranted
from tests.builders import PLAIN, START, Play, ago, allowed, at, folded, order, somebody

STEP = Send(key="send hello 0", template="hello")
WORKFLOW = Workflow(
    name="w",
    title="W",
    enter_when_all=(),
    again_after=None,
    stages=(Stage(name="one", steps=(STEP,), end="done"),),
    version=1,
)
RUN = Run("run", "w", 1, Mode.LIVE, False, START, START + 365 * DAY, "one")
CALM = replace(
    PLAIN, oldest_address=None, permission=PermissionRule(unused_block=None), keep_clear_of_other_senders=None
)


def asked(
    now: Instant = START,
    *,
    lifecycle: Lifecycle = CALM,
    workflow: Workflow = WORKFLOW,
    step: Send = STEP,
    run: Run = RUN,
    shop: Shop | None = None,
    **fields: Any,
) -> Verdict:
    """What the gate says of one send to somebody with these fields."""
    rules = Rules(RuleSet(lifecycle=lifecycle, workflows={"w": workflow}), shop or Shop(), key=b"k")
    return verdict(somebody(**fields), run, workflow, step, now, rules)


def test_nothing_in_the_way_goes() -> None:
    """A customer who allows it, with an address that works."""
    assert asked() == Go()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"gone": "erased"}, "gone"),
        ({"address": Address.DEAD}, "address_dead"),
        ({"profile": {}}, "no_address"),
        ({"profile": {"email": (None, 5)}}, "no_address"),
        ({"stopped": {"marketing": Stop(1, "x")}}, "stopped"),
        ({"permission": {}}, "no_permission"),
        ({"permission": allowed("newsletter")}, "no_permission"),
        ({"permission": {"marketing/phone": Permission(True, 1)}}, "no_permission"),
        ({"permission": {"marketing/email": Permission(False, 1)}}, "no_permission"),
        ({"permission": {"marketing/email": Permission(True, 1, "express", START // DAY - 1)}}, "permission_lapsed"),
        ({"standing": Standing.FORMER}, "former"),
    ],
)
def test_what_never_passes(fields: dict[str, Any], reason: str) -> None:
    """Each reason to drop a marketing mail for good."""
    assert asked(**fields) == Drop(reason)


@pytest.mark.parametrize(
    "fields",
    [
        {"stopped": {"newsletter": Stop(1, "x")}},
        {"address": Address.DOUBTFUL},
        {"permission": {"marketing/email": Permission(True, 1, "express", START // DAY)}},
    ],
)
def test_what_passes_all_the_same(fields: dict[str, Any]) -> None:
    """Another purpose's stop, a doubtful address, the last day of a permission."""
    assert asked(**fields) == Go()


@pytest.mark.parametrize(
    "fields", [{"permission": {}}, {"stopped": {"marketing": Stop(1, "x")}}, {"standing": Standing.FORMER}]
)
def test_service_needs_no_permission_and_does_not_wait(fields: dict[str, Any]) -> None:
    """A receipt goes out to anybody who can be reached, at any hour."""
    night = replace(CALM, quiet=(0, 24 * 60 - 1))
    assert asked(step=replace(STEP, purpose=Purpose.SERVICE), lifecycle=night, **fields) == Go()
    assert asked(step=replace(STEP, purpose=Purpose.SERVICE), **{**fields, "address": Address.DEAD}) == Drop(
        "address_dead"
    )


def test_a_newsletter_may_go_to_a_former_customer() -> None:
    """Former is written to rarely or never with marketing; a newsletter they asked for is another thing."""
    assert asked(step=replace(STEP, purpose=Purpose.NEWSLETTER), standing=Standing.FORMER) == Go()


def test_a_newsletters_consent_covers_what_lifecycle_says() -> None:
    """`newsletter_covers: [marketing]`, but not where marketing itself was withdrawn."""
    covers = replace(CALM, permission=PermissionRule((Purpose.MARKETING,), unused_block=None))
    assert asked(lifecycle=covers, permission=allowed("newsletter")) == Go()
    withdrawn = {**allowed("newsletter"), "marketing/email": Permission(False, 5)}
    assert asked(lifecycle=covers, permission=withdrawn) == Drop("no_permission")


def test_existing_customers_may_be_written_to_where_it_is_said() -> None:
    """Who ordered, as long as they did not say no; nobody else."""
    rule = replace(CALM, permission=PermissionRule(existing_customers=True, unused_block=None))
    bought = folded(order(1, START - DAY)).orders
    assert asked(lifecycle=rule, permission={}, orders=bought) == Go()
    assert asked(lifecycle=rule, permission={}) == Drop("no_permission")
    assert asked(lifecycle=rule, permission={"marketing/email": Permission(False, 5)}, orders=bought) == Drop(
        "no_permission"
    )


def test_a_permission_lapses_by_non_use() -> None:
    """730 days after it was given or last used; a permission that a back-test assumes never does."""
    rule = replace(CALM, permission=PermissionRule(unused_block=Length(days=730)))
    given = {"marketing/email": Permission(True, ago("730d"))}
    assert asked(lifecycle=rule, permission=given) == Drop("permission_lapsed")
    assert asked(START - 1, lifecycle=rule, permission=given) == Go()
    assert asked(lifecycle=rule, permission=given, last_mail=START - DAY) == Go()
    assert asked(lifecycle=rule, permission={"marketing/email": Permission(True, 1, "assumed")}) == Go()


def test_an_old_address_is_not_written_to_first() -> None:
    """Nobody without a sign of life or mail for two years, at the same clock time."""
    old = replace(CALM, oldest_address=Length(days=730))
    since: dict[str, Any] = {"permission": {"marketing/email": Permission(True, ago("730d"))}}
    assert asked(lifecycle=old, **since) == Drop("address_too_old")
    assert asked(START - 1, lifecycle=old, **since) == Go()
    for sign in ("last_reaction", "last_mail", "address_given"):
        known: dict[str, Any] = {**since, sign: START - DAY}
        assert asked(lifecycle=old, **known) == Go()


# What makes it wait --------------------------------------------------------------------------------------------------


def released(*times: Instant, purpose: str = "marketing") -> tuple[Release, ...]:
    """Releases at these times."""
    return tuple(Release(when, purpose, "t", f"e{when}") for when in times)


def test_a_cap_leaves_out_its_far_end() -> None:
    """One per 7 days: at the same clock time a week later the next may go, a microsecond before it may not."""
    capped = replace(CALM, caps=(Cap(Purpose.MARKETING, 1, Length(days=7)),))
    assert asked(lifecycle=capped, releases=released(ago("7d"))) == Go()
    assert asked(START - 1, lifecycle=capped, releases=released(ago("7d"))) == Defer(
        START, "cap: marketing at most 1 per 7d"
    )
    assert asked(lifecycle=capped, releases=released(START - DAY, purpose="newsletter")) == Go()


def test_a_cap_keeps_the_clock_time_over_a_change_of_clocks() -> None:
    """A week over the last Sunday of March is 167 hours long."""
    capped = replace(CALM, caps=(Cap(Purpose.MARKETING, 1, Length(days=7)),))
    sent, next_ = at("2026-03-26 10:00"), at("2026-04-02 10:00")
    assert next_ - sent == 167 * HOUR
    assert asked(next_, lifecycle=capped, releases=released(sent)) == Go()
    assert asked(next_ - 1, lifecycle=capped, releases=released(sent)) == Defer(
        next_, "cap: marketing at most 1 per 7d"
    )


def test_of_several_caps_the_longest_wait_counts() -> None:
    """Four in 30 days were sent: the next goes when the first of them leaves the window."""
    both = (Cap(Purpose.MARKETING, 1, Length(days=7)), Cap(Purpose.MARKETING, 4, Length(days=30)))
    sent = released(*(ago(f"{days}d") for days in (28, 21, 14, 7)))
    assert asked(lifecycle=replace(CALM, caps=both), releases=sent) == Defer(
        START + 2 * DAY, "cap: marketing at most 4 per 30d"
    )


@pytest.mark.parametrize(("wish", "days"), [("monthly", 30), ("quarterly", 90), ("usual", 0), (None, 0), ("often", 0)])
@pytest.mark.parametrize("purpose", ["marketing", "newsletter"])
def test_the_customers_own_cap_counts_whatever_is_not_of_service(wish: str | None, days: int, purpose: str) -> None:
    """Who wants mail at most once a month or a quarter gets no second one sooner, whatever the first was."""
    sent = (Release(START - DAY, purpose, "hello", "e0"), Release(START - HOUR, "service", "hello", "e1"))
    found = asked(releases=sent, profile={**somebody().profile, "frequency": (wish, 0)})
    back = zone("Europe/Berlin").after(START - DAY, Length(days=days))  # at the same clock time
    later = Defer(back, f"cap: the customer wants at most 1 per {days}d")
    assert found == (later if days else Go())
    service = replace(STEP, purpose=Purpose.SERVICE)
    assert asked(step=service, releases=sent, profile={**somebody().profile, "frequency": (wish, 0)}) == Go()


def test_other_senders_are_kept_clear_of() -> None:
    """No marketing within 72 hours of another sender's mail; a newsletter may go."""
    clear = replace(CALM, keep_clear_of_other_senders=Length(minutes=72 * 60))
    assert asked(lifecycle=clear, other_mail=START - 72 * HOUR) == Go()
    assert asked(lifecycle=clear, other_mail=START - 72 * HOUR + 1) == Defer(
        START + 1, "another sender wrote not long ago"
    )
    assert asked(lifecycle=clear, other_mail=START - HOUR, step=replace(STEP, purpose=Purpose.NEWSLETTER)) == Go()


@pytest.mark.parametrize(
    ("fields", "until", "reason"),
    [
        ({"open_tickets": (5,)}, START + HOUR, "a ticket is open"),
        ({"ticket_solved_at": ago("14d") + 1}, START + 1, "a ticket was solved not long ago"),
        ({"under_way": ((ref("o"), ago("10d") + 1),)}, START + 1, "an order is under way"),
        ({"refunded_at": ago("7d") + 1}, START + 1, "a refund was made not long ago"),
        ({"replied_at": ago("7d") + 1}, START + 1, "they wrote back, and a person answers"),
    ],
)
def test_what_holds_a_send(fields: dict[str, Any], until: Instant, reason: str) -> None:
    """A complaint, an order under way, a refund: for so long, far end left out; and not where it is turned off."""
    assert asked(**fields) == Defer(until, reason)
    if until == START + 1:
        assert asked(START + 1, **fields) == Go()
    assert asked(lifecycle=replace(CALM, hold_while=HoldWhile(False, None, None, None, None)), **fields) == Go()


def test_an_order_holds_neither_its_own_stage_nor_a_welcome() -> None:
    """`led_by` is the order that led here; a run entered by `returned:` is held by none."""
    under_way = ((ref("o"), START - DAY),)
    assert asked(run=replace(RUN, led_by=ref("o")), under_way=under_way) == Go()
    assert asked(run=replace(RUN, led_by=-1), under_way=under_way) == Go()
    assert isinstance(asked(run=replace(RUN, led_by=ref("another")), under_way=under_way), Defer)


@pytest.mark.parametrize(
    "pause",
    [("engine", ""), ("workflow", "w"), ("template", "hello"), ("domain", "example.org")],
)
def test_a_pause_holds_what_it_covers(pause: tuple[str, str]) -> None:
    """Until it is over, whenever that is; other workflows, templates and domains go on. A shadow is not paused."""
    shop = Shop(pauses=(Pause(*pause, START, "why"),))
    assert asked(shop=shop) == Defer(None, f"paused: {pause[0]} {pause[1]}".rstrip())
    assert asked(shop=Shop(pauses=(Pause(pause[0], "other", START, "why"),))) == Go()
    assert asked(shop=shop, run=replace(RUN, mode=Mode.SHADOW)) == Go()


def test_nothing_goes_to_who_is_stuck() -> None:
    """Their record may not be what it should be."""
    assert isinstance(asked(stuck="a decision failed"), Defer)


# The hours -----------------------------------------------------------------------------------------------------------

QUIET = replace(CALM, quiet=(20 * 60, 8 * 60))


@pytest.mark.parametrize(
    ("zone", "wanted", "goes"),
    [
        ("Europe/Berlin", "2026-01-05 19:59", "2026-01-05 19:59"),
        ("Europe/Berlin", "2026-01-05 20:00", "2026-01-06 08:00"),
        ("Europe/Berlin", "2026-01-05 07:59", "2026-01-05 08:00"),
        ("Europe/Berlin", "2026-01-05 08:00", "2026-01-05 08:00"),
        ("Europe/Berlin", "2026-03-28 21:00", "2026-03-29 08:00"),
        ("Europe/Berlin", "2026-10-24 21:00", "2026-10-25 08:00"),
        ("America/New_York", "2026-03-07 21:00", "2026-03-08 08:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 08:00"),
        ("Pacific/Auckland", "2026-09-26 23:00", "2026-09-27 08:00"),
        ("Pacific/Auckland", "2026-04-05 02:30", "2026-04-05 08:00"),
        ("America/Santiago", "2026-09-05 23:30", "2026-09-06 08:00"),
        ("America/Santiago", "2026-04-04 23:30", "2026-04-05 08:00"),
        ("Asia/Kolkata", "2026-06-01 22:00", "2026-06-02 08:00"),
    ],
)
def test_quiet_hours_are_the_customers(zone: str, wanted: str, goes: str) -> None:
    """Nothing is sent from 20:00 to 08:00 on the customer's wall, on days on which clocks change too."""
    profile = {"email": ("a@b.c", 0), "timezone": (zone, 1)}
    said = asked(at(wanted, zone), lifecycle=QUIET, profile=profile)
    expected = Go() if wanted == goes else Defer(at(goes, zone), "outside the hours it may be sent in")
    assert said == expected


@pytest.mark.parametrize(
    ("between", "days", "wanted", "goes"),
    [
        ((9 * 60, 18 * 60), (), "2026-01-05 08:30", "2026-01-05 09:00"),
        ((9 * 60, 18 * 60), (), "2026-01-05 18:00", "2026-01-06 09:00"),
        (None, (0, 1, 2, 3, 4, 5), "2026-01-11 12:00", "2026-01-12 08:00"),  # a Sunday
        ((9 * 60, 18 * 60), (1,), "2026-01-06 18:00", "2026-01-13 09:00"),
        ((18 * 60, 10 * 60), (), "2026-01-05 11:00", "2026-01-05 18:00"),  # over midnight, and quiet besides
        ((18 * 60, 10 * 60), (), "2026-01-05 20:30", "2026-01-06 08:00"),
        ((2 * 60, 3 * 60), (), "2026-01-05 01:00", None),  # inside the quiet hours: never
    ],
)
def test_a_workflows_hours_and_days_join_the_quiet_ones(
    between: tuple[int, int] | None, days: tuple[int, ...], wanted: str, goes: str | None
) -> None:
    """The first instant that suits all three; a set that never opens only waits, and `late_at_most` drops it."""
    workflow = replace(WORKFLOW, send_between=between, send_on=days)
    said = asked(at(wanted), lifecycle=QUIET, workflow=workflow)
    assert isinstance(said, Defer)
    if goes is not None:
        assert said.until == at(goes)


def test_a_workflow_may_name_its_zone() -> None:
    """Its hours are that zone's, the quiet ones still the customer's."""
    workflow = replace(WORKFLOW, timezone="America/New_York", send_between=(9 * 60, 18 * 60))
    assert asked(at("2026-01-05 10:00"), lifecycle=QUIET, workflow=workflow) == Defer(
        at("2026-01-05 15:00"), "outside the hours it may be sent in"
    )
    assert asked(at("2026-01-05 21:00"), lifecycle=QUIET, workflow=workflow) == Defer(
        at("2026-01-06 15:00"), "outside the hours it may be sent in"
    )


def test_the_hours_come_after_the_waits() -> None:
    """A cap that is over at night leads to the next morning, and the reason is the cap's."""
    lifecycle = replace(QUIET, caps=(Cap(Purpose.MARKETING, 1, Length(minutes=12 * 60)),))
    said = asked(at("2026-01-05 15:00"), lifecycle=lifecycle, releases=released(at("2026-01-05 14:00")))
    assert said == Defer(at("2026-01-06 08:00"), "cap: marketing at most 1 per 12h")


# Offers --------------------------------------------------------------------------------------------------------------

COUPON = """
workflow: coupon
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: coupon_offer
        offer: ten
      - wait: 1d
      - send: coupon_reminder
        offer: ten
    end: done
"""
OFFER = "discount: 10%, minimum_basket: 20 EUR, valid_for: 14d"


def offering(more: str = "", workflow: str = COUPON, others: str = "", lifecycle: Lifecycle = PLAIN) -> Play:
    """A shop with one offer, sent at a visit and reminded of a day later."""
    return Play(workflow, offers=f"offers:\n  ten: {{{OFFER}{more}}}\n{others}", lifecycle=lifecycle)


def walk(play: Play, *events: str) -> list[str]:
    """Let the customer visit, then these events happen, then three days pass; what came of it without starts."""
    before = len(play.told())
    play.happens("customer.visited")
    for kind in events:
        play.happens(kind, code=code_of(play))
    play.passes("3d")
    return [words.split(" ", 1)[1] for words in play.told()[before:] if words.split(" ")[1] not in ("start", "end")]


def code_of(play: Play) -> str:
    """The code of the last send."""
    return str([each for each in play.about() if each.data.get("offer")][-1].data["offer"]["code"])


SENT = ["send coupon_offer", "send coupon_reminder"]


def test_a_reminder_carries_the_same_code() -> None:
    """One code per run and offer, issued once; the mail says what it is worth, from what basket on, until which day."""
    play = offering()
    assert walk(play) == SENT
    first, second = (each.data["offer"] for each in play.about() if each.type == "winback.send.requested")
    assert first == second
    assert (first["value"], first["minimum_basket"], first["valid_until"]) == ("10%", "20.00 EUR", "2026-01-19")
    assert [each.data["cost"] for each in play.about() if each.type == "winback.coupon_issued"] == ["2.00"]


def test_a_used_offer_is_not_reminded_of() -> None:
    """Used, by the checkout or with an order, or past its last day: the reminder is skipped."""
    assert walk(offering(), "coupon.redeemed") == ["send coupon_offer", "drop coupon_reminder: offer_used"]
    late = COUPON.replace("wait: 1d", "wait: 15d")
    play = Play(late, offers=f"offers:\n  ten: {{{OFFER.replace('14d', '15d')}}}\n")
    walk(play)
    play.passes("20d")
    assert "15d send coupon_reminder" in play.told()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (", per_customer: 1 per 365d", "offer_had"),
        (", per_customer: never_again", "offer_had"),
    ],
)
def test_never_the_same_offer_again(more: str, reason: str) -> None:
    """Within `per_customer` a second run's send is skipped; a reminder within a run counts for none."""
    play = offering(more)
    assert walk(play) == SENT
    assert walk(play) == [f"drop coupon_offer: {reason}", f"drop coupon_reminder: {reason}"]


def test_offers_of_all_kinds_together_are_bounded() -> None:
    """`offers_at_most: 1 per 5d` lets the second through when five days have passed at the same clock time."""
    play = offering(lifecycle=replace(PLAIN, offers_at_most=PerCustomer(1, Length(days=5))))
    assert walk(play) == SENT
    assert walk(play)[0] == "drop coupon_offer: offers_at_most"
    assert walk(play) == SENT


def test_if_refused_may_send_without() -> None:
    """`send_without`: the mail goes, without an offer."""
    play = offering(", per_customer: never_again, if_refused: send_without")
    walk(play)
    assert walk(play) == SENT
    assert [each for each in play.about() if each.type == "winback.send.requested"][-1].data["offer"] is None


def test_a_budget_is_never_overspent() -> None:
    """5 EUR per 30 days are two coupons of 2 EUR; the third has to wait for the window to move on."""
    play = offering(", budget: 5 EUR per 30d")
    sent = []
    for name in ("ada", "bob", "cyd"):
        play.happens("customer.visited", name)
        sent.append("send" in play.told(name)[1])
    assert sent == [True, True, False]
    assert play.told("cyd")[1] == "0d drop coupon_offer: budget_spent"
    play.passes("30d")
    play.happens("customer.visited", "dan")
    assert play.told("dan")[1] == "30d send coupon_offer"


def test_a_pool_gives_each_code_once_and_then_none() -> None:
    """What was granted goes out in its order; an empty pool refuses."""
    play = offering(", codes: pool, pool: codes.csv, low_water: 1")
    play.shop_signal(CodesGranted("ten", ("A", "B")))
    for name in ("ada", "bob", "cyd"):
        play.happens("customer.visited", name)
    codes = [each.data["offer"]["code"] for each in play.effects if each.type == "winback.send.requested"]
    assert codes == ["A", "B"]
    assert play.told("cyd")[1] == "0d drop coupon_offer: pool_empty"


def test_offers_follow_and_exclude_each_other() -> None:
    """`after:` needs the other to have been had, `excludes:` that it was not."""
    two = (
        COUPON.replace("workflow: coupon", "workflow: second")
        .replace("offer: ten", "offer: twenty")
        .replace("customer.visited", "customer.logged_in")
    )
    for key, told in (("after", ["drop", "send"]), ("excludes", ["send", "drop"])):
        listed = "ten" if key == "after" else "[ten]"
        play = Play(COUPON, two, offers=f"offers:\n  ten: {{{OFFER}}}\n  twenty: {{{OFFER}, {key}: {listed}}}\n")
        play.happens("customer.logged_in", "bob")
        play.happens("customer.visited")
        play.passes("3d")
        play.happens("customer.logged_in")
        second = [
            next(
                words
                for words in play.told(who)
                if "coupon_offer" in words and (who == "bob" or words.startswith("3d"))
            )
            for who in ("bob", "ada")
        ]
        assert [words.split()[1] for words in second] == told


def test_following_and_excluding_look_back_so_far() -> None:
    """With `had_within:` an offer had longer ago neither opens the way to another nor bars it."""
    two = (
        COUPON.replace("workflow: coupon", "workflow: second")
        .replace("offer: ten", "offer: twenty")
        .replace("customer.visited", "customer.logged_in")
    )
    for rule, soon, late in (("after: ten", "send", "drop"), ("excludes: [ten]", "drop", "send")):
        for days, told in ((39, soon), (40, late)):
            twenty = f"{OFFER}, {rule}, had_within: 40d"
            play = Play(COUPON, two, offers=f"offers:\n  ten: {{{OFFER}}}\n  twenty: {{{twenty}}}\n")
            play.happens("customer.visited")
            play.passes(f"{days}d")
            play.happens("customer.logged_in")
            assert [words for words in play.told() if words.startswith(f"{days}d {told} coupon_offer")]


def test_a_late_send_is_dropped() -> None:
    """More than `late_at_most` late it is skipped, and the reason it waited for is told."""
    play = Play(
        COUPON.replace("        offer: ten\n", ""),
        lifecycle=replace(PLAIN, hold_while=HoldWhile(order_under_way=Length(days=10))),
    )
    play.orders()
    play.happens("customer.visited")
    play.passes("4d")
    assert play.told()[1:3] == [
        "0d defer coupon_offer: an order is under way",
        "3d drop coupon_offer: late: an order is under way",
    ]


@pytest.mark.parametrize("ends", ["order.delivered", "order.cancelled"])
def test_a_send_goes_when_the_order_it_waits_for_is_over(ends: str) -> None:
    """The parcel arrives, or the order is called off, long before the days are over that an order may take."""
    play = Play(
        COUPON.replace("        offer: ten\n", ""),
        lifecycle=replace(PLAIN, hold_while=HoldWhile(order_under_way=Length(days=10))),
    )
    play.orders(number="first")
    play.orders(number="other")
    play.happens("customer.visited")
    play.passes("1d")
    play.happens("order.delivered", order_id="first")
    play.passes("1d")
    assert play.told()[-1] == "0d defer coupon_offer: an order is under way"
    play.happens(ends, order_id="other")
    play.passes("1h")
    assert play.told()[2] == "2d send coupon_offer"


def test_a_record_is_a_value() -> None:
    """Asking the gate changes nothing."""
    customer: Customer = somebody(proofs=(Proof(1, True),))
    before = copy.deepcopy(customer)
    asked()
    assert customer == before
