"""shop.yaml: how the shop shows itself in its messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_URL = re.compile(r"https?://[^\s\"'<>]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Brand(Struct, frozen=True, kw_only=True):
    """The shop as its messages show it. `language` is for customers whose own we do not know or have no template in."""

    name: str
    url: str
    support_email: str
    imprint: tuple[str, ...]
    sender_name: str = ""
    sender_email: str = ""
    color: str = "#0f6b5c"
    logo_url: str = ""
    language: str = "en"

    def variables(self) -> dict[str, Any]:
        """Return the `shop` of a context."""
        return {
            "name": self.name,
            "sender_name": self.sender_name or self.name,
            "sender_email": self.sender_email or self.support_email,
            "support_email": self.support_email,
            "url": self.url,
            "imprint": list(self.imprint),
            "color": self.color,
            "logo_url": self.logo_url,
        }


class BrandProblem(Struct, frozen=True):
    """Something wrong with a key of shop.yaml. `key` is empty where it is the file as a whole."""

    key: str
    code: str
    message: str
    hint: str = ""


KEYS: Final[dict[str, str]] = {
    "name": "The brand, at the head of each message.",
    "sender_name": "Who signs the messages; the brand when left out.",
    "sender_email": "Who they come from; the support address when left out.",
    "support_email": "Where questions go.",
    "url": "The shop's address on the web.",
    "imprint": "Who is behind it, a line each; the law asks for it in every mail.",
    "color": "The colour of buttons, as # and six hexadecimal digits in quotes.",
    "logo_url": "A picture, shown 40 pixels high; left out, the brand is written.",
    "language": "For customers whose language we do not know or have no template in.",
}
"""Each key of shop.yaml with its sentence of help."""

_REQUIRED: Final = ("name", "url", "support_email", "imprint")
_FORMS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "url": (_URL, "write it whole: https://shop.example"),
    "logo_url": (_URL, "write it whole: https://shop.example/logo.png"),
    "support_email": (_EMAIL, "write an address: help@shop.example"),
    "sender_email": (_EMAIL, "write an address: hello@shop.example"),
    "color": (_COLOR, 'write # and six hexadecimal digits in quotes: "#0f6b5c"'),
    "language": (_LANGUAGE, "write a language code: de, en, pt-BR"),
}

PLACEHOLDER: Final = Brand(
    name="Example Shop",
    url="https://shop.example",
    support_email="help@shop.example",
    imprint=("Example Shop GmbH", "Musterstraße 1, 10115 Berlin, Germany"),
)
"""The brand of samples, and what stands in for a shop.yaml that cannot be used."""


def brand_from(values: Mapping[str, Any] | None) -> tuple[Brand, list[BrandProblem]]:
    """Return the brand that shop.yaml's values describe, and all that is wrong with them.

    `values` is the parsed file. Where there is a problem the brand is the placeholder, and no message may leave with it.
    """
    if not isinstance(values, Mapping):
        return PLACEHOLDER, [BrandProblem("", "wrong-type", "shop.yaml holds keys and values", "name: Example Shop")]
    problems = [_unknown(key) for key in values if key not in KEYS]
    problems += [
        BrandProblem("", "missing-key", f"`{key}` is missing", f"{key}: … # {KEYS[key]}")
        for key in _REQUIRED
        if values.get(key) in (None, "", [])
    ]
    taken: dict[str, Any] = {}
    for key in KEYS:
        value = values.get(key)
        if value in (None, "", []):
            if key == "color" and key in values:
                problems.append(BrandProblem(key, "wrong-value", "`color` is empty", _FORMS[key][1]))
            continue
        problem = _wrong(key, value)
        if problem:
            problems.append(problem)
        taken[key] = (value,) if isinstance(value, str) and key == "imprint" else value
    if problems:
        return PLACEHOLDER, problems
    taken["imprint"] = tuple(str(line) for line in taken["imprint"])
    return Brand(**taken), []


def _unknown(key: object) -> BrandProblem:
    near = difflib.get_close_matches(str(key), KEYS, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"keys are {', '.join(KEYS)}"
    return BrandProblem(str(key), "unknown-key", f"shop.yaml knows no key `{key}`", hint)


def _wrong(key: str, value: Any) -> BrandProblem | None:
    if key == "imprint" and isinstance(value, list | tuple):
        lines = all(isinstance(line, str) and line for line in value)
        return None if lines else BrandProblem(key, "wrong-type", "each line of `imprint` is text", "put it in quotes")
    if not isinstance(value, str):
        return BrandProblem(key, "wrong-type", f"`{key}` is text, not {value!r}", "put it in quotes")
    form = _FORMS.get(key)
    if form and not form[0].fullmatch(value):
        return BrandProblem(key, "wrong-value", f"`{key}` cannot be {value!r}", form[1])
    return None
