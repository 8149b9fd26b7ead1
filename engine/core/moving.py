"""Moving runs between versions of their workflow: where one lands, and what becomes of what it waits for.

A move only changes where a run stands. It takes no step: a run that goes on elsewhere has its timer set to now, so that
a "no" in the very signal that moves it is heard before anything is sent. Nothing that was done is done again. A step
keeps its key and a run the number of its entry, so effect ids stay; what a run has done of its stage is remembered by
keys (`Run.done`) and passed over, wherever the new version puts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core.closing import call_off
from engine.core.customer import DONE_KEPT, Run
from engine.core.ending import finish
from engine.core.gate import run_zone
from engine.core.handing_off import HANDED_OFF
from engine.core.moments import Instant, Length, Zone
from engine.core.offering import void_unsent
from engine.core.rules import GoTo, HandOff, Offer, Split, Wait, WaitUntil, Workflow
from engine.core.runs import at_rest, current_send, step_of
from engine.core.turn import Turn
from engine.core.waiting import WAITING, set_anew

PIN, MOVE, EXIT = "pin", "move", "exit"
HOW = (PIN, MOVE, EXIT)
"""What an `apply` may say of a workflow's runs: they finish on their version, go on in the new one, or end."""

MOVED_OUT = "moved_out"


class Landing(Struct, frozen=True):
    """Where a run goes on in another version of its workflow.

    `step` is the place in the stage's steps, `key` that step's; behind the last step it is their number and the key is
    empty. `stays`: it is the step the run is at, so a wait or a send that is under way goes on.
    """

    stage: str
    step: int
    key: str
    stays: bool


def landing(run: Run, old: Workflow, new: Workflow) -> Landing | None:
    """Return where a run of the old version lands in the new one; None where its stage is gone, so that it ends.

    At the step with the key of the one it is at; if that is gone, at the next one of the old stage that is still there;
    if none is, at the end of the stage. A `choose` whose send is under way is gone if the new version sends another one.
    """
    stage = next((each for each in new.stages if each.name == run.stage), None)
    if stage is None:
        return None
    places = {step.key: place for place, step in enumerate(stage.steps)}
    ahead = old.stage(run.stage).steps[run.step :]
    for way, step in enumerate(ahead):
        place = places.get(step.key)
        if place is not None and (way or _asks_the_same(run, old, replace(run, step=place), new)):
            return Landing(stage.name, place, step.key, stays=way == 0)
    return Landing(stage.name, len(stage.steps), "", stays=False)


def is_bound(run: Run, old: Workflow, new: Workflow) -> bool:
    """Say whether a run has given a code on terms that the new version words otherwise.

    It stays on its version then: a reminder has to say what was promised, and what the checkout knows of the code.
    """
    return any(
        name in new.offers and (name not in old.offers or _terms(old.offers[name]) != _terms(new.offers[name]))
        for name in run.codes
    )


def leads_back(run: Run, old: Workflow, new: Workflow) -> bool:
    """Say whether the new version would lead a run to a stage it has been through, where its own version would not.

    It stays on its version then: an edit that puts stages into another order must not let anybody be written to again
    what they were written to already.
    """
    if all(stage.name != run.stage for stage in new.stages):
        return False
    been_through = set(run.entries) - {run.stage}
    return not been_through & new.ahead_of(run.stage) <= old.ahead_of(run.stage)


def move_runs(turn: Turn, runs: Iterable[Run], since: int) -> None:
    """Move these runs of the customer as was said of their workflows after an epoch."""
    for moved in turn.rules.shop.moves:
        if moved.epoch <= since:
            continue
        for run in runs:
            kept = next((each for each in turn.customer.runs if each.id == run.id), None)
            if kept is None or kept.workflow != moved.workflow:
                continue
            if moved.how == EXIT:
                finish(turn, kept, MOVED_OUT)
            else:
                _move(turn, kept, moved.version)


def arrive(turn: Turn, run: Run) -> None:
    """Let a run go over that waited for the end of its send, where it has come to rest since."""
    kept = next((each for each in turn.customer.runs if each.id == run.id), None)
    if kept is not None and kept.moving_to and kept.doing != "sending":
        go_over(turn, kept)


def go_over(turn: Turn, run: Run) -> Run | None:
    """Put a run where it lands in the version it is moving to; None where its stage is gone, and it has ended."""
    old, new = (turn.rules.version(run.workflow, number) for number in (run.version, run.moving_to))
    run = replace(run, moving_to=0)
    turn.put(run)
    if is_bound(run, old, new) or leads_back(run, old, new):
        return run
    landed = landing(run, old, new)
    if landed is None:
        finish(turn, run, MOVED_OUT)
        return None
    done = _done(run, old, stays=landed.stays)
    if landed.stays:
        run = _anew(turn, run, old, new)
    else:
        void_unsent(turn, run, "moved to another version")
        call_off(turn, run, old)
        run = replace(at_rest(turn.run(run)), due=turn.now)
    ends_at = run_zone(new, turn.zone).after(run.began, new.ends_within)
    moved = replace(run, version=new.version, step=landed.step, done=done, ends_at=ends_at)
    turn.tell_of_move(moved, old.version, landed.key)
    turn.put(moved)
    set_anew(turn, moved, new, None, history=False)
    return turn.run(moved)


def _move(turn: Turn, run: Run, version: int) -> None:
    """Let a run go over to a version: now, or when a send has ended that is on its way and is none of that version's."""
    if run.version == version:
        if run.moving_to:
            turn.put(replace(run, moving_to=0))
        return
    moving = replace(run, moving_to=version)
    landed = landing(run, *(turn.rules.version(run.workflow, number) for number in (run.version, version)))
    if run.doing == "sending" and landed is not None and not landed.stays:
        turn.put(moving)
    else:
        go_over(turn, moving)


def _done(run: Run, old: Workflow, *, stays: bool) -> tuple[str, ...]:
    """Return the keys of what a run has done since it came to its stage, under all the versions it was on.

    What it has asked for and leaves behind is among them: a send that has been deferred or came back would be told of
    anew, a person has a task already, the notice of a closing has gone out. Time is no act: a wait that the new version
    puts behind the place a run is at is waited, as are the ways to choose from there.
    """
    steps = old.stage(run.stage).steps
    done = [*run.done, *(step.key for step in steps[: run.step] if not isinstance(step, _NO_ACTS))]
    if run.effect_id and not stays:
        done.append(steps[run.step].key)
    return tuple(dict.fromkeys(done))[-DONE_KEPT:]


_NO_ACTS = (Wait, WaitUntil, GoTo, Split)


def _asks_the_same(run: Run, old: Workflow, moved: Run, new: Workflow) -> bool:
    """Say whether what a run asks the gate for is the same send in both versions; a `choose` may have other branches."""
    before, after = current_send(old, run), current_send(new, moved)
    if not run.branch or before is None:
        return True
    return after is not None and before.key == after.key


def _anew(turn: Turn, run: Run, old: Workflow, new: Workflow) -> Run:
    """Return the run with what it waits for by the new version's step of the same key.

    A wait keeps when it began. A send is asked again, as one that was wanted when it was. The notice of a closing names
    a day, and is held to it.
    """
    before = step_of(old, run)
    after = next(step for step in new.stage(run.stage).steps if before is not None and step.key == before.key)
    if run.doing == "deferred":
        return replace(run, due=turn.now)
    if run.due is None:
        return run
    zone = run_zone(new, turn.zone)
    if run.doing == WAITING and isinstance(before, Wait) and isinstance(after, Wait):
        return replace(run, due=max(_shifted(zone, run.due, before.length, after.length), turn.now))
    if run.doing == HANDED_OFF and isinstance(before, HandOff) and isinstance(after, HandOff):
        least = after.answer_within or Length()
        return replace(run, due=max(_shifted(zone, run.due, before.answer_within or Length(), least), turn.now))
    return run


def _shifted(zone: Zone, due: Instant, before: Length, after: Length) -> Instant:
    """Return when a wait is over that has another length now: counted from when it began, which nobody keeps."""
    return zone.after(zone.before(due, before), after)


def _terms(offer: Offer) -> tuple[Any, ...]:
    return offer.what, offer.minimum_basket, offer.codes, offer.text, offer.pool, offer.terms
