"""The table that everything else is made from: which keys exist, what their values are, and one sentence on each.

The reader, the JSON Schema, the reference in the docs and the error messages all use the same `Form`s, so they cannot
differ. A `Kind` turns a node into a value, or notes what is wrong and returns `BAD`; nobody complains about a `BAD`
value a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from engine.language.kinds import BAD, Definitions, Key, Schema, no_mapping, unknown_key, value_of
from engine.language.nodes import Mapping, Node, Text
from engine.language.problems import nearest_of, one_of, shown
from engine.language.reading import Reading


@dataclass(frozen=True)
class OneOf:
    """Keys of which only one may be there; `code` is noted when one is required and none is there.

    `unless` is what makes them needless: a key, the schema of its value, and the same asked of what was read.
    """

    names: tuple[str, ...]
    required: bool = False
    code: str = "missing-key"
    cure: str = ""
    unless: tuple[str, Schema, Callable[[Fields], bool]] | None = None


@dataclass
class Fields:
    """What was read of a mapping: values that are fine by attribute, and the keys that were written, fine or not.

    `others` are the author's own keys with their values as they stand, where the form has such.
    """

    node: Mapping
    values: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Text] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    others: list[tuple[Text, Node]] = field(default_factory=list)

    def get(self, attribute: str, default: Any = None) -> Any:
        """Return a value, or the default where it was not written or is bad."""
        return self.values.get(attribute, default)

    @property
    def line(self) -> int:
        """The line of the first key."""
        return self.node.entries[0][0].spot.line if self.node.entries else self.node.spot.line


def plainly(fields: Fields, _: Reading) -> Any:
    """Build nothing: hand on the fields as they were read."""
    return fields


@dataclass(frozen=True)
class Form:
    """A mapping with known keys. `build` makes the value out of what was read, also when parts of it are bad."""

    name: str  # with its article: "a stage"
    help: str
    keys: tuple[Key, ...]
    one_of: tuple[OneOf, ...] = ()
    later: dict[str, str] = field(default_factory=dict)  # keys that come later, and what to do meanwhile
    build: Callable[[Fields, Reading], Any] = plainly
    example: str = ""
    others: Key | None = None  # what keys of the author's own hold; `build` reads them, since another key decides how

    @property
    def says(self) -> str:
        """What is expected here."""
        return self.name

    @cached_property
    def by_name(self) -> dict[str, Key]:
        """The keys by the name people write."""
        return {key.name: key for key in self.keys}

    def read(self, node: Node, reading: Reading) -> Any:
        """Read a mapping; note unknown, missing and conflicting keys."""
        if not isinstance(node, Mapping):
            return no_mapping(node, self, self.by_name, reading)
        fields, guessed = self._entries(node, reading)
        self._what_is_missing(fields, guessed, reading)
        self._what_conflicts(fields, guessed, reading)
        return self.build(fields, reading)

    def _entries(self, node: Mapping, reading: Reading) -> tuple[Fields, set[str]]:
        """Read each entry; return the fields, and the keys that unknown ones were probably meant to be."""
        fields, guessed = Fields(node), set[str]()
        for text, value in node.entries:
            key = self.by_name.get(text.value)
            if text.value in self.later:
                reading.later(text, text.value, self.later[text.value])
            elif key is None and self.others is not None:
                fields.others.append((text, value))
            elif key is None:
                guessed.add(unknown_key(text, self.name, self.by_name, reading))
            else:
                fields.keys[key.name] = text
                fields.nodes[key.name] = value
                if (got := value_of(key, text, value, reading)) is not BAD:
                    fields.values[key.attribute] = got
        return fields, guessed

    def _what_is_missing(self, fields: Fields, guessed: set[str], reading: Reading) -> None:
        for key in self.keys:
            if key.required and key.name not in fields.keys and key.name not in guessed:
                message = f"{self.name} needs {shown(key.name)}"
                hint = f"add '{key.name}:' ({key.kind.says}). {key.help}"
                reading.error(fields.node.head, "missing-key", message, hint)

    def _what_conflicts(self, fields: Fields, guessed: set[str], reading: Reading) -> None:
        for group in self.one_of:
            written = sorted((fields.keys[name] for name in group.names if name in fields.keys), key=_place)
            first = written[0] if written else None
            for second in written[1:]:
                message = f"{shown(second.value)} beside {shown(written[0].value)}: {self.name} has one of them"
                reading.error(second, "conflicting-keys", message, f"keep {one_of(group.names)}")
            needless = group.unless is not None and group.unless[2](fields)
            if group.required and first is None and not needless and not guessed.intersection({*group.names, ""}):
                names = one_of([shown(name) for name in group.names], "and")
                message = f"{self.name} needs one of {names}"
                reading.error(fields.node.head, group.code, message, group.cure)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the JSON Schema of the mapping."""
        properties = {key.name: {**_schema_of(key, definitions), "description": key.help} for key in self.keys}
        made: Schema = {
            "type": "object",
            "description": self.help,
            "properties": properties,
            "additionalProperties": self.others.kind.schema(definitions) if self.others else False,
        }
        if required := [key.name for key in self.keys if key.required]:
            made["required"] = required
        groups = [group for group in self.one_of if group.required]
        if groups:
            made["allOf"] = [{"oneOf": list(_choices(group))} for group in groups]
        return made


@dataclass(frozen=True)
class Variants:
    """A mapping whose leading key says what it is: a step, a condition. `extra` keys go with every variant."""

    name: str
    help: str
    defined_as: str
    forms: Callable[[], dict[str, Form]]  # a function, because conditions hold conditions
    later: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """What is expected here."""
        return self.name

    def read(self, node: Node, reading: Reading) -> Any:
        """Read the variant that the mapping's leading key names."""
        forms = self.forms()
        if not isinstance(node, Mapping):
            return no_mapping(node, self, (*forms, *self.later), reading)
        if not node.entries:
            reading.error(node, "no-value", f"{self.name} is expected here, and there is nothing", self._cure(forms))
            return BAD
        leading = [text for text, _ in node.entries if text.value in forms or text.value in self.later]
        if not leading:
            self._unknown(node, forms, reading)
            return BAD
        first = leading[0]
        if first.value in self.later:
            reading.later(first, first.value)
            return BAD
        for second in leading[1:]:
            if second.value not in forms[first.value].by_name:
                message = f"{shown(second.value)} beside {shown(first.value)}: {self.name} is one thing"
                reading.error(second, "conflicting-keys", message, f"begin a new one with '- {second.value}:'")
                return BAD
        return forms[first.value].read(node, reading)

    def _unknown(self, node: Mapping, forms: dict[str, Form], reading: Reading) -> None:
        names = (*forms, *self.later)
        near = [text for text, _ in node.entries if nearest_of(text.value, names)]
        at = near[0] if near else node.entries[0][0]
        goes_with = [name for name, form in forms.items() if at.value in form.by_name]
        if goes_with and not near:
            message = f"{shown(at.value)} alone is not {self.name}"
            reading.error(at, "missing-key", message, f"it goes with {one_of(goes_with)}")
        else:
            unknown_key(at, self.name, names, reading, self._cure(forms))

    def _cure(self, forms: Iterable[str]) -> str:
        return f"{self.name} begins with {one_of(forms)}"

    def schema(self, definitions: Definitions) -> Schema:
        """Return a reference to the definition of these variants."""
        if self.defined_as not in definitions:
            definitions[self.defined_as] = {}  # before going on: a condition may hold a condition
            definitions[self.defined_as] = {
                "description": self.help,
                "anyOf": [_variant(lead, form, definitions) for lead, form in self.forms().items()],
            }
        return {"$ref": f"#/definitions/{self.defined_as}"}


def with_keys(name: str, form: Form, keys: tuple[Key, ...], build: Callable[[Any, Fields, Reading], Any]) -> Form:
    """Return a form with more keys under another name; `build` gets what the form builds without them."""

    def both(fields: Fields, reading: Reading) -> Any:
        inner = form.build(fields, reading)
        return BAD if inner is BAD else build(inner, fields, reading)

    return replace(form, name=name, keys=(*form.keys, *keys), build=both)


def _choices(group: OneOf) -> Iterator[Schema]:
    yield from ({"required": [name]} for name in group.names)
    if group.unless is not None:
        key, value, _ = group.unless
        yield {"required": [key], "properties": {key: value, **dict.fromkeys(group.names, False)}}


def _schema_of(key: Key, definitions: Definitions) -> Schema:
    made = key.kind.schema(definitions)
    return {"anyOf": [made, {"type": "null"}]} if key.may_be_empty else made


def _variant(lead: str, form: Form, definitions: Definitions) -> Schema:
    made = form.schema(definitions)
    required = made.get("required", [])
    return {**made, "required": required if lead in required else [lead, *required]}


def _place(text: Text) -> tuple[int, int]:
    return text.spot.line, text.spot.column
