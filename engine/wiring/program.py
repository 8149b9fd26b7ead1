"""The embedded engine as a program: settings, database, rules, loop, relay, effect files, watcher and listeners joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from engine.books.database import Where, present, update
from engine.books.erasures import Erasures
from engine.books.suppressions import Suppressions
from engine.books.views import Views
from engine.core.moments import DAY, MINUTE
from engine.core.rules import RuleSet
from engine.language.files import Checked
from engine.listeners import Intake
from engine.ports import Clock
from engine.runtimes.sqlite.opening import opened
from engine.wiring import in_force
from engine.wiring.assembling import Program, assembled, let_go, task
from engine.wiring.beginning import follower, hold_time, note_that_mail_leaves, set_shadow
from engine.wiring.clock import mark
from engine.wiring.incoming.opening import take_mail_in
from engine.wiring.listening import books_of, listeners, reading
from engine.wiring.pools import Pools
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings
from engine.wiring.tidying import keep_tidy
from engine.wiring.watching import watch

__all__ = ["Program", "history_after", "is_first_start", "running"]


def history_after(settings: Settings) -> int:
    """Return `history_after` in microseconds."""
    return settings.history_after.days * DAY + settings.history_after.minutes * MINUTE


def is_first_start(where: Where) -> bool:
    """Say whether no rules were ever put in force in these books; those of an older version in a folder are updated first."""
    if isinstance(where, Path):
        update(where)
    if not present(where):
        return True
    with Views(where) as views:
        return not views.shop()[1].epoch


@asynccontextmanager
async def running(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    first: Checked | None,
    *,
    follow: bool = False,
    shadow: bool = False,
    listen: bool = True,
    hold: str = "",
    overdue_a_second: int | None = 2_000,
) -> AsyncIterator[Program]:
    """Run the engine while the context lasts.

    Args:
        settings: how.
        environment: where secrets may be.
        clock: the time of day.
        first: the checked set that the first start puts in force; later starts go on with what is in force.
        follow: apply each good set of changed files at once.
        shadow: everything live walks as shadow, and nothing leaves.
        listen: open the two listeners.
        hold: why time is to stand still and all sends to be paused from the beginning, empty where they are not.
        overdue_a_second: pace of what fell due while the engine stood still; None is no limit.

    Raises:
        DatabaseError: another engine uses the data folder, or the database cannot be used.
        SettingsError: the settings cannot be followed.
        OSError: a folder cannot be written, or a listener's address is taken.

    """
    data = settings.data
    secrets = keys_of(settings, environment)
    mark(settings)
    erasures = Erasures(secrets.blocks)
    first_rules = first.rules if first is not None and first.rules is not None else RuleSet()
    with opened(
        data,
        clock,
        key=secrets.codes,
        first_rules=first_rules,  # with the modes of the files; `set_shadow` changes them before anybody is known
        templates=in_force.to_begin_with(data, first),
        suppressions=Suppressions(secrets.blocks),
        erasures=erasures,
        history_after=history_after(settings),
        overdue_a_second=overdue_a_second,
    ) as engine:
        in_force.forget_old(data)
        if hold:
            hold_time(engine, hold)
        async with AsyncExitStack() as stack:
            program = await assembled(
                settings, environment, clock, secrets, engine, stack, erasures=erasures, shadow=shadow
            )
            await set_shadow(program, shadow=shadow)
            await note_that_mail_leaves(program)
            await _keep_in_codes(program, stack)
            program.tasks.append(task(stack, keep_tidy(engine, program.mailbox)))
            if follow or listen:
                program.tasks.append(task(stack, watch(settings.workflows, follower(program, follow=follow))))
            if listen:
                looking = asyncio.create_task(program.waiting.look())
                stack.push_async_callback(let_go, looking)
                program.ops, program.public = await listeners(
                    settings,
                    environment,
                    engine,
                    loop=program.loop,
                    control=program.control,
                    mailbox=program.mailbox,
                    secrets=secrets,
                    waiting=program.waiting,
                    stack=stack,
                    registry=program.registry,
                )
                program.incoming = await take_mail_in(
                    settings,
                    environment,
                    secrets,
                    Intake(reading(engine), program.loop.submit, engine),
                    program.loop.submit,
                    books_of(program.loop, secrets),
                    engine,
                    program.sender,
                    program.desk,
                    program.registry,
                    stack,
                )
            yield program


async def _keep_in_codes(program: Program, stack: AsyncExitStack) -> None:
    """Grant codes of pools now, so that none is missing when the first input comes, and from then on."""
    settings = program.settings
    views = stack.enter_context(Views(settings.data))
    pools = Pools(program.engine.handling, program.loop.ask, settings.workflows, views, program.registry)
    await pools.look()
    program.tasks.append(task(stack, pools.run()))
