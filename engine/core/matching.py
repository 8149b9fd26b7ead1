"""Whether fields have the values that a `where:` asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def matches(where: dict[str, Any], read: Callable[[str], Any]) -> bool:
    """Say whether fields have the values asked for; a list matches by any of its items."""
    for name, wanted in where.items():
        found = read(name)
        if isinstance(found, list | tuple):
            if not any(is_same(each, wanted) for each in found):
                return False
        elif not is_same(found, wanted):
            return False
    return True


def is_same(found: Any, wanted: Any) -> bool:
    """Say whether a value is the one asked for: a number written as text is that number; yes and no are no numbers."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, str) and not isinstance(found, str):
        return found is not None and str(found) == wanted
    return bool(found == wanted)
