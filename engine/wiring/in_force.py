"""The templates and the brand in force: those of the last set that was applied, kept in the database beside its rules.

Messages are made with the newest templates, which are text. Files that somebody is still editing must not go out, so the
set that was applied is kept, in the transaction that puts its rules in force. A template that the new set no longer has
stays, for runs that are on an older version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.books import applied
from engine.books.connection import Connection
from engine.books.database import Where
from engine.books.views import Views
from engine.core.rules import RuleSet
from engine.language.files import Checked
from engine.rendering import Brand, Templates, templates_from
from engine.rendering.brand import PLACEHOLDER
from engine.rendering.loading import SHARED

OLD_FILE = "templates.json"
"""Where an earlier version kept them."""


class Kept(Struct, frozen=True):
    """What is kept: the files of the applied set, the templates they make, and those of earlier sets."""

    brand: Brand
    sources: dict[str, str]
    names: tuple[str, ...]
    older: dict[str, str] = {}


def kept_of(raw: str) -> Kept:
    """Return what was kept; before the first `apply` (empty) there are no templates."""
    return msgspec.json.decode(raw, type=Kept) if raw else Kept(PLACEHOLDER, {}, ())


def raw_of(kept: Kept) -> str:
    """Return what is kept, as it is kept."""
    return msgspec.json.encode(kept, order="deterministic").decode()


def read(connection: Connection) -> Kept:
    """Return what is in force."""
    row = applied.newest(connection)
    return kept_of("" if row is None else applied.templates_of(connection, row))


def of_books(where: Where) -> Kept:
    """Return what is in force.

    Raises:
        DatabaseError: there is no database, or it cannot be read.

    """
    with Views(where) as views:
        return kept_of(views.templates())


def of(checked: Checked, before: Kept | None = None) -> Kept:
    """Return what is to be kept of a checked set that follows another."""
    assert checked.templates is not None, "a set without errors has its templates"
    return following(Kept(checked.brand, dict(checked.templates.sources), checked.templates.names()), before)


def following(kept: Kept, before: Kept | None) -> Kept:
    """Return a set that follows another, with the templates of that one which runs may still need."""
    if before is None:
        return kept
    return msgspec.structs.replace(kept, older=_still_needed({**before.older, **before.sources}, kept.names))


def to_begin_with(data: Path, first: Checked | None) -> str:
    """Return what stands beside the rules where the database has no templates yet: an earlier version's, else the first."""
    try:
        old = (data / OLD_FILE).read_text("utf-8")
    except FileNotFoundError:
        return "" if first is None or first.rules is None else raw_of(of(first))
    return raw_of(kept_of(old))


def forget_old(data: Path) -> None:
    """Remove what an earlier version kept, once the database has it."""
    (data / OLD_FILE).unlink(missing_ok=True)


def compiled(kept: Kept) -> Templates:
    """Compile what is in force. It was checked when it was applied."""
    templates, _ = templates_from({**kept.older, **kept.sources}, kept.brand.language)
    return templates


def is_of(kept: Kept, checked: Checked) -> bool:
    """Say whether a checked set has the templates and the brand that are in force."""
    return checked.templates is not None and is_same(kept, of(checked))


def is_same(kept: Kept, other: Kept) -> bool:
    """Say whether two sets write the same, whatever one of them still keeps of earlier ones."""
    return kept.brand == other.brand and kept.sources == other.sources


def modes_of(rules: RuleSet) -> dict[str, str]:
    """Return the modes that a set's files say."""
    return {name: switch.mode.value for name, switch in rules.switches.items()}


def _still_needed(sources: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the files of templates that the new set no longer has, and the parts they may share."""
    gone = {path.partition("/")[0] for path in sources} - {SHARED, *names}
    return {path: text for path, text in sources.items() if gone and path.partition("/")[0] in {*gone, SHARED}}
