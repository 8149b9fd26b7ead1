"""Lists, mappings with names of the author's own, and choices between kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.language.forms import Form, Variants
from engine.language.kinds import BAD, Definitions, Key, Kind, Schema, no_mapping, value_of
from engine.language.nodes import Broken, Listing, Mapping, Node, Text
from engine.language.problems import shown
from engine.language.reading import Reading


@dataclass(frozen=True)
class ListOf:
    """A list of values of one kind, `least` of them or more; items that are bad are left out."""

    kind: Kind
    least: int = 0

    @property
    def says(self) -> str:
        """What is expected here."""
        return f"a list, each item {self.kind.says}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Read each item of a list."""
        if isinstance(node, Broken):
            return BAD
        if not isinstance(node, Listing):
            hint = self._cure(node)
            reading.error(node, "wrong-form", f"there should be a list here, each item {self.kind.says}", hint)
            return BAD
        if len(node.items) < self.least:
            reading.error(node, "no-value", "this list is empty", f"it needs {self.kind.says}")
            return BAD
        read = [self._item(item, reading) for item in node.items]
        return tuple(item for item in read if item is not BAD)

    def _cure(self, node: Node) -> str:
        if isinstance(node, Mapping) and node.entries:
            return f"begin each item with '- ', as in '- {node.entries[0][0].value}: …'"
        if isinstance(node, Text) and not isinstance(self.kind, Form | Variants):
            return f"write [{node.value}]"
        return "begin each item with '- '"

    def _item(self, item: Node, reading: Reading) -> Any:
        if isinstance(item, Text) and item.empty:
            reading.error(item, "no-value", "an item of the list is empty", f"it needs {self.kind.says}")
            return BAD
        return self.kind.read(item, reading)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of the list."""
        made: Schema = {"type": "array", "items": self.kind.schema(definitions)}
        return {**made, "minItems": self.least} if self.least else made


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys are the author's own. Reads into a dict; entries whose key or value is bad are left out.

    `with_key` makes the value out of the key's text and what was read, where the value has to know its name.
    """

    key: Kind
    value: Kind
    says: str
    least: int = 0
    with_key: Callable[[Text, Any, Reading], Any] | None = None

    def read(self, node: Node, reading: Reading) -> Any:
        """Read keys and values."""
        if not isinstance(node, Mapping):
            return no_mapping(node, self, (), reading)
        if len(node.entries) < self.least:
            owner = f" in {shown(node.owner.value)}" if node.owner else ""
            reading.error(node.head, "no-value", f"there is nothing{owner}", f"it needs {self.says}")
            return BAD
        made = {}
        for text, inner in node.entries:
            name = self.key.read(text, reading)
            if name is BAD and isinstance(inner, Text) and inner.empty:
                continue
            value = value_of(Key(text.value, self.value, ""), text, inner, reading)
            if value is not BAD and self.with_key is not None:
                value = self.with_key(text, value, reading)
            if name is not BAD and value is not BAD:
                made[name] = value
        return made

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of the mapping."""
        made: Schema = {"type": "object", "additionalProperties": self.value.schema(definitions)}
        if pattern := self.key.schema({}).get("pattern"):
            made["propertyNames"] = {"pattern": pattern}
        return {**made, "minProperties": self.least} if self.least else made


@dataclass(frozen=True)
class Either:
    """A text of one kind, or else a mapping of another."""

    text: Kind
    other: Kind

    @property
    def says(self) -> str:
        """What is expected here."""
        return f"{self.text.says}, or {self.other.says}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Read a mapping with one kind, anything else with the other."""
        return (self.other if isinstance(node, Mapping) else self.text).read(node, reading)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of both."""
        return {"anyOf": [self.text.schema(definitions), self.other.schema(definitions)]}


@dataclass(frozen=True)
class OneOrList:
    """A value of a kind, or a list of them; reads into a tuple either way."""

    kind: Kind

    @property
    def says(self) -> str:
        """What is expected here."""
        return f"{self.kind.says}, or a list of them"

    def read(self, node: Node, reading: Reading) -> Any:
        """Read a list, or the one value."""
        if isinstance(node, Listing):
            return ListOf(self.kind, least=1).read(node, reading)
        found = self.kind.read(node, reading)
        return found if found is BAD else (found,)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of one and of many."""
        one = self.kind.schema(definitions)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


@dataclass(frozen=True)
class Named:
    """A kind that has an entry of its own in the JSON Schema."""

    kind: Kind
    defined_as: str

    @property
    def says(self) -> str:
        """What is expected here."""
        return self.kind.says

    def read(self, node: Node, reading: Reading) -> Any:
        """Read it as the kind it names."""
        return self.kind.read(node, reading)

    def schema(self, definitions: Definitions) -> Schema:
        """Return a reference to the definition."""
        if self.defined_as not in definitions:
            definitions[self.defined_as] = {}
            definitions[self.defined_as] = self.kind.schema(definitions)
        return {"$ref": f"#/definitions/{self.defined_as}"}


@dataclass(frozen=True)
class Raw:
    """Whatever stands there, as a node: for values whose type another key decides."""

    says: str = "a value"

    def read(self, node: Node, _: Reading) -> Any:
        """Return the node itself."""
        return BAD if isinstance(node, Broken) else node

    def schema(self, _: Definitions) -> Schema:
        """Allow anything."""
        return {}


def all_forms(kind: Kind) -> Iterator[Form]:
    """Yield the forms a kind holds, itself first, each once: what the reference lists."""
    seen: set[int] = set()
    waiting = [kind]
    while waiting:
        inner = waiting.pop(0)
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        match inner:
            case Form():
                yield inner
                waiting += [key.kind for key in (*inner.keys, *([inner.others] if inner.others else []))]
            case Variants():
                waiting += inner.forms().values()
            case ListOf() | OneOrList() | Named():
                waiting.append(inner.kind)
            case MapOf():
                waiting.append(inner.value)
            case Either():
                waiting += [inner.text, inner.other]
