"""What must be known to read a back-test's figures: what it took for granted, and what it could not do, in words."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.rulebook import Rules
from engine.core.rules import Mode
from engine.insight.backtest import Report
from engine.runtimes.simulator.past import Past

_DEAD_LETTERS_SHOWN = 5


def notes(
    report: Report,
    past: Past,
    rules: Rules,
    *,
    from_day: str,
    grants_permission: bool,
    grants_addresses: bool,
    makes_up_codes: bool,
    unrendered: int,
) -> Iterator[str]:
    """Yield the notes of a back-test, the weightiest first."""
    if not past.read:
        yield "There is no event in this history, so there was nothing to replay."
        return
    if not rules.in_order:
        yield "No workflow is live or a shadow, so only standings were replayed. With --all, drafts run too."
    yield from _granted(past, permission=grants_permission, addresses=grants_addresses)
    if makes_up_codes:
        yield "Codes of pools are made up, and there are always enough of them."
    if any(offer.codes == "shop" for each in rules.in_order for offer in each.offers.values()):
        yield "The shop is taken to make each code it is asked for at once (codes: shop)."
    if from_day:
        yield (
            f"The {report.history:,} events before {from_day} were taken as known facts: they started nothing. The "
            "workflows went live that day, and let in those who fitted already at the pace of their enter_at_most."
        )
    if report.left_out:
        yield f"{report.left_out:,} events at or after the end were left out."
    if unrendered:
        yield f"{unrendered:,} messages could not be rendered: effects.jsonl says why (not_rendered)."
    yield from _held_back(report, rules)
    yield from _not_taken(report, past)


def _granted(past: Past, *, permission: bool, addresses: bool) -> Iterator[str]:
    if permission:
        yield (
            "The history knows no event about consent. It was replayed as if every customer had given permission for "
            "marketing, the newsletter and tracking when we first met them. With --strict, nobody has."
        )
    elif not past.knows_consent:
        yield "The history knows no event about consent, and --strict takes it as it is: nobody may be written to."
    if addresses:
        yield (
            "The history knows no address. It was replayed as if every customer had one that works. "
            "With --strict, nobody has."
        )
    elif not past.knows_addresses:
        yield "The history knows no address, and --strict takes it as it is: no mail can leave."
    if not past.knows_reading:
        yield "The history tells nothing of clicks, replies or logins, so nobody could be a reader."


def _held_back(report: Report, rules: Rules) -> Iterator[str]:
    shadows = [each.name for each in rules.in_order if rules.switch(each.name).mode is Mode.SHADOW]
    if shadows:
        yield f"{_listed(shadows)} ran as a shadow: what is counted would have been reported, and would not have left."
    warm_up = rules.lifecycle.warm_up
    if warm_up is not None and not report.history:
        yield (
            f"Nobody enters a workflow in the first {warm_up} of a history (warm_up): until then too little is known "
            "of the past. Who fitted by then was let in afterwards, at the pace of enter_at_most."
        )
    for name, length in report.waiting.items():
        if name in rules.shop.refused:
            yield f"{length:,} customers fit {name} and were never let in: over 1,000, it needs an enter_at_most."
        elif rules.switch(name).skip_those_who_fit:
            yield f"{length:,} customers who fitted {name} already were skipped (enter_at_most: skip)."
        else:
            yield f"At the end {length:,} customers still waited to be let into {name}."


def _not_taken(report: Report, past: Past) -> Iterator[str]:
    if report.stuck:
        yield f"{report.stuck:,} customers are stuck: a decision about them failed, and nothing more was sent to them."
    if not past.dead_letters:
        return
    shown = past.some_dead_letters[:_DEAD_LETTERS_SHOWN]
    reasons = "; ".join(f"{letter.origin}: {letter.reason}" if letter.origin else letter.reason for letter in shown)
    more = past.dead_letters - len(shown)
    yield f"{past.dead_letters:,} lines could not be taken: {reasons}" + (f"; and {more:,} more." if more else ".")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
