"""Liquid in a sandbox: what a template can do, and how much of it.

A template sees its context and the partials of `shared/`, nothing else: no file, no clock (`now`, `today` and the `date`
filter are taken out, so that a back-test and a replay render the same), no unescaped HTML out of a customer's data.
There is one environment for each language and part, because partials and filters depend on both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from liquid import BoundTemplate, Environment, RenderContext, Undefined
from liquid.builtin import DictLoader
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    ResourceLimitError,
    TemplateNotFoundError,
    UndefinedError,
)
from liquid.filter import string_filter
from liquid.utils import ReadOnlyChainMap

from engine.core.money import Money
from engine.rendering.formats import DAY_LENGTHS, Percent, Shown, written

LOOPS: Final = 2_000
OUTPUT_BYTES: Final = 500_000
LOCAL_BYTES: Final = 200_000
RENDERS: Final = 500
DEPTH: Final = 12

TAGS: Final = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "#", "render")
"""The tags there are. `include` is left out because it can name its file at run time, which no check could follow."""

_NOT_WRITTEN: Final = (
    "content",
    "output",
    "illegal",
)  # what the parser calls the text between tags, `{{ }}`, and errors
_NOT_FILTERS: Final = ("safe", "escapejs", "date", "base64_encode", "base64_decode")
_NOT_FILTERS_URL_SAFE: Final = ("base64_url_safe_encode", "base64_url_safe_decode")


class Missing(Undefined):
    """A variable that is not there: false in a condition, replaced by `default`, an error once it is to be shown."""

    __slots__ = ()
    force_liquid_default = True

    def __str__(self) -> str:
        raise UndefinedError(self.hint or f"{self.name!r} is undefined", token=self.token)

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)


class _Context(RenderContext):
    """A render's context without Liquid's clock, and with a limit on how often partials are rendered."""

    __slots__ = ("renders",)

    def __init__(self, template: BoundTemplate, **kwargs: Any) -> None:
        super().__init__(template, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        parent = kwargs.get("parent_context")
        self.renders: list[int] = parent.renders if isinstance(parent, _Context) else [0]

    def copy(self, *args: Any, **kwargs: Any) -> RenderContext:
        self.renders[0] += 1
        if self.renders[0] > RENDERS:
            raise ResourceLimitError(f"more than {RENDERS} partials in one message", token=None)
        return super().copy(*args, **kwargs)


class SandboxedTemplate(BoundTemplate):
    """A compiled template; its name is its file's path within the folder of templates."""

    context_class = _Context


class _Partials(DictLoader):
    """The compiled partials of one environment. Nothing is read when a message is rendered."""

    def __init__(self) -> None:
        super().__init__({})
        self.compiled: dict[str, BoundTemplate] = {}

    def load(self, env: Environment, name: str, **_: Any) -> BoundTemplate:  # noqa: ARG002 - named by Liquid
        try:
            return self.compiled[name]
        except KeyError:
            known = ", ".join(sorted(self.compiled)) or "none"
            raise TemplateNotFoundError(f"shared/ has no partial {name!r}; there are: {known}") from None


class Sandbox(Environment):
    """The environment of one language and part (`subject`, `text` or `html`)."""

    block_nesting_limit = 20
    context_depth_limit = DEPTH
    loop_iteration_limit = LOOPS
    local_namespace_limit = LOCAL_BYTES
    output_stream_limit = OUTPUT_BYTES
    template_class = SandboxedTemplate

    def __init__(self, language: str, part: str) -> None:
        self.partials = _Partials()
        self._files: dict[str, str] = {}
        super().__init__(undefined=Missing, loader=self.partials, autoescape=part == "html")
        self.tags = {name: tag for name, tag in self.tags.items() if name in (*TAGS, *_NOT_WRITTEN)}
        for name in (*_NOT_FILTERS, *_NOT_FILTERS_URL_SAFE):
            del self.filters[name]
        self.filters.update(_filters(language))

    def compile(self, source: str, file: str) -> BoundTemplate:
        """Compile a template.

        Raises:
            LiquidError: it cannot be read; its token tells where.

        """
        self._files.setdefault(source, file)
        return self.from_string(source, name=file, path=file)

    def file_of(self, error: LiquidError) -> str:
        """Return the file an error came out of, a partial's too: its token knows the whole text it was cut from."""
        return self._files.get(error.token.source, "") if error.token else ""


def where(error: LiquidError) -> tuple[int, int]:
    """Return line and column of an error, from 1; (1, 1) where it names no place."""
    try:
        found = error.context()
    except ValueError:  # the place is the end of the file
        source = error.token.source if error.token else ""
        return source.count("\n") + 1, 1
    return (found[0], found[1] + 1) if found else (1, 1)


def _filters(language: str) -> dict[str, Callable[..., Any]]:
    def day(value: object, length: str = "long") -> str | None:
        """A day in the message's language: short, medium, long or full."""
        if length not in DAY_LENGTHS:
            raise FilterArgumentError(f"day: a length is one of {', '.join(DAY_LENGTHS)}", token=None)
        return _formatted("day", value, date, lambda raw: written(raw, language, length))

    def money(value: object) -> str | None:
        """An amount in the message's language."""
        return _formatted("money", value, Money, lambda raw: written(raw, language))

    def percent(value: object) -> str | None:
        """A percentage in the message's language."""
        return _formatted("percent", value, Percent, lambda raw: written(raw, language))

    return {"day": day, "money": money, "percent": percent, "replace": _replace, "join": _join}


def _formatted(name: str, value: object, kind: type, write: Callable[[Any], str]) -> str | None:
    raw = value.value if isinstance(value, Shown) else value
    if raw is None or isinstance(raw, Undefined):
        return None
    if not isinstance(raw, kind):
        raise FilterArgumentError(f"{name}: {value!r} is not what this filter writes", token=None)
    return write(raw)


@string_filter
def _replace(text: str, old: object, new: object = "") -> str:
    """Liquid's `replace`, refusing to blow a text up beyond what a message may hold."""
    old, new = str(old), str(new)
    if (text.count(old) + 1) * len(new) > OUTPUT_BYTES:
        raise ResourceLimitError("replace: the result is too long", token=None)
    return text.replace(old, new)


def _join(items: object, separator: object = " ") -> str:
    """Liquid's `join`, with the same limit."""
    parts = [str(item) for item in items] if isinstance(items, list | tuple) else [str(items)]
    if len(parts) * len(str(separator)) > OUTPUT_BYTES:
        raise ResourceLimitError("join: the result is too long", token=None)
    return str(separator).join(parts)
