"""What is named must exist: stages, templates, offers, occasions, workflows, and outcomes of workflows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.language.problems import one_of, shown
from engine.language.reading import Reading, Reference


def check(reading: Reading, known: Mapping[str, Collection[str] | None], stages: Mapping[str, Collection[str]]) -> None:
    """Note each reference to what does not exist.

    `known` holds the names by what they belong to, None where they could not be read; `stages` those of each file.
    """
    for reference in reading.references:
        names = stages.get(reference.name.spot.file) if reference.to == "stage" else known.get(reference.to)
        if names is not None and reference.name.value not in names:
            _note(reading, reference, names)


def _note(reading: Reading, reference: Reference, names: Collection[str]) -> None:
    name, to = reference.name, reference.to
    message = f"no {to} is named {shown(name.value)}"
    reading.unknown(name, f"unknown-{to}", message, names)
    reading.hint_last(_CURES.get(to, "").format(name=name.value))


_CURES = {
    "template": "make the folder templates/{name}, with a subject and a text in each language",
    "offer": "describe it in offers.yaml",
    "workflow": "there is no file {name}.yaml",
    "occasion": "name its day in occasions.yaml, such as {name}: {{day: 12-24}}",
}


def check_outcomes(reading: Reading, outcomes: Mapping[str, Collection[str] | None]) -> None:
    """Note outcomes that a condition asks of a workflow, and that no run of it can have; None where they are not known."""
    for workflow, outcome in reading.outcomes:
        known = outcomes.get(workflow)
        if known is not None and outcome.value not in known:
            message = f"no run of {shown(workflow)} ends as {shown(outcome.value)}"
            reading.unknown(outcome, "unknown-outcome", message, known)
            reading.hint_last(f"it ends as {one_of(sorted(known))}")
