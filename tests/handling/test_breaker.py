"""The breaker in a shop: marketing stops by itself after few mails, the rest goes on, and a person lets it go on."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer
from engine.core.rules import BreakerRule, Lifecycle, RampRule, RampSteps
from engine.core.shop import Pause
from engine.core.signals import MailLeaves, ShopSignal
from tests.builders import PLAIN, Play, allowed
from tests.handling.test_ramp import SERVES, WRITES

WORDS = "10 dead addresses of {of} ({share} %, at most 2 %), mails of 7 days to gmail"
USUAL = BreakerRule()


def lifecycle(ramp: RampRule | None = None, breaker: BreakerRule | None = USUAL) -> Lifecycle:
    """A shop in which nothing but the breaker, and a ramp, hold a mail."""
    return replace(PLAIN, ramp=ramp, breaker=breaker, hold_while=replace(PLAIN.hold_while, order_under_way=None))


def newcomer(name: str) -> Customer:
    """A customer at GMX, Yahoo or Gmail, by their name, who may be written to."""
    domain = {"x": "gmx.de", "y": "yahoo.de"}.get(name[0], "gmail.com")
    return Customer(name, profile={"email": (f"{name}@{domain}", 0)}, permission=allowed(), epoch=1)


def shop(*workflows: str, rules: Lifecycle | None = None) -> Play:
    """A shop with the breaker on."""
    return Play(*(workflows or (WRITES,)), lifecycle=rules or lifecycle(), newcomer=newcomer)


def pauses(play: Play) -> tuple[Pause, ...]:
    """What is paused now."""
    return play.shop.pauses


def mailed(play: Play, names: list[str]) -> dict[str, str]:
    """Let these customers order, and so get a mail an hour later; return the mails by customer."""
    before = len(play.effects)
    for name in names:
        play.orders(name)
    play.passes("2h")
    new = [each for each in play.effects[before:] if each.type == fx.SEND_REQUESTED]
    return {each.customer: each.effect_id for each in new}


def bounce(play: Play, mails: dict[str, str]) -> None:
    """Let these mails come back, since nobody is there."""
    for name, effect in mails.items():
        play.happens("email.bounced", name, kind="dead", status="5.1.1", message_id=effect)
        play.works()


def some(prefix: str, count: int) -> list[str]:
    """So many names."""
    return [f"{prefix}{number:03d}" for number in range(count)]


def test_dead_addresses_stop_marketing_to_a_family() -> None:
    """The tenth dead address of twenty sets the pause, with the numbers; the next customer of that family gets nothing."""
    play = shop()
    mails = mailed(play, some("c", 20))
    bounce(play, dict(list(mails.items())[:9]))
    assert pauses(play) == ()
    bounce(play, dict(list(mails.items())[9:10]))
    (pause,) = pauses(play)
    assert (pause.scope, pause.name, pause.who) == ("family", "gmail", "winback")
    assert pause.why == WORDS.format(of=20, share="50.00")
    assert mailed(play, ["late"]) == {}
    assert list(mailed(play, ["x1"])) == ["x1"]


def test_service_mails_and_facts_go_on() -> None:
    """A receipt leaves while marketing is paused, and what customers do is taken in."""
    play = shop(WRITES, SERVES)
    bounce(play, dict.fromkeys(mailed(play, some("c", 10)), ""))  # of their last mail that was no service
    assert pauses(play) != ()
    before = len(play.effects)
    play.orders("late")
    play.passes("2h")
    sent = [each.data["template"] for each in play.effects[before:] if each.type == fx.SEND_REQUESTED]
    assert sent == ["receipt"]
    assert play.customer("late").orders != ()


def test_two_families_stop_all_marketing() -> None:
    """Bad numbers at a second provider are no provider's mood."""
    play = shop()
    bounce(play, mailed(play, some("c", 12)))
    bounce(play, mailed(play, some("x", 12)))
    assert [(each.scope, each.name) for each in pauses(play)] == [("family", "gmail"), ("marketing", "")]
    assert mailed(play, ["y1"]) == {}


def test_complaints_and_unsubscribes_are_counted() -> None:
    """Three who call it spam are enough at a provider that tells; of who wants no more it takes ten."""
    play = shop()
    mails = mailed(play, some("y", 30))
    for name in list(mails)[:3]:
        play.happens("email.complained", name, message_id=mails[name])
    play.works()
    assert pauses(play)[0].why.startswith("3 complaints of 30")
    play = shop()
    mails = mailed(play, some("c", 30))
    for name in list(mails)[:10]:
        play.happens("email.unsubscribed", name, message_id=mails[name])
    play.works()
    assert pauses(play)[0].why.startswith("10 unsubscribes of 30")


def test_a_person_lifts_it_and_the_same_mails_do_not_set_it_again() -> None:
    """What was held leaves; more news of the old mails counts no more, of new ones it does."""
    play = shop()
    mails = mailed(play, some("c", 25))
    bounce(play, dict(list(mails.items())[:10]))
    held = mailed(play, ["late"])
    assert held == {}
    play.unpause("send", "family", "gmail")
    play.works()
    assert play.effects[-1].customer == "late"
    bounce(play, dict(list(mails.items())[10:]))
    assert pauses(play) == ()
    bounce(play, mailed(play, some("d", 12)))
    assert [each.name for each in pauses(play)] == ["gmail"]


def test_a_bad_reputation_stops_a_family() -> None:
    """Gmail reports no complaints of single mails, but what share of them there was; the same day counts once."""
    play = shop()
    assert play.happens("sender.reputation", "", provider="gmail", day="2026-01-04", spam_rate=0.001) == "accepted"
    assert pauses(play) == ()
    play.happens("sender.reputation", "", provider="gmail", day="2026-01-05", spam_rate=0.004)
    why = "gmail says that 0.40 % were called spam on 2026-01-05, at most 0.3 %"
    assert pauses(play) == (Pause("family", "gmail", play.now, why, "winback"),)
    play.unpause("skip", "family", "gmail")
    play.happens("sender.reputation", "", provider="gmail", day="2026-01-05", spam_rate=0.004)
    assert pauses(play) == ()


def test_off_stops_nothing_and_counts_nothing() -> None:
    """`breaker: off` leaves no trace in the shop."""
    play = shop(rules=lifecycle(breaker=None))
    bounce(play, mailed(play, some("c", 20)))
    assert pauses(play) == ()
    assert play.shop.breakers == {}


def test_nothing_is_counted_where_nothing_is_mailed() -> None:
    """An event of somebody who got no mail of ours is no work for the breaker."""
    play = shop(SERVES)
    mailed(play, some("c", 5))
    play.happens("email.bounced", "c001", kind="dead", status="5.1.1")
    assert play.shop.breakers == {}


def test_what_lay_in_a_mailbox_is_forgotten() -> None:
    """When mail first leaves by a mail server, counts begin."""
    play = shop()
    mailed(play, some("c", 5))
    play.shop_signal(MailLeaves())
    assert play.shop.breakers == {}


def test_ramp_and_breaker_go_together() -> None:
    """Both hear of the same failures: the ramp has halved when the pause is lifted, and lets nobody more go that day."""
    play = shop(rules=lifecycle(RampRule(RampSteps(start=60, until=100))))
    mails = mailed(play, some("c", 60))
    bounce(play, dict(list(mails.items())[:20]))
    ramp = play.shop.ramps["gmail"]
    assert (ramp.stopped, ramp.allowed) == (True, 30)
    assert [each.name for each in pauses(play)] == ["gmail"]
    play.unpause("send", "family", "gmail")
    play.works()
    assert mailed(play, some("d", 40)) == {}
    play.passes("1d")
    assert pauses(play) == ()
    assert play.shop.breakers["gmail"].days[-1].sends == 30


def test_a_replay_of_the_journal_counts_and_stops_the_same() -> None:
    """Decided anew from the journal, in a shop that does no work of its own, counts and pauses come out the same."""
    play = shop()
    mails = mailed(play, some("c", 25))
    bounce(play, dict(list(mails.items())[:12]))
    play.happens("sender.reputation", "", provider="yahoo", day="2026-01-05", reputation="bad")
    play.unpause("send", "family", "gmail")
    mailed(play, some("d", 3))
    again = shop()
    handling, store = again.world.handling, again.world.store
    for customer, signal, now in play.world.store.journalled or []:
        if customer:
            handling.decide(store, customer, signal, now)
        else:
            handling.sweeping.tell(store, cast("ShopSignal", signal), now)
    assert again.shop.breakers == play.shop.breakers
    assert pauses(again) == pauses(play)
