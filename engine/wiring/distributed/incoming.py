"""Mail that comes in to the distributed engine: by every gateway's listener; one gateway alone looks into mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

from prometheus_client import CollectorRegistry

from engine.books import locks
from engine.books.connection import Connection
from engine.books.database import Where
from engine.books.postgres import PostgresConnection, Server
from engine.books.views import Views
from engine.books.writer import Writer
from engine.core.shop import Shop
from engine.listeners import Intake
from engine.listeners.intake import Submit
from engine.ports import Clock, Message, Sender, Sent
from engine.rendering.brand import Brand
from engine.wiring.composing import desk
from engine.wiring.incoming.opening import take_mail_in
from engine.wiring.public_books import PublicBooks
from engine.wiring.secret import Secrets
from engine.wiring.senders import mailbox_of, sender_of
from engine.wiring.settings import Settings

LOCK: Final = "incoming"
"""Held by the one gateway that looks into mailboxes and folders."""


async def mail_by_the_gateway(
    settings: Settings,
    environment: Mapping[str, str],
    secrets: Secrets,
    intake: Intake,
    submit: Submit,
    books: PublicBooks,
    clock: Clock,
    brand: Callable[[], Brand],
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> None:
    """Open the ways in that the settings name; the stack closes them.

    Raises:
        SettingsError: a password cannot be read.
        OSError: the listener's address is taken, or the mailbox cannot be written.

    """
    where = settings.books
    if not settings.incoming.takes_mail or not isinstance(where, Server):
        return
    sender = _AsTheShopIs(settings, environment, clock, where)
    stack.push_async_callback(sender.close)
    lock = Writer(where, LOCK)
    stack.push_async_callback(lock.close)

    async def may_look() -> bool:
        return await lock.write(_take)

    await take_mail_in(
        settings,
        environment,
        secrets,
        intake,
        submit,
        books,
        clock,
        sender,
        lambda: desk(settings, brand()),
        registry,
        stack,
        may_look=may_look,
    )


def _take(connection: Connection) -> bool:
    assert isinstance(connection, PostgresConnection), "a writer of the distributed engine's books"
    return locks.take(connection, LOCK)


class _AsTheShopIs:
    """Hands mails for people over as the sender does: to the local mailbox until the shop is live, as the books say."""

    honours_key = False

    def __init__(self, settings: Settings, environment: Mapping[str, str], clock: Clock, where: Where) -> None:
        self._where, self._shop = where, Shop()
        mailbox = mailbox_of(settings.data, clock)
        self._sender: Sender = sender_of(settings, environment, clock, mailbox, lambda: self._shop)

    async def send(self, message: Message) -> Sent:
        """Hand the message over."""
        self._shop = await asyncio.to_thread(self._as_kept)
        return await self._sender.send(message)

    async def find(self, effect_id: str, message_id: str) -> Sent | None:
        """Ask whoever took it."""
        return await self._sender.find(effect_id, message_id)

    async def close(self) -> None:
        """End all connections."""
        await self._sender.close()

    def _as_kept(self) -> Shop:
        with Views(self._where) as views:
            return views.shop()[1]
