"""A mail server that hangs, refuses, closes or says 421 for an hour: nothing is lost, and nothing goes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.core.moments import DAY, HOUR, MINUTE
from tests.acceptance.embedded import Shop, live_shop
from tests.builders import START, event, rules_of
from tests.mail_servers import Mails, Script, mail_server, say, scripted_server, up_to_data

ONE_MAIL = """
workflow: come-back
title: A mail to whoever stays away
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 100 per 1d
late_at_most: 3d
stages:
  ask:
    steps:
      - send: welcome_back
      - wait: 30d
    end: silent
leave_when_any:
  - event: email.unsubscribed
"""
CUSTOMERS = 5
QUICKLY: dict[str, Any] = {"connect_timeout": 0.2, "command_timeout": 0.2, "final_timeout": 0.2, "connections": 2}


async def customers_come(shop: Shop) -> None:
    """Let customers come who fit, and let them in."""
    for name in [f"c-{number}" for number in range(CUSTOMERS)]:
        await shop.program.loop.submit(
            [
                event("order.placed", START - 61 * DAY, name, order_id=name, email=f"{name}@example.org"),
                event("consent.given", START - 61 * DAY, name, f"{name} consents", purpose="marketing", proof={}),
            ]
        )
    shop.clock.set(START + HOUR + MINUTE)
    await shop.settled_but_for_mail()


def states(shop: Shop) -> dict[str, int]:
    """Return how many sends the ledger holds in each state."""
    return dict(shop.rows("select state, count(*) from ledger group by state"))


async def pass_time(shop: Shop, steps: int, step: int = MINUTE) -> None:
    """Let time pass, a step at a time, with a breath of real time in each for whoever waits for the server."""
    for _ in range(steps):
        shop.clock.advance(step)
        await shop.settled_but_for_mail()
        await asyncio.sleep(0.01)


async def until(shop: Shop, states_wanted: dict[str, int]) -> None:
    """Let minutes pass until the ledger is so, an hour at most."""
    for _ in range(60):
        if states(shop) == states_wanted:
            return
        await pass_time(shop, 1)
        await asyncio.sleep(0.05)
    assert states(shop) == states_wanted


async def hangs(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Take the connection, and never say a word."""
    await asyncio.Event().wait()


async def hangs_at_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be polite, and fall silent when the message is to come."""
    await up_to_data(reader, writer)
    await asyncio.Event().wait()


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close at once."""
    writer.close()


async def closes_at_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be polite, and close before the message is given."""
    await up_to_data(reader, writer)


async def is_shut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say 421 as a greeting."""
    await say(writer, "421 4.3.2 closing for maintenance")


async def sends_nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak something that is no SMTP."""
    await say(writer, "HTTP/1.1 400 Bad Request")


@asynccontextmanager
async def port_that_changes_hands(trouble: Script | None) -> AsyncIterator[tuple[int, Mails, Callable[[], Any]]]:
    """Yield a port behind which is trouble (None: nobody), then, after the call of the last value, a good server."""
    mails = Mails()
    recovered = False

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.close()

    async with mail_server(mails) as good:

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if recovered:
                there, back = await asyncio.open_connection("127.0.0.1", good.port)
                await asyncio.gather(pipe(reader, back), pipe(there, writer))
            elif trouble is not None:
                await trouble(reader, writer)
            else:
                writer.transport.abort()

        def recover() -> None:
            nonlocal recovered
            recovered = True

        async with scripted_server(script) as server:
            yield server.port, mails, recover


@pytest.mark.parametrize(
    "trouble",
    [hangs, hangs_at_data, closes, closes_at_data, is_shut, sends_nonsense, None],
    ids=lambda t: getattr(t, "__name__", "resets"),
)
async def test_after_an_hour_of_trouble_every_mail_goes_once(tmp_path: Path, trouble: Script | None) -> None:
    """As long as no message was given, it is tried again: an hour later each goes once, and none is uncertain."""
    async with (
        port_that_changes_hands(trouble) as (port, mails, recover),
        live_shop(tmp_path, FixedClock(START), rules_of(ONE_MAIL), port, **QUICKLY) as shop,
    ):
        await customers_come(shop)
        await pass_time(shop, 60)
        assert not mails.taken
        assert shop.rows("select count(*) from under_way") == [(CUSTOMERS,)]
        recover()
        await until(shop, {"done": CUSTOMERS})
        assert sorted(mail["To"] for mail in mails.mails()) == [
            f"c-{number}@example.org" for number in range(CUSTOMERS)
        ]


async def test_a_server_that_says_421_for_an_hour_gets_every_mail_once(tmp_path: Path) -> None:
    """421 to each recipient for an hour: the domain rests, and then each message goes once."""
    mails = Mails(at_recipient=lambda _: "421 4.7.0 too much mail, come back later")
    async with (
        mail_server(mails) as server,
        live_shop(tmp_path, FixedClock(START), rules_of(ONE_MAIL), server.port) as shop,
    ):
        await customers_come(shop)
        await pass_time(shop, 60)
        assert not mails.taken
        calls = server.connections
        assert calls <= 60, "it was not asked again and again"
        mails.at_recipient = lambda _: None
        await until(shop, {"done": CUSTOMERS})
        assert len(mails.taken) == CUSTOMERS


async def test_trouble_beyond_the_lateness_ends_in_a_drop_with_a_reason(tmp_path: Path) -> None:
    """A server that is away for longer than `late_at_most`: the sends are dropped, each with its reason, and none goes."""
    mails = Mails(at_recipient=lambda _: "451 4.3.0 not now")
    async with (
        mail_server(mails) as server,
        live_shop(tmp_path, FixedClock(START), rules_of(ONE_MAIL), server.port) as shop,
    ):
        await customers_come(shop)
        await pass_time(shop, 4 * 24, step=HOUR)
        mails.at_recipient = lambda _: None
        await pass_time(shop, 60)
        dropped = shop.rows("select body ->> 'reason' from effect where type = 'winback.send.dropped'")
        assert len(dropped) == CUSTOMERS
        assert all(reason.startswith("late") for (reason,) in dropped), dropped
        assert not mails.taken
        assert shop.rows("select count(*) from outbox") == [(0,)]


async def test_a_server_that_falls_silent_with_the_message_leaves_it_uncertain(tmp_path: Path) -> None:
    """Given whole and never answered: it may have been taken, so it is listed as uncertain and not sent again."""

    async def swallows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await up_to_data(reader, writer)
        await say(writer, "354 go on")
        await asyncio.Event().wait()

    async with (
        port_that_changes_hands(swallows) as (port, mails, recover),
        live_shop(tmp_path, FixedClock(START), rules_of(ONE_MAIL), port, **QUICKLY) as shop,
    ):
        await customers_come(shop)
        await until(shop, {"uncertain": CUSTOMERS})
        recover()
        await shop.pass_time(shop.clock.now() + DAY, step=20 * MINUTE)
        assert not mails.taken
        assert states(shop) == {"uncertain": CUSTOMERS}


async def test_a_final_no_is_a_bounce_and_the_others_go(tmp_path: Path) -> None:
    """550 to one recipient: their address is dead and nothing more goes to it; everybody else gets their mail."""
    mails = Mails(at_recipient=lambda address: "550 5.1.1 no such user" if address.startswith("c-3@") else None)
    async with (
        mail_server(mails) as server,
        live_shop(tmp_path, FixedClock(START), rules_of(ONE_MAIL), server.port) as shop,
    ):
        await customers_come(shop)
        await shop.settle()
        assert states(shop) == {"done": CUSTOMERS - 1, "refused": 1}
        assert shop.rows("select id from customer where hindrance = 'dead address'") == [("c-3",)]
