"""What stands in our own topics: records of the inbox, and the place an effect was decided at.

The inbox is the journal of the distributed engine. A record holds entries of one partition, in order, and the instant at
which they were accepted; one without entries is a tick: it says what time it is, and what is due by then rings. So time
is an input, and a partition that is read again from the same place comes to the same decisions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec
from aiokafka.partitioner import murmur2
from msgspec import Struct

from engine.books.journal import decode_signal, encode_signal
from engine.core.moments import Instant
from engine.core.signals import AnySignal, ShopSignal

SHOP: Final = ""
"""The customer of an entry that concerns the shop as a whole, as in the journal."""

MOST_ENTRIES: Final = 500
MOST_BYTES: Final = 512 * 1024
"""How much goes into one record of the inbox; a single entry may be larger than that."""

_PLACE = struct.Struct(">iqi")


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One signal for one customer, or (`customer` empty) for the shop as far as it is in this partition.

    `signal` is encoded as in the journal. `mark` says by what a repetition of it is known: empty for an event, which its
    order or its source and id tell; eight bytes for what another partition or the sender tells; the number in the
    shop's own order for what concerns the shop. `origin` is where an event came from, for its dead letter.
    """

    customer: str
    signal: bytes
    mark: bytes = b""
    origin: str = ""

    def decoded(self) -> AnySignal:
        """Return the signal.

        Raises:
            msgspec.DecodeError: it is none that this version knows.

        """
        return decode_signal(self.signal)


class Record(Struct, frozen=True, array_like=True, gc=False):
    """A record of the inbox: when its entries were accepted. Without entries it is a tick."""

    at: Instant
    entries: tuple[Entry, ...] = ()


class Place(Struct, frozen=True, order=True, array_like=True):
    """Where an effect or a word to another partition was decided: partition and offset of the inbox, and the how-manieth.

    A record that is decided again after a crash gives the same things at the same places; whoever takes them keeps the
    highest place of each partition, and leaves out what is not beyond it.
    """

    partition: int
    offset: int
    index: int

    def packed(self) -> bytes:
        """Return it as a header of a Kafka record holds it."""
        return _PLACE.pack(self.partition, self.offset, self.index)


PLACE_HEADER: Final = "winback-place"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def encode_record(record: Record) -> bytes:
    """Return a record of the inbox as bytes."""
    return _encode(record)


def decode_record(raw: bytes) -> Record:
    """Return what is in a record of the inbox.

    Raises:
        msgspec.DecodeError: nobody but our gateway and our office may write there, and this they did not.

    """
    return _decode(raw)


def entry_of(customer: str, signal: AnySignal, *, mark: bytes = b"", origin: str = "") -> Entry:
    """Return the entry that tells a customer a signal."""
    return Entry(customer, encode_signal(signal), mark, origin)


def entry_of_shop(number: int, signal: ShopSignal) -> Entry:
    """Return the entry that tells a partition what concerns the shop, under its number in the shop's own order."""
    return Entry(SHOP, encode_signal(signal), number.to_bytes(8, "big"))


def place_of(packed: bytes) -> Place:
    """Return the place that a header names.

    Raises:
        struct.error: it is none.

    """
    return Place(*_PLACE.unpack(packed))


@lru_cache(200_000)  # murmur2 in Python takes longer than a decision
def partition_of(customer: str, partitions: int) -> int:
    """Return the partition of a customer: murmur2 of the id, as Kafka's own clients in Java have it."""
    hashed: int = murmur2(customer.encode())
    return (hashed & 0x7FFFFFFF) % partitions


def in_records(at: Instant, entries: Iterable[Entry]) -> Iterable[Record]:
    """Yield records with these entries, none with too many of them."""
    held: list[Entry] = []
    size = 0
    for entry in entries:
        length = len(entry.signal) + len(entry.customer)
        if held and (len(held) == MOST_ENTRIES or size + length > MOST_BYTES):
            yield Record(at, tuple(held))
            held, size = [], 0
        held.append(entry)
        size += length
    if held:
        yield Record(at, tuple(held))
