"""A scenario written as an item of NAME.scenarios.yaml: what `simulate --trace` prints to be pasted there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec

from engine.core.fields import PROFILE
from engine.core.moments import Length, iso_day
from engine.core.money import Money, written
from engine.core.rules import Address
from engine.language.scenarios import CLOCK, STARTS, EndedBefore, Given, Happening, Scenario

LINE = 110
_PLAIN = re.compile(r"[A-Za-z0-9_€/+][^:#{}\[\],&*!|>'\"%@`\n]*(?<! )")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def as_yaml(scenario: Scenario, comments: Iterable[str] = ()) -> str:
    """Return a scenario as an item of the list `scenarios:`, with comments under its title. Read back, it is the same."""
    lines = [f"  - title: {_text(scenario.title)}"]
    lines += [f"    # {comment}" for comment in comments]
    if (scenario.starts, scenario.clock) != (STARTS, CLOCK):
        clock = f" {scenario.clock // 60:02d}:{scenario.clock % 60:02d}" if scenario.clock != CLOCK else ""
        lines.append(f"    starts: {iso_day(scenario.starts)}{clock}")
    given = dict(_given(scenario.given))
    if given:
        lines += _mapping("given", given)
    if scenario.when:
        lines.append("    when:")
        for at, together in groupby(scenario.when, key=lambda each: each.at):
            lines += _happening(f"      {at}:", [_event(each) for each in together])
    lines.append("    expect:" if scenario.expect else "    expect: {}")
    lines += [f"      {each.at}: {', '.join(map(str, each.actions))}" for each in scenario.expect]
    return "\n".join(lines) + "\n"


def _given(given: Given) -> Iterator[tuple[str, str]]:
    """Yield what is not as usual, key by key, in the order the keys are explained in."""
    usual = Given()
    for name, value in msgspec.structs.asdict(given).items():
        if name != "profile" and value != getattr(usual, name):
            yield name, _value(name, value)
    attributes = given.profile.get("attributes")
    for name, value in given.profile.items():
        if name in PROFILE:
            yield name, _scalar(value)
    if attributes:
        yield "attributes", _inline({name: _scalar(value) for name, value in attributes.items()})


def _value(name: str, value: Any) -> str:
    match value:
        case Length():
            return str(value) if name == "reorder_interval" else f"{value} ago"
        case Money():
            return f"{written(value.amount, value.currency)} {value.currency}"
        case Address():
            return value.value
        case EndedBefore():
            began = {"began": f"{value.began} ago"} if value.began else {}
            return _inline({"workflow": value.workflow, "outcome": value.outcome, "ago": f"{value.ago} ago", **began})
        case tuple():
            return f"[{', '.join(_text(each) for each in value)}]"
        case dict():
            return _inline({key: f"{ago} ago" for key, ago in value.items()})
        case _:
            return _scalar(value)


def _happening(at: str, said: list[str]) -> list[str]:
    together = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    line = f"{at} {together}"
    return [line] if len(line) <= LINE or len(said) == 1 else [at, *(f"        - {each}" for each in said)]


def _event(one: Happening) -> str:
    if not one.data:
        return one.event
    return _inline({"event": one.event, "data": _inline({name: _scalar(value) for name, value in one.data.items()})})


def _mapping(key: str, entries: Mapping[str, str]) -> list[str]:
    line = f"    {key}: {_inline(entries)}"
    if len(line) <= LINE:
        return [line]
    return [f"    {key}:", *(f"      {name}: {value}" for name, value in entries.items())]


def _inline(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_key(name)}: {value}" for name, value in entries.items()) + "}"


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _text(str(value))


def _text(text: str) -> str:
    """Write a text bare where YAML takes it so, else in quotes; YAML reads what JSON writes."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
