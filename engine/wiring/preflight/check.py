"""What one check of a preflight says."""

from __future__ import annotations

from msgspec import Struct

ERROR = "error"
WARNING = "warning"


class Check(Struct, frozen=True):
    """One thing that must be right before the first mail.

    `level` says what it means that it is not: `error` keeps a shop from going live, `warning` does not; empty where it is
    right. `hint` is the cure, or what to think of.
    """

    name: str
    ok: bool
    message: str
    hint: str = ""
    level: str = ""


def right(name: str, message: str, hint: str = "") -> Check:
    """Return a check that found what it looked for."""
    return Check(name, ok=True, message=message, hint=hint)


def wrong(name: str, message: str, hint: str, level: str = ERROR) -> Check:
    """Return a check that did not."""
    return Check(name, ok=False, message=message, hint=hint, level=level)


def not_known(name: str, message: str, hint: str) -> Check:
    """Return a check that could not be made: nobody knows, so it keeps nobody from going live."""
    return wrong(name, message, hint, WARNING)
