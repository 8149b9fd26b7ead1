"""What must never be found in effects.jsonl, whatever the workflows: written from the design, not from our code.

Each check reads the effects as an outsider would (JSON, in the order of the file), with what the history says and what
the shop's YAML grants, and yields a sentence for each promise it finds broken. Nothing here imports the engine.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from tests.simulator.effects_read import Line

CAPS = ((1, 7), (4, 30))
"""So many marketing messages in so many days at most, over all workflows."""

OFFERS_AT_MOST = 180
"""Days between two offers to one customer, whichever they are."""

QUIET = (20, 8)
ANSWER_DAYS = 7
SENT = ("send.requested", "send.held_out")
REACHES_SOMEBODY = (
    "send.requested",
    "suppressed",
    "resumed",
    "tagged",
    "untagged",
    "handed_off",
    "emitted",
    "newsletter_adapted",
    "account_closing",
    "account_closed",
    "coupon_issued",
)


@dataclass(frozen=True)
class Shop:
    """What the YAML of the shop says, read as YAML: who sends marketing, and how often an offer may be had."""

    marketing: frozenset[str]
    per_customer: Mapping[str, tuple[int, int | None]]
    """By offer: how often in how many days; None: ever."""

    @classmethod
    def read(cls, folder: Path) -> Shop:
        """Read the workflows and offers of a folder."""
        yaml = YAML(typ="safe")
        files = {path.name: yaml.load(path) for path in folder.glob("*.yaml")}
        workflows = [made for made in files.values() if made and "stages" in made]
        offers = files["offers.yaml"]["offers"]
        return cls(
            frozenset(made["workflow"] for made in workflows if any(map(_is_marketing, _steps(made)))),
            {name: _rate(offer["per_customer"]) for name, offer in offers.items() if "per_customer" in offer},
        )


def _steps(workflow: Any) -> Iterator[Any]:
    for stage in workflow["stages"].values():
        for step in (stage or {}).get("steps") or ():
            yield step
            yield from (each for each in (step.get("choose") or {}).values() if isinstance(each, dict))


def _is_marketing(step: Any) -> bool:
    return "hand_off" in step or ("send" in step and step.get("purpose") != "service")


def _rate(text: str) -> tuple[int, int | None]:
    if text == "never_again":
        return 1, None
    found = re.fullmatch(r"(\d+) per (\d+)d", text)
    assert found is not None, text
    return int(found[1]), int(found[2])


@dataclass
class Said:
    """What customers said, from the history: by customer and purpose, the moments of yes and no, in order."""

    by: dict[tuple[str, str], list[tuple[datetime, bool]]] = field(default_factory=lambda: defaultdict(list))
    bounced: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    zones: dict[str, str] = field(default_factory=dict)

    def no(self, customer: str, at: datetime) -> None:
        """Note a no to everything."""
        for purpose in ("marketing", "newsletter"):
            self.by[customer, purpose].append((at, False))

    def yes(self, customer: str) -> list[datetime]:
        """When they said yes to the newsletter."""
        return [when for when, yes in self.by.get((customer, "newsletter"), ()) if yes]

    def last_word(self, customer: str, purpose: str, at: datetime) -> bool:
        """What was said last until a moment; yes where nothing was, for that is what a back-test assumes."""
        return next((yes for when, yes in reversed(self.by.get((customer, purpose), ())) if when <= at), True)

    def zone(self, customer: str) -> ZoneInfo:
        """The customer's zone, else the shop's."""
        return ZoneInfo(self.zones.get(customer, "Europe/Berlin"))


def broken(lines: Sequence[Line], shop: Shop, said: Said) -> Iterator[str]:
    """Yield each promise that the effects break."""
    yield from _ids(lines)
    yield from _runs(lines)
    yield from _one_at_a_time(lines, shop)
    yield from _caps(lines, said)
    yield from _quiet_hours(lines, said)
    yield from _no_means_no(lines, said)
    yield from _offers(lines, shop, said)
    yield from _held_out(lines)
    yield from _stops(lines, said)


def _later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same clock time so many days later, as an instant."""
    return (at.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def _by(lines: Sequence[Line], key: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if key == "customer":
            found[line.customer].append(line)
        elif key in line.data:
            found[line.data[key]].append(line)
    return found


def _ids(lines: Sequence[Line]) -> Iterator[str]:
    for number, count in Counter(line.id for line in lines).items():
        if count > 1:
            yield f"{count} effects have the id {number}"
    for act, count in Counter(line.data["effect_id"] for line in lines if line.kind in SENT).items():
        if count > 1:
            yield f"the act {act} was done {count} times"


def _runs(lines: Sequence[Line]) -> Iterator[str]:
    """Started once, ended at most once, nothing before the one or after the other, and time never goes back."""
    state: dict[str, str] = {}
    before = datetime.min.replace(tzinfo=UTC)
    for line in lines:
        if line.at < before:
            yield f"{line.id} is earlier than the effect before it"
        before = line.at
        run = line.data.get("run")
        if run is None:
            continue
        now = state.get(run, "")
        if line.kind == "run_started":
            if now:
                yield f"{run} started a second time"
            state[run] = "open"
        elif now != "open":
            yield f"{line.kind} of {run}, which is {now or 'not begun'}"
        elif line.kind == "run_ended":
            state[run] = "over"


def _one_at_a_time(lines: Sequence[Line], shop: Shop) -> Iterator[str]:
    under_way: dict[str, str] = {}
    for line in lines:
        if line.data.get("workflow") not in shop.marketing:
            continue
        if line.kind == "run_started":
            if line.customer in under_way:
                yield f"{line.customer} entered {line.data['workflow']} while {under_way[line.customer]} was open"
            under_way[line.customer] = line.data["run"]
        elif line.kind == "run_ended":
            under_way.pop(line.customer, None)


def _counts(line: Line) -> bool:
    """Whether the caps of marketing count it: sent or held out as if sent, by whatever channel, or a person's task."""
    if line.kind in SENT:
        return bool(line.data["purpose"] == "marketing")
    return line.kind == "handed_off" or (line.kind == "step.held_out" and "team" in line.data)


def _caps(lines: Sequence[Line], said: Said) -> Iterator[str]:
    for customer, all_of in _by([line for line in lines if _counts(line)], "customer").items():
        for most, days in CAPS:
            for first, one_more in zip(all_of, all_of[most:], strict=False):
                if one_more.at < _later(first.at, days, said.zone(customer)):
                    yield f"{customer} got {most + 1} in {days} days, the last at {one_more.at}"


def _quiet_hours(lines: Sequence[Line], said: Said) -> Iterator[str]:
    for line in lines:
        if line.kind == "send.requested" and line.data["purpose"] != "service":
            clock = line.at.astimezone(said.zone(line.customer))
            if clock.hour >= QUIET[0] or clock.hour < QUIET[1]:
                yield f"{line.customer} was written to at {clock:%H:%M}"


def _no_means_no(lines: Sequence[Line], said: Said) -> Iterator[str]:
    for line in lines:
        if line.kind == "send.requested" and line.data["purpose"] != "service":
            if not said.last_word(line.customer, line.data["purpose"], line.at):
                yield f"{line.customer} was sent {line.data['template']} after a no"
        elif line.kind == "handed_off":
            may = set(line.data["may"])
            if "call" in may:
                yield f"{line.customer} may be called, and never permitted it"
            if "write" in may and not said.last_word(line.customer, "marketing", line.at):
                yield f"{line.customer} may be written to by a person after a no"


def _offers(lines: Sequence[Line], shop: Shop, said: Said) -> Iterator[str]:
    taken_back = {line.data["effect_id"] for line in lines if line.kind == "coupon_voided"}
    given = [line for line in lines if line.kind == "coupon_issued" and line.data["effect_id"] not in taken_back]
    for customer, all_of in _by(given, "customer").items():
        zone = said.zone(customer)
        for name, same in _by(all_of, "name").items():
            most, days = shop.per_customer.get(name, (10**9, 1))
            for first, one_more in zip(same, same[most:], strict=False):
                if days is None or one_more.at < _later(first.at, days, zone):
                    yield f"{customer} was given {name} too often, at {one_more.at}"
        for first, one_more in itertools.pairwise(all_of):
            if one_more.at < _later(first.at, OFFERS_AT_MOST, zone):
                yield f"{customer} was given two offers within {OFFERS_AT_MOST} days, at {one_more.at}"


def _held_out(lines: Sequence[Line]) -> Iterator[str]:
    out = {line.data["run"] for line in lines if line.kind == "run_started" and line.data["held_out"]}
    for line in lines:
        made_former = line.kind == "standing_changed" and "run" in line.data
        if line.data.get("run") in out and (line.kind in REACHES_SOMEBODY or made_former):
            yield f"{line.customer} is held out of {line.data['workflow']}, and there was {line.kind}"
        if line.kind == "send.held_out" and line.data["run"] not in out:
            yield f"{line.customer} is not held out of {line.data['workflow']}, and a send was"


def _stops(lines: Sequence[Line], said: Said) -> Iterator[str]:
    """Who is stopped, closed or made former was asked, and the question lay there unanswered for seven days.

    A stop with no send before it in its run is of a dead address, and of nobody else.
    """
    dead: set[str] = set()
    sends: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        run = line.data.get("run", "")
        if line.kind == "address_changed":
            (dead.add if line.data["to"] == "dead" else dead.discard)(line.customer)
        elif line.kind == "send.requested":
            sends[run].append(line)
        elif _is_stop(line):
            asked = [each for each in sends[run] if each.data["asks"] and _was_delivered(each, line.at, said)]
            if sends[run] and not any(
                _later(each.at, ANSWER_DAYS, said.zone(line.customer)) <= line.at for each in asked
            ):
                yield f"{line.customer}: {line.kind} by {line.data['workflow']} without seven days of silence to a question"
            if any(each.at < when <= line.at for each in asked for when in said.yes(line.customer)):
                yield f"{line.customer}: {line.kind} by {line.data['workflow']} though they said yes to the question"
            if not sends[run] and line.customer not in dead:
                yield f"{line.customer}: {line.kind} by {line.data['workflow']}, never asked, and the address lives"


def _is_stop(line: Line) -> bool:
    if line.kind == "standing_changed":
        return line.data["to"] == "former" and "run" in line.data
    return line.kind in ("suppressed", "account_closed")


def _was_delivered(question: Line, until: datetime, said: Said) -> bool:
    return not any(question.at <= at <= until for at in said.bounced.get(question.customer, ()))
