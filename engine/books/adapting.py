"""How values come and go between psycopg and the books: as SQLite has them. Imported with the first connection."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from engine.books.columns import Column


class SumLoader(NumericBinaryLoader):
    """Sums of whole numbers are whole; there are no other numerics."""

    def load(self, data: Any) -> Any:
        """Return the number."""
        return int(super().load(data))


class ColumnDumper(Dumper):
    """A column is sent as it is, under its own type."""

    format = Format.BINARY

    def __init__(self, cls: type, context: Any = None, oid: int = 0) -> None:
        super().__init__(cls, context)
        self.oid = oid

    def get_key(self, obj: Column, format: Any) -> Any:  # noqa: A002, ARG002 - psycopg's name, and its face
        """Return what a dumper is kept under: there is one for each type of array."""
        return Column, obj.oid

    def upgrade(self, obj: Column, format: Any) -> ColumnDumper:  # noqa: A002, ARG002 - as above
        """Return the dumper of a column's own type."""
        return ColumnDumper(Column, None, obj.oid)

    def dump(self, obj: Column) -> bytes:
        """Return the bytes."""
        return obj.raw


def adapt(connection: Connection[Any]) -> None:
    """Let every number be a whole one of 64 bits, and truths be numbers, since the tables have no booleans."""
    connection.adapters.register_dumper(Column, ColumnDumper)
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(bool, Int8BinaryDumper)
    connection.adapters.register_loader("numeric", SumLoader)
