"""Changes: what the files say that is not in force yet, what it would do, plans that wait for a second person, and what was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.core.moments import parse_day
from engine.insight.overview import Pending
from engine.insight.plan import Change, Difference, Landing, Plan
from engine.listeners.console.forms import form
from engine.listeners.console.frame import in_english, mark, moment, nothing, page, section, table
from engine.listeners.console.links import workflow_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.sights import Changes, Proposed, Reckoned
from engine.listeners.console.visit import Visit

LOOK_AGAIN: Final = 2
"""Seconds after which the page is loaded anew while a plan is reckoned."""


def changes_page(visit: Visit, changes: Changes) -> str:
    """Return the page."""
    reckoned = changes.reckoned
    under_way = reckoned is not None and reckoned.plan is None and not reckoned.failed
    return page(
        visit,
        visit.say("page.changes"),
        [_proposal(visit, each) for each in changes.proposals],
        _files(visit, changes.pending),
        _reckoned(visit, reckoned) if reckoned is not None and not _waits(changes, reckoned) else None,
        _applied(visit, changes.applied),
        under="changes",
        lede=visit.say("changes.about"),
        refresh=LOOK_AGAIN if under_way else None,
    )


# Plans ---------------------------------------------------------------------------------------------------------------


def _proposal(visit: Visit, proposed: Proposed) -> Html:
    """Return a plan that waits for somebody else to put it in force."""
    plan = proposed.plan
    said = html(
        visit.say("proposal.by", who=proposed.who or "?"),
        " ",
        visit.clock(proposed.at),
        ". ",
        visit.say("proposal.about"),
    )
    return section(
        visit.say("proposal.title", number=str(proposed.number)),
        _plan(visit, plan),
        form(visit, "/approve", button=visit.say("proposal.approve"), number=str(proposed.number), back="/changes"),
        about=said,
        id_=f"plan-{proposed.number}",
    )


def _waits(changes: Changes, reckoned: Reckoned) -> bool:
    """Say whether a plan that waits is of the same files, and shown already."""
    return reckoned.plan is not None and any(each.plan.digest == reckoned.plan.digest for each in changes.proposals)


def _reckoned(visit: Visit, reckoned: Reckoned) -> Html:
    title = visit.say("plan.title")
    if reckoned.failed:
        return section(title, h.p(visit.say("plan.failed"), class_="note bad"))
    if reckoned.plan is None:
        bar = h.progress(value=reckoned.done, max=reckoned.of or 1, aria_label=visit.say("plan.under_way"))
        return section(title, bar, h.p(visit.say("plan.looked_at", n=reckoned.done, of=reckoned.of), class_="soft"))
    about = html(visit.say("plan.about"), " ", visit.say("as_of"), " ", moment(visit, reckoned.plan.at), ".")
    return section(title, _plan(visit, reckoned.plan), about=about)


def _plan(visit: Visit, plan: Plan) -> Html:
    standings = [h.li(visit.number(count), " ", _standings(visit, name)) for name, count in plan.standings.items()]
    reasons = [h.li(in_english(visit, why)) for why in plan.reaches_further]
    return html(
        h.ul(h.li(visit.say("plan.reaches"), class_="head"), reasons, class_="note") if reasons else None,
        h.ul(standings, class_="plain") if standings else None,
        [_change(visit, each) for each in plan.changes] or nothing(visit.say("plan.nothing")),
    )


def _standings(visit: Visit, name: str) -> str:
    """Write `active -> lapsed` in words."""
    return " → ".join(visit.say(f"standing.{each}") for each in name.split(" -> "))


def _change(visit: Visit, change: Change) -> Html:
    name = h.a(change.workflow, href=workflow_at(change.workflow)) if change.workflow else visit.say("changes.all")
    versions = " → ".join(str(number) for number in (change.source, change.to) if number is not None)
    return h.article(
        h.h3(
            name,
            h.span(visit.say("plan.version", versions=versions), class_="soft") if versions else None,
            mark(visit, "mode", change.mode) if change.mode else None,
        ),
        h.p(in_english(visit, change.effect)),
        h.p(visit.say("plan.needs_a_word", workflow=change.workflow), class_="note bad")
        if change.needs_a_word
        else None,
        h.ul([_difference(visit, each) for each in change.differences], class_="differences")
        if change.differences
        else None,
        _figures(visit, change) if change.entry else None,
        _under_way(visit, change),
        class_="change",
    )


def _difference(visit: Visit, difference: Difference) -> Html:
    was = h.del_(difference.old, lang="en") if difference.old is not None else None
    is_ = h.ins(difference.new, lang="en") if difference.new is not None else None
    return h.li(h.span(in_english(visit, difference.where), class_="what"), was, is_)


def _figures(visit: Visit, change: Change) -> Html:
    """Return who would enter, how fast, and what it may cost."""
    until = parse_day(change.until) if change.until else None
    pace = visit.say("plan.pace", n=change.per_day, day=visit.day(until)) if until is not None else ""
    figures: list[tuple[str, int]] = [
        ("plan.mailable", change.mailable),
        ("plan.capped", change.capped),
        ("plan.had_offer", change.had_offer),
        ("plan.held_out", change.held_out),
        ("plan.place_taken", change.place_taken),
    ]
    facts: list[tuple[Inner, Inner]] = [(visit.say(name), visit.number(count)) for name, count in figures if count]
    facts += [(_reason(visit, why), visit.number(count)) for why, count in sorted(change.unmailable.items()) if count]
    if change.offer_cost_at_most:
        facts.append((visit.say("plan.cost"), visit.money(change.offer_cost_at_most)))
    return html(
        h.p(
            h.strong(visit.say("plan.would_enter", n=change.would_enter)),
            f", {pace}" if pace else "",
            ". ",
            visit.say(f"plan.entry.{change.entry}", n=change.fits) if visit.knows(f"plan.entry.{change.entry}") else "",
        ),
        h.dl([h.div(h.dt(name), h.dd(value)) for name, value in facts], class_="facts grid") if facts else None,
    )


def _reason(visit: Visit, code: str) -> Inner:
    return visit.say(f"reason.{code}") if visit.knows(f"reason.{code}") else in_english(visit, code)


def _under_way(visit: Visit, change: Change) -> Html | None:
    """Return who waits at which step, and where `--move` would take them."""
    if not change.waiting:
        return None
    lands = {each.step: each for each in change.landings}
    with_due = any(each.due_at_once is not None for each in change.landings)
    columns = [(visit.say("column.where"), False), (visit.say("column.under_way"), True)]
    columns += [(visit.say("plan.moved_to"), False)] if lands else []
    columns += [(visit.say("plan.due_at_once"), True)] if with_due else []
    rows: list[list[Inner]] = []
    for step, count in change.waiting.items():
        landing = lands.get(step)
        row: list[Inner] = [h.code(step), visit.number(count)]
        row += [_landing(visit, landing)] if lands else []
        row += [visit.number((landing.due_at_once if landing else None) or 0)] if with_due else []
        rows.append(row)
    return table(columns, rows, caption=visit.say("plan.waiting", workflow=change.workflow))


def _landing(visit: Visit, landing: Landing | None) -> Inner:
    """Write where runs at a step would go."""
    if landing is None:
        return "-"
    return h.code(landing.to) if landing.to else visit.say("plan.moved_out")


# Files, and what was applied -----------------------------------------------------------------------------------------


def _files(visit: Visit, pending: Pending | None) -> Html:
    title = visit.say("changes.files")
    if pending is None:
        return section(title, nothing(visit.say("changes.none")))
    if pending.errors:
        return section(title, h.p(visit.say("changes.errors", n=pending.errors), class_="note bad"))
    rows = [
        h.li(
            h.b(each["workflow"] or visit.say("changes.all")),
            ": ",
            in_english(visit, each["effect"]),
        )
        for each in pending.changes
    ]
    return section(title, h.ul(rows), h.p(visit.say("changes.apply"), class_="soft"))


def _applied(visit: Visit, rows: list[dict[str, Any]]) -> Html:
    title = visit.say("applied.title")
    if not rows:
        return section(title, nothing(visit.say("applied.none")))
    return section(title, h.ol([_row(visit, each) for each in rows], class_="story"))


def _row(visit: Visit, row: Mapping[str, Any]) -> Html:
    by = [visit.say("paused.by", who=row["who"])] if row["who"] else []
    if row.get("planned_by"):
        by.append(visit.say("applied.planned_by", who=row["planned_by"]))
    return h.li(
        h.div(
            h.span(moment(visit, row["at"]), " ", ", ".join(by), class_="what"),
            h.p(visit.say("applied.taken_back"), class_="soft") if row.get("taken_back") else None,
            h.ul([h.li(in_english(visit, str(each))) for each in row["what"]]),
        ),
        class_="did",
    )
