"""CDNOW replayed with all shipped workflows: what must never be found in effects.jsonl, looked for by an outsider."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace as with_values

from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant
from engine.runtimes.simulator.backtest import Setting, run_backtest
from tests.acceptance.cdnow import events
from tests.acceptance.promises import Said, Shop, broken
from tests.acceptance.shipped import FOLDER, shipped
from tests.builders import event
from tests.simulator.effects_read import Line, effects

SHOP = Shop.read(FOLDER)
ZONES = ("Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, DAYS = min(each.time for each in events()), 545
END = FIRST + (DAYS + 1) * DAY


@dataclass(frozen=True)
class Replay:
    """A replay: its effects, and what the customers said meanwhile."""

    lines: list[Line]
    said: Said


def moment(at: Instant) -> datetime:
    """An instant as a moment."""
    return EPOCH + timedelta(microseconds=at)


def a_third() -> list[Event]:
    """The orders of every third customer."""
    return [each for each in events() if int(each.customer) % 3 == 0]


class Answers:
    """What customers might have said in that year and a half: events for the engine, and the same for the checks."""

    def __init__(self) -> None:
        """Nobody has said anything."""
        self.events: list[Event] = []
        self.said = Said()

    def happens(self, kind: str, at: Instant, customer: str, /, **data: Any) -> None:
        """Let an event happen, and note what it says."""
        self.events.append(event(kind, at, customer, f"{kind} {customer} {at}", **data))
        if kind in ("email.unsubscribed", "email.complained"):
            self.said.no(customer, moment(at))
        elif kind == "newsletter.confirmed":
            self.said.by[customer, "newsletter"].append((moment(at), True))
        elif kind == "email.bounced":
            self.said.bounced[customer].append(moment(at))
        elif kind == "profile.updated":
            self.said.zones[customer] = data["timezone"]


def answers() -> Answers:
    """What CDNOW does not know: a third of its customers say no, or yes, click, bounce, complain, or live elsewhere."""
    chance, made = Random(4), Answers()
    for customer in sorted({each.customer for each in a_third()}):
        at = FIRST + chance.randrange(30, DAYS) * DAY + chance.randrange(24) * HOUR
        match chance.randrange(30):
            case 0 | 1:
                made.happens("email.unsubscribed", at, customer)
            case 2:
                made.happens("email.complained", at, customer)
            case 3:
                made.happens("email.unsubscribed", at, customer)
                made.happens("newsletter.confirmed", at + 40 * DAY, customer)
            case 4 | 5:
                for number in range(4):
                    made.happens("newsletter.confirmed", at + number * 45 * DAY, customer)
            case 6:
                made.happens("email.bounced", at, customer, kind="dead")
            case 7 | 8:
                for number in range(8):
                    made.happens("email.clicked", at + number * 20 * DAY, customer)
            case 9 | 10:
                made.happens("profile.updated", FIRST, customer, timezone=chance.choice(ZONES))
    return made


@pytest.fixture(scope="module", params=["as it is", "with answers"])
def replay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """CDNOW as it is, which knows nothing but orders; and a third of it with what customers might have said."""
    folder = tmp_path_factory.mktemp("cdnow")
    with_answers = request.param == "with answers"
    history, more = (a_third(), answers()) if with_answers else (events(), Answers())
    rules = shipped()
    rules = with_values(rules, lifecycle=with_values(rules.lifecycle, currency="USD"))
    run_backtest([*history, *more.events], rules, folder, Setting(until=END, all_drafts=True))
    return Replay(list(effects(folder)), more.said)


def test_no_promise_is_broken(replay: Replay) -> None:
    """Not one effect of a year and a half that should not be, for 23,570 customers and all workflows."""
    found = list(broken(replay.lines, SHOP, replay.said))
    assert found == [], f"{len(found)} broken, such as {found[:5]}"
    count = Counter(line.kind for line in replay.lines)
    assert count["send.requested"] > 8_000, "there must be something to look at"
    assert min(count[kind] for kind in ("suppressed", "send.held_out", "coupon_issued")) > 200
    entered = Counter(line.data["workflow"] for line in replay.lines if line.kind == "run_started")
    assert min(entered[name] for name in ("seasonal", "reconfirm-newsletter", "welcome-back")) > 500
    if replay.said.by:  # who clicks reads, and who bounces is dead: CDNOW as it is knows neither
        assert min(entered[name] for name in ("readers-who-dont-buy", "dead-addresses")) > 100
