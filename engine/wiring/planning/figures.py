"""The figures of those who would enter a workflow: how many, how fast, who of them can be written to, at what cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from engine.core.moments import Day, iso_day
from engine.core.money import written
from engine.core.rules import Lifecycle, Offer, Switch, Workflow
from engine.handling.sweeping import MOST_WITHOUT_PACE
from engine.insight.foresight import InLine
from engine.insight.plan import Change
from engine.wiring.planning.lines import Entering

AT_ONCE, PACED, SKIPPED, REFUSED = "at once", "paced", "skipped", "refused"
_WITHOUT_PERMISSION = ("no_permission", "permission_lapsed", "basis_not_accepted", "stopped")


def entry(switch: Switch, in_line: int) -> str:
    """Say how a line of so many is let in."""
    if switch.skip_those_who_fit:
        return SKIPPED
    if switch.enter_at_most is not None:
        return PACED
    return REFUSED if in_line > MOST_WITHOUT_PACE else AT_ONCE


def with_figures(
    told: Change,
    workflow: Workflow,
    line: Sequence[InLine],
    found: Entering | None,
    how: str,
    today: Day,
    shop: Lifecycle,
) -> Change:
    """Return a change with the figures of its workflow.

    `line` is who would stand in its line, `found` who of them enters when; None where nobody can know when, because more
    fit than may without a pace, or the warm-up has no end yet.
    """
    if found is None:
        found = Entering() if how == SKIPPED else Entering([each for each in line if not each.prospects.place_taken])
    enter = [each.prospects for each in found.entered]
    why = Counter(each.unmailable for each in enter)
    mailable = why.pop("", 0)
    return replace(
        told,
        fits=len(line),
        would_enter=len(enter),
        entry=how,
        per_day=max(found.by_day.values(), default=0),
        until=iso_day(max(found.by_day)) if found.by_day else None,
        place_taken=sum(each.prospects.place_taken for each in line) + found.elsewhere,
        mailable=mailable,
        capped=sum(each.capped for each in enter),
        without_permission=sum(why[reason] for reason in _WITHOUT_PERMISSION),
        dead=why["address_dead"],
        unmailable=dict(sorted((+why).items())),
        had_offer=sum(each.had_offer for each in enter),
        held_out=sum(each.held_out for each in enter),
        offer_cost_at_most=money(_cost(workflow, found, today), shop.currency),
    )


def money(amount: int, currency: str) -> str:
    """Write an amount of smallest units with its currency."""
    return f"{written(amount, currency)} {currency}"


def _cost(workflow: Workflow, found: Entering, today: Day) -> int:
    """Return what the offers of a workflow may cost at most: what all who may get them could redeem, within the budgets."""
    spent = [0] * len(workflow.offers)
    for each in found.entered:
        for place, cost in enumerate(each.costs):
            spent[place] += cost
    if not found.by_day:
        return sum(spent)
    days = max(found.by_day) - today + 1 + workflow.ends_within.days
    offers = [offer for _, offer in sorted(workflow.offers.items())]
    return sum(_within_budget(cost, offer, days) for cost, offer in zip(spent, offers, strict=True))


def _within_budget(cost: int, offer: Offer, days: int) -> int:
    """A budget holds in any stretch of its length; so many days have no more such stretches than these."""
    if offer.budget is None:
        return cost
    stretches = days // max(offer.budget.length.days, 1) + 1
    return min(cost, offer.budget.money.amount * stretches)
