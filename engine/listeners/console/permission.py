"""May we write to them? The gate's answer for each purpose and channel, on a customer's page."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.moments import parse_day
from engine.listeners.console.frame import in_english, section, table
from engine.listeners.console.markup import Html, Inner, html
from engine.listeners.console.telling import reason
from engine.listeners.console.visit import Visit
from engine.trace.permissions import GateAnswer

ALWAYS = ("marketing/email", "newsletter/email", "service/email")
"""Told of everybody; other channels where something is permitted, or was."""


def may_we_write(visit: Visit, gate: Mapping[str, GateAnswer]) -> Html:
    """Return the section."""
    rows = [_row(visit, key, answer) for key, answer in gate.items() if key in ALWAYS or answer.basis]
    columns = [(visit.say(f"gate.{name}"), False) for name in ("what", "answer", "basis", "since", "until")]
    title = visit.say("story.gate")
    return section(title, table(columns, rows, caption=title), about=visit.say("story.gate.about"))


def _row(visit: Visit, key: str, answer: GateAnswer) -> list[Inner]:
    purpose, _, channel = key.partition("/")
    said: Inner = visit.say("gate.yes")
    if not answer.allowed:
        why = html(" (", in_english(visit, answer.why), ")") if answer.why else None
        said = html(visit.say("gate.no"), ": ", reason(visit, answer.reason), why)
    name = f"{visit.say(f'purpose.{purpose}')}, {visit.say(f'channel.{channel}')}"
    return [name, said, answer.basis or "-", _day(visit, answer.since), _day(visit, answer.until)]


def _day(visit: Visit, written: str | None) -> str:
    day = parse_day(written[:10]) if written else None
    return visit.day(day) if day is not None else "-"
