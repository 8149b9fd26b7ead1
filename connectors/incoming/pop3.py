"""A mailbox over POP3 (RFC 1939, with STLS of RFC 2595): each mail is taken in, then deleted.

The stdlib's poplib is not used: it gives up on a line of more than 2,048 bytes, which mails written by programs have, and
it would hold a thread for each wait.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from connectors.incoming.account import Account, AccountError
from connectors.incoming.taking import Take

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 200
"""Mails of one session: only its end makes the server delete them."""

_PORTS = {"tls": 995, "starttls": 110, "none": 110}
_LONGEST_ANSWER = 4_096  # bytes of one status line
_MOST_LISTED = 100_000
_LINES_OF_TOO_LONG = 5_000
_TRIES = 3
_BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)


class Pop3:
    """Reads one mailbox. A mail that cannot be fetched three times is left alone until the next start."""

    def __init__(self, account: Account, take: Take) -> None:
        self.name = "pop3"
        self._account, self._take = account, take
        self._failed: Counter[str] = Counter()

    async def look(self) -> int:
        """Take in what is there; return how many mails.

        Raises:
            AccountError: the mailbox cannot be used now.
            NotNowError: a mail cannot be taken in now; those taken before it are deleted.

        """
        taken = 0
        async with self._session() as session:
            waiting = [each for each in await session.listed() if self._failed[each[2]] < _TRIES]
            for number, size, uid in waiting[:MOST_AT_ONCE]:
                self._failed[uid] += 1
                raw = await session.mail(number, size)
                del self._failed[uid]
                await self._take(raw, (), "incoming/pop3")
                await session.delete(number)
                taken += 1
        return taken

    async def close(self) -> None:
        """End nothing: no connection outlives a look."""

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[_Session]:
        """Log in; at the end say goodbye, which is when the server deletes, also when a mail could not be taken in."""
        account = self._account
        try:
            session = await _Session.opened(account)
        except _BROKEN as error:
            raise AccountError(f"{account.host}: {_said(error)}") from error
        try:
            yield session
        except _BROKEN as error:
            raise AccountError(f"{account.host}: {_said(error)}") from error
        finally:
            await session.quit()


class _Session:
    def __init__(self, account: Account, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._account, self._reader, self._writer = account, reader, writer

    @classmethod
    async def opened(cls, account: Account) -> _Session:
        """Connect, encrypt and log in."""
        port = account.port or _PORTS[account.tls]
        sealed = {"ssl": account.context()} if account.tls == "tls" else {}
        async with asyncio.timeout(account.timeout):
            reader, writer = await asyncio.open_connection(
                account.host,
                port,
                limit=_LONGEST_ANSWER,
                **sealed,  # type: ignore[arg-type]  # ssl or nothing
            )
        session = cls(account, reader, writer)
        try:
            await session._greeted()
            if account.tls == "starttls":
                await session._ask("STLS")
                async with asyncio.timeout(account.timeout):
                    await writer.start_tls(account.context(), server_hostname=account.host)
            await session._ask(f"USER {_word(account.username)}")
            await session._ask(f"PASS {_word(account.password)}")
        except BaseException:
            writer.transport.abort()
            raise
        return session

    async def listed(self) -> list[tuple[int, int, str]]:
        """Return the mails there are: number in this session, size in bytes, and what tells it from others for ever."""
        sizes = dict([_numbered(line) for line in await self._lines("LIST")])
        try:
            names = dict([_numbered(line) for line in await self._lines("UIDL")])
        except AccountError:  # UIDL is optional
            names = {}
        return [(number, int(size or 0), names.get(number, f"#{number}")) for number, size in sizes.items()]

    async def mail(self, number: int, size: int) -> bytes:
        """Return a mail, of one that is too long its beginning."""
        most = self._account.most_bytes
        await self._ask(f"RETR {number}" if size <= most else f"TOP {number} {_LINES_OF_TOO_LONG}")
        return await self._body(most)

    async def delete(self, number: int) -> None:
        """Have it deleted at the end of the session."""
        await self._ask(f"DELE {number}")

    async def quit(self) -> None:
        """Say goodbye."""
        with suppress(AccountError, *_BROKEN):
            await self._ask("QUIT")
        self._writer.transport.abort()

    async def _greeted(self) -> None:
        line = await self._line()
        if not line.startswith(b"+OK"):
            raise AccountError(f"{self._account.host} says {_shown(line)}")

    async def _ask(self, command: str) -> None:
        async with asyncio.timeout(self._account.timeout):
            self._writer.write(command.encode() + b"\r\n")
            await self._writer.drain()
        line = await self._line()
        if not line.startswith(b"+OK"):
            raise AccountError(f"{self._account.host} says to {command[:4]}: {_shown(line)}")

    async def _lines(self, command: str) -> list[bytes]:
        await self._ask(command)
        return (await self._body(_MOST_LISTED * 90)).splitlines()[:_MOST_LISTED]

    async def _line(self) -> bytes:
        async with asyncio.timeout(self._account.timeout):
            return (await self._reader.readuntil(b"\n")).strip()

    async def _body(self, most: int) -> bytes:
        """Return what comes up to the line with a dot alone; only the first `most` bytes of it are kept."""
        kept, size, held = [], 0, b"\r\n"
        while True:
            async with asyncio.timeout(self._account.timeout):
                piece = await self._reader.read(65_536)
            if not piece:
                raise asyncio.IncompleteReadError(b"", None)
            held += piece
            ends = held.find(b"\r\n.\r\n")
            whole = held if ends < 0 else held[: ends + 2]
            ready, held = (whole, b"") if ends >= 0 else (held[:-4], held[-4:])
            if size < most + 2:
                kept.append(ready)
            size += len(ready)
            if ends >= 0:
                return _without_doubled_dots(b"".join(kept))[2 : most + 2]


def _without_doubled_dots(text: bytes) -> bytes:
    return text.replace(b"\r\n..", b"\r\n.")


def _numbered(line: bytes) -> tuple[int, str]:
    """Read a line of LIST or UIDL: a number and what belongs to it."""
    match = re.match(rb"(\d{1,9})\s+(\S+)", line)
    if match is None:
        raise ValueError("a list with a line that is none")
    return int(match[1]), match[2].decode("ascii", "replace")


def _word(text: str) -> str:
    if any(ord(letter) < 32 for letter in text):
        raise AccountError("a name or password holds a line end or another control character")
    return text


def _shown(line: bytes) -> str:
    return "".join(each for each in line[:200].decode("utf-8", "replace") if each.isprintable())


def _said(error: BaseException) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "the server closed the connection"
    return str(error) or "no answer in time"
