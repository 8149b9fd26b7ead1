"""Erasing people to the end: out of the books, the files and the database's log, with a proof; while the engine goes on.

What must hold at once was done in the transaction in which it was asked for (`books/erasures`). A crash in between does no
harm: whoever starts next goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from engine.books import call_consents, proofs, traces, wiping
from engine.books import erasures as books
from engine.books.connection import Connection
from engine.books.database import Where, open_to_read
from engine.books.erasures import Begun, Erasures
from engine.books.identities import hashed
from engine.books.lookup import in_lists
from engine.books.proofs import Proof, Remains
from engine.books.store import SqlStore
from engine.books.traces import Found, Seen
from engine.core.erasing import Person, Traces, subject_key
from engine.core.moments import Instant, rfc3339
from engine.core.shop import Shop
from engine.core.signals import PersonErased
from engine.core.whose import mail_key
from engine.wiring.control.place import Ask

ROUNDS: Final = 5
"""So often what is left is looked for: what was on its way when it was asked for may come behind the first look."""

CALLS_MAY_TAKE: Final = 60.0
"""Seconds that a call of the mail server which is under way may take, before it is left to the proof."""

LOOK_EVERY: Final = 0.25
"""Seconds of real time between two looks at whether somebody is to be erased."""

LOOK_AGAIN: Final = 2.0
"""The same where several processes begin erasures, so that the books have to be asked."""

_CHUNK: Final = 1 << 22

log = structlog.get_logger(__name__)


class Files(Protocol):
    """What there is outside the books."""

    async def erase(self, traces: Traces, customers: frozenset[str], effects: Sequence[str]) -> dict[str, int]:
        """Take a person out; return how many lines or messages there were, by place."""
        ...


class NoFiles:
    """Of an engine that writes none."""

    async def erase(self, traces: Traces, customers: frozenset[str], effects: Sequence[str]) -> dict[str, int]:  # noqa: ARG002 - the protocol's
        """Do nothing."""
        return {}


class Eraser:
    """Ends erasures that have begun. One at a time."""

    def __init__(
        self,
        erasures: Erasures,
        ask: Ask,
        where: Where,
        shop: Callable[[], Shop],
        *,
        files: Files | None = None,
        empty_log: Callable[[], bool] | None = None,
        told: Callable[[], Awaitable[bool]] | None = None,
        settle: int = 0,
        at_the_end: Callable[[SqlStore, Person, Instant], None] = lambda *_: None,
        remains: Callable[[Instant], Sequence[Remains]] = lambda _: (),
    ) -> None:
        """Work through `ask`.

        Args:
            erasures: the list of the erased.
            ask: makes a change in one transaction.
            where: the books, to read them.
            shop: the shop's state as it is in the transaction under way.
            files: what there is outside the books.
            empty_log: cuts the database's write-ahead log to nothing; False where it could not.
            told: waits until receivers have heard of codes that are void now; False where they have not.
            settle: microseconds in which what is on its way may still come; after it all is looked through once more.
            at_the_end: done in the transaction that keeps the proof.
            remains: what else is left of an erasure asked for at an instant.

        """
        self.erasures, self.ask = erasures, ask
        self._where, self._shop = where, shop
        self._files, self._empty_log, self._told, self._remains = files or NoFiles(), empty_log, told, remains
        self._settle, self._at_the_end = settle, at_the_end
        self._settling: set[int] = set()
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """End what was begun, whenever there is something, until cancelled."""
        while True:
            if self.erasures.waiting or self._settle:  # where something is on its way, other processes begin some
                for proof in await self.end_all():
                    log.info("a person was erased", proof=proof.id)
            await asyncio.sleep(LOOK_AGAIN if self._settle else LOOK_EVERY)

    async def end_all(self) -> list[Proof]:
        """End all erasures under way; return their proofs."""
        async with self._one_at_a_time:
            self.erasures.waiting = False
            waiting, now = await self.ask(self._waiting)
            done = []
            for each in waiting:
                settled = now >= each.at + self._settle
                if settled or each.num not in self._settling:
                    self._settling.add(each.num)
                    proof = await self._end(each, settled=settled)
                    done += [] if proof is None else [proof]
                if settled:
                    self._settling.discard(each.num)
            return done

    def _waiting(self, store: SqlStore, now: Instant) -> tuple[list[Begun], Instant]:
        self.erasures.refresh(store.connection)
        return books.begun(store.connection), now

    # One erasure ------------------------------------------------------------------------------------------------------

    async def _end(self, begun: Begun, *, settled: bool) -> Proof | None:
        remains: list[Remains] = []
        if self._told is not None and not await self._told():
            remains.append(Remains("codes that are void now", "-", "not every receiver could be told in time"))
        person = await self._read(
            lambda connection: traces.learn(connection, begun.person, partial(_owner_of, connection))
        )
        await self.ask(partial(self._heed, begun, person))
        counts, calls = dict(begun.counts), CALLS_MAY_TAKE
        effects = await self._read(partial(_effects_of, person=person))
        seen = Seen()
        for _ in range(ROUNDS):
            while calls > 0 and await self._read(partial(traces.calls, person=person)):
                await asyncio.sleep(LOOK_EVERY)
                calls -= LOOK_EVERY
            found, seen = await self._read(partial(traces.look, person=person, seen=seen))
            if found.nothing:
                break
            await self._wipe(begun, person, found, counts)
        else:
            remains.append(Remains("the books", "until it is erased again", "something came again and again"))
        theirs = Traces(person)
        _add(counts, await self._files.erase(theirs, frozenset(person.ids), effects))
        if not settled:
            return None
        remains += self._remains(begun.at)
        proof = await self.ask(partial(self._prove, begun, person, counts, remains))
        left = await asyncio.to_thread(self._left_in_files, theirs)
        if left:
            proof = await self.ask(partial(self._prove, begun, person, counts, [*remains, *left]))
        return proof

    async def _wipe(self, begun: Begun, person: Person, found: Found, counts: dict[str, int]) -> None:
        def rows(store: SqlStore, now: Instant) -> None:
            if isinstance(self._where, Path) and (found.journal or found.journal_anew):
                store.journal("", PersonErased(begun.id), now)  # before its rows go: numbers go on from it
            _add(counts, wiping.wipe(store, self._shop(), self.erasures, person, found))
            _add(counts, {"others' rows": wiping.rewrite_logs(store, found)})
            books.enlarge(store.connection, begun.num, person, counts)

        await self.ask(rows)
        for table, numbers in wiping.logs_of(found):
            await self.ask(partial(_wipe_log, table, numbers))
        _add(counts, {"journal": len(found.journal), "effect": len(found.effects)})

    def _heed(self, begun: Begun, person: Person, store: SqlStore, now: Instant) -> None:
        self.erasures.heed(store.connection, begun.num, person, now)
        books.enlarge(store.connection, begun.num, person, begun.counts)

    def _prove(
        self,
        begun: Begun,
        person: Person,
        counts: dict[str, int],
        remains: Sequence[Remains],
        store: SqlStore,
        now: Instant,
    ) -> Proof:
        proof = proofs.made(
            begun,
            counts,
            now=now,
            subjects=[self.erasures.key_of(subject_key(each)).hex() for each in person.ids],
            addresses=[self.erasures.key_of(mail_key(each)).hex() for each in person.addresses],
            remains=[*remains, *_calls(store.connection, begun.id)],
        )
        books.end(store.connection, begun.num, proofs.encode(proof))
        self._at_the_end(store, person, now)
        return proof

    async def _read(self, work: Callable[[Connection], Any]) -> Any:
        def do() -> Any:
            with closing(open_to_read(self._where)) as connection:
                return work(connection)

        return await asyncio.to_thread(do)

    def _left_in_files(self, theirs: Traces) -> list[Remains]:
        """Cut the database's log, and look whether anything is left in files of ours."""
        if not isinstance(self._where, Path):
            return []
        left: list[Remains] = []
        if self._empty_log is not None and not self._empty_log():
            left.append(Remains("the database's log", "the next stop of the engine", "somebody was reading"))
        for path in sorted(each for each in self._where.rglob("*") if each.is_file()):
            if _is_in(path, theirs):
                name = path.relative_to(self._where).as_posix()
                left.append(Remains(name, "until you delete it", "it still holds something of the person"))
        return left


def _wipe_log(table: str, numbers: Sequence[int], store: SqlStore, _: Instant) -> None:
    wiping.wipe_log(store, table, numbers)


def _owner_of(connection: Connection, key: str) -> str | None:
    return next((customer for _, customer in in_lists(connection, "find", (hashed(key),))), None)


def _effects_of(connection: Connection, *, person: Person) -> list[str]:
    rows = connection.execute(books.QUERIES["effects_made"], (books.listed(person.ids),))
    return sorted({effect_id for _, effect_id, _ in rows})


def _is_in(path: Path, theirs: Traces) -> bool:
    words = [each.encode(errors="surrogatepass") for each in theirs.spellings]
    try:
        with path.open("rb") as file:
            before = b""
            while chunk := file.read(_CHUNK):
                if any(each in chunk or each in before[-256:] + chunk[:256] for each in words):
                    return True
                before = chunk
    except OSError:  # it went meanwhile
        return False
    return False


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for place, count in more.items():
        counts[place] = counts.get(place, 0) + count


def _calls(connection: Connection, erasure: str) -> list[Remains]:
    """Tell of the consent to calls that an erasure must leave, if there was one."""
    used = call_consents.used_at(connection, erasure)
    if used is None:
        return []
    until = f"as `keep: call_consents` says, five years after {rfc3339(used)[:10]} or longer"
    return [Remains("the consent to calls, sealed", until, "it is to be proven so long after the last call (§ 7a UWG)")]
