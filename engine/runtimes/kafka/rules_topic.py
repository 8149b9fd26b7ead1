"""The topic `winback.rules`: all that a worker needs to decide and to write by the rules of an epoch.

One record an epoch (its key), put there before any partition is told of it. Templates may change within an epoch, since
nobody need be looked at for another wording: then the epoch's record is put anew. So a worker needs no PostgreSQL, and a
partition that is read again from an earlier place finds the rules that held there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet, Workflow
from engine.core.shop import Shop
from engine.runtimes.kafka.producing import Producing

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a record: a rule set, the versions runs may be on, and the text of all templates; it is compressed."""

FORMAT: Final = 1
"""Of the document; a worker refuses one that a newer winback wrote."""

_PARTITION: Final = 0


class RulesError(Exception):
    """The rules of an epoch cannot be had; the message says why."""


class RulesDocument(Struct, frozen=True, kw_only=True):
    """The rules that hold from an epoch on.

    `versions` are all of workflows that a run may be on. `templates` is the set that messages are made with and the brand
    they are written for, as kept beside the rules (`engine.books.applied`), `applied` the number it was put in force
    under, and `at` when.
    """

    format: int = FORMAT
    epoch: int
    at: Instant
    applied: int
    rule_set: RuleSet
    versions: tuple[Workflow, ...]
    templates: str

    def rules(self, shop: Shop, *, key: bytes) -> Rules:
        """Return the rules that decisions are made by; `key` makes codes unguessable."""
        versions = {(each.name, each.version): each for each in self.versions}
        return Rules(self.rule_set, shop, versions, key=key)


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(RulesDocument).decode


def encode_rules(document: RulesDocument) -> bytes:
    """Return a document as the topic holds it."""
    return _encode(document)


def decode_rules(raw: bytes) -> RulesDocument:
    """Return what a record of the topic holds.

    Raises:
        RulesError: it is no document of ours, or a newer winback wrote it.

    """
    try:
        document = _decode(raw)
    except msgspec.DecodeError as error:
        raise RulesError(f"a record of the rules cannot be read: {error}") from None
    if document.format > FORMAT:
        raise RulesError(f"a newer winback wrote the rules of epoch {document.epoch}: update this worker")
    return document


class RulesWriter:
    """Puts documents into the topic. The producing belongs to whoever gave it."""

    def __init__(self, producing: Producing, topic: str) -> None:
        self._producing, self._topic = producing, topic

    async def put(self, document: RulesDocument) -> None:
        """Put a document, and return when Kafka has it.

        Raises:
            TooLargeError: the topic takes no document of this size.
            ProducerStoppedError: there is no use in trying on.

        """
        key = str(document.epoch).encode()
        await self._producing.append(self._topic, _PARTITION, [(key, encode_rules(document), ())])


class KnownRules:
    """The documents that were read; a partition asks for the one of its epoch."""

    def __init__(self) -> None:
        self._documents: dict[int, RulesDocument] = {}
        self._newest: RulesDocument | None = None

    def document(self, epoch: int) -> RulesDocument:
        """Return the document of an epoch, of those that were read.

        Raises:
            RulesError: it was not among them.

        """
        try:
            return self._documents[epoch]
        except KeyError:
            raise RulesError(f"the rules of epoch {epoch} were not put into the topic of the rules") from None

    @property
    def newest(self) -> RulesDocument | None:
        """What was put last: its templates are those to write with. None before the first."""
        return self._newest

    def take(self, values: Sequence[bytes | None]) -> None:
        """Know what these records hold; of an epoch the last one counts. One without a value is an epoch forgotten."""
        for value in values:
            if value is not None:
                self._newest = document = decode_rules(value)
                self._documents[document.epoch] = document


class RulesReader(KnownRules):
    """Knows every document of the topic, and reads on when one is missing."""

    def __init__(self, topic: str, connection: Mapping[str, Any]) -> None:
        """`connection` is what a consumer needs to reach the brokers (`bootstrap_servers` and security)."""
        super().__init__()
        self._place = TopicPartition(topic, _PARTITION)
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MOST_BYTES,
        )
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Read all that is there.

        Raises:
            RulesError: a record cannot be read.
            aiokafka.errors.KafkaError: the brokers cannot be reached.

        """
        await self._consumer.start()
        self._consumer.assign([self._place])
        await self._consumer.seek_to_beginning(self._place)
        await self.read_on()

    async def stop(self) -> None:
        """Let go of the brokers."""
        await self._consumer.stop()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_for(self, epoch: int) -> RulesDocument:
        """Return the document of an epoch, read on for if need be: it is there before anybody is told of the epoch.

        Raises:
            RulesError: it is not there.

        """
        if epoch not in self._documents:
            await self.read_on()
        return self.document(epoch)

    async def read_on(self) -> bool:
        """Read what has come up to now; return whether it was anything."""
        async with self._reading:
            before = self._newest
            end = (await self._consumer.end_offsets([self._place]))[self._place]
            while await self._consumer.position(self._place) < end:
                found = await self._consumer.getmany(self._place, timeout_ms=1_000)
                self.take([record.value for record in found.get(self._place, ())])
            return self._newest is not before
