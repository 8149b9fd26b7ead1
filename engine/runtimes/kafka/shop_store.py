"""The books as projector and office write them: one transaction at a time, words to the partitions beside the shop's state.

What a store of the embedded engine puts into its journal is told here: what concerns the shop to every partition, what
concerns a customer to theirs. Sends are left out of the outbox, which the sender fills from `winback.sends`.
"""

from __future__ import annotations

from hashlib import blake2b

from engine.books import shop_words
from engine.books.connection import Connection
from engine.books.journal import encode_signal
from engine.books.shop_words import ShopWord
from engine.books.store import SqlStore
from engine.core.moments import Day, Instant
from engine.core.shop import Shop
from engine.core.signals import AnySignal
from engine.runtimes.kafka.wire import SHOP, partition_of


class ShopStore(SqlStore):
    """The store port over the distributed books. `as_of` is the instant up to which all partitions are in them."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        super().__init__(connection, fills_outbox=False)
        self.partitions = partitions
        self.as_of: Instant = 0
        self._words: list[ShopWord] = []
        self._kept = Shop()

    def begin(self) -> None:
        """Open the transaction, and let nobody else change the shop's state before its end."""
        super().begin()
        self.as_of = shop_words.lock(self.connection)
        kept = self.load_shop()
        self._kept = kept[1] if kept else Shop()
        self._words = []

    @property
    def kept(self) -> Shop:
        """The shop's state as this transaction found it."""
        return self._kept

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Tell what concerns the shop to every partition, and what concerns a customer to theirs."""
        if customer_id == SHOP:
            self.tell_partition(None, signal, now)
        else:
            raw = encode_signal(signal)
            mark = blake2b(raw + now.to_bytes(8, "big"), digest_size=8).digest()
            self.tell_customer(customer_id, raw, now, mark=mark)

    def tell_partition(self, partition: int | None, signal: AnySignal, now: Instant) -> None:
        """Tell one partition what concerns the shop as far as it is there, or all of them (None)."""
        self._words.append(ShopWord(now, encode_signal(signal), partition))

    def tell_customer(
        self, customer_id: str, signal: bytes, now: Instant, *, mark: bytes = b"", origin: str = ""
    ) -> None:
        """Tell a customer an encoded signal. Without a mark it is an event, which is known again by its own id."""
        partition = partition_of(customer_id, self.partitions)
        self._words.append(ShopWord(now, signal, partition, customer_id, mark, origin))

    def commit(self, accepted: Instant, day: Day | None = None) -> None:
        """Write everything and make it durable, the words told included."""
        shop_words.add(self.connection, self._words)
        self._words = []
        super().commit(accepted, day)

    def rollback(self) -> None:
        """Forget the transaction."""
        super().rollback()
        self._words = []
