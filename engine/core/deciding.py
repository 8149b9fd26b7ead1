"""`decide`: what one signal means for one customer. Pure: the same arguments give the same decision, anywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.address import judge_address, proofs_that_count
from engine.core.candidates import ANYTHING
from engine.core.conditions import (
    ADDRESS,
    CAUSE,
    ENDED,
    FACTS,
    LIFE,
    NEVER,
    OFFERS,
    PERMISSION,
    RETURNED,
    SENT,
    STANDING,
    TAGS,
    View,
    holds,
)
from engine.core.customer import Customer, Return, Run
from engine.core.decision import Decision
from engine.core.ending import finish
from engine.core.entering import crowd, entering, fits_from, kept_out_until, look, place_is_taken
from engine.core.events import DATA, Event
from engine.core.facts import fold, is_taken_back
from engine.core.gate import ORDER_UNDER_WAY, paused
from engine.core.ids import ref
from engine.core.listening import hear
from engine.core.machine import handed, ring_timer, skip, start, walk
from engine.core.merging import given_up, join, joined_runs
from engine.core.moments import Instant
from engine.core.offering import void_unsent
from engine.core.rulebook import Rules
from engine.core.rules import Address, Mode, Standing
from engine.core.runs import at_rest, current_send
from engine.core.sending import HELD, PAUSED_LINE
from engine.core.sharing import count, part, share
from engine.core.signals import (
    Admit,
    AnySignal,
    Apart,
    Counted,
    GivenUp,
    Handed,
    Happened,
    Joined,
    Look,
    Rehearsed,
    Released,
    Shares,
    TimeUp,
    Unpause,
)
from engine.core.standing import evidence, judge
from engine.core.turn import NOTHING, Turn
from engine.core.waiting import set_all_anew

ROUNDS = 10
"""How often what runs do is told to the others, within one decision: more than workflows that make sense ever need."""

_HEARD_BY_RUNS = frozenset({TAGS, ADDRESS, STANDING, OFFERS, SENT, ENDED})
_ABOUT_ORDERS = frozenset({"order.placed", "order.cancelled", "order.refunded", "order.delivered"})
_ENDS_AN_ORDER = frozenset({"order.delivered", "order.cancelled"})
_ABOUT_PERMISSION = frozenset(
    {
        "consent.given",
        "consent.withdrawn",
        "newsletter.confirmed",
        "newsletter.subscribed",
        "email.unsubscribed",
        "email.complained",
        "account.closed",
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


_copied: Callable[[Customer], Customer] = Customer.__copy__  # type: ignore[attr-defined]  # msgspec's, left out of its types
"""`copy.copy` finds the same by way of look-ups that cost more than the copy."""


def decide(customer: Customer, signal: AnySignal, now: Instant, rules: Rules) -> Decision:
    """Return the customer after the signal, and what the world must do about it.

    Args:
        customer: the record as it is; it is not changed.
        signal: what happened, or came due.
        now: when the signal was accepted; never a clock read later.
        rules: the rule set in force, the versions runs are on, and the shop's state.

    """
    mine = _copied(customer)  # shallow: containers are replaced, never changed
    turn = Turn(mine, now, rules, signal)
    if mine.epoch != rules.shop.epoch:
        _look_under_new_rules(turn)
    if isinstance(signal, Happened):
        _happened(turn, signal.event, history=signal.history)
    elif isinstance(signal, TimeUp):
        _time_up(turn)
    elif isinstance(signal, GivenUp):
        return Decision(given_up(customer, signal.stays), [], [], [])
    else:
        _seldom(turn, signal)
    timers_stay = mine.runs is customer.runs and mine.looks is customer.looks and mine.lapse_due == customer.lapse_due
    if not timers_stay or mine.gone or mine.stuck or customer.stuck:
        mine.next_due = _next_due(mine)
    return Decision(mine, turn.effects, turn.gaps, turn.notes)


def _seldom(turn: Turn, signal: AnySignal) -> None:
    """Decide a signal that is neither an event nor a timer."""
    match signal:
        case Look(by_time):
            _look_anew(turn, by_time=by_time)
        case Admit(name):
            _admit(turn, name)
        case Handed(number, outcome, reason):
            handed(turn, number, outcome, reason)
            _go_on(turn)
        case Unpause(overdue, paused_at):
            _unpause(turn, overdue, paused_at)
            _go_on(turn)
        case Joined() | Shares() | Apart() | Counted():
            _about_others(turn, signal)
        case Rehearsed():
            _rehearsed(turn)
        case Released():
            turn.customer.stuck = ""
            look(turn, turn.rules.in_order, may_enter=False)
        case _:
            raise TypeError(f"{type(signal).__name__} concerns the shop, not a customer")


# Events --------------------------------------------------------------------------------------------------------------


def _happened(turn: Turn, event: Event, *, history: bool) -> None:
    customer = turn.customer
    known = customer.evidence
    runs = customer.runs
    rested_on = [(run, event.time < run.began and _entry_held(turn, run)) for run in runs] if runs else []
    own_events = turn.rules.own_events
    own = own_events.get(event.type) if own_events else None
    fold(customer, event, turn.rules.lifecycle, own, turn.gaps)
    turn.touched = touched = _TOUCHES.get(event.type) or frozenset({event.type})
    if customer.evidence is not known:
        turn.touched = touched = touched | {CAUSE}
    if event.type == "profile.updated":
        turn.moved()
    if customer.gone:
        for run in customer.runs:
            finish(turn, run, "gone")
        customer.waiting, customer.looks, customer.crowded_out = (), {}, ()
        return
    if customer.stuck:
        return
    told = None if event.type == "order.placed" and is_taken_back(customer, event) else event
    if customer.proofs or customer.address is not Address.OK:
        _judge_address(turn, quietly=history)
    if FACTS in touched or LIFE in touched or own is not None or _is_doubtful(customer, turn.now):
        _judge(turn, quietly=history)
    if customer.returned is not None:
        _void_return(customer, event)
    heard = turn.touched
    for run, held in rested_on:
        if held and not _entry_held(turn, run):
            finish(turn, run, "mistaken")
            customer.returned = None  # who had never been away is not welcomed back
        else:
            _hear(turn, run, told, heard, history=history)
    if event.type in _ENDS_AN_ORDER and not history:
        _ask_sends_held_by_orders(turn)
    _go_on(turn, may_enter=not history, heard=heard)


def _ask_sends_held_by_orders(turn: Turn) -> None:
    """A parcel arrived, or comes no more, before the time that was reckoned with: ask the sends that waited for it."""
    for run in turn.customer.runs:
        if run.doing == "deferred" and run.reason == ORDER_UNDER_WAY:
            turn.put(replace(run, due=turn.now))


def _is_doubtful(customer: Customer, now: Instant) -> bool:
    return customer.lapse_due is not None and customer.lapse_due <= now


def _hear(turn: Turn, run: Run, event: Event | None, changed: frozenset[str], *, history: bool) -> None:
    kept = next((each for each in turn.customer.runs if each.id == run.id), None)
    if kept is not None:
        hear(turn, kept, event, changed, history=history)


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


# Standing and address ------------------------------------------------------------------------------------------------


def _judge(turn: Turn, *, quietly: bool) -> None:
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


def _judge_address(turn: Turn, *, quietly: bool) -> None:
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


# Time ----------------------------------------------------------------------------------------------------------------


def _time_up(turn: Turn) -> None:
    customer, now = turn.customer, turn.now
    if customer.gone or customer.stuck:
        return
    heard: frozenset[str] = frozenset()
    if _is_doubtful(customer, now):
        _judge(turn, quietly=False)
        heard = turn.touched
        for run in customer.runs:
            _hear(turn, run, None, heard, history=False)
    runs = customer.runs
    for run in runs if len(runs) < 2 else sorted(runs, key=lambda each: (each.due or NEVER, each.id)):
        kept = turn.run(run)
        if kept not in turn.customer.runs:
            continue
        if kept.ends_at <= now:
            finish(turn, kept, "too_long")
        elif kept.due is not None and kept.due <= now and _is_on(turn, kept):
            ring_timer(turn, kept, turn.rules.version(kept.workflow, kept.version))
    looked = [name for name, at in customer.looks.items() if at <= now] if customer.looks else ()
    _go_on(turn, looked, heard=heard)


def _is_on(turn: Turn, run: Run) -> bool:
    """A live workflow turned to draft holds its runs as a pause does; the sweep of a later change wakes them."""
    if run.mode is Mode.SHADOW or turn.rules.switch(run.workflow).mode is not Mode.DRAFT:
        return True
    turn.put(replace(run, doing=f"{HELD}{run.doing}", due=None))
    return False


def _wake_held(turn: Turn) -> None:
    for run in turn.customer.runs:
        if run.doing.startswith(HELD) and turn.rules.switch(run.workflow).mode is not Mode.DRAFT:
            turn.put(replace(run, doing=run.doing.removeprefix(HELD), due=turn.now))


def _next_due(customer: Customer) -> Instant | None:
    if customer.gone or customer.stuck:
        return None
    due = customer.lapse_due if customer.lapse_due is not None else NEVER
    for run in customer.runs:
        due = min(due, run.ends_at, NEVER if run.due is None else run.due)
    if customer.looks:
        due = min(due, *customer.looks.values())
    return due if due < NEVER else None


# Entering ------------------------------------------------------------------------------------------------------------


def _go_on(turn: Turn, also: Collection[str] = (), *, may_enter: bool = True, heard: frozenset[str] = NOTHING) -> None:
    """After a signal: let runs hear what changed (`heard`: they did already), and look at what may fit now.

    What runs do thereupon, those that begin just now included, is news in turn.
    """
    touched = turn.touched
    if touched is heard and not turn.freed:  # the ordinary case: nothing new for the runs
        listening = turn.rules.candidates.after(touched, turn.customer, also)
        if not listening:
            return
        turn.touched = NOTHING
        look(turn, listening, may_enter=may_enter)
        touched, heard, also = turn.touched, NOTHING, ()
    for _ in range(ROUNDS):
        if not touched and not turn.freed and not also:
            return
        turn.touched = NOTHING
        news = touched - heard
        if not news.isdisjoint(_HEARD_BY_RUNS):
            for run in turn.customer.runs:
                _hear(turn, run, None, news, history=not may_enter)
        if turn.freed:  # there is a place again: for those that had none, and for the one that ended
            also, turn.freed = (*also, *turn.customer.crowded_out, *turn.freed), ()
        touched |= turn.touched
        listening = turn.rules.candidates.after(touched, turn.customer, also)
        if listening:
            look(turn, listening, may_enter=may_enter)
        touched, heard, also = turn.touched, NOTHING, ()


def _admit(turn: Turn, name: str) -> None:
    customer = turn.customer
    workflow = next((each for each in turn.rules.in_order if each.name == name), None)
    view = entering(customer, turn.now, turn.rules)
    fits = workflow is not None and fits_from(view, workflow, turn.rules) <= turn.now
    if workflow is None or not fits:
        customer.waiting = tuple(each for each in customer.waiting if each != name)
        if workflow is not None:
            look(turn, (workflow,), may_enter=False)
    elif not place_is_taken(customer, workflow, turn.rules):
        start(turn, workflow)
        _go_on(turn)
    else:  # they have another run; when that ends, they are looked at again and may enter on their own
        customer.waiting = tuple(each for each in customer.waiting if each != name)
        crowd(customer, name, out=True)


def _look_anew(turn: Turn, *, by_time: bool) -> None:
    """Judge anew. By a shorter reorder interval only who is active may lapse; a sweep looks at all there is."""
    customer = turn.customer
    if customer.gone or (by_time and customer.standing is not Standing.ACTIVE):
        return
    _judge(turn, quietly=False)
    if by_time:
        _go_on(turn)
    else:
        _wake_held(turn)
        set_all_anew(turn, history=False)
        look(turn, turn.rules.in_order, may_enter=False)


def _look_under_new_rules(turn: Turn) -> None:
    """The first signal under changed rules: who fits by what was known before it fits already, and lines up."""
    customer = turn.customer
    is_new = not customer.epoch
    customer.epoch = turn.rules.shop.epoch
    known = {workflow.name for workflow in turn.rules.in_order}
    customer.waiting = tuple(name for name in customer.waiting if name in known or name == PAUSED_LINE)
    customer.crowded_out = tuple(name for name in customer.crowded_out if name in known)
    customer.looks = {name: at for name, at in customer.looks.items() if name in known}
    if is_new or customer.gone:
        return
    _judge(turn, quietly=True)
    turn.touched = NOTHING
    look(turn, turn.rules.in_order, may_enter=False)


# Pauses, rehearsal ---------------------------------------------------------------------------------------------------


def _unpause(turn: Turn, overdue: str, paused_at: Instant) -> None:
    customer = turn.customer
    customer.waiting = tuple(name for name in customer.waiting if name != PAUSED_LINE)
    for run in customer.runs:
        if run.doing != "paused":
            continue
        workflow = turn.rules.version(run.workflow, run.version)
        step = current_send(workflow, run)
        assert step is not None, "only a send can be held by a pause"
        assert run.wanted is not None, "a send that waits was asked for"
        if paused(customer, workflow.name, step, turn.rules) is not None:  # another pause covers it too
            if PAUSED_LINE not in customer.waiting:
                customer.waiting = (*customer.waiting, PAUSED_LINE)
            continue
        if overdue == "skip":
            skip(turn, run, workflow, "paused")
            continue
        shifted = run.wanted + (turn.now - paused_at)
        if overdue == "shift" and run.wanted > paused_at and shifted > turn.now:
            turn.put(replace(run, doing="deferred", due=shifted, wanted=shifted, reason="shifted by the pause"))
        else:
            walk(turn, replace(run, doing="", wanted=turn.now, reason=""), workflow)


def _rehearsed(turn: Turn) -> None:
    """End and forget what was begun before `go-live`; the sweep may come by when more has begun."""
    customer, since = turn.customer, turn.rules.shop.live_since
    for run in customer.runs:
        if run.began < since:
            void_unsent(turn, run, "rehearsal")
            finish(turn, at_rest(run), "rehearsal")
    customer.ended = {name: each for name, each in customer.ended.items() if each.began >= since}
    customer.releases = tuple(each for each in customer.releases if each.at >= since)
    had = {name: tuple(at for at in times if at >= since) for name, times in customer.offers_had.items()}
    customer.offers_had = {name: times for name, times in had.items() if times}
    if customer.returned is not None and customer.returned.at < since:
        customer.returned = None
    look(turn, turn.rules.in_order, may_enter=False)


# Others --------------------------------------------------------------------------------------------------------------


def _joined(turn: Turn, other: Customer, *, history: bool) -> None:
    """Take over the facts and runs of another record of the same person; a run too many ends as `moved_out`."""
    customer = turn.customer
    if customer.gone:  # so is the other then; nothing of them is taken over but what may have to be taken back
        customer.promises = other.promises
        for run in other.runs:
            finish(turn, run, "gone")
        return
    join(customer, other, turn.rules.lifecycle, turn.gaps)
    turn.moved()
    kept, ending = joined_runs(customer, other, turn.rules.takes_the_place)
    customer.runs = (*customer.runs, *kept)
    set_all_anew(turn, history=True)
    if any(run.doing == "paused" for run in kept) and PAUSED_LINE not in customer.waiting:
        customer.waiting = (*customer.waiting, PAUSED_LINE)
    for run in ending:
        finish(turn, run, "moved_out")
    turn.touched = frozenset({FACTS, ANYTHING})
    _judge_address(turn, quietly=history)
    _judge(turn, quietly=history)
    _go_on(turn, may_enter=False)


def _about_others(turn: Turn, signal: Joined | Shares | Apart | Counted) -> None:
    """Take in what concerns another record too: of the same person, or under the same address."""
    customer = turn.customer
    match signal:
        case Joined(other, history):
            _joined(turn, other, history=history)
        case Counted(releases, given_back):
            count(customer, releases, given_back)
        case Apart(others):
            part(customer, others)
        case Shares(other, history) if not customer.gone:
            share(customer, other)
            if not customer.stuck:
                turn.touch(PERMISSION)
                _judge_address(turn, quietly=history)
                _go_on(turn, may_enter=not history)
