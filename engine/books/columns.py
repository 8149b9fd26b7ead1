"""Columns of many rows as PostgreSQL takes them: arrays, in its binary format.

psycopg makes arrays as well, but looks at each element for its type first, which takes longer than all the rest here; and
it takes the smallest type that holds the numbers it was given.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct


class Column(Struct, frozen=True):
    """An array as it is sent; `oid` is PostgreSQL's number of its type."""

    oid: int
    raw: bytes


_HEAD: Final = struct.Struct(
    ">iiIii"
).pack  # dimensions, whether nulls may come, type of the elements, length, first index
_LENGTH: Final = struct.Struct(">i").pack
_NUMBER: Final = struct.Struct(">iq").pack
_NULL: Final = _LENGTH(-1)


def _number(value: int | None) -> bytes:
    return _NULL if value is None else _NUMBER(8, value)


def _text(value: str | None) -> bytes:
    return _NULL if value is None else _bytes(value.encode())


def _bytes(value: bytes | None) -> bytes:
    return _NULL if value is None else _LENGTH(len(value)) + value


# By the type of an element: the number of the array's type and of the element's, and how an element is written.
_KINDS: Final[dict[str, tuple[int, int, Callable[[Any], bytes]]]] = {
    "bigint": (1016, 20, _number),
    "text": (1009, 25, _text),
    "bytea": (1001, 17, _bytes),
}


def columns(rows: Sequence[Iterable[Any]], kinds: Sequence[str]) -> list[Column]:
    """Return the columns of rows, each of a kind: bigint, text or bytea. Whole numbers and truths are bigint.

    Raises:
        ValueError: a row has more or fewer values than there are kinds.

    """
    return [_column(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def _column(values: Sequence[Any], kind: str) -> Column:
    array, element, written = _KINDS[kind]
    return Column(array, _HEAD(1, 1, element, len(values), 1) + b"".join(map(written, values)))
