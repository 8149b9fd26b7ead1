"""A scenario without what it can do without: each fact is left out in turn, and stays out if the same comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from engine.core.moments import Length
from engine.language.scenarios import Given, Happening, Scenario

DAY_IN_MINUTES = 24 * 60
TRIED_ONE_BY_ONE = 40
"""Of more events than that, the rest stays: each that is tried is a scenario played."""

Agrees = Callable[[Scenario], bool]
_MAY_GO = (
    "first_order",
    "tags",
    "sent",
    "other_mail",
    "offers_used",
    "offers_had",
    "ended",
    "cause",
    "opened_mails",
    "permission",
    "permission_since",
    "basket",
    "categories",
    "reorder_interval",
)
"""What of `given:` is left out where it does not matter; what says who the customer is stays."""


def shortened(scenario: Scenario, agrees: Agrees) -> Scenario:
    """Return the shortest scenario that still agrees, going from what is told most often to what is told once."""
    for shorter in (_fewer_kinds, _fewer_events, _whole_days, _less_data, _less_given, _less_of_profile):
        scenario = shorter(scenario, agrees)
    return scenario


def _first(scenario: Scenario, shorter: Iterator[Scenario], agrees: Agrees) -> Scenario:
    return next((each for each in shorter if agrees(each)), scenario)


def _fewer_kinds(scenario: Scenario, agrees: Agrees) -> Scenario:
    for kind in dict.fromkeys(each.event for each in scenario.when):
        kept = tuple(each for each in scenario.when if each.event != kind)
        scenario = _first(scenario, iter([replace(scenario, when=kept)]), agrees)
    return scenario


def _fewer_events(scenario: Scenario, agrees: Agrees) -> Scenario:
    for each in scenario.when[:TRIED_ONE_BY_ONE]:
        kept = tuple(other for other in scenario.when if other is not each)
        scenario = _first(scenario, iter([replace(scenario, when=kept)]), agrees)
    return scenario


def _whole_days(scenario: Scenario, agrees: Agrees) -> Scenario:
    """Say when in days, all at once or one by one; else in hours."""
    in_days = replace(scenario, when=tuple(next(_rounder(each)) for each in scenario.when))
    if agrees(in_days):
        return in_days
    for place, each in enumerate(scenario.when[:TRIED_ONE_BY_ONE]):
        before, after = scenario.when[:place], scenario.when[place + 1 :]
        others = (replace(scenario, when=(*before, other, *after)) for other in _rounder(each))
        scenario = _first(scenario, others, agrees)
    return scenario


def _rounder(one: Happening) -> Iterator[Happening]:
    minutes = one.at.minutes
    days, hours = divmod(minutes, DAY_IN_MINUTES)
    for at in (Length(days=days), Length(days=days + bool(hours)), Length(minutes=minutes // 60 * 60)):
        yield Happening(at, one.event, one.data, one.spot)


def _less_data(scenario: Scenario, agrees: Agrees) -> Scenario:
    for place, each in enumerate(scenario.when[:TRIED_ONE_BY_ONE]):
        for name in each.data:
            told = scenario.when[place]
            data = {other: value for other, value in told.data.items() if other != name}
            bare = Happening(told.at, told.event, data, told.spot)
            when = (*scenario.when[:place], bare, *scenario.when[place + 1 :])
            scenario = _first(scenario, iter([replace(scenario, when=when)]), agrees)
    return scenario


def _less_given(scenario: Scenario, agrees: Agrees) -> Scenario:
    usual = msgspec.structs.asdict(Given())
    for name in _MAY_GO:
        given = replace(scenario.given, **{name: usual[name]})
        if given != scenario.given:
            scenario = _first(scenario, iter([replace(scenario, given=given)]), agrees)
    return scenario


def _less_of_profile(scenario: Scenario, agrees: Agrees) -> Scenario:
    for name in scenario.given.profile:
        profile = {other: value for other, value in scenario.given.profile.items() if other != name}
        given = replace(scenario.given, profile=profile)
        scenario = _first(scenario, iter([replace(scenario, given=given)]), agrees)
    return scenario
