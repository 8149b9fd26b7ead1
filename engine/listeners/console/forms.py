"""The forms of the console: what can be changed from it, and what keeps others from changing it with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.shop import Pause
from engine.listeners.console.frame import page, paused_in_words, table
from engine.listeners.console.markup import Html, Inner, h
from engine.listeners.console.visit import Visit

TOKEN, BACK, WHO = "token", "back", "who"


def form(visit: Visit, action: str, *inner: Inner, button: str, bad: bool = False, **hidden: str) -> Html:
    """Return a form of ours: it says who asks, proves that it is from our page, and where to go then."""
    known = {TOKEN: visit.token, BACK: visit.path, **hidden}
    return h.form(
        [h.input(type="hidden", name=name, value=value) for name, value in known.items()],
        inner,
        _who(visit),
        h.button(button, class_="bad" if bad else None),
        method="post",
        action=action,
    )


def _who(visit: Visit) -> Html:
    return field(
        visit.say("form.who"), h.input(name=WHO, value=visit.who, required=True, maxlength=80, autocomplete="name")
    )


def field(label: str, control: Html, about: str = "") -> Html:
    """Return a control with its label around it."""
    return h.label(h.span(label), control, h.small(about) if about else None)


def pause_form(visit: Visit, scope: str = "engine", name: str = "") -> Html:
    """Return the form that pauses; of one workflow where that is given, else of whatever is chosen."""
    why = field(visit.say("form.why"), h.input(name="why", required=True, maxlength=300), visit.say("form.why.about"))
    if scope != "engine":
        said = visit.say("pause.button", what=visit.say(f"scope.{scope}", name=name))
        return form(visit, "/pause", why, button=said, bad=True, scope=scope, name=name)
    choices = [
        h.option(visit.say(f"scope.{each}.choice"), value=each)
        for each in ("engine", "marketing", "workflow", "template", "domain", "family")
    ]
    what = field(visit.say("form.scope"), h.select(choices, name="scope"))
    of = field(visit.say("form.name"), h.input(name="name", maxlength=200), visit.say("form.name.about"))
    return form(visit, "/pause", h.div(what, of, class_="row"), why, button=visit.say("pause.button.any"), bad=True)


def unpause_page(visit: Visit, pause: Pause, held: Mapping[str, int], choices: Sequence[str]) -> str:
    """Return the page that asks what becomes of the sends that a pause holds, before it ends."""
    total = sum(held.values())
    rows: list[list[Inner]] = [[template, visit.number(count)] for template, count in held.items()]
    columns = [(visit.say("column.template"), False), (visit.say("column.sends"), True)]
    asked = h.fieldset(
        h.legend(visit.say("unpause.question")),
        [
            h.label(
                h.input(type="radio", name="overdue", value=each, required=True),
                h.span(h.b(visit.say(f"overdue.{each}")), h.small(visit.say(f"overdue.{each}.about"))),
                class_="choice",
            )
            for each in choices
        ],
    )
    title = visit.say("unpause.title", what=paused_in_words(visit, pause))
    body = form(
        visit, "/unpause", asked, button=visit.say("unpause.button"), scope=pause.scope, name=pause.name, back="/"
    )
    figures = table(columns, rows, caption=visit.say("unpause.held", n=total)) if rows else None
    return page(
        visit,
        title,
        h.section(h.h2(visit.say("unpause.held", n=total)), figures, body, class_="card narrow"),
        lede=visit.say("unpause.about"),
    )
