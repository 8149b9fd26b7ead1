"""A workflow as boxes and arrows, in the words of its file, for pictures of it.

Made from the file's own lines and not from the checked workflow, so that a picture says what the author wrote, and a new
kind of step is in it without a change here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from engine.language.nodes import Listing, Mapping, Node, Text

ENTERS, ANYWHERE = "(enter)", "(anywhere)"
LEFT = "left"
"""The outcome of a run that `leave_when_any` ends."""


class Kind(StrEnum):
    """What a box stands for."""

    ENTER = "enter"
    STAGE = "stage"
    ANYWHERE = "anywhere"
    END = "end"


class Box(Struct, frozen=True):
    """Who enters, a stage, an outcome, or what ends a run from any stage. `name` is unique in its graph."""

    name: str
    kind: Kind
    title: str
    lines: tuple[str, ...] = ()


class Arrow(Struct, frozen=True, rename={"from_": "from"}):
    """A way from one box to another; `by` is the key that leads there (`after`, `until_any`, `go_to` …)."""

    from_: str
    to: str
    by: str
    lines: tuple[str, ...] = ()


class Graph(Struct, frozen=True):
    """A workflow's boxes in the order of the file, and its arrows."""

    workflow: str
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def graph_of(root: Mapping) -> Graph:
    """Return the graph of a workflow's file that has been checked."""
    stages = [(name.value, stage) for name, stage in _entries(_value(root, "stages"))]
    arrows = [Arrow(ENTERS, name, "enter_when_all") for name, _ in stages[:1]]
    for name, stage in stages:
        arrows += _arrows(name, stage)
    leaving = _lines(_value(root, "leave_when_any"))
    if leaving:
        arrows.append(Arrow(ANYWHERE, _end(LEFT), "leave_when_any", leaving))
    ends = dict.fromkeys(arrow.to for arrow in arrows if arrow.to.startswith("end "))
    boxes = [
        Box(ENTERS, Kind.ENTER, "enters when all hold", (*_lines(_value(root, "enter_when_all")), *_one_of(root))),
        *(Box(name, Kind.STAGE, name, tuple(_shown(stage))) for name, stage in stages),
        *([Box(ANYWHERE, Kind.ANYWHERE, "from any stage, at once")] if leaving else []),
        *(Box(end, Kind.END, end) for end in ends),
    ]
    return Graph(_text(root, "workflow"), _text(root, "title"), tuple(boxes), tuple(_together(arrows)))


def _one_of(root: Mapping) -> Iterator[str]:
    listed = _lines(_value(root, "enter_when_any"))
    if listed:
        yield f"and any of: {'; '.join(listed)}"


def _shown(stage: Node) -> Iterator[str]:
    if title := _text(stage, "title"):
        yield title
    for step in _items(_value(stage, "steps")):
        yield f"· {_flat(step)}"


def _arrows(name: str, stage: Node) -> Iterator[Arrow]:
    for step in _items(_value(stage, "steps")):
        for key, value in _entries(step):
            if key.value == "go_to" and isinstance(value, Text):
                yield Arrow(name, value.value, "go_to", tuple(_asked(step)))
            elif key.value == "split":
                yield from (Arrow(name, to.value, "split", (_flat(share),)) for to, share in _entries(value))
    for way in _items(_value(stage, "until_any")):
        said = ", ".join(f"{key.value}: {_flat(value)}" for key, value in _entries(way) if key.value != "then")
        yield Arrow(name, _text(way, "then"), "until_any", (said,))
    if after := _text(stage, "after"):
        yield Arrow(name, after, "after")
    if end := _text(stage, "end"):
        yield Arrow(name, _end(end), "end")


def _asked(step: Node) -> Iterator[str]:
    for key, value in _entries(step):
        if key.value in {"when_all", "when_any"}:
            yield f"if {'all' if key.value == 'when_all' else 'any'} of"
            yield from _lines(value)


def _together(arrows: list[Arrow]) -> Iterator[Arrow]:
    """Yield the arrows, those with the same ends and key as one."""
    merged: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for arrow in arrows:
        way = (arrow.from_, arrow.to, arrow.by)
        merged[way] = merged.get(way, ()) + arrow.lines
    return (Arrow(*way, lines) for way, lines in merged.items())


def _end(outcome: str) -> str:
    return f"end {outcome}"


def _value(node: Node, key: str) -> Node | None:
    entry = node.entry(key) if isinstance(node, Mapping) else None
    return entry[1] if entry else None


def _text(node: Node, key: str) -> str:
    value = _value(node, key)
    return _flat(value) if isinstance(value, Text) else ""


def _entries(node: Node | None) -> list[tuple[Text, Node]]:
    return node.entries if isinstance(node, Mapping) else []


def _items(node: Node | None) -> list[Node]:
    return node.items if isinstance(node, Listing) else []


def _lines(node: Node | None) -> tuple[str, ...]:
    return tuple(_flat(item) for item in _items(node))


def _flat(node: Node, depth: int = 0) -> str:
    """Write a node on one line, as people would: no brackets around what stands alone."""
    if isinstance(node, Text):
        return "".join(letter if letter.isprintable() else " " for letter in node.value)
    if isinstance(node, Mapping):
        said = ", ".join(f"{key.value}: {_flat(value, depth + 1)}".rstrip(": ") for key, value in node.entries)
        return f"{{{said}}}" if depth else said
    if isinstance(node, Listing):
        return f"[{', '.join(_flat(item, depth + 1) for item in node.items)}]"
    return ""
