"""One connection, and what matters most about it: whether the server had the whole message when it fell silent."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

from connectors.smtp.replies import Reply, reply
from engine.ports import Sent

BUSY: Final = "busy"
UNREACHABLE: Final = "unreachable"
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class GoneError(Exception):
    """The connection ended before the message was given: sending it again is safe."""


class Session:
    """A connection that is logged in. `messages` were sent over it; `opened_at` and `rested_at` are loop times."""

    def __init__(self, smtp: SMTP, command_timeout: float, final_timeout: float, now: float) -> None:
        self._smtp = smtp
        self._command_timeout = command_timeout
        self._final_timeout = final_timeout
        self._clean = True
        self.opened_at = self.rested_at = now
        self.messages = 1

    @property
    def usable(self) -> bool:
        """Whether another message may go over it."""
        return self._clean and self._smtp.is_connected

    @property
    def speaks_utf8(self) -> bool:
        """Whether the server takes addresses that are not ASCII (RFC 6531)."""
        return self._smtp.supports_extension("smtputf8")

    async def deliver(self, sender: str, recipient: str, content: bytes, *, utf8: bool = False) -> Sent:
        """Hand over one message, and say how it ended.

        Raises:
            GoneError: the connection broke before the message was given.

        """
        said = await self._ask(f"MAIL FROM:<{sender}>{' SMTPUTF8' * utf8}{self._for_reports(sender)}")
        if not 200 <= said.code < 300:  # about us, not about this recipient: all other messages would get it too
            self.drop()
            return Sent("later", UNREACHABLE, said.status, said.diagnostic)
        said = await self._ask(f"RCPT TO:<{recipient}>")
        if 200 <= said.code < 300:
            said = await self._ask("DATA")
            if said.code == 354:
                return await self._give(content)
        await self._reset()
        return ending(said)

    def _for_reports(self, sender: str) -> str:
        """Ask a server that makes reports (RFC 3461) to name the mail in them, and to return its headers alone."""
        token = sender.rpartition("@")[0].partition("+")[2]
        if not token.isalnum() or not token.isascii() or not self._smtp.supports_extension("dsn"):
            return ""
        return f" RET=HDRS ENVID={token}"

    async def answers(self, within: float) -> bool:
        """Say whether the other side is still there."""
        with suppress(SMTPException, OSError):
            return (await self._smtp.noop(timeout=within)).code == 250
        return False

    async def quit(self) -> None:
        """Say goodbye, shortly, and close."""
        if self.usable:
            with suppress(SMTPException, OSError):
                await self._smtp.quit(timeout=1.0)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._clean = False
        if self._smtp.transport is not None and isinstance(self._smtp.transport, asyncio.WriteTransport):
            self._smtp.transport.abort()  # close() would still send what lies in the buffer
        self._smtp.close()

    async def _ask(self, command: str) -> Reply:
        try:
            response = await self._smtp.execute_command(command.encode(), timeout=self._command_timeout)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            self.drop()
            raise GoneError(str(error)) from error
        except SMTPResponseException as error:  # an answer that is no SMTP
            self.drop()
            raise GoneError(error.message) from error
        if response.code == 421:
            self._clean = False
        return reply(response.code, response.message)

    async def _give(self, content: bytes) -> Sent:
        """Give the message and its final dot, then wait for the answer.

        The library's own DATA hides whether the message had been given when it failed; so its parts are used here.
        """
        protocol, transport = self._smtp.protocol, self._smtp.transport
        if protocol is None:
            raise GoneError("the server closed the connection after DATA")
        try:
            protocol.write(_LEADING_DOT.sub(b"..", content) + b".\r\n")
        except SMTPServerDisconnected as error:
            raise GoneError(str(error)) from error
        try:
            response = await protocol.read_response(timeout=self._final_timeout)
        except SMTPTimeoutError as error:
            unsent = transport.get_write_buffer_size() if isinstance(transport, asyncio.WriteTransport) else 0
            self.drop()
            if unsent:  # the dot is the last byte, so it has not left
                raise GoneError("the server stopped reading in the middle of the message") from error
            return Sent("unknown", diagnostic="the server had the message and did not answer in time")
        except (SMTPServerDisconnected, OSError) as error:
            self.drop()
            return Sent("unknown", diagnostic=f"the connection broke after the message was given: {error}")
        except SMTPResponseException as error:
            self.drop()
            return Sent("unknown", diagnostic=f"an answer that is no SMTP after the message was given: {error.message}")
        said = reply(response.code, response.message)
        if said.code == 421:
            self._clean = False
        return ending(said)

    async def _reset(self) -> None:
        """Take back an envelope the server has said no to, so that the next one starts afresh."""
        if self.usable:
            with suppress(GoneError):
                said = await self._ask("RSET")
                self._clean = self._clean and said.code == 250


def ending(said: Reply) -> Sent:
    """Return what an answer to RCPT, DATA or the final dot means for the message."""
    if 200 <= said.code < 300:
        return Sent("done", status=said.status, diagnostic=said.diagnostic)
    if said.permanent:
        return Sent("refused", said.kind, said.status, said.diagnostic)
    if 400 <= said.code < 500:
        kind = BUSY if said.code == 421 else said.kind
        return Sent("later", kind, said.status, said.diagnostic, turned_away=said.speaks_of_us)
    return Sent("unknown", diagnostic=said.diagnostic)
