"""What happened, counted by shop day: so that nobody has to read a day's effects to be told what it brought.

A few rows a day, changed with each commit by what its effects add. They name workflows, templates and reasons, never a
customer, so they are kept for good.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.moments import Day

SENT: Final = "sent"
"""What a hand-over is counted as; effects are counted by their own type, without `winback.`."""

LONGEST: Final = 80
"""Letters of a detail: a reason is a short phrase, and must not fill the table where it is not."""

_DETAIL: Final = {
    fx.SEND_REQUESTED: "template",
    fx.SEND_HELD_OUT: "template",
    fx.SEND_DEFERRED: "reason",
    fx.SEND_DROPPED: "reason",
    fx.RUN_ENDED: "outcome",
    fx.HANDED_OFF: "team",
    fx.SEND_GIVEN_OUT: "channel",
    fx.SUPPRESSED: "scope",
    fx.COUPON_ISSUED: "name",
    fx.STANDING_CHANGED: "to",
}
"""The field of an effect's data that its count is split by; others are counted as one."""


class Tally:
    """The table `tally`, as of the transaction under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.forget()

    def forget(self) -> None:
        """Forget what was not committed."""
        self._counts: Counter[tuple[str, str, str, bool]] = Counter()

    def note(self, effect: Effect) -> None:
        """Count an effect."""
        data, field = effect.data, _DETAIL.get(effect.type)
        detail = _short(data.get(field)) if field else ""
        self._counts[effect.type.removeprefix("winback."), data.get("workflow") or "", detail, effect.shadow] += 1

    def handed_over(self, workflow: str, template: str) -> None:
        """Count a send that was taken by the mail server, or by whoever takes what goes by another channel."""
        self._counts[SENT, workflow, template, False] += 1

    def clear(self) -> None:
        """Forget what was counted so far: `go-live` forgets the rehearsal."""
        self._connection.execute(QUERIES["clear_tally"])
        self.forget()

    def flush(self, day: Day) -> None:
        """Add what was counted to a day."""
        if self._counts:
            rows = sorted(
                (day, *key, count) for key, count in self._counts.items()
            )  # two processes take them in one order
            self._connection.executemany(QUERIES["add_tally"], rows)
            self.forget()


def _short(value: Any) -> str:
    """Return a detail without what it goes into after a colon: of `late: cap: 1 per 7d` it is the lateness that counts."""
    return str(value or "").partition(": ")[0][:LONGEST]
