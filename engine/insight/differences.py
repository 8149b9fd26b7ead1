"""What differs between two sets of files, by meaning: keys and steps with what they were and are, never lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import msgspec

from engine.core.rules import Lifecycle, Offer, OwnEvent, Stage, Switch, Workflow
from engine.core.words import in_words
from engine.insight.plan import Difference
from engine.insight.wording import clock, cost, said, share, step_in_words
from engine.language.scalars import WEEKDAYS
from engine.rendering import Brand


def of_workflow(was: Workflow | None, is_: Workflow | None, switched: tuple[Switch, Switch]) -> tuple[Difference, ...]:
    """Return what differs between two versions of a workflow and its switches; of a new or gone one, its stages alone."""
    if was is None or is_ is None:
        there = is_ or was
        assert there is not None, "one of the two sets has it"
        return tuple(_of_stages(was, is_))
    found = [
        *_of_values(_switches(switched[0]), _switches(switched[1])),
        *_of_values(_keys(was), _keys(is_)),
        *_of_lists("enter_when_all", _conditions(was.enter_when_all), _conditions(is_.enter_when_all)),
        *_of_lists("leave_when_any", _conditions(was.leave_when_any), _conditions(is_.leave_when_any)),
        *_of_stages(was, is_),
        *_of_offers(was.offers, is_.offers),
    ]
    return tuple(found)


def of_lifecycle(was: Lifecycle, is_: Lifecycle) -> tuple[Difference, ...]:
    """Return the keys of lifecycle.yaml, and the occasions, that differ."""
    return tuple(_of_values(_lifecycle(was), _lifecycle(is_)))


def of_own_events(was: Mapping[str, OwnEvent], is_: Mapping[str, OwnEvent]) -> tuple[Difference, ...]:
    """Return the shop's own events that differ."""
    return tuple(_of_values(*({f"event {name}": each for name, each in events.items()} for events in (was, is_))))


def of_templates(was: Mapping[str, str], is_: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return which files of templates differ, by path; what stands in them is for whoever previews them."""
    return tuple(
        Difference(f"template {path}", _lines(was.get(path)), _lines(is_.get(path)))
        for path in sorted({*was, *is_})
        if was.get(path) != is_.get(path)
    )


def of_brand(was: Brand, is_: Brand) -> tuple[Difference, ...]:
    """Return the keys of shop.yaml that differ."""
    keys = [
        {f"shop.yaml, {name}": value or None for name, value in msgspec.structs.asdict(brand).items()}
        for brand in (was, is_)
    ]
    return tuple(_of_values(*keys))


def _lines(text: str | None) -> str | None:
    return None if text is None else f"{len(text.splitlines())} lines"


# Keys with one value -------------------------------------------------------------------------------------------------


def _of_values(was: Mapping[str, Any], is_: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the keys whose values differ; None is a key that was left out."""
    for key in {**was, **is_}:
        before, after = was.get(key), is_.get(key)
        if before != after:
            yield Difference(key, *(None if value is None else said(value) for value in (before, after)))


def _switches(switch: Switch) -> dict[str, Any]:
    pace = "skip" if switch.skip_those_who_fit else switch.enter_at_most
    return {"mode": switch.mode, "reach": share(switch.reach), "enter_at_most": pace}


def _keys(workflow: Workflow) -> dict[str, Any]:
    hours, days = workflow.send_between, workflow.send_on
    return {
        "title": workflow.title,
        "owner": workflow.owner or None,
        "again_after": workflow.again_after or "never",
        "holdout": share(workflow.holdout),
        "worth": "positive" if workflow.worth_positive else None,
        "priority": workflow.priority,
        "timezone": workflow.timezone,
        "send_between": None if hours is None else "-".join(map(clock, hours)),
        "send_on": tuple(WEEKDAYS[day] for day in days) or None,
        "late_at_most": workflow.late_at_most,
        "ends_within": workflow.ends_within,
    }


_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "margin": share,
    "margin_by_category": lambda by: {name: share(each) for name, each in by.items()},
    "costs": lambda costs: {name: cost(each) for name, each in costs.items()},
    "lapsed_at_least": lambda days: f"{days}d",
    "lapsed_at_most": lambda days: f"{days}d",
    "quiet": lambda hours: "-".join(map(clock, hours)),
}
"""Keys of lifecycle.yaml whose value is not written as it is kept."""


def _lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(lifecycle).items():
        if name == "occasions":
            told |= {f"occasion {each}": occasion for each, occasion in value.items()}
        elif value is not None:
            told[name] = _WRITTEN[name](value) if name in _WRITTEN else value
    return told


def _of_offers(was: Mapping[str, Offer], is_: Mapping[str, Offer]) -> Iterator[Difference]:
    for name in sorted({*was, *is_}):
        before, after = was.get(name), is_.get(name)
        if before is None or after is None:
            where = f"offer {name}"
            yield Difference(where, *(None if each is None else said(each.what) for each in (before, after)))
        else:
            yield from _of_values(_of_offer(before), _of_offer(after))


def _of_offer(offer: Offer) -> dict[str, Any]:
    keys = {key: value for key, value in msgspec.structs.asdict(offer).items() if key not in ("name", "line")}
    keys["expected_response"] = share(offer.expected_response)
    return {f"offer {offer.name}, {key}": value for key, value in keys.items()}


# Lists: conditions and steps -----------------------------------------------------------------------------------------


def _conditions(conditions: tuple[Any, ...]) -> list[str]:
    return [in_words(each) for each in conditions]


def _of_lists(where: str, was: list[str], is_: list[str]) -> Iterator[Difference]:
    """Yield what was taken out of a list, put in, or stands in another's place."""
    for what, i, k, m, n in SequenceMatcher(None, was, is_, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        before, after = was[i:k], is_[m:n]
        for at in range(max(len(before), len(after))):
            yield Difference(where, before[at] if at < len(before) else None, after[at] if at < len(after) else None)


def _of_stages(was: Workflow | None, is_: Workflow | None) -> Iterator[Difference]:
    before, after = ({each.name: each for each in workflow.stages} if workflow else {} for workflow in (was, is_))
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            where = f"stage {name}"
            yield Difference(where, *(None if each is None else _stage_in_words(each) for each in (old, new)))
        else:
            yield from _of_stage(old, new)
    if was is not None and is_ is not None and was.first.name != is_.first.name:
        yield Difference("first stage", was.first.name, is_.first.name)


def _stage_in_words(stage: Stage) -> str:
    steps = "; ".join(step_in_words(step) for step in stage.steps)
    return f"{steps}; {_follows(stage)}" if steps else _follows(stage)


def _follows(stage: Stage) -> str:
    return f"after: {stage.after}" if stage.after else f"end: {stage.end}"


def _of_stage(was: Stage, is_: Stage) -> Iterator[Difference]:
    where = f"stage {was.name}"
    if was.title != is_.title:
        yield Difference(f"{where}, title", was.title or None, is_.title or None)
    yield from _of_steps(where, was, is_)
    ways = [[f"{in_words(way.condition)}, then: {way.then}" for way in stage.until_any] for stage in (was, is_)]
    yield from _of_lists(f"{where}, until_any", *ways)
    if _follows(was) != _follows(is_):
        yield Difference(f"{where}, what follows", _follows(was), _follows(is_))


def _of_steps(where: str, was: Stage, is_: Stage) -> Iterator[Difference]:
    """Yield steps that are gone, new or changed: the same step is the one with the same key, as for a run that moves."""
    before, after = ([step.key for step in stage.steps] for stage in (was, is_))
    for what, i, k, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            pairs = [*zip(was.steps[i:k], is_.steps[m:n], strict=True)]
            changed = [(step_in_words(old), step_in_words(new)) for old, new in pairs]
            yield from (Difference(f"{where}, steps", *each) for each in changed if each[0] != each[1])
        else:
            yield from (Difference(f"{where}, steps", step_in_words(step), None) for step in was.steps[i:k])
            yield from (Difference(f"{where}, steps", None, step_in_words(step)) for step in is_.steps[m:n])
