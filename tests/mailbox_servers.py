"""Servers of mailboxes for tests: POP3 (RFC 1939) and IMAP (RFC 3501), with the commands that our clients use.

Python has no IMAP server, and one of the system's may not be there. These two are small and strict: a command they do not
know is an error, what POP3 deletes goes at QUIT alone, and IMAP keeps flags for each mail.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

USER, PASSWORD = "winback", "secret of the mailbox"


@dataclass
class Mailbox:
    """What a mailbox holds, by UID; `flags` are IMAP's. `said` is every command that came, without passwords."""

    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    keeps_keywords: bool = True
    breaks_at: str = ""
    said: list[str] = field(default_factory=list)
    port: int = 0
    starttls: ssl.SSLContext | None = None

    def put(self, *mails: bytes) -> None:
        """Let mails come in."""
        for mail in mails:
            self.mails[max(self.mails, default=0) + 1] = mail


Talk = Callable[[Mailbox, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk, mailbox: Mailbox, tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """Serve a mailbox on loopback."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(mailbox, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


async def pop3(mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak POP3."""
    session = _Pop3(mailbox)
    writer.write(b"+OK ready\r\n")
    while not session.over:
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        name, _, given = line.partition(" ")
        mailbox.said.append(name if name == "PASS" else line)
        if mailbox.breaks_at and line.startswith(mailbox.breaks_at):
            return
        if name == "STLS" and mailbox.starttls is not None:
            writer.write(b"+OK\r\n")
            await writer.start_tls(mailbox.starttls)
            continue
        does = getattr(session, {"PASS": "pass_"}.get(name, name.lower()), None)
        writer.write(b"-ERR unknown\r\n" if does is None else does(*given.split(" ", 1 if name == "TOP" else 0)))
        await writer.drain()


class _Pop3:
    """One session: numbers are its own, and what was deleted goes at its end."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox, self.numbered = mailbox, list(mailbox.mails)
        self.deleted: set[int] = set()
        self.name, self.over = "", False

    def user(self, name: str) -> bytes:
        self.name = name
        return b"+OK\r\n"

    def pass_(self, word: str) -> bytes:
        return b"+OK\r\n" if (self.name, word) == (USER, PASSWORD) else b"-ERR no such login\r\n"

    def list(self, _: str) -> bytes:
        return _lines(f"{at} {len(self.mailbox.mails[uid])}" for at, uid in enumerate(self.numbered, 1))

    def uidl(self, _: str) -> bytes:
        return _lines(f"{at} u{uid}" for at, uid in enumerate(self.numbered, 1))

    def retr(self, number: str) -> bytes:
        return b"+OK\r\n" + _stuffed(self._mail(number))

    def top(self, number: str, count: str) -> bytes:
        head, _, body = self._mail(number).partition(b"\r\n\r\n")
        return b"+OK\r\n" + _stuffed(head + b"\r\n\r\n" + b"\n".join(body.split(b"\n")[: int(count)]))

    def dele(self, number: str) -> bytes:
        self.deleted.add(self.numbered[int(number) - 1])
        return b"+OK\r\n"

    def quit(self, _: str) -> bytes:
        for uid in self.deleted:
            del self.mailbox.mails[uid]
        self.over = True
        return b"+OK\r\n"

    def _mail(self, number: str) -> bytes:
        return self.mailbox.mails[self.numbered[int(number) - 1]]


def _lines(lines: Iterable[str]) -> bytes:
    return b"+OK\r\n" + "".join(f"{each}\r\n" for each in lines).encode() + b".\r\n"


def _stuffed(raw: bytes) -> bytes:
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


async def imap(mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak IMAP."""
    writer.write(b"* OK ready\r\n")
    while True:
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        tag, _, command = line.partition(" ")
        name = command.split()[0].upper()
        mailbox.said.append("LOGIN" if name == "LOGIN" else command)
        if mailbox.breaks_at and command.startswith(mailbox.breaks_at):
            return
        if name == "STARTTLS" and mailbox.starttls is not None:
            writer.write(f"{tag} OK begin\r\n".encode())
            await writer.start_tls(mailbox.starttls)
            continue
        answer, fine = _answer(mailbox, name, command)
        writer.write(answer + f"{tag} {'OK' if fine else 'NO'} {name}\r\n".encode())
        await writer.drain()
        if name == "LOGOUT":
            return


def _answer(mailbox: Mailbox, name: str, command: str) -> tuple[bytes, bool]:
    match name:
        case "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1" + b" STARTTLS" * (mailbox.starttls is not None) + b"\r\n", True
        case "LOGIN":
            return b"", command.split(maxsplit=1)[1] in (f'{USER} "{PASSWORD}"', f'"{USER}" "{PASSWORD}"')
        case "SELECT":
            anything = " \\*" if mailbox.keeps_keywords else ""
            said = f"* {len(mailbox.mails)} EXISTS\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted{anything})] ok\r\n"
            return said.encode(), command.endswith('"INBOX"')
        case "LOGOUT":
            return b"* BYE\r\n", True
        case "EXPUNGE":
            for uid in [each for each in mailbox.mails if "\\Deleted" in mailbox.flags.get(each, ())]:
                del mailbox.mails[uid]
            return b"", True
        case "UID":
            return _uid(mailbox, command.partition(" ")[2])
        case _:
            return b"", False


def _uid(mailbox: Mailbox, command: str) -> tuple[bytes, bool]:
    if command.startswith("SEARCH"):
        without = {"UNDELETED": "\\Deleted", "UNSEEN": "\\Seen"}
        unwanted = {flag for word, flag in without.items() if word in command}
        unwanted |= set(re.findall(r"UNKEYWORD (\w+)", command))
        found = [uid for uid in mailbox.mails if not unwanted & mailbox.flags.get(uid, set())]
        return f"* SEARCH {' '.join(map(str, found))}\r\n".encode(), True
    if match := re.fullmatch(r"FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
        raw = mailbox.mails[int(match[1])][: int(match[2])]
        return f"* 1 FETCH (UID {match[1]} BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw + b")\r\n", True
    if match := re.fullmatch(r"STORE (\d+) \+FLAGS\.SILENT \((\S+)\)", command):
        mailbox.flags.setdefault(int(match[1]), set()).add(match[2])
        return b"", True
    return b"", False
