"""Conditions that are asked of the record can only see what it keeps of past events."""

from __future__ import annotations

from engine.core.rules import Lifecycle
from engine.language.nodes import Node
from engine.language.problems import one_of, shown
from engine.language.reading import Reading
from engine.language.vocabulary import kept_fields
from engine.language.workflows import WorkflowDraft


def check(draft: WorkflowDraft, reading: Reading) -> None:
    """Note fields of past events that are not kept. An event that is listened to is looked at whole."""
    asked = _asked(draft)
    for look in reading.looks:
        if any(node is not None and _holds(node, look.field) for node in asked):
            kept = kept_fields(look.event)
            message = f"of a past {look.event} the field {shown(look.field.value)} is not kept"
            hint = (
                f"{one_of(kept, 'and')} are kept"
                if len(kept) > 1
                else f"{kept[0]} is kept"
                if kept
                else "none of its fields is"
            )
            reading.error(look.field, "not-kept", message, hint)


def check_how_long(draft: WorkflowDraft, lifecycle: Lifecycle, reading: Reading) -> None:
    """Note conditions that look back further than what somebody read and clicked is kept."""
    keep, asked = lifecycle.keep.engagement, _asked(draft)
    for look in (
        each for each in reading.looks_back if any(node is not None and _holds(node, each.at) for node in asked)
    ):
        message = f"of past {look.event} only the last {keep} are kept (`keep: engagement` in lifecycle.yaml)"
        if look.within is None and look.counts:
            reading.error(
                look.at, "not-kept", f"{message}, so they cannot all be counted", f"add 'within: {keep}' or less"
            )
        elif look.within is not None and look.within.roughly > keep.roughly:
            reading.error(look.at, "not-kept", message, f"write {keep} or less, or keep it longer")


def _asked(draft: WorkflowDraft) -> list[Node | None]:
    """Where conditions are asked of the record."""
    asked = [draft.fields.nodes.get(key) for key in ("enter_when_all", "enter_when_any")]
    return asked + [stage.fields.nodes.get("steps") for stage in draft.stages.values()]


def _holds(node: Node, inner: Node) -> bool:
    return node.spot.file == inner.spot.file and node.spot.line <= inner.spot.line <= node.last_line
