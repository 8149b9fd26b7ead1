"""Accidents with backups: yesterday's is restored, and what left since then must not leave again."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest

from connectors.effect_files import position_of
from connectors.memory import FixedClock
from engine.books.database import open_to_read, open_to_write
from engine.core.events import Event
from engine.core.moments import DAY, HOUR
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite.backup import back_up
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.restoring import Restoration, restore
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings
from tests.acceptance.accidents.scene import Scene, lapsed, scene
from tests.builders import event
from tests.mail_servers import Mails
from tests.searching import found_in_files

SAID_NO, BOUGHT = ("c0003", "c0012"), ("c0005", "c0013")


def taken(mails: Mails) -> Counter[tuple[str, str]]:
    """What the mail server took, over all lives of the engine: (address, subject), counted."""
    contents = [(each.rcpt_tos[0], message_from_bytes(each.original_content or b"")) for each in mails.taken]
    return Counter((address, str(content["Subject"])) for address, content in contents)


def happened(now: int) -> list[Event]:
    """What happens between the backup and its restore: some say no, some buy."""
    noes = [event("email.unsubscribed", now, name, email=f"{name}@example.org") for name in SAID_NO]
    bought = [event("order.placed", now, name, order_id=f"o2-{name}", email=f"{name}@example.org") for name in BOUGHT]
    return [*noes, *bought]


async def lived(here: Scene, file: Path, gap: float) -> list[Event]:
    """Live two days, back up while it runs, and live on; return what happened since the backup."""
    await here.happens(lapsed(160))
    await here.days(2)
    made = await asyncio.to_thread(back_up, here.shop.data, file, position_of(here.shop.data))
    assert made.customers == 160
    await here.days(gap / 2)
    events = happened(here.shop.clock.now())
    await here.happens(events)
    await here.days(gap / 2)
    return events


def restored(settings: Settings, file: Path, clock: FixedClock) -> Restoration:
    """Restore as the command does."""
    clock.set(clock.now() + HOUR)
    return restore(settings, {}, file, None, clock.now(), "Ada")


def replayed(settings: Settings, folder: Path) -> None:
    """See that the journal of a restored engine, decided once more from its beginning, comes to the same records."""
    key = keys_of(settings, {}).codes
    with closing(open_to_read(settings.data)) as source, closing(open_to_write(folder / "replayed")) as target:
        replay(source, target, key=key)
        assert differing(source, target) == []


async def comes_back(here: Scene, events: list[Event], overdue: str) -> None:
    """What people do after a restore: bring in what happened since, let time pass, and decide about what was held."""
    mails = len(here.mails.taken)
    await here.days(0.25)
    told = await here.ingested(events)
    assert told["history"] + told["duplicate"] == len(events)
    control = here.shop.program.control
    with pytest.raises(ControlRefusedError, match="unpause --time"):
        await control.do("unpause", {"overdue": overdue, "who": "Ada"})
    await control.do("unpause", {"scope": "time", "who": "Ada"})
    await here.shop.settle()
    await here.days(0.25)
    assert len(here.mails.taken) == mails, "nothing leaves before somebody has said so"
    await control.do("unpause", {"overdue": overdue, "who": "Ada"})
    await here.days(40)


@pytest.mark.parametrize("gap", [1.0, 8.0])
async def test_restored_backup_of_yesterday(tmp_path: Path, gap: float) -> None:
    """The database before is still there: it tells what left, who said no and who was let in; the rest goes on."""
    file = tmp_path / "yesterday.backup"
    async with scene(tmp_path) as here:
        events = await lived(here, file, gap)
        clock, mails, settings = here.shop.clock, here.mails, here.shop.program.settings
        before = taken(mails)
    done = restored(settings, file, clock)
    assert (done.salvaged.known, done.why_unknown) == (True, "")
    assert done.salvaged.said == len(SAID_NO)
    assert done.salvaged.calls > 0
    assert done.old.startswith(str(settings.data / "before-restore-"))
    async with scene(tmp_path, clock=clock, mails=mails) as here:
        await comes_back(here, events, "send")
        ((ledger,),) = here.shop.rows("select count(*) from ledger where state = 'done'")
        reached = await here.reached()
    replayed(settings, tmp_path)
    after = taken(mails)
    assert max(after.values()) == 1, [each for each, count in after.items() if count > 1]
    assert ledger == len(mails.taken)
    assert after - before, "those who were not written to yet are"
    stopped_or_called = {who for what, who in reached if what in ("suppressed", "handed_off")}
    assert not stopped_or_called & {*SAID_NO, *BOUGHT}
    assert not {address for address, _ in after - before} & {f"{name}@example.org" for name in SAID_NO}


@pytest.mark.parametrize("gap", [1.0, 8.0])
async def test_restored_backup_of_yesterday_and_nobody_knows_what_left(tmp_path: Path, gap: float) -> None:
    """Database and machine are gone: with what was held skipped, nobody gets anything twice, nor is stopped wrongly."""
    file = tmp_path / "yesterday.backup"
    async with scene(tmp_path) as here:
        events = await lived(here, file, gap)
        clock, mails, settings = here.shop.clock, here.mails, here.shop.program.settings
        before = taken(mails)
    settings.data.rename(tmp_path / "lost")
    settings.data.mkdir()
    (settings.data / "secret").write_bytes((tmp_path / "lost" / "secret").read_bytes())
    done = restored(settings, file, clock)
    assert not done.salvaged.known
    assert "held no database" in done.why_unknown
    assert done.old == ""
    assert 10 <= done.salvaged.assumed["come-back"] <= 10 * (gap + 2)
    async with scene(tmp_path, clock=clock, mails=mails) as here:
        await comes_back(here, events, "skip")
        reached = await here.reached()
    after = taken(mails)
    assert max(after.values()) == 1, [each for each, count in after.items() if count > 1]
    assert after - before, "those who cannot have been written to yet are"
    stopped_or_called = {who for what, who in reached if what in ("suppressed", "handed_off")}
    assert not stopped_or_called & {*SAID_NO, *BOUGHT}


async def test_time_stands_still_until_somebody_has_looked(tmp_path: Path) -> None:
    """A restored engine that is left alone does nothing at all, however long; what happens now is taken in."""
    file = tmp_path / "yesterday.backup"
    async with scene(tmp_path) as here:
        await lived(here, file, 1.0)
        clock, mails, settings = here.shop.clock, here.mails, here.shop.program.settings
    count = len(mails.taken)
    restored(settings, file, clock)
    async with scene(tmp_path, clock=clock, mails=mails) as here:
        effects = here.shop.rows("select count(*) from effect")
        for _ in range(20):
            clock.advance(DAY)
            await here.shop.program.loop.ask(lambda _, __: None)
        assert (len(mails.taken), here.shop.rows("select count(*) from effect")) == (count, effects)
        await here.shop.program.loop.submit([event("order.placed", clock.now(), "c0001", order_id="now")])
        assert here.shop.rows(
            "select count(*) from journal where customer = 'c0001' and accepted = ?", clock.now()
        ) == [(1,)]


async def test_who_was_erased_since_a_backup_is_erased_again(tmp_path: Path) -> None:
    """A backup brings nobody back: the list of the erased is taken over, and the next start ends what it begins anew."""
    file, gone = tmp_path / "shop.backup", "c0007"
    async with scene(tmp_path) as here:
        await lived(here, file, 1)
        await here.shop.program.control.do("erase", {"customer": gone, "why": "a letter", "who": "Ada"})
        assert found_in_files(here.shop.data, [f"{gone}@example.org"]) == {}
        settings, clock = here.shop.program.settings, here.shop.clock
    done = restored(settings, file, clock)
    assert (done.salvaged.known, done.salvaged.erased) == (True, 1)
    async with scene(tmp_path, clock=clock) as here:
        await here.shop.program.control.do("erase", {"customer": "c0008", "why": "another letter", "who": "Ada"})
        late = event("order.placed", clock.now(), gone, "late", order_id="late", email="new@example.org")
        assert (await here.ingested([late]))["refused"] == 1
    for name in (gone, "c0008"):
        there = found_in_files(settings.data, [f"{name}@example.org"])
        assert {file for file in there if not file.startswith("before-restore")} == set()
