"""The ramp in a shop: so many mails a day and family, those with the latest sign of life first, the others in line."""

from __future__ import annotations

from collections import Counter
from copy import copy

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.core.ramping import GATHERED, LINES
from engine.core.rules import Cap, Lifecycle, Mode, Purpose, RampRule, RampSteps
from engine.core.signals import Handed, Released, TurnedAway
from tests.builders import BERLIN, PLAIN, START, Play, allowed, at, length

WRITES = """
workflow: writes
enter_when_all:
  - event: order.placed
again_after: 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - wait: 1h
      - send: hello
      - wait: 30d
    end: done
"""
SERVES = WRITES.replace("workflow: writes", "workflow: serves").replace(
    "- send: hello", "- send: receipt\n        purpose: service"
)
FIVE = RampRule(RampSteps(start=5, until=100))


def ramped(rule: RampRule | None = FIVE, **keys: object) -> Lifecycle:
    """A shop in which nothing else holds a mail."""
    return replace(PLAIN, ramp=rule, hold_while=replace(PLAIN.hold_while, order_under_way=None), **keys)


def shop(lifecycle: Lifecycle, *workflows: str, start: Instant = START) -> Play:
    """A shop whose customers' addresses are at Gmail; the number of a customer is the hours since their last sign of life."""
    return Play(*(workflows or (WRITES,)), lifecycle=lifecycle, start=start, newcomer=at_gmail)


def at_gmail(name: str) -> Customer:
    """A customer at Gmail who may be written to."""
    domain = "gmx.de" if name.startswith("gmx") else "gmail.com"
    return Customer(name, profile={"email": (f"{name}@{domain}", 0)}, permission=allowed(), epoch=1)


def come(play: Play, count: int, prefix: str = "c") -> list[str]:
    """So many customers order now; the later in the list, the later was their sign of life."""
    names = [f"{prefix}{number:02d}" for number in range(count)]
    for place, name in enumerate(names):
        play.orders(name)
        play.put(replace_life(play.customer(name), play.now - (count - place) * HOUR))
    return names


def replace_life(customer: Customer, at: Instant) -> Customer:
    """The customer with another last sign of life."""
    changed = copy(customer)
    changed.last_reaction = at
    return changed


def sent(play: Play) -> dict[int, list[str]]:
    """Who was sent something, by day since the start."""
    found: dict[int, list[str]] = {}
    for each in play.effects:
        if each.type == fx.SEND_REQUESTED:
            found.setdefault(BERLIN.day(each.time) - BERLIN.day(play.start), []).append(each.customer)
    return found


def test_no_more_leave_a_day_than_the_ramp_allows() -> None:
    """Of twelve who are due at one time five get their mail, on the next day five or more, and the rest after it."""
    play = shop(ramped(RampRule(RampSteps(start=5, until=5))))
    come(play, 12)
    play.passes("3d")
    assert [len(each) for each in sent(play).values()] == [5, 5, 2]


def test_the_latest_sign_of_life_goes_first() -> None:
    """Who goes today and who tomorrow follows the signs of life, not who became due first."""
    play = shop(ramped(RampRule(RampSteps(start=3, until=3))))
    names = come(play, 9)
    play.passes("3d")
    assert {day: sorted(each) for day, each in sent(play).items()} == {0: names[6:], 1: names[3:6], 2: names[:3]}


def test_the_order_holds_over_quiet_hours() -> None:
    """The line is called up at midnight, when nobody may be written to; by morning the order is still that of life."""
    play = shop(ramped(RampRule(RampSteps(start=3, until=3)), quiet=(20 * 60, 8 * 60)))
    names = come(play, 9)
    play.passes("3d")
    assert {day: sorted(each) for day, each in sent(play).items()} == {0: names[6:], 1: names[3:6], 2: names[:3]}
    hours = {BERLIN.clock(each.time) // HOUR for each in play.effects if each.type == fx.SEND_REQUESTED}
    assert hours == {11, 8}


def test_a_weekend_without_mail_keeps_the_order() -> None:
    """On days on which nothing may be sent the line waits, and Monday goes by signs of life."""
    friday = at("2026-01-09 10:00")
    weekdays = WRITES.replace(
        "again_after: 1d", "again_after: 1d\nsend_on: [mon, tue, wed, thu, fri]\nlate_at_most: 9d"
    )
    play = shop(ramped(RampRule(RampSteps(start=3, until=3)), quiet=(20 * 60, 8 * 60)), weekdays, start=friday)
    names = come(play, 9)
    play.passes("6d")
    assert {day: sorted(each) for day, each in sent(play).items()} == {0: names[6:], 3: names[3:6], 4: names[:3]}


def test_each_family_has_its_own_ramp() -> None:
    """What Gmail takes uses up nothing of GMX, and `by:` gives a family its own steps."""
    rule = RampRule(RampSteps(start=2, until=2), {"gmx": RampSteps(start=4, until=4)})
    play = shop(ramped(rule))
    come(play, 5)
    come(play, 5, "gmx")
    play.passes("2h")
    assert Counter(name[:3] == "gmx" for name in sent(play)[0]) == {True: 4, False: 2}


def test_a_wait_for_the_ramp_is_told_once_and_explained() -> None:
    """Who waits for days is told of once, with the ramp as the reason; who only waited for others of the same time, never."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1)), quiet=(20 * 60, 8 * 60)))
    come(play, 3)
    play.passes("3d")
    deferrals = [(each.customer, each.data["reason"]) for each in play.effects if each.type == fx.SEND_DEFERRED]
    assert sorted(deferrals) == [(name, "ramp: no more to gmail today") for name in ("c00", "c01")]


def test_waiting_for_the_ramp_may_be_too_late() -> None:
    """A send that the ramp held for longer than `late_at_most` is dropped, and the reason says so; the line is left."""
    short = WRITES.replace("again_after: 1d", "again_after: 1d\nlate_at_most: 36h")
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))), short)
    come(play, 4)
    play.passes("3d")
    assert len([name for names in sent(play).values() for name in names]) == 2
    dropped = [each.data["reason"] for each in play.effects if each.type == fx.SEND_DROPPED]
    assert dropped == ["late: ramp: no more to gmail today"] * 2
    assert play.world.store.line_length(LINES["gmail"]) == 0


def test_who_leaves_the_workflow_leaves_the_line() -> None:
    """A "no" while waiting for the ramp ends the run, and nobody stands in line for nothing."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))))
    come(play, 3)
    play.passes("2h")
    assert play.world.store.line_length(LINES["gmail"]) == 2
    play.happens("email.unsubscribed", "c01", email="c01@gmail.com")
    assert play.world.store.line_length(LINES["gmail"]) == 1
    play.passes("5d")
    assert "c01" not in [name for names in sent(play).values() for name in names]


def test_service_mail_is_no_matter_of_the_ramp() -> None:
    """A receipt leaves whatever the ramp says, and uses up nothing of it."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))), SERVES)
    come(play, 4)
    play.passes("2h")
    assert len(sent(play)[0]) == 4
    assert play.shop.ramps == {}


def test_a_hold_out_waits_with_the_others_and_uses_up_nothing() -> None:
    """Held out, they walk on the same clock; the mail servers see none of it."""
    everyone_held_out = WRITES.replace("again_after: 1d", "again_after: 1d\nholdout: 50%")
    play = shop(ramped(RampRule(RampSteps(start=3, until=3))), everyone_held_out)
    come(play, 12)
    play.passes("6d")
    by_day = [len(each) for each in sent(play).values()]
    held_out = [each for each in play.effects if each.type == fx.SEND_HELD_OUT]
    assert all(count <= 3 for count in by_day)
    assert held_out
    assert sum(by_day) + len(held_out) == 12


def test_a_shadow_run_does_not_wait() -> None:
    """What never leaves needs no room on the ramp."""
    play = Play(WRITES, lifecycle=ramped(RampRule(RampSteps(start=1, until=1))), mode=Mode.SHADOW, newcomer=at_gmail)
    come(play, 4)
    play.passes("2h")
    assert len([each for each in play.effects if each.type == fx.SEND_REQUESTED and each.shadow]) == 4


def test_an_ordinary_day_makes_nobody_wait() -> None:
    """Once a day has left something over, who is due is sent to at once, without a line."""
    play = shop(ramped(RampRule(RampSteps(start=50, until=50))))
    come(play, 3)
    play.passes("1d")
    come(play, 3, "d")
    before = len(play.world.store.journalled or ())
    play.passes("2h")
    kinds = [type(signal).__name__ for _, signal, _ in (play.world.store.journalled or ())[before:]]
    assert "CalledUp" not in kinds
    assert len(sent(play)[1]) == 3


def test_bounces_stop_the_day_and_step_it_back() -> None:
    """Mails that bounce for dead addresses stop the family for the day; the next one allows half."""
    play = shop(ramped(RampRule(RampSteps(start=60, until=100))))
    come(play, 80)
    play.passes("2h")
    assert len(sent(play)[0]) == 60
    for name in sent(play)[0][:20]:
        number = play.customer(name).releases[-1].effect_id
        play.happens("email.bounced", name, message_id=f"<{number}@shop.example>", kind="dead", status="5.1.1")
    assert play.shop.ramps["gmail"].stopped
    play.passes("1d")
    assert len(sent(play).get(1, ())) == 20  # the rest of the eighty, fewer than the thirty that are allowed
    assert play.shop.ramps["gmail"].allowed == 30


def test_complaints_and_policy_answers_count_too() -> None:
    """A complaint by address alone counts against the last mail; policy answers of the servers count each mail once."""
    play = shop(ramped(RampRule(RampSteps(start=60, until=100))))
    come(play, 60)
    play.passes("2h")
    play.happens("email.complained", "c00", email="c00@gmail.com")
    number = play.customer("c01").releases[-1].effect_id
    for _ in range(3):
        play.shop_signal(TurnedAway("gmail", number, play.now - 10 * MINUTE))
    today = play.shop.ramps["gmail"].days[-1]
    assert (today.sends, today.complaints, today.policy) == (60, 1, 1)


def test_a_full_mailbox_and_others_mail_count_nothing() -> None:
    """A full mailbox says nothing of us, nor does a bounce of another sender's mail."""
    play = shop(ramped(RampRule(RampSteps(start=60, until=100))))
    come(play, 3)
    play.passes("2h")
    number = play.customer("c00").releases[-1].effect_id
    play.happens("email.bounced", "c00", message_id=f"<{number}@x>", kind="full", status="5.2.2")
    play.happens("email.bounced", "c01", email="c01@gmail.com", kind="dead", sender="newsletter tool")
    play.happens("email.bounced", "c02", message_id="<another@newsletter.example>", kind="dead")
    today = play.shop.ramps["gmail"].days[-1]
    assert (today.sends, today.bounces, today.complaints, today.policy) == (3, 0, 0, 0)


def test_one_bounce_is_one_bounce_for_two_accounts_under_one_address() -> None:
    """Both records hear of it; the ramp counts the mail once."""
    play = shop(ramped(RampRule(RampSteps(start=60, until=100))))
    for name in ("ada", "bob"):
        play.happens("profile.updated", name, email="both@gmail.com")
    play.orders("ada")
    play.passes("2h")
    number = play.customer("ada").releases[-1].effect_id
    assert play.customer("bob").shares == ("ada",)
    play.happens("email.bounced", "ada", message_id=f"<{number}@x>", kind="dead", status="5.1.1")
    assert play.shop.ramps["gmail"].days[-1].bounces == 1


def test_what_came_back_unsent_gives_its_place_to_the_next() -> None:
    """A send that the block list stops never left: somebody else in the line goes in its place on the same day."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))))
    come(play, 2)
    handed: list[str] = []
    hand_over = play.world._hand_over

    def blocked_once(now: Instant) -> None:
        outbox = play.world.store.outbox
        if outbox and not handed:
            effect = outbox.pop(0)
            handed.append(effect.customer)
            play.world.handling.decide(play.world.store, effect.customer, Handed(effect.effect_id, "blocked"), now)
        hand_over(now)

    play.world._hand_over = blocked_once  # type: ignore[method-assign]  # the mail server that this test plays
    play.passes("2h")
    assert sent(play)[0] == ["c01", "c00"]
    assert handed == ["c01"]


def test_a_pause_goes_before_the_ramp_and_its_end_obeys_it() -> None:
    """Three thousand that a pause held do not leave at once when it ends: so many a day, the latest sign of life first."""
    play = shop(ramped(RampRule(RampSteps(start=3, until=3))))
    play.pause()
    names = come(play, 7)
    play.passes("2d")
    assert sent(play) == {}
    play.unpause("send")
    play.passes("1min")
    assert sorted(sent(play)[2]) == names[4:]
    play.passes("2d")
    assert [len(each) for each in sent(play).values()] == [3, 3, 1]


def test_who_waits_for_the_ramp_is_held_by_a_pause_that_begins() -> None:
    """When they are called up during a pause they are held by it, not sent, and not dropped as late either."""
    play = shop(ramped(RampRule(RampSteps(start=3, until=3))))
    come(play, 7)
    play.passes("2h")
    play.pause()
    play.passes("6d")
    assert sum(map(len, sent(play).values())) == 3
    assert play.world.store.line_length("!paused") == 4
    play.unpause("send")
    play.passes("2d")
    assert sum(map(len, sent(play).values())) == 7


def test_without_a_ramp_again_nobody_is_left_in_line() -> None:
    """Whoever takes `ramp:` out of lifecycle.yaml lets all go who waited; one that is written again begins anew."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))))
    come(play, 5)
    play.passes("2h")
    play.changes(replace(play.rule_set, lifecycle=ramped(None)))
    play.passes("1min")
    assert sum(map(len, sent(play).values())) == 5
    assert play.shop.ramps == {}
    assert [play.world.store.line_length(line) for line in (GATHERED, *LINES.values())] == [0] * 8


def test_a_merged_record_takes_its_send_along() -> None:
    """Two records of one person become one while a send waits for the ramp: it is asked again, and goes once."""
    play = shop(ramped(RampRule(RampSteps(start=1, until=1))))
    come(play, 3)
    play.passes("2h")
    play.happens("profile.updated", "new", email="new@gmail.com")
    play.happens("customer.merged", "c01", into="new")
    play.passes("3d")
    assert sorted(name for names in sent(play).values() for name in names) == ["c00", "c02", "new"]


def test_an_edit_of_the_rules_keeps_who_waits_in_line() -> None:
    """Other rules come into force while some wait for the ramp: they still go, on their day, once each."""
    play = shop(ramped(RampRule(RampSteps(start=2, until=2))))
    come(play, 6)
    play.passes("2h")
    caps = (Cap(Purpose.MARKETING, 9, length("7d")),)
    play.changes(replace(play.rule_set, lifecycle=replace(play.rule_set.lifecycle, caps=caps)))
    play.passes("3d")
    everyone = [name for names in sent(play).values() for name in names]
    assert (len(everyone), len(set(everyone))) == (6, 6)
    assert max(map(len, sent(play).values())) == 2


def test_it_grows_as_long_as_mail_waits_and_all_is_well() -> None:
    """A backlog of 100 with a start of 5: each day half as many more leave, until all are through."""
    long = WRITES.replace("again_after: 1d", "again_after: 1d\nlate_at_most: 20d")
    play = shop(ramped(RampRule(RampSteps(start=5, until=40))), long)
    come(play, 100)
    play.until(START + 12 * DAY)
    assert [len(each) for each in sent(play).values()] == [5, 8, 12, 18, 27, 30]


def test_a_poisoned_customer_does_not_hold_up_the_line() -> None:
    """A decision that fails when somebody is called up sets them aside once; the others go, and so do they when released."""
    play = shop(ramped(RampRule(RampSteps(start=2, until=2))))
    come(play, 6)
    play.passes("2h")
    broken = play.customer("c03")
    lost = copy(broken)
    lost.runs = tuple(replace(run, version=99) for run in broken.runs)
    play.put(lost)
    play.passes("2d")
    assert [len(each) for each in sent(play).values()] == [2, 2, 1]
    assert len(play.world.store.dead_letters) == 1
    healed = copy(play.customer("c03"))
    healed.runs = broken.runs
    play.put(healed)
    play.signal(Released(), "c03")
    play.passes("1min")
    assert "c03" in sent(play)[2]
