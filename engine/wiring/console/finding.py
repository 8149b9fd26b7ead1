"""Finding customers: by id or address, and lists a page at a time, each in the order of an index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.books.views import Views
from engine.core.customer import Customer, decode
from engine.core.fields import last_order
from engine.core.rulebook import Rules
from engine.insight.wording import step_in_short
from engine.listeners.console import Found, Search, Somebody

PAGE: Final = 50
_LAST: Final = "\U0010ffff"
"""Follows whatever an id may go on with."""
_NEWEST: Final = 2**63 - 1

Placed = tuple[str, Customer]
"""Where the next page would begin after a customer, and the customer."""


def found(views: Views, search: Search, rules: Rules) -> Found:
    """Return who is looked for."""
    if search.words:
        return _by_words(views, search)
    if search.workflow and search.waiting:
        return _page(_in_line(views, search), _total(views, search))
    if search.workflow:
        return _page(_in_workflow(views, search), _total(views, search), rules, search.workflow)
    if search.standing:
        return _page(_of_standing(views, search), _total(views, search))
    return Found()


def _by_words(views: Views, search: Search) -> Found:
    """Return the one of this id or address; else those whose id begins so."""
    meant = views.found(search.words)
    if meant is not None and not search.after:
        return Found(only=meant.id)
    begin = search.words
    rows = views.named("id_page", begin=begin, end=begin + _LAST, after=search.after, limit=PAGE + 1)
    return _page([(name, decode(record)) for name, record in rows])


def _of_standing(views: Views, search: Search) -> list[Placed]:
    """Return a page: the rest of the hindrance that the page before ended in, then the hindrances that follow."""
    number, _, last = search.after.partition("/")
    standing, hindrance = search.standing, search.hindrance or last
    after = int(number) if number.isdecimal() else -1
    rows = views.named("hindrance_page", standing=standing, hindrance=hindrance, num=after, limit=PAGE + 1)
    if not search.hindrance and len(rows) <= PAGE:
        rows += views.named("standing_page", standing=standing, hindrance=hindrance, limit=PAGE + 1 - len(rows))
    return [(f"{num}/{why}", decode(record)) for num, why, record in rows]


def _in_workflow(views: Views, search: Search) -> list[Placed]:
    """Return a page: the rest of the stage that the page before ended in, then the stages that follow."""
    last, _, after = search.after.partition("/")
    workflow, stage = search.workflow, search.stage or last
    rows = views.named("stage_page", workflow=workflow, stage=stage, after=after, limit=PAGE + 1)
    if not search.stage and len(rows) <= PAGE:
        rows += views.named("workflow_page", workflow=workflow, stage=stage, limit=PAGE + 1 - len(rows))
    return [(f"{place}/{name}", decode(record)) for place, name, record in rows]


def _in_line(views: Views, search: Search) -> list[Placed]:
    reaction, _, after = search.after.partition("/")
    first = int(reaction) if reaction.isdecimal() else _NEWEST
    rows = views.named("line_page", workflow=search.workflow, reaction=first, after=after, limit=PAGE + 1)
    return [(f"{at}/{name}", decode(record)) for at, name, record in rows]


def _total(views: Views, search: Search) -> int:
    if search.waiting:
        return int(dict(views.all("lines")).get(search.workflow, 0))
    if search.workflow:
        return sum(
            count
            for workflow, stage, count in views.all("stages")
            if workflow == search.workflow and search.stage in ("", stage)
        )
    return sum(
        count
        for standing, hindrance, count in views.all("groups")
        if standing == search.standing and search.hindrance in ("", hindrance)
    )


def _page(rows: Iterable[Placed], total: int | None = None, rules: Rules | None = None, workflow: str = "") -> Found:
    """Return a page; one more was asked for, which tells whether another page follows."""
    placed = list(rows)
    people = tuple(_somebody(customer, rules, workflow) for _, customer in placed[:PAGE])
    return Found(people=people, after=placed[PAGE - 1][0] if len(placed) > PAGE else "", total=total)


def _somebody(customer: Customer, rules: Rules | None, workflow: str) -> Somebody:
    names = [str(customer.value(each)) for each in ("first_name", "last_name") if customer.value(each)]
    stage, step = _place(customer, rules, workflow) if rules is not None else ("", "")
    return Somebody(
        id=customer.id,
        name=" ".join(names),
        email=str(customer.value("email") or ""),
        standing=customer.standing.value,
        last_order=last_order(customer),
        stage=stage,
        step=step,
    )


def _place(customer: Customer, rules: Rules, workflow: str) -> tuple[str, str]:
    """Return the stage and the step that a customer's run of a workflow is at."""
    run = next((each for each in customer.runs if each.workflow == workflow), None)
    if run is None:
        return "", ""
    steps = rules.version(run.workflow, run.version).stage(run.stage).steps
    return run.stage, step_in_short(steps[run.step]) if run.step < len(steps) else ""
