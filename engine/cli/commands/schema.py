"""`winback schema`: JSON Schema of files, events, and what commands print."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click
import msgspec

from engine.cli import documents
from engine.cli.calling import Call, Misused, named
from engine.cli.printing import print_json
from engine.core import catalogue
from engine.insight.backtest import Report
from engine.insight.graph import Graph
from engine.language.schema import FILES, json_schema
from engine.wiring.overview import Overview

DOCUMENTS: dict[str, Any] = {
    "check": documents.CheckDocument,
    "new": documents.NewDocument,
    "graph": Graph,
    "simulate": Report,
    "ingest": documents.IngestDocument,
    "go-live": documents.GoLiveDocument,
    "apply": documents.ApplyDocument,
    "pauses": documents.PausesDocument,
    "explain": documents.ExplainDocument,
    "status": Overview,
    "who": list[documents.WhoDocument],
    "cadence": documents.CadenceDocument,
    "dead-letters": list[documents.DeadLetterDocument],
    "dead-letters-replay": documents.ReplayDocument,
    "preview": documents.PreviewDocument,
}
"""What `--json` prints, by the name of its schema; files and events have theirs elsewhere."""


@named("schema", "winback schema workflow > .vscode/workflow.schema.json", "winback schema event", "winback schema")
@click.argument("name", required=False)
def command(call: Call, name: str | None) -> None:
    """Print the JSON Schema of a kind of file (for editors), of an event, or of a command's --json.

    Without NAME it lists the names.
    """
    if name is None:
        click.echo("\n".join(names()))
    else:
        print_json(schema_of(name))


def names() -> list[str]:
    """Return the names of all schemas."""
    return [*FILES, "event", *(f"{name}.json" for name in DOCUMENTS)]


def schema_of(name: str) -> dict[str, Any]:
    """Return a schema by name.

    Raises:
        Misused: there is none of that name.

    """
    if name in FILES:
        return json_schema(name)
    if name == "event":
        return catalogue.schema()
    shape = DOCUMENTS.get(name.removesuffix(".json"))
    if shape is not None:
        made = msgspec.json.schema(shape)
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"winback {name}", **made}
    near = get_close_matches(name, names(), n=1)
    raise Misused(
        f"there is no schema '{name}'" + (f": did you mean '{near[0]}'?" if near else ": winback schema lists them")
    )
