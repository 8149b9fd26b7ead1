"""Two customers, one mail address: a no, a bounce, a cap and the hold-out arm hold for both."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.address import address_ref
from engine.core.customer import Customer, Permission, Stop, decode, encode
from engine.core.deciding import decide
from engine.core.effects import ADDRESS_CHANGED, RUN_STARTED
from engine.core.ids import lot
from engine.core.moments import DAY, HOUR, Length
from engine.core.rules import Address, Cap, Mode, Purpose
from engine.core.sharing import SHARES_KEPT, address_of, lot_key
from engine.core.signals import Handed
from engine.handling import handler
from tests.builders import PLAIN, START, Play, allowed, event

VISITS = """
workflow: visits
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
      - wait: 1d
    end: done
"""
CAPPED = replace(PLAIN, caps=(Cap(Purpose.MARKETING, 1, Length(days=2)),))
HOME = "Home@Example.org"


def permitted(name: str) -> Customer:
    """Somebody who allows everything, of whom no address is known yet."""
    return Customer(name, permission=allowed(), epoch=1)


def household(*names: str, workflow: str = VISITS, **how: Any) -> Play:
    """A shop where these customers have given one address, each as they write it."""
    play = Play(workflow, newcomer=permitted, **how)
    for number, name in enumerate(names or ("ada", "bob")):
        move(play, name, HOME if number % 2 else HOME.lower())
    return play


def move(play: Play, name: str, address: str) -> None:
    """Let a customer give an address, a moment after whatever was before."""
    play.until(play.now + 1)
    play.happens("profile.updated", name, email=address)


def says(play: Play, kind: str, customer: str = "", /, **data: Any) -> None:
    """Let an event happen, a moment after whatever was before."""
    play.until(play.now + 1)
    play.happens(kind, customer, **data)


# Who shares ----------------------------------------------------------------------------------------------------------


def test_customers_who_give_one_address_know_of_each_other() -> None:
    """However it is capitalised; a third one joins both."""
    play = household("ada", "bob", "cyd")
    assert [set(play.customer(name).shares) for name in ("ada", "bob", "cyd")] == [
        {"bob", "cyd"},
        {"ada", "cyd"},
        {"ada", "bob"},
    ]


def test_who_moves_away_shares_no_more() -> None:
    """The others go on; an event that names only the address finds one of them."""
    play = household("ada", "bob", "cyd")
    move(play, "cyd", "elsewhere@example.org")
    assert [play.customer(name).shares for name in ("ada", "bob", "cyd")] == [("bob",), ("ada",), ()]
    says(play, "email.unsubscribed", email=HOME)
    assert [set(play.customer(name).stopped) for name in ("ada", "bob", "cyd")] == [
        {"marketing", "newsletter"},
        {"marketing", "newsletter"},
        set(),
    ]


@pytest.mark.parametrize("kind", ["customer.ended", "customer.erased"])
def test_who_is_gone_shares_no_more(kind: str) -> None:
    """Nothing is sent to them; what they say afterwards makes them nobody's neighbour again."""
    play = household()
    says(play, kind, "bob")
    move(play, "bob", HOME)
    assert (play.customer("ada").shares, play.customer("bob").shares) == ((), ())


def test_who_is_merged_shares_no_more() -> None:
    """Two of three turn out to be one person: the third shares with the one that stays."""
    play = household("ada", "bob", "cyd")
    says(play, "customer.merged", "cyd", into="ada")
    assert [play.customer(name).shares for name in ("ada", "bob", "cyd")] == [("bob",), ("ada",), ()]


def test_an_address_known_alone_is_merged_and_not_shared() -> None:
    """What somebody said before we knew them is theirs, and then also their neighbour's."""
    play = Play(VISITS, newcomer=permitted)
    says(play, "email.unsubscribed", email=HOME)
    move(play, "ada", HOME)
    move(play, "bob", HOME)
    assert play.customer("ada").shares == ("bob",)
    assert "marketing" in play.customer("bob").stopped


def test_a_crowd_under_one_address_is_no_household() -> None:
    """Nobody has more than eight others: the tenth begins another group, and nothing grows without bound."""
    play = household(*(f"c{number}" for number in range(12)))
    assert {len(play.customer(f"c{number}").shares) for number in range(9)} == {SHARES_KEPT}
    assert set(play.customer("c9").shares) == {"c10", "c11"}


# A no ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["email.unsubscribed", "email.complained"])
@pytest.mark.parametrize("who", ["ada", "bob", ""])
def test_a_no_of_one_is_a_no_of_all(kind: str, who: str) -> None:
    """Whoever of them says it, and whether it names them or the address alone."""
    play = household()
    play.happens("customer.visited", "ada")
    says(play, kind, who, email="" if who else HOME)
    for name in ("ada", "bob"):
        assert set(play.customer(name).stopped) == {"marketing", "newsletter"}
        assert len(play.customer(name).trail[kind]) == 1
    if kind == "email.unsubscribed":
        assert play.outcomes("ada") == ["left"]


def test_a_no_is_taken_in_once() -> None:
    """The same event again, from whomever, is a duplicate and does nothing for anybody."""
    play = household()
    told = event("email.unsubscribed", play.now, "ada", "no-1")
    assert [play.world.take(told, play.now).status for _ in range(2)] == ["accepted", "duplicate"]
    assert len(play.customer("bob").trail["email.unsubscribed"]) == 1


def test_a_consent_withdrawn_is_withdrawn_for_the_address_and_given_for_oneself() -> None:
    """A later yes lifts the giver's no and nobody else's; a telephone is nobody's mail address."""
    play = household()
    says(play, "consent.withdrawn", "ada", purpose="marketing")
    assert not play.customer("bob").permission["marketing/email"].given
    says(play, "consent.given", "ada", purpose="marketing")
    assert play.customer("ada").permission["marketing/email"].given
    assert not play.customer("bob").permission["marketing/email"].given
    says(play, "consent.withdrawn", "ada", purpose="newsletter", channel="phone")
    assert "newsletter/phone" not in play.customer("bob").permission


def test_a_closed_account_closes_no_other() -> None:
    """It is about the account and not about the address."""
    play = household()
    says(play, "account.closed", "ada")
    assert (set(play.customer("ada").stopped), play.customer("bob").stopped) == ({"marketing", "newsletter"}, {})
    move(play, "cyd", HOME)
    assert play.customer("cyd").stopped == {}


def test_a_newcomer_takes_over_what_was_said_before() -> None:
    """A no from before they came counts, unless they said yes after it; a workflow's stop was never theirs."""
    play = household("ada")
    says(play, "email.unsubscribed", "ada", purpose="marketing")
    says(play, "consent.withdrawn", "ada", purpose="tracking")
    ada = play.customer("ada")
    play.put(replace(ada, stopped={**ada.stopped, "newsletter": Stop(play.now, "workflow visits")}))
    play.put(Customer("cyd", permission={"marketing/email": Permission(given=True, at=play.now + 1)}, epoch=1))
    move(play, "bob", HOME)
    move(play, "cyd", HOME)
    assert set(play.customer("bob").stopped) == {"marketing"}
    assert not play.customer("bob").permission["tracking/email"].given
    assert play.customer("cyd").stopped == {}


def test_a_no_to_an_address_that_is_anothers_today() -> None:
    """Ada says no by a mail to the address she had; it is Bob's now."""
    play = household("ada")
    move(play, "ada", "new@example.org")
    move(play, "bob", HOME)
    says(play, "email.unsubscribed", "ada", email=HOME)
    assert all("marketing" in play.customer(name).stopped for name in ("ada", "bob"))


# Mail that does not arrive -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [HOME, ""])
def test_an_address_that_is_dead_is_dead_for_all(named: str) -> None:
    """A bounce of one is told to the others with the address in it, and each change is told once."""
    play = household()
    says(play, "email.bounced", "ada", kind="dead", status="5.1.1", email=named)
    assert [play.customer(name).address for name in ("ada", "bob")] == [Address.DEAD, Address.DEAD]
    assert [each.customer for each in play.effects if each.type == ADDRESS_CHANGED] == ["ada", "bob"]
    assert play.customer("bob").proofs[0].address == address_ref(HOME)


def test_a_bounce_counts_only_against_the_address_it_names() -> None:
    """A late one of the address ada had before says nothing about the one she shares now."""
    play = household()
    says(play, "email.bounced", "ada", kind="dead", status="5.1.1", email="old@example.org")
    assert [play.customer(name).address for name in ("ada", "bob")] == [Address.OK, Address.OK]
    assert play.customer("bob").proofs == ()


def test_a_dead_address_is_dead_for_whoever_gives_it_next() -> None:
    """Giving it proves nothing, unlike ordering with it; proofs are passed on, and passed back, once."""
    play = household("ada")
    says(play, "email.bounced", "ada", kind="dead", status="5.1.1")
    move(play, "bob", HOME)
    assert play.customer("bob").address is Address.DEAD
    move(play, "cyd", HOME)
    assert [len(play.customer(name).proofs) for name in ("ada", "bob", "cyd")] == [1, 1, 1]
    move(play, "bob", "other@example.org")
    assert play.customer("bob").address is Address.OK
    play.until(play.now + 1)
    play.orders("dan", email=HOME)
    assert play.customer("dan").address is Address.OK


# Caps ----------------------------------------------------------------------------------------------------------------


def test_a_cap_counts_what_went_to_the_address() -> None:
    """One mail in two days is one to both together, held out or not; the second one waits."""
    for workflow in (VISITS, VISITS.replace("again_after", "holdout: 100%\nagain_after")):
        play = household(workflow=workflow, lifecycle=CAPPED)
        play.happens("customer.visited", "ada")
        play.passes("1h")
        play.happens("customer.visited", "bob")
        assert "defer hello: cap: marketing at most 1 per 2d" in play.told("bob")[-1]
        play.passes("2d")
        assert play.told("bob")[-1] in ("2d send hello", "2d held out hello")
        assert [len(play.customer(name).releases) for name in ("ada", "bob")] == [2, 2]


@pytest.mark.parametrize(("outcome", "counted"), [("done", 1), ("uncertain", 1), ("refused", 0), ("blocked", 0)])
def test_what_did_not_leave_is_given_back_to_all(outcome: str, counted: int) -> None:
    """A send that was refused, blocked or late counts for none of them."""
    play = household(lifecycle=CAPPED)
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    play.happens("customer.visited", "ada")
    assert [len(play.customer(name).releases) for name in ("ada", "bob")] == [1, 1]
    (sent,) = play.world.store.outbox
    play.until(play.now + HOUR)
    play.signal(Handed(sent.effect_id, "again"))
    assert play.customer("ada").releases == play.customer("bob").releases
    assert play.customer("bob").releases[0].at == play.now
    play.signal(Handed(sent.effect_id, outcome))
    assert [len(play.customer(name).releases) for name in ("ada", "bob")] == [counted, counted]


def test_a_newcomer_takes_over_what_was_sent_to_the_address() -> None:
    """Another account is no way around a cap."""
    play = household("ada", lifecycle=CAPPED)
    play.happens("customer.visited", "ada")
    move(play, "bob", HOME)
    play.happens("customer.visited", "bob")
    assert "defer hello" in play.told("bob")[-1]


def test_service_mails_count_for_nobody_else() -> None:
    """They count against no cap, so the others need not know."""
    receipts = VISITS.replace("- send: hello", "- send: receipt\n        purpose: service")
    play = household(workflow=receipts)
    play.happens("customer.visited", "ada")
    assert [len(play.customer(name).releases) for name in ("ada", "bob")] == [1, 0]


# The hold-out --------------------------------------------------------------------------------------------------------


def arms(play: Play, *names: str) -> list[bool]:
    """Whether the last run of each is held out."""
    told = {each.customer: each.data["held_out"] for each in play.effects if each.type == RUN_STARTED}
    return [told[name] for name in names]


HALF = VISITS.replace("again_after", "holdout: 50%\nagain_after")


@pytest.mark.parametrize("number", range(12))
def test_all_under_one_address_are_in_one_arm(number: int) -> None:
    """And it is the address that is drawn, so another shop's machine draws the same."""
    address = f"Home{number}@example.org"
    play = Play(HALF, newcomer=permitted)
    for name in ("ada", "bob"):
        move(play, name, address)
        play.happens("customer.visited", name)
    drawn = lot(play.rule_set.lifecycle.experiment_salt, "holdout visits", str(address_ref(address)))
    assert arms(play, "ada", "bob") == [drawn < 5_000] * 2


def test_a_later_address_moves_nobody_to_another_arm() -> None:
    """Whoever was drawn stays; a newcomer at the address who was not yet drawn joins them."""
    for number in range(12):
        play = Play(HALF, newcomer=permitted)
        play.happens("customer.visited", "ada")
        move(play, "ada", f"home{number}@example.org")
        move(play, "bob", f"home{number}@example.org")
        play.happens("customer.visited", "bob")
        play.passes("3d")
        move(play, "ada", "elsewhere@example.org")
        first = arms(play, "ada", "bob")
        play.happens("customer.visited", "ada")
        assert first == arms(play, "ada", "bob") == [arms(play, "ada")[0]] * 2
        assert play.customer("ada").drawn_as == play.customer("bob").drawn_as == "ada"


def test_reach_is_drawn_alike() -> None:
    """Both are within reach of a workflow, or neither is."""
    play = Play(VISITS, newcomer=permitted)
    play.switches("visits", reach=5_000)
    entered = 0
    for number in range(20):
        names = f"a{number}", f"b{number}"
        for name in names:
            move(play, name, f"home{number}@example.org")
            play.happens("customer.visited", name)
        started = {bool(play.customer(name).runs or play.customer(name).ended) for name in names}
        assert len(started) == 1
        entered += started.pop()
    assert 0 < entered < 20


# The machinery -------------------------------------------------------------------------------------------------------


def test_who_shares_no_address_is_not_asked_about() -> None:
    """Nothing is looked up, and nothing more is journalled, for a customer on their own."""
    play = Play(VISITS, newcomer=permitted)
    move(play, "ada", HOME)
    asked: list[str] = []
    play.world.store.find = asked.append  # type: ignore[method-assign, assignment] # notes who is looked for
    play.happens("customer.visited", "ada")
    play.happens("email.bounced", "ada", kind="full")
    journal = play.world.store.journalled or []
    assert (asked, [type(signal).__name__ for _, signal, _ in journal[-3:]]) == (
        [],
        ["Happened", "Handed", "Happened"],
    )


@pytest.mark.parametrize("what", ["Shares", "Counted", "Happened"])
def test_poison_for_one_keeps_nothing_from_the_others(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour whose decision fails is set aside; the rest of the household is told."""
    play = household("ada", "bob", "cyd") if what != "Shares" else household("ada", "bob")

    def failing(customer: Customer, signal: Any, *rest: Any) -> Any:
        if customer.id == "bob" and type(signal).__name__ == what:
            raise ZeroDivisionError("made to fail")
        return decide(customer, signal, *rest)

    monkeypatch.setattr(handler, "decide", failing)
    if what == "Shares":
        move(play, "cyd", HOME)
        assert set(play.customer("ada").shares) == {"bob", "cyd"}
    elif what == "Counted":
        play.happens("customer.visited", "ada")
        assert len(play.customer("cyd").releases) == 1
    else:
        says(play, "email.unsubscribed", "ada")
        assert "marketing" in play.customer("cyd").stopped
    assert play.customer("bob").stuck


def test_an_old_record_still_loads() -> None:
    """A record from before addresses were shared has nobody beside it, and is drawn as it was not before."""
    customer = permitted("ada")
    assert decode(encode(customer)) == customer
    assert (customer.shares, customer.drawn_as, lot_key(customer), address_of(customer)) == ((), "", "ada", "")


def test_a_shadow_run_counts_nowhere() -> None:
    """Nothing leaves, so nothing is counted for the neighbours either."""
    play = household(mode=Mode.SHADOW, lifecycle=CAPPED)
    play.happens("customer.visited", "ada")
    assert [len(play.customer(name).releases) for name in ("ada", "bob")] == [0, 0]
    assert play.now < START + DAY
