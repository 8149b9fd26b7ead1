"""Small pictures as SVG, drawn by attributes and classes: the page's policy lets no style stand in an element."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.listeners.console.markup import Html, h
from engine.listeners.console.visit import Visit

_HIGH = 100


class Bar(Struct, frozen=True):
    """A bar: its name below it, and how much it stands for."""

    name: str
    count: int


class Part(Struct, frozen=True):
    """A part of a whole: its words, how much it is, the class of its colour, and where it leads."""

    name: str
    count: int
    kind: str
    href: str | None = None


def bars(visit: Visit, days: Sequence[Bar], title: str) -> Html:
    """Draw bars side by side, the highest as high as the picture; each tells its figure when pointed at."""
    most = max((bar.count for bar in days), default=0) or 1
    columns = []
    for place, bar in enumerate(days):
        high = max(round(bar.count * _HIGH / most), 1)
        last = " last" if place == len(days) - 1 else ""
        columns.append(
            h.g(
                h.title(f"{bar.name}: {visit.number(bar.count)}"),
                h.rect(x=place * 10, y=0, width=10, height=_HIGH, class_="behind"),
                h.rect(
                    x=place * 10 + 1, y=_HIGH - high, width=8, height=high, class_=f"bar{last}" if bar.count else "none"
                ),
            )
        )
    picture = h.svg(
        columns,
        viewBox=f"0 0 {len(days) * 10} {_HIGH}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title}: " + ", ".join(f"{bar.name} {visit.number(bar.count)}" for bar in days),
    )
    ends = (h.span(days[0].name), h.span(visit.say("most", n=most), class_="soft"), h.span(days[-1].name))
    return h.figure(picture, h.figcaption(ends), class_="bars")


def parts(visit: Visit, whole: Sequence[Part], title: str) -> Html:
    """Draw what a whole is made of, with a legend that has the figures."""
    total = sum(part.count for part in whole) or 1
    begin = 0.0
    pieces = []
    for part in whole:
        width = part.count * 1000 / total
        pieces.append(h.rect(x=f"{begin:.1f}", y=0, width=f"{width:.1f}", height=10, class_=f"fill-{part.kind}"))
        begin += width
    legend = [
        h.li(
            h.span(class_=f"dot fill-{part.kind}"),
            h.a(part.name, href=part.href) if part.href else part.name,
            " ",
            h.b(visit.number(part.count)),
            h.span(f" {visit.share(part.count, total)}", class_="soft"),
        )
        for part in whole
    ]
    picture = h.svg(pieces, viewBox="0 0 1000 10", preserveAspectRatio="none", aria_hidden="true")
    return h.figure(picture, h.ul(legend, class_="legend", aria_label=title), class_="parts")
