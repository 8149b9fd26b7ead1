"""Today: what the day has brought, how the engine is, and what needs somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from engine.core.moments import Day
from engine.insight.overview import Overview
from engine.listeners.console.condition import people, ramp_table, receivers
from engine.listeners.console.forms import pause_form
from engine.listeners.console.frame import in_english, nothing, page, section, table
from engine.listeners.console.links import story_at, workflow_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.pictures import Bar, bars
from engine.listeners.console.sights import Counted, Today
from engine.listeners.console.telling import reason
from engine.listeners.console.visit import Visit

DAYS: Final = 14
"""So many days the pictures show."""

ENTERED, SENT, DROPPED, DEFERRED = "run_started", "sent", "send.dropped", "send.deferred"
HELD_OUT, ENDED = "send.held_out", "run_ended"


class Trouble(Struct, frozen=True):
    """Something that needs somebody: how bad it is (`bad` or `warn`), in words, and where to look."""

    kind: str
    words: Inner
    href: str | None = None


def today_page(visit: Visit, today: Today) -> str:
    """Return the page."""
    seen = today.overview
    return page(
        visit,
        visit.say("page.today"),
        _troubles(visit, seen),
        _tiles(visit, today),
        h.div(_pictures(visit, today), class_="two"),
        _by_workflow(visit, today),
        h.div(_dropped(visit, today), _waits(visit, today), class_="two"),
        ramp_table(visit, seen),
        people(visit, seen),
        h.div(receivers(visit, seen), section(visit.say("pause.title"), pause_form(visit)), class_="two"),
        under="today",
        lede=_lede(visit, today),
    )


def _lede(visit: Visit, today: Today) -> Inner:
    live = visit.here.live_since
    return (
        visit.day(today.day, "EEEE, d MMMM y"),
        " · ",
        html(visit.say("live.since"), " ", visit.clock(live)) if live is not None else visit.say("live.not"),
    )


# What needs somebody -------------------------------------------------------------------------------------------------


def _troubles(visit: Visit, seen: Overview) -> Html:
    found = list(_found(visit, seen))
    if not found and not visit.here.pauses:
        return h.p(visit.say("trouble.none"), class_="well")
    rows = [
        h.li(
            each.words,
            h.a(visit.say("look"), href=each.href) if each.href else None,
            class_=f"trouble {each.kind}",
        )
        for each in found
    ]
    return h.ul(rows, class_="troubles", aria_label=visit.say("trouble.title")) if rows else html()


def _found(visit: Visit, seen: Overview) -> Iterator[Trouble]:
    for stall in seen.stalls:
        yield Trouble("bad", html(h.strong(visit.say("trouble.stall")), " ", in_english(visit, stall)))
    for annoyed in seen.annoyed:
        yield Trouble("warn", html(visit.say("trouble.annoyed"), " ", in_english(visit, annoyed)))
    for customer in seen.stuck:
        yield Trouble("bad", visit.say("trouble.stuck", customer=customer), story_at(customer))
    for name, count in seen.refused.items():
        yield Trouble("bad", visit.say("trouble.refused", workflow=name, n=count), workflow_at(name))
    for effect, count in seen.nobody_takes.items():
        yield Trouble("warn", visit.say("trouble.nobody_takes", effect=effect.removeprefix("winback."), n=count))
    if seen.uncertain:
        first = seen.uncertain[0]["customer"]
        yield Trouble("warn", visit.say("trouble.uncertain", n=len(seen.uncertain)), story_at(first))
    if seen.dead_letters:
        last = seen.last_errors[0]["error"] if seen.last_errors else ""
        words = html(visit.say("trouble.dead_letters", n=seen.dead_letters), " ", in_english(visit, last))
        yield Trouble("warn", words)
    for pool in seen.pools:
        if pool["low"]:
            few = visit.say("trouble.few_codes", offer=pool["offer"], n=pool["left"], low=pool["low_water"])
            yield Trouble("bad", few)
    if not seen.warm_up_over:
        yield Trouble("warn", visit.say("trouble.warm_up"))
    if visit.here.pending:
        yield Trouble("warn", visit.say("changes.wait", n=visit.here.pending), "/changes")


# Figures -------------------------------------------------------------------------------------------------------------


def sums(counts: Iterable[Counted], what: str, day: Day | None = None, *, shadow: bool = False) -> int:
    """Return how often something happened, on a day or on all that are given."""
    return sum(each.count for each in counts if each.what == what and each.shadow == shadow and day in (None, each.day))


def _tiles(visit: Visit, today: Today) -> Html:
    seen, day, tally = today.overview, today.day, today.tally
    in_shadow = sums(tally, ENTERED, day, shadow=True)
    tiles = [
        _tile(visit, "entered", sums(tally, ENTERED, day), sums(tally, ENTERED, day - 1)),
        _tile(visit, "sent", sums(tally, SENT, day), sums(tally, SENT, day - 1)),
        _tile(visit, "dropped", sums(tally, DROPPED, day), sums(tally, DROPPED, day - 1)),
        _tile(visit, "held_out", sums(tally, HELD_OUT, day), sums(tally, HELD_OUT, day - 1)),
        _tile(visit, "outbox", seen.outbox, about=visit.say("tile.outbox.about")),
        _tile(visit, "overdue", seen.due, about=visit.say("tile.overdue.about", s=round(seen.lag_seconds))),
        _tile(visit, "held", seen.held, about=visit.say("tile.held.about"), bad=bool(seen.held)),
    ]
    if in_shadow:
        tiles.append(_tile(visit, "shadow", in_shadow, sums(tally, ENTERED, day - 1, shadow=True)))
    return h.ul(tiles, class_="tiles", aria_label=visit.say("today.figures"))


def _tile(
    visit: Visit, name: str, count: int, yesterday: int | None = None, *, about: str = "", bad: bool = False
) -> Html:
    below = about if yesterday is None else visit.say("tile.yesterday", n=yesterday)
    return h.li(
        h.span(visit.say(f"tile.{name}"), class_="what"),
        h.b(visit.number(count)),
        h.span(below, class_="soft"),
        class_="tile bad" if bad else "tile",
    )


def _pictures(visit: Visit, today: Today) -> list[Html]:
    shown = []
    for what in (SENT, ENTERED):
        by_day: Counter[Day] = Counter()
        for each in today.tally:
            if each.what == what and not each.shadow:
                by_day[each.day] += each.count
        days = range(today.day - DAYS + 1, today.day + 1)
        title = visit.say(f"picture.{what}", n=DAYS)
        shown.append(section(title, bars(visit, [Bar(visit.day(day, "d MMM"), by_day[day]) for day in days], title)))
    return shown


# Tables --------------------------------------------------------------------------------------------------------------


def _by_workflow(visit: Visit, today: Today) -> Html:
    kinds = (ENTERED, SENT, HELD_OUT, DEFERRED, DROPPED, ENDED)
    counts: dict[str, Counter[str]] = {}
    for each in today.tally:
        if each.day == today.day and each.workflow and not each.shadow and each.what in kinds:
            counts.setdefault(each.workflow, Counter())[each.what] += each.count
    names = sorted({*counts, *today.overview.runs, *today.overview.waiting})
    title = visit.say("by_workflow.title")
    if not names:
        return section(title, nothing(visit.say("by_workflow.none")))
    columns = [
        (visit.say("workflow"), False),
        *((visit.say(f"column.{kind}"), True) for kind in kinds),
        (visit.say("column.under_way"), True),
        (visit.say("column.waiting"), True),
    ]
    rows: list[list[Inner]] = [
        [
            h.a(name, href=workflow_at(name)),
            *(visit.count(counts.get(name, Counter())[kind]) for kind in kinds),
            visit.count(sum(today.overview.runs.get(name, {}).values())),
            visit.count(today.overview.waiting.get(name, 0)),
        ]
        for name in names
    ]
    return section(title, table(columns, rows, caption=title))


def _dropped(visit: Visit, today: Today) -> Html:
    return _reasons(visit, today, DROPPED, "dropped")


def _waits(visit: Visit, today: Today) -> Html:
    return _reasons(visit, today, DEFERRED, "deferred")


def _reasons(visit: Visit, today: Today, what: str, name: str) -> Html:
    """Return why sends were dropped, or had to wait."""
    counts: Counter[str] = Counter()
    for each in today.tally:
        if each.what == what and each.day == today.day and not each.shadow:
            counts[each.detail] += each.count
    title, about = visit.say(f"{name}.title"), visit.say(f"{name}.about")
    if not counts:
        return section(title, nothing(visit.say(f"{name}.none")), about=about)
    rows: list[list[Inner]] = [[reason(visit, why), visit.number(n)] for why, n in counts.most_common()]
    columns = [(visit.say("column.why"), False), (visit.say("column.sends"), True)]
    return section(title, table(columns, rows, caption=title), about=about)
