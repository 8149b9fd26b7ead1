"""One run of a back-test told as a scenario, to be pasted into NAME.scenarios.yaml.

A telling is tried before it is shown: it is played, and what it can do without is left out as long as the same comes of
it. So the facts that stay are those that mattered. Where none agrees, it says how it goes otherwise, and what of the
customer a scenario has no words for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, product

from msgspec import Struct
from msgspec.structs import replace

from engine.core.causes import cause_of
from engine.core.customer import Customer, Run
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.fields import average_basket, first_order
from engine.core.moments import DAY, HOUR, MINUTE, Day, Instant, Length, Zone, iso_day, zone
from engine.core.money import Money
from engine.core.rules import Lifecycle, Mode, Purpose, RuleSet, Standing, Workflow
from engine.insight.backtest import ToldRun
from engine.language.problems import Spot
from engine.language.scenario_writing import as_yaml
from engine.language.scenarios import OPTIONAL, Action, EndedBefore, Expected, Given, Happening, Scenario
from engine.runtimes.simulator.actions import action_of
from engine.runtimes.simulator.discreet import asked_of, told_of, unsaid
from engine.runtimes.simulator.scenarios import Played, play
from engine.runtimes.simulator.shortening import shortened

NOWHERE = Spot("", 1, 1)


class Begun(Struct, frozen=True, kw_only=True):
    """A run as it began: the record before it, the standing then, and how many idle days were not yet a lapse."""

    run: Run
    before: Customer
    standing: Standing
    days_to_lapse: int
    by_event: bool  # began with an event, which is the first of the story


class Telling:
    """One run, told again."""

    def __init__(
        self, begun: Begun, events: Sequence[Event], effects: Sequence[Effect], rule_set: RuleSet, end: Instant
    ) -> None:
        """Take the run, all events of the customer, the run's own effects, and the end of the back-test."""
        self.begun, self.rule_set = begun, rule_set
        self.workflow: Workflow = rule_set.workflows[begun.run.workflow]
        self.zone: Zone = zone(rule_set.lifecycle.timezone)
        began = begun.run.began
        self.start: Instant = began - self.zone.clock(began) % MINUTE
        self.first: Day = self.zone.day(began)
        self.outcome = next((str(each.data["outcome"]) for each in effects if "outcome" in each.data), "")
        self.end = effects[-1].time if self.outcome else end - 1
        since = began if begun.by_event else began + 1
        self.events = [each for each in events if since <= each.time <= self.end]
        self.actions = [
            (self.zone.day(each.time) - self.first, action) for each in effects if (action := action_of(each))
        ]

    def told(self) -> ToldRun:
        """Return the shortest telling that agrees; where none does, a whole one, with what it leaves out."""
        whole = [self._scenario(given) for given in self._givens()]
        for scenario in whole:
            agreed = self._agreed(scenario)
            if agreed is not None:
                return ToldRun(self.workflow.name, as_yaml(shortened(agreed, self._agrees), self._comments()), [])
        left_out = list(unsaid(self.begun.before, self.begun.run, self.events, self.workflow, self.rule_set))
        played = play(whole[0], self.workflow, self.rule_set)
        said = [played.standing] if played.standing else [str(each) for each in played.difference[:3]]
        comments = [*self._comments(), "It cannot be told whole, and goes otherwise:", *said, "Left out:", *left_out]
        return ToldRun(self.workflow.name, as_yaml(whole[0], comments), left_out)

    def _comments(self) -> list[str]:
        if self.outcome:
            return []
        last = self.zone.day(self.end) - self.first
        return [f"The history ends on day {last}; what follows is how it goes on if nothing happens."]

    # Played

    def _play(self, scenario: Scenario) -> Played:
        return play(scenario, self.workflow, self.rule_set)

    def _agrees(self, scenario: Scenario) -> bool:
        return self._play(scenario).passed

    def _agreed(self, scenario: Scenario) -> Scenario | None:
        """Return the scenario if it agrees; of a run that the history cut off, with what is played after it."""
        played = self._play(scenario)
        if played.passed or self.outcome or played.standing:
            return scenario if played.passed else None
        last = self.zone.day(self.end) - self.first
        later = [(day, action) for day, action in played.happened if day > last and not action.startswith(OPTIONAL)]
        longer = replace(scenario, expect=_expected([*self.actions, *later]))
        return longer if self._agrees(longer) else None

    # The scenario

    def _scenario(self, given: Given) -> Scenario:
        outcome = f"end {self.outcome}" if self.outcome else "still under way"
        return Scenario(
            title=f"As it happened from {iso_day(self.first)} on: {outcome}",
            starts=self.first,
            clock=self.zone.clock(self.start) // MINUTE,
            given=given,
            when=tuple(self._happening(each) for each in self.events),
            expect=_expected(self.actions),
            spot=NOWHERE,
        )

    def _happening(self, event: Event) -> Happening:
        at = Length(minutes=max(0, event.time - self.start) // MINUTE)
        return Happening(at, event.type, told_of(event, self.workflow, self.rule_set), NOWHERE)

    # What is given

    def _givens(self) -> Iterator[Given]:
        """What may have been so at the start: of what a scenario says only roughly, each of the near readings."""
        known, before = self._known(), self.begun.before
        intervals = _intervals(self.begun.days_to_lapse, self.rule_set.lifecycle) or [known.reorder_interval]
        clicks = dict.fromkeys([self._marks("email.clicked", 90), 0])
        opens = dict.fromkeys([self._marks("email.opened", 180), 0])
        standings = (self.begun.standing, None) if before.orders else (None,)
        for standing, interval, clicked, opened in product(standings, intervals, clicks, opens):
            yield replace(
                known, standing=standing, reorder_interval=interval, clicked_mails=clicked, opened_mails=opened
            )

    def _known(self) -> Given:
        """What a scenario can say as it was."""
        run, before, lifecycle = self.begun.run, self.begun.before, self.rule_set.lifecycle
        cause = cause_of(before, run.began)
        mails = [each for each in before.releases if each.purpose == Purpose.MARKETING]
        last_codes = {name: code for code, name in before.codes_given if before.offers_had.get(name)}
        allowed = {
            name.removesuffix("/email"): each.at
            for name, each in before.permission.items()
            if each.given and name.partition("/")[0] not in before.stopped
        }
        return Given(
            orders=len(before.orders) + (before.folded.orders if before.folded else 0),
            first_order=self._first_order(),
            last_order=self._days_ago(before.orders[-1].at) if before.orders else None,
            basket=_basket(before, lifecycle),
            categories=before.orders[-1].categories if before.orders else (),
            permission=tuple(sorted(allowed)),
            permission_since=self._days_ago(min(allowed.values())) if allowed else None,
            address=before.address,
            held_out=run.held_out,
            tags=before.tags,
            cause=cause.cause if cause else "",
            offers_had={name: self._days_ago(times[-1]) for name, times in before.offers_had.items() if times},
            offers_used=tuple(name for name, code in sorted(last_codes.items()) if code in before.used_codes),
            sent={each.template: self._ago(each.at) for each in mails},
            other_mail=self._ago(before.other_mail) if before.other_mail else None,
            ended=self._ended(),
            profile=asked_of(before, self.workflow, lifecycle),
        )

    def _first_order(self) -> Length | None:
        before = self.begun.before
        first = first_order(before)
        return None if first is None or len(before.orders) < 2 else Length(days=self.first - first)

    def _ended(self) -> EndedBefore | None:
        past = [(each.at, name, each) for name, each in self.begun.before.ended.items() if each.mode is Mode.LIVE]
        if not past:
            return None
        at, name, ended = max(past, key=lambda each: (each[1] == self.workflow.name, each[:2]))
        began = self._days_ago(ended.began)
        return EndedBefore(workflow=name, outcome=ended.outcome, ago=self._days_ago(at), began=began)

    def _marks(self, kind: str, days: int) -> int:
        """How many of the latest days before the start had something that a person did."""
        marks = self.begun.before.trail.get(kind, ())
        recent = [each for each in marks if each.at >= self.start - days * DAY]
        return sum(not (each.fields or {}).get("machine") for each in recent)

    def _days_ago(self, at: Instant) -> Length:
        return Length(days=max(0, self.first - self.zone.day(at)))

    def _ago(self, at: Instant) -> Length:
        """So long ago: by the hour where it is of the last days, as what counts in hours is of those."""
        past = max(0, self.start - at)
        return Length(days=past // DAY) if past > 4 * DAY else Length(minutes=60 * (past // HOUR))


def _expected(actions: Sequence[tuple[Day, str]]) -> tuple[Expected, ...]:
    made = []
    for day, together in groupby(actions, key=lambda each: each[0]):
        said = [action.partition(" ") for _, action in together]
        made.append(Expected(Length(days=day), tuple(Action(kind, what, NOWHERE) for kind, _, what in said), NOWHERE))
    return tuple(made)


def _basket(customer: Customer, lifecycle: Lifecycle) -> Money | None:
    average = average_basket(customer, lifecycle.currency)
    return Money(average, lifecycle.currency) if average else None


def _intervals(days_to_lapse: int, lifecycle: Lifecycle) -> list[Length]:
    """Return the intervals that make a customer inactive after so many days, or about as many, the shorter first."""
    rule = lifecycle.lapsed_after
    if not days_to_lapse or rule.of == "days":
        return []
    exact = days_to_lapse / rule.fraction if rule.of != "quantile" else days_to_lapse
    return [Length(days=each) for each in dict.fromkeys([max(1, int(exact)), int(exact) + 1])]
