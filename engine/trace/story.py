"""One customer's story: who they are, the evidence, where they stand, what was decided and what keeps the rest waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from engine.core.address import proofs_that_count
from engine.core.customer import Customer, Run
from engine.core.effects import Effect
from engine.core.fields import summary as customer_summary
from engine.core.moments import Instant, rfc3339
from engine.core.rulebook import Rules
from engine.core.standing import evidence
from engine.trace.decisions import Decision, Ending, told
from engine.trace.engagement import not_counted
from engine.trace.obstacles import why_not
from engine.trace.permissions import ConsentTold, GateAnswer, MailOf, consents_told, gate_told


class Story(Struct, frozen=True):
    """A customer's story. `past` are decisions in order, the newest last; `now` is what keeps each workflow waiting.

    `gate` says by purpose and channel whether they may be written to, `consents` what was said of it, with the proof.
    """

    customer: dict[str, Any]
    standing: str
    standing_since: Instant
    evidence: list[str]
    runs: list[dict[str, Any]]
    past: list[Decision]
    now: list[Decision]
    gate: dict[str, GateAnswer]
    consents: list[ConsentTold]


def story(
    customer: Customer,
    effects: Iterable[Effect],
    rules: Rules,
    now: Instant,
    *,
    endings: Mapping[str, Ending] | None = None,
    places: Mapping[str, int] | None = None,
    mail_of: MailOf | None = None,
) -> Story:
    """Tell a customer's story as of now.

    Args:
        customer: the record.
        effects: all of the customer's effects, in the order of decision.
        rules: the rules in force, and the versions that runs are on.
        now: the present instant.
        endings: by effect id, what the ledger knows of released sends.
        places: by workflow, how many stand before the customer in the line of those who wait.
        mail_of: finds the mails that consents rest on.

    """
    return Story(
        customer=customer_summary(customer, now, rules.lifecycle),
        standing=customer.standing.value,
        standing_since=customer.standing_since,
        evidence=_evidence(customer, rules, now),
        runs=[run_told(run, rules) for run in customer.runs],
        past=sorted(
            (decision for effect in effects for decision in told(effect, rules, endings or {})),
            key=lambda each: each.at,
        ),
        now=[
            decision
            for _, workflow in sorted(rules.rule_set.workflows.items())
            for decision in why_not(customer, workflow, rules, now, places or {})
        ],
        gate=gate_told(customer, rules.lifecycle, now),
        consents=consents_told(customer, mail_of),
    )


def _evidence(customer: Customer, rules: Rules, now: Instant) -> list[str]:
    said = evidence(customer, now, rules.lifecycle, rules.shop.thresholds)
    said += [
        f"{'clear' if proof.clear else 'doubtful'} proof of {rfc3339(proof.at)} that mail does not arrive: {proof.status}".rstrip(
            ": "
        )
        for proof in proofs_that_count(customer)
    ]
    said += [
        f"no {purpose} since {rfc3339(stop.at)}, by {stop.by}" for purpose, stop in sorted(customer.stopped.items())
    ]
    said += not_counted(customer)
    if customer.shares:
        said.append(
            f"shares the address with {', '.join(customer.shares)}: a no, bounces and caps hold for all of them"
        )
    if customer.gone:
        said.append(f"gone: {customer.gone}; nothing is ever sent again")
    if customer.stuck:
        said.append(f"stuck, nothing is sent until the dead letter is replayed: {customer.stuck}")
    return said


def run_told(run: Run, rules: Rules) -> dict[str, Any]:
    """Tell where a run is and what it waits for, with the line of YAML, as `explain --json` has it."""
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
        "why": run.reason or (f"goes on in version {run.moving_to} when that has ended" if run.moving_to else None),
        "codes": {offer: code for offer, (code, _) in run.codes.items()},
        "file": workflow.file,
        "line": step.line if step else stage.line,
    }


_DOING: Final = {
    "waiting": "waits",
    "deferred": "a send waits",
    "paused": "a send is held by a pause",
    "sending": "a send is being handed over",
    "handed_off": "a person has them; their answer is awaited",
    "closing": "the account will be closed, unless there is a sign of life",
    "": "goes on with the next signal",
}
