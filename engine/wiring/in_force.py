"""The templates and the brand in force: those of the last set that was applied, kept in the data folder.

The database keeps rules, each version of a workflow included; messages are made with the newest templates, which are
text. Files that somebody is still editing must not go out, so the set that was applied is kept as one file, written whole
or not at all, *before* the rules that need it go live: rules in force always find their templates. A template that the
new set no longer has stays, for runs that are on an older version.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.core.rules import Mode
from engine.language.files import Checked
from engine.rendering import Brand, Templates, templates_from
from engine.rendering.brand import PLACEHOLDER

FILE = "templates.json"


class Kept(Struct, frozen=True):
    """What the file holds. `names` are the templates of the applied set itself, `modes` what its files say."""

    brand: Brand
    sources: dict[str, str]
    names: tuple[str, ...]
    modes: dict[str, Mode] = {}


def keep(folder: Path, checked: Checked) -> Templates:
    """Keep the templates of a checked set as those in force, and return them."""
    assert checked.templates is not None, "a set without errors has its templates"
    before = read(folder)
    new = dict(checked.templates.sources)
    names = checked.templates.names()
    switches = checked.rules.switches if checked.rules is not None else {}
    modes = {name: switch.mode for name, switch in switches.items()}
    kept = Kept(checked.brand, {**_still_needed(before, names), **new}, names, modes)
    if kept != before:
        _write_whole(folder / FILE, msgspec.json.encode(kept, order="deterministic"))
    return compiled(kept)


def read(folder: Path) -> Kept:
    """Return what is in force; before the first `apply` there are no templates."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept(PLACEHOLDER, {}, ())


def compiled(kept: Kept) -> Templates:
    """Compile what is in force. It was checked when it was applied."""
    templates, _ = templates_from(kept.sources, kept.brand.language)
    return templates


def is_of(kept: Kept, checked: Checked) -> bool:
    """Say whether a checked set has the templates and the brand that are in force."""
    if checked.templates is None:
        return False
    new = dict(checked.templates.sources)
    mine = {path: text for path, text in kept.sources.items() if path in new or path.partition("/")[0] in kept.names}
    return kept.brand == checked.brand and mine == new


def _still_needed(before: Kept, names: Iterable[str]) -> dict[str, str]:
    """Return the files of templates that the new set no longer has, and the parts they may share."""
    gone = {name for name in before.names if name not in names}
    older = {path.partition("/")[0] for path in before.sources} - {"shared", *before.names, *names}
    wanted = gone | older
    if not wanted:
        return {}
    return {path: text for path, text in before.sources.items() if path.partition("/")[0] in {*wanted, "shared"}}


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
