"""`winback gateway`: takes in what happens in the shop."""

from __future__ import annotations

import asyncio

from engine.cli.calling import Call, named
from engine.cli.parts import environment, in_words, run_part, say, tell, to_begin


@named("gateway", "winback gateway", "WINBACK_LISTEN_PUBLIC=0.0.0.0:8080 winback gateway")
def command(call: Call) -> None:
    """Take in what happens in the shop, from its topics and by HTTP: a part of the distributed engine.

    It reads winback.events, winback.results and the topics that connectors.yaml maps, and hosts the two listeners: the
    pages behind the links of mails, and POST /events, /healthz, /readyz and /metrics on ops. Several gateways share the
    topics. Stop it with SIGTERM: what was taken in is brought to Kafka first.
    """
    settings = to_begin(call)
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - the part is imported once it is known that it can be
    from engine.wiring.distributed.gateway import gate  # noqa: PLC0415 - as above

    with in_words():
        clock = clock_of(settings)

    async def part(stop: asyncio.Event) -> None:
        await gate(settings, environment(), clock, stop, told=say)

    tell("gateway", settings, {"public": settings.listen.public, "ops": settings.listen.ops})
    run_part(part, on_uvloop=True)
