"""What the public listener writes into the books: a "no", what is remembered of hooks' calls, and how far a shop was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from engine.books import hook_calls, ledger, objections, polls
from engine.books.connection import Connection
from engine.books.objections import Find
from engine.core.moments import Instant
from engine.core.objections import No

T = TypeVar("T")
Change = Callable[[Connection, Find, Instant], T]


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
        await self._write(lambda connection, find, _: objections.note(connection, find, noes, self._key))

    async def remember(self, hook: str, name: str, said: bytes) -> bool:
        """Say whether a call's name is new, or said the same before."""
        return await self._write(lambda connection, _, now: hook_calls.remember(connection, hook, name, said, now))

    async def polled_until(self, shop: str) -> Instant | None:
        """Return up to when a shop was asked for orders."""
        return await self._write(lambda connection, _, __: polls.polled_until(connection, shop))

    async def note_polled(self, shop: str, until: Instant) -> None:
        """Note up to when a shop was asked."""
        await self._write(lambda connection, _, __: polls.note_polled(connection, shop, until))
