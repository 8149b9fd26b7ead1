"""Seeds get each new version of a template once, when it first goes out live, and count nowhere."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.books.database import FILE_NAME
from engine.books.views import Views
from engine.core.moments import HOUR
from engine.wiring.program import Program
from tests.mail_servers import Mails, mail_server
from tests.wiring.test_program import NOW, orders, program, settled, workflows

__all__ = ["workflows"]  # the fixture

SEEDS = ["qa@shop.example", "boss@shop.example"]


def sender(port: int, *seeds: str) -> dict[str, Any]:
    """Settings that send to a mail server on loopback."""
    return {
        "sender": {"kind": "smtp", "seeds": seeds or SEEDS},
        "smtp": {"host": "127.0.0.1", "port": port, "tls": "none", "hello": "shop.example"},
    }


async def go_live(engine: Program, clock: FixedClock) -> None:
    """Say it, and let the sweep come by everybody."""
    await engine.control.do("go-live", {"no_suppressions": True})
    await settled(engine, clock)
    clock.advance(1)


async def arrived(mails: Mails, count: int) -> Counter[str]:
    """Wait until so many mails are there, and a while longer whether more come; how many each address got."""
    for _ in range(500):
        if len(mails.taken) >= count:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    return Counter(envelope.rcpt_tos[0] for envelope in mails.taken)


async def refused(data: Path, seed: str) -> None:
    """Wait until the mail server has said no to a seed for good."""
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        for _ in range(500):
            if connection.execute("select 1 from seeded where seed = ? and state = 'refused'", (seed,)).fetchone():
                return
            await asyncio.sleep(0.01)
    raise AssertionError(f"{seed} was not refused")


async def test_a_new_version_goes_to_each_seed_once(workflows: Path) -> None:
    """Not in the rehearsal; with the first live mail, not with the second, nor after a restart; again when it was edited."""
    clock, mails = FixedClock(NOW), Mails()
    async with mail_server(mails) as server:
        async with program(workflows, clock, **sender(server.port)) as engine:
            await orders(engine, clock, "ada")
            assert await arrived(mails, 0) == {}
            clock.advance(HOUR)
            await go_live(engine, clock)
            for name in ("ben", "cleo"):
                await orders(engine, clock, name)
            seen = await arrived(mails, 4)
            assert seen == {"ben@example.org": 1, "cleo@example.org": 1, **dict.fromkeys(SEEDS, 1)}
        async with program(workflows, clock, **sender(server.port)) as engine:
            await orders(engine, clock, "dora")
            assert (await arrived(mails, 5))["qa@shop.example"] == 1
            subject = workflows / "templates" / "welcome_back" / "de.subject.liquid"
            subject.write_text("Wie schön!\n")
            await engine.control.do("apply", {})
            await orders(engine, clock, "emil")
            seen = await arrived(mails, 8)
            assert seen["qa@shop.example"] == seen["boss@shop.example"] == 2
            with Views(engine.settings.data) as views:
                assert dict(views.all("sends")) == {"done": 5}
    last = [mail for mail in mails.mails() if mail["to"] == "qa@shop.example"][-1]
    assert (last["subject"], last["x-winback-test"]) == ("[Seed] Wie schön!", "yes")
    body = last.get_body(("plain",))
    assert body is not None
    assert "emil" not in body.get_content()


async def test_a_seed_that_cannot_have_it_now_gets_it_with_the_next_mail(workflows: Path) -> None:
    """A temporary no gives the claim back; a final one is kept, and the seed is left alone."""
    answers = {"qa@shop.example": "451 4.2.1 try again later", "boss@shop.example": "550 5.1.1 unknown"}
    clock, mails = FixedClock(NOW), Mails(at_recipient=answers.get)
    async with mail_server(mails) as server, program(workflows, clock, **sender(server.port)) as engine:
        await go_live(engine, clock)
        await orders(engine, clock, "ada")
        assert await arrived(mails, 1) == {"ada@example.org": 1}
        await refused(engine.settings.data, "boss@shop.example")  # the last of the two, so both have been asked
        answers.clear()
        await orders(engine, clock, "ben")
        assert await arrived(mails, 3) == {"ada@example.org": 1, "ben@example.org": 1, "qa@shop.example": 1}


@pytest.mark.parametrize("state", ["calling", "uncertain", "done"])
async def test_what_a_crash_left_in_a_call_is_not_sent_again(workflows: Path, state: str) -> None:
    """The claim is on disk before the call: it may have left, so it never leaves again."""
    clock, mails = FixedClock(NOW), Mails()
    async with mail_server(mails) as server:
        async with program(workflows, clock, **sender(server.port)) as engine:
            await go_live(engine, clock)
            await orders(engine, clock, "ada")
            assert (await arrived(mails, 3)).total() == 3
        database = workflows.parent / "data" / FILE_NAME
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("update seeded set state = ? where seed = 'qa@shop.example'", (state,))
        async with program(workflows, clock, **sender(server.port)) as engine:
            await orders(engine, clock, "ben")
            assert await arrived(mails, 4) == {"ada@example.org": 1, "ben@example.org": 1, **dict.fromkeys(SEEDS, 1)}
        with closing(sqlite3.connect(database)) as connection:
            left = connection.execute("select state from seeded where seed = 'qa@shop.example'").fetchone()
    assert left == ("uncertain" if state == "calling" else state,)
