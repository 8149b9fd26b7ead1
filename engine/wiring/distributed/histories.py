"""Histories straight from topics: `kafka://BROKER:9092/TOPIC` wherever a command takes a file of events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from connectors.bus.binding import ReadEvent, is_tombstone, read_record
from connectors.bus.mapped import MappedTopic, Row
from connectors.bus.topics import Topic, TopicError, TopicRecord, topic
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import Read
from engine.runtimes.kafka.brokers import Brokers, BrokersError
from engine.runtimes.kafka.reaching import Told, client_options, in_words, wait_for
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.mapped_topics import source_topics
from engine.wiring.settings import Settings

SCHEME: Final = "kafka://"
OF_OURS: Final = "winback-"
"""How the headers begin of what our own processes tell each other: nothing that happened in the shop."""

_ADDRESS = re.compile(r"[^\s,/@]+:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class NoTopicAddressError(ValueError):
    """A text that names no topic; the message says how one is written."""


class TopicUnreachableError(Exception):
    """A topic of which nothing was read; the message says why."""


class Skipped(Struct):
    """What of a topic is neither an event nor a dead letter.

    Records that delete their key, words of our own, and what connectors.yaml leaves out.
    """

    tombstones: int = 0
    words: int = 0
    left_out: int = 0


class TopicHistory:
    """One topic, from its beginning to its end as it is now: CloudEvents, or what connectors.yaml makes of its records."""

    def __init__(self, name: str, settings: Settings, environment: Mapping[str, str], told: Told) -> None:
        """Take the name apart; nothing is reached yet.

        Raises:
            NoTopicAddressError: it names no topic.
            SettingsError: the settings' brokers are meant, and there are none; or connectors.yaml has mistakes.

        """
        self.name, self.skipped = name, Skipped()
        self._told, self._patience = told, settings.kafka.reach_within
        self._brokers, self._topic = _taken_apart(name, settings, environment)
        self._mapped = source_topics(settings.workflows, TopicNames.of(settings.kafka.prefix)).get(self._topic)

    def items(self, read: ReadEvent, now: Instant | None) -> Iterator[Event | DeadLetter]:
        """Yield what stands in the topic: in order within each partition.

        Raises:
            TopicUnreachableError: before anything is yielded, where Kafka does not answer, or there is no such topic.
            TopicError: after all that can be read.

        """
        begun = False
        try:
            wait_for(self._brokers, self._patience, self._told)
            with in_words(self._brokers), topic(client_options(self._brokers), self._topic, told=self._told) as it:
                begun = True
                yield from self._items_of(it, read, now)
        except BrokersError as error:
            raise (TopicError if begun else TopicUnreachableError)(f"{self.name}: {error}") from None
        except TopicError as error:
            raise (TopicError if begun else TopicUnreachableError)(f"{self.name}: {error}") from None

    def _items_of(self, it: Topic, read: ReadEvent, now: Instant | None) -> Iterator[Event | DeadLetter]:
        begin = f"{SCHEME}{self._brokers.addresses[0]}/{self._topic}/"
        read_one = self._reading(read)
        for record in it.records():
            if is_tombstone(record.value, record.headers):
                self.skipped.tombstones += 1
            elif any(name.startswith(OF_OURS) for name, _ in record.headers):
                self.skipped.words += 1
            else:
                got = read_one(record, f"{begin}{record.partition}@{record.offset}", now)
                found = [item for item in (got.event, got.dead) if item is not None]
                self.skipped.left_out += not found
                yield from found

    def _reading(self, read: ReadEvent) -> Callable[[TopicRecord, str, Instant | None], Read]:
        """Return how a record is read: by connectors.yaml if it maps the topic, as the gateway does, else as a CloudEvent."""
        if self._mapped is None or not self._mapped.events:
            return lambda record, origin, now: read_record(record.value, record.headers, origin, now, read)
        mapped = MappedTopic(self._mapped, read)
        return lambda record, origin, now: mapped.read(
            Row(record.value, record.key, record.headers, record.timestamp), origin, now
        )


def _taken_apart(name: str, settings: Settings, environment: Mapping[str, str]) -> tuple[Brokers, str]:
    """Return brokers and topic. To brokers that the settings do not name nobody logs in: a password is for its own."""
    said, _, topic_name = name.removeprefix(SCHEME).partition("/")
    addresses = tuple(filter(None, said.split(",")))
    if not _TOPIC.fullmatch(topic_name) or not all(map(_ADDRESS.fullmatch, addresses)):
        raise NoTopicAddressError(
            f"{name}: write {SCHEME}BROKER:9092/TOPIC, several brokers with commas between them;"
            f" without any ({SCHEME}/TOPIC) those of kafka.brokers are meant"
        )
    if not addresses or set(addresses) <= set(settings.kafka.brokers):
        return brokers_of(settings, environment), topic_name
    return Brokers(addresses=addresses), topic_name
