"""A distributed engine without a broker: partitions in memory, their topics as lists, the books on PostgreSQL.

Everything between them is the real code; only Kafka is left out, so a test says itself what arrives when, and how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from connectors.memory import FixedClock
from engine.books import rulebook
from engine.books.connection import Connection
from engine.books.erasures import Erasures
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import Happened
from engine.runtimes.kafka.desk import Bureau
from engine.runtimes.kafka.effect_records import encode_effect
from engine.runtimes.kafka.office import Office
from engine.runtimes.kafka.partition import Outcome, Partition
from engine.runtimes.kafka.projecting import Projector
from engine.runtimes.kafka.publishing import (
    documents_to_publish,
    entry_of_word,
    next_words,
    note_rules,
    note_words,
)
from engine.runtimes.kafka.rules_topic import KnownRules, encode_rules
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import GONE, Takeover
from engine.runtimes.kafka.wire import Entry, Record, entry_of, partition_of

TOPICS = TopicNames.of("test")
KEY = b"secret of a test"


class Told(Struct):
    """A record as a consumer has it."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


class DistributedShop:
    """A shop on so many partitions. `topics` holds what was written to each topic's partitions, in order."""

    def __init__(self, connection: Connection, now: Instant, *, partitions: int = 3) -> None:
        self.connection = connection
        self.clock = FixedClock(now)
        self.known = KnownRules()
        self.numbers = range(partitions)
        self.shelves: list[dict[bytes, bytes]] = [{} for _ in self.numbers]
        self.inbox: list[list[Record]] = [[] for _ in self.numbers]
        self.topics: dict[tuple[str, int], list[Told]] = {}
        self.workers = [self.worker(number) for number in self.numbers]
        self.takeovers = [Takeover(1, 0) for _ in self.numbers]
        self.open_books()

    def open_books(self) -> None:
        """Begin with the books as a projector that has just started does."""
        self.store = ShopStore(self.connection, len(self.numbers))
        self.erasures = Erasures(KEY)
        self.erasures.load(self.connection)
        self.projector = Projector(self.store, TOPICS, self.erasures)
        self.bureau = Bureau(self.store, self.clock, key=KEY)
        self.bureau.desk.erasures = self.erasures
        self.office = Office(self.bureau)

    def worker(self, number: int) -> Partition:
        """A partition that goes on from what is durable."""
        return Partition(number, len(self.numbers), self.known.document, KEY, self.shelves[number])

    # What goes in ------------------------------------------------------------------------------------------------------

    def apply(self, rules: RuleSet) -> None:
        """Put rules in force at the desk, and let every partition know."""
        self.bureau.ask(lambda store, now: rulebook.apply(self.bureau.desk, rules, store, now))
        self.publish()

    def publish(self) -> int:
        """Bring rules and words to the partitions; return how many words there were."""
        words = next_words(self.connection)
        documents = documents_to_publish(self.connection)
        self.known.take([encode_rules(each) for each in documents])
        note_rules(self.connection, documents)
        for number in self.numbers:
            self.told(number, [entry_of_word(word) for word in words if word.partition in (None, number)])
        note_words(self.connection, words)
        return len(words)

    def told(self, number: int, entries: Sequence[Entry]) -> None:
        """A record with these entries comes to a partition, and is decided."""
        if entries:
            self.decide(number, Record(self.clock.now(), tuple(entries)))

    def happens(self, *events: Event) -> None:
        """Events come in, each for its customer's partition."""
        for event in events:
            number = partition_of(event.customer, len(self.numbers))
            self.told(number, [entry_of(event.customer, Happened(event))])

    def tick(self) -> None:
        """Every partition is told what time it is."""
        for number in self.numbers:
            self.decide(number, Record(self.clock.now()))

    def decide(self, number: int, record: Record) -> None:
        """A partition decides a record; effects and changed values are written to their topics."""
        self.inbox[number].append(record)
        worker = self.workers[number]
        outcome = worker.decide(len(self.inbox[number]) - 1, record)
        self.write_effects(number, outcome, worker.shop)
        batch = worker.dirty()
        self.write_values(number, self.takeovers[number].entries(batch))
        shelf = self.shelves[number]
        shelf.update(batch)
        for key in [key for key, value in batch.items() if value == GONE]:
            del shelf[key]
        worker.kept()

    # What comes out ----------------------------------------------------------------------------------------------------

    def write_effects(self, number: int, outcome: Outcome, shop: Shop) -> None:
        """Write effects as a worker does."""
        for place, effect in outcome.effects:
            self.write(TOPICS.effects, number, *encode_effect(effect, place, shop))

    def write_values(self, number: int, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write entries of the changelog as a worker does."""
        for key, value in entries:
            self.write(TOPICS.changelog, number, value, key=key)

    def write(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        *,
        key: bytes | None = None,
    ) -> None:
        """Append a record to a topic."""
        log = self.topics.setdefault((topic, partition), [])
        log.append(Told(topic, partition, len(log), value, key, headers, self.clock.now() // 1_000))

    def news(self) -> list[Told]:
        """What the projector has not read yet."""
        read = self.projector.positions
        return [
            record
            for source, log in self.topics.items()
            for record in log[read[source].offset if source in read else 0 :]
        ]

    def project(self) -> None:
        """Everything that was written gets into the books."""
        self.projector.project(self.news())
