"""All that a decision reads beside the customer, with workflows indexed by what they listen to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.core.candidates import Candidates
from engine.core.rules import (
    AnyCondition,
    AnyOf,
    HandOff,
    Mode,
    Purpose,
    Returned,
    RuleSet,
    Switch,
    Workflow,
    sends_of,
)
from engine.core.shop import Shop
from engine.core.words import in_words


class Rules:
    """The rule set in force, the versions that runs are on, and the shop's state.

    `key` makes codes unguessable: the secret when live, the experiment's salt in a back-test, whose codes are to be the
    same on any machine.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        shop: Shop,
        versions: Mapping[tuple[str, int], Workflow] | None = None,
        *,
        key: bytes,
    ) -> None:
        """Index the rule set. `versions` holds those that runs may still be on, by name and number."""
        self.rule_set = rule_set
        self._switches = rule_set.switches
        self.lifecycle = rule_set.lifecycle
        self.own_events = rule_set.own_events
        self.shop = shop
        self.key = key
        self.versions = dict(versions or {})
        for workflow in rule_set.workflows.values():
            self.versions[workflow.name, workflow.version] = workflow
        on = [each for each in rule_set.workflows.values() if self.switch(each.name).mode is not Mode.DRAFT]
        self.in_order = tuple(sorted(on, key=lambda each: (-each.priority, each.name)))
        self.candidates = Candidates(self.in_order)
        self.why_entered = {each.name: [in_words(one) for one in each.enter_when_all] for each in on}
        self.thanks_for_returns = {
            each.name for each in on if any(isinstance(one, Returned) for one in _each(each.enter_when_all))
        }
        self.takes_the_place = {name for (name, _), each in self.versions.items() if is_marketing(each)}

    def switch(self, name: str) -> Switch:
        """Return the mode, reach and pace of a workflow."""
        return self._switches.get(name, _DRAFT)

    def version(self, name: str, number: int) -> Workflow:
        """Return the version of a workflow that a run is on."""
        return self.versions[name, number]


_DRAFT = Switch()


def _each(conditions: Iterable[AnyCondition]) -> Iterator[AnyCondition]:
    for condition in conditions:
        yield from condition.conditions if isinstance(condition, AnyOf) else (condition,)


def is_marketing(workflow: Workflow) -> bool:
    """Say whether a workflow takes the customer's one place: it sends what is no service mail, or hands on."""
    return any(
        isinstance(step, HandOff) or any(send.purpose is not Purpose.SERVICE for send in sends_of(step))
        for stage in workflow.stages
        for step in stage.steps
    )
