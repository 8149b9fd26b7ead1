"""YAML text as a tree of texts, lists and mappings that know where they stand.

Scalars stay text: what `10:00` or `1.10` or `NO` means is for the key to say, never for YAML to guess. So the tree is
made from the parser's events; ruamel's own nodes and objects would resolve types first and give aliases a life.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml_events
from ruamel.yaml.error import YAMLError

from engine.language.problems import Problem, Spot, lines_of, problem, shown
from engine.language.syntax import diagnosis

MOST_BYTES = 1_000_000
LONGEST_LINE = 20_000  # the parser's time grows with the square of some lines
MOST_NODES = 50_000
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it was written, without its quotes. `bare` means that it stood there without any."""

    value: str
    spot: Spot
    last_line: int
    bare: bool = True

    @property
    def empty(self) -> bool:
        """Whether nothing was written at all, as after `title:`."""
        return self.bare and not self.value


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of nodes."""

    items: list[Node]
    spot: Spot
    last_line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values in the order of the file. `owner` is the key this mapping is the value of."""

    entries: list[tuple[Text, Node]]
    spot: Spot
    last_line: int
    owner: Text | None = None

    @property
    def head(self) -> Spot:
        """Where to point when something is missing: the key this is the value of, else the first key in it."""
        if self.owner is not None:
            return self.owner.spot
        return self.entries[0][0].spot if self.entries else self.spot

    def entry(self, name: str) -> tuple[Text, Node] | None:
        """Return a key and its value by the key's name, None where it is absent."""
        return next((entry for entry in self.entries if entry[0].value == name), None)


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that was refused already; whoever reads it keeps quiet."""

    spot: Spot
    last_line: int


Node = Text | Listing | Mapping | Broken


def decoded(file: str, raw: bytes | str) -> tuple[str, list[Problem]]:
    """Return a file's text, and what is wrong with its bytes: too many of them, or not UTF-8."""
    if len(raw) > MOST_BYTES:
        message = f"the file is larger than {MOST_BYTES // 1_000_000} MB"
        return "", [problem(Spot(file, 1, 1), "too-big", message, "split it into several files")]
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff"), []
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        before = lines_of(raw[: error.start].decode("utf-8", "replace").removeprefix("\ufeff"))
        spot = Spot(file, len(before), len(before[-1]) + 1)
        message = f"the file is not UTF-8: the byte {raw[error.start]:#04x} cannot stand here"
        return raw.decode("utf-8", "replace"), [
            problem(spot, "not-utf-8", message, "save the file in the encoding UTF-8")
        ]


def tree(file: str, text: str) -> tuple[Mapping | None, list[Problem]]:
    """Return the mapping a file holds (None where it cannot be read) and what is wrong with it as YAML."""
    builder = _Builder(file)
    for number, line in enumerate(lines_of(text), 1):
        if len(line) > LONGEST_LINE:
            message = f"a line of more than {LONGEST_LINE} characters"
            return None, [problem(Spot(file, number, 1), "too-big", message, "break it into several lines")]
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except (YAMLError, ValueError, OverflowError) as error:  # ruamel lets chr() and int() speak for themselves
        return None, [*builder.problems, diagnosis(file, text, error)]
    except _Stop:
        return None, builder.problems
    if isinstance(builder.root, Mapping):
        return builder.root, builder.problems
    return None, [*builder.problems, *_no_mapping(file, text, builder)]


def _no_mapping(file: str, text: str, builder: _Builder) -> Iterator[Problem]:
    root = builder.root
    if root is None or (isinstance(root, Text) and root.empty):
        yield problem(Spot(file, 1, 1), "empty-file", "there is nothing in this file", "write it, or delete the file")
    elif isinstance(root, Text):
        line = lines_of(text)[root.spot.line - 1].strip()
        first, _, rest = line.partition(" ")
        cure = f"write '{first}: {rest}'" if rest else f"write '{first.rstrip(':')}: …'"
        yield problem(root.spot, "missing-colon", f"a colon is missing in {shown(line)}", cure)
    elif isinstance(root, Listing):
        yield problem(root.spot, "wrong-form", "the file begins with a list, not with a key", "begin with 'key: value'")


class _Stop(Exception):
    """The file is not worth reading on."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: Listing | Mapping
    key: Text | Broken | None = None
    seen: dict[str, int] = field(default_factory=dict)


class _Builder:
    """Makes the tree, one parser event at a time. No recursion, so that depth costs nothing but the bound."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take the next event of the parser."""
        match event:
            case yaml_events.ScalarEvent():
                self._refuse_marks(event)
                self._add(self._text(event))
            case yaml_events.SequenceStartEvent() | yaml_events.MappingStartEvent():
                self._refuse_marks(event)
                self._begin(event)
            case yaml_events.SequenceEndEvent() | yaml_events.MappingEndEvent():
                self._end(event)
            case yaml_events.AliasEvent():
                spot = self._spot(event)
                self._note(spot, "anchor", "aliases (*) are refused: they hide what holds here", "write it out")
                self._add(Broken(spot, spot.line))
            case yaml_events.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    message = "a second document begins here (---), but a file holds one"
                    self._note(self._spot(event), "two-documents", message, "put it into a file of its own")
                    raise _Stop

    def _spot(self, event: Any) -> Spot:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return Spot(self.file, start.line + 1, start.column + 1, max(1, length))

    def _text(self, event: Any) -> Text:
        return Text(event.value, self._spot(event), event.end_mark.line + 1, bare=event.style in (None, ""))

    def _begin(self, event: Any) -> None:
        spot = self._spot(event)
        if len(self._open) >= DEEPEST:
            self._note(
                spot,
                "too-deep",
                f"more than {DEEPEST} levels inside each other",
                "nothing in the language is that deep",
            )
            raise _Stop
        if isinstance(event, yaml_events.SequenceStartEvent):
            self._open.append(_Open(Listing([], spot, spot.line)))
            return
        key = self._open[-1].key if self._open else None
        self._open.append(_Open(Mapping([], spot, spot.line, key if isinstance(key, Text) else None)))

    def _end(self, event: Any) -> None:
        node = self._open.pop().node
        last = event.end_mark
        # The end of a block is seen only where the next thing begins, which may be many blank lines further down.
        inner = [inside.last_line for inside in _inside(node)]
        last_line = max(inner, default=node.spot.line) if last.column == 0 or inner else last.line + 1
        if isinstance(node, Listing):
            self._add(Listing(node.items, node.spot, last_line))
        else:
            self._add(Mapping(node.entries, node.spot, last_line, node.owner))

    def _add(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._note(
                node.spot, "too-big", f"more than {MOST_NODES} values in one file", "split it into several files"
            )
            raise _Stop
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent.node, Listing):
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node)
        else:
            self._entry(parent, parent.key, node)
            parent.key = None

    def _key(self, node: Node) -> Text | Broken:
        if isinstance(node, Text):
            return node
        if not isinstance(node, Broken):
            self._note(node.spot, "wrong-form", "a key must be a word, not a list or mapping", "write 'key: value'")
        return Broken(node.spot, node.last_line)

    def _entry(self, parent: _Open, key: Text | Broken, value: Node) -> None:
        if isinstance(key, Broken):
            return
        assert isinstance(parent.node, Mapping), "only mappings have keys"
        if key.value in parent.seen:
            message = f"{shown(key.value)} is written twice; the first is on line {parent.seen[key.value]}"
            self._note(key.spot, "duplicate-key", message, "keep one of them")
            return
        parent.seen[key.value] = key.spot.line
        if isinstance(value, Text) and value.empty:
            value = Text("", key.spot, key.last_line)  # there is nothing to point at but its key
        parent.node.entries.append((key, value))

    def _refuse_marks(self, event: Any) -> None:
        if event.anchor is not None:
            message = f"anchors (&{event.anchor}) are refused: a value stands where it holds"
            self._note(self._spot(event), "anchor", message, "write it out where it is used")
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = str(tag).replace("tag:yaml.org,2002:", "!!")
            message = f"tags ({written}) are refused: the key says how its value is read"
            self._note(self._spot(event), "yaml-tag", message, "leave the tag out")

    def _note(self, spot: Spot, code: str, message: str, hint: str) -> None:
        self.problems.append(problem(spot, code, message, hint))


def _inside(node: Listing | Mapping) -> Iterator[Node]:
    if isinstance(node, Listing):
        yield from node.items
    else:
        for key, value in node.entries:
            yield key
            yield value
