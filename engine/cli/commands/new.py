"""`winback new`: the files of a workflow to begin with."""

from __future__ import annotations

import re
import unicodedata
from importlib import resources
from pathlib import Path

import click

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.commands.schema import BESIDE, modeline
from engine.cli.documents import NewDocument
from engine.cli.printing import note, print_json, to_people
from engine.language import values
from engine.language.files import ENDING, SCENARIOS_ENDING, SPECIAL
from engine.language.problems import format_problems
from engine.wiring.checking import checked_paths


@named("new", "winback new anniversary", "winback new spring-sale --workflows shop/workflows")
@click.argument("workflow")
def command(call: Call, workflow: str) -> None:
    """Write a workflow with its scenarios and its mail, to begin with: every key of it explains itself.

    It writes WORKFLOW.yaml, WORKFLOW.scenarios.yaml and a template into the folder of --workflows, and never over a file
    that is there. The workflow is a draft: nothing is sent before you say `mode: live`.
    """
    texts = _texts(call.workflows, _good(workflow))
    there = [path for path in texts if path.exists()]
    if there:
        raise Misused(f"{', '.join(map(str, there))}: there already; choose another name, or delete what is there")
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Wrong(f"{error.filename}: {error.strerror}") from None
    if call.json:
        print_json(NewDocument([str(path) for path in texts]))
    else:
        to_people().print("\n".join(map(str, texts)))
    _say_what_is_next(workflow, next(iter(texts)))


def _good(workflow: str) -> str:
    """Return a name that a workflow can have, or say what to write instead."""
    try:
        values.name(workflow.removesuffix(ENDING))
    except values.Wrong as wrong:
        raise Misused(f"{wrong.message}: {wrong.hint}") from None
    if workflow.endswith(ENDING):
        raise Misused(f"name the workflow, not its file: winback new {workflow.removesuffix(ENDING)}")
    if f"{workflow}{ENDING}" in SPECIAL:
        raise Misused(f"{workflow}{ENDING} is a file of another kind: choose another name")
    return workflow


def _texts(folder: Path, workflow: str) -> dict[Path, str]:
    """Return what to write, by file. A template's name has small letters, digits and `_`, and begins with a letter."""
    plain = unicodedata.normalize("NFKD", workflow.lower()).encode("ascii", "ignore").decode()
    template = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    template = template if template[:1].isalpha() and template != "shared" else f"mail_{template}".rstrip("_")
    from_ = resources.files("engine.cli") / "beginning"
    mail = folder / "templates" / template
    paths = {
        folder / f"{workflow}{ENDING}": "workflow.yaml",
        folder / f"{workflow}{SCENARIOS_ENDING}": "scenarios.yaml",
        mail / "en.subject.liquid": "subject.liquid",
        mail / "en.text.liquid": "text.liquid",
    }
    texts = {path: (from_ / name).read_text(encoding="utf-8") for path, name in paths.items()}
    for path, name in paths.items():
        if name.endswith(ENDING) and (folder / BESIDE).is_dir():
            texts[path] = f"{modeline(name.removesuffix(ENDING))}\n{texts[path]}"
    return {path: text.replace("WORKFLOW", workflow).replace("TEMPLATE", template) for path, text in texts.items()}


def _say_what_is_next(workflow: str, path: Path) -> None:
    """Check what was written, as the shop's own lifecycle.yaml may contradict the scenarios."""
    found = checked_paths([path, path.with_name(f"{workflow}{SCENARIOS_ENDING}")])
    problems = sorted({one for checked, _ in found for one in checked.problems}, key=lambda one: one.place)
    if problems:
        note("what to change, as your other files are:")
        click.echo(format_problems(problems, found[-1][0].sources), err=True)
    note(f"edit {path}, then: winback check, winback graph {workflow}, winback simulate --all")
