"""A validator for as much of JSON Schema as our schemas use; anything else in them is an error of the test.

The patterns are the same in ECMAScript and in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "number": (int, float), "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None),
}  # fmt: skip
_SAID_ONLY = {"$schema", "title", "description", "definitions", "format", "enumDescriptions", "patternErrorMessage"}


def complaints(value: Any, schema: Any, root: dict[str, Any] | None = None, at: str = "") -> Iterator[str]:
    """Yield what is wrong with a value, by the place in it."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{at}: cannot be here"
        return
    root = schema if root is None else root
    if "$ref" in schema:  # in draft 7 nothing beside it counts
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from complaints(value, target, root, at)
        return
    for keyword, wanted in schema.items():
        if keyword not in _SAID_ONLY:
            yield from _CHECKS[keyword](value, wanted, schema, root, at)


def _type(value: Any, wanted: Any, *_: Any) -> Iterator[str]:
    allowed = [wanted] if isinstance(wanted, str) else wanted
    fits = any(isinstance(value, _TYPES[each]) for each in allowed)
    if not fits or (isinstance(value, bool) and "boolean" not in allowed):
        yield f"{_[-1]}: {value!r} is no {' or '.join(allowed)}"


def _enum(value: Any, wanted: list[Any], *rest: Any) -> Iterator[str]:
    if not any(value == each and type(value) is type(each) for each in wanted):
        yield f"{rest[-1]}: {value!r} is none of {wanted}"


def _pattern(value: Any, wanted: str, *rest: Any) -> Iterator[str]:
    if isinstance(value, str) and not re.search(wanted, value):
        yield f"{rest[-1]}: {value!r} does not match {wanted}"


def _bounds(value: Any, wanted: float, _: Any, __: Any, at: str, *, sign: int) -> Iterator[str]:
    if isinstance(value, int | float) and sign * value < sign * wanted:
        yield f"{at}: {value} is beyond {wanted}"


def _least(value: Any, wanted: int, _: Any, __: Any, at: str, *, kind: type[Sized]) -> Iterator[str]:
    if isinstance(value, kind) and len(value) < wanted:
        yield f"{at}: fewer than {wanted}"


def _required(value: Any, wanted: list[str], _: Any, __: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{at}: needs {name}" for name in wanted if name not in value)


def _properties(value: Any, wanted: dict[str, Any], _: Any, root: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        if name in wanted:
            yield from complaints(value[name], wanted[name], root, f"{at}/{name}")


def _others(value: Any, wanted: Any, schema: dict[str, Any], root: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        if name not in schema.get("properties", {}):
            yield from complaints(value[name], wanted, root, f"{at}/{name}")


def _names(value: Any, wanted: dict[str, Any], _: Any, root: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from complaints(str(name), wanted, root, f"{at}/{name}")


def _items(value: Any, wanted: dict[str, Any], _: Any, root: Any, at: str) -> Iterator[str]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        yield from complaints(item, wanted, root, f"{at}/{place}")


def _contains(value: Any, wanted: dict[str, Any], _: Any, root: Any, at: str) -> Iterator[str]:
    if isinstance(value, list) and all(any(complaints(item, wanted, root, at)) for item in value):
        yield f"{at}: no item fits"


def _some(value: Any, wanted: list[Any], _: Any, root: Any, at: str, *, allowed: range) -> Iterator[str]:
    found = [list(complaints(value, each, root, at)) for each in wanted]
    fitting = sum(not each for each in found)
    if fitting not in allowed:
        nearest = min(found, key=len)
        yield f"{at}: fits {fitting} of {len(wanted)}; of the nearest: {nearest[:3]}"


def _all(value: Any, wanted: list[Any], _: Any, root: Any, at: str) -> Iterator[str]:
    for each in wanted:
        yield from complaints(value, each, root, at)


_CHECKS: dict[str, Any] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": lambda *args: _bounds(*args, sign=1),
    "maximum": lambda *args: _bounds(*args, sign=-1),
    "minItems": lambda *args: _least(*args, kind=list),
    "minProperties": lambda *args: _least(*args, kind=dict),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _others,
    "propertyNames": _names,
    "items": _items,
    "contains": _contains,
    "anyOf": lambda *args: _some(*args, allowed=range(1, 1000)),
    "oneOf": lambda *args: _some(*args, allowed=range(1, 2)),
    "allOf": _all,
}
