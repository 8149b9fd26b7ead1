"""The ramp from outside: what a real mail server was given each day, and that a replay comes to the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books.database import open_to_read, open_to_write
from engine.books.views import Views
from engine.cli.app import run
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE
from engine.core.rules import RampRule, RampSteps, RuleSet
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.overview import overview
from engine.wiring.secret import keys_of
from tests.acceptance.embedded import Shop, live_shop, settings
from tests.builders import BERLIN, PLAIN, START, event, rules_of
from tests.mail_servers import Mails, mail_server

LETTER = """
workflow: letter
title: One mail to whoever stays away
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 1000 per 1d
send_between: 09:00-20:00
late_at_most: 10d
stages:
  ask:
    steps:
      - send: welcome_back
      - wait: 30d
    end: silent
leave_when_any:
  - event: email.unsubscribed
"""


def rules(steps: RampSteps) -> RuleSet:
    """One mail to everybody who has lapsed, on a ramp."""
    return rules_of(LETTER, lifecycle=replace(PLAIN, ramp=RampRule(steps)))


def address(number: int) -> str:
    """Every third is at GMX, the others at Gmail."""
    return f"c{number:02}@{'gmx.de' if number % 3 == 0 else 'gmail.com'}"


def history(people: int) -> list[Event]:
    """Everybody ordered two months ago, each an hour after the one before, and may be written to."""
    events: list[Event] = []
    for number in range(people):
        at, who = START - 80 * DAY + number * HOUR, f"c{number:02}"
        events.append(event("order.placed", at, who, order_id=f"o{number}", email=address(number)))
        events.append(event("consent.given", at, who, purpose="marketing", proof={"page": "/"}))
    return events


@asynccontextmanager
async def shop_on_a_ramp(folder: Path, steps: RampSteps, mails: Mails, people: int = 60) -> AsyncIterator[Shop]:
    """Yield a live shop with so many customers who have lapsed, at midnight before its first day of mail."""
    clock = FixedClock(START - 10 * HOUR)
    async with mail_server(mails) as server, live_shop(folder, clock, rules(steps), server.port) as shop:
        await shop.program.loop.submit(history(people))
        await shop.settle()
        yield shop


def given(mails: Mails) -> dict[str, list[str]]:
    """Whom the server took a mail for, by provider, in order."""
    taken = [each.rcpt_tos[0] for each in mails.taken]
    return {name: [each for each in taken if each.endswith(name)] for name in ("gmail.com", "gmx.de")}


async def day(shop: Shop, number: int) -> None:
    """Let a day of mail pass, up to the evening."""
    await shop.pass_time(BERLIN.start(BERLIN.day(START) + number) + 21 * HOUR, step=20 * MINUTE)


async def test_the_server_gets_so_many_a_day_with_the_latest_sign_of_life_first(tmp_path: Path) -> None:
    """Each day each provider gets at most what its ramp allows, in the order of signs of life, and everybody one mail."""
    mails = Mails()
    async with shop_on_a_ramp(tmp_path, RampSteps(start=8, until=12), mails) as shop:
        so_far: Counter[str] = Counter()
        by_day: list[tuple[int, int]] = []
        for number in range(5):
            await day(shop, number)
            now = Counter({name: len(taken) for name, taken in given(mails).items()})
            by_day.append((now["gmail.com"] - so_far["gmail.com"], now["gmx.de"] - so_far["gmx.de"]))
            so_far = now
        assert by_day == [(8, 8), (12, 12), (12, 0), (8, 0), (0, 0)]
        for taken in given(mails).values():
            latest_first = sorted(taken, reverse=True)
            for begin, end in ((0, 8), (8, 20), (20, 32), (32, 40)):
                assert sorted(taken[begin:end], reverse=True) == latest_first[begin:end]
        assert len({each.rcpt_tos[0] for each in mails.taken}) == len(mails.taken) == 60
    assert_replay_equals(tmp_path)


async def test_it_is_shown_while_it_lasts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` has a row for each family, in numbers and for people, and so have the metrics; the wait at night counts."""
    async with shop_on_a_ramp(tmp_path, RampSteps(start=8, until=12), Mails()) as shop:
        await day(shop, 0)
        await shop.pass_time(BERLIN.start(BERLIN.day(START) + 1) + 3 * HOUR, step=HOUR)
        async with aiohttp.ClientSession() as session, session.get(shop.ops("/metrics")) as answer:
            metrics = await answer.text()
        for line in ('allowed{family="gmail"} 12.0', 'used{family="gmail"} 0.0', 'waiting{family="gmail"} 32.0'):
            assert f"winback_ramp_{line}" in metrics
        with Views(tmp_path) as views:
            found = overview(views, shop.program.settings, shop.clock.now(), None, waits=None, sends={})
    assert found.waiting == {}
    assert [(each.family, each.allowed, each.used, each.waiting) for each in found.ramp] == [
        ("gmail", 12, 0, 32),
        ("gmx", 12, 0, 12),
    ]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run(["--data", str(tmp_path), "status"])
    said = capsys.readouterr().out
    assert re.search(r"gmail +│? *12 +│? *0 +│? *32", said), said


async def test_refusals_for_reputation_stop_a_family_and_no_other(tmp_path: Path) -> None:
    """A provider that refuses for what it thinks of us gets no more that day and half on the next; the others go on."""
    mails = Mails()
    mails.at_recipient = lambda to: "550 5.7.1 blocked, bad reputation" if to.endswith("gmail.com") else None
    async with shop_on_a_ramp(tmp_path, RampSteps(start=55, until=200), mails, people=150) as shop:
        await day(shop, 0)
        assert refused(shop) == 55
        assert len(given(mails)["gmx.de"]) == 50
        await day(shop, 1)
        assert refused(shop) == 55 + 27
        ramp = shop.program.engine.handling.rules.shop.ramps["gmail"]
        assert (ramp.allowed, ramp.used, ramp.why[:6]) == (27, 27, "policy")
    assert_replay_equals(tmp_path)


def refused(shop: Shop) -> int:
    """How many mails were refused so far."""
    ((count,),) = shop.rows("select count(*) from ledger where state = 'refused'")
    return int(count)


def assert_replay_equals(folder: Path) -> None:
    """Deciding the journal anew gives the same records and lines."""
    with closing(open_to_read(folder)) as source, closing(open_to_write(folder / "again")) as copy:
        replay(source, copy, key=keys_of(settings(folder, 25), {}).codes)
        assert differing(source, copy) == []
        assert copy.execute("select * from line").fetchall() == source.execute("select * from line").fetchall()
