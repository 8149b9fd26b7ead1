"""How results are shown: JSON on standard output, text for people, notes and progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


def print_json(document: Struct | dict[str, Any] | list[Any]) -> None:
    """Print one JSON document on standard output."""
    raw = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.buffer.write(raw + b"\n")
    sys.stdout.buffer.flush()


def to_people() -> Console:
    """Return the console people read: colours only on a terminal, and elsewhere lines as long as they are."""
    terminal = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not terminal, width=None if terminal else 200, emoji=False, markup=False)


def note(message: str) -> None:
    """Say something beside the result, on standard error."""
    click.echo(f"winback: {message}", err=True)


def progress() -> Progress:
    """Return a progress bar on standard error, shown on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def table(*columns: str, rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> Table:
    """Return a table without a frame, the columns named in `right` set to the right."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row))
    return made
