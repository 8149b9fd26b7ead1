"""Stages, templates and offers that are named must exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.language.problems import shown
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
    if to == "template" and not reading.problems[-1].hint:
        hint = f"make the folder templates/{name.value}, with a subject and a text in each language"
        reading.hint_last(hint)
