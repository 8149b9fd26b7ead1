"""Taking events in: duplicates, whose they are, and what cannot be decided."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core import deciding
from engine.core.customer import Customer, encode
from engine.core.deciding import decide
from engine.core.decision import Decision
from engine.core.effects import SEND_REQUESTED
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.core.rules import Standing
from engine.core.signals import AnySignal, Handed, Happened, Look, Released
from engine.handling import Handling, handler
from tests.builders import START, Play, ago, event, order

VISITS = """
workflow: visits
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 7d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
      - wait: 10d
    end: done
"""


def take(play: Play, told: Event) -> str:
    """Take an event in now; return its status."""
    return play.world.take(told, play.now).status


def nobody(kind: str, **data: Any) -> Event:
    """An event without a subject."""
    return event(kind, START, "", f"{kind} {sorted(data.items())}", **data)


# Twice ---------------------------------------------------------------------------------------------------------------


def test_an_event_is_known_by_source_and_id() -> None:
    """The same id again is a duplicate, from another source it is another event, even after years."""
    play = Play()
    first = event("customer.visited", START, "ada", "1")
    assert take(play, first) == "accepted"
    assert take(play, first) == "duplicate"
    assert (
        take(play, Event("1", "elsewhere", *[getattr(first, name) for name in ("type", "time", "customer", "data")]))
        == "accepted"
    )
    play.passes("300d")
    assert take(play, first) == "duplicate"
    assert len(play.customer().trail["customer.visited"]) == 2


def test_orders_are_known_by_their_number() -> None:
    """Whatever the event's id: two exports of one order are one; so are two cancellations."""
    play = Play()
    assert take(play, event("order.placed", START, "ada", "export-1", order_id="7")) == "accepted"
    assert take(play, event("order.placed", START, "ada", "export-2", order_id="7")) == "duplicate"
    assert take(play, event("order.placed", START, "bob", "export-3", order_id="7")) == "accepted"
    assert take(play, event("order.cancelled", START, "ada", "x-1", order_id="7")) == "accepted"
    assert take(play, event("order.cancelled", START, "ada", "x-2", order_id="7")) == "duplicate"
    assert take(play, event("order.placed", START, "ada", "export-4", order_id="7")) == "duplicate"
    assert len(play.customer("ada").orders) == 0


# Whose ---------------------------------------------------------------------------------------------------------------


def test_a_customer_is_found_by_address_however_it_is_capitalised() -> None:
    """An event without a subject belongs to whoever has that address."""
    play = Play()
    play.happens("profile.updated", email="Ada.L@Example.org")
    assert take(play, nobody("email.clicked", email=" ada.l@example.ORG ")) == "accepted"
    play.passes("1min")
    assert "email.clicked" in play.customer().trail


def test_a_customer_is_found_by_the_message() -> None:
    """The id of a message we released finds its customer, with or without brackets and domain."""
    play = Play(VISITS)
    play.happens("customer.visited")
    (sent,) = [each for each in play.about() if each.type == SEND_REQUESTED]
    take(play, nobody("email.clicked", message_id=f"<{sent.effect_id}@shop.example>", machine=False))
    take(play, nobody("email.opened", message_id=sent.effect_id))
    assert {"email.clicked", "email.opened"} <= set(play.customer().trail)


def test_an_unknown_address_is_kept_and_joined_when_its_owner_is_known() -> None:
    """What somebody said whom we did not know counts for them once we do, by whatever event we heard it first."""
    play = Play(newcomer=Customer)
    assert take(play, nobody("email.unsubscribed", email="guest@example.org")) == "accepted"
    assert "marketing" in play.customer("mailto:guest@example.org").stopped
    play.happens("profile.updated", "c-7", email="guest@example.org")
    assert "marketing" in play.customer("c-7").stopped
    assert play.customer("mailto:guest@example.org").gone == "merged into c-7"
    take(play, nobody("email.clicked", email="guest@example.org", machine=False))
    assert "email.clicked" in play.customer("c-7").trail


def test_nobody_to_find_is_a_dead_letter() -> None:
    """No subject, no address, an unknown message: it is kept with the reason."""
    play = Play()
    assert take(play, nobody("email.clicked", message_id="unheard-of")) == "dead_letter"
    assert "nobody to find" in play.world.store.dead_letters[0].reason


def test_what_concerns_no_customer_needs_none() -> None:
    """A provider's opinion of the shop as a sender is about the shop."""
    play = Play()
    told = nobody("sender.reputation", provider="mail.example", day="2026-01-05")
    assert take(play, told) == "accepted"
    assert take(play, told) == "duplicate"
    assert play.world.store.dead_letters == []
    assert play.world.store.customers == {}


def test_merged_customers_are_one_from_then_on() -> None:
    """Facts go over, later events of the old id too, and their orders are counted once."""
    play = Play()
    take(play, order(1, ago("50d")))
    take(play, event("order.placed", ago("20d"), "bob", "b-2", order_id="2"))
    play.happens("customer.merged", "bob", into="ada")
    take(play, event("order.placed", START, "bob", "b-3", order_id="3"))
    assert [each.day - play.customer().orders[0].day for each in play.customer().orders] == [0, 30, 50]
    assert play.shop.cadence.overall.lengths == {30: 1, 20: 1}
    assert play.customer("bob").orders == ()


def test_what_became_of_a_send_follows_a_merged_customer() -> None:
    """A send was on its way when its customer turned out to be another: the run goes on over there."""
    play = Play(VISITS)
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    play.happens("customer.visited", "bob")
    (sent,) = play.world.store.outbox
    play.happens("customer.merged", "bob", into="ada")
    assert [run.doing for run in play.customer("ada").runs] == ["sending"]
    play.signal(Handed(sent.effect_id, "done"), "bob")
    assert [run.doing for run in play.customer("ada").runs] == ["waiting"]


# Poison --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A core that fails for the customers in this list, and says that it changed nothing when it does."""
    whom: list[str] = []

    def failing(customer: Any, signal: AnySignal, now: Instant, rules: Any) -> Decision:
        if customer.id in whom and not isinstance(signal, Released):
            raise ZeroDivisionError("made to fail")
        return decide(customer, signal, now, rules)

    monkeypatch.setattr(handler, "decide", failing)
    assert deciding.decide is decide
    return whom


def test_poison_leaves_the_record_marks_it_and_lets_the_others_go_on(poison: list[str]) -> None:
    """The event becomes a dead letter, the record is as it was but for the mark, nothing rings for it any more."""
    play = Play(VISITS)
    play.happens("customer.visited")
    play.happens("customer.visited", "bob")
    before = play.customer()
    poison.append("ada")
    play.happens("customer.logged_in")
    stuck = play.customer()
    assert stuck.stuck == "the decision failed: ZeroDivisionError: made to fail"
    assert stuck.next_due is None
    assert (stuck.runs, stuck.trail, stuck.orders) == (before.runs, before.trail, before.orders)
    assert b"customer.logged_in" in play.world.store.dead_letters[0].raw
    poison.clear()
    play.passes("20d")
    assert play.outcomes("bob") == ["done"]
    assert play.outcomes("ada") == []
    assert play.world.handling.poisoned == 1


def test_a_stuck_customer_gets_nothing_and_is_released_by_a_replay(poison: list[str]) -> None:
    """Facts still come in, no send goes out; once released, what was due is done."""
    play = Play(VISITS.replace("- send: hello\n      - wait: 10d", "- wait: 1d\n      - send: hello"))
    play.happens("customer.visited")
    poison.append("ada")
    play.happens("customer.logged_in")
    poison.clear()
    play.passes("2d")
    play.happens("email.clicked", machine=False)
    play.signal(Look())
    assert play.told() == ["0d start visits"]
    assert "email.clicked" in play.customer().trail
    play.signal(Released())
    play.passes("1min")
    assert play.told()[1:] == ["2d send hello", "2d end done"]


# Old and new ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "live_since", "history"),
    [
        (72 * HOUR, 0, False),
        (72 * HOUR + 1, 0, True),
        (HOUR, START - HOUR, False),
        (HOUR, START - HOUR + 1, True),
        (-MINUTE, 0, False),
    ],
)
def test_history_is_older_than_three_days_or_from_before_we_were_live(
    age: int,
    live_since: Instant,
    history: bool,  # noqa: FBT001 - a column
) -> None:
    """By its own time against the time it was accepted, and against `live_since`."""
    play = Play(history_after=handler.HISTORY_AFTER)
    play.shop.live_since = live_since
    taken = play.world.handling.take(play.world.store, event("customer.visited", START - age), START)
    assert (taken.status, taken.history) == ("accepted", history)


def test_a_back_test_takes_everything_as_news() -> None:
    """Without a `history_after` nothing is history."""
    play = Play(VISITS)
    assert not play.world.handling.take(play.world.store, event("customer.visited", START - 900 * DAY), START).history


def test_what_is_overdue_goes_before_what_has_just_come() -> None:
    """After a stop of the engine: the lapse of last week is decided before today's order, which is a return then."""
    play = Play()
    play.orders(time=ago("58d"))
    play.now = play.world.now = START + 10 * DAY
    play.world.take(event("order.placed", play.now, order_id="back"), play.now)
    back = play.customer().returned
    assert back is not None
    assert back.came_from is Standing.LAPSED


def test_the_journal_decides_the_same_again() -> None:
    """Deciding the journal's signals once more, in their order, gives the same records, byte for byte."""
    play = Play(VISITS)
    play.happens("customer.visited")
    play.orders("bob", time=ago("50d"))
    play.passes("5d")
    play.happens("email.unsubscribed")
    play.passes("30d")
    journal = play.world.store.journalled
    assert journal is not None
    again = Play(VISITS)
    for customer, signal, now in journal:
        if customer:
            again.world.handling.decide(again.world.store, customer, signal, now)
    assert isinstance(journal[-1][1], object)
    assert any(isinstance(signal, Happened) for _, signal, _ in journal)
    assert {name: encode(each) for name, each in again.world.store.customers.items()} == {
        name: encode(each) for name, each in play.world.store.customers.items()
    }
    assert isinstance(again.world.handling, Handling)


# Imported ------------------------------------------------------------------------------------------------------------


def test_what_is_imported_is_history_whatever_its_time() -> None:
    """An event of this very moment starts a workflow, but not when it is imported."""
    news, imported = Play(VISITS, history_after=3 * DAY), Play(VISITS, history_after=3 * DAY)
    visit = event("customer.visited", START, "ada")
    take(news, visit)
    taken = imported.world.handling.take(imported.world.store, visit, imported.now, history=True)
    assert (taken.status, taken.history) == ("accepted", True)
    assert bool(news.customer().runs) is True
    assert imported.customer().runs == ()
    assert imported.customer().trail.keys() == {"customer.visited"}


def test_a_fact_without_a_day_does_not_say_how_far_facts_reach_back() -> None:
    """Else an imported list of addresses would end the warm-up, though nothing is known of anybody's orders."""
    play = Play(history_after=3 * DAY)
    play.shop.known_since = None
    take(play, event("profile.updated", 0, "ada", email="ada@example.org"))
    assert play.shop.known_since is None
    take(play, event("order.placed", START - 5 * DAY, "ada"))
    assert play.shop.known_since == START - 5 * DAY
