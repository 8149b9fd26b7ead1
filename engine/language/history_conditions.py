"""Conditions on what was learned and done before: decline, causes, offers, messages, ended runs, worth and occasions."""

from __future__ import annotations

from engine.core.moments import Length
from engine.core.rules import (
    CauseIs,
    Declining,
    OccasionNear,
    OfferHad,
    TemplateSent,
    WorkflowEnded,
    WorthIs,
)
from engine.language.forms import Fields, Form
from engine.language.kinds import Key
from engine.language.nodes import Text
from engine.language.reading import Reading
from engine.language.scalars import CAUSE, DAYS, FLAG, GROWTH, NAME, SPAN, Ref, words
from engine.language.shapes import OneOrList

DECLINING = words(("gaps", "baskets", "either", "both"))


def _declining(fields: Fields, _: Reading) -> Declining:
    usual = Declining()
    return Declining(line=fields.line, what=fields.get("declining", usual.what), by=fields.get("by", usual.by))


def _cause(fields: Fields, _: Reading) -> CauseIs:
    return CauseIs(line=fields.line, any_of=fields.get("cause", ()), within=fields.get("within"))


def _offer(fields: Fields, _: Reading) -> OfferHad:
    had, used = fields.get("had_within"), fields.get("used")
    return OfferHad(line=fields.line, offer=fields.get("offer", ""), had_within=had, used=used)


def _sent(fields: Fields, _: Reading) -> TemplateSent:
    return TemplateSent(line=fields.line, template=fields.get("sent", ""), within=fields.get("within"))


def _workflow(fields: Fields, reading: Reading) -> WorkflowEnded:
    name, outcome = fields.nodes.get("workflow"), fields.nodes.get("outcome")
    if isinstance(name, Text) and isinstance(outcome, Text) and "outcome" in fields.values:
        reading.outcomes.append((name.value, outcome))
    return WorkflowEnded(
        line=fields.line,
        workflow=fields.get("workflow", ""),
        ended_within=fields.get("ended_within"),
        outcome=fields.get("outcome", ""),
    )


def _worth(fields: Fields, reading: Reading) -> WorthIs:
    if "worth" in fields.values:
        reading.worths.append(fields.nodes["worth"])
    return WorthIs(line=fields.line)


def _occasion(fields: Fields, _: Reading) -> OccasionNear:
    return OccasionNear(
        line=fields.line,
        occasion=fields.get("occasion", ""),
        before=Length(days=fields.get("before", 0)),
        after=Length(days=fields.get("after", 0)),
    )


HISTORY_FORMS: dict[str, Form] = {
    "declining": Form(
        "the condition 'declining'",
        "The customer orders less than before, and has not fallen silent yet.",
        (
            Key(
                "declining",
                DECLINING,
                "gaps: orders lie further apart. baskets: they are smaller. either, or both.",
                required=True,
            ),
            Key("by", GROWTH, "By how much against what was usual; 50% when left out."),
        ),
        build=_declining,
    ),
    "cause": Form(
        "the condition 'cause'",
        "Why the customer leaves, as far as the evidence says.",
        (
            Key("cause", OneOrList(CAUSE), "The cause, or a list of which one must be it.", required=True),
            Key("within", SPAN, "The evidence is no older than this."),
        ),
        build=_cause,
    ),
    "offer": Form(
        "the condition 'offer'",
        "The customer was given an offer.",
        (
            Key("offer", Ref("offer"), "The offer, as offers.yaml names it.", required=True),
            Key("had_within", SPAN, "It was given no longer ago than this."),
            Key("used", FLAG, "true: it was used. false: it was not."),
        ),
        build=_offer,
    ),
    "sent": Form(
        "the condition 'sent'",
        "The customer was sent a message.",
        (
            Key("sent", Ref("template"), "The message's template.", required=True),
            Key("within", SPAN, "It was sent no longer ago than this."),
        ),
        build=_sent,
    ),
    "workflow": Form(
        "the condition 'workflow'",
        "A run of a workflow has ended for the customer; the last one counts.",
        (
            Key("workflow", Ref("workflow"), "The workflow's name.", required=True),
            Key("ended_within", SPAN, "It ended no longer ago than this."),
            Key(
                "outcome", NAME, "How it ended: an `end:` of that workflow, or left, not_asked, too_long and the like."
            ),
        ),
        build=_workflow,
    ),
    "worth": Form(
        "the condition 'worth'",
        "What this workflow's offers are expected to bring exceeds what they cost; who cannot be judged is let through.",
        (Key("worth", words(("positive",)), "positive is all that can be asked.", required=True),),
        build=_worth,
    ),
    "occasion": Form(
        "the condition 'occasion'",
        "It is the day of an occasion, or so many days before or after it.",
        (
            Key("occasion", Ref("occasion"), "The occasion, as occasions.yaml names it.", required=True),
            Key("before", DAYS, "It holds from so many days before the day."),
            Key("after", DAYS, "And until so many days after it."),
        ),
        build=_occasion,
    ),
}
