"""Whose an event is that names no customer: by our signed message ids, else by the identities in PostgreSQL.

An answer is kept for half a minute, so that a thousand opens of one person are one question; that nobody is known under a
key is not kept at all, since an address becomes known when its owner does something. What that may cost: for as long as it
is kept, an event by an address that has just gone over to somebody else is told to the one who had it before.

While the identities are away, whoever asks waits; what needs no question goes on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import structlog
from msgspec import Struct

from engine.books.connection import DatabaseError
from engine.core.events import Event
from engine.core.message_ids import customer_of
from engine.core.whose import address_in, keys_of, mail_key, unknown_at

T = TypeVar("T")

log = structlog.get_logger(__name__)

KEPT_FOR: Final = 30.0
"""Seconds that an answer is believed."""

MOST_KEPT: Final = 200_000

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0  # seconds between two tries while the identities are away


class Claim(Struct, frozen=True):
    """A key is to belong to a customer from now on, if it still belongs to who had it: empty for nobody."""

    key: str
    customer: str
    instead_of: str = ""


class Identities(Protocol):
    """Who is known under which key, for all gateways at once."""

    async def find(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return the customers known under these keys; keys that nobody is known under are left out.

        Raises:
            DatabaseError: not now.

        """
        ...

    async def claim(self, claims: Sequence[Claim]) -> Collection[str]:
        """Let keys change hands, each named once; return those that did. The others belong to somebody else by now.

        Raises:
            DatabaseError: not now; it may have been done.

        """
        ...


class Whose:
    """Finds customers."""

    def __init__(self, identities: Identities, key: bytes, clock: Callable[[], float]) -> None:
        """`key` signs our message ids; `clock` counts seconds and never goes back."""
        self._identities, self._key, self._clock = identities, key, clock
        self._kept: dict[str, tuple[str, float]] = {}
        self.away_since: float | None = None

    def at_once(self, event: Event) -> str | None:
        """Return the customer if nobody needs to be asked for it; empty: it is nobody's; None: ask `look_up`."""
        if event.customer:
            return event.customer
        message = event.field("message_id")
        if isinstance(message, str) and message and (customer := customer_of(message, self._key)):
            return customer
        keys, now = _askable(event), self._clock()
        for key in keys:
            customer, until = self._kept.get(key, ("", 0.0))
            if until <= now:
                return None
            if customer:
                return customer
        return ""

    async def look_up(self, events: Sequence[Event]) -> list[str]:
        """Return the customer of each event, empty for nobody; waits for as long as the identities are away.

        An address that nobody is known under makes a customer of its own, and is known as theirs before they hear of
        anything: so whoever comes to own it later learns that there is a record to be joined.
        """
        asked = [_askable(event) for event in events]
        found = await self.find({key for keys in asked for key in keys})
        unknown = {
            mail_key(address_in(event)): unknown_at(event)
            for event, keys in zip(events, asked, strict=True)
            if keys and not any(key in found for key in keys) and unknown_at(event)
        }
        while unknown:
            claims = [Claim(key, customer) for key, customer in unknown.items()]
            met = await self.claim(claims)
            found |= {key: unknown.pop(key) for key in met}
            others = await self.find(unknown) if unknown else {}  # somebody else was faster, or had been
            found |= others
            unknown = {key: customer for key, customer in unknown.items() if key not in others}
        return [next(filter(None, map(found.get, keys)), "") for keys in asked]

    async def find(self, keys: Collection[str]) -> dict[str, str]:
        """Return the customers known under these keys, asked anew; waits while the identities are away."""
        found = dict(await self.patiently(lambda: self._identities.find(keys)))
        self._keep(found)
        return found

    async def claim(self, claims: Sequence[Claim]) -> Collection[str]:
        """Let keys change hands; return those that did. Waits while the identities are away.

        Where the answer was lost and it is asked again, a key that had changed hands is not among those returned:
        ask whose it is, and it turns out to be right already.
        """
        claimed = await self.patiently(lambda: self._identities.claim(claims))
        self._keep({each.key: each.customer for each in claims if each.key in claimed})
        return claimed

    def _keep(self, found: Mapping[str, str]) -> None:
        until = self._clock() + KEPT_FOR
        kept = self._kept
        for key, customer in found.items():
            kept.pop(key, None)  # so that what was kept first stands first
            kept[key] = customer, until
        for key in list(_first(kept, len(kept) - MOST_KEPT)):
            del kept[key]

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to a question; ask it again for as long as PostgreSQL is away."""
        wait = _FIRST_WAIT
        while True:
            try:
                answer = await ask()
            except DatabaseError as error:
                if self.away_since is None:
                    self.away_since = self._clock()
                    log.warning("whose some events are cannot be asked now: they wait", error=str(error))
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                if self.away_since is not None:
                    log.info("whose events are can be asked again")
                self.away_since = None
                return answer


def _askable(event: Event) -> list[str]:
    """Return the keys that may be known: of messages only those that are formed like ours, since most are other tools'."""
    return [key for key in keys_of(event) if not key.startswith("message:") or _OUR_MESSAGE(key)]


_OUR_MESSAGE = re.compile(r"message:[0-9a-f]{32}\Z").match


def _first(kept: Iterable[str], count: int) -> Iterable[str]:
    return (key for key, _ in zip(kept, range(max(0, count)), strict=False))


class IdentitiesInMemory:
    """An honest fake for tests and measurements: one process, and `away` says that nobody answers."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.away = False
        self.questions = 0

    async def find(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return who is known."""
        self._ask()
        return {key: self.owners[key] for key in keys if key in self.owners}

    async def claim(self, claims: Sequence[Claim]) -> Collection[str]:
        """Let keys change hands."""
        self._ask()
        taken = [each for each in claims if self.owners.get(each.key, "") == each.instead_of]
        self.owners |= {each.key: each.customer for each in taken}
        return {each.key for each in taken}

    def _ask(self) -> None:
        self.questions += 1
        if self.away:
            raise DatabaseError("nobody answers")
