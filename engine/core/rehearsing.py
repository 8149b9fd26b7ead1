"""What `go-live` means for one customer: what was begun before ends, and what a rehearsal left on the record goes.

Facts stay: what the shop, the customer and other senders told us is as true as before. What workflows wrote on the record
rested on mails that nobody but us has read: a stop because of silence to a question that only the mailbox got would last
for years. Once mail has really left (`Shop.rehearsed_before` stands still then), going live anew takes nothing of it back.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from engine.core.consents import forget_rehearsed
from engine.core.customer import Customer
from engine.core.ending import finish
from engine.core.entering import look
from engine.core.judging import judge_standing
from engine.core.moments import Instant
from engine.core.offering import void_unsent
from engine.core.permission import is_by_workflow
from engine.core.rulebook import Rules
from engine.core.rules import Mode, PutTag, Standing
from engine.core.runs import at_rest
from engine.core.turn import Turn

_TOLD_BY_OTHERS = ("email.sent", "email.delivered")


def rehearsed(turn: Turn) -> None:
    """End and forget what was begun before `go-live`; the sweep may come by when more has begun."""
    customer, shop = turn.customer, turn.rules.shop
    for run in customer.runs:
        if run.began < shop.live_since:
            void_unsent(turn, run, "rehearsal")
            finish(turn, at_rest(run), "rehearsal")
    since = shop.rehearsed_before
    _forget_writing(turn, since)  # by the runs and releases that are forgotten next
    customer.ended = {name: each for name, each in customer.ended.items() if each.began >= since}
    customer.releases = tuple(each for each in customer.releases if each.at >= since)
    had = {name: tuple(at for at in times if at >= since) for name, times in customer.offers_had.items()}
    customer.offers_had = {name: times for name, times in had.items() if times}
    if customer.returned is not None and customer.returned.at < since:
        customer.returned = None
    look(turn, turn.rules.in_order, may_enter=False)


def _forget_writing(turn: Turn, since: Instant) -> None:
    """Take back tags, stops, the standing and the last mail, as far as only a rehearsal made them."""
    customer = turn.customer
    put = _tags_put(customer, turn.rules, since)
    customer.tags = tuple(tag for tag in customer.tags if tag in put)
    customer.stopped = {
        purpose: each for purpose, each in customer.stopped.items() if not is_by_workflow(each) or each.at >= since
    }
    customer.permission = {
        key: replace(each, used=0) if 0 < each.used < since else each for key, each in customer.permission.items()
    }
    forget_rehearsed(customer, since)
    if any(each.at < since and each.channel == "email" for each in customer.releases):
        marks = [mark.at for kind in _TOLD_BY_OTHERS for mark in customer.trail.get(kind, ())]
        told = max([customer.other_mail, *marks])
        if customer.last_mail < since:
            customer.last_mail = min(customer.last_mail, told)
    if customer.standing is Standing.FORMER and customer.standing_since < since:
        customer.standing = Standing.LAPSED  # unless the days say so too, which are asked next
        judge_standing(turn, quietly=True)


def _tags_put(customer: Customer, rules: Rules, since: Instant) -> frozenset[str]:
    """Return the tags that live runs begun since may have put; a tag does not know when it was put, nor by whom."""
    live = {run.workflow for run in customer.runs if run.mode is Mode.LIVE and run.began >= since}
    live |= {name for name, ended in customer.ended.items() if ended.mode is Mode.LIVE and ended.began >= since}
    return frozenset(_tags_of(rules, live)) if live and customer.tags else frozenset()


def _tags_of(rules: Rules, workflows: set[str]) -> Iterable[str]:
    for (name, _), workflow in rules.versions.items():
        if name in workflows:
            yield from (step.tag for stage in workflow.stages for step in stage.steps if isinstance(step, PutTag))
