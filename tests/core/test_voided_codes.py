"""Offers whose first send did not arrive: the code is voided, and it is as if the offer had never been made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import RELEASES_KEPT, decode, encode
from engine.core.effects import Effect
from engine.core.moments import DAY, HOUR
from engine.core.signals import CodesGranted, Handed
from tests.builders import PLAIN, START, Play
from tests.core.test_gate import COUPON

OFFER = "discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, budget: 5 EUR per 30d"
NOT_ARRIVED = ("refused", "blocked", "late")


def offering(more: str = "", workflow: str = COUPON) -> Play:
    """A shop with one offer of 2 EUR, whose mail server answers when a test says so."""
    play = Play(workflow, offers=f"offers:\n  ten: {{{OFFER}{more}}}\n")
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    return play


def released(play: Play) -> Effect:
    """Take the oldest send that waits to be handed over."""
    return play.world.store.outbox.pop(0)


def ends(play: Play, outcome: str, reason: str = "550") -> Effect:
    """Let the oldest released send end so; return it."""
    sent = released(play)
    play.signal(Handed(sent.effect_id, outcome, reason), sent.customer)
    return sent


def of_coupons(play: Play, kind: str) -> list[dict[str, Any]]:
    """What was told of issued or voided codes."""
    return [each.data for each in play.effects if each.type == kind]


def spent(play: Play) -> int:
    """What the offer has cost up to now, in cents."""
    return sum(play.shop.budgets.get("ten", {}).values())


@pytest.mark.parametrize("outcome", NOT_ARRIVED)
def test_a_first_send_that_did_not_arrive_takes_the_offer_back(outcome: str) -> None:
    """The shop is told to void the code, with all that was told of it; neither the customer nor the budget had it."""
    play = offering(", per_customer: never_again")
    play.happens("customer.visited")
    assert spent(play) == 200
    ends(play, outcome)
    (issued,), (voided,) = of_coupons(play, fx.COUPON_ISSUED), of_coupons(play, fx.COUPON_VOIDED)
    assert voided == {**issued, "reason": f"{outcome}: 550"}
    customer = play.customer()
    assert (customer.offers_had, customer.releases, customer.promises) == ({}, (), ())
    assert customer.voided_codes == (issued["code"],)
    assert spent(play) == 0


@pytest.mark.parametrize("outcome", NOT_ARRIVED)
def test_a_later_send_of_the_run_issues_another_code(outcome: str) -> None:
    """It never repeats the code that was voided, and counts as the first one."""
    play = offering(", per_customer: never_again")
    play.happens("customer.visited")
    ends(play, outcome)
    play.passes("1d")
    reminder = ends(play, "done")
    first, second = of_coupons(play, fx.COUPON_ISSUED)
    assert first["code"] != second["code"] == reminder.data["offer"]["code"]
    assert len(play.customer().offers_had["ten"]) == 1
    assert spent(play) == 200


@pytest.mark.parametrize("outcome", ["done", "uncertain"])
def test_what_arrived_or_may_have_stays(outcome: str) -> None:
    """Whatever becomes of the reminder, the code was given."""
    play = offering()
    play.happens("customer.visited")
    ends(play, outcome)
    play.passes("1d")
    ends(play, "refused")
    assert of_coupons(play, fx.COUPON_VOIDED) == []
    assert (spent(play), len(play.customer().offers_had["ten"])) == (200, 1)


def test_a_run_that_ended_meanwhile_takes_its_offer_back_too() -> None:
    """The customer said no while the mail was on its way: it is blocked, and its code is void."""
    play = offering()
    play.happens("customer.visited")
    play.happens("email.unsubscribed")
    assert play.outcomes() == ["left"]
    assert of_coupons(play, fx.COUPON_VOIDED) == []
    ends(play, "blocked", "stopped")
    assert of_coupons(play, fx.COUPON_VOIDED)[0]["reason"] == "blocked: stopped"
    assert spent(play) == 0


def test_a_send_that_came_back_keeps_its_code_until_it_is_given_up() -> None:
    """Released again it carries the same code; dropped by the gate, or left behind by its run, it has none."""
    play = offering()
    play.happens("customer.visited")
    first = ends(play, "again")
    second = released(play)
    assert first.data["offer"] == second.data["offer"]
    play.pause()
    play.signal(Handed(second.effect_id, "again"))
    assert play.customer().runs[0].doing == "paused"
    play.signal(Handed(second.effect_id, "again"))  # told twice
    assert of_coupons(play, fx.COUPON_VOIDED) == []
    play.happens("email.unsubscribed")
    assert of_coupons(play, fx.COUPON_VOIDED)[0]["reason"] == "left"
    assert (spent(play), play.customer().offers_had) == (0, {})


def test_a_send_skipped_when_a_pause_ends_takes_its_offer_back() -> None:
    """It had been released before, and came back."""
    play = offering()
    play.happens("customer.visited")
    play.pause()
    ends(play, "again")
    play.unpause("skip")
    assert of_coupons(play, fx.COUPON_VOIDED)[0]["reason"] == "paused"
    assert spent(play) == 0


def test_a_pool_code_does_not_go_back_into_the_pool() -> None:
    """Whoever refused the mail has seen it; the next send takes the next code."""
    play = offering(", codes: pool, pool: codes.csv, low_water: 1")
    play.shop_signal(CodesGranted("ten", ("A", "B")))
    play.happens("customer.visited")
    ends(play, "refused")
    assert play.shop.codes["ten"] == ["B"]
    assert play.customer().voided_codes == ("A",)
    play.passes("1d")
    assert released(play).data["offer"]["code"] == "B"


def test_two_runs_that_begin_at_once_share_neither_code_nor_budget() -> None:
    """Both are decided before the shop counts either: the second takes the next code, and the third offer is too much."""
    both = [
        f"""
workflow: service-{number}
enter_when_all:
  - event: customer.visited
again_after: never
stages:
  only:
    steps:
      - send: receipt
        purpose: service
        offer: ten
    end: done
"""
        for number in (1, 2, 3)
    ]
    offers = f"offers:\n  ten: {{{OFFER}, codes: pool, pool: codes.csv, low_water: 1}}\n"
    play = Play(*both, offers=offers, lifecycle=replace(PLAIN, service_templates=("receipt",)))
    play.shop_signal(CodesGranted("ten", ("A", "B", "C")))
    play.happens("customer.visited")
    assert [each["code"] for each in of_coupons(play, fx.COUPON_ISSUED)] == ["A", "B"]
    assert [each.data["reason"] for each in play.effects if each.type == fx.SEND_DROPPED] == ["budget_spent"]
    assert (play.shop.codes["ten"], spent(play)) == (["C"], 400)


def test_a_text_that_everybody_gets_is_no_voided_code() -> None:
    """The shop is told, but the text itself stays good for all others."""
    play = offering(", codes: text, text: WELCOME")
    play.happens("customer.visited")
    ends(play, "refused")
    assert of_coupons(play, fx.COUPON_VOIDED)[0]["code"] == "WELCOME"
    assert play.customer().voided_codes == ()


def test_a_voided_offer_makes_room_in_the_budget() -> None:
    """5 EUR are two coupons of 2 EUR; when one of two did not arrive a third may be made."""
    play = offering()
    for name in ("ada", "bob", "cyd"):
        play.happens("customer.visited", name)
    assert play.told("cyd")[1] == "0d drop coupon_offer: budget_spent"
    ends(play, "refused")
    play.happens("customer.visited", "dan")
    assert play.told("dan")[1] == "0d send coupon_offer"


def test_what_a_rehearsal_spent_is_given_back_once() -> None:
    """`go-live` forgets the rehearsal's budget; a rehearsed send that ends afterwards takes nothing off the live one."""
    play = offering()
    play.happens("customer.visited")
    play.until(START + 2 * DAY)
    play.goes_live()
    play.happens("customer.visited", "bob")
    assert spent(play) == 200
    ends(play, "blocked", "the run has moved on")
    assert [each.customer for each in play.effects if each.type == fx.COUPON_VOIDED] == ["ada"]
    assert spent(play) == 200


def test_a_voided_code_follows_a_merged_customer() -> None:
    """The send was on its way when its customer turned out to be another."""
    play = offering()
    play.happens("customer.visited", "bob")
    play.happens("customer.merged", "bob", into="ada")
    sent = released(play)
    play.signal(Handed(sent.effect_id, "refused"), "bob")
    assert [each.customer for each in play.effects if each.type == fx.COUPON_VOIDED] == ["ada"]
    assert play.customer("ada").voided_codes == (sent.data["offer"]["code"],)
    assert (spent(play), play.customer("ada").offers_had) == (0, {})


_steps = st.lists(
    st.one_of(
        st.sampled_from(["ada", "bob", "cyd"]).map(lambda name: ("visit", name)),
        st.sampled_from(["done", "uncertain", *NOT_ARRIVED, "again"]).map(lambda outcome: ("ends", outcome)),
        st.sampled_from(["1h", "1d", "3d"]).map(lambda length: ("passes", length)),
        st.sampled_from(["ada", "bob"]).map(lambda name: ("no", name)),
        st.just(("pause", "")),
        st.sampled_from(["send", "skip"]).map(lambda overdue: ("unpause", overdue)),
        st.just(("live", "")),
    ),
    max_size=25,
)


@given(_steps)
def test_the_budget_is_what_was_issued_less_what_was_voided(steps: list[tuple[str, str]]) -> None:
    """Whatever ends how, in whatever order: never negative, caps hold what left or may have, nothing is voided twice."""
    play = offering()
    live_since = 0
    for what, which in steps:
        match what:
            case "visit":
                play.happens("customer.visited", which)
            case "ends" if play.world.store.outbox:
                ends(play, which)
            case "passes":
                play.until(play.now + (HOUR if which == "1h" else DAY * int(which[0])))
            case "no":
                play.happens("email.unsubscribed", which)
            case "pause":
                play.pause()
            case "unpause":
                play.unpause(which)
            case "live":
                play.until(play.now + HOUR + 1)  # nothing else happens in its microsecond, which is on neither side
                play.goes_live()
                live_since = play.now
    issued = [each for each in play.effects if each.type == fx.COUPON_ISSUED]
    voided = [each for each in play.effects if each.type == fx.COUPON_VOIDED]
    assert len({each.id for each in play.effects}) == len(play.effects)
    assert {each.effect_id for each in voided} <= {each.effect_id for each in issued}
    gone = {each.effect_id for each in voided}
    counted = [each for each in issued if each.effect_id not in gone and each.time >= live_since]
    assert spent(play) == 200 * len(counted)
    assert all(amount >= 0 for amount in play.shop.budgets.get("ten", {}).values())
    for name in {each.customer for each in issued}:
        customer = play.customer(name)
        mine = [each for each in counted if each.customer == name]
        assert len(customer.offers_had.get("ten", ())) == len(mine)
        assert set(customer.voided_codes).isdisjoint(code for run in customer.runs for code, _ in run.codes.values())
        assert decode(encode(customer)) == customer
        assert len(customer.releases) <= RELEASES_KEPT
