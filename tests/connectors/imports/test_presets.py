"""The exports of six tools, each example file read as every kind its preset knows: what each row says, as it must be.

The expected lines stand beside each file; `python -m tests.connectors.imports.test_presets` writes them anew, to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.imports import KINDS, PRESETS, MappingProblem, Statement, Suppressed
from engine.cli.exported import Said, open_export
from engine.core.moments import rfc3339

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(path for path in GOLDEN.glob("*/*.csv"))


def told(path: Path) -> Iterator[str]:
    """Yield what a file says, kind by kind and row by row."""
    for kind in KINDS:
        if kind not in PRESETS[path.parent.name].columns and kind != "suppressions":
            continue
        try:
            export = open_export(str(path), Said(kind=kind, preset=path.parent.name, timezone="Europe/Berlin"))
        except MappingProblem:
            continue
        yield f"# {kind}: {export.form}; {', '.join(f'{ours}={theirs}' for ours, theirs in export.mapped.columns.items())}"
        for row in export.rows():
            says = [in_words(each) for each in row.says]
            yield f"{row.line}: {'; '.join(says) or (row.refused and f'refused: {row.refused}') or '-'}"


def in_words(said: Statement | Suppressed) -> str:
    """Return what a row says, in one line."""
    when = "now" if said.at is None else rfc3339(said.at)
    if isinstance(said, Suppressed):
        return f"{said.kind} {said.address or said.sha256} {when}"
    return f"{said.type} {said.customer or '-'} {when} {said.data}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_export_says_what_stands_beside_it(path: Path) -> None:
    """Row by row, with its refusals; and every tool has an example."""
    assert list(told(path)) == path.with_suffix(".out").read_text("utf-8").splitlines()
    assert {each.parent.name for each in FILES} == set(PRESETS)


def write() -> None:
    """Write what is expected anew."""
    for path in FILES:
        path.with_suffix(".out").write_text("\n".join(told(path)) + "\n", "utf-8")


if __name__ == "__main__":
    write()
