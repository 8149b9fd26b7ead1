"""Which sender mail leaves by: the local mailbox, or a mail server once the shop is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.mailbox import Mailbox
from connectors.smtp import SmtpSender, SmtpSettings
from engine.core.shop import Shop
from engine.ports import Clock, Message, Sender, Sent
from engine.wiring.secret import from_file
from engine.wiring.settings import Settings

MAILBOX = "mailbox"
"""The mailbox's folder within the data folder."""


class LiveOnly:
    """Hands messages to a mail server once the shop is live; before that they are a rehearsal, and go to the mailbox.

    While `go-live` still ends the runs begun before, nothing leaves: one of theirs may be in the outbox.
    """

    honours_key = False

    def __init__(self, live: Sender, rehearsal: Sender, shop: Callable[[], Shop]) -> None:
        """`shop` returns the shop's state as it is now."""
        self._live, self._rehearsal, self._shop = live, rehearsal, shop

    async def send(self, message: Message) -> Sent:
        """Hand the message over, if it may leave."""
        shop = self._shop()
        if not shop.gone_live:
            return await self._rehearsal.send(message)
        if shop.sweep is not None and shop.sweep.rehearsed:
            return Sent("later", "unreachable", diagnostic="go-live is ending what was begun before")
        return await self._live.send(message)

    async def find(self, effect_id: str, message_id: str) -> Sent | None:
        """Ask whoever takes messages now."""
        by = self._live if self._shop().gone_live else self._rehearsal
        return await by.find(effect_id, message_id)

    async def close(self) -> None:
        """End all connections."""
        await self._live.close()
        await self._rehearsal.close()


def sender_of(
    settings: Settings, environment: Mapping[str, str], clock: Clock, mailbox: Mailbox, shop: Callable[[], Shop]
) -> Sender:
    """Return the sender the settings name.

    Raises:
        SettingsError: the password's file cannot be read.

    """
    if settings.sender.kind == "mailbox":
        return mailbox
    return LiveOnly(mail_server_of(settings, environment, clock), mailbox, shop)


def mail_server_of(settings: Settings, environment: Mapping[str, str], clock: Clock) -> SmtpSender:
    """Return the mail server the settings name, whether the shop is live or not.

    Raises:
        SettingsError: the password's file cannot be read.

    """
    server = settings.smtp
    password = from_file(server.password_file, "WINBACK_SMTP_PASSWORD", environment)
    return SmtpSender(SmtpSettings(**server.model_dump(exclude={"password_file"}), password=password), clock)


def mailbox_of(data: Path, clock: Clock) -> Mailbox:
    """Open the local mailbox of a data folder.

    Raises:
        OSError: it cannot be read or written.

    """
    return Mailbox(data / MAILBOX, clock)
