"""JSON Schema of each kind of file, made from the same table as the reader: for editors' completion and underlines.

Draft 7, because that is the newest that all editors' YAML plug-ins read.
"""

from __future__ import annotations

from engine.language.connectors import CONNECTORS
from engine.language.forms import Form
from engine.language.kinds import Definitions, Schema
from engine.language.lifecycle import LIFECYCLE
from engine.language.occasions import OCCASIONS
from engine.language.offers import OFFERS
from engine.language.own_events import OWN_EVENTS
from engine.language.scenario_files import SCENARIOS
from engine.language.workflows import WORKFLOW

FILES: dict[str, Form] = {
    "workflow": WORKFLOW,
    "lifecycle": LIFECYCLE,
    "offers": OFFERS,
    "events": OWN_EVENTS,
    "occasions": OCCASIONS,
    "scenarios": SCENARIOS,
    "connectors": CONNECTORS,
}
"""The kinds of files by the name `winback schema` knows them by."""


def json_schema(name: str) -> Schema:
    """Return the JSON Schema of a kind of file.

    Raises:
        KeyError: there is no kind of that name; `FILES` has all of them.

    """
    form = FILES[name]
    definitions: Definitions = {}
    made = form.schema(definitions)
    head: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"winback: {form.name}"}
    return {**head, **made, "definitions": dict(sorted(definitions.items()))} if definitions else {**head, **made}
