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
from engine.core.phrases import FAMILIES
from engine.language.codes import CODES
from engine.language.reference import Example, check_page, checks_index, keys_page
from engine.language.schema import FILES as LANGUAGE_FILES
from engine.language.schema import json_schema
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import demands

DOCS = Path(__file__).parent
CHECKS = DOCS / "reference" / "checks"
COOKBOOK = DOCS / "cookbook"
SHARED = DOCS.parent / "workflows" / "templates" / "shared"
GOLDEN = DOCS.parent / "tests" / "language" / "err"
_PROBLEM = re.compile(r".+:\d+:\d+: .+ \[([a-z0-9-]+)\]")


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


def check_pages() -> dict[str, Callable[[], str]]:
    """Return the page of each code, with the golden pair that says the least beside it."""
    best: dict[str, tuple[tuple[int, int], Example]] = {}
    for said in sorted(GOLDEN.glob("*/*.out")):
        shown = Example(_files_of(said.with_suffix("")), _lines(said))
        codes = [match[1] for line in shown.said if (match := _PROBLEM.fullmatch(line))]
        length = sum(len(line) for lines in (*shown.files.values(), shown.said) for line in lines)
        for code in codes:
            if code not in best or (len(codes), length) < best[code][0]:
                best[code] = (len(codes), length), shown
    return {f"reference/checks/{code}.md": partial(check_page, code, best[code][1]) for code in CODES}


def _files_of(case: Path) -> dict[str, list[str]]:
    """Return a golden case's files, by the names they are read under."""
    if case.is_dir():
        paths = sorted((path for path in case.rglob("*") if path.is_file()), key=lambda path: (len(path.parts), path))
        return {path.relative_to(case).as_posix(): _lines(path) for path in paths}
    kind = case.parent.name
    name = {"workflow": f"{case.name}.yaml", "scenarios": "winback.scenarios.yaml"}.get(kind, f"{kind}.yaml")
    return {name: _lines(case.with_suffix(".yaml"))}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n")


def _as_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def partials() -> dict[Path, str]:
    """Return the partials of each recipe of the cookbook: those that ship.

    A recipe is a folder of workflows of its own, so that it can be checked and taken as it stands, and templates may
    not reach out of their folder. So the partials are copies; nobody edits them there.
    """
    recipes = [folder for folder in sorted(COOKBOOK.iterdir()) if (folder / "templates").is_dir()]
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(SHARED.iterdir())}
    return {recipe / "templates" / "shared" / name: text for recipe in recipes for name, text in texts.items()}


def topics_table() -> str:
    """Return the table of the topics of the distributed engine."""
    rows = [
        "| topic | holds | partitions | clean-up | kept | largest record |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in demands(TopicNames.of("winback"), 32):
        count = "1" if each.partitions == 1 else "any number" if each.any_number else "exactly"
        policy, kept = ("compact", "for ever") if each.compact else ("delete", f"{each.kept_ms // 86_400_000} days")
        rows.append(f"| `{each.topic}` | {each.holds} | {count} | {policy} | {kept} | {each.most_bytes >> 20} MiB |")
    return "\n".join(rows)


def families_table() -> str:
    """Return the table of what is asked of an answer's words, in its order."""
    rows = ["| | if the words say that | it is |", "| --- | --- | --- |"]
    for number, each in enumerate(FAMILIES, 1):
        final = ", and the no is final" if each.permanent else ""
        rows.append(f"| {number} | {each.reason}{final} | `{each.kind}` |")
    return "\n".join(rows)


FILES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/language/keys.md": keys_page,
    "reference/checks/README.md": checks_index,
    **check_pages(),
    **{f"schemas/files/{name}.json": (lambda name=name: _as_json(json_schema(name))) for name in LANGUAGE_FILES},
    **{f"schemas/commands/{name}": partial(str, text) for name, text in document_schemas().items()},
    "schemas/events.json": lambda: _as_json(schema()),
}
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("reference/events.md", "event types"): event_types,
    ("reference/topics.md", "topics"): topics_table,
    ("reference/verdicts.md", "families"): families_table,
}


def wanted() -> dict[Path, str]:
    """Return what each generated file should hold."""
    texts = {DOCS / name: make() for name, make in FILES.items()} | partials()
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


def left_over() -> list[Path]:
    """Return pages of codes, and copies of partials, that are no more."""
    made = wanted()
    there = (*sorted(CHECKS.glob("*")), *sorted(COOKBOOK.glob("*/templates/shared/*")))
    return [path for path in there if path not in made]


def main() -> int:
    """Write what is not as it should be, take away what is no more, and name both."""
    for path, text in wanted().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(DOCS.parent))  # noqa: T201 - it says what it wrote
    for path in left_over():
        path.unlink()
        print(f"{path.relative_to(DOCS.parent)} is no more")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())
