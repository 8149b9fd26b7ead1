"""The embedded engine as `winback run` puts it together, live, on a clock that a test turns, with a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.memory import FixedClock
from engine.books.database import open_to_read
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.wiring.incoming_settings import IncomingSettings
from engine.wiring.program import Program, running
from engine.wiring.settings import Listen, SenderSettings, Settings, SmtpServer
from tests.acceptance.shipped import shipped_files


class Shop:
    """A running engine with its clock."""

    def __init__(self, program: Program, clock: FixedClock) -> None:
        self.program, self.clock = program, clock
        self.data = program.settings.data

    async def settle(self) -> None:
        """Wait until everything that is due has been done, and every released send has ended."""
        while True:
            await self.settled_but_for_mail()
            if await self.program.idle():
                return

    async def settled_but_for_mail(self) -> None:
        """Wait until everything that is due has been done; sends may still be on their way."""
        while True:
            await self.program.loop.ask(lambda _, __: None)
            wake = self.program.engine.next_wake()
            if wake is None or wake > self.clock.now():
                return

    async def pass_time(self, until: Instant, step: int) -> None:
        """Turn the clock on, a step at a time; after each one everything due is done."""
        while self.clock.now() < until:
            self.clock.set(min(self.clock.now() + step, until))
            await self.settle()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what another connection reads from the database."""
        with closing(open_to_read(self.data)) as reader:
            return reader.execute(query, values).fetchall()

    def ops(self, path: str) -> str:
        """Return an address on the ops listener."""
        assert self.program.ops is not None, "it listens"
        return f"http://127.0.0.1:{self.program.ops.port}{path}"


def settings(data: Path, smtp_port: int, *, incoming: dict[str, Any] | None = None, **smtp: Any) -> Settings:
    """Return settings for a shop whose mail leaves by a server on this machine; `incoming` says how it comes back."""
    return Settings(
        data=data,
        public_url="http://shop.example",
        listen=Listen(public="127.0.0.1:0", ops="127.0.0.1:0"),
        sender=SenderSettings(name="Shop", address="hello@shop.example", kind="smtp"),
        smtp=SmtpServer(port=smtp_port, tls="none", hello="shop.example", **smtp),
        incoming=IncomingSettings.model_validate(incoming or {}),
    )


@asynccontextmanager
async def live_shop(
    data: Path,
    clock: FixedClock,
    rules: RuleSet,
    smtp_port: int,
    *,
    incoming: dict[str, Any] | None = None,
    **smtp: Any,
) -> AsyncIterator[Shop]:
    """Run the engine with these rules in force; at its first start it goes live."""
    files = replace(shipped_files(), rules=rules)
    async with running(settings(data, smtp_port, incoming=incoming, **smtp), {}, clock, files) as program:
        shop = Shop(program, clock)
        if not program.shop_is_live:
            await program.control.do("go-live", {"no_suppressions": True})
        await shop.settle()
        yield shop
