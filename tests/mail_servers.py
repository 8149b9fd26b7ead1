"""Mail servers for tests: a real one (aiosmtpd) in the test's own event loop, and one that follows a script."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mails:
    """A handler that keeps what it was given. `answer` may say something else than yes to a recipient or a message."""

    at_recipient: Callable[[str], str | None] = lambda _: None
    at_message: Callable[[Envelope], str | None] = lambda _: None
    taken: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer RCPT."""
        said = self.at_recipient(address)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Answer the final dot."""
        said = self.at_message(envelope)
        if said is None:
            self.taken.append(envelope)
        return said or "250 OK"

    def mails(self) -> list[EmailMessage]:
        """Return the messages taken, parsed."""
        parsed = []
        for envelope in self.taken:
            assert isinstance(envelope.content, bytes)
            parsed.append(message_from_bytes(envelope.content, policy=policy.default))
        return parsed


@dataclass
class Running:
    """A server that runs: where, and how often somebody connected."""

    port: int
    connections: int = 0


@asynccontextmanager
async def mail_server(mails: Mails, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Running]:
    """Run a real SMTP server on loopback. `tls` is for implicit TLS; `options` are aiosmtpd's."""
    running = Running(0)

    def protocol() -> SMTP:
        running.connections += 1
        return SMTP(mails, loop=asyncio.get_running_loop(), hostname="mail.test", **options)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def scripted_server(script: Script) -> AsyncIterator[Running]:
    """Run a server that does with each connection what the script says."""
    running = Running(0)
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        running.connections += 1
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def say(writer: asyncio.StreamWriter, line: str) -> None:
    """Send one line."""
    writer.write(line.encode() + b"\r\n")
    await writer.drain()


async def up_to_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, until: str = "DATA") -> None:
    """Be polite until a command has come; it is not answered."""
    await say(writer, "220 mail.test")
    while True:
        command = (await reader.readuntil(b"\r\n")).decode().upper()
        if command.startswith(until):
            return
        await say(writer, "250 OK")
