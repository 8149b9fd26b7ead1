"""The keys that steps keep when lines move: kind, name, and ordinal among equals in their stage.

A run that waits finds its place by them, so the name leaves out what may change meanwhile: a wait of another length is
the same step. The send of a branch has a key of its own, because an effect is named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from engine.core.rules import (
    AdaptNewsletter,
    AnyStep,
    Choose,
    CloseAccount,
    Emit,
    GoTo,
    HandOff,
    MakeFormer,
    PutTag,
    Resume,
    Send,
    Split,
    Suppress,
    TakeTag,
    Wait,
    WaitUntil,
    step_key,
)

_NAMES: dict[type, tuple[str, Callable[[Any], str]]] = {
    Send: ("send", lambda step: step.template),
    Wait: ("wait", lambda _: ""),
    WaitUntil: ("wait_until", lambda _: ""),
    GoTo: ("go_to", lambda step: step.stage),
    Split: ("split", lambda _: ""),
    Choose: ("choose", lambda step: step.by),
    Suppress: ("suppress", lambda step: step.scope.value),
    Resume: ("resume", lambda step: step.scope.value),
    AdaptNewsletter: ("newsletter", lambda step: step.content or ("less" if step.at_most else "as_usual")),
    PutTag: ("tag", lambda step: step.tag),
    TakeTag: ("untag", lambda step: step.tag),
    MakeFormer: ("standing", lambda _: "former"),
    HandOff: ("hand_off", lambda step: step.team),
    CloseAccount: ("close_account", lambda _: ""),
    Emit: ("emit", lambda step: step.event),
}


def with_step_keys(steps: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
    """Return the steps of a stage with their keys."""
    seen: dict[tuple[str, str], int] = {}
    made = []
    for step in steps:
        kind, name_of = _NAMES[type(step)]
        name = (kind, name_of(step))
        ordinal = seen[name] = seen.get(name, -1) + 1
        made.append(_with_key(step, step_key(*name, ordinal)))
    return tuple(made)


def _with_key(step: AnyStep, key: str) -> AnyStep:
    if not isinstance(step, Choose):
        return structs.replace(step, key=key)
    branches = tuple(structs.replace(each, send=_of_branch(each.send, key, each.name)) for each in step.branches)
    return structs.replace(step, key=key, branches=branches, otherwise=_of_branch(step.otherwise, key, "otherwise"))


def _of_branch(send: Send | None, key: str, branch: str) -> Send | None:
    return send and structs.replace(send, key=f"{key}/{branch} send {send.template}")
