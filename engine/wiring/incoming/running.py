"""The ways in that the settings name, opened and looked into for as long as the engine runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from connectors.incoming import Account, AccountError, Folder, Imap, Listener, NotNowError, Pop3, Take
from engine.books.connection import DatabaseError
from engine.wiring.incoming.taking import KINDS
from engine.wiring.incoming_settings import Account as AccountSettings
from engine.wiring.incoming_settings import ImapAccount, IncomingSettings, Pop3Account
from engine.wiring.secret import from_file
from engine.wiring.settings import Settings

log = structlog.get_logger(__name__)


MayLook = Callable[[], Awaitable[bool]]
"""Says whether this process is the one that looks into mailboxes and folders now."""


class Source(Protocol):
    """A place that is looked into from time to time."""

    name: str

    async def look(self) -> int:
        """Take in what is there; return how many mails."""
        ...


class Counted:
    """Counts mails that came in, by what they were."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._counter = Counter(
            "winback_incoming_mails", "Mails that came in, by what they were", ["kind"], registry=registry
        )
        for kind in KINDS:
            self._counter.labels(kind)

    def __call__(self, kind: str) -> None:
        """Count one."""
        self._counter.labels(kind if kind in KINDS else "nothing").inc()


class WaysIn:
    """The ways in. `troubles` says why one cannot be used now, by its name; `listening` is the listener's port."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], take: Take, may_look: MayLook | None = None
    ) -> None:
        """Make them; nothing is opened yet. `may_look` is asked before each look; None: always.

        Raises:
            SettingsError: a password cannot be read.

        """
        said = settings.incoming
        self.troubles: dict[str, str] = {}
        self.listening = 0
        self._every, self._may_look = said.look_every, may_look
        self._sources = _sources(said, environment, take)
        self._listener = _listener(said, take)

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the listener, and begin to look into the other ways in; the stack closes them.

        Raises:
            OSError: the listener's address is taken or may not be used.

        """
        if self._listener is not None:
            self.listening = await self._listener.start()
            stack.push_async_callback(self._listener.stop)
        for source in self._sources:
            stack.push_async_callback(_let_go, asyncio.create_task(self._keep_looking(source)))

    async def _keep_looking(self, source: Source) -> None:
        while True:
            try:
                found = await source.look() if self._may_look is None or await self._may_look() else 0
                self.troubles.pop(source.name, None)
            except (NotNowError, AccountError, DatabaseError, OSError) as error:
                found = 0
                if source.name not in self.troubles:
                    log.warning("mail cannot be taken in now", where=source.name, why=str(error))
                self.troubles[source.name] = str(error)
            if not found:
                await asyncio.sleep(self._every)


async def _let_go(looking: asyncio.Task[None]) -> None:
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking


def own_addresses(said: IncomingSettings, *others: str) -> frozenset[str]:
    """Return the shop's own addresses, in small letters: nothing of theirs is a customer's."""
    return frozenset(each.casefold() for each in (said.address, said.replies_to, *said.also_for, *others) if each)


def _sources(said: IncomingSettings, environment: Mapping[str, str], take: Take) -> Sequence[Source]:
    sources: list[Source] = []
    if said.files is not None:
        sources.append(Folder(said.files, take, said.most_bytes))
    if said.pop3.host:
        sources.append(Pop3(_account(said.pop3, said.most_bytes, "WINBACK_INCOMING_POP3_PASSWORD", environment), take))
    if said.imap.host:
        account = _account(said.imap, said.most_bytes, "WINBACK_INCOMING_IMAP_PASSWORD", environment)
        sources.append(Imap(account, take, folder=said.imap.folder, delete=said.imap.delete))
    return sources


def _account(
    said: Pop3Account | ImapAccount, most_bytes: int, variable: str, environment: Mapping[str, str]
) -> Account:
    known = {name: getattr(said, name) for name in AccountSettings.model_fields}
    return Account(**known, password=from_file(said.password_file, variable, environment), most_bytes=most_bytes)


def _listener(said: IncomingSettings, take: Take) -> Listener | None:
    if not said.listen.at:
        return None
    host, _, port = said.listen.at.rpartition(":")
    ours = [each for each in (said.address, *said.also_for) if each]
    return Listener(host.strip("[]"), int(port), ours, take, speaks=said.listen.speaks, most_bytes=said.most_bytes)
