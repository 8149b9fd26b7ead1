"""What a restored backup means for one customer: what is known to have been done in the time that it does not know of.

The record is older than the world. What left since then must count as had, in caps, offers and `again_after`; runs that
were begun since then are not there to go on, and must not begin anew as if nobody had been written to.
"""

from __future__ import annotations

from engine.core.customer import Customer, Ended, Release
from engine.core.entering import look
from engine.core.moments import Instant
from engine.core.runs import name_in_mode
from engine.core.signals import Recovered
from engine.core.turn import Turn

RESTORED = "restored"
"""How a run ended whose record a restored backup does not hold."""


def lost(then: Customer, since: Instant, now: Instant, going_on: frozenset[str]) -> Recovered:
    """Return what a record says of the time since a backup that holds an older one.

    Args:
        then: the record as it was last.
        since: when the backup was made.
        now: the present instant.
        going_on: acts of runs that the backup holds as well: they are asked for again under their ids, so they must
            not stand in their own way.

    """
    begun = {name_in_mode(run.workflow, run.mode): run for run in then.runs if run.began > since}
    ended = {name: each for name, each in then.ended.items() if each.began > since}
    ended |= {name: Ended(run.began, now, RESTORED, run.version, run.mode) for name, run in begun.items()}
    return Recovered(
        releases=tuple(each for each in then.releases if each.at > since and each.effect_id not in going_on),
        ended=ended,
        offers_had={
            name: later for name, at in then.offers_had.items() if (later := tuple(a for a in at if a > since))
        },
    )


def recovered(turn: Turn, signal: Recovered) -> None:
    """Let what was done count as done; who stood in line for what they went through stands there no more."""
    customer = turn.customer
    known = {each.effect_id for each in customer.releases}
    more = [each for each in signal.releases if each.effect_id not in known]
    customer.releases = tuple(sorted((*customer.releases, *more), key=_at))
    began = {name: each.began for name, each in customer.ended.items()}
    customer.ended = customer.ended | {
        name: each for name, each in signal.ended.items() if each.began > began.get(name, -1)
    }
    had = dict(customer.offers_had)
    for name, times in signal.offers_had.items():
        had[name] = tuple(sorted({*had.get(name, ()), *times}))
    customer.offers_had = had
    gone_through = tuple(each for each in turn.rules.in_order if each.name in signal.ended)
    look(turn, gone_through, may_enter=False)


def _at(release: Release) -> Instant:
    return release.at
