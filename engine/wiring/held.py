"""What a pause holds, for those who are about to end it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from engine.books.views import Views
from engine.core.breaker import FAMILY, MARKETING
from engine.core.customer import decode
from engine.core.rules import Workflow, sends_of
from engine.core.runs import current_send
from engine.core.sending import PAUSED_LINE

LOOKED_AT: Final = 10_000
"""Held customers that are looked at where only their records tell what holds them."""


def held_by(views: Views, scope: str, name: str) -> dict[str, int]:
    """Return by template how many sends a pause holds; of a domain, a family or marketing, of the first ten thousand customers held at all."""
    rules = views.rules()
    counts: Counter[str] = Counter()
    if scope in ("domain", FAMILY, MARKETING):
        for (record,) in views.all("paused_records", PAUSED_LINE, LOOKED_AT):
            for run in decode(record).runs:
                step = current_send(rules.version(run.workflow, run.version), run)
                if run.doing == "paused" and step is not None and run.reason == f"paused: {scope} {name}".rstrip():
                    counts[step.template] += 1
        return dict(counts.most_common())
    for workflow, version, _, stage, step, doing, runs in views.all("headcount"):
        if doing == "paused" and (scope != "workflow" or workflow == name):
            template = _template(rules.version(workflow, version), stage, step)
            if scope != "template" or name in template.split(" / "):
                counts[template] += runs
    return dict(counts.most_common())


def _template(workflow: Workflow, stage: str, step: int) -> str:
    """Return what a step sends; of a `choose`, each that it may."""
    steps = workflow.stage(stage).steps
    return " / ".join(dict.fromkeys(send.template for send in sends_of(steps[step]))) if step < len(steps) else ""
