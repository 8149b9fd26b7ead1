"""Accidents with machines: a clock set forward or back, an engine that stood still, two engines on one data folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.cli.app import run
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant
from engine.wiring.clock import SystemClock
from engine.wiring.overview import overview
from tests.acceptance.accidents.scene import lapsed, scene
from tests.builders import START, event


class Machine(FixedClock):
    """A machine whose wall clock somebody sets while its count of seconds goes on: what the engine makes of the two."""

    def __init__(self) -> None:
        super().__init__(START)
        self.set_forward: Instant = 0
        self._clock = SystemClock(wall=lambda: self._now + self.set_forward, steady=lambda: self._now)

    def now(self) -> Instant:
        """What the engine takes for the time."""
        return self._clock.now()

    def set(self, now: Instant) -> Instant:
        """Let time pass until the engine takes it for an instant."""
        self._now += now - self.now()
        return now

    @property
    def trouble(self) -> str:
        """What the clock says is wrong."""
        return self._clock.trouble


@pytest.mark.parametrize("by", [400 * DAY, 30 * DAY, 2 * HOUR])
async def test_a_clock_set_forward(tmp_path: Path, by: int) -> None:
    """A year, a month or two hours in one second: no wait is over for it, nobody enters, is written to or stopped."""
    machine = Machine()
    async with scene(tmp_path, clock=machine) as here:
        await here.happens([*lapsed(8), *lapsed(30, idle=30, first=100)])
        await here.days(8)  # the questions have gone out; silence to them would be an answer in two weeks
        mails, reached, entered = here.mails_to(), await here.reached(), here.entered()
        assert sum(map(len, mails.values())) == 16
        machine.set_forward = by
        for _ in range(10):
            await here.shop.pass_time(machine.now() + 5 * MINUTE, step=MINUTE)
        assert (here.mails_to(), await here.reached(), here.entered()) == (mails, reached, entered)
        assert "went forward" in machine.trouble
        machine.set_forward = 0
        await here.days(20)
        assert machine.trouble == ""
        here.nobody_twice()
        assert sum(kind == "suppressed" for kind, _ in await here.reached()) == 8


async def test_a_clock_set_back(tmp_path: Path) -> None:
    """Two days back: time stands still until the clock has come there again, and nothing happens a second time."""
    machine = Machine()
    async with scene(tmp_path, clock=machine) as here:
        await here.happens(lapsed(8))
        await here.days(3)
        mails = here.mails_to()
        machine.set_forward = -2 * DAY
        for _ in range(8):
            machine.set(machine.now() + 6 * HOUR)
            await here.shop.settled_but_for_mail()
        assert here.mails_to() == mails
        await here.days(30)
        here.nobody_twice()
        assert here.mails_to() == {address: ["welcome_back", "still_with_us"] for address in mails}


async def test_the_clock_of_a_start_a_month_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that seems to have stood still for weeks does not begin by itself: the clock may be wrong, and it says so.

    When somebody says that it did stand still, it begins with time standing still and all sends paused.
    """
    async with scene(tmp_path) as here:
        await here.happens(lapsed(8))
        await here.days(1)
        clock, mails = here.shop.clock, here.mails
        taken = len(mails.taken)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:  # the machine's own clock is far later than the one of this test
        run(["--data", "data", "--workflows", "workflows", "run"])
    assert ended.value.code == 2
    assert "the engine stood still for" in capsys.readouterr().err
    clock.set(clock.now() + 30 * DAY)
    async with scene(tmp_path, clock=clock, mails=mails, hold="it stood still for 30 days") as here:
        await here.shop.pass_time(clock.now() + DAY, step=3 * HOUR)
        assert here.shop.rows("select count(*) from effect where time > ?", START + 10 * DAY) == [(0,)]
        with Views(here.shop.data) as views:
            found = overview(views, here.shop.program.settings, clock.now(), None, waits=None, sends={})
        assert {each["why"] for each in found.paused} == {"it stood still for 30 days"}
        await here.happens([event("email.unsubscribed", START + 5 * DAY, "c0003", email="c0003@example.org")])
        await here.shop.program.control.do("unpause", {"scope": "time", "who": "Ada"})
        await here.days(1)
        assert len(mails.taken) == taken
        assert here.shop.rows("select count(*) from line where workflow = '!paused'") == [(7,)]
        await here.shop.program.control.do("unpause", {"overdue": "skip", "who": "Ada"})
        await here.days(30)
        assert len(mails.taken) == taken
        assert (await here.reached()) == {}  # the question was never asked, so silence is no answer


async def test_two_engines_on_one_data_folder(tmp_path: Path) -> None:
    """While one runs, others are refused as often as they try; every mail leaves once."""
    async with scene(tmp_path) as here:
        await here.happens(lapsed(10))
        command = [sys.executable, "-c", "from engine.cli import main; main()", "run", "--after-standstill"]
        places = {"WINBACK_LISTEN_OPS": "127.0.0.1:0", "WINBACK_LISTEN_PUBLIC": "127.0.0.1:0"}

        def another() -> subprocess.CompletedProcess[str]:
            where = ["--data", str(here.shop.data), "--workflows", str(here.workflows)]
            return subprocess.run(
                [*command, *where], env=os.environ | places, capture_output=True, text=True, check=False, timeout=60
            )

        others = [asyncio.create_task(asyncio.to_thread(another)) for _ in range(2)]
        await here.days(2)
        for each in others:
            done = await each
            assert done.returncode == 2
            assert "in use by another engine" in done.stderr
        await here.days(30)
        here.nobody_twice()
        assert sorted(here.mails_to().values()) == [["welcome_back", "still_with_us"]] * 10


def test_the_machines_clock_is_followed_as_it_drifts() -> None:
    """Small corrections, forward and back, are taken as they come; only a leap is not."""
    wall, steady = [START], [0]
    clock = SystemClock(wall=lambda: wall[0], steady=lambda: steady[0])
    for ahead in (5 * SECOND, -3 * SECOND, 50 * MINUTE, -20 * MINUTE):
        steady[0] += HOUR
        wall[0] += HOUR + ahead
        assert (clock.now(), clock.trouble) == (wall[0], "")
    right = wall[0]
    wall[0] += 61 * MINUTE
    assert clock.now() == right
    steady[0] += HOUR
    wall[0] += HOUR
    assert clock.now() == right + HOUR
    assert "restart the engine" in clock.trouble
    wall[0] = right + HOUR + MINUTE
    assert (clock.now(), clock.trouble) == (wall[0], "")
