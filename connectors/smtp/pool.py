"""Connections to one SMTP server: opened, encrypted, logged in, kept for the next message, and given up when old."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from msgspec import Struct

from connectors.smtp.session import Session


class SmtpSettings(Struct, frozen=True, kw_only=True):
    """How to reach the mail server. Times are in seconds.

    `tls` is `starttls` (required, not merely tried), `tls` (from the first byte) or `none`. `certificate_file` is a PEM
    of authorities to trust instead of the system's. A connection is given up after `messages_per_connection` messages or
    `connection_age`, and asked with NOOP before use when it lay idle for `idle_check`. `final_timeout` is how long the
    server may take over a message it was given whole: RFC 5321 asks for ten minutes, since giving up too early makes a
    delivered message `uncertain`.
    """

    host: str = "127.0.0.1"
    port: int = 25
    tls: str = "starttls"
    username: str = ""
    password: str = ""
    certificate_file: str = ""
    hello: str = ""
    connections: int = 4
    connect_timeout: float = 15.0
    command_timeout: float = 60.0
    final_timeout: float = 600.0
    messages_per_connection: int = 100
    connection_age: float = 300.0
    idle_check: float = 20.0

    def __post_init__(self) -> None:
        if self.tls not in ("starttls", "tls", "none"):
            raise ValueError(f"smtp.tls is {self.tls!r}: write starttls, tls or none")
        if self.connections < 1:
            raise ValueError("smtp.connections must be at least 1")


class UnreachableError(Exception):
    """No connection can be had now: it refuses, times out, does not offer TLS, or does not take the login."""


class Pool:
    """At most `connections` sessions at a time; whoever needs one more waits."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.connections)
        self._idle: list[Session] = []
        self._tls: ssl.SSLContext | None = None
        self._hello = settings.hello

    @asynccontextmanager
    async def session(self, *, fresh: bool = False) -> AsyncIterator[Session]:
        """Lend a session; it is kept afterwards if it is still sound.

        Args:
            fresh: open a new one, since a kept one has just turned out to be gone.

        Raises:
            UnreachableError: no connection can be had.

        """
        async with self._free:
            session = (None if fresh else await self._kept()) or await self._opened()
            try:
                yield session
            except BaseException:
                session.drop()  # nobody knows what the server waits for now
                raise
            if session.usable and not self._worn(session):
                session.rested_at = _now()
                self._idle.append(session)
            else:
                await session.quit()

    async def close(self) -> None:
        """End the idle connections politely. Those lent end when they come back."""
        idle, self._idle = self._idle, []
        for session in idle:
            await session.quit()

    async def _kept(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            rested = _now() - session.rested_at
            if not session.usable:
                session.drop()
            elif self._worn(session):
                await session.quit()
            elif rested < self._settings.idle_check or await session.answers(self._settings.connect_timeout):
                session.messages += 1
                return session
        return None

    def _worn(self, session: Session) -> bool:
        old = _now() - session.opened_at >= self._settings.connection_age
        return old or session.messages >= self._settings.messages_per_connection

    async def _opened(self) -> Session:
        settings = self._settings
        smtp = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=await self._greeting(),
            timeout=settings.connect_timeout,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=await self._context(),
        )
        try:
            await smtp.connect()
            await smtp.ehlo()
        except SMTPResponseException as said:
            smtp.close()
            raise UnreachableError(f"{settings.host}:{settings.port} says {said.code} {said.message}") from said
        except (SMTPException, OSError, ValueError) as error:
            smtp.close()
            raise UnreachableError(f"{settings.host}:{settings.port}: {error}") from error
        except BaseException:
            smtp.close()
            raise
        return Session(smtp, settings.command_timeout, settings.final_timeout, _now())

    async def _greeting(self) -> str:
        if not self._hello:  # the library would look it up for each connection
            self._hello = await asyncio.to_thread(socket.getfqdn)
        return self._hello

    async def _context(self) -> ssl.SSLContext | None:
        if self._settings.tls == "none":
            return None
        if self._tls is None:
            file = self._settings.certificate_file or None
            try:
                self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=file)
            except OSError as error:
                raise UnreachableError(f"smtp.certificate_file {file}: {error}") from error
        return self._tls


def _now() -> float:
    """Seconds on the event loop's clock: how old a socket is has nothing to do with the engine's time."""
    return asyncio.get_running_loop().time()
