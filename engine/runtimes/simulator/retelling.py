"""One customer's runs of a back-test, gathered to be told again as scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.core.customer import Customer, Run
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.fields import last_order
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.signals import AnySignal, Happened
from engine.core.standing import judge, threshold_days
from engine.insight.backtest import ToldRun
from engine.runtimes.simulator.telling import Begun, Telling


class Retelling:
    """Gathers what a back-test sees of one customer: `signal`, `saved` and `effect` come in the order of time."""

    def __init__(self, rules: Callable[[], Rules]) -> None:
        """Gather; `rules` returns those of the back-test, with its shop as it is then."""
        self._rules = rules
        self._events: list[Event] = []
        self._effects: list[Effect] = []
        self._begun: list[Begun] = []
        self._deciding: Event | None = None

    def signal(self, signal: AnySignal) -> None:
        """Note what is about to be decided."""
        self._deciding = signal.event if isinstance(signal, Happened) and not signal.history else None
        if self._deciding is not None:
            self._events.append(self._deciding)

    def saved(self, before: Customer | None, after: Customer) -> None:
        """Note runs that have begun, with the record before them."""
        known = {run.id for run in before.runs} if before else set()
        record = before or Customer(after.id, permission=after.permission, profile=after.profile)
        self._begun += [self._as_begun(run, record) for run in after.runs if run.id not in known]

    def _as_begun(self, run: Run, record: Customer) -> Begun:
        rules = self._rules()
        by_event = self._deciding is not None and self._deciding.time == run.began
        last, thresholds = last_order(record), rules.shop.thresholds
        return Begun(
            run=run,
            before=record,
            standing=judge(record, run.began - by_event, rules.lifecycle, thresholds).standing,
            days_to_lapse=0 if last is None else threshold_days(record, last, rules.lifecycle, thresholds),
            by_event=by_event,
        )

    def effect(self, effect: Effect) -> None:
        """Note an effect."""
        self._effects.append(effect)

    def told(self, rule_set: RuleSet, end: Instant) -> Iterator[ToldRun]:
        """Tell each run of the customer as a scenario. `end` is where the back-test ended."""
        for begun in self._begun:
            mine = [effect for effect in self._effects if effect.data.get("run") == begun.run.id]
            yield Telling(begun, self._events, mine, rule_set, end).told()
