"""Inboxes of a made-up shop: what gateway, office and sender put there, while the reference decides it.

Sends are handed over (most of them; some are refused, uncertain or asked again), words of one partition come to another,
some entries come twice, and clocks of gateways differ. The same seed makes the same inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core import events as core
from engine.core.allowances import key_of
from engine.core.cadence import Cadence, thresholds
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant, Length, day_number, zone
from engine.core.rulebook import Rules
from engine.core.rules import EnterAtMost, Mode, RampRule, RampSteps, RuleSet, Workflow
from engine.core.shop import Shop
from engine.core.signals import (
    AnySignal,
    DayClosed,
    Handed,
    Happened,
    Move,
    PauseEnded,
    PauseSet,
    RulesChanged,
    RunsMoved,
    ShopSignal,
    WentLive,
)
from engine.core.whose import mail_key
from engine.handling.across import claimed
from engine.handling.allotting import Allotting, Part
from engine.runtimes.kafka.wire import Entry, Place, Record, entry_of, entry_of_shop, partition_of
from engine.runtimes.kafka.words import Heard, Known, Told, Word, entry_of_word, mark_of
from engine.runtimes.simulator import sample
from tests.acceptance.shipped import shipped
from tests.edits import EDITS
from tests.every_step import NAME, beside
from tests.inbox_reference import Placed, Reference

KEY = b"k" * 32
START = day_number(2026, 1, 1)
_THERE = zone("Europe/Berlin")

_OUTCOMES = ("done",) * 12 + ("uncertain", "refused", "blocked", "late", "again")


class Document(Struct, frozen=True):
    """What holds in an epoch."""

    rule_set: RuleSet
    versions: tuple[Workflow, ...]

    def rules(self, shop: Shop, *, key: bytes) -> Rules:
        """Return the rules."""
        return Rules(self.rule_set, shop, {(each.name, each.version): each for each in self.versions}, key=key)


class Stream(Struct, frozen=True):
    """A shop's inbox: the records of each partition, and what the reference has decided from them."""

    inboxes: tuple[tuple[Record, ...], ...]
    documents: dict[int, Document]
    effects: tuple[tuple[Placed, ...], ...]
    words: tuple[tuple[tuple[Place, Word], ...], ...]
    references: tuple[Reference, ...]
    events: int

    def rules_of(self, epoch: int) -> Document:
        """Return what holds in an epoch."""
        return self.documents[epoch]


def made_up(
    seed: int, *, customers: int = 12, days: int = 150, partitions: int = 1, unrest: float = 0.05, most: int = 8
) -> Stream:
    """Return a stream of so many days. `unrest` is how often a day has a pause, an edit or a merge."""
    return _Making(seed, customers, days, partitions, unrest, most).stream()


class _Making:
    def __init__(self, seed: int, customers: int, days: int, partitions: int, unrest: float, most: int) -> None:
        self.random = Random(seed)
        self.customers, self.days, self.partitions, self.unrest, self.most = customers, days, partitions, unrest, most
        self.shop = sample.Shop(customers, seed, start=START, days=days)
        self.documents: dict[int, Document] = {}
        self.references = [
            Reference(number, partitions, self.documents.__getitem__, KEY) for number in range(partitions)
        ]
        self.inboxes: list[list[Record]] = [[] for _ in range(partitions)]
        self.effects: list[list[Placed]] = [[] for _ in range(partitions)]
        self.words: list[list[tuple[Place, Word]]] = [[] for _ in range(partitions)]
        self.waiting: defaultdict[int, list[Entry]] = defaultdict(list)
        self.again: list[tuple[int, Entry]] = []
        self.owners: dict[str, str] = {}
        self.released: list[Effect] = []
        self.office = Shop(known_since=0)
        self.granted: list[dict[str, int]] = [{} for _ in range(partitions)]
        self.rule_set = self.first_rules()
        self.versions: list[Workflow] = []
        self.number = 0
        self.events = 0
        self.now: Instant = _THERE.start(START)

    def first_rules(self) -> RuleSet:
        """Return the shipped workflows and one with every step; some let in few at a time, some shops warm up or ramp."""
        choice = self.random.choice
        ramp = choice((None, None, RampRule(RampSteps(start=1, until=2))))
        warm_up = choice((None, Length(days=5)))
        rules = beside(shipped(warm_up=warm_up, lapsed_at_least=6, lapsed_at_most=40, ramp=ramp))
        slowly = EnterAtMost(choice((1, 2)), Length(days=choice((1, 3))))
        switches = {
            name: replace(switch, enter_at_most=choice((None, slowly))) for name, switch in rules.switches.items()
        }
        return replace(rules, switches=switches)

    def stream(self) -> Stream:
        """Live through all days."""
        self.put_in_force()
        self.tell_all(WentLive())
        for day in range(START, START + self.days):
            self.day(day)
        self.now += 30 * DAY
        for _ in range(4):
            self.tick()
        return Stream(
            tuple(map(tuple, self.inboxes)),
            self.documents,
            tuple(map(tuple, self.effects)),
            tuple(map(tuple, self.words)),
            tuple(self.references),
            self.events,
        )

    def day(self, day: int) -> None:
        """Let a day pass: its closing, unrest, events by the handful, and ticks."""
        self.now = max(self.now, _THERE.start(day))
        self.close_day()
        if self.random.random() < self.unrest:
            self.random.choice((self.pause, self.end_pause, self.edit, self.moved, self.switch))()
        sends, self.released = self.released, []
        events = [*self.shop.day(day, sends), *self.unrestful(day)]
        events.sort(key=lambda each: each.time)
        while events:
            some = self.random.randint(1, self.most)
            chunk, events = events[:some], events[some:]
            self.pass_time(chunk[-1].time)
            self.arrive(chunk)
        self.pass_time(_THERE.start(day + 1) - 1)

    def pass_time(self, until: Instant) -> None:
        """Tick now and then."""
        while self.now < until:
            self.now = min(until, self.now + self.random.choice((SECOND, 7 * MINUTE, 3 * HOUR, 9 * HOUR)))
            self.tick()

    def tick(self) -> None:
        """Give each partition a record of what waits for it, mostly without anything."""
        if self.partitions > 1:
            self.allot()
        for number in range(self.partitions):
            self.add(number, [])

    def arrive(self, events: Iterable[Event]) -> None:
        """Put events into the inbox, some of them twice."""
        entries: defaultdict[int, list[Entry]] = defaultdict(list)
        for event in events:
            self.events += 1
            entry = entry_of(event.customer, Happened(event), origin="shop.orders/0")
            number = partition_of(event.customer, self.partitions)
            entries[number].append(entry)
            if self.random.random() < 0.1:
                self.again.append((number, entry))
        for number, found in entries.items():
            self.add(number, found)

    def add(self, number: int, entries: list[Entry]) -> None:
        """Append a record to a partition's inbox, and let the reference decide it."""
        told = self.waiting.pop(number, [])
        if self.again and self.random.random() < 0.1:  # what came before comes once more
            again = self.again.pop(self.random.randrange(len(self.again)))
            if again[0] == number:
                told.append(again[1])
        behind = self.random.choice((0, 0, 0, 3 * SECOND))  # another gateway's clock
        record = Record(self.now - behind, (*told, *entries))
        inbox = self.inboxes[number]
        inbox.append(record)
        placed, words = self.references[number].fold(len(inbox) - 1, record)
        self.effects[number] += placed
        self.words[number] += words
        for _, effect in placed:
            if effect.type == SEND_REQUESTED and not effect.shadow:
                self.hand_over(effect)
        for place, word in words:
            self.pass_on(word, mark_of(place))

    def hand_over(self, send: Effect) -> None:
        """Play the sender: say what became of a send, once or twice."""
        outcome = self.random.choice(_OUTCOMES)
        if outcome == "done":
            self.released.append(send)
        mark = mark_of(Place(0, send.time % (1 << 40), self.random.getrandbits(30)))
        entry = entry_of(send.customer, Handed(send.effect_id, outcome), mark=mark)
        self.again.append((partition_of(send.customer, self.partitions), entry))
        self.wait(entry)

    def pass_on(self, word: Word, mark: bytes) -> None:
        """Play the gateway: bring a word to its partition, or to whoever has the address it is about."""
        match word:
            case Told(customer, signal):
                self.wait(entry_of_word(Told(customer, signal, mark)))
            case Known(key, customer, history):
                earlier = self.owners.get(key)
                self.owners[key] = customer
                if (said := claimed(key, earlier, customer, history=history)) is not None:
                    self.wait(entry_of(*said, mark=mark))
            case Heard(address, signal):
                if (owner := self.owners.get(mail_key(address))) is not None:
                    self.wait(entry_of_word(Told(owner, signal, mark)))

    def wait(self, entry: Entry) -> None:
        """Let an entry come with the partition's next record, and sometimes with a later one again."""
        number = partition_of(entry.customer, self.partitions)
        self.waiting[number] += [entry] * self.random.choice((1, 1, 2))

    # What concerns the shop ------------------------------------------------------------------------------------------

    def tell_all(self, signal: ShopSignal) -> None:
        """Tell every partition, sometimes twice."""
        self.number += 1
        for number in range(self.partitions):
            entry = entry_of_shop(self.number, signal)
            self.add(number, [entry] * self.random.choice((1, 1, 2)))

    def allot(self) -> None:
        """Grant the partitions what is counted for the whole shop."""
        shops = [reference.shop for reference in self.references]
        rules = Rules(self.rule_set, self.office, {(each.name, each.version): each for each in self.versions}, key=KEY)
        parts = [Part(shop, granted) for shop, granted in zip(shops, self.granted, strict=True)]
        stores = [reference.store for reference in self.references]
        allotting = Allotting(rules, parts, self.line, lambda name: sum(each.line_length(name) for each in stores))
        for number, signal in list(allotting.grants(self.now)):
            key = key_of(signal.what, signal.name)
            self.granted[number][key] = self.granted[number].get(key, 0) + signal.amount
            self.number += 1
            self.waiting[number].append(entry_of_shop(self.number, signal))

    def line(self, name: str, most: int) -> list[int]:
        """Return the partitions of the first in a line."""
        waiting = [
            (-each.store.customers[customer].last_reaction, customer, number)
            for number, each in enumerate(self.references)
            for customer in each.store.line(name, most)
        ]
        return [number for _, _, number in sorted(waiting)[:most]]

    def close_day(self) -> None:
        """Close the shop's day from the intervals of all partitions."""
        cadence = Cadence()
        for reference in self.references:
            cadence.overall.merge(reference.shop.cadence.overall)
            for name, intervals in reference.shop.cadence.categories.items():
                for days, count in intervals.lengths.items():
                    for _ in range(count):
                        cadence.change(name, days, 1)
        known = [each.shop.known_since for each in self.references if each.shop.known_since is not None]
        self.tell_all(DayClosed(thresholds(cadence, self.rule_set.lifecycle), min(known, default=None)))

    def put_in_force(self, *moves: Move) -> None:
        """Put the rule set in force as the next epoch."""
        epoch = len(self.documents) + 1
        workflows = {}
        for name, workflow in self.rule_set.workflows.items():
            known = [each for each in self.versions if each.name == name]
            same = next((each for each in known if replace(each, version=workflow.version) == workflow), None)
            if same is None:
                same = replace(workflow, version=len(known) + 1)
                self.versions.append(same)
            workflows[name] = same
        self.rule_set = replace(self.rule_set, workflows=workflows)
        self.documents[epoch] = Document(self.rule_set, tuple(self.versions))
        self.tell_all(RulesChanged(epoch, moves))

    def pause(self) -> None:
        """Begin a pause."""
        self.tell_all(PauseSet(*self.random.choice((("engine", ""), ("workflow", NAME), ("time", ""))), "a reason"))

    def end_pause(self) -> None:
        """End what is paused."""
        for scope, name in (("engine", ""), ("workflow", NAME), ("time", "")):
            self.tell_all(PauseEnded(scope, name, self.random.choice(("send", "skip", "shift"))))

    def edit(self) -> None:
        """Change a workflow; its runs stay, move or end."""
        name = self.random.choice((NAME, "three-stage-winback", "welcome-back"))
        edited = self.random.choice(EDITS)(self.rule_set.workflows[name])
        self.rule_set = replace(self.rule_set, workflows={**self.rule_set.workflows, name: edited})
        self.put_in_force(Move(name, self.random.choice(("pin", "move", "exit"))))

    def switch(self) -> None:
        """Set a workflow's mode."""
        name = self.random.choice(sorted(self.rule_set.switches))
        switched = replace(self.rule_set.switches[name], mode=self.random.choice((Mode.LIVE, Mode.DRAFT, Mode.SHADOW)))
        self.rule_set = replace(self.rule_set, switches={**self.rule_set.switches, name: switched})
        self.put_in_force()

    def moved(self) -> None:
        """Say that all runs are moved, once every partition has been through its customers."""
        if all(each.shop.sweep is None for each in self.references):
            self.tell_all(RunsMoved())

    # What the sample has not -----------------------------------------------------------------------------------------

    def unrestful(self, day: int) -> Iterator[Event]:
        """Yield visits, and now and then an address of another's, a merge, a bounce or a closed account."""
        for number in range(self.customers):
            if self.random.random() < 0.02:
                yield self.event(day, number, "customer.visited", core.Visit())
        if self.random.random() < self.unrest:
            one, other = self.random.sample(range(self.customers), 2)
            kind, data = self.random.choice(
                (
                    ("profile.updated", core.ProfileUpdated(email=f"{other}@example.org")),
                    ("customer.merged", core.Merged(into=f"c-{other}")),
                    ("email.bounced", core.Mail(kind="dead", status="5.1.1")),
                    ("email.unsubscribed", core.Mail()),
                    ("account.closed", core.Reason()),
                    ("hand_off.answered", core.HandOffAnswered("sales", "won")),
                )
            )
            yield self.event(day, one, kind, data)

    def event(self, day: int, number: int, kind: str, data: Any) -> Event:
        """Return an event at some time of the day."""
        at = _THERE.start(day) + self.random.randrange(20 * HOUR)
        return Event(f"u{self.random.getrandbits(60)}", "test", kind, at, f"c-{number}", data)


def signals_in(stream: Stream) -> Iterator[AnySignal]:
    """Yield all that is in a stream."""
    for inbox in stream.inboxes:
        for record in inbox:
            for entry in record.entries:
                yield entry.decoded()
