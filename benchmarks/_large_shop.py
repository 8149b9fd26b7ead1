"""A million customers of a made-up shop with the shipped workflows, for what looks at everybody: plans and sweeps.

Each has an address, one to three orders up to fourteen months back, most a permission, every third has clicked. One
workflow is live and has let some in; the others are drafts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace as with_fields
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.core.events import Consent, Event, Item, Mail, OrderPlaced, ProfileUpdated
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant, Length
from engine.core.rules import EnterAtMost, Mode, RuleSet, Switch
from engine.core.signals import WentLive
from engine.language.files import Checked
from engine.language.folder import read_folder
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Asked, Engine
from engine.runtimes.sqlite.opening import opened

WORKFLOWS = Path(__file__).parents[1] / "workflows"
LIVE = "three-stage-winback"
BEGIN: Instant = 20_000 * DAY + 10 * HOUR
LET_IN = 20_000


def events(customers: int) -> Iterator[Event]:
    """Yield what is known of the customers, each one's in the order of time."""
    chance = Random(5)
    for number in range(customers):
        # 40503 is odd, so that ids come in no order that a table could profit from, as those of a shop's would.
        name = f"c-{number * 40_503 % customers:07}"
        at = BEGIN - chance.randrange(2, 420) * DAY - chance.randrange(DAY // MINUTE) * MINUTE
        mail = f"{name}@example.org"
        address = ProfileUpdated(email=mail, first_name="Ada", last_name="Lovelace", language="en")
        yield Event(f"p-{number}", "shop", "profile.updated", at, name, address)
        if chance.random() < 0.8:
            for purpose in ("newsletter", "marketing"):
                consent = Consent(purpose, basis="express", proof="form of 2024")
                yield Event(f"c-{number} {purpose}", "shop", "consent.given", at + SECOND, name, consent)
        for ordinal in range(chance.choice((1, 1, 2, 3))):
            at = min(at + chance.randrange(20, 60) * DAY * bool(ordinal), BEGIN - DAY)
            goods = (Item(sku="4711", name="House blend, 500 g", price=Decimal("11.90"), category="coffee"),)
            order = OrderPlaced(f"o-{number}-{ordinal}", Decimal("49.90"), "EUR", mail, goods)
            yield Event(f"o-{number}-{ordinal}", "shop", "order.placed", at, name, order)
        if chance.random() < 0.3:
            clicked = BEGIN - chance.randrange(2, 120) * DAY
            yield Event(f"k-{number}", "mails", "email.clicked", clicked, name, Mail(f"m-{number}@shop.example"))


@cache
def files() -> Checked:
    """Return the shipped workflows as files, all of them drafts but one."""
    checked = read_folder(WORKFLOWS)
    assert checked.rules is not None, checked.errors
    live = Switch(mode=Mode.LIVE, enter_at_most=EnterAtMost(LET_IN, Length(days=1)))
    return with_fields(checked, rules=replace(checked.rules, switches={**checked.rules.switches, LIVE: live}))


def rules() -> RuleSet:
    """Return their rules."""
    found = files().rules
    assert found is not None, "they are checked"
    return found


def fill(folder: Path, customers: int, now: Instant = BEGIN) -> float:
    """Make the shop, let it go live and let some in; return how many events a second it took."""
    began, taken = time.perf_counter(), 0
    clock = FixedClock(now)
    with opened(folder, clock, key=b"bench", first_rules=rules()) as engine:
        known = events(customers)
        while batch := list(islice(known, BATCH)):
            engine.run([Arrivals(batch)])
            taken += len(batch)
        took = time.perf_counter() - began
        engine.run([Asked(lambda store, at: engine.handling.sweeping.tell(store, WentLive(), at))])
        work_off(engine, clock, now + 2 * HOUR)
    return taken / took


def work_off(engine: Engine, clock: FixedClock, until: Instant) -> None:
    """Let the engine do all that is due up to an instant."""
    while (wake := engine.next_wake()) is not None and wake <= until:
        clock.set(max(clock.now(), wake))
        engine.run([])
    clock.set(until)
