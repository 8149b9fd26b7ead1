"""Letting in those who stand in line, foretold: how many a day until when, at the pace of each workflow.

It goes as `engine.handling.sweeping` does: in the order of the workflows, a slice of each in turn, one place a customer.
What happens to the customers meanwhile, and runs that end before the lines do, nobody knows beforehand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from engine.core.moments import Day, Instant, Zone
from engine.core.rules import EnterAtMost
from engine.core.shop import Pace
from engine.handling.sweeping import SLICE
from engine.insight.foresight import InLine


class Line(Struct):
    """One workflow's line: who stands in it, in order; its pace (None: all at once), and the window under way."""

    name: str
    places: Sequence[InLine]
    pace: EnterAtMost | None
    window: Pace | None
    takes_the_place: bool


class Entering(Struct):
    """Who enters a workflow, by day, and how many of its line are let into another one first."""

    entered: list[InLine] = []
    by_day: Counter[Day] = msgspec.field(default_factory=Counter)
    elsewhere: int = 0
    place_taken: int = 0


def let_in(lines: Sequence[Line], begins: Instant, there: Zone) -> Mapping[str, Entering]:
    """Return who enters each workflow when. `lines` are in the order in which workflows let in; `begins` is the start."""
    return _Doors(lines, begins, there).open()


class _Doors:
    """The lines while they are let in."""

    def __init__(self, lines: Sequence[Line], begins: Instant, there: Zone) -> None:
        self._lines, self._now, self._there = lines, begins, there
        self._next = dict.fromkeys((line.name for line in lines), 0)
        self._wake = dict.fromkeys((line.name for line in lines), begins)
        self._windows = {line.name: line.window for line in lines}
        self._inside: set[str] = set()
        self._found = {line.name: Entering() for line in lines}

    def open(self) -> Mapping[str, Entering]:
        while waiting := [line for line in self._lines if self._next[line.name] < len(line.places)]:
            self._now = max(self._now, min(self._wake[line.name] for line in waiting))
            for line in waiting:
                if self._wake[line.name] <= self._now:
                    self._let_in(line)
        return self._found

    def _let_in(self, line: Line) -> None:
        room = SLICE if line.pace is None else self._room(line, line.pace)
        at, today = self._next[line.name], self._there.day(self._now)
        for place in line.places[at : at + min(room, SLICE)]:
            self._admit(line, place, today)
        self._next[line.name] = min(at + min(room, SLICE), len(line.places))

    def _room(self, line: Line, pace: EnterAtMost) -> int:
        """Return how many more its window lets in; none: it wakes again when the next one begins."""
        window = self._windows[line.name]
        if window is None or self._there.after(window.began, pace.length) <= self._now:
            window = self._windows[line.name] = Pace(self._now)
        room = max(0, pace.count - window.count)
        if not room:
            self._wake[line.name] = self._there.after(window.began, pace.length)
        return room

    def _admit(self, line: Line, place: InLine, today: Day) -> None:
        found = self._found[line.name]
        if place.prospects.place_taken:
            found.place_taken += 1
        elif line.takes_the_place and place.customer in self._inside:
            found.elsewhere += 1
        else:
            found.entered.append(place)
            found.by_day[today] += 1
            if line.takes_the_place:
                self._inside.add(place.customer)
            window = self._windows[line.name]
            if line.pace is not None and window is not None:
                self._windows[line.name] = Pace(window.began, window.count + 1)
