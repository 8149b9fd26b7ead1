"""Which order has which code, where several processes redeem: the first one that says so, in one row of PostgreSQL.

The books are a moment old, so what they say of a code cannot be what decides between two orders.
"""

from __future__ import annotations

from engine.books.connection import Connection
from engine.core.moments import Instant


def claim(connection: Connection, code: str, order_id: str, now: Instant) -> str:
    """Let an order have a code, unless another has it; return the order that has it. The same order may ask again."""
    connection.execute(
        "insert into redemption (code, order_id, at) values (?, ?, ?) on conflict (code) do nothing",
        (code, order_id, now),
    )
    row = connection.execute("select order_id from redemption where code = ?", (code,)).fetchone()
    return str(row[0])
