"""A workflow's picture: every stage and every way between them, and none that is not there."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.insight.graph import Arrow, Box, Graph, Kind, graph_of
from engine.insight.graph_layout import Slot, laid_out
from engine.insight.graph_svg import svg
from engine.insight.mermaid import mermaid
from engine.language import nodes

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SHIPPED = sorted(path for path in WORKFLOWS.glob("*-*.yaml") if ".scenarios." not in path.name)
MANY_WAYS = """
workflow: ways
title: Many <ways> & "quotes"
enter_when_all:
  - standing: lapsed
leave_when_any: [{event: email.unsubscribed}, {address: dead}]
stages:
  first:
    title: Begin
    steps:
      - go_to: second
        when_all: [{tag: x}, {customer: orders, at_least: 3}]
      - wait: 10d
      - split: {second: 60%, third: 40%}
    until_any:
      - {event: order.placed, then: third}
      - {event: email.clicked, within: 3d, then: third}
    after: first
  second: {steps: [{tag: "a|b\\e"}], after: third}
  third: {steps: [], end: over}
"""


def read(text: str) -> Graph:
    """The graph of a file's text."""
    root, problems = nodes.tree("x.yaml", text)
    assert problems == []
    assert root is not None
    return graph_of(root)


def test_every_way_of_a_workflow_is_an_arrow_with_its_words() -> None:
    """`after`, `end`, `until_any`, `go_to`, `split`, entering and leaving; those with the same ends are one."""
    ways = {(arrow.from_, arrow.by, arrow.to): arrow.lines for arrow in read(MANY_WAYS).arrows}

    assert ways == {
        ("(enter)", "enter_when_all", "first"): (),
        ("first", "go_to", "second"): ("if all of", "tag: x", "customer: orders, at_least: 3"),
        ("first", "split", "second"): ("60%",),
        ("first", "split", "third"): ("40%",),
        ("first", "until_any", "third"): ("event: order.placed", "event: email.clicked, within: 3d"),
        ("first", "after", "first"): (),
        ("second", "after", "third"): (),
        ("third", "end", "end over"): (),
        ("(anywhere)", "leave_when_any", "end left"): ("event: email.unsubscribed", "address: dead"),
    }


def test_a_box_says_what_its_stage_does_in_the_words_of_the_file() -> None:
    """Title and steps, in order; what a terminal or a page would take for its own is taken out or escaped."""
    boxes = {box.name: box for box in read(MANY_WAYS).boxes}

    assert boxes["first"].lines == (
        "Begin",
        "· go_to: second, when_all: [{tag: x}, {customer: orders, at_least: 3}]",
        "· wait: 10d",
        "· split: {second: 60%, third: 40%}",
    )
    assert boxes["second"].lines == ("· tag: a|b",)
    assert [box.kind for box in boxes.values()] == ["enter", "stage", "stage", "stage", "anywhere", "end", "end"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_picture_of_a_shipped_workflow_holds_all_its_words(path: Path) -> None:
    """One SVG that is well-formed, reaches for nothing outside itself, and shows every line of every box and arrow."""
    graph = read(path.read_text(encoding="utf-8"))
    drawn = svg(graph)
    root = ET.fromstring(drawn)
    said = " ".join("".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text"))

    for lines in (*(box.lines for box in graph.boxes), *(arrow.lines for arrow in graph.arrows)):
        assert all(" ".join(line.split()) in said for line in lines)
    assert drawn.count("marker-end") == len(graph.arrows)
    assert "href" not in drawn
    assert drawn == svg(graph)


def test_mermaid_has_a_line_for_each_box_and_arrow_and_escapes_what_is_its_own() -> None:
    """Quotes, brackets, bars and signs of the author are written as their numbers."""
    drawn = mermaid(read(MANY_WAYS)).splitlines()

    assert drawn[:2] == ['%% ways: Many <ways> & "quotes"', "flowchart TD"]
    assert '    b2["<b>second</b><br/>· tag: a#124;b"]' in drawn
    assert '    b1 -.->|"event: order.placed<br/>event: email.clicked, within: 3d"| b3' in drawn
    assert len(drawn) == 2 + 7 + 9


NAMES = [f"s{number}" for number in range(8)]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25, unique=True), st.data())
def test_no_two_boxes_or_labels_lie_on_each_other(ways: list[tuple[str, str]], data: st.DataObject) -> None:
    """Whatever leads where, circles included: all stands apart, inside the picture, and arrows join what they say."""
    graph = Graph(
        "w",
        "",
        tuple(Box(name, Kind.STAGE, name) for name in NAMES),
        tuple(Arrow(begin, end, "after") for begin, end in ways),
    )
    size = st.tuples(st.floats(10, 300), st.floats(10, 200))
    layout = laid_out(graph, {name: data.draw(size) for name in NAMES}, [data.draw(size) for _ in ways])

    slots = list(dict.fromkeys([*layout.boxes.values(), *(way.label for way in layout.ways)]))
    for place, one in enumerate(slots):
        assert one.width / 2 <= one.x <= layout.width - one.width / 2
        assert one.height / 2 <= one.y <= layout.height - one.height / 2
        assert not any(overlap(one, other) for other in slots[place + 1 :])
    for way, (begin, end) in zip(layout.ways, ways, strict=True):
        assert touches(layout.boxes[begin], way.points[0])
        assert touches(layout.boxes[end], way.points[-1])


def overlap(one: Slot, other: Slot) -> bool:
    """Whether two places share more than an edge."""
    across = abs(one.x - other.x) < (one.width + other.width) / 2 - 0.01
    return across and abs(one.y - other.y) < (one.height + other.height) / 2 - 0.01


def touches(box: Slot, point: tuple[float, float]) -> bool:
    """Whether a point lies on a box's upper or lower edge."""
    return abs(point[0] - box.x) <= box.width / 2 and abs(abs(point[1] - box.y) - box.height / 2) < 0.01
