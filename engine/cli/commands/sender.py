"""`winback sender`: hands over what workers release."""

from __future__ import annotations

import asyncio

from engine.cli.calling import Call, named
from engine.cli.parts import environment, in_words, metrics_option, run_part, say, tell, to_begin


@named("sender", "winback sender", "WINBACK_SENDER_KIND=smtp winback sender --metrics 127.0.0.1:9103")
@metrics_option
def command(call: Call, metrics: str | None) -> None:
    """Hand over to the mail server what workers release: a part of the distributed engine.

    One sender works at a time; a second one waits, and goes on when the first one's session with PostgreSQL ends. Tools that
    take effects (webhooks, teams, the shop) are served here as well. Stop it with SIGTERM: calls under way are waited for.
    """
    settings = to_begin(call)
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - the part is imported once it is known that it can be
    from engine.wiring.distributed.sender import send  # noqa: PLC0415 - as above

    with in_words():
        clock = clock_of(settings)

    async def part(stop: asyncio.Event) -> None:
        await send(settings, environment(), clock, stop, metrics=metrics or "", told=say)

    way = {"mailbox": f"to the mailbox in {settings.data}", "kafka": "kafka"}
    tell("sender", settings, {"mail": way.get(settings.sender.kind, f"to {settings.where_mail_goes}")})
    run_part(part)
