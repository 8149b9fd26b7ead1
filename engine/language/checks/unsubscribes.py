"""A workflow that sends marketing leaves when the customer unsubscribes."""

from __future__ import annotations

from engine.core.rules import EventSeen, Purpose
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft

UNSUBSCRIBED = "email.unsubscribed"


def check(draft: WorkflowDraft, reading: Reading) -> None:
    """Note a marketing workflow that goes on after the customer unsubscribed."""
    key = draft.fields.keys.get("leave_when_any")
    listed = draft.fields.nodes.get("leave_when_any")
    if (listed is not None and reading.inside(listed)) or not _sends_marketing(draft):
        return
    if not any(isinstance(each, EventSeen) and each.event == UNSUBSCRIBED for each in draft.workflow.leave_when_any):
        message = (
            f"the workflow {shown(draft.workflow.name)} sends marketing and goes on after the customer unsubscribed"
        )
        hint = f"add '- event: {UNSUBSCRIBED}' to 'leave_when_any:'"
        reading.error(draft.fields.node.head if key is None else key, "ignores-unsubscribe", message, hint)


def _sends_marketing(draft: WorkflowDraft) -> bool:
    return any(each.send.purpose is Purpose.MARKETING for each in draft.sendings)
