"""`winback projector`: the books, and the shop's office."""

from __future__ import annotations

import asyncio

from engine.cli.calling import Call, Wrong, named
from engine.cli.parts import environment, in_words, metrics_option, run_part, say, tell, to_begin
from engine.language.problems import format_problems


@named("projector", "winback projector", "winback projector --metrics 127.0.0.1:9104")
@metrics_option
def command(call: Call, metrics: str | None) -> None:
    """Bring what workers decided into PostgreSQL, and look after the shop as a whole: a part of the distributed engine.

    What status, explain, plan and the console show is what it wrote. It closes the shop's days, gives out budgets and codes,
    and tells all partitions what commands change. The first start puts the workflow files in force. One works at a time; a
    second one waits. Stop it with SIGTERM.
    """
    settings = to_begin(call)
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - the part is imported once it is known that it can be
    from engine.wiring.distributed.projector import project  # noqa: PLC0415 - as above
    from engine.wiring.reaching import FilesHaveErrorsError  # noqa: PLC0415 - as above

    with in_words():
        clock = clock_of(settings)

    async def part(stop: asyncio.Event) -> None:
        await project(settings, environment(), clock, stop, metrics=metrics or "", told=say)

    tell("projector", settings, {"books": str(settings.books), "workflows": str(settings.workflows)})
    try:
        run_part(part)
    except FilesHaveErrorsError as error:
        checked = error.checked
        raise Wrong("the workflows have errors\n\n" + format_problems(checked.errors, checked.sources)) from None
