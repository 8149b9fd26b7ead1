"""The embedded engine as `winback run` puts it together, on a leaping clock, in a process that may be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from msgspec import Struct

from engine.core.moments import Instant
from engine.ports import Clock
from engine.wiring.program import Program, running
from engine.wiring.receiver_settings import Webhook
from engine.wiring.service_settings import ServiceSettings
from engine.wiring.settings import Listen, SenderSettings, Settings, SmtpServer
from tests.acceptance.crash.clock import LeapingClock
from tests.acceptance.crash.tool import SECRET, TAKEN


class Order(Struct, frozen=True):
    """What one start of the engine is told: where its data lies, the mail server's port, and the clock.

    With `service` that port is a mail service's.
    With `stops` (a reading of the monotonic clock) the clock stands from then on, and the process ends by itself when
    nothing is left to be handed over.
    """

    data: str
    smtp_port: int
    tool: str
    start: Instant
    began: int
    leap_every: float
    stops: int = 0
    service: bool = False

    def clock(self) -> Clock:
        """Return the engine's clock."""
        return LeapingClock(self.start, self.began, self.leap_every, self.stops)


def settings(data: Path, smtp_port: int, tool: str, *, service: bool = False) -> Settings:
    """Return settings for a shop whose mail leaves by a server on this machine, and whose effects go to a tool there."""
    way: Literal["http", "smtp"] = "http" if service else "smtp"
    return Settings(
        data=data,
        public_url="http://shop.example",
        listen=Listen(public="127.0.0.1:0", ops="127.0.0.1:0"),
        sender=SenderSettings(name="Shop", address="hello@shop.example", kind=way),
        service=ServiceSettings(kind="postmark", url=f"http://127.0.0.1:{smtp_port}", timeout=5.0),
        smtp=SmtpServer(port=smtp_port, tls="none", hello="shop.example", command_timeout=5, final_timeout=30),
        webhooks={"tool": Webhook(url=tool, take=TAKEN)},
    )


async def main(order: Order) -> None:
    """Run until killed, or until everything has ended."""
    said = settings(Path(order.data), order.smtp_port, order.tool, service=order.service)
    async with running(said, SECRET, order.clock(), None) as program:
        assert program.ops is not None, "it was told to listen"
        assert program.public is not None, "on both"
        print(f"ready {program.ops.port} {program.public.port}", flush=True)  # noqa: T201 - this is how it tells
        ended = asyncio.ensure_future(program.ended())
        calm = 0
        while calm < 2:  # looked at twice: what rings at the start has yet to come into the outbox
            done, _ = await asyncio.wait([ended], timeout=0.5)
            if done:
                ended.result()
            calm = calm + 1 if order.stops and await _nothing_left(program) else 0
        ended.cancel()


async def _nothing_left(program: Program) -> bool:
    earliest = program.engine.next_wake()
    return await program.idle() and (earliest is None or earliest > program.engine.now())


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Order)))
