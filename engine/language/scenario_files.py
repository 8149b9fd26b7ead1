"""A file of scenarios: its form, and the scenarios it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from engine.core.fields import PROFILE, is_own
from engine.core.moments import Day, Length, iso_day
from engine.language import values
from engine.language.conditions import ADDRESSES, STANDINGS
from engine.language.event_conditions import event_exists, event_values
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Bad, Definitions, Key, Schema
from engine.language.nodes import Broken, Listing, Mapping, Node, Text
from engine.language.problems import Spot, did_you_mean, one_of, shown
from engine.language.reading import Reading
from engine.language.scalars import (
    CAUSE,
    DAY,
    EVENT,
    FLAG,
    LENGTH,
    NAME,
    NUMBER,
    PLAIN,
    PRICE,
    SPAN,
    TEXT,
    Ref,
    Scalar,
    text_of,
    whole,
    words,
)
from engine.language.scenarios import CLOCK, STARTS, Action, EndedBefore, Expected, Given, Happening, Scenario
from engine.language.shapes import ListOf, MapOf
from engine.language.values import Wrong

ACTIONS = (
    "send",
    "suppress",
    "resume",
    "newsletter",
    "tag",
    "untag",
    "standing",
    "hand_off",
    "close_account",
    "emit",
    "end",
    "drop",
    "held_out",
)
"""What may be listed under `expect:`; `drop` and `held_out` need not be, but must be true where they are."""
_ON_THEIR_OWN = ("send", "end", "drop", "held_out")


_EXAMPLES = {"newsletter": ("less",), "held_out": ("TEMPLATE",)}
_REFERS = {"send": "template", "drop": "template", "held_out": "template"}


_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "suppress": ("newsletter", "marketing"),
    "resume": ("newsletter", "marketing"),
    "standing": ("former",),
}


def _ago(text: str) -> Length:
    span, blank, ago = text.rpartition(" ")
    if not blank or ago != "ago":
        if re.fullmatch(values.LENGTH, text):
            raise Wrong(f"{shown(text)} could be ahead or past", f"write {text} ago")
        raise Wrong(f"so long ago is expected, not {shown(text)}", "write 120d ago")
    return values.length(span)


def _start(text: str) -> tuple[Day, int]:
    on, blank, at = text.partition(" ")
    if not blank:
        return values.day(on), CLOCK
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at):
        raise Wrong(f"a clock time is written 09:30, not {shown(at)}", "write 2026-01-31 09:30", "bad-clock")
    return values.day(on), int(at[:2]) * 60 + int(at[3:])


START = Scalar("a day (2026-01-31), or one with its clock time", "bad-day", _start, lambda: {"type": "string"})


AGO = Scalar(
    "so long ago (120d ago)", "bad-length", _ago, lambda: {"type": "string", "pattern": f"^{values.LENGTH} ago$"}
)


_PROFILE_KINDS = {"text": PLAIN, "day": DAY, "number": NUMBER, "yes_no": FLAG}


def _birthday(text: str) -> str:
    """Read a birthday as a profile holds it: with its year, or without (05-17, or --05-17 as in ISO 8601:2000)."""
    if re.fullmatch(r"(?:--)?\d\d-\d\d", text):
        values.month_day(text.removeprefix("--"))
    else:
        values.day(text)
    return text


BIRTHDAY = Scalar(
    "a day (1990-05-17), or one without its year (05-17)", "bad-day", _birthday, lambda: {"type": "string"}
)


def _given(fields: Fields, reading: Reading) -> Given:
    made = dict(fields.values)
    had = fields.nodes.get("offers_had")
    known = {key.value for key, _ in had.entries} if isinstance(had, Mapping) else set()
    if not_had := [name for name in made.get("offers_used", ()) if name not in known]:
        message = f"{one_of(not_had, 'and')} can only have been used when it was had"
        reading.error(fields.keys["offers_used"], "conflicting-keys", message, "name it under 'offers_had', too")
    profile = {name: made.pop(name) for name in PROFILE if name in made}
    days = {name: value for name, value in profile.items() if PROFILE[name] == "day" and name != "birthday"}
    profile.update({name: iso_day(value) for name, value in days.items()})
    if attributes := made.pop("attributes", None):
        profile["attributes"] = attributes
    return Given(**made, profile=profile)


_PERMISSIONS = (
    "newsletter",
    "marketing",
    "tracking",
    *(f"marketing/{each}" for each in ("letter", "phone", "sms", "push")),
)

ENDED = Form(
    "an ended run",
    "Which workflow's, how, and how long ago.",
    (
        Key("workflow", Ref("workflow"), "The workflow's name.", required=True),
        Key("outcome", NAME, "How it ended.", required=True),
        Key("ago", AGO, "How long ago it ended.", required=True),
        Key("began", AGO, "How long ago it began, which is what again_after counts from; when it ended, if left out."),
    ),
    build=lambda fields, _: (
        EndedBefore(**fields.values) if {"workflow", "outcome", "ago"} <= fields.values.keys() else BAD
    ),
    example="{workflow: NAME, outcome: no_response, ago: 30d ago}",
)

GIVEN = Form(
    "what is given",
    "What is known of the customer at the start; what is left out is as usual.",
    (
        Key("standing", STANDINGS, "What we think of the customer; the other facts must yield it."),
        Key("orders", whole(0, 1000), "How many orders there were, one reorder interval apart."),
        Key("first_order", AGO, "How long ago the first order was, where they lie otherwise apart."),
        Key("last_order", AGO, "How long ago the last order was."),
        Key("basket", PRICE, "What each of these orders came to."),
        Key("categories", ListOf(PLAIN, least=1), "The product categories that each of these orders held."),
        Key("clicked_mails", whole(0, 100), "So many mails were clicked by a person on the days before the start."),
        Key("opened_mails", whole(0, 100), "So many mails were opened by a person on the days before the start."),
        Key("reorder_interval", SPAN, "The average time between two orders of all customers; 30d when left out."),
        Key(
            "permission",
            ListOf(words(_PERMISSIONS)),
            "What the customer allows; newsletter, marketing and tracking by email when left out.",
        ),
        Key("permission_since", AGO, "How long ago the customer allowed it."),
        Key("address", ADDRESSES, "Whether mail can arrive; ok when left out."),
        Key("held_out", FLAG, "Whether the customer is held out; false when left out."),
        Key("tags", ListOf(NAME), "Tags the customer has."),
        Key("cause", CAUSE, "Why the customer leaves, as they said in a survey an hour ago."),
        Key("declining", FLAG, "Whether the last orders lay further apart than those before; 8 orders when not said."),
        Key("offers_had", MapOf(Ref("offer"), AGO, "offers, with how long ago"), "Offers the customer was given."),
        Key(
            "sent",
            MapOf(Ref("template"), AGO, "templates, with how long ago"),
            "Marketing mails the customer got before.",
        ),
        Key("other_mail", AGO, "How long ago another sender wrote to the customer."),
        Key("offers_used", ListOf(Ref("offer"), least=1), "Those of them that the customer used."),
        Key("ended", ENDED, "A run of a workflow that has ended."),
        *(
            Key(name, BIRTHDAY if name == "birthday" else _PROFILE_KINDS[kind], "A field of the customer's profile.")
            for name, kind in PROFILE.items()
        ),
        Key("attributes", MapOf(NAME, PLAIN, "names and values"), "The shop's own fields of the customer."),
    ),
    build=_given,
)


@dataclass(frozen=True)
class _Timeline:
    """A mapping from lengths since the start to what happens then."""

    says: str
    what: str

    def read(self, node: Node, reading: Reading) -> Any:
        if isinstance(node, Text) and node.value == "nothing":
            return ()
        if not isinstance(node, Mapping):
            if not isinstance(node, Broken):
                hint = "write each moment on a line: '0d: …', or {} for nothing"
                reading.error(node, "wrong-form", f"there should be {self.says} here", hint)
            return BAD
        made = []
        for key, value in node.entries:
            at = LENGTH.read(key, reading)
            if isinstance(value, Text) and value.empty:
                reading.error(key, "no-value", f"nothing is said about {shown(key.value)}", "write what happens then")
            elif at is not BAD:
                made += self._moment(key, at, value, reading)
        return tuple(sorted(made, key=lambda each: each.at.roughly))

    def _moment(self, key: Text, at: Length, value: Node, reading: Reading) -> list[Any]:
        if self.what == "when":
            return list(_happenings(at, value, reading))
        actions = tuple(_actions(value, reading))
        return [Expected(at, actions, key.spot)] if actions else []

    def schema(self, _: Definitions) -> Schema:
        when: Schema = {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]}
        inner = when if self.what == "when" else {"type": "string"}
        return {
            "type": ["object", "string"],
            "propertyNames": {"pattern": f"^{values.LENGTH}$"},
            "additionalProperties": inner,
        }


def _happenings(at: Length, node: Node, reading: Reading) -> Iterator[Happening]:
    match node:
        case Listing():
            for item in node.items:
                yield from _happenings(at, item, reading)
        case Mapping():
            if (read := HAPPENING.read(node, reading)) is not BAD:
                yield Happening(at, *read)
        case Text():
            for part in _parts(node):
                if event_exists(part, reading):
                    yield Happening(at, part.value, {}, part.spot)


def _event_with_data(fields: Fields, reading: Reading) -> tuple[str, dict[str, Any], Spot] | Bad:
    name, data = fields.nodes.get("event"), fields.get("data")
    if not isinstance(name, Text) or name.empty or not event_exists(name, reading):
        return BAD
    if data is not None and not isinstance(data, Mapping):
        reading.error(data, "wrong-form", "there should be fields with their values here", "write {kind: dead}")
        return BAD
    if data is None:
        return name.value, {}, name.spot
    own = [(key, value) for key, value in data.entries if name.value == _TELLS_OF_OWN_FIELDS and is_own(key.value)]
    others = replace(data, entries=[entry for entry in data.entries if entry not in own])
    attributes = {key.value: PLAIN.read(value, reading) for key, value in own}
    return name.value, {**event_values(name.value, others, reading), **attributes}, name.spot


_TELLS_OF_OWN_FIELDS = "profile.updated"


class _Data:
    """The fields of an event; which there are, the event says."""

    says = "fields with their values"

    def read(self, node: Node, _: Reading) -> Any:
        return BAD if isinstance(node, Broken) else node

    def schema(self, _: Definitions) -> Schema:
        return {"type": "object"}


HAPPENING = Form(
    "an event with its data",
    "Something that happens, with those of its fields that matter.",
    (
        Key("event", EVENT, "What happens.", required=True),
        Key(
            "data",
            _Data(),
            "Fields of the event; what is left out is made up. Of profile.updated also `attributes.NAME`.",
        ),
    ),
    build=_event_with_data,
)


def _parts(text: Text) -> Iterator[Text]:
    """Split a text at its commas, each part with its own place as far as it stands on one line."""
    begin = 0
    for piece in text.value.split(","):
        stripped = piece.strip()
        column = begin + len(piece) - len(piece.lstrip())
        begin += len(piece) + 1
        spot = text.spot
        if text.bare and text.last_line == spot.line:
            spot = Spot(spot.file, spot.line, spot.column + column, max(1, len(stripped)))
        yield Text(stripped, spot, text.last_line, bare=False)


def _actions(node: Node, reading: Reading) -> Iterator[Action]:
    text = text_of(node, "actions (send coupon_offer, end no_response)", reading)
    for part in _parts(text) if text else ():
        kind, _, argument = part.value.partition(" ")
        argument = argument.strip()
        if kind not in ACTIONS:
            hint = did_you_mean(kind, ACTIONS) or f"known here: {one_of(ACTIONS, 'and')}"
            reading.error(part, "bad-word", f"nothing that happens is called {shown(kind)}", hint)
        elif _argument_is_fine(part, kind, argument, reading):
            yield Action(kind, argument, part.spot)


def _argument_is_fine(part: Text, kind: str, argument: str, reading: Reading) -> bool:
    begin = part.spot.column + len(kind) + 1
    spot = Spot(part.spot.file, part.spot.line, begin, len(argument)) if part.spot.length > len(kind) else part.spot
    word = Text(argument, spot, part.last_line, bare=False)
    allowed = _ARGUMENTS.get(kind)
    if kind == "close_account":
        if argument:
            reading.error(word, "bad-word", "'close_account' stands alone", "leave out what follows it")
        return not argument
    if not argument:
        reading.error(
            part,
            "no-value",
            f"{shown(kind)} needs to say what",
            f"write '{kind} {(allowed or _EXAMPLES.get(kind, ('NAME',)))[0]}'",
        )
        return False
    if allowed and argument not in allowed:
        hint = did_you_mean(argument, allowed) or f"write {one_of(allowed)}"
        reading.error(word, "bad-word", f"{one_of(allowed)} is expected, not {shown(argument)}", hint)
        return False
    if kind == "emit":
        return event_exists(word, reading)
    inner, _, rest = argument.partition(" ")
    if (kind == "held_out" and inner in ACTIONS and inner not in _ON_THEIR_OWN) or (kind, inner) == (
        "drop",
        "hand_off",
    ):
        return _argument_is_fine(word, inner, rest.strip(), reading)
    reader = Ref(_REFERS[kind]) if kind in _REFERS else NAME
    return reader.read(word, reading) is not BAD


def _scenario(fields: Fields, _: Reading) -> Scenario:
    title = fields.nodes.get("title")
    return Scenario(
        title=fields.get("title", ""),
        starts=fields.get("starts", (STARTS, CLOCK))[0],
        clock=fields.get("starts", (STARTS, CLOCK))[1],
        given=fields.get("given", Given()),
        when=fields.get("when", ()),
        expect=fields.get("expect", ()),
        spot=title.spot if isinstance(title, Text) else fields.node.head,
    )


SCENARIO = Form(
    "a scenario",
    "What is given, what happens, and what should come of it.",
    (
        Key("title", TEXT, "What it shows, in your words.", required=True),
        Key(
            "starts",
            START,
            "When it starts, in the shop's zone: a day (at 10:00), or 2026-01-31 09:30. Monday 2026-01-05 when left out.",
        ),
        Key("given", GIVEN, "What is known of the customer at the start."),
        Key(
            "when",
            _Timeline("events by the time since the start", "when"),
            "What happens meanwhile, by the time since the start.",
        ),
        Key(
            "expect",
            _Timeline("actions by the time since the start", "expect"),
            "All that steps do and how the run ends, by the time since the start; {} for nothing.",
            required=True,
        ),
    ),
    build=_scenario,
)


@dataclass(frozen=True, slots=True)
class ScenariosDraft:
    """A file of scenarios as it was read; `workflow` is the node that names the workflow."""

    workflow: Text | None
    scenarios: tuple[Scenario, ...]


def _file(fields: Fields, _: Reading) -> ScenariosDraft:
    name = fields.nodes.get("workflow")
    return ScenariosDraft(name if isinstance(name, Text) and not name.empty else None, fields.get("scenarios", ()))


SCENARIOS = Form(
    "a file of scenarios",
    "What one workflow should do, on which day.",
    (
        Key("workflow", NAME, "The workflow these scenarios are about.", required=True),
        Key("scenarios", ListOf(SCENARIO, least=1), "The scenarios.", required=True),
    ),
    build=_file,
)
