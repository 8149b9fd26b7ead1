"""An event within a decision: folded into the facts, judged, heard by runs, and told on."""

from __future__ import annotations

from copy import copy

from msgspec.structs import replace

from engine.core.clicks import as_judged, hold, must_settle, next_settled
from engine.core.conditions import CAUSE, FACTS, LIFE, PERMISSION, View, holds
from engine.core.coupons import shop_answered, void_all
from engine.core.customer import Customer, Run
from engine.core.ending import finish
from engine.core.entering import kept_out_until
from engine.core.events import DATA, Event
from engine.core.facts import fold, is_taken_back
from engine.core.gate import ORDER_UNDER_WAY
from engine.core.handing_off import hand_reply
from engine.core.ids import ref
from engine.core.judging import is_doubtful, judge_address_anew, judge_standing
from engine.core.marks import CLICKED
from engine.core.moments import DAY
from engine.core.permits import end_unused
from engine.core.ramping import counts_mails, note_failure
from engine.core.rules import Address
from engine.core.spreading import go_on, let_hear
from engine.core.standing import judge
from engine.core.turn import Turn

QUIET = 30 * DAY
"""After less silence than this no permission has lapsed by it, so nobody asks."""

_MAIL_FAILED = frozenset({"email.bounced", "email.complained", "email.unsubscribed"})
_ABOUT_ORDERS = frozenset({"order.placed", "order.cancelled", "order.refunded", "order.delivered"})
_ENDS_AN_ORDER = frozenset({"order.delivered", "order.cancelled"})
_MAY_FREE_A_SEND = _ENDS_AN_ORDER | {"coupon.ready", "coupon.refused"}
_ABOUT_PERMISSION = frozenset(
    {
        "consent.given",
        "consent.withdrawn",
        "newsletter.confirmed",
        "newsletter.subscribed",
        "email.unsubscribed",
        "email.complained",
        "account.closed",
        "hand_off.answered",
    }
)
_ABOUT_LIFE = frozenset(
    {
        "email.clicked",
        "email.replied",
        "newsletter.confirmed",
        "survey.answered",
        "invitation.answered",
        "hand_off.answered",
        "customer.logged_in",
    }
)

_TOUCHES: dict[str, frozenset[str]] = {
    kind: frozenset(
        {kind}
        | ({"order.placed"} if kind == "order.cancelled" else set())  # which is as if it had never been
        | ({FACTS} if kind in _ABOUT_ORDERS | {"profile.updated"} else set())
        | ({LIFE} if kind in _ABOUT_LIFE else set())
        | ({PERMISSION} if kind in _ABOUT_PERMISSION else set())
    )
    for kind in DATA
}
"""What an event of each type may change about a customer, beside having happened."""


def happened(turn: Turn, event: Event, *, history: bool) -> None:
    """Take in an event; a click that may yet turn out to be a program's is held first."""
    rule = turn.rules.lifecycle.engagement
    if event.type != CLICKED or history or not must_settle(turn.customer, event, turn.now, rule):
        _take(turn, event, history=history)
        return
    life = turn.customer.life
    hold(turn.customer, event, turn.now, rule)
    if turn.customer.life is not life:  # it showed that earlier ones were a program's
        _lost_life(turn)


def settle(turn: Turn) -> None:
    """Take in the clicks that were held, as far as they are due, as if they came just now."""
    while event := next_settled(turn.customer, turn.now):
        _take(turn, event, history=False)


def _lost_life(turn: Turn) -> None:
    """Judge anew after clicks turned out not to be theirs."""
    customer = turn.customer
    if customer.gone or customer.stuck:
        return
    turn.touch(LIFE, CLICKED)
    if customer.proofs or customer.address is not Address.OK:
        judge_address_anew(turn, quietly=False)
    judge_standing(turn, quietly=False)
    go_on(turn)


def _take(turn: Turn, event: Event, *, history: bool) -> None:
    """Fold an event, judge anew, let runs hear it, and look at what may fit now."""
    customer = turn.customer
    runs = customer.runs
    rested_on = [(run, event.time < run.began and _entry_held(turn, run)) for run in runs] if runs else []
    _end_unused(turn, event, history=history)
    turn.touched = _fold(turn, event)
    if customer.gone:
        _let_go(turn)
        return
    if customer.stuck:
        return
    _judge_anew(turn, event, history=history)
    told, heard, waiting = _as_told(customer, event), turn.touched, customer.runs
    for run, held in rested_on:
        if held and not _entry_held(turn, run):
            finish(turn, run, "mistaken")
            customer.returned = None  # who had never been away is not welcomed back
        else:
            let_hear(turn, run, told, heard, history=history)
    _hand_to_people(turn, event, waiting, history=history)
    if event.type in _MAY_FREE_A_SEND:
        _ask_held_sends(turn, event, history=history)
    go_on(turn, may_enter=not history, heard=heard)


def _fold(turn: Turn, event: Event) -> frozenset[str]:
    """Fold an event into the facts; return what it may have changed."""
    customer, rules = turn.customer, turn.rules
    known, life = customer.evidence, customer.life
    fold(customer, event, rules.lifecycle, rules.own_events.get(event.type) if rules.own_events else None, turn.gaps)
    if event.type in _MAIL_FAILED and counts_mails(rules):
        note_failure(turn, event)
    touched = _TOUCHES.get(event.type) or frozenset({event.type})
    if customer.evidence is not known:
        touched = touched | {CAUSE}
    if customer.life is not life and LIFE not in touched:  # of clicks that they were a program's, or of other life
        touched = touched | {LIFE, CLICKED}
    if event.type == "profile.updated":
        turn.moved()
    return touched


def _judge_anew(turn: Turn, event: Event, *, history: bool) -> None:
    """Judge address, standing and return anew, as far as the event may have changed them."""
    customer, touched = turn.customer, turn.touched
    if customer.proofs or customer.address is not Address.OK:
        judge_address_anew(turn, quietly=history)
    if FACTS in touched or LIFE in touched or event.type not in DATA or is_doubtful(customer, turn.now):
        judge_standing(turn, quietly=history)
    if customer.returned is not None:
        _void_return(customer, event)


def _as_told(customer: Customer, event: Event) -> Event | None:
    """Return an event as runs hear it: a click with what is thought of it, and no order that was cancelled before."""
    if event.type == CLICKED:
        return as_judged(customer, event)
    return None if event.type == "order.placed" and is_taken_back(customer, event) else event


def _end_unused(turn: Turn, event: Event, *, history: bool) -> None:
    """What lapsed in a long silence stays lapsed, though this event ends the silence."""
    customer = turn.customer
    if not history and event.time - max(customer.last_reaction, customer.last_mail) > QUIET:
        end_unused(View(customer, event.time, turn.rules.lifecycle))


def _hand_to_people(turn: Turn, event: Event, waiting: tuple[Run, ...], *, history: bool) -> None:
    """Hand a reply to a person, unless one of the runs was `waiting` for it; one of long ago was answered by somebody."""
    if event.type != "email.replied" or event.data.kind == "auto_reply" or history:
        return
    if turn.customer.runs == waiting:
        hand_reply(turn, event)


def _let_go(turn: Turn) -> None:
    """Let go of somebody who is gone: nothing of theirs goes on, and no code of theirs is good for anybody."""
    customer = turn.customer
    for run in customer.runs:
        finish(turn, run, "gone")
    customer.waiting, customer.looks, customer.crowded_out, customer.held = (), {}, (), ()
    void_all(turn)


def _ask_held_sends(turn: Turn, event: Event, *, history: bool) -> None:
    """Ask the sends again that waited for what an event says."""
    if event.type not in _ENDS_AN_ORDER:
        shop_answered(turn, event, history=history)
    elif not history:
        _ask_sends_held_by_orders(turn)


def _ask_sends_held_by_orders(turn: Turn) -> None:
    """A parcel arrived, or comes no more, before the time that was reckoned with: ask the sends that waited for it."""
    for run in turn.customer.runs:
        if run.doing == "deferred" and run.reason == ORDER_UNDER_WAY:
            turn.put(replace(run, due=turn.now))


def _entry_held(turn: Turn, run: Run) -> bool:
    """Say whether the run could be entered when it began, by the facts as they are known now."""
    workflow = turn.rules.version(run.workflow, run.version)
    past = copy(turn.customer)
    judged = judge(past, run.began, turn.rules.lifecycle, turn.rules.shop.thresholds)
    past.standing, past.standing_since, past.lapsed_at = judged.standing, judged.since, judged.lapsed_at
    if past.returned is not None:
        past.returned = replace(past.returned, taken=False)
    view = View(past, run.began, turn.rules.lifecycle)
    held = all(holds(condition, view) for condition in workflow.enter_when_all)
    return held and kept_out_until(workflow, view) <= run.began


def _void_return(customer: Customer, event: Event) -> None:
    """A cancelled order brought nobody back."""
    back = customer.returned
    if back is not None and event.type == "order.cancelled" and back.order == ref(event.data.order_id):
        customer.returned = None
