"""What the public listener writes into the books: a "no", what is remembered of hooks' calls, and how far a shop was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from engine.books import hook_calls, ledger, objections, polls
from engine.books.connection import Connection
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.objections import No
from engine.core.whose import mail_key, order_key, unknown_at

T = TypeVar("T")


class Identities(Protocol):
    """Who is known under which key."""

    def find(self, key: str) -> str | None:
        """Return the customer known under a key."""
        ...

    def know(self, key: str, customer: str) -> None:
        """Let a key belong to a customer from now on."""
        ...


Change = Callable[[Connection, Identities, Instant], T]


class Write(Protocol):
    """Makes a change in a transaction; returns what it returns after the commit."""

    def __call__(self, change: Change[T]) -> Awaitable[T]:
        """Make it."""
        ...


class PublicBooks:
    """The books as the public listener writes them: by the engine's loop, or the gateway's own connection."""

    def __init__(self, write: Write, key: bytes) -> None:
        """`key` is the block list's."""
        self._write, self._key = write, key

    async def block(self, keys: Sequence[bytes]) -> None:
        """Put keys on the block list."""
        await self._write(lambda connection, _, now: ledger.block(connection, keys, now))

    async def unblock(self, keys: Sequence[bytes]) -> None:
        """Take keys off it."""
        await self._write(lambda connection, _, __: ledger.unblock(connection, keys))

    async def note(self, noes: Sequence[No]) -> None:
        """Put on it what was said no to otherwise than through a link."""
        await self._write(lambda connection, known, _: objections.note(connection, known.find, noes, self._key))

    async def whose(self, key: str) -> str:
        """Return the customer known under an identity key, or of a send that the ledger knows; empty for nobody."""
        kind, _, name = key.partition(":")

        def look(connection: Connection, known: Identities, _: Instant) -> str:
            return known.find(key) or (ledger.customer_of(connection, name) if kind == "message" else "")

        return await self._write(look)

    async def remember(self, hook: str, name: str, said: bytes) -> bool:
        """Say whether a call's name is new, or said the same before."""
        return await self._write(lambda connection, _, now: hook_calls.remember(connection, hook, name, said, now))

    async def polled_until(self, shop: str) -> Instant | None:
        """Return up to when a shop was asked for orders."""
        return await self._write(lambda connection, _, __: polls.polled_until(connection, shop))

    async def note_polled(self, shop: str, until: Instant) -> None:
        """Note up to when a shop was asked."""
        await self._write(lambda connection, _, __: polls.note_polled(connection, shop, until))

    async def note_orders(self, orders: Sequence[Event]) -> None:
        """Remember whose orders are, by their numbers."""

        def change(_: Connection, known: Identities, __: Instant) -> None:
            for event in orders:
                whose = event.customer or known.find(mail_key(event.email.strip().casefold())) or unknown_at(event)
                key = order_key(event.source, event.data.order_id)
                if whose and known.find(key) != whose:
                    known.know(key, whose)

        await self._write(change)

    async def whose_order(self, shop: str, order: str) -> str:
        """Return whose an order is, empty where nobody has told."""
        return await self._write(lambda _, known, __: known.find(order_key(shop, order))) or ""
