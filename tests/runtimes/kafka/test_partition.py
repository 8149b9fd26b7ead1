"""One partition: what it makes of the records of its inbox, entry by entry, and what it hands to a flush."""

from __future__ import annotations

from functools import lru_cache

import pytest
from msgspec.structs import replace

from engine.core import deciding
from engine.core import effects as fx
from engine.core.cadence import Thresholds
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, SECOND, Instant, Length
from engine.core.rules import EnterAtMost, Mode, RuleSet
from engine.core.signals import (
    AnySignal,
    DayClosed,
    EngagementForgotten,
    GivenUp,
    Handed,
    Happened,
    MailLeaves,
    Move,
    PauseEnded,
    PauseSet,
    Released,
    RulesChanged,
    RunsMoved,
    ShopSignal,
    WentLive,
)
from engine.handling import handler
from engine.handling.sweeping import SLICE
from engine.runtimes.kafka.partition import SLICES_A_TICK, Outcome, Partition, epochs_in
from engine.runtimes.kafka.values import PLACE_KEY, SHOP_KEY, head_of, kept_in
from engine.runtimes.kafka.wire import Entry, Place, Record, entry_of, entry_of_shop, partition_of
from engine.runtimes.kafka.words import Known, Told
from tests.builders import PLAIN, START, ago, event, order, rules_of
from tests.inbox_streams import Document

KEY = b"k" * 32
WELCOME = """
workflow: welcome
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - wait: 2h
      - send: hello
      - wait: 1d
    end: welcomed
"""
AWAY = """
workflow: away
enter_when_all:
  - standing: lapsed
again_after: 365d
stages:
  only:
    steps:
      - tag: away
    end: noticed
"""


class Inbox:
    """A partition with an inbox of its own: each call is a record, at an instant that the test moves on."""

    def __init__(self, *workflows: str, rules: RuleSet | None = None, partitions: int = 1, number: int = 0) -> None:
        self.documents = {1: Document(rules or rules_of(*workflows), ())}
        self.partitions, self.number = partitions, number
        self.shelf: dict[bytes, bytes] = {}
        self.partition = self.begun()
        self.now: Instant = START
        self.offset = self.words = 0
        self.effects: list[Effect] = []
        self.told(RulesChanged(1), WentLive(), MailLeaves())

    def begun(self, overdue_a_second: int | None = 2_000) -> Partition:
        """A partition that goes on from what is on the shelf."""
        rules_of_epoch = self.documents.__getitem__
        return Partition(
            self.number, self.partitions, rules_of_epoch, KEY, self.shelf, overdue_a_second=overdue_a_second
        )

    def restarted(self) -> None:
        """Kill it, and begin with what is durable."""
        self.partition = self.begun()

    def flushed(self) -> dict[bytes, bytes]:
        """Flush, and return what was dirty."""
        batch = self.partition.dirty()
        self.shelf.update(batch)
        self.partition.kept()
        return batch

    def record(self, *entries: Entry) -> Outcome:
        """Decide a record with these entries, at the present instant."""
        outcome = self.partition.decide(self.offset, Record(self.now, entries))
        self.offset += 1
        self.effects += (effect for _, effect in outcome.effects)
        return outcome

    def told(self, *signals: ShopSignal) -> Outcome:
        """Tell it what concerns the shop."""
        entries = []
        for signal in signals:
            self.words += 1
            entries.append(entry_of_shop(self.words, signal))
        return self.record(*entries)

    def tick(self, after: int = 0) -> Outcome:
        """Let time pass, and tick."""
        self.now += after
        return self.record()

    def types(self) -> list[str]:
        """Types of all effects so far, in order."""
        return [each.type.removeprefix("winback.") for each in self.effects]

    def customer(self, name: str = "ada") -> Customer:
        """The record of somebody who is known."""
        found = self.partition.load(name)
        assert found is not None
        return found


def happened(told: Event, *, history: bool = False) -> Entry:
    """The entry of an event."""
    return entry_of(told.customer, Happened(told, history), origin="shop.orders/3:17")


def visit(inbox: Inbox, name: str = "ada") -> Entry:
    """Somebody with an address looks at the shop."""
    inbox.record(happened(event("profile.updated", inbox.now, name, email=f"{name}@example.org")))
    inbox.record(
        happened(event("consent.given", inbox.now, name, purpose="marketing", basis="express", proof={"p": "/"}))
    )
    return happened(event("customer.visited", inbox.now, name))


# Records and places --------------------------------------------------------------------------------------------------


def test_what_was_decided_before_asks_for_nothing() -> None:
    """A record that comes again after a rewind is left out: its effects are in Kafka already."""
    inbox = Inbox(WELCOME)
    entry = visit(inbox)
    first = inbox.partition.decide(9, Record(START, (entry,)))
    assert [effect.type for _, effect in first.effects] == [fx.RUN_STARTED]
    assert inbox.partition.decide(9, Record(START, (entry,))) == Outcome(next_due=first.next_due)
    assert inbox.partition.decide(8, Record(START, (visit(inbox, "bob"),))).effects == []


def test_effects_and_words_have_places_in_their_record() -> None:
    """Partition, offset and the how-manieth: unique, and in the order in which things were decided."""
    inbox = Inbox(WELCOME)
    inbox.offset = 41
    said = event("profile.updated", START, "ada", email="ada@example.org")
    outcome = inbox.record(happened(said), happened(event("customer.visited", START)))
    assert [word for _, word in outcome.words] == [Known("mail:ada@example.org", "ada")]
    places = sorted([place for place, _ in outcome.words] + [place for place, _ in outcome.effects])
    assert places == [Place(0, 41, number + 1) for number in range(len(places))]


def test_a_timer_rings_in_the_record_whose_instant_has_come_to_it() -> None:
    """A tick says what time it is: nothing rings before, and what is due at that very instant does."""
    inbox = Inbox(WELCOME)
    inbox.record(visit(inbox))
    due = inbox.tick(HOUR).next_due
    assert due == START + 2 * HOUR
    assert inbox.tick(HOUR - 1).effects == []
    assert [effect.type for _, effect in inbox.tick(1).effects] == [fx.SEND_REQUESTED]


def test_time_does_not_go_back() -> None:
    """A gateway whose clock is behind says nothing of before: the instant stays where the last record had it."""
    inbox = Inbox(WELCOME)
    inbox.tick(3 * HOUR)
    inbox.now -= 2 * HOUR
    inbox.record(visit(inbox))
    assert inbox.partition.accepted == START + 3 * HOUR
    assert inbox.effects[-1].time == START + 3 * HOUR


def test_overdue_timers_ring_at_a_pace_that_a_restart_does_not_loosen() -> None:
    """After a standstill of the ticks so many a second ring; one that was just begun anew has no fresh allowance."""
    inbox = Inbox(WELCOME)
    names = [f"c{number}" for number in range(9)]
    inbox.record(*(happened(event("customer.visited", START, name)) for name in names))
    inbox.flushed()
    inbox.partition = inbox.begun(overdue_a_second=4)

    def rung(outcome: Outcome) -> int:
        return len({effect.customer for _, effect in outcome.effects})

    assert rung(inbox.tick(DAY)) == 4
    inbox.flushed()
    inbox.partition = inbox.begun(overdue_a_second=4)
    assert [rung(inbox.tick(SECOND // 2)) for _ in range(3)] == [2, 2, 1]


def test_the_shops_own_work_gets_on_by_ticks_alone() -> None:
    """Where nothing comes but a tick a second, a tick is worth several slices of a sweep."""
    inbox = Inbox(AWAY)
    names = [f"c{number:05}" for number in range(SLICE * (SLICES_A_TICK + 1) + 1)]
    inbox.record(*(happened(event("customer.logged_in", START, name)) for name in names))
    inbox.documents[2] = inbox.documents[1]
    inbox.told(RulesChanged(2))
    inbox.tick(SECOND)
    assert inbox.partition.shop.sweep is not None
    inbox.tick(SECOND)
    assert inbox.partition.shop.sweep is None


# What comes twice ----------------------------------------------------------------------------------------------------


def test_an_event_counts_once() -> None:
    """By its order id, or by source and id among the customer's last 64, in the same record or in a later one."""
    inbox = Inbox(WELCOME)
    entry, bought = visit(inbox), happened(order(1, START))
    inbox.record(entry, entry, bought, bought)
    inbox.flushed()
    inbox.restarted()
    inbox.record(entry, bought)
    assert inbox.types().count("run_started") == 1
    assert len(inbox.customer().orders) == 1


@pytest.mark.parametrize("outcome", ["done", "refused", "uncertain", "blocked", "late", "again"])
@pytest.mark.parametrize("flushed", [False, True])
def test_what_became_of_a_send_counts_once(outcome: str, *, flushed: bool) -> None:
    """Told twice, it changes nothing the second time, also after a restart."""
    inbox = Inbox(WELCOME)
    inbox.record(visit(inbox))
    sends = [effect for _, effect in inbox.tick(2 * HOUR).effects if effect.type == fx.SEND_REQUESTED]
    entry = entry_of("ada", Handed(sends[0].effect_id, outcome), mark=b"12345678")
    inbox.record(entry)
    record, effects = inbox.customer(), len(inbox.effects)
    if flushed:
        inbox.flushed()
        inbox.restarted()
    inbox.record(entry)
    assert inbox.customer() == record
    assert len(inbox.effects) == effects


def test_a_merge_that_is_told_twice_is_one() -> None:
    """What the record that was given up had is counted once."""
    inbox = Inbox(WELCOME, partitions=2, number=partition_number("ada"))
    other = another_than("ada")
    away = Inbox(WELCOME, partitions=2, number=partition_number(other))
    away.record(happened(replace(order(1, START), customer=other)))
    ((_, word),) = away.record(entry_of(other, GivenUp("ada"), mark=b"12345678")).words
    assert isinstance(word, Told)
    inbox.record(happened(order(2, START)))
    for mark in (b"1", b"1", b"2"):
        inbox.record(Entry(word.customer, word.signal, mark * 8))
    assert len(inbox.customer().orders) == 2


def test_a_word_of_the_shop_counts_once() -> None:
    """Its number tells: one that was had is left out, also in another order than theirs."""
    inbox = Inbox(WELCOME)
    begin, end = entry_of_shop(7, PauseSet("engine", "", "why")), entry_of_shop(8, PauseEnded("engine", "", "send"))
    inbox.record(begin, end, begin)
    assert inbox.partition.shop.pauses == ()
    inbox.flushed()
    inbox.restarted()
    inbox.record(begin)
    assert inbox.partition.shop.pauses == ()


# What cannot be decided ----------------------------------------------------------------------------------------------


def test_what_is_no_signal_is_a_dead_letter() -> None:
    """It says where it came from, and what stands beside it in the record is decided."""
    inbox = Inbox(WELCOME)
    entry = visit(inbox)
    outcome = inbox.record(Entry("ada", b"\xc1", b"", "shop.orders/3:17"), entry)
    assert [(each.raw, each.origin) for each in outcome.letters] == [(b"\xc1", "shop.orders/3:17")]
    assert [effect.type for _, effect in outcome.effects] == [fx.RUN_STARTED]


def test_poison_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that fails is a dead letter and marks the customer stuck; the others go on, and it is counted."""

    def fails(customer: Customer, signal: AnySignal, now: Instant, rules: object) -> object:
        if customer.id == "ada":
            raise RuntimeError("a defect")
        return deciding.decide(customer, signal, now, rules)  # type: ignore[arg-type]  # passed on as it came

    inbox = Inbox(WELCOME)
    entries = visit(inbox), visit(inbox, "bob")
    monkeypatch.setattr(handler, "decide", fails)
    outcome = inbox.record(*entries)
    assert (outcome.poisoned, len(outcome.letters)) == (1, 1)
    assert [effect.customer for _, effect in outcome.effects] == ["bob"]
    monkeypatch.undo()
    inbox.flushed()
    inbox.restarted()
    assert inbox.customer().stuck == "the decision failed: RuntimeError: a defect"
    inbox.record(entry_of("ada", Released(), mark=b"12345678"))
    assert inbox.customer().stuck == ""


def test_rules_that_are_not_at_hand_stop_it() -> None:
    """They are in Kafka before a partition is told of them; whoever runs it looks which ones a record names."""
    inbox = Inbox(WELCOME)
    record = Record(START, (entry_of_shop(9, RulesChanged(2)), entry_of_shop(10, DayClosed()), Entry("", b"\xc1")))
    assert list(epochs_in(record)) == [2]
    with pytest.raises(KeyError):
        inbox.partition.decide(inbox.offset, record)


# What concerns the shop ----------------------------------------------------------------------------------------------


def test_before_the_first_rules_everything_is_history() -> None:
    """Facts are taken in, and nothing is begun; the first rules make the moment from which on there is news."""
    partition = Partition(0, 1, {1: Document(rules_of(WELCOME), ())}.__getitem__, KEY, {})
    first = partition.decide(0, Record(START, (happened(event("customer.visited", START)), happened(order(1, START)))))
    assert first.effects == []
    assert partition.shop.last_history_at == START
    partition.decide(1, Record(START + HOUR, (entry_of_shop(1, RulesChanged(1)),)))
    assert partition.shop.live_since == START + HOUR
    ada = partition.load("ada")
    assert ada is not None
    assert len(ada.orders) == 1


def test_a_day_is_closed_by_what_is_told() -> None:
    """A partition's own intervals are a part of the shop's: it goes by the thresholds it is told, and closes no day itself."""
    inbox = Inbox(AWAY, rules=rules_of(AWAY, lifecycle=replace(PLAIN, lapsed_at_most=30)))
    inbox.record(happened(order(1, START - 20 * DAY)))
    inbox.tick(DAY)
    before = inbox.partition.shop.thresholds
    inbox.tick(5 * DAY)
    assert inbox.partition.shop.thresholds == before
    inbox.told(DayClosed(Thresholds(overall=22, one_time=22), known_since=START - 900 * DAY))
    inbox.tick(SECOND)
    assert inbox.partition.shop.thresholds.overall == 22
    assert inbox.partition.shop.known_since == START - 900 * DAY
    assert inbox.customer().standing == "lapsed"


def test_a_change_of_rules_is_a_sweep_of_the_partition() -> None:
    """Its customers are looked at under the new rules; that all runs of the shop are moved, it is told."""
    inbox = Inbox(WELCOME)
    inbox.record(visit(inbox))
    shorter = rules_of(WELCOME.replace("2h", "1h"))
    workflow = replace(shorter.workflows["welcome"], version=2)
    old = inbox.documents[1].rule_set.workflows["welcome"]
    inbox.documents[2] = Document(replace(shorter, workflows={"welcome": workflow}), (old, workflow))
    inbox.told(RulesChanged(2, (Move("welcome", "exit"),)))
    inbox.tick(SECOND)
    assert inbox.types()[-1] == "run_ended"
    assert inbox.partition.shop.sweep is None
    assert inbox.partition.shop.moves != ()
    inbox.told(RunsMoved())
    assert inbox.partition.shop.moves == ()


def test_it_goes_on_by_the_rules_of_its_epoch() -> None:
    """One that is begun anew has the rules, the pauses and the sweep that held when it was flushed."""
    inbox = Inbox(WELCOME)
    inbox.told(PauseSet("engine", "", "why"))
    inbox.flushed()
    inbox.restarted()
    assert [each.scope for each in inbox.partition.shop.pauses] == ["engine"]
    assert list(inbox.partition.handling.rules.rule_set.workflows) == ["welcome"]


def test_a_line_is_let_in_at_its_pace_over_restarts() -> None:
    """Who fits already waits, and so many enter in a day, in this partition, whoever decides."""
    rules = rules_of(AWAY)
    switch = replace(rules.switches["away"], mode=Mode.DRAFT)
    inbox = Inbox(rules=replace(rules, switches={"away": switch}))
    for number in range(5):
        inbox.record(happened(replace(order(number, ago("100d") + number), customer=f"c{number}"), history=True))
    slowly = replace(switch, mode=Mode.LIVE, enter_at_most=EnterAtMost(2, Length(days=1)))
    inbox.documents[2] = Document(replace(rules, switches={"away": slowly}), ())
    inbox.tick(2 * HOUR)
    inbox.told(RulesChanged(2), DayClosed(Thresholds(overall=60, one_time=60)))
    entered = []
    for _ in range(4):
        for _ in range(3):
            inbox.flushed()
            inbox.restarted()
            inbox.tick(8 * HOUR)
        entered.append(inbox.types().count("run_started"))
    assert entered == [2, 4, 5, 5]


def test_old_marks_of_engagement_are_forgotten_where_it_is_told() -> None:
    """The office says how far: of the customers here, from an id on."""
    inbox = Inbox(WELCOME)
    clicks = [
        event("email.clicked", START + number, link="https://shop.example/", machine=False) for number in range(3)
    ]
    inbox.record(*map(happened, clicks))
    assert len(inbox.customer().trail["email.clicked"]) == 3
    inbox.told(EngagementForgotten(START + DAY, "ada", 500))
    assert len(inbox.customer().trail["email.clicked"]) == 3
    inbox.told(EngagementForgotten(START + DAY, "", 500))
    assert len(inbox.customer().trail["email.clicked"]) == 1


# A flush -------------------------------------------------------------------------------------------------------------


def test_a_flush_has_what_changed_and_no_more() -> None:
    """Each changed customer once, at the offset it was decided at; the place always, the shop where it changed."""
    inbox = Inbox(WELCOME)
    inbox.record(visit(inbox))
    inbox.flushed()
    inbox.tick(SECOND)
    assert inbox.flushed().keys() == {PLACE_KEY}
    inbox.record(happened(order(1, START)), happened(order(2, START)))
    decided = inbox.offset - 1
    inbox.tick(SECOND)
    batch = inbox.flushed()
    assert head_of(batch[b"ada"]).offset == decided
    assert head_of(batch[PLACE_KEY]).offset == decided + 1
    assert batch.keys() - {SHOP_KEY} == {b"ada", PLACE_KEY}


def test_what_a_flush_has_taken_is_still_in_force_until_it_is_kept() -> None:
    """Decisions go on while a flush is under way, over what it has taken."""
    inbox = Inbox(WELCOME)
    inbox.record(happened(order(1, START)))
    first = inbox.partition.dirty()
    inbox.partition.store.take_changed()  # nothing decoded is left
    inbox.record(happened(order(2, START)))
    assert len(inbox.customer().orders) == 2
    inbox.shelf.update(first)
    inbox.partition.kept()
    inbox.partition.kept()
    inbox.shelf.update(inbox.partition.dirty())
    inbox.restarted()
    assert len(inbox.customer().orders) == 2


def test_the_last_sixty_four_references_are_kept() -> None:
    """Of what came last; an older one is not known any more."""
    inbox = Inbox(WELCOME)
    visits = [happened(event("customer.logged_in", START, "ada", f"login-{number}")) for number in range(70)]
    inbox.record(*visits)
    batch = inbox.flushed()
    assert len(kept_in(batch[b"ada"]).refs) == 64 * 8
    inbox.restarted()
    inbox.record(visits[-1], visits[6])
    assert b"ada" not in inbox.flushed()
    inbox.record(visits[0])
    assert b"ada" in inbox.flushed()


# Helpers -------------------------------------------------------------------------------------------------------------


def partition_number(name: str) -> int:
    """The partition, of two, of a customer."""
    return partition_of(name, 2)


@lru_cache
def another_than(name: str) -> str:
    """A customer of the other partition."""
    return next(each for number in range(99) if partition_number(each := f"c{number}") != partition_number(name))
