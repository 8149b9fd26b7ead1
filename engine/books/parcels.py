"""How far each receiver has come with the log of effects, and its parcels: the effects it could not take yet.

Functions over a connection. A receiver that is well has no parcels, and its position follows the log; so what deliveries
cost in the database is a row a receiver, and one for each effect that is in trouble.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import named_queries, read_sql
from engine.core import customer as records
from engine.core.customer import Customer
from engine.core.effects import SEND_GIVEN_OUT, SEND_REQUESTED, Effect
from engine.core.moments import Instant

QUERIES: Final = named_queries(read_sql("deliveries.sql"))


class Parcel(Struct, frozen=True):
    """An effect on its way to a receiver; `first_try` is None before the first one."""

    seq: int
    effect: Effect
    first_try: Instant | None = None
    attempts: int = 0


def begin(connection: Connection, receiver: str) -> int:
    """Return how far a receiver has come; one that is new begins at the present."""
    connection.execute(QUERIES["begin"], (receiver,))
    return int(connection.execute(QUERIES["position"], (receiver,)).fetchone()[0])


def move_on(connection: Connection, receiver: str, position: int) -> None:
    """Note how far a receiver has come."""
    connection.execute(QUERIES["move_on"], {"name": receiver, "position": position})


def due(connection: Connection, receiver: str, now: Instant, limit: int) -> list[Parcel]:
    """Return parcels to try now, one a customer, those that have waited longest for it first."""
    named = {"receiver": receiver, "now": now, "limit": limit}
    return [_parcel(row[:8], row[8], row[9]) for row in connection.execute(QUERIES["due"], named)]


def next_try(connection: Connection, receiver: str) -> Instant | None:
    """Return when the next parcel is to be tried, None where there is none."""
    found: Instant | None = connection.execute(QUERIES["next_try"], {"receiver": receiver}).fetchone()[0]
    return found


def news(connection: Connection, types: Iterable[str], after: int, limit: int) -> tuple[list[Parcel], int]:
    """Return effects of these types that follow a number, and the number up to which there are no others."""
    upto = last_effect(connection)
    named = {"after": after, "upto": upto, "types": _listed(kept_types(types)), "limit": limit}
    found = [_parcel(row, None, 0) for row in connection.execute(QUERIES["news"], named)]
    return found, found[-1].seq if len(found) == limit else max(after, upto)


def last_effect(connection: Connection) -> int:
    """Return the number of the newest effect."""
    return int(connection.execute(QUERIES["last_effect"]).fetchone()[0])


def records_of(connection: Connection, customers: Iterable[str]) -> dict[str, Customer]:
    """Return the records of customers as of now, by id."""
    rows = connection.execute(QUERIES["records"], {"customers": _listed(customers)})
    return {customer: records.decode(record) for customer, record in rows}


def kept_types(types: Iterable[str]) -> list[str]:
    """Return the types that the log keeps for those that the outside knows: a mail that is requested never leaves so."""
    return [SEND_GIVEN_OUT if name == SEND_REQUESTED else name for name in sorted(types)]


def waiting_customers(connection: Connection, receiver: str, customers: Iterable[str]) -> set[str]:
    """Return those of the customers who have a parcel: what is new for them goes behind it."""
    named = {"receiver": receiver, "customers": _listed(customers)}
    return {customer for (customer,) in connection.execute(QUERIES["waiting_customers"], named)}


def keep(connection: Connection, receiver: str, parcel: Parcel, next_try: Instant, why: str) -> None:
    """Keep an effect that could not be delivered, with what has been tried so far."""
    named = {
        "receiver": receiver,
        "seq": parcel.seq,
        "customer": parcel.effect.customer,
        "first_try": parcel.first_try,
        "next_try": next_try,
        "attempts": parcel.attempts,
        "why": why,
    }
    connection.execute(QUERIES["keep"], named)


def drop(connection: Connection, receiver: str, parcel: Parcel) -> None:
    """Forget a parcel: the effect was taken, or is a dead letter."""
    connection.execute(QUERIES["drop"], (receiver, parcel.seq))


def keep_again(connection: Connection, receiver: str, event: dict[str, Any], now: Instant) -> bool:
    """Make an effect a parcel again, from its CloudEvent; False where the log does not hold it."""
    kind = SEND_GIVEN_OUT if event["type"] == SEND_REQUESTED else event["type"]
    effect_id = event["data"]["effect_id"]
    named = {
        "customer": event["subject"],
        "effect_id": effect_id,
        "type": kind,
        "ordinal": int(event["id"].rpartition(".")[2]),
    }
    row = connection.execute(QUERIES["find_effect"], named).fetchone()
    if row is None:
        return False
    effect = Effect(kind, now, event["subject"], effect_id, {})
    keep(connection, receiver, Parcel(row[0], effect), now, "replayed")
    return True


_decode_data = msgspec.json.Decoder(dict[str, Any]).decode


def _listed(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _parcel(row: tuple[Any, ...], first_try: Instant | None, attempts: int) -> Parcel:
    seq, kind, time, customer, effect_id, body, ordinal, shadow = row
    effect = Effect(kind, time, customer, effect_id, _decode_data(body), ordinal, bool(shadow))
    return Parcel(seq, effect, first_try, attempts)
