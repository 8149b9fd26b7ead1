"""Data has an end (R39): a live shop on a virtual clock, and what of it is left when time has passed."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

from engine.books.database import FILE_NAME, open_to_read, open_to_write
from engine.core import customer as records
from engine.core.forgetting import ENGAGEMENT
from engine.core.moments import DAY, HOUR
from engine.runtimes.sqlite.backup import back_up
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.secret import keys_of
from tests.acceptance.accidents.scene import LIFECYCLE, Scene, lapsed, scene
from tests.builders import event

KEEP = "keep: {ip_and_agent: 1d, bodies: 5d, engagement: 20d, dead_letters: 10d, event_ids: 15d}\n"
CUSTOMERS = 30


async def reads(here: Scene) -> None:
    """Everybody opens and clicks something; the letters of some tool cannot be read."""
    now = here.shop.clock.now()
    seen = {"ip": "192.0.2.1", "user_agent": "Mozilla", "sender": "newsletter-tool"}
    for number in range(CUSTOMERS):
        name = f"c{number:04}"
        await here.happens(
            [
                event("email.opened", now, name, f"o-{name}-{now}", email=f"{name}@example.org", **seen),
                event(
                    "email.clicked",
                    now,
                    name,
                    f"c{now}",
                    email=f"{name}@example.org",
                    link="https://shop.example",
                    **seen,
                ),
            ]
        )
    await here.shop.program.control.do(
        "ingest", {"events": [[f"day {now}", '{"type": "nothing", "data": {"ip": "192.0.2.7"}}']]}
    )


async def test_what_is_kept_for_a_time_is_gone_when_it_is_over(tmp_path: Path) -> None:
    """After each kind's time nothing of it is left anywhere, the rest of the record stands, and a replay agrees."""
    async with scene(tmp_path, lifecycle=LIFECYCLE + KEEP) as here:
        await here.happens(lapsed(CUSTOMERS))
        for _ in range(9):
            await reads(here)
            await here.days(5, step=6 * HOUR)
        await asyncio.to_thread(back_up, here.shop.data, tmp_path / "kept.backup", 0)
        await here.days(15, step=HOUR)
        now, settings = here.shop.clock.now(), here.shop.program.settings
        (oldest,) = here.shop.rows("select accepted from journal order by seq limit 1")[0]
        assert oldest >= now - 20 * DAY - 2 * HOUR
        for (raw,) in here.shop.rows("select record from customer"):
            record = records.decode(raw)
            assert record.orders, "orders are no engagement"
            assert record.last_reaction, "the date of the last reaction is the key fact"
            for kind in ENGAGEMENT & record.trail.keys():
                assert len([mark for mark in record.trail[kind] if mark.at < now - 20 * DAY - 2 * HOUR]) <= 1, kind
        letters = here.shop.rows("select last_at, raw from dead_letter")
        assert all(at >= now - 10 * DAY - 2 * HOUR for at, _ in letters)
        assert not [raw for at, raw in letters if at < now - DAY - 2 * HOUR and b"192.0.2" in bytes(raw)]
        here.nobody_twice()
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "kept.backup", tmp_path / "again" / FILE_NAME)
    key = keys_of(settings, {}).codes
    with closing(open_to_read(settings.data)) as source, closing(open_to_write(tmp_path / "again")) as target:
        assert replay(source, target, key=key) > 0
        assert differing(source, target) == []


async def test_no_part_of_the_data_tells_of_devices(tmp_path: Path) -> None:
    """Addresses of machines and names of programs are looked at when an event comes, and kept in no record or journal."""
    async with scene(tmp_path) as here:
        await here.happens(lapsed(CUSTOMERS))
        await reads(here)
        for table, column in (("journal", "signal"), ("customer", "record"), ("effect", "body")):
            rows = here.shop.rows(f"select {column} from {table}")
            assert rows or table == "effect"
            assert not [raw for (raw,) in rows if b"192.0.2" in (raw if isinstance(raw, bytes) else raw.encode())]
