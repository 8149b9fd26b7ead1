"""`winback graph`: a workflow as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.printing import note, print_json, to_people
from engine.insight.graph import Graph, graph_of
from engine.insight.graph_svg import svg
from engine.insight.mermaid import mermaid
from engine.language import nodes
from engine.language.files import ENDING, SCENARIOS_ENDING, SPECIAL
from engine.language.folder import read_path
from engine.language.problems import Severity, did_you_mean, format_problems


@named(
    "graph",
    "winback graph welcome-back > welcome-back.mmd",
    "winback graph welcome-back --svg welcome-back.svg",
    "winback graph welcome-back --json | jq '.arrows[] | [.from, .by, .to]'",
)
@click.argument("workflow")
@click.option(
    "--svg", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture into this file."
)
def command(call: Call, workflow: str, picture: Path | None) -> None:
    """Draw a workflow: its stages with their steps, and what leads from one to another.

    It prints Mermaid, which Git hosts and wikis draw; --svg writes a picture that needs nothing else. The words are
    those of the file. Exits 1 when the file has errors; those of other files do not matter.
    """
    path = _file_of(call.workflows, workflow)
    graph = _graph(path)
    if picture is not None:
        picture.write_text(svg(graph), encoding="utf-8")
        note(f"{picture}: {graph.workflow}, {len(graph.boxes)} boxes and {len(graph.arrows)} arrows")
    if call.json:
        print_json(graph)
    elif picture is None:
        click.echo(mermaid(graph), nl=False)


def _file_of(folder: Path, workflow: str) -> Path:
    """Return the file of a workflow that is named, by its name or by its file."""
    path = Path(workflow) if workflow.endswith(ENDING) else folder / f"{workflow}{ENDING}"
    if path.is_file() and path.name not in SPECIAL and not path.name.endswith(SCENARIOS_ENDING):
        return path
    names = sorted(
        each.name.removesuffix(ENDING)
        for each in folder.glob(f"*{ENDING}")
        if each.name not in SPECIAL and not each.name.endswith(SCENARIOS_ENDING)
    )
    hint = did_you_mean(workflow, names) or f"there are {', '.join(names) or 'none'}"
    raise Misused(f"there is no workflow {workflow} in {folder}: {hint}")


def _graph(path: Path) -> Graph:
    checked = read_path(path, Path.cwd())
    errors = [one for one in checked.problems if one.severity is Severity.ERROR]
    root, _ = nodes.tree(path.name, nodes.decoded(path.name, path.read_bytes())[0])
    if errors or root is None:
        to_people().print(format_problems(errors, checked.sources).rstrip("\n"))
        raise Wrong(f"{path} has errors, so there is nothing to draw yet")
    return graph_of(root)
