"""Who may be written to by mail, by purpose; why the others may not; and whose permission is about to lapse.

Asked of the records by the gate's own answer, since time alone takes permissions away: no column could say it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.core.conditions import View, used_at
from engine.core.customer import ASSUMED, Customer
from engine.core.gate import refusal
from engine.core.moments import Instant, Length
from engine.core.permits import permit_of
from engine.core.rules import Lifecycle, Purpose, Send

SOON: Final = Length(days=30)
PURPOSES: Final = (Purpose.MARKETING, Purpose.NEWSLETTER)
_BY_MAIL: Final = {purpose: Send(key="", template="", purpose=purpose) for purpose in PURPOSES}


class Mailing(Struct, frozen=True):
    """How it is with permission to mail: `status --json` has it as `mailing`.

    `looked_at` customers were looked at, evenly spread where they are not all; the counts are for all then, by proportion
    (`estimated`). `allowed` may be written to now, by purpose; `refused` may not, by purpose and reason. `lapsing` may be
    written to now and no more within 30 days, if nothing happens; of `unused` the permission was not used for unused_warn.
    """

    looked_at: int
    estimated: bool
    allowed: dict[str, int]
    refused: dict[str, dict[str, int]]
    lapsing: dict[str, int]
    unused: dict[str, int]


class Counting:
    """Counts customers one by one."""

    def __init__(self, lifecycle: Lifecycle, now: Instant) -> None:
        self._lifecycle, self._now = lifecycle, now
        self._looked_at = 0
        self._allowed, self._lapsing, self._unused = ({each.value: 0 for each in PURPOSES} for _ in range(3))
        self._refused: dict[str, dict[str, int]] = {each.value: {} for each in PURPOSES}

    def see(self, customer: Customer) -> None:
        """Count a customer."""
        self._looked_at += 1
        view = View(customer, self._now, self._lifecycle)
        for purpose in PURPOSES:
            reason = refusal(view, _BY_MAIL[purpose])
            if reason:
                reasons = self._refused[purpose.value]
                reasons[reason] = reasons.get(reason, 0) + 1
            else:
                self._see_allowed(view, purpose.value)

    def _see_allowed(self, view: View, purpose: str) -> None:
        self._allowed[purpose] += 1
        until = permit_of(view, purpose, "email").until
        if until is not None and until <= view.zone.after(self._now, SOON):
            self._lapsing[purpose] += 1
        warn = view.permission_rule.unused_warn
        said = view.customer.permission.get(f"{purpose}/email")
        if warn is not None and said is not None and said.basis != ASSUMED:
            self._unused[purpose] += view.zone.after(used_at(view, said, "email"), warn) <= self._now

    def counted(self, customers: int) -> Mailing:
        """Return the counts, as they would be of so many customers."""
        estimated = self._looked_at < customers

        def for_all(counts: dict[str, int]) -> dict[str, int]:
            if not estimated:
                return counts
            return {name: round(count * customers / self._looked_at) for name, count in counts.items()}

        return Mailing(
            looked_at=self._looked_at,
            estimated=estimated,
            allowed=for_all(self._allowed),
            refused={
                purpose: dict(sorted(for_all(reasons).items(), key=lambda each: (-each[1], each[0])))
                for purpose, reasons in self._refused.items()
            },
            lapsing=for_all(self._lapsing),
            unused=for_all(self._unused),
        )
