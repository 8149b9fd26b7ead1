"""Due timers, embedded: so many customers wait in a run, and their waits all end at one instant.

Each timer is rung, decided, journalled, and its send released into the outbox, durably. Nobody hands the sends over here.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path

from connectors.memory import FixedClock
from engine.core.events import Consent, Event, ProfileUpdated, Visit
from engine.core.moments import DAY, HOUR, Instant, Length
from engine.core.rules import EventSeen, Lifecycle, Mode, RuleSet, Send, Stage, Switch, Wait, Workflow
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Engine
from engine.runtimes.sqlite.opening import opened

TIMERS = 10_000
BEGIN: Instant = 20_000 * DAY + 10 * HOUR


def one_wait_one_mail() -> RuleSet:
    """Return a workflow that is entered by a log-in, waits a day and sends a mail."""
    stage = Stage(
        name="only",
        steps=(Wait(key="wait 1d 0", length=Length(days=1)), Send(key="send hello 0", template="hello")),
        end="done",
    )
    workflow = Workflow(
        name="waits",
        title="Wait a day, then write",
        enter_when_all=(EventSeen(event="customer.logged_in", within=Length(days=1)),),
        again_after=None,
        stages=(stage,),
    )
    lifecycle = Lifecycle(warm_up=None, enter_after_lag=Length(), caps=(), quiet=None)
    return RuleSet(lifecycle=lifecycle, workflows={"waits": workflow}, switches={"waits": Switch(mode=Mode.LIVE)})


def arrivals(customers: int) -> list[Event]:
    """Return what makes so many customers wait: an address, a permission, a log-in."""
    events: list[Event] = []
    for number in range(customers):
        name = f"c-{number:07}"
        address = ProfileUpdated(email=f"{name}@example.org", first_name="Ada", timezone="Europe/Berlin")
        consent = Consent("marketing", basis="express", proof="form of 2024")
        events += [
            Event(f"p-{number}", "shop", "profile.updated", BEGIN, name, address),
            Event(f"m-{number}", "shop", "consent.given", BEGIN, name, consent),
            Event(f"l-{number}", "shop", "customer.logged_in", BEGIN, name, Visit()),
        ]
    return events


def released(engine: Engine) -> int:
    """Return how many sends are in the outbox."""
    count: int = engine.store.connection.execute("select count(*) from outbox").fetchone()[0]
    return count


def main(timers: int = TIMERS) -> None:
    """Measure, and print how long it took from the instant to the last send in the outbox."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as folder:
        clock = FixedClock(BEGIN)
        with opened(Path(folder), clock, key=b"bench", first_rules=one_wait_one_mail()) as engine:
            events = arrivals(timers)
            for at in range(0, len(events), BATCH):
                engine.run([Arrivals(events[at : at + BATCH])])
            due = engine.earliest
            assert due is not None, "they all wait"
            clock.set(due)
            gc.collect()
            began = time.perf_counter()
            while (wake := engine.next_wake()) is not None and wake <= clock.now():
                engine.run([])
            took = time.perf_counter() - began
            sends = released(engine)
    print(
        f"{sends:,} of {timers:,} due timers decided and in the outbox in {took:.2f} s ({sends / took:,.0f} a second)"
    )
    print("must be 10,000 in 2 s, hoped for in 0.5 s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
