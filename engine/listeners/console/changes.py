"""Changes: what the files say that is not in force yet."""

from __future__ import annotations

from engine.insight.overview import Pending
from engine.listeners.console.frame import in_english, nothing, page, section, table
from engine.listeners.console.links import workflow_at
from engine.listeners.console.markup import Html, Inner, h
from engine.listeners.console.visit import Visit


def changes_page(visit: Visit, pending: Pending | None) -> str:
    """Return the page."""
    return page(
        visit,
        visit.say("page.changes"),
        _pending(visit, pending),
        under="changes",
        lede=visit.say("changes.about"),
    )


def _pending(visit: Visit, pending: Pending | None) -> Html:
    title = visit.say("changes.files")
    if pending is None:
        return section(title, nothing(visit.say("changes.none")))
    if pending.errors:
        return section(title, h.p(visit.say("changes.errors", n=pending.errors), class_="note bad"))
    columns = [
        (visit.say("workflow"), False),
        (visit.say("column.version"), False),
        (visit.say("column.change"), False),
    ]
    rows: list[list[Inner]] = [
        [
            h.a(each["workflow"], href=workflow_at(each["workflow"])) if each["workflow"] else visit.say("changes.all"),
            " → ".join(str(number) for number in (each["from"], each["to"]) if number is not None),
            in_english(visit, each["effect"]),
        ]
        for each in pending.changes
    ]
    return section(title, table(columns, rows, caption=title), h.p(visit.say("changes.apply"), class_="soft"))
