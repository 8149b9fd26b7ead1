"""Looking into JSON that others wrote: nothing in it is sure to be there, or to be of the kind it should be."""

from __future__ import annotations

from typing import Any


def at(body: Any, *path: str | int) -> Any:
    """Return what stands at a path in a decoded body, None where there is nothing of the kind."""
    for name in path:
        try:
            body = body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body
