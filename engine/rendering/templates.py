"""A folder of templates as one immutable value: loaded and compiled once, rendered often, swapped whole when edited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError
from msgspec import Struct

from engine.rendering.problems import RenderError
from engine.rendering.sandbox import Sandbox, where
from engine.rendering.variables import complete

PARTS: Final = ("subject", "text", "html")
FALLBACK: Final = "en"

_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_END = re.compile(r"[ \t]+\n")


class Rendered(Struct, frozen=True):
    """A message as its customer will read it, and the language it is in. `html` is empty where there is only text."""

    subject: str
    text: str
    html: str
    language: str


class Translation(Struct, frozen=True):
    """One language of a template: its compiled parts by `subject`, `text`, `html`."""

    language: str
    parts: Mapping[str, BoundTemplate]


class Templates:
    """All templates of a folder, compiled. Never changed once made: an edit makes another one.

    `sources` is what they were made from, by path within the folder.
    """

    __slots__ = ("_chain_end", "_templates", "sources")

    def __init__(
        self, templates: Mapping[str, Mapping[str, Translation]], sources: Mapping[str, str], default_language: str
    ) -> None:
        self._templates = MappingProxyType({name: MappingProxyType(dict(by)) for name, by in templates.items()})
        self._chain_end = (*language_chain(default_language), FALLBACK)
        self.sources = MappingProxyType(dict(sources))

    def __contains__(self, name: object) -> bool:
        return name in self._templates

    def names(self) -> tuple[str, ...]:
        """Return the names of all templates, sorted."""
        return tuple(sorted(self._templates))

    def languages(self, name: str) -> tuple[str, ...]:
        """Return the languages a template exists in, sorted; none where there is no such template."""
        return tuple(sorted(self._templates.get(name, ())))

    def translation(self, name: str, language: str | None) -> Translation:
        """Return a template in the customer's language, else its base (de of de-AT), else the shop's, else English.

        Where it has none of these, the first by name: a message in some language beats none.

        Raises:
            RenderError: there is no such template.

        """
        known = self._templates.get(name)
        if not known:
            raise RenderError(name, f"there is no template {name!r}")
        for wanted in (*language_chain(language or ""), *self._chain_end):
            for have, translation in known.items():
                if have.lower() == wanted.lower():
                    return translation
        return known[min(known)]

    def render(self, name: str, language: str | None, context: Mapping[str, Any]) -> Rendered:
        """Render a message. `context` holds what `variables.VARIABLES` names: customer, offer, links, shop, message.

        Its `with` holds the step's plain values, for templates `values.NAME`. `language` is the customer's.

        Raises:
            RenderError: there is no such template, or it needs something that the context does not have.

        """
        translation = self.translation(name, language)
        full = complete(context, translation.language)
        full["message"]["template"] = name
        subject = " ".join(_part(translation, "subject", full, name).split())  # one line: nothing may add a header
        full["message"]["subject"] = subject
        text = _BLANK_LINES.sub("\n\n", _LINE_END.sub("\n", _part(translation, "text", full, name))).strip("\n")
        html = _part(translation, "html", full, name).strip()
        return Rendered(subject, text + "\n" if text else "", html + "\n" if html else "", translation.language)


def language_chain(language: str) -> tuple[str, ...]:
    """Return a language and its bases: `de-AT` is (de-AT, de). Underscores are taken for hyphens."""
    words = [word for word in language.replace("_", "-").split("-") if word]
    return tuple("-".join(words[:length]) for length in range(len(words), 0, -1))


def _part(translation: Translation, part: str, context: Mapping[str, Any], name: str) -> str:
    template = translation.parts.get(part)
    if template is None:
        return ""
    try:
        return template.render(context)
    except LiquidError as error:
        line, _ = where(error)
        assert isinstance(template.env, Sandbox), "templates are compiled by sandboxes alone"
        raise RenderError(name, str(error.message), template.env.file_of(error) or template.name, line) from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Filters are Liquid's, and some let Python's own errors through when given what they do not expect.
        raise RenderError(name, f"{type(error).__name__}: {error}", template.name) from error
