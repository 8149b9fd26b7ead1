"""`winback console`: the pages for the people who run the shop, over PostgreSQL."""

from __future__ import annotations

import asyncio

from engine.cli.calling import Call, named
from engine.cli.parts import environment, in_words, run_part, say, tell, to_begin


@named("console", "winback console", "WINBACK_LISTEN_OPS=127.0.0.1:8082 winback console")
def command(call: Call) -> None:
    """Show the console of the distributed engine: a part of it, for people alone.

    The pages are those of `winback run`: customers and their stories, workflows, changes, pauses. They show what winback
    projector wrote, and say as of when. It listens at listen.ops, as the gateway does: on one machine give one of the two
    another address. Stop it with SIGTERM.
    """
    settings = to_begin(call)
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - the part is imported once it is known that it can be
    from engine.wiring.distributed.console import show  # noqa: PLC0415 - as above

    with in_words():
        clock = clock_of(settings)

    async def part(stop: asyncio.Event) -> None:
        await show(settings, environment(), clock, stop, told=say)

    tell("console", settings, {"books": str(settings.books), "workflows": str(settings.workflows)})
    run_part(part)
