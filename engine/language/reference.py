"""The reference of the language in Markdown, made from the same tables as the reader and its messages."""

from __future__ import annotations

from collections.abc import Mapping

from engine.language.codes import CODES
from engine.language.forms import Form, Kind, Variants, all_forms
from engine.language.schema import FILES

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
                parts += [f"### {_title(inner)}", inner.help, _table(inner)]
                if inner.later:
                    parts.append(f"Comes later: {', '.join(f'`{key}`' for key in inner.later)}.")
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


def _table(form: Form) -> str:
    rows = [
        f"| `{key.name}` | {_escaped(_says(key.kind))} | {'yes' if key.required else ''} | {_escaped(key.help)} |"
        for key in form.keys
    ]
    return "\n".join(["| key | value | required | meaning |", "| --- | --- | --- | --- |", *rows])


def _says(kind: Kind) -> str:
    return f"{kind.says} (see below)" if isinstance(kind, Form | Variants) else kind.says


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
