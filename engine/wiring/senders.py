"""Which sender mail leaves by: the local mailbox, or a mail server or service once the shop is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.mail_services import MailService
from connectors.mailbox import Mailbox
from connectors.smtp import BadKeyError, DkimSigner, SmtpSender, SmtpSettings
from engine.core.shop import Shop
from engine.ports import Clock, Message, Sender, Sent
from engine.wiring.mail_services import mail_service_of
from engine.wiring.secret import from_file
from engine.wiring.settings import Settings, SettingsError

MAILBOX = "mailbox"
"""The mailbox's folder within the data folder."""


class LiveOnly:
    """Hands messages to the world once the shop is live; before that they are a rehearsal, and go to the mailbox.

    While `go-live` still ends the runs begun before, nothing leaves: one of theirs may be in the outbox.
    """

    def __init__(self, live: Sender, rehearsal: Sender, shop: Callable[[], Shop]) -> None:
        """`shop` returns the shop's state as it is now."""
        self._live, self._rehearsal, self._shop = live, rehearsal, shop
        self.honours_key = live.honours_key and rehearsal.honours_key

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
    return LiveOnly(outside_of(settings, environment, clock), mailbox, shop)


def outside_of(settings: Settings, environment: Mapping[str, str], clock: Clock) -> SmtpSender | MailService:
    """Return the mail server or service the settings name, whether the shop is live or not.

    Raises:
        SettingsError: its password, key, or key to sign with is missing or cannot be used.

    """
    if settings.sender.kind == "http":
        return mail_service_of(settings, environment, clock)
    return mail_server_of(settings, environment, clock)


def mail_server_of(settings: Settings, environment: Mapping[str, str], clock: Clock) -> SmtpSender:
    """Return the mail server the settings name, whether the shop is live or not.

    Raises:
        SettingsError: the password's file cannot be read, or the key to sign with cannot be used.

    """
    server = settings.smtp
    password = from_file(server.password_file, "WINBACK_SMTP_PASSWORD", environment)
    said = SmtpSettings(**server.model_dump(exclude={"password_file"}), password=password)
    return SmtpSender(said, clock, signer_of(settings, environment))


def signer_of(settings: Settings, environment: Mapping[str, str]) -> DkimSigner | None:
    """Return what signs mail, None where the mail server does.

    Raises:
        SettingsError: the key is missing, cannot be read, or is none.

    """
    said = settings.dkim
    if not said.is_set:
        return None
    key = from_file(said.key_file, "WINBACK_DKIM_KEY", environment)
    if not key:
        raise SettingsError("dkim.key_file: name the file of the private key, or set WINBACK_DKIM_KEY")
    try:
        return DkimSigner(said.selector, said.domain.encode("idna").decode(), key.encode())
    except (BadKeyError, UnicodeError) as error:
        raise SettingsError(f"dkim, with {said.key_file or 'WINBACK_DKIM_KEY'}: {error}") from None


def mailbox_of(data: Path, clock: Clock) -> Mailbox:
    """Open the local mailbox of a data folder.

    Raises:
        OSError: it cannot be read or written.

    """
    return Mailbox(data / MAILBOX, clock)
