"""The table's values and its changelog: what is kept of a customer, under which key, and what a restore makes of it.

A value begins with when the customer is due and with the offset of the inbox it was decided at, so that neither a heap of
due times nor a restore need decode any. Then come the places it has in lines and workflows, and the record.

A partition's changelog has the keys of every process that ever had the partition: each draws a generation of its own
when it takes it over. For each customer the value of the highest offset counts, whoever wrote it. All that changed since
the flush before stands in one batch, with the partition's own state. So the highest values of all are those of one moment,
and a stopped process whose last batch arrives late does no harm: it holds what the one after it decides, too, or less.

That asks two things of deletions. The key of an earlier generation may go only with a flush beyond everything its process
can have decided (`Takeover.safe_from`), or its late batch would lose the one customer and keep the others. And whoever
deletes it must have written that customer anew: so of all who wrote one, the value of whoever took over last always stays,
even where two stopped processes delete what each found of the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from engine.core.customer import Customer
from engine.core.erasing import is_empty
from engine.core.moments import Instant
from engine.core.shop import Shop

GENERATION_BYTES: Final = 8

SHOP_KEY: Final = b"\xffshop"
"""The shop's state as far as it is in this partition. No id of a customer begins like that: it is UTF-8."""

_OWN: Final = b"\xff"
"""How the keys of the partition's own state begin."""

PLACE_KEY: Final = b"\xffplace"
"""Where the partition has come to, in its inbox and in time."""

GONE: Final = b""
"""What stands for a customer's value in a batch that deletes it; no value is as short."""

_HEAD = struct.Struct(">qq")


class Indexed(Struct, frozen=True, array_like=True, gc=False):
    """What stands before the record of a customer, for an index that is built without decoding records.

    `stages` are workflow and stage of each run. All of it is in the record, too.
    """

    waiting: tuple[str, ...]
    last_reaction: Instant
    stages: tuple[tuple[str, str], ...]


class Kept(Indexed, frozen=True, array_like=True, gc=False):
    """What is kept of a customer. `refs` are the last references seen, eight bytes each."""

    refs: bytes
    record: Customer


class Reached(Struct, frozen=True, array_like=True):
    """Where a partition has come to: the instant of its last record, the number of the shop's last word to it.

    And what the pace of its overdue timers had left, and when.
    """

    accepted: Instant = 0
    word: int = 0
    tokens: float | None = None
    paced_at: Instant = 0


class Head(NamedTuple):
    """How a value begins: when the customer is due (None: never), and the offset it was decided at."""

    next_due: Instant | None
    offset: int


_encode = msgspec.msgpack.Encoder().encode
_indexed = msgspec.msgpack.Decoder(Indexed)
_kept = msgspec.msgpack.Decoder(Kept)
_reached = msgspec.msgpack.Decoder(Reached)
_shop = msgspec.msgpack.Decoder(Shop)


def pack(next_due: Instant | None, offset: int, body: bytes) -> bytes:
    """Return a value of the table."""
    return _HEAD.pack(next_due or 0, offset) + body


def head_of(value: bytes) -> Head:
    """Return how a value begins.

    Raises:
        struct.error: it is too short for a value of ours.

    """
    due, offset = _HEAD.unpack_from(value)
    return Head(due or None, offset)


def body_of(value: bytes) -> memoryview:
    """Return what follows the head."""
    return memoryview(value)[_HEAD.size :]


def encode_body(what: Kept | Reached | Shop) -> bytes:
    """Return what is kept of a customer, of the shop, or of the way through the inbox as the body of a value."""
    return _encode(what)


def indexed_in(value: bytes) -> Indexed:
    """Return what a customer's value holds before the record.

    Raises:
        msgspec.DecodeError: it is none.

    """
    return _indexed.decode(body_of(value))


def kept_in(value: bytes) -> Kept:
    """Return what a customer's value holds.

    Raises:
        msgspec.DecodeError: it is none.

    """
    return _kept.decode(body_of(value))


def shop_in(value: bytes) -> Shop:
    """Return what the value under `SHOP_KEY` holds.

    Raises:
        msgspec.DecodeError: it is none.

    """
    return _shop.decode(body_of(value))


def reached_in(value: bytes) -> Reached:
    """Return what the value under `PLACE_KEY` holds.

    Raises:
        msgspec.DecodeError: it is none.

    """
    return _reached.decode(body_of(value))


# The changelog ---------------------------------------------------------------------------------------------------------


def changelog_key(generation: int, key: bytes) -> bytes:
    """Return the key in the changelog of what a generation writes about a customer, or of the partition's own state."""
    return generation.to_bytes(GENERATION_BYTES, "big") + key


def split_key(key: bytes) -> tuple[int, bytes]:
    """Return the generation and the customer's key.

    Raises:
        ValueError: it is none of ours.

    """
    if len(key) <= GENERATION_BYTES:
        raise ValueError("a key of the changelog begins with a generation of eight bytes and goes on with a customer")
    return int.from_bytes(key[:GENERATION_BYTES], "big"), key[GENERATION_BYTES:]


class Restored:
    """A partition's table, as its changelog says: feed it with every entry, in order.

    Deletions are not heeded: whatever one deletes is beaten by what its process wrote before, or the same. But for one of
    what an erasure has left: that is not there any more.
    """

    def __init__(self, values: MutableMapping[bytes, bytes] | None = None) -> None:
        """Restore into `values`, which may also lie on a disk; in memory where none are given."""
        self.values: MutableMapping[bytes, bytes] = {} if values is None else values
        self.generations: dict[bytes, int] = {}
        """Who wrote each value."""
        self.beaten: set[bytes] = set()
        """Keys of the changelog that are there and do not count."""

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take an entry of the changelog; None is a deletion.

        Raises:
            ValueError: it is none of ours.
            struct.error: nor is this.

        """
        generation, customer = split_key(key)
        mine = self.generations.get(customer)
        if value is None:
            self.beaten.discard(key)
            if mine == generation and is_left(customer, self.values[customer]):
                del self.values[customer], self.generations[customer]
        elif mine is None or mine == generation or counts(value, self.values[customer]):
            if mine is not None and mine != generation:
                self.beaten.add(changelog_key(mine, customer))
                self.beaten.discard(key)
            self.values[customer], self.generations[customer] = value, generation
        else:
            self.beaten.add(key)

    def takeover(self, generation: int, safe_from: int) -> Takeover:
        """Return what a new generation writes after this. `safe_from` is the end of the inbox, read after taking over."""
        return Takeover(generation, safe_from, self.generations, self.beaten)


def is_left(key: bytes, value: bytes) -> bool:
    """Say whether a value is what an erasure or a merge has left of a customer's record."""
    if value == GONE or key.startswith(_OWN):
        return False
    try:
        return is_empty(kept_in(value).record)
    except msgspec.DecodeError:  # of a version that no longer is: whoever reads it says so
        return False


def counts(value: bytes, than: bytes) -> bool:
    """Say whether a value counts rather than one of another generation: it was decided further on, or as far."""
    return head_of(value).offset >= head_of(than).offset


class Generations(Protocol):
    """Under which generation each value was found."""

    def pop(self, key: bytes, default: None, /) -> int | None:
        """Return the generation, and forget it: the value was written anew."""
        ...


class Takeover:
    """What one generation writes into the changelog: its values, and the deletions of those it has taken the place of."""

    def __init__(
        self,
        generation: int,
        safe_from: int,
        earlier: Generations | None = None,
        beaten: Iterable[bytes] = (),
    ) -> None:
        """Write under this generation.

        Args:
            generation: drawn for this taking-over of the partition.
            safe_from: no earlier process of the partition has decided a record of this offset or beyond.
            earlier: under which generation each value was found.
            beaten: keys that were found besides, and did not count.

        """
        self.generation = generation
        self.safe_from = safe_from
        self._earlier: Generations = dict[bytes, int]() if earlier is None else earlier
        self._beaten: dict[bytes, list[bytes]] = {}
        for key in beaten:
            self._beaten.setdefault(split_key(key)[1], []).append(key)
        self._to_delete: list[bytes] = []

    def entries(self, dirty: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes | None]]:
        """Return the entries of one flush, for one batch of the changelog: values first, then deletions."""
        written: list[tuple[bytes, bytes | None]] = []
        for key, value in dirty.items():
            mine = changelog_key(self.generation, key)
            if value == GONE:
                self._to_delete.append(mine)
            else:
                written.append((mine, value))
                if mine in self._to_delete:  # back, before it was safe to delete what was left
                    self._to_delete.remove(mine)
            self._to_delete += self._beaten.pop(key, ())
            earlier = self._earlier.pop(key, None)
            if earlier is not None and earlier != self.generation:
                self._to_delete.append(changelog_key(earlier, key))
        if self._to_delete and self._is_safe(dirty):
            written += ((key, None) for key in self._to_delete)
            self._to_delete = []
        return written

    def _is_safe(self, dirty: Mapping[bytes, bytes]) -> bool:
        place = dirty.get(PLACE_KEY)
        return place is not None and head_of(place).offset + 1 >= self.safe_from


def customers_in(items: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the customers among a table's items, with their values."""
    for key, value in items:
        if not key.startswith(_OWN):
            yield key.decode(), value
