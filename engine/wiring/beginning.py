"""What an engine does first when it begins: shadow or not, held or not, and whether mail leaves from now on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from engine.books import applied, rulebook
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.rules import Mode
from engine.core.shop import TIME
from engine.core.signals import MailLeaves, PauseEnded, PauseSet
from engine.language.files import Checked
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite.engine import Engine
from engine.wiring.applying import SHADOW_PAUSE, as_shadow, as_the_files_say, changes
from engine.wiring.assembling import Program

log = structlog.get_logger(__name__)


def hold_time(engine: Engine, why: str) -> None:
    """Let nothing leave and no timer ring, since the last that was done; what holds already stays as it is."""
    sweeping, shop, since = engine.handling.sweeping, engine.handling.rules.shop, engine.accepted
    held = {each.scope for each in shop.pauses}
    engine.store.begin()  # no batch: one would begin with what is due
    for scope in ("engine", TIME):
        if scope not in held:
            sweeping.tell(engine.store, PauseSet(scope, "", why, "winback run"), since)
    engine.store.commit(since)


async def set_shadow(program: Program, *, shadow: bool) -> None:
    """Let everything live walk as shadow, or end that.

    Runs that began live are held by a pause, so that nothing leaves; it marks the data folder as one of a shadow run.
    """
    handling = program.engine.handling
    sweeping = handling.sweeping
    was = any(each.why == SHADOW_PAUSE for each in handling.rules.shop.pauses)
    if not shadow and not was:
        return
    in_force_now = handling.rules.rule_set

    def change(store: SqlStore, now: Instant) -> None:
        last = applied.newest(store.connection)
        modes = {} if last is None else {name: Mode(mode) for name, mode in last.said.modes.items()}
        rules = as_shadow(in_force_now) if shadow else as_the_files_say(in_force_now, modes)
        if rules != in_force_now:
            rulebook.apply(handling, rules, store, now)
        if shadow and not was:
            sweeping.tell(store, PauseSet("engine", "", SHADOW_PAUSE, "winback run"), now)
        elif was and not shadow:
            sweeping.tell(store, PauseEnded("engine", "", "shift"), now)

    await program.loop.ask(change)


async def note_that_mail_leaves(program: Program) -> None:
    """A shop that went live with the mailbox and has a mail server now: what it does is no rehearsal any more."""
    sweeping, shop = program.engine.handling.sweeping, program.engine.handling.rules.shop
    if shop.gone_live and not shop.meant_since and program.settings.sender.kind != "mailbox":
        await program.loop.ask(lambda store, now: sweeping.tell(store, MailLeaves(), now))


def follower(program: Program, *, follow: bool) -> Callable[[Checked], Awaitable[None]]:
    """Return what is done about changed files: they are noted, and with `follow` put in force where they are good."""

    async def changed(checked: Checked) -> None:
        program.waiting.note(checked)
        if checked.rules is None:
            log.warning("changed files have errors; nothing of them is in force", errors=len(checked.errors))
        elif follow:
            try:
                result = await program.control.rules.apply(checked, who="run --follow")
            except ControlRefusedError as error:
                log.warning("changed files are not put in force: winback apply tells what is wanted", why=str(error))
            else:
                log.info("changed files are in force", changes=[each["effect"] for each in result["changes"]])
        else:
            found = changes(program.engine.handling.rules.rule_set, checked.rules)
            log.info("changed files are good and wait for winback apply", changes=len(found))

    return changed
