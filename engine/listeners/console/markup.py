"""HTML as calls: `h.a("Today", href="/", class_="on")`. Whatever is no `Html` is escaped, so nothing can be forgotten.

Template files were the other way: they are no shorter for pages of tables and counts, and no type checker reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from typing import TypeAlias

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Inner: TypeAlias = "str | int | Iterable[Inner] | None"
"""What may stand in an element: text, numbers, elements, and lists of them; None is nothing."""

Value = str | int | float | bool | None
"""Of an attribute: True writes the bare name, False and None leave it out."""


def written(inner: Inner) -> str:
    """Return what stands in an element as HTML."""
    if inner is None:
        return ""
    if isinstance(inner, Html):
        return inner
    if isinstance(inner, str | int):
        return escape(str(inner))
    return "".join(map(written, inner))


def html(*inner: Inner) -> Html:
    """Return elements and texts one after the other."""
    return Html(written(inner))


def element(name: str, /, *inner: Inner, **attributes: Value) -> Html:
    """Return an element. `class_` and `for_` are `class` and `for`; underscores within a name are dashes."""
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(opened if name in _VOID else f"{opened}{written(inner)}</{name}>")


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


class _Elements:
    """Makes elements by name; `del_` is `del`."""

    def __getattr__(self, name: str) -> Callable[..., Html]:
        return partial(element, name.removesuffix("_"))


h = _Elements()
