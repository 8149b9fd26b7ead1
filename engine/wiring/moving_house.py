"""Moving house: everything a shop would miss into one file, and out of it into an engine that was never used.

Between an embedded engine and a distributed one, or from one of a kind to another. Timers and runs go on where they were;
the ledger goes along, so nothing that left leaves again. The secret does not: it is brought by hand, and checked.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.effect_files import come_to, position_of
from engine.books import pools
from engine.books.connection import Connection, DatabaseError
from engine.books.database import Lock, Where, open_to_read, open_to_write, present
from engine.books.journal import decode_signal
from engine.books.queries import VERSION
from engine.books.state_file import Manifest, Progress, StateFileError, StateReader, StateWriter, fingerprint
from engine.books.tables import Table, fill, is_empty, rows_of, tables
from engine.core.ids import event_ref
from engine.core.shop import Shop
from engine.core.signals import Happened
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.settings import Settings, SettingsError

REFS: Final = "refs"
"""The part with the references that were seen last of each customer, for an engine that keeps them with customers."""

REFS_KEPT: Final = 64
REF_BYTES: Final = 8

FILES: Final = "files"
"""The part that says how far effect files have come."""

EMBEDDED, DISTRIBUTED = "embedded", "distributed"

_NOT_BY_REFERENCE: Final = frozenset({"order.placed", "order.cancelled"})
"""Events that are known by what they are about."""

_USED: Final = ("shop", "customer", "rule_set", "ledger", "effect", "outbox", "journal", "identity")
"""Tables that have rows once an engine has run."""

_decode_shop = msgspec.msgpack.Decoder(Shop).decode


class MovedIn(Struct, frozen=True):
    """What an import brought: the file's manifest, and rows by part."""

    manifest: Manifest
    rows: dict[str, int]


def secret_of(settings: Settings, environment: Mapping[str, str]) -> Secrets:
    """Return the keys of the secret that is there; none is made here, since it would be another shop's.

    Raises:
        SettingsError: there is none, or it cannot be used.

    """
    if not environment.get("WINBACK_SECRET") and not settings.secret_place.exists():
        raise SettingsError(
            f"{settings.secret_place} does not exist: bring the shop's secret from where it was, or set WINBACK_SECRET to it"
        )
    return keys_of(settings, environment)


# Out -------------------------------------------------------------------------------------------------------------------


def out_of_folder(settings: Settings, secrets: Secrets, writer: StateWriter) -> Manifest:
    """Write what an embedded engine holds, which must not run meanwhile.

    Raises:
        DatabaseError: it runs, or was never started, or its database cannot be read.

    """
    data = settings.data
    if not present(data):
        raise DatabaseError(f"{data} holds no engine that was ever started")
    with Lock(data):
        open_to_write(data).close()  # brings an older one up to date
        with closing(open_to_read(data)) as connection:
            connection.execute("begin")
            write_tables(connection, writer)
            write_refs(writer, _refs_of_journal(connection))
            writer.write(FILES, ("position",), (), [(position_of(data),)])
            return finish(connection, secrets, writer, EMBEDDED)


def write_tables(
    connection: Connection, writer: StateWriter, *, instead: Mapping[str, Iterable[Any]] | None = None
) -> None:
    """Write all tables; for some other rows `instead` of what they hold."""
    for table in tables():
        rows = (instead or {}).get(table.name)
        writer.write(table.name, table.columns, table.blobs, rows_of(connection, table) if rows is None else rows)


def write_refs(writer: StateWriter, refs: Mapping[str, bytes]) -> None:
    """Write the references that were seen last of each customer."""
    writer.write(REFS, ("customer", "refs"), ("refs",), sorted(refs.items()))


def finish(connection: Connection, secrets: Secrets, writer: StateWriter, engine: str) -> Manifest:
    """Write the manifest, and return it.

    Raises:
        DatabaseError: no engine was ever started there.

    """
    found = connection.execute("select accepted from shop").fetchone()
    if found is None:
        raise DatabaseError("no engine was ever started there")
    customers = writer.parts["customer"].rows
    return writer.finish(
        schema=VERSION, engine=engine, as_of=found[0], secret=fingerprint(secrets.codes), customers=customers
    )


def _refs_of_journal(connection: Connection) -> dict[str, bytes]:
    """Return the last references of each customer, as far as the journal tells."""
    found: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=REFS_KEPT))
    for customer, raw in connection.execute("select customer, signal from journal order by seq"):
        signal = decode_signal(raw)
        if customer and isinstance(signal, Happened) and signal.event.type not in _NOT_BY_REFERENCE:
            found[customer].append(event_ref(signal.event.source, signal.event.id)[:REF_BYTES])
    return {customer: b"".join(refs) for customer, refs in found.items()}


# In --------------------------------------------------------------------------------------------------------------------


def check(reader: StateReader, secrets: Secrets, progress: Progress) -> None:
    """See to it that a file is whole, of this version and of this shop.

    Raises:
        StateFileError: it is not.

    """
    manifest = reader.manifest
    if manifest.schema != VERSION:
        raise StateFileError(
            f"the state was exported with schema {manifest.schema}, and this winback has {VERSION}: use the same version on"
            " both sides, and update afterwards"
        )
    if manifest.secret != fingerprint(secrets.codes):
        raise StateFileError(
            "the secret is another one than the shop's: links and codes that were sent would be worth nothing. Bring the"
            " secret from where the state was exported"
        )
    reader.check(progress)


def into_folder(settings: Settings, reader: StateReader, progress: Progress) -> dict[str, int]:
    """Fill an empty data folder; return the rows by part.

    Raises:
        DatabaseError: an engine runs there, or it is not empty.

    """
    data = settings.data
    with Lock(data), closing(open_to_write(data)) as connection:
        must_be_unused(connection, data)
        connection.execute("begin immediate")
        rows = {table.name: _fill(connection, table, reader, progress) for table in tables()}
        connection.execute("commit")
        connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        last = connection.execute("select coalesce(max(seq), 0) from effect").fetchone()[0]
    come_to(data, last, next((position for (position,) in reader.rows(FILES)), last))
    return rows


def must_be_unused(connection: Connection, where: Where) -> None:
    """See to it that no engine ever ran there.

    Raises:
        DatabaseError: one has.

    """
    used = [name for name in _USED if not is_empty(connection, name)]
    if used:
        raise DatabaseError(
            f"{where} is not empty ({', '.join(used)}): a shop moves into a place that was never used, so that nothing is mixed"
        )


def fill_tables(
    connection: Connection,
    reader: StateReader,
    progress: Progress,
    *,
    changed: Mapping[str, Callable[[Iterable[list[Any]]], Iterable[Any]]] | None = None,
) -> dict[str, int]:
    """Fill all tables in the transaction under way; rows of some are `changed` on the way."""
    return {
        table.name: _fill(connection, table, reader, progress, (changed or {}).get(table.name, iter))
        for table in tables()
    }


def _fill(
    connection: Connection,
    table: Table,
    reader: StateReader,
    progress: Progress,
    changed: Callable[[Iterable[list[Any]]], Iterable[Any]] = iter,
) -> int:
    part = reader.manifest.parts.get(table.name)
    if part is not None and part.columns != table.columns:
        raise StateFileError(f"{table.name} has other columns than this version knows: {', '.join(part.columns)}")
    written = fill(connection, table, changed(reader.rows(table.name)))
    progress(table.name, written)
    return written


def codes_put_back(shop: Shop) -> Callable[[Iterable[list[Any]]], Iterator[list[Any]]]:
    """Return what makes codes that lay ready with the one engine those of their pools again, for partitions to be granted."""
    held = {code for codes in shop.codes.values() for code in codes}
    place = next(table for table in tables() if table.name == "pool_code").columns

    def changed(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
        for row in rows:
            if row[place.index("code")] in held:
                row[place.index("state")] = pools.READY
            yield row

    return changed


def shop_in(reader: StateReader) -> Shop:
    """Return the shop's state that a file holds.

    Raises:
        StateFileError: it holds none.

    """
    place = next(table for table in tables() if table.name == "shop").columns.index("state")
    for row in reader.rows("shop"):
        return _decode_shop(row[place])
    raise StateFileError("the file holds no shop that was ever started")
