"""Mail that comes in, opened over an engine: the embedded one, or the gateway of the distributed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from engine.listeners import Intake, Objections
from engine.listeners.intake import Submit
from engine.ports import Clock, Sender
from engine.rendering.envelope import Desk
from engine.wiring.incoming.handing_over import HandingOver
from engine.wiring.incoming.running import Counted, MayLook, WaysIn, own_addresses
from engine.wiring.incoming.taking import IncomingMail
from engine.wiring.public_books import PublicBooks
from engine.wiring.secret import Secrets
from engine.wiring.settings import Settings


async def take_mail_in(
    settings: Settings,
    environment: Mapping[str, str],
    secrets: Secrets,
    intake: Intake,
    submit: Submit,
    books: PublicBooks,
    clock: Clock,
    sender: Sender,
    desk: Callable[[], Desk],
    registry: CollectorRegistry,
    stack: AsyncExitStack,
    *,
    may_look: MayLook | None = None,
) -> WaysIn | None:
    """Open the ways in that the settings name; the stack closes them. None where they name none.

    `may_look` is asked before each look at a mailbox or folder, where another process may be at it.

    Raises:
        SettingsError: a password cannot be read.
        OSError: the listener's address is taken or may not be used.

    """
    said = settings.incoming
    if not said.takes_mail:
        return None
    teams = (each.mail for each in settings.teams.values())
    mail = IncomingMail(
        secrets,
        intake,
        Objections(books.note, clock),
        submit,
        books.whose,
        HandingOver(said.replies_to, sender, desk, settings.console_begins_with, settings.sender.only_to),
        clock,
        own=own_addresses(said, settings.sender.address or "", settings.sender.reply_to, *teams),
        counted=Counted(registry),
    )
    ways = WaysIn(settings, environment, mail.take, may_look)
    await ways.open(stack)
    return ways
