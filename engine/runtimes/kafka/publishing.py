"""What the office says, brought into Kafka: rules before words, words in their order, each at least once.

A word stands in the inbox of its partition under its number, so one that comes twice is left out there. That asks that
none comes after a later one: those of a partition go in one batch, which is in Kafka before the next one leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from engine.books import applied, rulebook, shop_words
from engine.books.connection import Connection
from engine.books.positions import QUERIES
from engine.books.shop_words import FORGOTTEN, ShopWord
from engine.core.rules import RuleSet
from engine.runtimes.kafka.producing import Producing
from engine.runtimes.kafka.rules_topic import RulesDocument, RulesWriter
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.wire import SHOP, Entry, encode_record, in_records

MOST_WORDS = 5_000
"""Words that are read at once."""

_decode_set = msgspec.json.Decoder(RuleSet).decode


class Publisher:
    """Brings rules and words into Kafka. The producing belongs to whoever gave it."""

    def __init__(self, producing: Producing, topics: TopicNames, partitions: int) -> None:
        self._producing, self._inbox, self._partitions = producing, topics.inbox, partitions
        self._rules = RulesWriter(producing, topics.rules)

    async def put_rules(self, documents: Sequence[RulesDocument]) -> None:
        """Put documents of the rules, in their order, and return when they are there.

        Raises:
            TooLargeError, ProducerStoppedError: not all are there.

        """
        for document in documents:
            await self._rules.put(document)

    async def put_words(self, words: Sequence[ShopWord]) -> None:
        """Put words into the inboxes of their partitions, and return when they are there.

        Raises:
            TooLargeError, ProducerStoppedError: not all are there; some may be.

        """
        await asyncio.gather(*(self._put(words, partition) for partition in range(self._partitions)))

    async def _put(self, words: Sequence[ShopWord], partition: int) -> None:
        mine = [word for word in words if word.partition in (None, partition)]
        if mine:
            records = in_records(max(word.at for word in mine), map(entry_of_word, mine))
            await self._producing.append(self._inbox, partition, [(None, encode_record(each), ()) for each in records])


def entry_of_word(word: ShopWord) -> Entry:
    """Return a word as an entry of the inbox; one about the shop is known again by its number."""
    mark = word.number.to_bytes(8, "big") if word.customer == SHOP else word.mark
    return Entry(word.customer, word.signal, mark, word.origin)


def next_words(connection: Connection) -> list[ShopWord]:
    """Return the next words that are to be published."""
    return shop_words.to_publish(connection, MOST_WORDS)


def documents_to_publish(connection: Connection) -> list[RulesDocument]:
    """Return the rules that are not in Kafka yet; ask this after `next_words`, so that no word is ahead of its rules."""
    epoch, number = connection.execute(QUERIES["published_rules"]).fetchone()
    newest = applied.newest(connection)
    if newest is not None and newest.num > number and newest.epoch == epoch:
        epoch -= 1  # templates alone changed: its document is put anew
    rows = connection.execute(QUERIES["rules_from"], (epoch + 1,)).fetchall()
    if not rows:
        return []
    versions = tuple(rulebook.every_version(connection).values())
    templates = "" if newest is None else applied.templates_of(connection, newest)
    return [
        RulesDocument(
            epoch=found,
            at=at,
            applied=0 if newest is None else newest.num,
            rule_set=_decode_set(body),
            versions=versions,
            templates=templates,
        )
        for found, at, body in rows
    ]


def note_rules(connection: Connection, documents: Sequence[RulesDocument]) -> None:
    """Note that these documents are in Kafka."""
    if documents:
        last = documents[-1]
        connection.execute(QUERIES["rules_are_published"], (last.epoch, last.applied))


def note_words(connection: Connection, words: Sequence[ShopWord]) -> None:
    """Note that these words are in the inbox. Those that end an erasure are kept no longer: they name who was erased."""
    if words:
        shop_words.are_published(connection, words[-1].number)
        shop_words.drop(connection, [each.number for each in words if each.mark == FORGOTTEN])
