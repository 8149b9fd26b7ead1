"""The schema of the books on PostgreSQL: made at the first start, brought up to date at later ones, checked by readers."""

from __future__ import annotations

from engine.books import dialect
from engine.books.connection import DatabaseError
from engine.books.postgres import SCHEMA, PostgresConnection
from engine.books.queries import VERSION


def bring_up_to_date(connection: PostgresConnection) -> None:
    """Bring the books to the present schema: new ones at once, older ones step by step; one process at a time.

    Raises:
        DatabaseError: a newer winback made them, or we may not change the database.

    """
    if version_of(connection) == VERSION:
        return
    connection.execute("begin")
    try:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", (f"{SCHEMA}.schema",))
        _carry_on(connection, version_of(connection))
        connection.execute("commit")
    except DatabaseError:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def check(connection: PostgresConnection) -> None:
    """See that the books are of the present schema.

    Raises:
        DatabaseError: there are none, or of another one.

    """
    found = version_of(connection)
    if not found:
        raise DatabaseError(f"{connection.server} holds no books of winback yet: start its projector, which makes them")
    if found != VERSION:
        raise DatabaseError(
            f"the books in {connection.server} have schema {found}, this winback reads {VERSION}: "
            "start the projector once, or update it"
        )


def version_of(connection: PostgresConnection) -> int:
    """Return the version of the schema that is there, 0 for none."""
    if connection.execute("select to_regclass(?)", (f"{SCHEMA}.schema_version",)).fetchone()[0] is None:
        return 0
    return int(connection.execute("select version from schema_version").fetchone()[0])


def _carry_on(connection: PostgresConnection, found: int) -> None:
    if found > VERSION:
        newer = f"a newer winback made the books in {connection.server}"
        raise DatabaseError(f"{newer} (schema {found}, this one knows {VERSION}): update it")
    if found < VERSION:
        connection.script(_script_from(found))
        connection.execute("delete from schema_version")
        connection.execute("insert into schema_version (version) values (?)", (VERSION,))


def _script_from(found: int) -> str:
    if found:
        return "\n".join(dialect.step(number) for number in range(found + 1, VERSION + 1))
    # `if not exists` alone would ask for the right to make one also where an administrator has made it for us.
    return (
        f"do $$ begin if to_regnamespace('{SCHEMA}') is null then create schema {SCHEMA}; end if; end $$;\n"
        f"create table schema_version (version bigint not null);\n{dialect.schema()}"
    )
