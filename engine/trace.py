"""Why one customer is where they are, in the words of the YAML: what was decided, and what keeps the rest from happening.

Pure: given the record, the rules and the customer's effects, it tells the story; what was done comes from the effects,
what was not comes from asking the conditions again, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.conditions import NEVER, View, holds, holds_from
from engine.core.customer import Customer, Run
from engine.core.deciding import entering, fits_from
from engine.core.effects import Effect
from engine.core.fields import field_value
from engine.core.fields import summary as customer_summary
from engine.core.gate import paused
from engine.core.ids import lot
from engine.core.machine import PAUSED_LINE
from engine.core.moments import Instant, iso_day, rfc3339
from engine.core.rulebook import Rules
from engine.core.rules import (
    AddressIs,
    AnyCondition,
    EventSeen,
    FieldIs,
    Mode,
    PermissionIs,
    Returned,
    Send,
    StandingIs,
    Step,
    TagIs,
    Workflow,
)
from engine.core.shop import is_warm
from engine.core.standing import evidence
from engine.core.words import in_words


class Ending(Struct, frozen=True):
    """What the ledger knows of a released send: its state (done, uncertain, …), when, and why."""

    state: str
    at: Instant
    why: str = ""


class Decision(Struct, frozen=True):
    """One decision: when, what, why, and the line of YAML it follows from. `line` 0 and an empty file: from none."""

    at: Instant
    what: str
    why: str
    file: str = ""
    line: int = 0


class Story(Struct, frozen=True):
    """A customer's story. `past` are decisions in order, the newest last; `now` is what keeps each workflow waiting."""

    customer: dict[str, Any]
    standing: str
    standing_since: Instant
    evidence: list[str]
    runs: list[dict[str, Any]]
    past: list[Decision]
    now: list[Decision]


def story(
    customer: Customer,
    effects: Iterable[Effect],
    rules: Rules,
    now: Instant,
    *,
    endings: Mapping[str, Ending] | None = None,
    places: Mapping[str, int] | None = None,
) -> Story:
    """Tell a customer's story as of now.

    Args:
        customer: the record.
        effects: all of the customer's effects, in the order of decision.
        rules: the rules in force, and the versions that runs are on.
        now: the present instant.
        endings: by effect id, what the ledger knows of released sends.
        places: by workflow, how many stand before the customer in the line of those who wait.

    """
    return Story(
        customer=customer_summary(customer, now, rules.lifecycle),
        standing=customer.standing.value,
        standing_since=customer.standing_since,
        evidence=_evidence(customer, rules, now),
        runs=[_run(run, rules) for run in customer.runs],
        past=[told for effect in effects for told in _told(effect, rules, endings or {})],
        now=[told for each in _known(rules) for told in why_not(customer, each, rules, now, places or {})],
    )


def _evidence(customer: Customer, rules: Rules, now: Instant) -> list[str]:
    said = evidence(customer, now, rules.lifecycle, rules.shop.thresholds)
    said += [
        f"{'clear' if proof.clear else 'doubtful'} proof of {rfc3339(proof.at)} that mail does not arrive: {proof.status}".rstrip(
            ": "
        )
        for proof in customer.proofs
    ]
    said += [
        f"no {purpose} since {rfc3339(stop.at)}, by {stop.by}" for purpose, stop in sorted(customer.stopped.items())
    ]
    if customer.gone:
        said.append(f"gone: {customer.gone}; nothing is ever sent again")
    if customer.stuck:
        said.append(f"stuck, nothing is sent until the dead letter is replayed: {customer.stuck}")
    return said


# Runs ----------------------------------------------------------------------------------------------------------------


def _run(run: Run, rules: Rules) -> dict[str, Any]:
    workflow = rules.version(run.workflow, run.version)
    stage = workflow.stage(run.stage)
    step = stage.steps[run.step] if run.step < len(stage.steps) else None
    return {
        "run": run.id,
        "workflow": run.workflow,
        "version": run.version,
        "mode": run.mode.value,
        "held_out": run.held_out,
        "began": rfc3339(run.began),
        "ends_at_latest": rfc3339(run.ends_at),
        "stage": run.stage,
        "step": step.key if step else None,
        "doing": _DOING.get(run.doing, run.doing),
        "until": None if run.due is None else rfc3339(run.due),
        "why": run.reason or None,
        "codes": {offer: code for offer, (code, _) in run.codes.items()},
        "file": workflow.file,
        "line": step.line if step else stage.line,
    }


_DOING = {
    "waiting": "waits",
    "deferred": "a send waits",
    "paused": "a send is held by a pause",
    "sending": "a send is being handed over",
    "": "goes on with the next signal",
}


# What was decided ----------------------------------------------------------------------------------------------------


def _told(effect: Effect, rules: Rules, endings: Mapping[str, Ending]) -> Iterator[Decision]:
    data = effect.data
    file, line = _place(data, rules)
    said = _SAID.get(effect.type)
    what, why = said(data) if said else (effect.type.removeprefix("winback."), "")
    marks = [word for word, is_so in (("shadow", effect.shadow), ("held out", data.get("held_out"))) if is_so]
    if marks:
        what += f" ({', '.join(marks)})"
    yield Decision(effect.time, what, why, file, line)
    ending = endings.get(effect.effect_id)
    if effect.type == fx.SEND_REQUESTED and not effect.shadow and ending is not None:
        ended = _ENDED.get(ending.state, ending.state)
        yield Decision(ending.at, f"send {data['template']}: {ended}", ending.why, file, line)


_ENDED = {
    "done": "handed over",
    "uncertain": "uncertain: it may have been taken, so it is not sent again",
    "refused": "refused",
    "dropped": "not sent",
    "calling": "being handed over",
    "reserved": "waits for another attempt",
}


def _place(data: Mapping[str, Any], rules: Rules) -> tuple[str, int]:
    """Return the file and line that an effect of a run follows from."""
    name, version = data.get("workflow"), data.get("version")
    workflow = rules.versions.get((str(name), int(version))) if name and version is not None else None
    if workflow is None:
        return "", 0
    stage = next((each for each in workflow.stages if each.name == data.get("stage")), None)
    step: Step | None = next((each for each in stage.steps if each.key == data.get("step")), None) if stage else None
    if step is not None:
        return workflow.file, step.line
    if "outcome" in data and stage is not None:
        return workflow.file, stage.line
    first = workflow.enter_when_all[0].line if workflow.enter_when_all else workflow.line
    return workflow.file, first


_SAID: dict[str, Any] = {
    fx.SEND_REQUESTED: lambda data: (f"send {data['template']}{_with_offer(data)}", "; ".join(data.get("why", ()))),
    fx.SEND_HELD_OUT: lambda data: (
        f"send {data['template']} held out",
        "in the hold-out: gets nothing, so that the gain shows",
    ),
    fx.SEND_DEFERRED: lambda data: (
        f"send {data['template']} deferred" + (f" until {data['until']}" if data.get("until") else ""),
        in_plain_words(data.get("reason", "")),
    ),
    fx.SEND_DROPPED: lambda data: (f"send {data['template']} dropped", in_plain_words(data.get("reason", ""))),
    fx.STEP_HELD_OUT: lambda data: (f"step held out: {data.get('step')}", "in the hold-out"),
    fx.SUPPRESSED: lambda data: (f"stop {data['scope']}", "silence to a delivered question, or a dead address"),
    fx.RESUMED: lambda data: (f"allow {data['scope']} again", ""),
    fx.TAGGED: lambda data: (f"tag {data['tag']}", ""),
    fx.UNTAGGED: lambda data: (f"untag {data['tag']}", ""),
    fx.STANDING_CHANGED: lambda data: (f"standing {data['from']} -> {data['to']}", "; ".join(data.get("evidence", ()))),
    fx.ADDRESS_CHANGED: lambda data: (f"address {data['from']} -> {data['to']}", "; ".join(data.get("evidence", ()))),
    fx.RUN_STARTED: lambda data: (
        f"entered {data['workflow']} version {data['version']}",
        "; ".join(data.get("why", ())),
    ),
    fx.RUN_ENDED: lambda data: (f"{data['workflow']} ended: {data['outcome']}", _OUTCOMES.get(data["outcome"], "")),
    fx.COUPON_ISSUED: lambda data: (
        f"offer {data['name']}: code {data['code'] or '-'}",
        f"good until {data['valid_until']}",
    ),
    fx.COUPON_VOIDED: lambda data: (f"offer {data.get('name', '')} voided", ""),
}


def _with_offer(data: Mapping[str, Any]) -> str:
    offer = data.get("offer")
    return f" with {offer['name']} ({offer['code'] or 'no code'})" if offer else ""


_OUTCOMES = {
    "left": "something in leave_when_any happened",
    "mistaken": "a late event shows that the conditions of entry never held",
    "not_asked": "no question had been delivered long enough ago, so silence is no answer",
    "rehearsal": "it had begun before go-live",
    "gone": "the customer is gone",
    "too_long": "it lasted longer than ends_within",
    "moved_out": "an apply moved it out",
}

_REASONS = {
    "gone": "the customer is gone",
    "address_dead": "the address is dead",
    "no_address": "no address is known",
    "stopped": "such messages are stopped for this customer",
    "no_permission": "nobody gave permission for it (no consent event)",
    "permission_lapsed": "the permission has lapsed",
    "former": "a former customer gets no marketing",
    "address_too_old": "no sign of life and no mail for longer than oldest_address (lifecycle.yaml)",
    "offer_used": "the offer was used already",
    "offer_expired": "the offer has expired",
    "offer_had": "the customer had this offer within per_customer (offers.yaml)",
    "offers_at_most": "the customer had an offer within offers_at_most (lifecycle.yaml)",
    "offer_excluded": "the customer had an offer that excludes this one (offers.yaml)",
    "offer_not_yet": "the offer that must come before was not made yet (offers.yaml)",
    "pool_empty": "no code is left in the pool",
    "budget_spent": "the offer's budget is spent (offers.yaml)",
    "late": "later than late_at_most",
    "paused": "skipped when a pause ended",
    "only_to": "only_to in winback.toml does not name this address",
}


def in_plain_words(reason: str) -> str:
    """Return the reason of a deferral, a drop or a hindrance in a sentence; the reason itself where it is one."""
    return _REASONS.get(reason, reason)


# What keeps a workflow waiting ---------------------------------------------------------------------------------------


def _known(rules: Rules) -> list[Workflow]:
    return sorted(rules.rule_set.workflows.values(), key=lambda each: each.name)


def why_not(
    customer: Customer, workflow: Workflow, rules: Rules, now: Instant, places: Mapping[str, int]
) -> Iterator[Decision]:
    """Tell why a customer is not in a workflow now: one decision for each thing in the way; none where they are in it."""
    if any(run.workflow == workflow.name for run in customer.runs):
        return
    what = f"not in {workflow.name}"
    file = workflow.file
    switch = rules.switch(workflow.name)
    if switch.mode is Mode.DRAFT:
        yield Decision(now, what, "mode: draft - it is checked and never run", file, workflow.line)
        return
    if customer.gone or customer.stuck:
        yield Decision(
            now, what, "the customer is gone" if customer.gone else "the customer is stuck", file, workflow.line
        )
        return
    view = entering(customer, now, rules)
    in_the_way = list(_in_the_way(view, workflow, rules))
    if in_the_way:
        for why, line in in_the_way:
            yield Decision(now, what, why, file, line or workflow.line)
    else:
        yield Decision(now, what, _though_fitting(customer, workflow, rules, now, places), file, workflow.line)


def _in_the_way(view: View, workflow: Workflow, rules: Rules) -> Iterator[tuple[str, int]]:
    customer, now = view.customer, view.now
    for condition in workflow.enter_when_all:
        at = holds_from(condition, view)
        if at > now:
            then = f"; if nothing happens, from {rfc3339(at)}" if at < NEVER else ""
            yield f"{in_words(condition)} - {_actual(condition, view)}{then}", condition.line
    for condition in workflow.leave_when_any:
        if not isinstance(condition, EventSeen):
            if holds(condition, view):
                yield f"{in_words(condition)} holds, and keeps out (leave_when_any)", condition.line
        elif holds(replace(condition, within=workflow.again_after), view):
            yield f"{in_words(condition)} happened within again_after, and keeps out (leave_when_any)", condition.line
    past = customer.ended.get(workflow.name)
    mode = rules.switch(workflow.name).mode
    if past is not None and past.mode is mode and not list(_unmet(view, workflow)):
        again = fits_from(view, workflow, rules)
        if again > now:
            until = f"; again from {rfc3339(again)}" if again < NEVER else "; never again"
            yield (
                f"the last run began {rfc3339(past.began)} and ended as {past.outcome}{until} (again_after)",
                workflow.line,
            )
    reach = rules.switch(workflow.name).reach
    if lot(rules.lifecycle.experiment_salt, f"reach {workflow.name}", customer.id) >= reach:
        yield f"not among the {reach / 100:g}% that reach lets in", workflow.line


def _unmet(view: View, workflow: Workflow) -> Iterator[AnyCondition]:
    return (each for each in workflow.enter_when_all if holds_from(each, view) > view.now)


def _though_fitting(
    customer: Customer, workflow: Workflow, rules: Rules, now: Instant, places: Mapping[str, int]
) -> str:
    """Say why somebody who fits is not in: they wait in line, or another run has their one place."""
    name, switch = workflow.name, rules.switch(workflow.name)
    other = next(
        (run for run in customer.runs if run.workflow in rules.takes_the_place and run.mode is Mode.LIVE), None
    )
    if name in customer.waiting:
        before = f" after {places[name]:,} others" if places.get(name) else ""
        said = f"fits, and waits to be let in{before}: "
        if switch.skip_those_who_fit:
            return "fitted already when it was looked at; enter_at_most: skip lets none of those in"
        if name in rules.shop.refused:
            return said + "over 1,000 fit and enter_at_most names no pace, so nobody is let in"
        if not is_warm(rules.shop, rules.lifecycle, now):
            return said + "the warm-up is not over (lifecycle.yaml)"
        return said + "those who fitted already enter at the pace of enter_at_most"
    if other is not None and name in rules.takes_the_place:
        return f"fits, but is in {other.workflow}: one marketing run at a time"
    return "fits; enters with the next signal or sweep"


def _actual(condition: AnyCondition, view: View) -> str:
    """Say how it is, where a condition does not hold."""
    customer = view.customer
    match condition:
        case StandingIs():
            return (
                f"is {customer.standing.value} since {rfc3339(customer.standing_since)}"
                if customer.standing_since
                else f"is {customer.standing.value}"
            )
        case AddressIs():
            return f"is {customer.address.value}"
        case TagIs():
            return "has no such tag"
        case Returned():
            back = customer.returned
            if back is None:
                return "has not returned"
            return "was thanked for it" if back.taken else f"returned {rfc3339(back.at)} from {back.came_from.value}"
        case PermissionIs():
            given = customer.permission.get(f"{condition.permission}/{condition.channel}")
            if given is None:
                return "nobody gave it"
            return f"was {'given' if given.given else 'withdrawn'} {rfc3339(given.at)}"
        case EventSeen():
            marks = customer.trail.get(condition.event, ())
            return f"last one {rfc3339(marks[-1].at)}" if marks else "there is none"
        case FieldIs():
            value = field_value(customer, condition.field, view.now, view.lifecycle)
            return "is not known" if value is None else f"is {_shown(condition.field, value)}"
    return "holds not"


def _shown(field: str, value: Any) -> str:
    if field in _DAYS and isinstance(value, int):
        return iso_day(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_DAYS = frozenset({"birthday", "points_expire", "contract_ends", "first_order", "last_order", "last_click"})


def held_back(customer: Customer, rules: Rules) -> str:
    """Say what holds this customer's sends now (a pause), empty where nothing does."""
    if PAUSED_LINE not in customer.waiting:
        return ""
    for run in customer.runs:
        workflow = rules.version(run.workflow, run.version)
        steps = workflow.stage(run.stage).steps
        step = steps[run.step] if run.step < len(steps) else None
        pause = paused(customer, run.workflow, step.template, rules) if isinstance(step, Send) else None
        if pause is not None:
            return f"paused since {rfc3339(pause.at)}: {pause.why}"
    return ""
