"""The reference of the language in Markdown, made from the same tables as the reader and its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.events import DATA
from engine.core.fields import FIELDS
from engine.core.marks import KEPT_FIELDS
from engine.language.codes import CODES
from engine.language.conditions import WAY_OUT
from engine.language.forms import Form, Variants
from engine.language.kinds import Key, Kind
from engine.language.schema import FILES
from engine.language.shapes import all_forms
from engine.language.vocabulary import ATTRIBUTES, event_fields, tests_of

_MADE = "<!-- Made from the tables in engine/language by the tests (UPDATE_GOLDEN=1); do not edit. -->"


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
    parts += ["## Customer fields", _customer_fields(), "## Events", _events()]
    return "\n\n".join(parts) + "\n"


def checks_page(examples: Mapping[str, str]) -> str:
    """Return the page of all codes, each with an example of its message where there is one."""
    parts = [
        "# What `winback check` says",
        _MADE,
        "Each problem ends with its code. All problems of all files are shown at once.",
    ]
    for code, means in CODES.items():
        parts += [f"## {code}", means]
        if code in examples:
            parts.append(f"```\n{examples[code].rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _title(form: Form) -> str:
    return form.name[0].upper() + form.name[1:]


def _explained(form: Form) -> list[str]:
    if form.name == WAY_OUT.name:  # every condition makes one
        return [WAY_OUT.help, "A condition, and beside its keys:", _table((form.by_name["then"],))]
    return [form.help, _table(form.keys)]


def _customer_fields() -> str:
    rows = [f"| `{name}` | {kind.replace('_', ' or ')} | {_tests(kind)} |" for name, kind in FIELDS.items()]
    rows.append(f"| `{ATTRIBUTES}NAME` | text | {_tests('text')} |")
    what = "What `customer:` may name. Money is in the shop's currency; days are those of the customer's calendar."
    return "\n".join([what, "", "| field | kind | may be asked with |", "| --- | --- | --- |", *rows])


def _tests(kind: str) -> str:
    return ", ".join(f"`{test}`" for test in tests_of(kind))


def _events() -> str:
    rows = [
        f"| `{event}` | {_names(event_fields(event, {}))} | {_names(KEPT_FIELDS.get(event, ()))} |" for event in DATA
    ]
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
