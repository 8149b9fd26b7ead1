"""The sender that speaks SMTP."""

from __future__ import annotations

from collections.abc import Callable

from connectors.smtp.pool import Pool, SmtpSettings, UnreachableError
from connectors.smtp.replies import kind_of
from connectors.smtp.session import UNREACHABLE, GoneError
from engine.core.moments import Instant
from engine.ports import Clock, Message, Sent
from engine.rendering.mime import BadMessageError, as_bytes, mailbox, needs_utf8

__all__ = ["SmtpSender", "SmtpSettings"]

Sign = Callable[[bytes, Instant], bytes]
"""Returns a message with a signature in front, dated by the instant."""


class SmtpSender:
    """Hands messages to a mail server over pooled connections.

    SMTP has no idempotency key: a server that takes the same Message-ID twice delivers it twice. So a call of unknown
    end stays unknown.
    """

    honours_key = False

    def __init__(self, settings: SmtpSettings, clock: Clock, sign: Sign | None = None) -> None:
        """`sign` puts a signature in front of each message, where the mail server does not."""
        self._pool = Pool(settings)
        self._clock = clock
        self._sign = sign

    async def send(self, message: Message) -> Sent:
        """Hand the message over and say how it ended. `later` with kind `unreachable` concerns all messages."""
        reports_to = message.envelope_sender or message.sender_address
        try:
            utf8 = needs_utf8(message)
            content = self._written(message)
            sender, recipient = mailbox(reports_to).address, mailbox(message.recipient).address
        except BadMessageError as bad:
            return Sent("refused", kind_of(550, bad.status, ""), bad.status, str(bad))
        try:
            return await self._deliver(sender, recipient, content, utf8=utf8)
        except UnreachableError as error:
            return Sent("later", UNREACHABLE, diagnostic=str(error))
        except GoneError as error:
            return Sent("later", "soft", diagnostic=str(error))

    async def find(self, effect_id: str, message_id: str) -> Sent | None:  # noqa: ARG002 - as the port has it
        """Return None: a mail server cannot be asked what it took."""
        return None

    async def trouble(self) -> str:
        """Connect, encrypt and log in as a send does; say why that fails, empty when it does not."""
        try:
            async with self._pool.session(fresh=True):
                return ""
        except UnreachableError as error:
            return str(error)

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    def _written(self, message: Message) -> bytes:
        now = self._clock.now()
        content = as_bytes(message, now)
        return content if self._sign is None else self._sign(content, now)

    async def _deliver(self, sender: str, recipient: str, content: bytes, *, utf8: bool) -> Sent:
        """Try over a kept connection; one that had gone meanwhile is replaced once, which costs no attempt."""
        for fresh in (False, True):
            async with self._pool.session(fresh=fresh) as session:
                if utf8 and not session.speaks_utf8:
                    why = "the mail server takes no addresses beyond ASCII (SMTPUTF8)"
                    return Sent("refused", "soft", "5.6.7", why)
                try:
                    return await session.deliver(sender, recipient, content, utf8=utf8)
                except GoneError:
                    if fresh or session.messages == 1:
                        raise
        raise AssertionError("a fresh session either delivers or raises")
