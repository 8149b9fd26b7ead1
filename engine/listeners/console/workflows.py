"""Workflows: all of them side by side, and one as its stages with the people at each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from engine.core.rules import WHOLE, Stage, Switch, Workflow
from engine.core.words import in_words
from engine.insight.wording import step_in_words
from engine.listeners.console.forms import pause_form
from engine.listeners.console.frame import in_english, mark, nothing, page, section, table
from engine.listeners.console.links import listed_at, workflow_at
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.sights import Place, WorkflowSight
from engine.listeners.console.today import ENTERED, SENT, sums
from engine.listeners.console.visit import Visit

_HELD: Final = "held"
"""How `doing` begins of a live run whose workflow is a draft now."""


def workflows_page(visit: Visit, found: Sequence[WorkflowSight]) -> str:
    """Return the page of all workflows."""
    columns = [
        (visit.say("workflow"), False),
        (visit.say("column.mode"), False),
        (visit.say("column.version"), True),
        (visit.say("column.under_way"), True),
        (visit.say("column.waiting"), True),
        (visit.say(f"column.{ENTERED}"), True),
        (visit.say(f"column.{SENT}"), True),
    ]
    rows: list[list[Inner]] = [
        [
            html(
                h.a(each.workflow.name, href=workflow_at(each.workflow.name)),
                h.small(in_english(visit, each.workflow.title)),
            ),
            _mode(visit, each),
            each.workflow.version,
            visit.count(sum(place.runs for place in each.places)),
            visit.count(each.waiting),
            visit.count(sums(each.today, ENTERED)),
            visit.count(sums(each.today, SENT)),
        ]
        for each in found
    ]
    title = visit.say("page.workflows")
    body = (
        section(visit.say("workflows.all"), table(columns, rows, caption=title))
        if rows
        else nothing(visit.say("workflows.none"))
    )
    return page(visit, title, body, under="workflows", lede=visit.say("workflows.about"))


def workflow_page(visit: Visit, seen: WorkflowSight) -> str:
    """Return the page of one workflow."""
    workflow = seen.workflow
    pause = next((each for each in visit.here.pauses if each.scope == "workflow" and each.name == workflow.name), None)
    return page(
        visit,
        workflow.name,
        h.p(in_english(visit, workflow.title), class_="subtitle"),
        _facts(visit, seen),
        _waiting(visit, seen),
        section(
            visit.say("stages.title", version=workflow.version),
            _stages(visit, seen, workflow),
            about=visit.say("stages.about"),
        ),
        [_older(visit, seen, number) for number in sorted(seen.versions, reverse=True) if number != workflow.version],
        _pause(visit, workflow) if seen.in_force and pause is None else None,
        under="workflows",
    )


def _mode(visit: Visit, seen: WorkflowSight) -> Html:
    if not seen.in_force:
        return mark(visit, "mode", "gone")
    return mark(visit, "mode", seen.switch.mode.value)


def _facts(visit: Visit, seen: WorkflowSight) -> Html:
    workflow, switch = seen.workflow, seen.switch
    under_way = sum(place.runs for place in seen.places)
    by_mode = Counter[str]()
    for place in seen.places:
        by_mode[place.mode] += place.runs
    shadows = f" ({visit.say('of_them_shadow', n=by_mode['shadow'])})" if by_mode["shadow"] else ""
    facts: list[tuple[str, Inner]] = [
        (visit.say("column.mode"), _mode(visit, seen)),
        (visit.say("column.version"), workflow.version),
        (
            visit.say("column.under_way"),
            html(h.a(visit.number(under_way), href=listed_at(workflow=workflow.name)), shadows),
        ),
        (visit.say("fact.reach"), f"{switch.reach * 100 / WHOLE:g}%"),
        (visit.say("fact.holdout"), f"{workflow.holdout * 100 / WHOLE:g}%"),
        (visit.say("fact.pace"), _pace(visit, switch)),
        (visit.say("fact.priority"), workflow.priority),
        (visit.say("fact.owner"), workflow.owner or "-"),
        (visit.say("today.entered"), visit.number(sums(seen.today, ENTERED))),
        (visit.say("today.sent"), visit.number(sums(seen.today, SENT))),
    ]
    return h.dl([h.div(h.dt(name), h.dd(value)) for name, value in facts], class_="facts card grid")


def _pace(visit: Visit, switch: Switch) -> str:
    if switch.skip_those_who_fit:
        return visit.say("pace.skip")
    pace = switch.enter_at_most
    return visit.say("pace.so_many", n=pace.count, length=str(pace.length)) if pace else visit.say("pace.none")


def _waiting(visit: Visit, seen: WorkflowSight) -> Html | None:
    if not seen.waiting:
        return None
    words = visit.say("line.refused" if seen.refused else "line.waits", n=seen.waiting)
    link = h.a(visit.say("line.look"), href=listed_at(workflow=seen.workflow.name, waiting="yes"))
    return h.p(words, " ", link, class_="note bad" if seen.refused else "note")


def _older(visit: Visit, seen: WorkflowSight, number: int) -> Html:
    people = sum(place.runs for place in seen.places if place.version == number)
    return h.details(
        h.summary(
            h.h2(visit.say("version.older", version=number)), " ", h.span(visit.say("people", n=people), class_="count")
        ),
        _stages(visit, seen, seen.versions[number]),
        class_="card",
    )


# Stages --------------------------------------------------------------------------------------------------------------


def _stages(visit: Visit, seen: WorkflowSight, workflow: Workflow) -> Html:
    places = [place for place in seen.places if place.version == workflow.version]
    enter = h.li(
        h.h3(visit.say("stages.enter")),
        h.ul([h.li(in_english(visit, in_words(each))) for each in workflow.enter_when_all], class_="conditions"),
        class_="stage enter",
    )
    leave = h.li(
        h.h3(visit.say("stages.leave")),
        h.ul([h.li(in_english(visit, in_words(each))) for each in workflow.leave_when_any], class_="conditions"),
        class_="stage leave",
    )
    stages = [_stage(visit, workflow, stage, places) for stage in workflow.stages]
    return h.ol(enter, stages, leave if workflow.leave_when_any else None, class_="stages")


def _stage(visit: Visit, workflow: Workflow, stage: Stage, places: Iterable[Place]) -> Html:
    here = [place for place in places if place.stage == stage.name]
    total = sum(place.runs for place in here)
    most = max(_by_step(here).values(), default=0)
    steps = [
        _step(visit, step_in_words(step), [place for place in here if place.step == number], most)
        for number, step in enumerate(stage.steps)
    ]
    ways = [
        h.li(in_english(visit, in_words(way.condition)), " → ", h.a(way.then, href=f"#{_anchor(workflow, way.then)}"))
        for way in stage.until_any
    ]
    people = h.a(visit.say("people", n=total), href=listed_at(workflow=workflow.name, stage=stage.name), class_="count")
    return h.li(
        h.h3(stage.name, " ", people if total else None),
        h.p(in_english(visit, stage.title), class_="soft") if stage.title else None,
        h.ol(steps, class_="steps"),
        h.p(f"end: {stage.end}" if stage.end else f"after: {stage.after}", class_="next"),
        h.details(h.summary(visit.say("stages.ways", n=len(ways))), h.ul(ways, class_="conditions")) if ways else None,
        class_="stage",
        id=_anchor(workflow, stage.name),
    )


def _anchor(workflow: Workflow, stage: str) -> str:
    return f"v{workflow.version}-{stage}"


def _by_step(places: Iterable[Place]) -> Counter[int]:
    found: Counter[int] = Counter()
    for place in places:
        found[place.step] += place.runs
    return found


def _step(visit: Visit, words: str, here: Sequence[Place], most: int) -> Html:
    """Return one step; where nobody is, its words alone. `most` is how many are at the fullest step of the stage."""
    total = sum(place.runs for place in here)
    if not total:
        return h.li(h.code(words))
    doing: Counter[str] = Counter()
    for place in here:
        doing[_HELD if place.doing.startswith(_HELD) else place.doing] += place.runs
    told = ", ".join(
        visit.say(f"doing.{what}", n=count) for what, count in doing.most_common() if visit.knows(f"doing.{what}")
    )
    bar = h.svg(
        h.rect(x=0, y=0, width=round(total * 100 / most), height=4, class_="bar"),
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return h.li(h.code(words), h.span(told, class_="here"), bar)


def _pause(visit: Visit, workflow: Workflow) -> Html:
    title = visit.say("pause.title.workflow")
    return section(title, pause_form(visit, "workflow", workflow.name), about=visit.say("pause.about"))
