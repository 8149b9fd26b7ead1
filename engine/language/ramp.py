"""`ramp:` of lifecycle.yaml: how the daily volume of mail grows, by family of providers."""

from __future__ import annotations

from typing import Any

from engine.core.moments import MINUTES_A_DAY, Length
from engine.core.providers import FAMILIES
from engine.core.rules import RampRule, RampSteps
from engine.language import values
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Key
from engine.language.problems import did_you_mean, shown
from engine.language.reading import Reading
from engine.language.scalars import GROWTH, Scalar
from engine.language.shapes import MapOf
from engine.language.values import Wrong

_A_DAY = Length(days=1)
_USUAL = RampSteps(start=0, until=0)


def daily(text: str) -> int:
    """Read `200 per 1d` as a number of mails a shop day."""
    if text.isdecimal():
        raise Wrong(f"a rate is a number per length of time, not {shown(text)}", f"write {text} per 1d")
    count, per = values.rate(text)
    if per != _A_DAY:
        a_day = max(1, count * MINUTES_A_DAY // (per.days * MINUTES_A_DAY + per.minutes))
        raise Wrong(f"a ramp counts by the shop's day, not {shown(text)}", f"write {a_day} per 1d")
    return count


def _family(text: str) -> str:
    if text not in FAMILIES:
        hint = did_you_mean(text, FAMILIES) or f"write one of {', '.join(FAMILIES)}"
        raise Wrong(f"no family of providers is named {shown(text)}", hint)
    return text


DAILY = Scalar("mails a day (200 per 1d)", "bad-rate", daily, lambda: {"type": "string", "pattern": r"^\d+ per 1d$"})
FAMILY = Scalar(
    "a family of providers",
    "bad-word",
    _family,
    lambda: {"type": "string", "pattern": f"^({'|'.join(FAMILIES)})$"},
)

STEP_BACK = Form(
    "the bounds of a ramp",
    "Which share of a day's mails may fail; surely more stop the day, and halve the next.",
    (
        Key("bounces", GROWTH, "Addresses that do not exist; 3% when left out."),
        Key("complaints", GROWTH, "Reports of spam; 0.3% when left out, where Gmail and Yahoo begin to refuse."),
        Key("policy", GROWTH, "Mails that servers refuse or put off as too many or as spam; 5% when left out."),
    ),
    example="{bounces: 3%, complaints: 0.3%}",
    build=lambda fields, _: fields.values,
)

_GROW = Key("grow", GROWTH, "How much more after a day that used most of it and went well; 50% when left out.")
_STEP_BACK = Key("step_back", STEP_BACK, "How many mails may fail.")


def _steps(fields: Fields, general: RampSteps | None, reading: Reading) -> Any:
    """Make the steps of what was written; what was not has the general value, or the usual one."""
    known = general or _USUAL
    given = {name: fields.get(name, getattr(known, name)) for name in ("start", "until", "grow")}
    failing = fields.get("step_back", {})
    if not given["start"] or not given["until"]:
        return BAD  # one of them is missing or wrong, and that was told
    if given["until"] < given["start"]:
        at = fields.keys.get("until") or fields.keys["start"]
        message = f"the ramp ends at {given['until']} mails a day, below the {given['start']} it starts with"
        reading.error(at, "ramp-falls", message, f"write until: {given['start']} per 1d or more, or a lower start:")
        return BAD
    bounds = {name: failing.get(name, getattr(known, name)) for name in ("bounces", "complaints", "policy")}
    return RampSteps(**given, **bounds)


RAMP_OF_FAMILY = Form(
    "the ramp of one family",
    "What is another for one family of providers; what is left out is as for all.",
    (
        Key("start", DAILY, "Mails on the first day."),
        Key("until", DAILY, "The most a day, ever."),
        _GROW,
        _STEP_BACK,
    ),
)


def _ramp(fields: Fields, reading: Reading) -> Any:
    steps = _steps(fields, None, reading)
    if steps is BAD:
        return BAD
    own = {name: _steps(each, steps, reading) for name, each in fields.get("by", {}).items()}
    return RampRule(steps, {name: each for name, each in own.items() if each is not BAD})


RAMP = Form(
    "a ramp",
    "How many marketing mails a day each family of mail providers gets at most, and how that grows.",
    (
        Key("start", DAILY, "Mails on the first day, for each family of providers.", required=True),
        Key("until", DAILY, "The most a day, ever, for each family.", required=True),
        _GROW,
        _STEP_BACK,
        Key(
            "by",
            MapOf(FAMILY, RAMP_OF_FAMILY, "families of providers with what is another for them"),
            f"What is another for one family: {', '.join(FAMILIES)}.",
        ),
    ),
    example="{start: 200 per 1d, until: 20000 per 1d}",
    build=_ramp,
)
