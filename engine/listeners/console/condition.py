"""How the engine is, beside what the day has brought: the ramp, the customers and who of them can be written to, receivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.insight.overview import Overview
from engine.listeners.console.frame import in_english, section, table
from engine.listeners.console.links import listed_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.pictures import Part, parts
from engine.listeners.console.visit import Visit

STANDINGS: Final = ("active", "reader", "lapsed", "former", "prospect")


def ramp_table(visit: Visit, seen: Overview) -> Html | None:
    """Return what each family of providers may get today; None where there is no ramp."""
    if not seen.ramp:
        return None
    title = visit.say("ramp.title")
    columns = [
        (visit.say("ramp.family"), False),
        (visit.say("ramp.allowed"), True),
        (visit.say("ramp.used"), True),
        (visit.say("ramp.waiting"), True),
        (visit.say("column.why"), False),
    ]
    rows: list[list[Inner]] = [
        [
            visit.say(f"family.{each.family}"),
            visit.number(each.allowed),
            visit.count(each.used),
            visit.count(each.waiting),
            html(
                h.strong(visit.say("ramp.stopped"), class_="stopped") if each.stopped else None,
                " ",
                in_english(visit, each.why),
            ),
        ]
        for each in seen.ramp
    ]
    return section(title, table(columns, rows, caption=title), about=visit.say("ramp.about"))


def people(visit: Visit, seen: Overview) -> Html:
    """Return the customers by standing, and why some cannot be mailed."""
    whole = [
        Part(visit.say(f"standing.{name}"), seen.standings.get(name, 0), name, listed_at(standing=name))
        for name in STANDINGS
    ]
    title = visit.say("people.title", n=seen.customers)
    return section(title, parts(visit, whole, title), _not_mailable(visit, seen.not_mailable, seen.customers))


def _not_mailable(visit: Visit, counts: Mapping[str, int], total: int) -> Html:
    if not counts:
        return html()
    rows: list[list[Inner]] = [
        [visit.say(f"hindrance.{why}"), visit.number(count), visit.share(count, total)]
        for why, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    title = visit.say("not_mailable.title")
    columns = [
        (visit.say("column.why"), False),
        (visit.say("column.customers"), True),
        (visit.say("column.share"), True),
    ]
    return html(h.h3(title), table(columns, rows, caption=title))


def receivers(visit: Visit, seen: Overview) -> Html:
    """Return where mails and effects go."""
    facts: list[tuple[str, Inner]] = [
        (visit.say(f"receiver.{name}"), in_english(visit, where)) for name, where in seen.receivers.items()
    ]
    if seen.sweep:
        facts.append((visit.say("sweep"), in_english(visit, seen.sweep)))
    return section(
        visit.say("receivers.title"),
        h.dl([h.div(h.dt(name), h.dd(value)) for name, value in facts], class_="facts"),
        _deliveries(visit, seen) if seen.deliveries else None,
    )


def _deliveries(visit: Visit, seen: Overview) -> Html:
    """Return how far each receiver of effects has come, and what it could not take."""
    title = visit.say("deliveries.title")
    columns = [
        (visit.say("deliveries.receiver"), False),
        (visit.say("deliveries.behind"), True),
        (visit.say("deliveries.parcels"), True),
        (visit.say("deliveries.dead_letters"), True),
        (visit.say("deliveries.last_error"), False),
    ]
    rows: list[list[Inner]] = [
        [
            html(each.name, h.small(", ".join(kind.removeprefix("winback.") for kind in each.takes))),
            visit.count(each.behind),
            visit.count(each.parcels),
            visit.count(each.dead_letters),
            in_english(visit, each.last_error),
        ]
        for each in seen.deliveries
    ]
    return html(h.h3(title), table(columns, rows, caption=title))
