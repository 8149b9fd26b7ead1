"""A workflow's graph as Mermaid, which Git hosts, wikis and editors draw."""

from __future__ import annotations

from collections.abc import Iterable

from engine.insight.graph import Box, Graph, Kind

_SHAPES = {
    Kind.ENTER: ("([", "])"),
    Kind.STAGE: ("[", "]"),
    Kind.ANYWHERE: ("[/", "/]"),
    Kind.END: ("([", "])"),
}


def mermaid(graph: Graph) -> str:
    """Return the graph in Mermaid's text, one box or arrow a line."""
    ids = {box.name: f"b{number}" for number, box in enumerate(graph.boxes)}
    lines = [f"%% {graph.workflow}: {' '.join(graph.title.split())}", "flowchart TD"]
    lines += [f"    {ids[box.name]}{_shaped(box)}" for box in graph.boxes]
    for arrow in graph.arrows:
        label = f'|"{_escaped(arrow.lines)}"|' if arrow.lines else ""
        drawn = "-.->" if arrow.by in {"until_any", "leave_when_any"} else "-->"
        lines.append(f"    {ids[arrow.from_]} {drawn}{label} {ids[arrow.to]}")
    return "\n".join(lines) + "\n"


def _shaped(box: Box) -> str:
    begin, end = _SHAPES[box.kind]
    title = f"<b>{_escaped([box.title])}</b>" if box.kind is Kind.STAGE else _escaped([box.title])
    inner = "<br/>".join([title, *([_escaped(box.lines)] if box.lines else [])])
    return f'{begin}"{inner}"{end}'


def _escaped(lines: Iterable[str]) -> str:
    """Write text so that neither Mermaid nor the page it stands in takes a letter of it for its own."""
    return "<br/>".join("".join(_letter(letter) for letter in " ".join(line.split())) for line in lines)


def _letter(letter: str) -> str:
    return letter if letter.isalnum() or letter in " .,:%-_·/+'()" else f"#{ord(letter)};"
