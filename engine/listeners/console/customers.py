"""Customers: found by id or address, or listed by standing, workflow, stage or line, a page at a time."""

from __future__ import annotations

from typing import Final

from msgspec.structs import asdict

from engine.listeners.console.condition import STANDINGS
from engine.listeners.console.frame import mark, nothing, page, section, table
from engine.listeners.console.links import listed_at, story_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.sights import Found, Search, Somebody
from engine.listeners.console.visit import Visit

HINDRANCES: Final = ("no address", "dead address", "no permission", "stopped", "gone", "stuck")
"""Why no mail can reach somebody, as the column `hindrance` has it."""


def customers_page(visit: Visit, search: Search, found: Found | None) -> str:
    """Return the page; `found` is None where nothing was asked for yet."""
    return page(
        visit,
        visit.say("page.customers"),
        _search(visit, search),
        _standings(visit, search),
        _people(visit, search, found) if found is not None else None,
        under="customers",
        lede=visit.say("customers.about"),
    )


def _search(visit: Visit, search: Search) -> Html:
    words = h.input(
        type="search",
        name="words",
        value=search.words,
        aria_label=visit.say("search.label"),
        placeholder=visit.say("search.label"),
        maxlength=300,
    )
    return h.form(words, h.button(visit.say("search.button")), action="/customers", class_="search", role="search")


def _standings(visit: Visit, search: Search) -> Html:
    links = [
        h.a(
            visit.say(f"standing.{name}"),
            href=listed_at(standing=name),
            aria_current="true" if name == search.standing else None,
        )
        for name in STANDINGS
    ]
    hindrances = [
        h.a(
            visit.say(f"hindrance.{name}"),
            href=listed_at(standing=search.standing, hindrance=name),
            aria_current="true" if name == search.hindrance else None,
        )
        for name in HINDRANCES
    ]
    return html(
        h.nav(links, class_="choices", aria_label=visit.say("column.standing")),
        h.nav(hindrances, class_="choices small", aria_label=visit.say("not_mailable.title"))
        if search.standing
        else None,
    )


def _people(visit: Visit, search: Search, found: Found) -> Html:
    title = _asked(visit, search)
    if not found.people:
        return section(title, nothing(visit.say("customers.none")))
    in_workflow = bool(search.workflow) and not search.waiting
    columns = [
        (visit.say("column.customer"), False),
        (visit.say("column.email"), False),
        (visit.say("column.standing"), False),
        (visit.say("column.last_order"), False),
        *([(visit.say("column.where"), False)] if in_workflow else []),
    ]
    rows = [_row(visit, each, in_workflow=in_workflow) for each in found.people]
    count = None if found.total is None else visit.say("customers.total", n=found.total)
    return section(title, table(columns, rows, caption=title), _more(visit, search, found), about=count)


def _row(visit: Visit, each: Somebody, *, in_workflow: bool) -> list[Inner]:
    last = visit.day(each.last_order) if each.last_order is not None else "-"
    cells: list[Inner] = [
        html(h.a(each.id, href=story_at(each.id)), h.small(each.name) if each.name else None),
        each.email or "-",
        mark(visit, "standing", each.standing),
        last,
    ]
    return [*cells, html(each.stage, h.small(h.code(each.step)))] if in_workflow else cells


def _more(visit: Visit, search: Search, found: Found) -> Html | None:
    if not found.after and not search.after:
        return None
    asked = {name: "yes" if value is True else str(value or "") for name, value in asdict(search).items()}
    begin = h.a(visit.say("list.first"), href=listed_at(**{**asked, "after": ""})) if search.after else h.span()
    more = (
        h.a(visit.say("list.next"), href=listed_at(**{**asked, "after": found.after}), rel="next")
        if found.after
        else None
    )
    return h.nav(begin, more, class_="turns", aria_label=visit.say("list.turn"))


def _asked(visit: Visit, search: Search) -> str:
    """Say who is listed."""
    if search.waiting:
        return visit.say("asked.line", workflow=search.workflow)
    if search.workflow:
        return (
            visit.say("asked.stage", workflow=search.workflow, stage=search.stage)
            if search.stage
            else visit.say("asked.workflow", workflow=search.workflow)
        )
    if search.standing:
        standing = visit.say(f"standing.{search.standing}")
        if search.hindrance:
            return f"{standing}, {visit.say(f'hindrance.{search.hindrance}')}"
        return standing
    return visit.say("asked.words", words=search.words)
