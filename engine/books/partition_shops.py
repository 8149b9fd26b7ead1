"""What each partition says of its own shop, and how far it has come, as it was told last."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.positions import QUERIES
from engine.core.moments import Instant
from engine.core.shop import Shop


class PartitionShop(Struct, frozen=True):
    """One partition. `reached` is the inbox offset it has come to, `at` the instant then.

    `shop` is its part of the shop's state as decided at the offset `decided_at`, after the shop's `word` of that number.
    """

    partition: int
    reached: int = -1
    at: Instant = 0
    decided_at: int = -1
    word: int = 0
    shop: Shop | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Shop | None).decode


def shops(connection: Connection) -> dict[int, PartitionShop]:
    """Return all partitions that were heard of."""
    rows = connection.execute(QUERIES["partition_shops"])
    found: dict[int, PartitionShop] = {}
    for partition, reached, at, decided_at, word, state in rows:
        found[partition] = PartitionShop(partition, reached, at, decided_at, word, _decode(state))
    return found


def save(connection: Connection, partition: PartitionShop) -> None:
    """Keep what is known of a partition."""
    row = (partition.partition, partition.reached, partition.at, partition.decided_at, partition.word)
    connection.execute(QUERIES["save_partition_shop"], (*row, _encode(partition.shop)))


def reached(connection: Connection) -> dict[int, Instant]:
    """Return up to which instant each partition that was heard of is in the books."""
    return dict(connection.execute(QUERIES["partitions_reached"]).fetchall())
