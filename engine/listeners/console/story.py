"""One customer's story: who they are, what is known, where they stand, what was decided and what keeps the rest waiting."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from engine.core.moments import Day, parse_day, rfc3339, zone
from engine.listeners.console.frame import in_english, mark, moment, nothing, page, section
from engine.listeners.console.links import letter_at, workflow_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.permission import may_we_write
from engine.listeners.console.sights import Told
from engine.listeners.console.telling import reason, what, why
from engine.listeners.console.visit import Visit
from engine.trace import Decision


def story_page(visit: Visit, told: Told) -> str:
    """Return the page."""
    customer, story = told.story.customer, told.story
    names = " ".join(str(customer[key]) for key in ("first_name", "last_name") if customer.get(key))
    title = names or str(customer["id"])
    since = (
        html(visit.say("since"), " ", visit.clock(story.standing_since, told.timezone))
        if story.standing_since
        else None
    )
    return page(
        visit,
        title,
        h.div(
            _facts(visit, customer),
            section(
                visit.say("story.standing"),
                h.p(
                    mark(visit, "standing", story.standing),
                    " ",
                    mark(visit, "address", str(customer["address"])),
                    " ",
                    since,
                ),
                h.ul([h.li(in_english(visit, said)) for said in story.evidence], class_="evidence"),
            ),
            class_="two",
        ),
        [_run(visit, run, told) for run in story.runs],
        may_we_write(visit, story.gate),
        _past(visit, told),
        _now(visit, story.now),
        under="customers",
        lede=html(h.code(customer["id"]), " · ", customer.get("email") or visit.say("hindrance.no address")),
    )


def no_story_page(visit: Visit, asked: str) -> str:
    """Return the page where nobody has that id."""
    return page(
        visit, visit.say("story.unknown"), nothing(visit.say("story.unknown.about", id=asked[:80])), under="customers"
    )


# Who they are --------------------------------------------------------------------------------------------------------


def _facts(visit: Visit, customer: Mapping[str, Any]) -> Html:
    money = ", ".join(visit.money(f"{amount} {currency}") for currency, amount in customer["revenue"].items()) or "-"
    last = _day(visit, customer["last_order"])
    idle = visit.say("idle_days", n=customer["idle_days"]) if customer["last_order"] else ""
    facts: list[tuple[str, Inner]] = [
        ("fact.orders", visit.say("orders_on_days", n=customer["orders"], days=customer["order_days"])),
        ("fact.revenue", money),
        ("fact.first_order", _day(visit, customer["first_order"])),
        ("fact.last_order", html(last, " ", h.span(idle, class_="soft"))),
        ("fact.permission", _permission(visit, customer)),
        ("fact.stopped", ", ".join(_purpose(visit, each) for each in customer["stopped"]) or "-"),
        ("fact.reading", visit.say(f"reading.{customer['reading']}")),
        ("fact.tags", ", ".join(customer["tags"]) or "-"),
        ("fact.cause", customer["cause"] or "-"),
    ]
    return section(
        visit.say("story.facts"),
        h.dl([h.div(h.dt(visit.say(name)), h.dd(value)) for name, value in facts], class_="facts"),
    )


def _day(visit: Visit, iso: str | None) -> str:
    day: Day | None = parse_day(iso) if iso else None
    return visit.day(day) if day is not None else "-"


def _permission(visit: Visit, customer: Mapping[str, Any]) -> Inner:
    rows = [
        h.li(
            _purpose(visit, purpose),
            ": ",
            visit.say("permission.given" if said["given"] else "permission.withdrawn"),
            " ",
            _day(visit, said["since"]),
            f" ({said['basis']})" if said["basis"] else "",
        )
        for purpose, said in customer["permission"].items()
    ]
    return h.ul(rows, class_="plain") if rows else visit.say("permission.none")


def _purpose(visit: Visit, purpose: str) -> str:
    return visit.say(f"purpose.{purpose}") if visit.knows(f"purpose.{purpose}") else purpose


# Where they are ------------------------------------------------------------------------------------------------------


def _run(visit: Visit, run: Mapping[str, Any], told: Told) -> Html:
    step = str(run["step"] or "").rpartition(" ")[0]
    until = html(" ", visit.say("until"), " ", moment(visit, run["until"], told.timezone)) if run["until"] else None
    marks = [
        mark(visit, "mode", run["mode"]),
        " ",
        h.span(visit.say("run.held_out"), class_="mark") if run["held_out"] else None,
    ]
    doing = run["doing"]
    key = f"run.{doing}"
    return h.section(
        h.h2(visit.say("run.title"), " ", h.a(run["workflow"], href=workflow_at(run["workflow"])), " ", marks),
        h.p(
            visit.say("run.where", version=str(run["version"]), stage=run["stage"]),
            html(" ", h.code(step)) if step else None,
            ": ",
            visit.say(key) if visit.knows(key) else in_english(visit, doing),
            until,
            html(" (", reason(visit, run["why"]), ")") if run["why"] else None,
        ),
        h.p(
            visit.say("run.began"),
            " ",
            moment(visit, run["began"], told.timezone),
            " · ",
            h.code(f"{run['file'].rpartition('/')[2]}:{run['line']}"),
            class_="soft",
        ),
        class_="card run",
    )


# What was decided ----------------------------------------------------------------------------------------------------


def _past(visit: Visit, told: Told) -> Html:
    """Return what was decided, the newest day first, and each day from its evening back to its morning."""
    there = zone(told.timezone)
    title = visit.say("story.past")
    decisions = list(reversed(told.story.past))
    if not decisions:
        return section(title, nothing(visit.say("story.past.none")))
    days = [
        html(
            h.h3(visit.day(day, "EEEE, d MMMM y")),
            h.ol([_decision(visit, each, told) for each in of_day], class_="story"),
        )
        for day, of_day in groupby(decisions, key=lambda each: there.day(each.at))
    ]
    return section(title, *days)


def _decision(visit: Visit, decision: Decision, told: Told) -> Html:
    there = zone(told.timezone)
    clock = there.clock(decision.at) // 60_000_000
    letter = (
        told.letters.get(decision.effect.effect_id)
        if decision.effect is not None and decision.state == "done"
        else None
    )
    because = why(visit, decision)
    return h.li(
        h.time(f"{clock // 60:02d}:{clock % 60:02d}", datetime=rfc3339(decision.at)),
        h.div(
            h.span(what(visit, decision), class_="what"),
            html(" ", h.a(visit.say("story.letter"), href=letter_at(letter))) if letter else None,
            h.p(because, class_="soft") if because else None,
        ),
        _place(decision),
        class_=f"did {_kind(decision)}",
    )


def _kind(decision: Decision) -> str:
    """Return the class of a decision's colour."""
    if decision.effect is None:
        return ""
    return "did-" + decision.effect.type.removeprefix("winback.").replace(".", "-")


def _now(visit: Visit, decisions: list[Decision]) -> Html:
    title = visit.say("story.now")
    if not decisions:
        return section(title, nothing(visit.say("story.now.none")))
    workflows = [
        h.li(
            h.h3(h.a(name, href=workflow_at(name))),
            h.ul([h.li(in_english(visit, each.why), " ", _place(each)) for each in of_workflow], class_="plain"),
        )
        for name, of_workflow in groupby(decisions, key=lambda one: one.what.removeprefix("not in "))
    ]
    return section(title, h.ul(workflows, class_="obstacles"), about=visit.say("story.now.about"))


def _place(decision: Decision) -> Html | None:
    """Return the line that a decision follows from: its file by name, since all lie in one folder."""
    if not decision.file:
        return None
    return h.code(f"{decision.file.rpartition('/')[2]}:{decision.line}", class_="place")
