"""Steps, offers and settings in the words of the YAML: what a difference between two sets of files is told in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from engine.core.moments import Length
from engine.core.money import Money, written
from engine.core.rules import (
    WHOLE,
    AdaptNewsletter,
    AnyStep,
    Branch,
    Budget,
    Cap,
    Choose,
    CloseAccount,
    Condition,
    Discount,
    Emit,
    EnterAtMost,
    FreeTrial,
    Gift,
    GoTo,
    HandOff,
    LapseRule,
    MakeFormer,
    PerCustomer,
    Purpose,
    PutTag,
    Resume,
    Send,
    Split,
    Stage,
    Suppress,
    TakeTag,
    Wait,
    WaitUntil,
    Workflow,
)
from engine.core.words import in_words
from engine.language.scalars import WEEKDAYS

Words = dict[str, Any]


def share(value: int) -> str:
    """Write parts of ten thousand as a percentage."""
    return f"{value * 100 / WHOLE:g}%"


def clock(minutes: int) -> str:
    """Write minutes since midnight as a clock time."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def said(value: Any) -> str:
    """Write a value as the YAML has it, on one line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    for kind, words in _SAID.items():
        if isinstance(value, kind):
            return words(value)
    return str(value)


def _listed(values: Any) -> str:
    return f"[{', '.join(said(each) for each in values)}]"


def _mapped(values: Mapping[str, Any]) -> str:
    return f"{{{', '.join(f'{key}: {said(value)}' for key, value in values.items())}}}"


def _fields(value: Struct) -> str:
    left_out = ("name", "line")
    usual = {each.name: each.default for each in msgspec.structs.fields(value)}
    given = msgspec.structs.asdict(value)
    return _mapped(
        {name: each for name, each in given.items() if each != usual[name] and each != {} and name not in left_out}
    )


def _lapse(rule: LapseRule) -> str:
    number = float(rule.fraction)
    amount = {"days": f"{number:g}d", "quantile": f"quantile {number:g}"}.get(rule.of, f"{number:g} x {rule.of}")
    return f"{amount}, by category" if rule.by_category else amount


def _per_customer(allowed: PerCustomer) -> str:
    return "never_again" if allowed.length is None else f"{allowed.count} per {allowed.length}"


def _discount(discount: Discount) -> str:
    return f"discount {discount.money or share(discount.share)}"


_SAID: dict[type, Callable[[Any], str]] = {
    Length: str,
    Money: str,
    Condition: in_words,
    LapseRule: _lapse,
    Cap: lambda cap: f"{cap.purpose.value} {cap.count} per {cap.length}",
    PerCustomer: _per_customer,
    EnterAtMost: lambda pace: f"{pace.count} per {pace.length}",
    Budget: lambda budget: f"{budget.money} per {budget.length}",
    Discount: _discount,
    Gift: lambda gift: f"gift {gift.name}, cost {gift.cost}",
    FreeTrial: lambda trial: f"free trial {trial.name}, cost {trial.cost}",
    Struct: _fields,
    dict: _mapped,
    tuple: _listed,
    list: _listed,
}
"""In this order: a struct of ours before any other."""

_IN_THOUSANDTHS = 1_000


def cost(money: Money) -> str:
    """Write what a message costs: `costs:` keeps the amount of a thousand, so that it is whole."""
    digits = written(money.amount, money.currency)
    return f"{float(digits) / _IN_THOUSANDTHS:g} {money.currency}"


# Steps ---------------------------------------------------------------------------------------------------------------


def step_in_words(step: AnyStep) -> str:
    """Write a step with all that was said of it, such as `send: coupon_offer, offer: ten_percent`."""
    told = _STEPS[type(step)](step)
    late = getattr(step, "late_at_most", None)
    return ", ".join(f"{key}: {said(value)}" for key, value in {**told, "late_at_most": late}.items() if value)


def step_in_short(step: AnyStep) -> str:
    """Write a step by its kind and what it is about, such as `send coupon_offer` or `wait 10d`."""
    key, value = next(iter(_STEPS[type(step)](step).items()))
    return f"{key} {said(value)}"


def place_in_words(workflow: Workflow, stage: str, step: int) -> str:
    """Write where a run stands: `coupon: wait 10d`; behind the last step, `coupon: end`."""
    steps = steps_in_short(workflow.stage(stage))
    return f"{stage}: {steps[step] if step < len(steps) else 'end'}"


def steps_in_short(stage: Stage) -> list[str]:
    """Write the steps of a stage in short, with an ordinal where two would be told alike."""
    seen: dict[str, int] = {}
    told = []
    for step in stage.steps:
        name = step_in_short(step)
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told


def _send(step: Send) -> Words:
    return {
        "send": step.template,
        "offer": step.offer,
        "asks": step.asks,
        "with": step.values,
        "purpose": step.purpose if step.purpose is not Purpose.MARKETING else None,
        "channel": step.channel if step.channel != "email" else None,
    }


def _wait_until(step: WaitUntil) -> Words:
    for_day = {"customer": step.field, "occasion": step.occasion}
    weekday = None if step.weekday is None else WEEKDAYS[step.weekday]
    around = {"before": step.before, "after": step.after}
    moment = {
        **{name: value for name, value in for_day.items() if value},
        **({"weekday": weekday} if weekday else {}),
        **{name: length for name, length in around.items() if length != Length()},
        **({} if step.at is None else {"at": clock(step.at)}),
        **({} if step.if_unknown is None else {"if_unknown": step.if_unknown}),
        **({} if step.at_most is None else {"at_most": step.at_most}),
    }
    return {"wait_until": moment}


def _branch(branch: Branch) -> str:
    bounds = {"is": branch.equals, "at_least": branch.at_least, "at_most": branch.at_most}
    asked = ", ".join(f"{name}: {said(value)}" for name, value in bounds.items() if value is not None)
    does = "nothing" if branch.send is None else step_in_words(branch.send)
    return f"{{{branch.name}{f' ({asked})' if asked else ''}: {does}}}"


def _choose(step: Choose) -> Words:
    otherwise = "nothing" if step.otherwise is None else step_in_words(step.otherwise)
    branches = ", ".join(_branch(each) for each in step.branches)
    return {"choose": f"by {step.by}", "branches": branches, "otherwise": f"{{{otherwise}}}"}


def _newsletter(step: AdaptNewsletter) -> Words:
    if step.at_most is not None:
        return {"newsletter": f"at_most {step.at_most[0]} per {step.at_most[1]}"}
    return {"newsletter": f"content {step.content}" if step.content else "as usual"}


def _hand_off(step: HandOff) -> Words:
    most = None if step.at_most is None else f"{step.at_most[0]} per {step.at_most[1]}"
    return {"hand_off": step.team, "may": step.may, "at_most": most, "answer_within": step.answer_within}


_STEPS: dict[type, Callable[[Any], Words]] = {
    Send: _send,
    Wait: lambda step: {"wait": step.length},
    WaitUntil: _wait_until,
    GoTo: lambda step: {"go_to": step.stage, "when_all": step.when_all, "when_any": step.when_any},
    Split: lambda step: {"split": {stage: share(part) for stage, part in step.shares}},
    Choose: _choose,
    Suppress: lambda step: {"suppress": step.scope},
    Resume: lambda step: {"resume": step.scope},
    AdaptNewsletter: _newsletter,
    PutTag: lambda step: {"tag": step.tag},
    TakeTag: lambda step: {"untag": step.tag},
    MakeFormer: lambda _: {"standing": "former"},
    HandOff: _hand_off,
    CloseAccount: lambda step: {"close_account": step.template, "notice": step.notice},
    Emit: lambda step: {"emit": step.event, "with": step.values},
}
"""What was said of each kind of step, by key; the first says what it is about."""
