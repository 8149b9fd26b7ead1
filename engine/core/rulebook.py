"""All that a decision reads beside the customer, with workflows indexed by what they listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from engine.core.conditions import ADDRESS, FACTS, STANDING, hastens, topics
from engine.core.customer import Customer
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    AnyOf,
    HandOff,
    Mode,
    Not,
    Purpose,
    Returned,
    RuleSet,
    Standing,
    StandingIs,
    Switch,
    Workflow,
    sends_of,
)
from engine.core.shop import Shop
from engine.core.words import in_words

ANYTHING = "anything"
"""The topic of a look at everything: a sweep, or a place that has become free."""


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
        self._by_topic = _index(self.in_order, hastens)
        self._waited_for = _index(self.in_order, topics)
        self._levels = {each.name: _levels(each) for each in on}
        self._heard: dict[_Hearing, tuple[Workflow, ...]] = {}  # the few that occur, once each
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

    def listening(self, touched: frozenset[str], customer: Customer) -> tuple[Workflow, ...]:
        """Return the workflows to look at after a change of these topics, in the order they may enter.

        Left out are those that this customer cannot enter: they ask for another standing or address, which was so before
        the change. What can only put off an entry is left to the time at which it was expected, which asks again; unless
        the customer waits in a line, which they leave when they no longer fit.
        """
        standing = None if STANDING in touched else customer.standing
        address = None if ADDRESS in touched else customer.address
        key = (touched, bool(customer.waiting), standing, address)
        known = self._heard.get(key)
        if known is None:
            known = self._heard[key] = tuple(each for each in self.in_order if self._is_heard(each, key))
        return known

    def _is_heard(self, workflow: Workflow, hearing: _Hearing) -> bool:
        touched, waits, *levels = hearing
        index = self._waited_for if waits else self._by_topic
        if ANYTHING not in touched and not any(workflow in index.get(topic, ()) for topic in touched):
            return False
        asked = self._levels[workflow.name]
        return all(None in (want, is_) or want is is_ for want, is_ in zip(asked, levels, strict=True))


_Hearing = tuple[frozenset[str], bool, Standing | None, Address | None]
"""What changed, whether the customer waits in a line, and the standing and address that are as they were."""


def _levels(workflow: Workflow) -> tuple[Standing | None, Address | None]:
    """Return the standing and the address that a workflow cannot be entered without, None where it asks for none."""
    standing = next((each.standing for each in workflow.enter_when_all if isinstance(each, StandingIs)), None)
    address = next((each.address for each in workflow.enter_when_all if isinstance(each, AddressIs)), None)
    return standing, address


_DRAFT = Switch()


def _each(conditions: Iterable[AnyCondition]) -> Iterator[AnyCondition]:
    for condition in conditions:
        yield from condition.conditions if isinstance(condition, AnyOf) else (condition,)


def _index(
    workflows: Iterable[Workflow], hears: Callable[[AnyCondition], frozenset[str]]
) -> dict[str, tuple[Workflow, ...]]:
    by_topic: dict[str, tuple[Workflow, ...]] = {}
    for workflow in workflows:
        heard: set[str] = {FACTS} if workflow.worth_positive else set()
        for condition in workflow.enter_when_all:
            heard |= hears(condition)
        for condition in workflow.leave_when_any:  # what leads out of a run keeps out of one
            heard |= hears(Not(condition=condition))
        for topic in heard:
            by_topic[topic] = (*by_topic.get(topic, ()), workflow)
    return by_topic


def is_marketing(workflow: Workflow) -> bool:
    """Say whether a workflow takes the customer's one place: it sends what is no service mail, or hands on."""
    return any(
        isinstance(step, HandOff) or any(send.purpose is not Purpose.SERVICE for send in sends_of(step))
        for stage in workflow.stages
        for step in stage.steps
    )
