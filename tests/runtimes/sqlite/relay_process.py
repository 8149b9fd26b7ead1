"""An engine with a relay in a process of its own, to be killed: `relay_process.py FOLDER SMTP_PORT CUSTOMERS`.

At its first start it takes in an order of each customer, which releases a mail to each; then, and at each later start,
it hands over until nothing is left.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.smtp import SmtpSender, SmtpSettings
from engine.books.backlog import Backlog, RelaySettings
from engine.books.limits import Limits
from engine.books.relay import Relay
from engine.core.events import Event, OrderPlaced, ProfileUpdated
from engine.core.moments import Instant, Length
from engine.core.rules import EventSeen, Lifecycle, Mode, Purpose, RuleSet, Send, Stage, Switch, Wait, Workflow
from engine.core.signals import WentLive
from engine.ports import Message
from engine.rendering.envelope import Desk, message
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop
from engine.runtimes.sqlite.opening import opened

DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://shop.example")
STEPS = (
    Send(key="send hello 0", template="hello", purpose=Purpose.SERVICE),
    Wait(key="wait 1d 0", length=Length(days=1)),
)
GREET = Workflow(
    name="greet",
    title="Greet whoever orders",
    enter_when_all=(EventSeen(event="order.placed", within=Length(days=1)),),
    again_after=None,
    stages=(Stage(name="only", steps=STEPS, end="done"),),
    version=1,
)
RULES = RuleSet(
    lifecycle=Lifecycle(quiet=None, warm_up=None, caps=(), service_templates=("hello",)),
    workflows={"greet": GREET},
    switches={"greet": Switch(mode=Mode.LIVE)},
)


class Clock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Return the present instant."""
        return time.time_ns() // 1_000  # noqa: TID251 - a process of its own lives in real time


def compose(effect_id: str, data: Mapping[str, Any]) -> Message:
    """Make a message."""
    return message(DESK, effect_id, {**data, "subject": "Hello", "text": "Thank you.\n"})


async def orders(loop: Loop, clock: Clock, customers: int) -> None:
    """Take in who the customers are, and an order of each."""
    await loop.tell(WentLive())
    await loop.submit(
        [
            Event(
                f"p{number}",
                "shop",
                "profile.updated",
                clock.now(),
                f"c{number}",
                ProfileUpdated(f"c{number}@d.example"),
            )
            for number in range(customers)
        ]
    )
    await loop.submit(
        [
            Event(
                f"o{number}",
                "shop",
                "order.placed",
                clock.now(),
                f"c{number}",
                OrderPlaced(str(number), Decimal(9), "EUR"),
            )
            for number in range(customers)
        ]
    )


async def run(engine: Engine, folder: Path, port: int, customers: int) -> None:
    """Hand over everything."""
    clock, loop = Clock(), Loop(engine)
    await loop.start()
    marker = folder / "orders-are-in"
    if not marker.exists():
        await orders(loop, clock, customers)
        marker.touch()
    limits, settings = Limits(), RelaySettings(at_once=3)
    sender = SmtpSender(SmtpSettings(port=port, tls="none", hello="test", connections=3), clock)
    backlog = Backlog(folder, limits, settings, tuple)
    relay = Relay(loop, engine.handling, backlog, limits, sender, compose, clock, block_key=b"key", settings=settings)
    running = asyncio.create_task(relay.run())
    while not await relay.idle():  # noqa: ASYNC110 - the end of the backlog is no event of anything
        await asyncio.sleep(0.01)
    relay.stop()
    await running
    await backlog.close()
    await sender.close()
    await loop.stop()


def main() -> None:
    """Run the process."""
    folder, port, customers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with opened(folder, Clock(), key=b"key", first_rules=RULES) as engine:
        asyncio.run(run(engine, folder, port, customers))


if __name__ == "__main__":
    main()
