"""Closing a loyalty account: the notice first, then so long a time in which any sign of life ends the closing."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.acts import NOT_ASKED, act, was_asked
from engine.core.customer import ASKED_KEPT, Asked, Run, ring
from engine.core.engagement import is_human
from engine.core.events import Event
from engine.core.gate import run_zone
from engine.core.moments import iso_day
from engine.core.rules import CloseAccount, OwnEvent, Workflow
from engine.core.runs import next_step, step_of
from engine.core.sending import HELD
from engine.core.turn import Turn

CLOSING = "closing"
KEPT = "account_kept"
"""How a run ends whose closing was ended by a sign of life."""

_SIGNS = frozenset(
    {
        "order.placed",
        "email.clicked",
        "email.replied",
        "customer.logged_in",
        "newsletter.confirmed",
        "survey.answered",
        "invitation.answered",
        "hand_off.answered",
    }
)


def is_closing(run: Run) -> bool:
    """Say whether the notice of a closing runs; also while the workflow is held as a draft."""
    return run.doing.removeprefix(HELD) == CLOSING


def noticed(turn: Turn, run: Run, workflow: Workflow, step: CloseAccount, *, reached: bool) -> str | None:
    """The notice was sent: tell the day of the closing, and wait for it. A notice that did not arrive closes nothing.

    The notice is listed among what may bounce, and taken out again at the end: it is no question.
    """
    if not reached:
        return NOT_ASKED
    zone = run_zone(workflow, turn.zone)
    due = zone.after(turn.now, step.notice)
    act(turn, run, step, fx.ACCOUNT_CLOSING, {"on": iso_day(zone.day(due))})
    asked = ring(_without_notice(run), Asked(run.effect_id, turn.now), ASKED_KEPT)
    turn.put(replace(run, doing=CLOSING, due=due, wanted=turn.now, asked=asked))
    return None


def close(turn: Turn, run: Run, workflow: Workflow, step: CloseAccount) -> Run | str:
    """The notice is over: close the account, if there was no sign of life and what rests on mail still stands."""
    if run.wanted is not None and turn.customer.last_reaction >= run.wanted:  # also one that a merged record brought
        return KEPT
    if turn.customer.held:  # a click that may be theirs: no account is closed on a doubt
        return KEPT
    arrived = any(asked.effect_id == run.effect_id for asked in run.asked)
    before = replace(run, asked=_without_notice(run), sends=run.sends - 1)
    if not arrived or not was_asked(turn, before, workflow):
        return NOT_ASKED
    act(turn, run, step, fx.ACCOUNT_CLOSED, {}, ordinal=1)
    return next_step(replace(run, asked=before.asked))


def call_off(turn: Turn, run: Run, workflow: Workflow) -> None:
    """Tell that nothing will be closed, when a run leaves the closing before it is done (not of somebody gone)."""
    if is_closing(run) and not turn.customer.gone:
        step = step_of(workflow, run)
        assert isinstance(step, CloseAccount), "only a closing closes"
        act(turn, run, step, fx.ACCOUNT_CLOSING, {"on": None}, ordinal=1)


def shows_life(event: Event, own: OwnEvent | None) -> bool:
    """Say whether an event proves a living customer: what a person did, also on a day before the notice.

    Being told late of a click that came before it is no reason to close.
    """
    if event.type not in _SIGNS:
        return own is not None and own.shows_life
    match event.type:
        case "email.clicked":
            return is_human(event.field)
        case "email.replied":
            return bool(event.data.kind != "auto_reply")
        case "hand_off.answered":
            return bool(event.data.result != "not_reached")
        case _:
            return True


def _without_notice(run: Run) -> tuple[Asked, ...]:
    return tuple(asked for asked in run.asked if asked.effect_id != run.effect_id)
