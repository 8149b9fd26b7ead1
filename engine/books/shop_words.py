"""The shop's words: what partitions are to be told, numbered, kept in the transaction of what they come with.

Whoever adds words holds the lock on the shop's state (`lock`), so that their numbers are in the order of commits, and who
publishes them in that order leaves none out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.positions import QUERIES
from engine.core.moments import Instant

FORGOTTEN: Final = b"erasure."
"""The mark of a word that lets go of what is left of somebody."""


class ShopWord(Struct, frozen=True):
    """One word: for a customer, or (`customer` empty) for the shop as far as it is in a partition; None means all.

    `signal` is encoded as in the journal; `mark` and `origin` are those of an entry of the inbox.
    """

    at: Instant
    signal: bytes
    partition: int | None = None
    customer: str = ""
    mark: bytes = b""
    origin: str = ""
    number: int = 0


def lock(connection: Connection) -> Instant:
    """Let nobody else change the shop's state until the transaction under way ends; wait until nobody does.

    Return the instant up to which all partitions are in the books.
    """
    return int(connection.execute(QUERIES["lock_office"]).fetchone()[0])


def note_as_of(connection: Connection, instant: Instant) -> None:
    """Note the instant up to which all partitions are in the books; it never goes back."""
    connection.execute(QUERIES["save_as_of"], (instant, instant))


def add(connection: Connection, words: Sequence[ShopWord]) -> None:
    """Append words under the next numbers."""
    if not words:
        return
    last = connection.execute(QUERIES["draw_words"], (len(words),)).fetchone()[0]
    first = last - len(words) + 1
    rows = [
        (number, word.at, word.partition, word.customer, word.signal, word.mark, word.origin)
        for number, word in enumerate(words, first)
    ]
    connection.executemany(QUERIES["add_word"], rows)


def to_publish(connection: Connection, limit: int) -> list[ShopWord]:
    """Return the next words that nobody was told of, in their order."""
    rows = connection.execute(QUERIES["words_to_publish"], (limit,))
    return [
        ShopWord(at, signal, partition, customer, mark, origin, number)
        for number, at, partition, customer, signal, mark, origin in rows
    ]


def are_published(connection: Connection, number: int) -> None:
    """Note that all words up to a number are in the inbox."""
    connection.execute(QUERIES["words_are_published"], (number, number))


def go_on_after(connection: Connection, number: int) -> None:
    """Give no word a number up to one that a partition has had: books that were restored from a backup know fewer."""
    connection.execute(QUERIES["go_on_after"], (number, number))


def drop(connection: Connection, numbers: Sequence[int]) -> None:
    """Delete words that were published."""
    connection.executemany(QUERIES["drop_word"], [(number,) for number in numbers])


def forget(connection: Connection, before: Instant) -> None:
    """Forget what customers were told, and what partitions were told before an instant; all of it is in the inbox."""
    connection.execute(QUERIES["forget_words"], (before,))
