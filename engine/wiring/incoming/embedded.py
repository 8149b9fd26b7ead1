"""Mail that comes in to the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from engine.books import ledger, objections
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.objections import No
from engine.listeners import Intake, Objections
from engine.listeners.intake import ReadEvent
from engine.ports import Sender
from engine.rendering.envelope import Desk
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop
from engine.wiring.assembling import let_go
from engine.wiring.incoming.handing_over import HandingOver
from engine.wiring.incoming.running import Counted, WaysIn, own_addresses
from engine.wiring.incoming.taking import IncomingMail
from engine.wiring.secret import Secrets
from engine.wiring.settings import Settings


async def take_mail_in(
    settings: Settings,
    environment: Mapping[str, str],
    secrets: Secrets,
    engine: Engine,
    loop: Loop,
    read: ReadEvent,
    sender: Sender,
    desk: Callable[[], Desk],
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> WaysIn | None:
    """Open the ways in that the settings name; the stack closes them. None where they name none.

    Raises:
        SettingsError: a password cannot be read.
        OSError: the listener's address is taken or may not be used.

    """
    said = settings.incoming
    if not said.takes_mail:
        return None

    async def find(key: str) -> str:
        return await loop.ask(lambda store, _: found_in(store, key))

    async def note(noes: Sequence[No]) -> None:
        def change(store: SqlStore, _: Instant) -> None:
            objections.note(store.connection, store.find, noes, secrets.blocks)

        await loop.ask(change)

    people = HandingOver(said.replies_to, sender, desk, settings.console_begins_with, settings.sender.only_to)
    mail = IncomingMail(
        secrets,
        Intake(read, loop.submit, engine),
        Objections(note, engine),
        loop.submit,
        find,
        people,
        engine,
        own=own_addresses(said, desk().address, *(each.mail for each in settings.teams.values())),
        counted=Counted(registry),
    )
    ways = WaysIn(settings, environment, mail.take)
    for looking in await ways.open(stack):
        stack.push_async_callback(let_go, looking)
    return ways


def found_in(store: SqlStore, key: str) -> str:
    """Return the customer known under an identity key, or of a send that the ledger knows; empty for nobody."""
    kind, _, name = key.partition(":")
    return store.find(key) or (ledger.customer_of(store.connection, name) if kind == "message" else "")
