"""Workflows as frozen values, and the set of rules they belong to.

`line` and `file` say where in the YAML a thing stands, for `explain`; they are no part of a version's content.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from engine.core.moments import Length
from engine.core.rules.conditions import AnyCondition
from engine.core.rules.lifecycle import Lifecycle
from engine.core.rules.offers import Offer
from engine.core.rules.steps import AnyStep, jumps
from engine.core.rules.terms import WHOLE, Mode, Share


class WayOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `until_any`: what is listened to during the stage, and the stage it leads to."""

    condition: AnyCondition
    then: str


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps done in order; then the stage named by `after`, or the run ends with the outcome `end`."""

    name: str
    title: str = ""
    steps: tuple[AnyStep, ...] = ()
    until_any: tuple[WayOut, ...] = ()
    after: str = ""
    end: str = ""
    line: int = 0


class EnterAtMost(Struct, frozen=True):
    """`500 per 1d`: the pace of those whom a sweep finds fitting already."""

    count: int
    length: Length


class Workflow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a workflow: what its runs finish on."""

    name: str
    title: str
    file: str = ""
    owner: str = ""
    enter_when_all: tuple[AnyCondition, ...]
    again_after: Length | None  # None is `never`
    stages: tuple[Stage, ...]
    leave_when_any: tuple[AnyCondition, ...] = ()
    holdout: Share = 0
    worth_positive: bool = False
    priority: int = 50
    timezone: str = "customer"  # or an IANA name
    send_between: tuple[int, int] | None = None  # minutes since midnight
    send_on: tuple[int, ...] = ()  # weekdays, Monday 0; empty is every day
    late_at_most: Length = Length(days=3)
    ends_within: Length = Length(days=365)
    offers: dict[str, Offer] = {}  # those its steps name, as they were in this version
    version: int = 0  # numbered by the engine; no part of the content
    line: int = 0

    @property
    def first(self) -> Stage:
        """The stage a run begins in."""
        return self.stages[0]

    def ahead_of(self, name: str) -> frozenset[str]:
        """Return the stages that a run may yet come to from a stage; the stage itself only where a way leads back to it."""
        found: set[str] = set()
        looked_at, unseen = set(), {name}
        while unseen:
            looked_at |= unseen
            stages = [self.stage(each) for each in unseen]
            found |= {each.after for each in stages if each.after}
            found |= {way.then for each in stages for way in each.until_any}
            found |= {to for each in stages for step in each.steps for to in jumps(step)}
            unseen = found - looked_at
        return frozenset(found)

    def stage(self, name: str) -> Stage:
        """Return a stage by name; the checks have seen to it that it exists."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)


class Switch(Struct, frozen=True, omit_defaults=True):
    """What can be changed on a workflow without a new version."""

    mode: Mode = Mode.DRAFT
    reach: Share = WHOLE
    enter_at_most: EnterAtMost | None = None  # None: refused over 1,000
    skip_those_who_fit: bool = False  # `enter_at_most: skip`


class OwnEvent(Struct, frozen=True, omit_defaults=True):
    """One of the shop's own events (events.yaml): fields with their kind (text, number, money, day)."""

    name: str
    means: str
    fields: dict[str, str] = {}
    shows_life: bool = False


class RuleSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One checked set of files: what `apply` puts live."""

    lifecycle: Lifecycle = Lifecycle()
    workflows: dict[str, Workflow] = {}
    switches: dict[str, Switch] = {}
    offers: dict[str, Offer] = {}
    own_events: dict[str, OwnEvent] = {}


def content(workflow: Workflow) -> bytes:
    """Return what makes a version of a workflow: all of it but its number, file and line numbers."""
    plain = msgspec.to_builtins(msgspec.structs.replace(workflow, version=0, file=""))
    return msgspec.json.encode(_without_lines(plain), order="deterministic")


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        theirs = ("where", "values")  # their keys are the author's, and may be `line`
        return {key: inner if key in theirs else _without_lines(inner) for key, inner in value.items() if key != "line"}
    if isinstance(value, list | tuple):  # to_builtins leaves tuples as they are
        return [_without_lines(inner) for inner in value]
    return value
