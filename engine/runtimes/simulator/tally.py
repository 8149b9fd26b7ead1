"""The tally of a back-test: effects counted as they come, by week, so that nothing is read a second time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from engine.core import effects as fx
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.merging import MERGED
from engine.core.moments import Day, iso_day
from engine.core.money import smallest_units, written
from engine.core.rules import Standing, Workflow
from engine.insight.backtest import STANDINGS, OfferFigures, Report, Weekly

CAPPED = "cap:"
"""How the reason of a deferral begins that a cap is to blame for."""

_INACTIVE = frozenset({Standing.READER, Standing.LAPSED, Standing.FORMER})


class Tally:
    """Counts. `take` gets each effect, `close_week` the standings at each week's end, `fill` writes the report."""

    def __init__(self) -> None:
        self.week = 0
        self.held_out = self.returned = self.returned_without_mail = 0
        self.changes: dict[str, Counter[str]] = defaultdict(Counter)
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.dropped: Counter[str] = Counter()
        self.deferred: Counter[str] = Counter()
        self.issued: Counter[str] = Counter()
        self._entered: Counter[tuple[str, int]] = Counter()
        self._sent: Counter[tuple[str, int]] = Counter()
        self._cost: Counter[tuple[str, int]] = Counter()
        self._standings: list[dict[str, int]] = []
        self._mailed: set[str] = set()  # to whom something was sent since they were last active
        self._counts: dict[str, Callable[[Effect], None]] = {
            fx.STANDING_CHANGED: self._standing_changed,
            fx.RUN_STARTED: self._entered_a_workflow,
            fx.RUN_ENDED: self._ended,
            fx.SEND_REQUESTED: self._send,
            fx.SEND_DEFERRED: self._deferred,
            fx.SEND_DROPPED: self._drop,
            fx.COUPON_ISSUED: self._offer,
        }

    def take(self, effect: Effect) -> None:
        """Count one effect."""
        count = self._counts.get(effect.type)
        if count is not None:
            count(effect)

    def _standing_changed(self, effect: Effect) -> None:
        customer, before, after = effect.customer, effect.data["from"], effect.data["to"]
        self.changes[before][after] += 1
        if before == Standing.ACTIVE:
            self._mailed.discard(customer)
        elif after == Standing.ACTIVE and before in _INACTIVE:
            self.returned += 1
            if customer not in self._mailed:
                self.returned_without_mail += 1

    def _entered_a_workflow(self, effect: Effect) -> None:
        self._entered[effect.data["workflow"], self.week] += 1
        self.held_out += effect.data["held_out"]

    def _ended(self, effect: Effect) -> None:
        self.outcomes[effect.data["workflow"]][effect.data["outcome"]] += 1

    def _send(self, effect: Effect) -> None:
        self._sent[effect.data["template"], self.week] += 1
        self._mailed.add(effect.customer)

    def _deferred(self, effect: Effect) -> None:
        self.deferred[effect.data["reason"]] += 1

    def _drop(self, effect: Effect) -> None:
        self.dropped[effect.data["reason"]] += 1

    def _offer(self, effect: Effect) -> None:
        data = effect.data
        self.issued[data["name"]] += 1
        self._cost[data["name"], self.week] += smallest_units(Decimal(data["cost"]), data["currency"])

    # Weeks and the end

    def close_week(self, standings: Counter[Standing]) -> None:
        """Note the standings at the end of a week; what comes next counts for the one after it."""
        self._standings.append(by_name(standings))
        self.week += 1

    def fill(self, report: Report, customers: Iterable[Customer], workflows: Iterable[Workflow], monday: Day) -> None:
        """Write all counts into the report. `monday` begins the first week; the last one has been closed."""
        customers = [each for each in customers if not each.gone.startswith(MERGED)]
        names = [each.name for each in workflows]
        report.customers = len(customers)
        report.gone = sum(bool(each.gone) for each in customers)
        report.stuck = sum(bool(each.stuck) for each in customers)
        report.standings = dict(self._standings[-1])
        report.standing_changes = {before: in_order(self.changes[before]) for before in sorted(self.changes)}
        report.workflows = {each.name: each.title for each in workflows}
        report.open = dict.fromkeys(names, 0) | in_order(Counter(r.workflow for c in customers for r in c.runs))
        report.held_out = self.held_out
        report.outcomes = {name: in_order(self.outcomes[name]) for name in names}
        report.returned, report.returned_without_mail = self.returned, self.returned_without_mail
        report.dropped, report.deferred_for = in_order(self.dropped), in_order(self.deferred)
        report.deferred = sum(self.deferred.values())
        report.capped = sum(number for why, number in self.deferred.items() if why.startswith(CAPPED))
        report.weeks = [iso_day(monday + 7 * week) for week in range(self.week)]
        report.weekly = Weekly(
            standings={name: [each[name] for each in self._standings] for name in STANDINGS},
            entered={name: self._series(self._entered, name) for name in names},
            sends={name: self._series(self._sent, name) for name in sorted({name for name, _ in self._sent})},
            offer_cost={name: self._series(self._cost, name) for name in sorted(self.issued)},
        )
        report.entered = {name: sum(series) for name, series in report.weekly.entered.items()}
        report.sends = {name: sum(series) for name, series in report.weekly.sends.items()}
        report.offers = {
            name: OfferFigures(self.issued[name], written(sum(series), report.currency))
            for name, series in report.weekly.offer_cost.items()
        }

    def _series(self, counted: Counter[tuple[str, int]], name: str) -> list[int]:
        return [counted[name, week] for week in range(self.week)]


def by_name(counted: Counter[Standing]) -> dict[str, int]:
    """Return counts by standing under their names, in the order reports show them."""
    return {name: counted[Standing(name)] for name in STANDINGS}


def in_order(counted: Counter[str]) -> dict[str, int]:
    """Return counts, the largest first, then by name: the same wherever they are counted."""
    return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))
