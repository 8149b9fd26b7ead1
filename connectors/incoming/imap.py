r"""A folder of a mailbox over IMAP (RFC 3501): each mail is taken in, then marked or deleted.

A mark of our own (a keyword) says what was taken, so that a person may read the same folder; where the server keeps no
keywords it is `\Seen`. The stdlib's imaplib does the talking, a call at a time in a thread.
"""

from __future__ import annotations

import asyncio
import imaplib
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from connectors.incoming.account import Account, AccountError
from connectors.incoming.taking import Take

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 200
"""Mails of one look."""

KEYWORD = "WinbackTaken"

_PORTS = {"tls": 993, "starttls": 143, "none": 143}
_TRIES = 3
_BROKEN = (imaplib.IMAP4.error, OSError, EOFError, ValueError)


class Imap:
    """Reads one folder. A mail that cannot be fetched three times is left alone until the next start."""

    def __init__(self, account: Account, take: Take, *, folder: str = "INBOX", delete: bool = False) -> None:
        self.name = "imap"
        self._account, self._take, self._folder, self._delete = account, take, folder, delete
        self._failed: Counter[bytes] = Counter()

    async def look(self) -> int:
        """Take in what is new; return how many mails.

        Raises:
            AccountError: the mailbox cannot be used now.
            NotNowError: a mail cannot be taken in now; it and those behind it stay unmarked.

        """
        imap, mark = await self._calling(self._opened)
        taken = 0
        try:
            waiting = await self._calling(lambda: self._waiting(imap, mark))
            for uid in [each for each in waiting if self._failed[each] < _TRIES][:MOST_AT_ONCE]:
                self._failed[uid] += 1
                raw = await self._calling(_fetching(imap, uid, self._account.most_bytes))
                del self._failed[uid]
                if raw is None:  # somebody deleted it meanwhile
                    continue
                await self._take(raw, (), "incoming/imap")
                await self._calling(_marking(imap, uid, mark))
                taken += 1
        finally:
            await asyncio.to_thread(_leave, imap, expunge=self._delete and taken > 0)
        return taken

    async def close(self) -> None:
        """End nothing: no connection outlives a look."""

    async def _calling(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except _BROKEN as error:
            raise AccountError(f"{self._account.host}: {_said(error)}") from error

    def _opened(self) -> tuple[imaplib.IMAP4, str]:
        """Log in and select the folder; return what says of a mail that it was taken."""
        account = self._account
        port = account.port or _PORTS[account.tls]
        if account.tls == "tls":
            imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                account.host, port, ssl_context=account.context(), timeout=account.timeout
            )
        else:
            imap = imaplib.IMAP4(account.host, port, timeout=account.timeout)
        try:
            if account.tls == "starttls":
                imap.starttls(account.context())
            imap.login(account.username, account.password)
            _fine(imap.select(_quoted(self._folder)))
            _, flags = imap.response("PERMANENTFLAGS")
        except BaseException:
            imap.shutdown()
            raise
        if self._delete:
            return imap, "\\Deleted"
        return imap, KEYWORD if flags and flags[0] and b"\\*" in flags[0] else "\\Seen"

    def _waiting(self, imap: imaplib.IMAP4, mark: str) -> list[bytes]:
        criterion = f"UNKEYWORD {KEYWORD}" if mark == KEYWORD else {"\\Seen": "UNSEEN"}.get(mark, "ALL")
        found: list[bytes | None] = _fine(imap.uid("SEARCH", f"UNDELETED {criterion}"))
        return (found[0] or b"").split() if found else []


def _fetching(imap: imaplib.IMAP4, uid: bytes, most: int) -> Callable[[], bytes | None]:
    def fetch() -> bytes | None:
        answer = _fine(imap.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{most}>)"))
        return next((part[1] for part in answer if isinstance(part, tuple)), None)

    return fetch


def _marking(imap: imaplib.IMAP4, uid: bytes, mark: str) -> Callable[[], Any]:
    return lambda: _fine(imap.uid("STORE", uid.decode(), "+FLAGS.SILENT", f"({mark})"))


def _leave(imap: imaplib.IMAP4, *, expunge: bool) -> None:
    """Say goodbye. Where it was asked for, all that is marked as deleted in the folder goes."""
    try:
        if expunge:
            imap.expunge()
        imap.logout()
    except _BROKEN:  # what was not deleted comes again, and is known by then
        imap.shutdown()


def _fine(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(f"the server says {kind} {_text(data)}")
    return data


def _text(data: list[Any]) -> str:
    said = b" ".join(each for each in data if isinstance(each, bytes)).decode("utf-8", "replace")
    return "".join(each for each in said[:200] if each.isprintable())


def _quoted(folder: str) -> str:
    if not folder.isascii() or any(ord(letter) < 32 for letter in folder):
        raise AccountError("the folder's name is to be written in ASCII, beyond it in IMAP's modified UTF-7")
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _said(error: BaseException) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return text or "no answer in time"
