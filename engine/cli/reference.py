"""The reference of the commands in Markdown, made from what `--help` says, and the schemas of what `--json` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from engine.cli.app import COMES_LATER, COMMANDS, winback
from engine.cli.commands.schema import DOCUMENTS, schema_of

_MADE = "<!-- Written by ./dev docs from the commands' own help; do not edit. -->"
_HEAD = """Each command exits 0 when all is well, 1 when what it checked is not, and 2 when it was called wrongly. With `--json` it
prints one JSON document on standard output; its JSON Schema stands in `docs/schemas/commands/`, and `winback schema` prints
it. Text for people goes to the terminal, progress and notes to standard error. Options may stand before or after a command's
name."""


def commands_page() -> str:
    """Return the page of all commands."""
    context = click.Context(winback, info_name="winback", **winback.context_settings)
    parts = ["# Commands", _MADE, _HEAD]
    for name in COMMANDS:
        command = winback.get_command(context, name)
        assert command is not None, "each name has its command"
        parts += list(_section(name, command, context))
    parts.append("## Later")
    parts.append(f"These come with later versions: {', '.join(f'`{name}`' for name in sorted(COMES_LATER))}.")
    return "\n\n".join(parts) + "\n"


def _section(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    inner = click.Context(command, info_name=name, parent=context)
    yield f"## {name}"
    yield _unwrapped(command.help or "")
    yield f"```sh\n{command.get_usage(inner).removeprefix('Usage: ')}\n```"
    rows = [record for each in command.get_params(inner) if (record := each.get_help_record(inner)) is not None]
    table = [
        "| option | meaning |",
        "| --- | --- |",
        *(f"| `{_cell(option)}` | {_cell(says)} |" for option, says in rows),
    ]
    yield "\n".join(table)
    for block in (command.epilog or "").split("\b\n"):
        title, _, text = block.strip().partition("\n")
        if text:
            lines = "\n".join(line.removeprefix("  ") for line in text.rstrip().splitlines())
            yield f"{title}\n\n```\n{lines}\n```"


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def document_schemas() -> dict[str, str]:
    """Return the JSON Schema of each document that `--json` prints, by the name of its file."""
    return {f"{name}.json": json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n" for name in DOCUMENTS}
