"""What a value is, and a key: the ground that forms, lists and scalars of the language stand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine.language.nodes import Listing, Node, Text
from engine.language.problems import nearest_of, one_of, shown
from engine.language.reading import Reading

Schema = dict[str, Any]


Definitions = dict[str, Schema]


class Bad:
    """The type of `BAD`: what a kind returns when it has noted why there is no value."""

    def __repr__(self) -> str:
        return "BAD"


BAD: Final = Bad()


class Kind(Protocol):
    """What a value is. `says` completes "there should be …" and the reference."""

    @property
    def says(self) -> str:
        """What is expected, such as `a length (14d)`."""
        ...

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the value of a node, or note what is wrong with it and return BAD."""
        ...

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of this kind, putting what others may refer to into `definitions`."""
        ...


@dataclass(frozen=True)
class Key:
    """A key of a form. `to` is the name its value goes by when that differs from how people write the key."""

    name: str
    kind: Kind
    help: str
    required: bool = False
    to: str = ""
    may_be_empty: bool = False

    @property
    def attribute(self) -> str:
        """The name its value goes by."""
        return self.to or self.name


def unknown_key(text: Text, where: str, known: Iterable[str], reading: Reading, otherwise: str = "") -> str:
    """Note an unknown key, and return the one that was probably meant (empty where none is near)."""
    names = list(known)
    first, blank, rest = text.value.partition(" ")
    if blank and first in names:
        reading.error(text, "missing-colon", f"a colon is missing after {shown(first)}", f"write '{first}: {rest}: …'")
        return first
    nearest = nearest_of(text.value, names)
    known_here = f"known here: {one_of(names, 'and')}" if len(names) <= 8 else "`winback schema` lists the keys"
    hint = f"did you mean '{nearest}'?" if nearest else otherwise or known_here
    reading.error(text, "unknown-key", f"unknown key {shown(text.value)} in {where}", hint)
    return nearest


def no_mapping(node: Node, kind: Kind, known: Iterable[str], reading: Reading) -> Bad:
    """Note that there is something else where keys and values are expected."""
    if isinstance(node, Text):
        first, blank, rest = node.value.partition(" ")
        bare = first.rstrip(":")
        if bare in known:
            cure = f"write '{bare}: {rest or '…'}'" if blank else f"write '{bare}: …'"
            reading.error(node, "missing-colon", f"a colon is missing in {shown(node.value)}", cure)
            return BAD
        example = getattr(kind, "example", "") or "'key: value'"
        reading.error(
            node,
            "wrong-form",
            f"there should be keys and values here ({kind.says}), not the text {shown(node.value)}",
            f"write {example}",
        )
    elif isinstance(node, Listing):
        hint = "leave out the '- ', and write 'key: value'"
        reading.error(node, "wrong-form", f"there should be keys and values here ({kind.says}), not a list", hint)
    return BAD


def value_of(key: Key, text: Text, value: Node, reading: Reading) -> Any:
    """Read the value of a key; note one that is not there at all."""
    if isinstance(value, Text) and value.empty:
        if not key.may_be_empty:
            reading.error(text, "no-value", f"{shown(text.value)} has no value", f"it needs {key.kind.says}")
        return BAD
    return key.kind.read(value, reading)
