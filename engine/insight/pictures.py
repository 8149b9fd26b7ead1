"""Pictures as inline SVG: stacked areas and bars over weeks, and shares as one bar a row.

Written by hand because a page's own style sheet can then colour them: one picture follows the reader's light or dark
theme and prints well, its words can be searched, and it has the same bytes on every machine. A plotting library draws
fixed colours, and weighs more than all the rest of the program. Colours are classes (`k-active`, `k0` …) of page.css.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 12, 26
_ACROSS, _DOWN = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_ROW, _BAR = 58, 22
_NARROWEST_LABEL = 46


class Series(Struct, frozen=True):
    """One layer of a stack: its name, its class of colour, and a number for each week."""

    name: str
    colour: str
    values: Sequence[int]

    @property
    def total(self) -> int:
        """The sum over all weeks."""
        return sum(self.values)


def stacked_areas(title: str, weeks: Sequence[str], layers: Sequence[Series]) -> str:
    """Draw how a whole is made up over time; the first layer lies at the bottom."""
    return _over_time(title, weeks, layers, _areas, str_of=grouped)


def stacked_bars(
    title: str, weeks: Sequence[str], layers: Sequence[Series], str_of: Callable[[int], str] | None = None
) -> str:
    """Draw counts by week, one bar each; `str_of` writes a number where it is not a count."""
    return _over_time(title, weeks, layers, _bars, str_of=str_of or grouped)


def _over_time(
    title: str,
    weeks: Sequence[str],
    layers: Sequence[Series],
    draw: Callable[[Sequence[Series], float, int], Iterator[str]],
    *,
    str_of: Callable[[int], str],
) -> str:
    layers = [layer for layer in layers if layer.total]
    highest = max((sum(values) for values in zip(*(layer.values for layer in layers), strict=True)), default=0)
    top = nice_top(highest)
    parts = [
        *_grid(top, str_of),
        *draw(layers, top, len(weeks)),
        *_months(weeks),
        *_hints(weeks, layers, str_of),
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{TOP + _DOWN}" y2="{TOP + _DOWN}"/>',
    ]
    return _svg(title, HEIGHT, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    said = escape(title)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">' + "".join(parts) + "</svg>"


def _areas(layers: Sequence[Series], top: float, weeks: int) -> Iterator[str]:
    floor = [0] * weeks
    for layer in layers:
        ceiling = [low + value for low, value in zip(floor, layer.values, strict=True)]
        # Each week is as wide as a bar's: its number holds to its end, and the first begins at the axis.
        up = [(_x(0, weeks), ceiling[0]), *((_x(place + 1, weeks), high) for place, high in enumerate(ceiling))]
        down = [(_x(0, weeks), floor[0]), *((_x(place + 1, weeks), low) for place, low in enumerate(floor))]
        points = " ".join(f"{x:.1f},{_y(value, top):.1f}" for x, value in [*up, *reversed(down)])
        yield f'<polygon class="{layer.colour} layer" points="{points}"/>'
        floor = ceiling


def _bars(layers: Sequence[Series], top: float, weeks: int) -> Iterator[str]:
    width = _ACROSS / weeks
    gap = min(2.0, width * 0.22)
    for layer_number, layer in enumerate(layers):
        for place, value in enumerate(layer.values):
            if value:
                below = sum(other.values[place] for other in layers[:layer_number])
                y, foot = _y(below + value, top), _y(below, top)
                yield (
                    f'<rect class="{layer.colour}" x="{_x(place, weeks) + gap / 2:.1f}" y="{y:.1f}" '
                    f'width="{width - gap:.1f}" height="{max(foot - y, 0.4):.1f}"/>'
                )


def _grid(top: float, str_of: Callable[[int], str]) -> Iterator[str]:
    steps = 4
    for step in range(steps + 1):
        value = top * step / steps
        y = _y(value, top)
        if step:
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(str_of(round(value)))}</text>'


def _months(weeks: Sequence[str]) -> Iterator[str]:
    """Name the months under the weeks in which they begin, as many as there is room for."""
    begins = [place for place, day in enumerate(weeks) if place and day[:7] != weeks[place - 1][:7]]
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 100_000) if len(begins) <= 12 * step)
    months = [place for place in begins if (int(weeks[place][5:7]) - 1 + 12 * int(weeks[place][:4])) % step == 0]
    for place in months:
        x, day = _x(place, len(weeks)), weeks[place]
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP + _DOWN}" y2="{TOP + _DOWN + 4}"/>'
        said = f"{_MONTHS[int(day[5:7]) - 1]} {day[:4]}"
        yield f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{said}</text>'


def _hints(weeks: Sequence[str], layers: Sequence[Series], str_of: Callable[[int], str]) -> Iterator[str]:
    """Lay an invisible strip over each week that tells its numbers when it is pointed at."""
    width = _ACROSS / max(len(weeks), 1)
    for place, week in enumerate(weeks):
        told = [f"{layer.name}: {str_of(layer.values[place])}" for layer in reversed(layers) if layer.values[place]]
        if told:
            said = escape("\n".join([f"week of {week}", *told]))
            x = _x(place, len(weeks))
            yield (
                f'<rect class="hint" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{_DOWN}">'
                f"<title>{said}</title></rect>"
            )


def _x(place: float, weeks: int) -> float:
    return LEFT + _ACROSS * place / max(weeks, 1)


def _y(value: float, top: float) -> float:
    return TOP + _DOWN * (1 - value / top)


def shares(title: str, rows: Mapping[str, Sequence[tuple[str, str, int]]]) -> str:
    """Draw each row as one bar cut into shares. A row has parts (name, class of colour, count), in their order."""
    parts: list[str] = []
    for number, (name, cut) in enumerate(rows.items()):
        y, total = number * _ROW, sum(count for _, _, count in cut)
        parts.append(f'<text class="row" x="0" y="{y + 16}">{escape(name)}</text>')
        parts.append(f'<text class="tick" x="{WIDTH}" y="{y + 16}" text-anchor="end">{grouped(total)} runs</text>')
        parts.extend(_cut(cut, total, y + 24))
    return _svg(title, max(len(rows) * _ROW, 1), parts)


def _cut(cut: Sequence[tuple[str, str, int]], total: int, y: int) -> Iterator[str]:
    if not total:
        yield f'<rect class="empty" x="0" y="{y}" width="{WIDTH}" height="{_BAR}" rx="3"/>'
        return
    x = 0.0
    for name, colour, count in cut:
        width = WIDTH * count / total
        said = f"{name}: {grouped(count)} ({percent(count, total)})"
        yield (
            f'<rect class="{colour}" x="{x:.1f}" y="{y}" width="{max(width - 1.5, 0.6):.1f}" height="{_BAR}" rx="2">'
            f"<title>{escape(said)}</title></rect>"
        )
        if width > _NARROWEST_LABEL:
            label = percent(count, total)
            yield f'<text class="on-bar" x="{x + width / 2:.1f}" y="{y + 15.5}" text-anchor="middle">{label}</text>'
        x += width


# Numbers -------------------------------------------------------------------------------------------------------------


def nice_top(highest: float) -> float:
    """Return the top of an axis: not below the highest, and four steps divide it into round whole numbers."""
    power = 1
    while True:
        for step in (10, 15, 20, 25, 30, 40, 50, 60, 80):
            tick = step * power / 10
            if highest <= 4 * tick and tick == int(tick):
                return 4 * tick
        power *= 10


def grouped(number: int) -> str:
    """Write a count with its thousands apart."""
    return f"{number:,}"


def percent(part: int, whole: int) -> str:
    """Write a share in whole percent; what is there at all is not written as 0 %."""
    if not part or not whole:
        return "0%"
    share = 100 * part / whole
    return "<1%" if share < 1 else f"{round(share)}%"
