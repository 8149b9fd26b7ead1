"""Judging a customer anew within a decision: what they are to us, whether mail can arrive, and telling of a change."""

from __future__ import annotations

from engine.core import effects as fx
from engine.core.address import judge_address, proofs_that_count
from engine.core.conditions import ADDRESS, RETURNED, STANDING
from engine.core.customer import Customer, Return
from engine.core.moments import Instant
from engine.core.rules import Standing
from engine.core.standing import evidence, judge
from engine.core.turn import Turn


def judge_standing(turn: Turn, *, quietly: bool) -> None:
    """Judge the standing anew and tell of a change (not of one that history brings)."""
    customer, rules = turn.customer, turn.rules
    judged = judge(customer, turn.now, rules.lifecycle, rules.shop.thresholds)
    before, away_since = customer.standing, customer.lapsed_at
    customer.lapse_due, customer.lapsed_at = judged.next_doubt, judged.lapsed_at
    if judged.standing is before:
        is_reader = before is Standing.READER  # since the first of their signs of life, of which we know the last
        customer.standing_since = max(customer.standing_since, judged.lapsed_at) if is_reader else judged.since
        return
    customer.standing, customer.standing_since = judged.standing, judged.since
    turn.touch(STANDING)
    if judged.standing is Standing.ACTIVE and before is not Standing.PROSPECT and customer.orders:
        last = customer.orders[-1]
        if last.at >= away_since:  # else it came late, and they had never been away
            customer.returned = Return(last.at, before, last.ref)
            turn.touch(RETURNED)
    if not quietly:
        said = evidence(customer, turn.now, rules.lifecycle, rules.shop.thresholds)
        turn.tell_of_customer(
            fx.STANDING_CHANGED, {"from": before.value, "to": judged.standing.value, "evidence": said}
        )


def judge_address_anew(turn: Turn, *, quietly: bool) -> None:
    """Judge whether mail can arrive and tell of a change (not of one that history brings)."""
    customer = turn.customer
    judged = judge_address(customer, turn.rules.lifecycle)
    before = customer.address
    if judged is before:
        return
    customer.address = judged
    proofs = proofs_that_count(customer)
    customer.address_since = proofs[-1].at if proofs else turn.now
    turn.touch(ADDRESS)
    if not quietly:
        said = [f"{'clear' if proof.clear else 'doubtful'} proof {proof.status}".rstrip() for proof in proofs]
        turn.tell_of_customer(fx.ADDRESS_CHANGED, {"from": before.value, "to": judged.value, "evidence": said})


def is_doubtful(customer: Customer, now: Instant) -> bool:
    """Say whether the standing is due to be judged by time alone."""
    return customer.lapse_due is not None and customer.lapse_due <= now
