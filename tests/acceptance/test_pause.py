"""A pause: what is about to leave does not, what has been released comes back, and its end does what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.memory import FixedClock
from engine.books.journal import decode_signal
from engine.books.views import Views
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant
from engine.core.signals import PauseEnded
from engine.listeners.control import ControlRefusedError
from engine.wiring.held import held_by
from tests.acceptance.embedded import Shop, live_shop
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
ANOTHER = """
workflow: another
title: Sends something else, to nobody
enter_when_all:
  - tag: nobody-has-it
again_after: never
stages:
  only:
    steps:
      - send: last_call
    end: done
leave_when_any:
  - event: email.unsubscribed
"""
FIRST, SECOND_MAIL = "send welcome_back 0", "send welcome_back 1"


@asynccontextmanager
async def ada_got_the_first(folder: Path) -> AsyncIterator[tuple[Shop, Mails]]:
    """Yield a live shop whose customer ada has got the first mail and waits for the second, and its mail server."""
    mails, clock = Mails(), FixedClock(START)
    async with (
        mail_server(mails) as server,
        live_shop(folder, clock, rules_of(TWO_MAILS, ANOTHER), server.port) as shop,
    ):
        await shop.program.loop.submit(
            [
                event("order.placed", START - 61 * DAY, "ada", email="ada@example.org"),
                event("consent.given", START - 61 * DAY, "ada", purpose="marketing", proof={"page": "/"}),
            ]
        )
        await shop.pass_time(START + 2 * HOUR, step=10 * MINUTE)
        assert sent(shop) == [FIRST]
        assert len(mails.taken) == 1
        yield shop, mails


def sent(shop: Shop) -> list[str]:
    """Return the steps whose send was handed over, in order."""
    query = """
        select json_extract(effect.body, '$.step') from ledger join effect using (effect_id)
        where state = 'done' and type = 'winback.send.requested' and ordinal = 0 order by ledger.at"""
    return [step for (step,) in shop.rows(query)]


def dropped(shop: Shop) -> list[tuple[str, str]]:
    """Return the steps whose send was dropped, and why."""
    query = "select body ->> 'step', body ->> 'reason' from effect where type = 'winback.send.dropped' order by seq"
    return [(step, reason) for step, reason in shop.rows(query)]


def due(shop: Shop) -> Instant:
    """Return when ada's next timer rings."""
    ((found,),) = shop.rows("select next_due from customer where id = 'ada'")
    return int(found)


async def pause(shop: Shop, **what: str) -> None:
    """Pause the engine, or what is named."""
    await shop.program.control.do("pause", {"why": "a test", **what})


async def unpause(shop: Shop, overdue: str, **what: str) -> None:
    """End the pause."""
    await shop.program.control.do("unpause", {"overdue": overdue, **what})
    await shop.settle()


PAUSES = [
    {},
    {"scope": "workflow", "name": "come-back"},
    {"scope": "template", "name": "welcome_back"},
    {"scope": "domain", "name": "example.org"},
    {"scope": "marketing"},
    {"scope": "family", "name": "others"},
]


@pytest.mark.parametrize("what", PAUSES, ids=["engine", "workflow", "template", "domain", "marketing", "family"])
async def test_a_pause_stops_a_send_that_is_a_second_away(tmp_path: Path, what: dict[str, str]) -> None:
    """Paused a second before it is due, it does not leave; after `--overdue send` it does, once."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        shop.clock.set(due(shop) - SECOND)
        await pause(shop, **what)
        await shop.pass_time(due(shop) + DAY, step=6 * HOUR)
        assert len(mails.taken) == 1
        await unpause(shop, "send", **what)
        assert sent(shop) == [FIRST, SECOND_MAIL]
        assert len(mails.taken) == 2


async def test_another_pause_stops_nothing_of_ours(tmp_path: Path) -> None:
    """A pause of another template and another domain leaves this send alone."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        shop.clock.set(due(shop) - SECOND)
        await pause(shop, scope="template", name="last_call")
        await pause(shop, scope="domain", name="example.com")
        await pause(shop, scope="family", name="gmail")
        await shop.pass_time(due(shop) + MINUTE, step=10 * SECOND)
        assert len(mails.taken) == 2


async def test_a_pause_takes_back_what_lies_in_the_outbox(tmp_path: Path) -> None:
    """A send that was released and not yet handed over does not leave after a pause, whatever the mail server does."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        mails.at_recipient = lambda _: "451 4.3.0 come back later"
        shop.clock.set(due(shop))
        await shop.settled_but_for_mail()
        assert shop.rows("select count(*) from outbox") == [(1,)]
        await pause(shop)
        mails.at_recipient = lambda _: None
        await shop.pass_time(shop.clock.now() + DAY, step=20 * MINUTE)
        assert len(mails.taken) == 1
        assert shop.rows("select count(*) from outbox") == [(0,)]
        await unpause(shop, "send")
        assert sent(shop) == [FIRST, SECOND_MAIL]


async def test_unpause_skip_drops_what_fell_due(tmp_path: Path) -> None:
    """`--overdue skip`: the send is dropped with the reason, and the run goes on."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        at = due(shop)
        await pause(shop)
        await shop.pass_time(at + 5 * HOUR, step=HOUR)
        await unpause(shop, "skip")
        assert dropped(shop) == [(SECOND_MAIL, "paused")]
        assert due(shop) == at + 5 * HOUR + 30 * DAY
        await shop.pass_time(at + 10 * DAY, step=DAY)
        assert len(mails.taken) == 1


async def test_unpause_shift_moves_what_fell_due_by_the_length_of_the_pause(tmp_path: Path) -> None:
    """`--overdue shift`: paused for seven hours, it leaves seven hours after it was due."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        at = due(shop)
        shop.clock.set(at - 2 * HOUR)
        await pause(shop)
        await shop.pass_time(at + 5 * HOUR, step=HOUR)
        await unpause(shop, "shift")
        assert len(mails.taken) == 1
        assert due(shop) == at + 7 * HOUR
        await shop.pass_time(at + 7 * HOUR - SECOND, step=HOUR)
        assert len(mails.taken) == 1
        await shop.pass_time(at + 7 * HOUR, step=SECOND)
        assert sent(shop) == [FIRST, SECOND_MAIL]


async def test_a_pause_outlives_a_restart(tmp_path: Path) -> None:
    """Stopped while paused and started again: still paused, with what it holds."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        at = due(shop)
        await pause(shop)
    clock = FixedClock(at + HOUR)
    async with mail_server(mails) as server, live_shop(tmp_path, clock, rules_of(TWO_MAILS), server.port) as shop:
        await shop.pass_time(at + 3 * HOUR, step=HOUR)
        assert len(mails.taken) == 1
        await unpause(shop, "send")
        assert sent(shop) == [FIRST, SECOND_MAIL]


async def test_facts_and_a_no_go_on_during_a_pause(tmp_path: Path) -> None:
    """Who says no while everything is paused gets nothing after it; an order is known at once."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        at = due(shop)
        await pause(shop)
        await shop.pass_time(at + HOUR, step=HOUR)
        await shop.program.loop.submit([event("email.unsubscribed", shop.clock.now(), "ada", email="ada@example.org")])
        assert shop.rows("select body ->> 'outcome' from effect where type = 'winback.run_ended'") == [("left",)]
        await unpause(shop, "send")
        await shop.pass_time(at + 2 * DAY, step=6 * HOUR)
        assert len(mails.taken) == 1


async def test_a_template_that_nobody_sends_is_no_pause(tmp_path: Path) -> None:
    """A slip in the name would pause nothing, and nobody would notice: it is refused, with the names there are."""
    async with ada_got_the_first(tmp_path) as (shop, _):
        with pytest.raises(ControlRefusedError, match="they send last_call, welcome_back"):
            await pause(shop, scope="template", name="welcom_back")


async def test_the_address_of_a_domain_may_begin_with_its_at(tmp_path: Path) -> None:
    """`--domain @Example.org` pauses example.org."""
    async with ada_got_the_first(tmp_path) as (shop, mails):
        await pause(shop, scope="domain", name="@Example.org")
        await shop.pass_time(due(shop) + MINUTE, step=6 * HOUR)
        assert len(mails.taken) == 1
        with Views(shop.data) as views:
            assert held_by(views, "domain", "example.org") == {"welcome_back": 1}


async def test_what_a_pause_holds_is_told_by_pause(tmp_path: Path) -> None:
    """Of two pauses each says what it holds, by template; the journal keeps who ended one."""
    async with ada_got_the_first(tmp_path) as (shop, _):
        await pause(shop, scope="workflow", name="come-back")
        await pause(shop, scope="workflow", name="another")
        await shop.pass_time(due(shop) + MINUTE, step=6 * HOUR)
        with Views(shop.data) as views:
            assert held_by(views, "workflow", "come-back") == {"welcome_back": 1}
            assert held_by(views, "workflow", "another") == {}
        await unpause(shop, "skip", scope="workflow", name="come-back", who="Ada")
        signals = [decode_signal(raw) for (raw,) in shop.rows("select signal from journal where customer = ''")]
        assert [each.who for each in signals if isinstance(each, PauseEnded)] == ["Ada"]
