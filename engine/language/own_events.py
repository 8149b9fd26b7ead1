"""events.yaml: the shop's own events. They can be used wherever winback's own can."""

from __future__ import annotations

from engine.core.events import DATA
from engine.core.rules import OwnEvent
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Bad, Key
from engine.language.nodes import Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import EVENT_NAME, FLAG, NAME, TEXT, words
from engine.language.shapes import MapOf
from engine.language.vocabulary import KINDS_OF_FIELD


def _named(name: Text, fields: Fields, reading: Reading) -> OwnEvent | Bad:
    if name.value in DATA:
        reading.error(name, "name-taken", f"winback has an event {shown(name.value)} of its own", "choose another name")
        return BAD
    return OwnEvent(
        name=name.value,
        means=fields.get("means", ""),
        fields=fields.get("fields", {}),
        shows_life=fields.get("shows_life", False),
    )


OWN_EVENT = Form(
    "an event",
    "Something that happens in the shop.",
    (
        Key("means", TEXT, "One line that says what happened.", required=True),
        Key(
            "fields",
            MapOf(NAME, words(KINDS_OF_FIELD), "fields with their kind"),
            "What it tells: fields with their kind.",
        ),
        Key("shows_life", FLAG, "Whether it proves a living customer; false when left out."),
    ),
)

OWN_EVENTS = Form(
    "events.yaml",
    "The shop's own events.",
    (
        Key(
            "events",
            MapOf(EVENT_NAME, OWN_EVENT, "events by name", with_key=_named),
            "The events by name.",
            required=True,
        ),
    ),
    build=lambda fields, _: fields.get("events", {}),
)
