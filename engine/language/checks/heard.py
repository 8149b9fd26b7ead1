"""What is listened to must be something that happens: an absence never does, and a day comes without a sound."""

from __future__ import annotations

from engine.language.nodes import Listing, Mapping, Node
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft


def check(draft: WorkflowDraft, reading: Reading) -> None:
    """Note absences that a workflow listens to: nothing rings when nothing happens."""
    _absences(draft.fields.nodes.get("leave_when_any"), reading)
    for stage in draft.stages.values():
        _absences(stage.fields.nodes.get("until_any"), reading)
        _days(stage.fields.nodes.get("until_any"), reading)


def _days(listed: Node | None, reading: Reading) -> None:
    """Note days in `until_any`. In `leave_when_any` they have a use: they keep customers out while they last."""
    for item in listed.items if isinstance(listed, Listing) else ():
        entry = item.entry("occasion") if isinstance(item, Mapping) else None
        if entry is not None:
            message = "'occasion' is never heard: a day comes without a sound"
            reading.error(entry[0], "never-heard", message, "write 'wait_until: {occasion: …}' as a step")


def _absences(listed: Node | None, reading: Reading) -> None:
    for item in listed.items if isinstance(listed, Listing) else ():
        entry = item.entry("no_event") if isinstance(item, Mapping) else None
        if entry is not None:
            message = "'no_event' is never heard: nothing rings when nothing happens"
            reading.error(
                entry[0], "never-heard", message, "let a 'wait:' pass, then ask with 'go_to:' and 'when_all:'"
            )
