"""Which workflows a customer may come to fit after a change: found by what they listen to and by what they ask first.

With hundreds of workflows an event must not look at each of them. So each is filed under one thing that it cannot be
entered without (a tag, a value of a field, an event, a return), and only those are looked at whose thing the customer
has. What is left out could not be entered; a look at its time finds out later that it need not have waited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from engine.core.conditions import ADDRESS, FACTS, STANDING, hastens, topics
from engine.core.customer import Customer
from engine.core.fields import PROFILE, TEXT, categories, kind_of
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    EventSeen,
    FieldIs,
    Not,
    Returned,
    Standing,
    StandingIs,
    TagIs,
    Workflow,
)

ANYTHING = "anything"
"""The topic of a look at everything: another record was joined to this one."""

_Hearing = tuple[frozenset[str], bool, Standing | None, Address | None]
"""What changed, whether the customer waits in a line, and the standing and address that are as they were."""


class _Filed(Struct, frozen=True):
    """Workflows under what they ask first: the ranks of those that ask for a tag, a field's value, an event or nothing."""

    always: list[int]
    by_tag: dict[str, list[int]]
    by_event: dict[str, list[int]]
    by_category: dict[str, list[int]]
    by_field: dict[str, dict[str, list[int]]]
    on_return: list[int]


class Candidates:
    """The workflows that are on, in the order they may enter, indexed."""

    def __init__(self, in_order: tuple[Workflow, ...]) -> None:
        self.in_order = in_order
        self._rank = {workflow.name: rank for rank, workflow in enumerate(in_order)}
        self._hastened = [_heard(workflow, hastens) for workflow in in_order]
        self._waited_for = [_heard(workflow, topics) for workflow in in_order]
        self._levels = [levels_of(workflow) for workflow in in_order]
        self._filed: dict[_Hearing, _Filed] = {}  # the few that occur, once each

    def after(self, touched: frozenset[str], customer: Customer, also: Iterable[str] = ()) -> tuple[Workflow, ...]:
        """Return the workflows to look at after a change of these topics, and those of the names in `also`, in order.

        Left out are those that this customer cannot enter: they ask for another standing or address, which was so before
        the change, or for something else the customer has not. What can only put off an entry is left to the time at
        which it was expected, which asks again; unless the customer waits in a line, which they leave when they no longer
        fit.
        """
        standing = None if STANDING in touched else customer.standing
        address = None if ADDRESS in touched else customer.address
        key = (touched, bool(customer.waiting), standing, address)
        filed = self._filed.get(key)
        if filed is None:
            filed = self._filed[key] = self._file(key)
        found = [rank for ranks in _found(filed, customer) for rank in ranks]
        found += [self._rank[name] for name in also if name in self._rank]
        if len(found) < 2:
            return (self.in_order[found[0]],) if found else ()
        return tuple(self.in_order[rank] for rank in sorted(set(found)))

    def _file(self, hearing: _Hearing) -> _Filed:
        touched, waits, *levels = hearing
        heard_by = self._waited_for if waits else self._hastened
        filed = _Filed([], {}, {}, {}, {}, [])
        for rank, workflow in enumerate(self.in_order):
            heard = ANYTHING in touched or not touched.isdisjoint(heard_by[rank])
            asked = self._levels[rank]
            fits = all(has is None or not want or has in want for want, has in zip(asked, levels, strict=True))
            if heard and fits:
                for ranks in [filed.always] if waits else _places(filed, workflow):
                    ranks.append(rank)
        return filed


def _found(filed: _Filed, customer: Customer) -> Iterator[list[int]]:
    yield filed.always
    if filed.by_event:
        trail = customer.trail
        yield from (ranks for kind, ranks in filed.by_event.items() if kind in trail)
    if filed.on_return and customer.returned is not None:
        yield filed.on_return
    if filed.by_tag:
        yield from (filed.by_tag[tag] for tag in customer.tags if tag in filed.by_tag)
    if filed.by_category:
        yield from (filed.by_category[each] for each in categories(customer) if each in filed.by_category)
    for field, by_value in filed.by_field.items():
        value = customer.value(field)
        for each in value if isinstance(value, list) else (value,):
            yield by_value.get(str(each), [])


def _places(filed: _Filed, workflow: Workflow) -> list[list[int]]:
    """Return where to file a workflow: under the condition that the fewest customers meet, as far as its kind tells."""
    asked = workflow.enter_when_all
    for condition in asked:
        if isinstance(condition, TagIs):
            return [filed.by_tag.setdefault(condition.tag, [])]
    for condition in asked:
        if isinstance(condition, FieldIs) and (values := _values(condition)):
            is_category = condition.field == "categories"
            by_value = filed.by_category if is_category else filed.by_field.setdefault(condition.field, {})
            return [by_value.setdefault(value, []) for value in values]
    for condition in asked:
        if isinstance(condition, Returned):
            return [filed.on_return]
        if isinstance(condition, EventSeen) and not condition.absent:
            return [filed.by_event.setdefault(condition.event, [])]
    return [filed.always]


def _values(condition: FieldIs) -> list[str]:
    """The texts one of which a field of the profile must have, none where the condition asks otherwise."""
    asked = condition.any_of or (condition.equals,)
    if condition.field != "categories" and not _is_text_of_profile(condition.field):
        return []
    return [each for each in asked if isinstance(each, str)] if all(isinstance(each, str) for each in asked) else []


def _is_text_of_profile(field: str) -> bool:
    return kind_of(field) == TEXT and (field in PROFILE or field.startswith("attributes."))


def _heard(workflow: Workflow, hears: Callable[[AnyCondition], frozenset[str]]) -> frozenset[str]:
    heard: set[str] = {FACTS} if workflow.worth_positive else set()
    for condition in workflow.enter_when_all:
        heard |= hears(condition)
    for condition in workflow.leave_when_any:  # what leads out of a run keeps out of one
        heard |= hears(Not(condition=condition))
    return frozenset(heard)


def levels_of(workflow: Workflow) -> tuple[frozenset[str], frozenset[str]]:
    """Return the standings and the addresses without one of which a workflow cannot be entered, empty where any will do."""
    standings, addresses = set[str](), set[str]()
    for condition in workflow.enter_when_all:
        match condition:
            case StandingIs():
                standings = {condition.standing}
            case AddressIs():
                addresses = {condition.address}
            case FieldIs(field="standing") if not standings:
                standings = {str(each) for each in condition.any_of or (condition.equals,) if each is not None}
            case FieldIs(field="address") if not addresses:
                addresses = {str(each) for each in condition.any_of or (condition.equals,) if each is not None}
    return frozenset(standings), frozenset(addresses)
