"""The reference of the language in Markdown, made from the same tables as the reader and its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.core.causes import CAUSES
from engine.core.events import DATA
from engine.language.codes import CODES, CURES
from engine.language.conditions import WAY_OUT
from engine.language.forms import Form, Variants
from engine.language.kinds import Key, Kind
from engine.language.schema import FILES
from engine.language.shapes import all_forms
from engine.language.vocabulary import FIELD_NAMES, event_fields, field_kind, kept_fields, tests_of

_MADE = "<!-- Written by ./dev docs from the tables in engine/language; do not edit. -->"
_WIDEST = 120


@dataclass(frozen=True)
class Example:
    """Lines of files that bring a problem, by the files' names, and the lines that are said of them."""

    files: Mapping[str, Sequence[str]]
    said: Sequence[str]


def keys_page() -> str:
    """Return the page of all keys, by file."""
    parts = [
        "# Keys",
        _MADE,
        "Every key of every file, with what its value is. `winback schema NAME` gives the same to editors.",
    ]
    seen: set[str] = set()
    for name, form in FILES.items():
        parts.append(f"## {name}")
        for inner in all_forms(form):
            if inner.keys and inner.name not in seen:
                seen.add(inner.name)
                parts += [f"### {_title(inner)}", *_explained(inner)]
                if inner.later:
                    parts.append(f"Comes later: {', '.join(f'`{key}`' for key in inner.later)}.")
    parts += ["## Causes", _causes(), "## Customer fields", _customer_fields(), "## Events", _events()]
    return "\n\n".join(parts) + "\n"


def checks_index() -> str:
    """Return the page that lists all codes, each with its meaning and the page that shows it."""
    head = "Each problem ends with its code. All problems of all files are shown at once."
    rows = [f"| [`{code}`]({code}.md) | {_escaped(means)} |" for code, means in CODES.items()]
    return (
        "\n\n".join(
            ["# What `winback check` says", _MADE, head, "\n".join(["| code | meaning |", "| --- | --- |", *rows])]
        )
        + "\n"
    )


def check_page(code: str, example: Example) -> str:
    """Return the page of one code: what it means, what to do, and files that bring it with what is said of them."""
    parts = [f"# {code}", _MADE, CODES[code], f"**Cure.** {CURES[code]}", "## Example"]
    for name, text in example.files.items():
        lines = (line if len(line) <= _WIDEST else f"{line[:_WIDEST]}… ({len(line):,} characters)" for line in text)
        parts.append(f"`{name}`:\n\n{_fenced(lines, 'yaml' if name.endswith('.yaml') else '')}")
    parts += ["`winback check` says:", _fenced(example.said)]
    return "\n\n".join(parts) + "\n"


def _fenced(lines: Iterable[str], language: str = "") -> str:
    return "\n".join([f"~~~{language}", *lines, "~~~"])


def _title(form: Form) -> str:
    return form.name[0].upper() + form.name[1:]


def _explained(form: Form) -> list[str]:
    if form.name == WAY_OUT.name:  # every condition makes one
        return [WAY_OUT.help, "A condition, and beside its keys:", _table((form.by_name["then"],))]
    return [form.help, _table((*form.keys, form.others) if form.others else form.keys)]


def _causes() -> str:
    rows = [f"| `{name}` | {means} |" for name, means in CAUSES.items()]
    what = "Why customers leave: what `cause:`, `means:` and the branches of `choose: {by: cause}` may name."
    return "\n".join([what, "", "| cause | meaning |", "| --- | --- |", *rows])


def _customer_fields() -> str:
    kinds = {name: field_kind(name) or "" for name in FIELD_NAMES}
    rows = [f"| `{name}` | {kind.replace('_', ' or ')} | {_tests(name)} |" for name, kind in kinds.items()]
    what = "What `customer:` may name. Money is in the shop's currency; days are those of the customer's calendar."
    return "\n".join([what, "", "| field | kind | may be asked with |", "| --- | --- | --- |", *rows])


def _tests(name: str) -> str:
    return ", ".join(f"`{test}`" for test in tests_of(name))


def _events() -> str:
    rows = [f"| `{event}` | {_names(event_fields(event, {}))} | {_names(kept_fields(event))} |" for event in DATA]
    what = (
        "What `event:` and `no_event:` may name, beside the shop's own events of events.yaml, and the fields that\n"
        "`where:` may name: any field of an event that is listened to, and of past events those that are kept."
    )
    return "\n".join([what, "", "| event | fields | kept of past ones |", "| --- | --- | --- |", *rows])


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(keys: Iterable[Key]) -> str:
    rows = [
        f"| `{key.name}` | {_escaped(_says(key.kind))} | {'yes' if key.required else ''} | {_escaped(key.help)} |"
        for key in keys
    ]
    return "\n".join(["| key | value | required | meaning |", "| --- | --- | --- | --- |", *rows])


def _says(kind: Kind) -> str:
    return f"{kind.says} (see below)" if isinstance(kind, Form | Variants) else kind.says


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
