"""Write the generated pages under docs/ anew (`./dev docs`); tests see to it that they agree with the code.

A generated part of a page stands between `<!-- NAME: written by ./dev docs -->` and `<!-- end of NAME -->`.
"""  # noqa: INP001 - a script, not part of a package

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.cli.reference import commands_page, document_schemas
from engine.core.catalogue import CATALOGUE, example, fields, schema

DOCS = Path(__file__).parent


def event_types() -> str:
    """Return the tables of the types of events, group by group, each with examples that can be sent as they stand."""
    groups = list(dict.fromkeys(entry.group for entry in CATALOGUE.values()))
    return "\n\n".join(_group(group) for group in groups)


def _group(group: str) -> str:
    kinds = [kind for kind, entry in CATALOGUE.items() if entry.group == group]
    rows = [_row(kind) for kind in kinds]
    examples = [json.dumps(example(kind), ensure_ascii=False) for kind in kinds]
    table = ["| type | says | required | optional |", "| --- | --- | --- | --- |", *rows]
    return "\n".join([f"### {group}", "", *table, "", "```json", *examples, "```"])


def _row(kind: str) -> str:
    required, optional = (", ".join(names) for names in fields(kind))
    return f"| `{kind}` | {CATALOGUE[kind].means} | {required or '-'} | {optional or '-'} |"


FILES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    **{f"schemas/commands/{name}": partial(str, text) for name, text in document_schemas().items()},
    "schemas/events.json": lambda: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
}
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("reference/events.md", "event types"): event_types,
}


def wanted() -> dict[Path, str]:
    """Return what each generated file should hold."""
    texts = {DOCS / name: make() for name, make in FILES.items()}
    for (name, part), make in PARTS.items():
        path = DOCS / name
        page = texts.get(path) or path.read_text(encoding="utf-8")
        begin, end = f"<!-- {part}: written by ./dev docs -->", f"<!-- end of {part} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"{name} must hold once: {begin} … {end}")
        filled = f"{begin}\n\n{make()}\n\n{end}".replace("\\", r"\\")
        texts[path] = pattern.sub(filled, page)
    return texts


def main() -> int:
    """Write what is not as it should be, and name it."""
    for path, text in wanted().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(DOCS.parent))  # noqa: T201 - it says what it wrote
    return 0


if __name__ == "__main__":
    sys.exit(main())
