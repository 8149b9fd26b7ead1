"""A workflow's graph as a picture: one SVG that needs nothing else, and follows a dark screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from engine.insight.graph import Arrow, Box, Graph, Kind
from engine.insight.graph_layout import Layout, Size, Slot, Way, laid_out

_LINE = 18.0  # pixels from one line of text to the next
_LETTER = 7.0  # the width of a letter, generously
_PADDING = 12.0
_WIDEST_BOX, _WIDEST_LABEL = 46, 30  # letters in a line before it is broken

_STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff; }
text { fill: #1c2526; } .title { font-weight: 600; } .label { font-size: 12px; fill: #47585a; stroke: #fff; stroke-width: 5px; paint-order: stroke; }
rect { fill: #f4f8f7; stroke: #0f6b5c; } .enter { fill: #e2efff; stroke: #2b5f9e; }
.end { fill: #eceff0; stroke: #6b7a7c; } .anywhere { fill: #fff; stroke: #9a4a1f; stroke-dasharray: 4 3; }
path { fill: none; stroke: #5c6c6e; stroke-width: 1.4; } .heard { stroke-dasharray: 5 4; } marker path { fill: #5c6c6e; stroke: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #14191a; } text { fill: #e4ebeb; } .label { fill: #b3c2c3; stroke: #14191a; } rect { fill: #1d2827; stroke: #4fb3a1; }
  .enter { fill: #1a2636; stroke: #7fa9d9; } .end { fill: #22292a; stroke: #8b999b; } .anywhere { fill: #14191a; stroke: #d98b5f; }
  path { stroke: #93a3a5; } marker path { fill: #93a3a5; }
}
"""


def svg(graph: Graph) -> str:
    """Return the picture. The same workflow gives the same bytes."""
    boxes = {box.name: _box_lines(box) for box in graph.boxes}
    labels = [_label_lines(arrow) for arrow in graph.arrows]
    layout = laid_out(
        graph, {name: _size(lines) for name, lines in boxes.items()}, [_size(lines, 4) for lines in labels]
    )
    parts = [_head(graph, layout)]
    parts += [_path(way) for way in layout.ways]
    parts += [part for box in graph.boxes for part in _box(box, boxes[box.name], layout.boxes[box.name])]
    for way, lines in zip(layout.ways, labels, strict=True):
        parts += _text(lines, way.label, "label", middle=True)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(graph: Graph, layout: Layout) -> str:
    size = f"{layout.width:.0f} {layout.height:.0f}"
    width, height = size.split()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width}" height="{height}" role="img">\n'
        f"<title>{escape(graph.workflow)}</title>\n<desc>{escape(graph.title)}</desc>\n<style>{_STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker></defs>'
    )


def _box_lines(box: Box) -> list[str]:
    return [box.title, *_wrapped(box.lines, _WIDEST_BOX)]


def _label_lines(arrow: Arrow) -> list[str]:
    return _wrapped(arrow.lines, _WIDEST_LABEL)


def _wrapped(lines: Sequence[str], widest: int) -> list[str]:
    return [
        part for line in lines for part in textwrap.wrap(line, widest, subsequent_indent="  " * line.startswith("·"))
    ]


def _size(lines: Sequence[str], padding: float = _PADDING) -> Size:
    longest = max((_letters(line) * (1.1 if place == 0 else 1) for place, line in enumerate(lines)), default=0)  # bold
    return longest * _LETTER + 2 * padding, len(lines) * _LINE + 2 * padding


def _letters(line: str) -> int:
    """Count letters, those of East Asia twice: they are as wide as they are high."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line)


def _box(box: Box, lines: Sequence[str], slot: Slot) -> Iterator[str]:
    x, y = slot.x - slot.width / 2, slot.y - slot.height / 2
    round_ = 8 if box.kind is Kind.STAGE else 16
    yield (
        f'<rect class="{box.kind}" x="{x:.1f}" y="{y:.1f}" width="{slot.width:.1f}" height="{slot.height:.1f}" '
        f'rx="{round_}"/>'
    )
    yield from _text(lines, slot, "", middle=len(lines) == 1, bold_first=True)


def _text(
    lines: Sequence[str], slot: Slot, style: str, *, middle: bool = False, bold_first: bool = False
) -> Iterator[str]:
    anchor = ' text-anchor="middle"' if middle else ""
    x = slot.x if middle else slot.x - slot.width / 2 + _PADDING
    first = slot.y - (len(lines) - 1) * _LINE / 2 + 4.5
    for place, line in enumerate(lines):
        classes = "title" if bold_first and place == 0 else style
        indent = (len(line) - len(line.lstrip())) * _LETTER if not middle else 0.0
        yield (
            f'<text class="{classes}" x="{x + indent:.1f}" y="{first + place * _LINE:.1f}"{anchor}>'
            f"{escape(line.strip())}</text>"
        )


def _path(way: Way) -> str:
    """Draw an arrow: straight through each row on its way, and smoothly from one row to the next."""
    drawn = f"M{way.points[0][0]:.1f} {way.points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(way.points):
        half = (y + to_y) / 2 if not way.turns else way.label.y + way.label.height
        drawn += f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
    heard = ' class="heard"' if way.arrow.by in {"until_any", "leave_when_any"} else ""
    return f'<path{heard} d="{drawn}" marker-end="url(#tip)"/>'
