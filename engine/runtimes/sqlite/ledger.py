"""Outbox, ledger and block list: what may be called, what was called, and how it ended.

Functions over a connection inside somebody's transaction; `Scribe` makes what they change durable. A send goes
reserved -> calling -> done, refused, uncertain or dropped. `calling` is on disk before the sender is asked, so after a
crash everything that may have left is listed; a send is `reserved` between two attempts. The first reservation and the
call are noted in one commit: nothing outside happens between the two.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.core.customer import decode
from engine.core.moments import Instant
from engine.core.rules import Address
from engine.runtimes.sqlite.database import named_queries, read_sql

QUERIES: Final = named_queries(read_sql("relay.sql"))

AGAIN: Final = "again"
_STATES: Final = {"done": "done", "refused": "refused", "uncertain": "uncertain"}  # every other outcome is `dropped`


class Queued(Struct, frozen=True):
    """A send in the outbox, as it was released. `body` is the data of its effect, as JSON."""

    effect_id: str
    seq: int
    customer: str
    domain: str
    template: str
    workflow: str
    queued_at: Instant
    attempts: int
    body: str

    def data(self) -> dict[str, Any]:
        """Return the data of the effect."""
        return _decode_data(self.body)


class Ending(Struct, frozen=True, omit_defaults=True):
    """How a send ended: an outcome of `Handed`, why, and for a bounce its kind, status and diagnostic."""

    outcome: str
    reason: str = ""
    kind: str = ""
    status: str = ""
    diagnostic: str = ""


class Untold(Struct, frozen=True):
    """A send that has ended, and whose customer's record may not know."""

    effect_id: str
    customer: str
    ending: Ending


def due(connection: sqlite3.Connection, now: Instant, limit: int, closed: Iterable[str] = ()) -> list[Queued]:
    """Return sends to call now in the order of release, without those to closed domains."""
    listed = msgspec.json.encode(list(closed)).decode()
    return _queued(connection.execute(QUERIES["due"], {"now": now, "closed": listed, "limit": limit}))


def lying_since(connection: sqlite3.Connection, moment: Instant, limit: int) -> list[Queued]:
    """Return sends that were released at a moment or before it."""
    return _queued(connection.execute(QUERIES["lying_since"], (moment, limit)))


def covered(connection: sqlite3.Connection, scope: str, name: str, limit: int) -> list[Queued]:
    """Return sends that a pause covers: of a workflow, a template or a domain, or all of them where `name` is empty."""
    return _queued(connection.execute(QUERIES["covered"], {"scope": scope, "name": name, "limit": limit}))


def outbox_length(connection: sqlite3.Connection) -> int:
    """Return how many sends were released and have not ended."""
    return int(connection.execute(QUERIES["outbox_length"]).fetchone()[0])


def claim(
    connection: sqlite3.Connection, queued: Queued, blocks: tuple[bytes, bytes], message_id: str, now: Instant
) -> Untold | None:
    """Note that a send is about to be called. Where it may not be, return how it ended instead.

    It may not where the block list or the customer's record knows a no, where the run has moved on since the release, or
    where the send had ended before: what has left once never leaves again.
    """
    objection = _objection(connection, queued, blocks)
    if objection:
        end(connection, queued, Ending("blocked", objection), message_id, now)
        return Untold(queued.effect_id, queued.customer, Ending("blocked", objection))
    named = {"effect_id": queued.effect_id, "seq": queued.seq, "message_id": message_id, "now": now}
    if connection.execute(QUERIES["claim"], named).rowcount:
        return None
    connection.execute(QUERIES["leave_outbox"], (queued.effect_id, queued.seq))
    return _ended(connection, queued.effect_id) or Untold(queued.effect_id, queued.customer, Ending(AGAIN, "withdrawn"))


def _objection(connection: sqlite3.Connection, queued: Queued, blocks: tuple[bytes, bytes]) -> str:
    """Say what speaks against a send that came up after its release, empty where nothing does."""
    if connection.execute(QUERIES["is_blocked"], blocks).fetchone()[0]:
        return "the customer said no"
    row = connection.execute(QUERIES["record"], (queued.customer,)).fetchone()
    record = decode(row[0]) if row else None
    if record is None or record.gone:
        return "the customer is gone"
    if queued.data()["purpose"] in record.stopped:
        return "stopped"
    if record.address is Address.DEAD:
        return "address_dead"
    waits = any(run.effect_id == queued.effect_id and run.doing == "sending" for run in record.runs)
    return "" if waits else "the run has moved on"


def put_off(connection: sqlite3.Connection, queued: Queued, next_try: Instant, why: str, now: Instant) -> None:
    """Note a temporary no: the call is over, the send is reserved for its next attempt."""
    connection.execute(QUERIES["reserve"], {"effect_id": queued.effect_id, "now": now, "detail": why})
    connection.execute(QUERIES["put_off"], {"effect_id": queued.effect_id, "seq": queued.seq, "next_try": next_try})


def end(connection: sqlite3.Connection, queued: Queued, ending: Ending, message_id: str, now: Instant) -> None:
    """Note how a send ended, and take it from the outbox. What had ended before keeps its first ending."""
    _end(connection, queued.effect_id, queued.customer, ending, message_id=message_id, now=now)
    connection.execute(QUERIES["leave_outbox"], (queued.effect_id, queued.seq))


def told(connection: sqlite3.Connection, sends: Sequence[tuple[str, str]]) -> None:
    """Note that the records of these sends, as (effect id, outcome), know."""
    again = [(effect_id,) for effect_id, outcome in sends if outcome == AGAIN]
    others = [(effect_id,) for effect_id, outcome in sends if outcome != AGAIN]
    connection.executemany(QUERIES["forget_asked_again"], again)
    connection.executemany(QUERIES["told"], others)


def untold(connection: sqlite3.Connection) -> list[Untold]:
    """Return the sends that have ended and whose records may not know: the last process ended too early."""
    return [_untold(row) for row in connection.execute(QUERIES["untold"])]


def settle_calls(connection: sqlite3.Connection, now: Instant, *, honours_key: bool) -> int:
    """Settle the calls that a stopped process left behind, and return how many there were.

    Where the other side recognises a repeated call they may be made again. Else nobody can tell whether the message was
    taken, and a missing mail is better than a second one: they end as `uncertain`.
    """
    calls = connection.execute(QUERIES["calling"]).fetchall()
    for effect_id, customer, seq in calls:
        if honours_key and seq is not None:
            continue
        _end(
            connection,
            effect_id,
            customer,
            Ending("uncertain", "the engine stopped during the call"),
            message_id="",
            now=now,
        )
        connection.execute(QUERIES["leave_outbox"], (effect_id, seq))
    connection.execute(QUERIES["release_calling"])
    return len(calls)


def block(connection: sqlite3.Connection, keys: Iterable[bytes], now: Instant) -> None:
    """Put keys on the block list."""
    connection.executemany(QUERIES["block"], [(key, now) for key in keys])


def unblock(connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    """Take keys off the block list: the person said yes again."""
    connection.executemany(QUERIES["unblock"], [(key,) for key in keys])


_decode_data = msgspec.json.Decoder(dict[str, Any]).decode
_encode_ending = msgspec.json.Encoder().encode
_decode_ending = msgspec.json.Decoder(Ending).decode


def _queued(rows: Iterable[tuple[Any, ...]]) -> list[Queued]:
    return [Queued(*row) for row in rows]


def _end(
    connection: sqlite3.Connection, effect_id: str, customer: str, ending: Ending, *, message_id: str, now: Instant
) -> None:
    connection.execute(
        QUERIES["end"],
        {
            "effect_id": effect_id,
            "customer": customer,
            "state": _STATES.get(ending.outcome, "dropped"),
            "message_id": message_id,
            "now": now,
            "detail": _encode_ending(ending).decode(),
        },
    )


def _ended(connection: sqlite3.Connection, effect_id: str) -> Untold | None:
    row = connection.execute(QUERIES["ended"], (effect_id,)).fetchone()
    return _untold(row) if row and row[2] in ("done", "refused", "uncertain", "dropped") else None


def _untold(row: tuple[str, str, str, str]) -> Untold:
    effect_id, customer, _, detail = row
    return Untold(effect_id, customer, _decode_ending(detail))
