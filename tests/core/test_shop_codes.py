"""Codes that the shop makes (`codes: shop`): asked for, awaited, refused, and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, decode, encode
from engine.core.effects import Effect
from engine.core.moments import DAY, HOUR
from engine.core.signals import Handed, Move
from tests.builders import Play, rules_of
from tests.core.shops import hands_nothing_over, only
from tests.core.test_gate import COUPON

OFFER = "discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, budget: 5 EUR per 30d, codes: shop"


def offering(more: str = "", *, live: bool = True, workflow: str = COUPON) -> Play:
    """A shop that makes the codes of one offer of 2 EUR itself."""
    play = Play(workflow, offers=f"offers:\n  ten: {{{OFFER}{more}}}\n")
    if live:
        play.goes_live()
    return play


def asked(play: Play, customer: str = "ada") -> dict[str, Any]:
    """What the shop was asked to make last."""
    return [each.data for each in play.about(customer) if each.type == fx.COUPON_ISSUED][-1]


def sends(play: Play, customer: str = "ada") -> list[str]:
    """What was asked of sends, without starts and ends."""
    return [each for each in play.told(customer) if each.split(" ")[1] not in ("start", "end")]


WAITS = "0d defer coupon_offer: coupon not ready"


def test_the_send_waits_until_the_shop_has_made_the_code() -> None:
    """It leaves when the shop says so, with that code; and the reminder needs no more asking."""
    play = offering()
    play.happens("customer.visited")
    play.passes("2h")
    assert sends(play) == [WAITS]
    play.happens("coupon.ready", code=asked(play)["code"])
    play.passes("1d")
    assert sends(play) == [WAITS, "0d send coupon_offer", "1d send coupon_reminder"]
    codes = {each.data["offer"]["code"] for each in play.about() if each.type == fx.SEND_REQUESTED}
    assert codes == {asked(play)["code"]}
    assert len(only(play.effects, "coupon_issued")) == 1


def test_the_shop_is_told_all_it_needs_to_make_the_code() -> None:
    """Value, minimum basket, one use, and from when until when: the end of the day that the mail shows."""
    play = offering()
    play.happens("customer.visited")
    told = asked(play)
    assert {name: told[name] for name in ("kind", "value", "minimum_basket", "uses", "codes")} == {
        "kind": "discount",
        "value": "10%",
        "minimum_basket": "20.00 EUR",
        "uses": 1,
        "codes": "shop",
    }
    assert told["starts_at"] == "2026-01-05T09:00:00Z"
    assert (told["valid_until"], told["ends_at"]) == ("2026-01-19", "2026-01-19T23:00:00Z")


def test_before_go_live_a_code_is_as_good_as_made() -> None:
    """No effect leaves then, so no shop could answer: a rehearsal shows what would be sent."""
    play = offering(live=False)
    play.happens("customer.visited")
    assert sends(play) == ["0d send coupon_offer"]


def test_a_code_that_is_not_made_in_time_is_taken_back() -> None:
    """After late_at_most the send is dropped; the shop is told to void the code, should it come to make it after all."""
    play = offering()
    play.happens("customer.visited")
    play.passes("5d")
    assert sends(play)[:2] == [WAITS, "3d drop coupon_offer: late: coupon not ready"]
    first, second = (each["code"] for each in only(play.effects, "coupon_issued"))
    assert [each["code"] for each in only(play.effects, "coupon_voided")] == [first]
    assert first != second
    play.happens("coupon.ready", code=first)  # too late
    assert [each for each in sends(play) if "send" in each.split(" ")] == []
    assert (len(play.customer().offers_had["ten"]), sum(play.shop.budgets["ten"].values())) == (1, 200)


def test_a_refused_code_drops_the_send() -> None:
    """With `if_refused: skip`, which holds when it is left out, the reminder asks anew with another code."""
    play = offering()
    play.happens("customer.visited")
    first = asked(play)["code"]
    play.happens("coupon.refused", code=first, reason="limit reached")
    play.works()
    assert sends(play) == [WAITS, "0d drop coupon_offer: coupon_refused"]
    assert only(play.effects, "coupon_voided")[0]["reason"] == "coupon_refused: limit reached"
    assert (play.customer().offers_had, sum(play.shop.budgets["ten"].values())) == ({}, 0)
    play.passes("1d")
    assert asked(play)["code"] != first


def test_a_refused_code_lets_the_run_go_without() -> None:
    """With `if_refused: send_without` this send and the next ones go without the offer; the shop is not asked again."""
    play = offering(", if_refused: send_without")
    play.happens("customer.visited")
    play.happens("coupon.refused", code=asked(play)["code"], reason="limit reached")
    play.passes("1d")
    assert sends(play) == [WAITS, "0d send coupon_offer", "1d send coupon_reminder"]
    assert [each.data["offer"] for each in play.about() if each.type == fx.SEND_REQUESTED] == [None, None]
    assert len(only(play.effects, "coupon_issued")) == len(only(play.effects, "coupon_voided")) == 1
    assert play.customer().offers_had == {}


def test_only_the_answer_about_that_code_counts() -> None:
    """Another code, or the same told twice, changes nothing."""
    play = offering()
    play.happens("customer.visited")
    play.happens("coupon.ready", code="WB-ANOTHER")
    assert sends(play) == [WAITS]
    for _ in range(2):
        play.happens("coupon.ready", code=asked(play)["code"])
        play.works()
    play.happens("coupon.refused", code=asked(play)["code"])
    play.works()
    assert sends(play) == [WAITS, "0d send coupon_offer"]
    assert only(play.effects, "coupon_voided") == []


def test_the_gate_is_asked_again_when_the_code_is_ready() -> None:
    """Who said no meanwhile gets nothing, and the code is void; a pause holds the send with its code kept."""
    play = offering()
    play.happens("customer.visited", "bob")
    play.happens("customer.visited", "ada")
    play.happens("email.unsubscribed", "bob")
    play.pause()
    play.happens("coupon.ready", code=asked(play)["code"])
    play.works()
    assert sends(play)[-1] == "0d defer coupon_offer: paused: engine"
    play.unpause()
    assert sends(play)[-1] == "0d send coupon_offer"
    assert only(play.about("bob"), "coupon_voided")[0]["reason"] == "left"
    assert only(play.about("ada"), "coupon_voided") == []


def test_an_answer_of_long_ago_rings_no_timer() -> None:
    """A ready code is a fact and is used when the send is asked next; a refusal is left to late_at_most."""
    play = Play(COUPON, offers=f"offers:\n  ten: {{{OFFER}}}\n", history_after=HOUR)
    play.goes_live()
    play.happens("customer.visited")
    play.happens("customer.visited", "bob")
    play.passes("2h")
    play.happens("coupon.ready", time=play.now - 2 * HOUR, code=asked(play)["code"])
    play.happens("coupon.refused", "bob", time=play.now - 2 * HOUR, code=asked(play, "bob")["code"])
    play.works()
    assert (sends(play), sends(play, "bob")) == ([WAITS], [WAITS])
    assert not play.customer().promises[0].awaited
    play.passes("4d")
    assert sends(play)[1] == "3d drop coupon_offer: late: coupon not ready"
    assert sends(play, "bob")[1] == "3d drop coupon_offer: late: coupon not ready"


def test_a_run_that_ends_without_its_send_takes_the_code_back() -> None:
    """Nobody was told of it; a code that was sent stays good until the day that the mail shows."""
    play = offering()
    play.happens("customer.visited")
    play.happens("email.unsubscribed")
    assert only(play.effects, "coupon_voided")[0]["code"] == asked(play)["code"]
    play = offering()
    play.happens("customer.visited")
    play.happens("coupon.ready", code=asked(play)["code"])
    play.works()
    play.happens("email.unsubscribed")
    assert play.outcomes() == ["left"]
    assert only(play.effects, "coupon_voided") == []


@pytest.mark.parametrize("codes", ["signed", "shop"])
def test_the_codes_of_somebody_who_is_gone_are_void(codes: str) -> None:
    """Each of their own that they have not used, once; the text that everybody has stays good."""
    offers = f"offers:\n  ten: {{{OFFER.replace('codes: shop', f'codes: {codes}')}}}\n"
    play = Play(COUPON, offers=offers)
    play.happens("customer.visited")
    code = asked(play)["code"]
    play.happens("customer.ended", reason="deceased")
    assert [(each["code"], each["reason"]) for each in only(play.effects, "coupon_voided")] == [(code, "gone")]
    play.happens("customer.erased")
    assert len(only(play.effects, "coupon_voided")) == 1


def test_a_used_code_and_a_text_for_everybody_stay_when_somebody_is_gone() -> None:
    """There is nothing to take back of the one, and all others use the other."""
    play = offering(live=False)
    play.happens("customer.visited")
    play.happens("coupon.redeemed", code=asked(play)["code"])
    play.happens("customer.ended")
    assert only(play.effects, "coupon_voided") == []
    play = Play(COUPON, offers="offers:\n  ten: {discount: 10%, valid_for: 14d, codes: text, text: WELCOME}\n")
    play.happens("customer.visited")
    play.happens("customer.ended")
    assert only(play.effects, "coupon_voided") == []


def test_the_answer_finds_who_became_another() -> None:
    """The customer was merged while the shop made the code: the send goes to the one that stays."""
    play = offering()
    play.happens("customer.visited", "bob")
    play.happens("customer.merged", "bob", into="ada")
    play.happens("coupon.ready", "bob", code=asked(play, "bob")["code"])
    play.works()
    assert sends(play) == ["0d send coupon_offer"]


@pytest.mark.parametrize("codes", ["signed", "shop"])
@pytest.mark.parametrize("instead", ["five", ""])
def test_an_edit_that_lets_the_send_make_another_offer_takes_the_first_back(codes: str, instead: str) -> None:
    """The run is moved while its send waits: for the shop, or held by a pause after it came back. Each effect has its id."""
    offers = f"offers:\n  ten: {{{OFFER}}}\n  five: {{discount: 5%, valid_for: 14d, codes: shop}}\n"
    play = Play(COUPON, offers=offers.replace("codes: shop", f"codes: {codes}"))
    hands_nothing_over(play)
    play.goes_live()
    play.happens("customer.visited")
    first = asked(play)["code"]
    if codes == "signed":
        play.pause()
        play.signal(Handed(play.world.store.outbox.pop(0).effect_id, "again"))
    named = f"        offer: {instead}\n" if instead else ""
    edited = rules_of(
        COUPON.replace("        offer: ten\n", named), offers=offers.replace("codes: shop", "codes: signed")
    )
    number = replace(edited.workflows["coupon"], version=2)
    play.changes(replace(edited, workflows={"coupon": number}), Move("coupon", "move"))
    if codes == "signed":
        play.unpause()
    (voided,) = only(play.effects, "coupon_voided")
    assert (voided["code"], voided["reason"]) == (first, "the send makes another offer now")
    sent = [each.data["offer"] for each in play.about() if each.type == fx.SEND_REQUESTED][-1]
    assert (sent and sent["name"]) == (instead or None)
    assert len({each.id for each in play.effects}) == len(play.effects)
    assert sum(play.shop.budgets["ten"].values()) == 0


def test_hold_out_and_shadow_ask_no_shop() -> None:
    """A hold-out member's send counts at once; a shadow's code is told to nobody."""
    held_out = offering(workflow=COUPON.replace("again_after", "holdout: 100%\nagain_after"))
    held_out.happens("customer.visited")
    assert sends(held_out) == ["0d held out coupon_offer"]
    shadow = offering(workflow=COUPON.replace("again_after", "mode: shadow\nagain_after"))
    shadow.happens("customer.visited")
    assert sends(shadow) == ["0d send coupon_offer (shadow)"]
    assert all(each.shadow for each in shadow.effects if each.type == fx.COUPON_ISSUED)


def test_the_order_that_used_a_code_is_known() -> None:
    """Of a code that we gave, by the order or by the shop's own word; the first order counts."""
    play = offering(live=False)
    play.happens("customer.visited")
    code = asked(play)["code"]
    play.orders(number="o-1", coupon=code)
    play.happens("coupon.redeemed", code=code, order_id="o-2")
    play.happens("coupon.redeemed", code="SUMMER", order_id="o-3")
    assert list(play.customer().used_in) == [code]
    once = dict(play.customer().used_in)
    play.happens("customer.merged", "ada", into="bob")
    assert play.customer("bob").used_in == once


_steps = st.lists(
    st.one_of(
        st.sampled_from(["ada", "bob"]).map(lambda name: ("visit", name)),
        st.sampled_from(["ada", "bob"]).flatmap(
            lambda name: st.sampled_from([("ready", name), ("refused", name), ("no", name), ("gone", name)])
        ),
        st.sampled_from(["done", "refused", "again"]).map(lambda outcome: ("ends", outcome)),
        st.sampled_from(["1h", "1d", "4d"]).map(lambda length: ("passes", length)),
        st.just(("pause", "")),
        st.sampled_from(["send", "skip", "shift"]).map(lambda overdue: ("unpause", overdue)),
    ),
    max_size=20,
)


@given(_steps, st.sampled_from(["", ", if_refused: send_without"]))
def test_no_code_leaves_that_the_shop_has_not_made(steps: list[tuple[str, str]], more: str) -> None:
    """Whatever happens in whatever order; no code is sent after it was voided; and the budget holds what was not voided."""
    play = offering(more)
    hands_nothing_over(play)
    ready: set[str] = set()
    for what, which in steps:
        match what:
            case "visit":
                play.happens("customer.visited", which)
            case "ready" | "refused" if code := _latest(play, which):
                play.happens(f"coupon.{what}", which, code=code)
                ready |= {code} if what == "ready" else set()
                play.works()
            case "no":
                play.happens("email.unsubscribed", which)
            case "gone":
                play.happens("customer.ended", which)
            case "ends" if play.world.store.outbox:
                sent = play.world.store.outbox.pop(0)
                play.signal(Handed(sent.effect_id, which), sent.customer)
            case "passes":
                play.until(play.now + (HOUR if which == "1h" else DAY * int(which[0])))
            case "pause":
                play.pause()
            case "unpause":
                play.unpause(which)
    _holds(play, ready)


def _latest(play: Play, customer: str) -> str:
    issued = [each.data["code"] for each in play.about(customer) if each.type == fx.COUPON_ISSUED]
    return issued[-1] if issued else ""


def _holds(play: Play, ready: set[str]) -> None:
    voided: set[str] = set()
    issued: dict[str, Effect] = {}
    for each in play.effects:
        if each.type == fx.COUPON_ISSUED:
            assert each.data["code"] not in issued
            issued[each.data["code"]] = each
        elif each.type == fx.COUPON_VOIDED:
            assert each.data["code"] not in voided
            voided.add(each.data["code"])
        elif each.type == fx.SEND_REQUESTED and each.data["offer"]:
            assert each.data["offer"]["code"] in ready - voided
    kept: list[Customer] = list(play.world.store.customers.values())
    assert all(decode(encode(customer)) == customer for customer in kept)
    gone = {customer.id for customer in kept if customer.gone}
    counted = [each for code, each in issued.items() if code not in voided or each.customer in gone]
    assert len({each.id for each in play.effects}) == len(play.effects)
    if not gone:
        assert sum(play.shop.budgets.get("ten", {}).values()) == 200 * len(counted)
