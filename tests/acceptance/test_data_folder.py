"""One data folder: one engine at a time, a clock that never goes back, and a clear stop where it cannot be written."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from connectors.memory import FixedClock
from engine.books.connection import DatabaseError
from engine.books.database import FILE_NAME, open_to_read
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE
from engine.runtimes.sqlite.engine import EngineStopped
from tests.acceptance.embedded import Shop, live_shop
from tests.acceptance.shipped import FOLDER
from tests.builders import START, event, rules_of
from tests.mail_servers import Mails, mail_server

TWO_MAILS = """
workflow: come-back
title: Two mails to whoever stays away
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 100 per 1d
stages:
  ask:
    steps:
      - send: welcome_back
      - wait: 1d
      - send: welcome_back
      - wait: 30d
    end: silent
leave_when_any:
  - event: email.unsubscribed
"""


def order(number: int) -> Event:
    """Return an order of a customer of its own."""
    return event("order.placed", START, f"c-{number}", f"o-{number}", order_id=f"{number}")


async def test_a_second_engine_is_refused(tmp_path: Path) -> None:
    """While an engine runs on a data folder, another one says so and ends, in this process or in another."""
    async with live_shop(tmp_path, FixedClock(START), rules_of(), 9) as shop:
        with pytest.raises(DatabaseError, match="in use by another engine"):
            async with live_shop(tmp_path, FixedClock(START), rules_of(), 9):
                pass
        command = [sys.executable, "-c", "from engine.cli import main; main()", "run"]
        places = {"WINBACK_LISTEN_OPS": "127.0.0.1:0", "WINBACK_LISTEN_PUBLIC": "127.0.0.1:0"}
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, "--data", str(tmp_path), "--workflows", str(FOLDER)],
            env=os.environ | places,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 2
        assert "in use by another engine" in done.stderr
        assert f"process {os.getpid()}" in done.stderr
        assert "Traceback" not in done.stderr
        (taken,) = await shop.program.loop.submit([order(1)])
        assert taken.status == "accepted"


async def test_a_clock_that_was_set_back_does_not_go_back(tmp_path: Path) -> None:
    """Started anew with a clock two days behind: no instant before the last one, nothing rings, nothing goes twice."""
    mails = Mails()
    async with mail_server(mails) as server:
        async with live_shop(tmp_path, FixedClock(START), rules_of(TWO_MAILS), server.port) as shop:
            await shop.program.loop.submit(
                [
                    event("order.placed", START - 61 * DAY, "ada", email="ada@example.org"),
                    event("consent.given", START - 61 * DAY, "ada", purpose="marketing", proof={}),
                ]
            )
            await shop.pass_time(START + 2 * HOUR, step=10 * MINUTE)
            assert len(mails.taken) == 1
        clock = FixedClock(START - 2 * DAY)
        async with live_shop(tmp_path, clock, rules_of(TWO_MAILS), server.port) as shop:
            await shop.program.loop.submit([order(1)])
            await shop.pass_time(START + 2 * HOUR, step=6 * HOUR)
            assert len(mails.taken) == 1
            accepted = [at for (at,) in shop.rows("select accepted from journal order by seq")]
            assert accepted == sorted(accepted)
            assert max(accepted) == START + 2 * HOUR
            await shop.pass_time(START + 2 * DAY, step=6 * HOUR)
            assert len(mails.taken) == 2


async def posted_until_it_stops(shop: Shop) -> list[str]:
    """Bring events until the engine stops; return the ids of those that it acknowledged."""
    acknowledged: list[str] = []
    for number in range(100_000):
        try:
            await shop.program.loop.submit([order(number)])
        except EngineStopped:
            return acknowledged
        acknowledged.append(f"c-{number}")
    raise AssertionError("it never stopped")


async def stopped_by_a_full_disk(folder: Path) -> list[str]:
    """Run an engine whose database may not grow by more than a few pages; return what it acknowledged."""
    async with live_shop(folder, FixedClock(START), rules_of(), 9) as shop:
        writer = shop.program.engine.store.connection
        (pages,) = writer.execute("pragma page_count").fetchone()
        writer.execute(f"pragma max_page_count = {pages + 5}")
        acknowledged = await posted_until_it_stops(shop)
        (folder / "acknowledged").write_text("\n".join(acknowledged))
    return acknowledged


async def test_a_full_disk_stops_the_engine_and_loses_nothing(tmp_path: Path) -> None:
    """It stops with the reason; everything acknowledged is there, and with room again it goes on."""
    with pytest.raises(EngineStopped, match=r"the database failed.* full"):
        await stopped_by_a_full_disk(tmp_path)
    acknowledged = (tmp_path / "acknowledged").read_text().split()
    assert len(acknowledged) > 10
    with closing(open_to_read(tmp_path)) as reader:
        assert {name for (name,) in reader.execute("select id from customer")} == set(acknowledged)
    async with live_shop(tmp_path, FixedClock(START), rules_of(), 9) as shop:
        again = await shop.program.loop.submit([order(number) for number in range(len(acknowledged) + 1)])
        assert [each.status for each in again] == ["duplicate"] * len(acknowledged) + ["accepted"]


async def stopped_by_a_lock(folder: Path) -> None:
    """Run an engine while another program keeps the database to itself."""
    async with live_shop(folder, FixedClock(START), rules_of(), 9) as shop:
        shop.program.engine.store.connection.execute("pragma busy_timeout = 50")
        with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as other:
            other.execute("begin immediate")
            await shop.program.loop.submit([order(1)])


async def test_a_locked_database_stops_the_engine_with_the_reason(tmp_path: Path) -> None:
    """Where another program holds the database for too long, the engine stops and says so; it starts again later."""
    with pytest.raises(EngineStopped, match=r"the database failed.*locked"):
        await stopped_by_a_lock(tmp_path)
    async with live_shop(tmp_path, FixedClock(START), rules_of(), 9) as shop:
        (taken,) = await shop.program.loop.submit([order(1)])
        assert taken.status == "accepted"
