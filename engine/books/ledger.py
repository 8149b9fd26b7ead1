"""Outbox, ledger and block list: what may be called, what was called, and how it ended.

Functions over a connection inside somebody's transaction. A send goes reserved -> calling -> done, refused, uncertain or
dropped. `calling` is on disk before the sender is asked, so after a crash everything that may have left is listed; a
send is `reserved` between two attempts. The first reservation and the call are noted in one commit: nothing outside
happens between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import named_queries, read_sql
from engine.core.moments import Instant

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


class Call(Struct, frozen=True):
    """A call that a stopped process left behind. `seq` is None where its send has left the outbox."""

    effect_id: str
    customer: str
    seq: int | None
    message_id: str = ""


def due(connection: Connection, now: Instant, limit: int, closed: Iterable[str] = ()) -> list[Queued]:
    """Return sends to call now in the order of release, without those to closed domains."""
    listed = msgspec.json.encode(list(closed)).decode()
    return _queued(connection.execute(QUERIES["due"], {"now": now, "closed": listed, "limit": limit}))


def lying_since(connection: Connection, moment: Instant, limit: int) -> list[Queued]:
    """Return sends that were released at a moment or before it."""
    return _queued(connection.execute(QUERIES["lying_since"], (moment, limit)))


def covered(connection: Connection, scope: str, name: str, limit: int) -> list[Queued]:
    """Return sends that a pause covers: of a workflow, a template or a domain, or all of them where `name` is empty."""
    return _queued(connection.execute(QUERIES["covered"], {"scope": scope, "name": name, "limit": limit}))


def outbox_length(connection: Connection) -> int:
    """Return how many sends were released and have not ended."""
    return int(connection.execute(QUERIES["outbox_length"]).fetchone()[0])


def blocked_at(connection: Connection, keys: tuple[bytes, bytes]) -> Instant | None:
    """Return when the later of the keys, the address's and the customer's, came on the block list; None: neither is."""
    found: Instant | None = connection.execute(QUERIES["blocked_at"], keys).fetchone()[0]
    return found


def claim(connection: Connection, queued: Queued, message_id: str, now: Instant) -> bool:
    """Note that a send is about to be called, and say whether it may be: not if it has left the outbox or has ended."""
    named = {"effect_id": queued.effect_id, "seq": queued.seq, "message_id": message_id, "now": now}
    return connection.execute(QUERIES["claim"], named).rowcount > 0


def put_off(connection: Connection, queued: Queued, next_try: Instant, why: str, now: Instant) -> None:
    """Note a temporary no: the call is over, the send is reserved for its next attempt."""
    connection.execute(QUERIES["reserve"], {"effect_id": queued.effect_id, "now": now, "detail": why})
    named = {"effect_id": queued.effect_id, "seq": queued.seq, "next_try": next_try}
    connection.execute(QUERIES["put_off"], named)


def end(connection: Connection, queued: Queued | Call, ending: Ending, message_id: str, now: Instant) -> None:
    """Note how a send ended, and take it from the outbox. What had ended before keeps its first ending."""
    named = {
        "effect_id": queued.effect_id,
        "customer": queued.customer,
        "state": _STATES.get(ending.outcome, "dropped"),
        "message_id": message_id,
        "now": now,
        "detail": _encode_ending(ending).decode(),
    }
    connection.execute(QUERIES["end"], named)
    leave_outbox(connection, queued)


def leave_outbox(connection: Connection, queued: Queued | Call) -> None:
    """Take a send from the outbox; one that was released anew meanwhile stays."""
    connection.execute(QUERIES["leave_outbox"], (queued.effect_id, queued.seq))


def ending_of(connection: Connection, effect_id: str) -> Ending | None:
    """Return how a send ended, None where it has not."""
    row = connection.execute(QUERIES["ended"], (effect_id,)).fetchone()
    return _decode_ending(row[0]) if row else None


def customer_of(connection: Connection, effect_id: str) -> str:
    """Return whose a send is that was called or has ended; empty where none is known."""
    row = connection.execute(QUERIES["customer_of"], (effect_id,)).fetchone()
    return str(row[0]) if row else ""


def calls(connection: Connection) -> list[Call]:
    """Return the calls whose end is not known: after a start, those of the process before."""
    return [Call(*row) for row in connection.execute(QUERIES["calling"])]


def queued(connection: Connection, effect_id: str) -> Queued | None:
    """Return a send that is in the outbox, None where it is not."""
    return next(iter(_queued(connection.execute(QUERIES["queued"], (effect_id,)))), None)


def allow_again(connection: Connection, call: Call) -> None:
    """Let a call be made again, where the other side recognises it."""
    connection.execute(QUERIES["release_calling"], (call.effect_id,))


def block(connection: Connection, keys: Iterable[bytes], now: Instant) -> None:
    """Put keys on the block list."""
    connection.executemany(QUERIES["block"], [(key, now) for key in keys])


def unblock(connection: Connection, keys: Iterable[bytes]) -> None:
    """Take keys off the block list: the person said yes again."""
    connection.executemany(QUERIES["unblock"], [(key,) for key in keys])


_decode_data = msgspec.json.Decoder(dict[str, Any]).decode
_encode_ending = msgspec.json.Encoder().encode
_decode_ending = msgspec.json.Decoder(Ending).decode


def _queued(rows: Iterable[tuple[Any, ...]]) -> list[Queued]:
    return [Queued(*row) for row in rows]
