"""One partition of the inbox without Kafka: records of 500 entries in, effects and the table's values out, beside bare decisions.

A made-up shop's events, all shipped workflows live. The first half of the history fills the table. Then the clock starts over
a piece of what follows, from the bytes of the inbox's records to the bytes of effects and of the changelog, with one flush
for so many records as come in 25 ms under load. Beside it, from the same table:

- bare decisions: events and records are at hand as values, nothing is encoded or decoded, found, indexed or remembered;
- the step that other engines run in `./dev bench kafka`: an event's signal and the customer's bytes in, bytes out, one by one.

Timers are rung by all of them when they are overdue at the customer's next event; a partition rings the others, too, and
does all that a handling does around a decision. So the bare figures are not its own work done better, but a part of it.
"""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import sys
import time
from collections.abc import Iterator
from itertools import islice

from benchmarks.embedded import live_rules
from engine.books.journal import decode_signal
from engine.core import customer as records
from engine.core.customer import Customer
from engine.core.deciding import decide
from engine.core.events import Event
from engine.core.facts import is_known
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import Happened, RulesChanged, TimeUp, WentLive
from engine.runtimes.kafka.effect_records import encode_effect
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.values import customers_in, kept_in
from engine.runtimes.kafka.wire import MOST_ENTRIES, Record, decode_record, encode_record, entry_of, entry_of_shop
from engine.runtimes.simulator.sample import sample_events

CUSTOMERS = 20_000
EVENTS_A_CUSTOMER = 22
MEASURED = 60_000
SEED = 1
RECORDS_A_FLUSH = 2
KEY = b"benchmark"


class Rulebook:
    """The one rule set of the benchmark."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set

    def rules(self, shop: Shop, *, key: bytes) -> Rules:
        """Return the rules."""
        return Rules(self.rule_set, shop, key=key)


class Feed:
    """Gives a partition its records, and keeps what it makes durable on a shelf in memory."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.shelf: dict[bytes, bytes] = {}
        self.partition = Partition(0, 1, lambda _: Rulebook(rule_set), KEY, self.shelf)
        self.offset = 0
        self.effects = self.bytes_out = 0

    def begin(self, at: Instant) -> None:
        """Put the rules in force, and go live."""
        self.take(encode_record(Record(at, (entry_of_shop(1, RulesChanged(1)), entry_of_shop(2, WentLive())))))

    def take(self, raw: bytes) -> None:
        """Decide a record from its bytes, and write its effects as bytes."""
        outcome = self.partition.decide(self.offset, decode_record(raw))
        self.offset += 1
        shop = self.partition.shop
        for place, effect in outcome.effects:
            self.bytes_out += len(encode_effect(effect, place, shop)[0])
        self.effects += len(outcome.effects)
        if not self.offset % RECORDS_A_FLUSH:
            self.flush()

    def flush(self) -> None:
        """Make durable what has changed."""
        batch = self.partition.dirty()
        self.bytes_out += sum(map(len, batch.values()))
        self.shelf.update(batch)
        self.partition.kept()


def records_of(events: Iterator[Event], most: int) -> Iterator[bytes]:
    """Yield records of the inbox with up to so many events, at the time of their last one."""
    events = islice(events, most)
    while some := list(islice(events, MOST_ENTRIES)):
        yield encode_record(Record(some[-1].time, tuple(entry_of(each.customer, Happened(each)) for each in some)))


def overdue_first(customer: Customer, event: Event, rules: Rules) -> Customer:
    """Decide an event, after what is overdue."""
    at = event.time
    if customer.next_due is not None and customer.next_due < at:
        customer = decide(customer, TimeUp(), at, rules).customer
    return customer if is_known(customer, event) else decide(customer, Happened(event), at, rules).customer


def bare(shelf: dict[bytes, bytes], inbox: list[bytes], rules: Rules) -> float:
    """Return the seconds that the decisions alone take, over values."""
    held = {name: kept_in(value).record for name, value in customers_in(shelf.items())}
    events = [_event(entry.signal) for raw in inbox for entry in decode_record(raw).entries]
    began = time.process_time()
    for event in events:
        name = event.customer
        held[name] = overdue_first(held.get(name) or Customer(name), event, rules)
    return time.process_time() - began


def one_by_one(shelf: dict[bytes, bytes], inbox: list[bytes], rules: Rules) -> float:
    """Return the seconds that decisions take where each event decodes the customer's record, and encodes it again."""
    table = {name: records.encode(kept_in(value).record) for name, value in customers_in(shelf.items())}
    began = time.process_time()
    for raw in inbox:
        for entry in decode_record(raw).entries:
            event, state = _event(entry.signal), table.get(entry.customer)
            customer = Customer(entry.customer) if state is None else records.decode(state)
            table[entry.customer] = records.encode(overdue_first(customer, event, rules))
    return time.process_time() - began


def _event(raw: bytes) -> Event:
    signal = decode_signal(raw)
    assert isinstance(signal, Happened), "the sample holds nothing else"
    return signal.event


def main(customers: int = CUSTOMERS, measured: int = MEASURED) -> None:
    """Measure, and print the figures and their ratios."""
    gc.set_threshold(500_000, 20, 50)  # as a worker does
    rule_set, events = live_rules(), sample_events(customers, SEED)
    feed = Feed(rule_set)
    first = next(events)
    feed.begin(first.time)
    began = time.process_time()
    filling = customers * EVENTS_A_CUSTOMER // 2
    for raw in records_of(events, filling):
        feed.take(raw)
    feed.flush()
    pace = filling / (time.process_time() - began)
    size = sum(map(len, feed.shelf.values())) / len(feed.shelf)
    print(f"{customers:,} customers of {size:,.0f} bytes, {filling:,} events taken in first ({pace:,.0f} a second)")
    inbox = list(records_of(events, measured))
    before, rules = dict(feed.shelf), feed.partition.handling.rules
    began = time.process_time()
    for raw in inbox:
        feed.take(raw)
    spent = time.process_time() - began
    show("partition", measured, spent, spent)
    show("bare decisions", measured, bare(before, inbox, rules), spent)
    show("one by one, as bytes", measured, one_by_one(before, inbox, rules), spent)
    began = time.process_time()
    Partition(0, 1, lambda _: Rulebook(rule_set), KEY, feed.shelf)
    print(f"taken up again in {time.process_time() - began:.2f} s")
    show_profile(feed, events)


def show(name: str, count: int, spent: float, partition: float) -> None:
    """Print one figure, and how much of it the partition reaches."""
    print(
        f"{name:22} {count / spent:9,.0f} events/s {spent / count * 1e6:6.1f} us an event; "
        f"the partition is {spent / partition:.2f} of it"
    )


def show_profile(feed: Feed, events: Iterator[Event], most: int = 20_000) -> None:
    """Print what the time goes into, over some more events."""
    inbox = list(records_of(events, most))
    profile = cProfile.Profile()
    profile.enable()
    for raw in inbox:
        feed.take(raw)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(18)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
