"""A partition that this worker holds: its engine, what is durable of it, and what waits to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.signals import Handed
from engine.runtimes.kafka.effect_records import encode_effect, encode_send
from engine.runtimes.kafka.outbound import Row
from engine.runtimes.kafka.partition import Outcome, Partition
from engine.runtimes.kafka.partition_store import Batch
from engine.runtimes.kafka.shelf import ChangelogEntry, Shelf
from engine.runtimes.kafka.wire import Place, Record
from engine.runtimes.kafka.words import encode_word, told

MOST_BYTES_OF_A_SEND: Final = 900 * 1024
"""A message larger than that is refused: brokers take a megabyte, and mail servers rarely more."""

_REFUSALS_FROM: Final = 1_000_000
"""Words about messages that could not be made have places of their own, behind all that the partition itself said."""

log = structlog.get_logger(__name__)

Compose = Callable[[Effect, Customer | None, Rules], Mapping[str, Any]]
"""Makes the message of a requested send (subject, text, html, headers, message_id), of the customer as of its decision."""


class Message(Protocol):
    """A record as Faust hands it over: what was decided of it is acknowledged when it is in Kafka."""

    def ack(self) -> bool:
        """Acknowledge it."""
        ...


class News(Struct):
    """What one flush of a partition makes durable: records in each topic, and the messages they came of."""

    effects: list[Row] = field(default_factory=list)
    sends: list[Row] = field(default_factory=list)
    words: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    entries: int = 0
    upto: int = 0
    """The offset that follows the last record decided."""
    dirty: Batch = field(default_factory=dict)
    """What has changed in the table, as of the moment the news were taken."""
    changelog: list[ChangelogEntry] = field(default_factory=list)


class Held:
    """One partition. It decides record after record; `take_news` and `settle` make what came of them durable."""

    def __init__(self, partition: Partition, shelf: Shelf, compose: Compose, group: int) -> None:
        """Hold a partition since this generation of the group."""
        self.partition, self.shelf, self.group = partition, shelf, group
        self.expected: int | None = None
        """The offset of the record that comes next; None until it is known where to begin."""
        self.durable: int | None = None
        """The offset that follows everything that is in Kafka; None where nothing was decided here."""
        self.news = News()
        self._compose = compose

    @property
    def number(self) -> int:
        """Which partition it is."""
        return self.partition.number

    @property
    def waiting(self) -> int:
        """How much there is to make durable: records' entries, and customers who have changed."""
        return max(self.news.entries, self.partition.store.changed)

    def decide(self, offset: int, record: Record, message: Message) -> Outcome:
        """Decide the record that comes next.

        Raises:
            Exception: see `Partition.decide`; the worker must not go on.

        """
        outcome = self.partition.decide(offset, record)
        shop, news = self.partition.shop, self.news
        for place, effect in outcome.effects:
            value, headers = encode_effect(effect, place, shop)
            news.effects.append((effect.customer.encode(), value, headers))
        for place, word in outcome.words:
            news.words.append((None, *encode_word(word, place)))
        news.letters += [_letter(each, self.partition.accepted) for each in outcome.letters]
        for place, effect in outcome.effects:
            if effect.type == SEND_REQUESTED and not effect.shadow:
                self._write(place, effect)
        news.messages.append(message)
        news.entries += len(record.entries)
        news.upto = self.expected = offset + 1
        return outcome

    def bury(self, letter: DeadLetter) -> None:
        """Put a dead letter among the news: a record that is none of ours."""
        self.news.letters.append(_letter(letter, self.partition.accepted))

    def take_news(self) -> News:
        """Return what there is to make durable now; what is decided from here on is news again.

        All at one moment: a table that is ahead of the effects would lose those of a crash.
        """
        news, self.news = self.news, News()
        news.dirty = self.partition.dirty()
        news.changelog = self.shelf.entries(news.dirty)
        return news

    def settle(self, news: News, changelog_upto: int) -> None:
        """Note that all of it is in Kafka, the changelog up to this offset; acknowledge it, in order."""
        self.shelf.put(news.dirty, changelog_upto)
        self.partition.kept()
        self.durable = news.upto
        for message in news.messages:
            message.ack()

    def _write(self, place: Place, effect: Effect) -> None:
        """Put a send among the news, with its message; tell the customer where none can be made."""
        record = self.partition.load(effect.customer)
        try:
            message = self._compose(effect, record, self.partition.handling.rules)
            complete = replace(effect, data={**effect.data, **message})
            value, headers = encode_send(complete, place, self.partition.shop)
        except Exception as error:
            log.exception("a message cannot be made", template=effect.data.get("template"), effect_id=effect.effect_id)
            self._refuse(place, effect, f"the message could not be made: {error}")
            return
        if len(value) > MOST_BYTES_OF_A_SEND:
            self._refuse(place, effect, f"the message has {len(value):,} bytes, more than the {MOST_BYTES_OF_A_SEND:,}")
            return
        self.news.sends.append((effect.customer.encode(), value, headers))

    def _refuse(self, place: Place, effect: Effect, reason: str) -> None:
        word = told(effect.customer, Handed(effect.effect_id, "refused", reason))
        there = Place(place.partition, place.offset, _REFUSALS_FROM + place.index)
        self.news.words.append((None, *encode_word(word, there)))


def _letter(letter: DeadLetter, at: Instant) -> Row:
    headers = [("reason", letter.reason.encode()), ("origin", letter.origin.encode()), ("at", str(at).encode())]
    return None, letter.raw, headers
