"""`winback schema`: JSON Schema of files, events, and what commands print."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

from engine.books.proofs import Proof
from engine.cli import documents
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.printing import note, print_json
from engine.core import catalogue
from engine.insight.backtest import Report
from engine.insight.graph import Graph
from engine.insight.overview import Overview
from engine.language.schema import FILES, json_schema
from engine.wiring.exporting import ExportDocument
from engine.wiring.pools import PoolLevel

BESIDE = ".schemas"
"""The folder beside the workflows that holds the schemas for editors."""

DOCUMENTS: dict[str, Any] = {
    "check": documents.CheckDocument,
    "new": documents.NewDocument,
    "graph": Graph,
    "simulate": Report,
    "ingest": documents.IngestDocument,
    "incoming": documents.IncomingDocument,
    "import": documents.ImportDocument,
    "preflight": documents.PreflightDocument,
    "go-live": documents.GoLiveDocument,
    "plan": documents.PlanDocument,
    "apply": documents.ApplyDocument,
    "pauses": documents.PausesDocument,
    "explain": documents.ExplainDocument,
    "export": ExportDocument,
    "erase": list[Proof],
    "status": Overview,
    "who": list[documents.WhoDocument],
    "bounce": documents.BounceDocument,
    "cadence": documents.CadenceDocument,
    "coupons-status": list[PoolLevel],
    "coupons-mint": documents.MintedDocument,
    "coupons-load": documents.LoadedDocument,
    "backup": documents.BackupDocument,
    "restore": documents.RestoreDocument,
    "export-state": documents.ExportStateDocument,
    "import-state": documents.ImportStateDocument,
    "dead-letters": list[documents.DeadLetterDocument],
    "dead-letters-replay": documents.ReplayDocument,
    "preview": documents.PreviewDocument,
    "walk": documents.WalkDocument,
    "test-send": documents.SentToMeDocument,
    "topics": documents.TopicsDocument,
}
"""What `--json` prints, by the name of its schema; files and events have theirs elsewhere."""


@named("schema", "winback schema workflow", "winback schema event", "winback schema", "winback schema --write")
@click.argument("name", required=False)
@click.option(
    "--write", is_flag=True, help=f"Write those of all kinds of files into {BESIDE} in --workflows, for editors."
)
def command(call: Call, name: str | None, *, write: bool) -> None:
    """Print the JSON Schema of a kind of file (for editors), of an event, or of a command's --json.

    Without NAME it lists the names. How editors use them: docs/how-to/edit-with-help.md.
    """
    if write:
        if name is not None:
            raise Misused("--write writes all kinds of files: leave the name out")
        _write(call.workflows / BESIDE)
    elif name is None:
        click.echo("\n".join(names()))
    else:
        print_json(schema_of(name))


def _write(folder: Path) -> None:
    """Write the schemas of files, and say what a file's first line must be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in FILES:
            (folder / f"{kind}.json").write_bytes(msgspec.json.format(msgspec.json.encode(json_schema(kind)), indent=2))
    except OSError as error:
        raise Wrong(f"{error.filename}: {error.strerror}") from None
    note(f"{folder}: {', '.join(FILES)}; the first line of each file:")
    for kind in FILES:
        click.echo(modeline(kind))


def modeline(kind: str) -> str:
    """Return the first line that tells an editor which schema a file of this kind has."""
    return f"# yaml-language-server: $schema={BESIDE}/{kind}.json"


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
