"""Where the boxes and arrows of a graph go: from top to bottom in rows, as few crossings as a few sweeps leave.

Every second row is for the labels of the arrows that begin above it, so a label never lies on a box. An arrow that goes
past rows gets a place in each, and one that leads back up is laid out as if it led down. A layout engine would draw
large graphs better; those of workflows are small, and it would be a heavy thing to install for one command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engine.insight.graph import Arrow, Graph

Size = tuple[float, float]
Point = tuple[float, float]
_GAP, _APART = 28.0, 20.0
"""Between neighbours in a row, and between rows, in pixels."""
_SWEEPS = 8


@dataclass(eq=False)
class Slot:
    """A place in a row: a box, the label of an arrow, or where an arrow passes. `x` and `y` are its middle."""

    row: int
    width: float
    height: float
    passes: bool = False  # no box, so it is as high as its row: an arrow goes straight through
    x: float = 0.0
    y: float = 0.0
    above: list[Slot] = field(default_factory=list)
    below: list[Slot] = field(default_factory=list)


@dataclass(frozen=True)
class Way:
    """An arrow's slots from the box it leaves to the box it reaches; the one after the first holds its words.

    `points` are where it goes: from the edge of the first box, through the others, to the edge of the last.
    """

    arrow: Arrow
    slots: tuple[Slot, ...]
    points: list[Point] = field(default_factory=list)

    @property
    def turns(self) -> bool:
        """Whether it leads to its own row: it turns below its words."""
        return self.slots[0].row == self.slots[-1].row

    @property
    def label(self) -> Slot:
        """The slot of its words."""
        return self.slots[1]


@dataclass(frozen=True)
class Layout:
    """All places, and the size of the whole picture."""

    boxes: dict[str, Slot]
    ways: tuple[Way, ...]
    width: float
    height: float


def laid_out(graph: Graph, boxes: Mapping[str, Size], labels: Sequence[Size]) -> Layout:
    """Return the places of boxes of these sizes, and of arrows with labels of these sizes, in the graph's order."""
    rows = _rows(graph)
    slots = {name: Slot(2 * rows[name], *boxes[name]) for name in boxes}
    ways = tuple(_way(arrow, slots, size) for arrow, size in zip(graph.arrows, labels, strict=True))
    by_row: dict[int, list[Slot]] = {}
    for slot in dict.fromkeys([*slots.values(), *(slot for way in ways for slot in way.slots)]):
        by_row.setdefault(slot.row, []).append(slot)
    in_order = [by_row[row] for row in sorted(by_row)]
    _order(in_order)
    _across(in_order)
    y = _GAP
    for row in in_order:
        height = max(slot.height for slot in row)
        for slot in row:
            slot.y = y + height / 2
            slot.height = height if slot.passes else slot.height
        y += height + _APART
    every = [slot for row in in_order for slot in row]
    shift = _GAP - min(slot.x - slot.width / 2 for slot in every)
    for slot in every:
        slot.x += shift
    _draw(ways)
    return Layout(slots, ways, max(slot.x + slot.width / 2 for slot in every) + _GAP, y + _GAP - _APART)


def _rows(graph: Graph) -> dict[str, int]:
    """Return each box's row: below all that lead to it, those aside that lead back to a box on their way."""
    leads: dict[str, list[str]] = {box.name: [] for box in graph.boxes}
    for arrow in graph.arrows:
        leads[arrow.from_].append(arrow.to)
    finished: list[str] = []
    state: dict[str, int] = {}
    down: dict[str, list[str]] = {name: [] for name in leads}
    for start, ways in leads.items():
        waiting = [(start, iter(ways))] if start not in state else []
        state.setdefault(start, 1)
        while waiting:
            name, rest = waiting[-1]
            to = next(rest, None)
            if to is None:
                state[name] = 2
                finished.append(name)
                waiting.pop()
            elif state.get(to) != 1:  # 1: on the way to here, so this arrow leads back
                down[name].append(to)
                if to not in state:
                    state[to] = 1
                    waiting.append((to, iter(leads[to])))
    rows = dict.fromkeys(leads, 0)
    for name in reversed(finished):
        for to in down[name]:
            rows[to] = max(rows[to], rows[name] + 1)
    for name in finished:  # what nothing leads to stands just above what it leads to
        if rows[name] == 0 and down[name] and not any(name in theirs for theirs in down.values()):
            rows[name] = min(rows[to] for to in down[name]) - 1
    return rows


def _way(arrow: Arrow, boxes: Mapping[str, Slot], label: Size) -> Way:
    begin, end = boxes[arrow.from_], boxes[arrow.to]
    if begin.row == end.row:  # to itself, or to one beside it: over the row below
        rows: list[int] = [begin.row + 1]
    else:
        step = 1 if end.row > begin.row else -1
        rows = list(range(begin.row + step, end.row, step))
    between = [Slot(row, *(label if place == 0 else (8.0, 1.0)), passes=True) for place, row in enumerate(rows)]
    slots = (begin, *between, end)
    for one, other in pairwise(slots):
        upper, lower = (one, other) if one.row < other.row else (other, one)
        upper.below.append(lower)
        lower.above.append(upper)
    return Way(arrow, slots)


def _order(rows: Sequence[list[Slot]]) -> None:
    """Sort each row by the middle of what it is joined to, down and up in turn."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        places = {slot: place for row in rows for place, slot in enumerate(row)}
        for row in rows if down else reversed(rows):
            wanted = {
                slot: _middle([places[each] for each in (slot.above if down else slot.below)], places[slot])
                for slot in row
            }
            row.sort(key=lambda slot: wanted[slot])
            places.update({slot: place for place, slot in enumerate(row)})


def _across(rows: Sequence[list[Slot]]) -> None:
    """Move each row's slots under the middle of what they are joined to, in their order and apart."""
    for row in rows:
        for slot, x in zip(row, _apart(row, [0.0] * len(row)), strict=True):
            slot.x = x
    for sweep in range(2 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            joined = [[*slot.above, *slot.below] for slot in row]
            wanted = [_middle([each.x for each in all_], slot.x) for slot, all_ in zip(row, joined, strict=True)]
            for slot, x in zip(row, _apart(row, wanted), strict=True):
                slot.x = x


def _draw(ways: Sequence[Way]) -> None:
    """Say where each arrow goes. Those that meet at one edge of a box share its middle half, in their order."""
    edges: dict[tuple[Slot, bool], list[tuple[float, int, bool]]] = {}
    for number, way in enumerate(ways):
        for box, beside, first in ((way.slots[0], way.slots[1], True), (way.slots[-1], way.slots[-2], False)):
            edges.setdefault((box, beside.row > box.row), []).append((beside.x, number, first))
    places: dict[tuple[int, bool], Point] = {}
    for (box, below), met in edges.items():
        for place, (_, number, first) in enumerate(sorted(met)):
            x = box.x + box.width / 2 * ((place + 1) / (len(met) + 1) - 0.5)
            places[number, first] = x, box.y + box.height / 2 * (1 if below else -1)
    for number, way in enumerate(ways):
        down = way.slots[1].row > way.slots[0].row
        for slot in way.slots[1:-1] if not way.turns else ():
            ends = [(slot.x, slot.y - slot.height / 2), (slot.x, slot.y + slot.height / 2)]
            way.points.extend(ends if down else reversed(ends))
        way.points.insert(0, places[number, True])
        way.points.append(places[number, False])


def _apart(row: Sequence[Slot], wanted: Sequence[float]) -> Iterator[float]:
    """Yield places near the wanted ones that keep the order and the gaps: the middle of pushing right and left."""
    right: list[float] = []
    for place, (slot, x) in enumerate(zip(row, wanted, strict=True)):
        right.append(x if place == 0 else max(x, right[-1] + _distance(row[place - 1], slot)))
    left: list[float] = []
    for place in reversed(range(len(row))):
        x = wanted[place]
        left.append(x if not left else min(x, left[-1] - _distance(row[place], row[place + 1])))
    return ((one + other) / 2 for one, other in zip(right, reversed(left), strict=True))


def _distance(one: Slot, other: Slot) -> float:
    return (one.width + other.width) / 2 + _GAP


def _middle(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
