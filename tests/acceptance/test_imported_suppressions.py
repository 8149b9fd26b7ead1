"""A suppression list imported after go-live: nobody on it is written to, whoever they are and whenever they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.books.database import open_to_read, open_to_write
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.core.reading import encode
from engine.core.suppressions import ERASED, fingerprint
from engine.runtimes.sqlite.replay import ReplayDiffers, differing, replay
from engine.wiring.secret import keys_of
from tests.acceptance.embedded import Shop, live_shop, settings
from tests.builders import START, event, rules_of
from tests.mail_servers import Mails, mail_server

ONE_MAIL = """
workflow: come-back
title: One mail to whoever stays away
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 100 per 1d
stages:
  ask:
    steps:
      - send: welcome_back
      - wait: 30d
      - send: welcome_back
    end: silent
leave_when_any:
  - event: email.unsubscribed
  - event: email.complained
  - address: dead
"""
KINDS = ("unsubscribed", "complained", "bounced", "erased")


@asynccontextmanager
async def shop_of(folder: Path) -> AsyncIterator[tuple[Shop, Mails]]:
    """Yield a live shop with a workflow that writes to whoever has lapsed, and its mail server."""
    mails, clock = Mails(), FixedClock(START)
    async with mail_server(mails) as server, live_shop(folder, clock, rules_of(ONE_MAIL), server.port) as shop:
        yield shop, mails


async def lapsed(shop: Shop, *names: str, since: Instant = START - 61 * DAY) -> None:
    """Let customers be known who have lapsed and may be written to."""
    for nth, name in enumerate(names):  # no two at one instant: an event's id is made of that
        address, since = f"{name}@example.org", since + nth
        await shop.program.loop.submit(
            [
                event("order.placed", since, name, order_id=f"o-{name}", email=address),
                event("consent.given", since, name, purpose="marketing", proof={"page": "/"}),
            ]
        )


async def suppress(shop: Shop, *names: str, kind: str = "unsubscribed", hashed: bool = False, at: Any = None) -> Any:
    """Import a list that names these addresses."""
    rows = [[kind, fingerprint(address).hex(), "" if hashed else address, at] for address in addresses(*names)]
    did = await shop.program.control.do("suppress", {"rows": rows})
    after: str | None = "" if hashed else None
    while after is not None:
        after = (await shop.program.control.do("match-suppressions", {"after": after}))["after"]
    return did


def addresses(*names: str) -> list[str]:
    """Return the addresses of customers."""
    return [f"{name}@example.org" for name in names]


def written_to(mails: Mails) -> list[str]:
    """Return whom the mail server took a mail for, in order."""
    return sorted(address for mail in mails.taken for address in mail.rcpt_tos)


def everything_in(folder: Path) -> bytes:
    """Return the bytes of a data folder's database."""
    return b"".join(path.read_bytes() for path in folder.glob("winback.sqlite3*"))


_CALLING = "select 1 from ledger where state = 'calling'"


async def released_but_not_taken(shop: Shop, mails: Mails, *names: str) -> None:
    """Bring customers to where their mail lies in the outbox, since the mail server says: later."""
    mails.at_recipient = lambda _: "451 4.3.0 come back later"
    await lapsed(shop, *names)
    for _ in range(12):
        shop.clock.advance(10 * MINUTE)
        await shop.settled_but_for_mail()
    while shop.rows(f"select 1 from outbox where next_try <= {shop.clock.now()}") or shop.rows(_CALLING):  # noqa: ASYNC110 - the database has no event
        await asyncio.sleep(0)  # a call that is under way may still be answered with yes
    assert shop.rows("select count(*) from outbox") == [(len(names),)]


def replay_agrees(folder: Path, tmp_path: Path) -> bool:
    """Say whether the journal, decided once more without any list, comes to the same records."""
    key = keys_of(settings(folder, 25), {}).codes
    again = tmp_path / "again"
    with closing(open_to_read(folder)) as source, closing(open_to_write(again)) as target:
        replay(source, target, key=key)
        return differing(source, target) == []


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_imported_after_go_live_stops_what_lies_in_the_outbox(
    tmp_path: Path, kind: str, *, hashed: bool
) -> None:
    """Released and not yet taken by the mail server, it never is; whoever is not on the list gets theirs."""
    data = tmp_path / "data"
    async with shop_of(data) as (shop, mails):
        await released_but_not_taken(shop, mails, "ada", "bob")
        await suppress(shop, "ada", kind=kind, hashed=hashed)
        mails.at_recipient = lambda _: None
        await shop.pass_time(START + 2 * DAY, step=20 * MINUTE)
        assert written_to(mails) == addresses("bob")
        assert shop.rows("select count(*) from outbox") == [(0,)]
        assert shop.rows("select count(*) from under_way where customer = 'ada'") == [(0,)]
    if kind == ERASED:  # their part of the journal is gone, and a replay says so
        with pytest.raises(ReplayDiffers, match="somebody was erased"):
            replay_agrees(data, tmp_path)
    else:
        assert replay_agrees(data, tmp_path)


async def test_a_hash_stops_the_outbox_before_anybody_was_compared(tmp_path: Path) -> None:
    """What leaves is held against the list itself: nobody has to be found first."""
    async with shop_of(tmp_path) as (shop, mails):
        await released_but_not_taken(shop, mails, "ada")
        row = ["unsubscribed", fingerprint("ADA@example.org ").hex(), "", None]
        await shop.program.control.do("suppress", {"rows": [row]})
        mails.at_recipient = lambda _: None
        await shop.pass_time(START + DAY, step=20 * MINUTE)
        assert written_to(mails) == []
        assert shop.rows("select state from ledger") == [("dropped",)]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_address_that_comes_later_is_stopped_as_well(tmp_path: Path, kind: str) -> None:
    """The list holds for addresses that nobody had when it was imported; nobody is made of a row."""
    data = tmp_path / "data"
    async with shop_of(data) as (shop, mails):
        await suppress(shop, "ada", "nobody", kind=kind, hashed=True)
        assert shop.rows("select count(*) from customer") == [(0,)]
        await lapsed(shop, "ada", "bob")
        await shop.pass_time(START + 3 * DAY, step=HOUR)
        assert written_to(mails) == addresses("bob")
    assert replay_agrees(data, tmp_path)


@pytest.mark.parametrize(("said", "mailed"), [(START - 90 * DAY, True), (START - 30 * DAY, False), (None, False)])
async def test_a_yes_after_the_no_of_the_list_counts(tmp_path: Path, said: Instant | None, *, mailed: bool) -> None:
    """A date in the file is when the no was said; without one it is said today."""
    async with shop_of(tmp_path) as (shop, mails):
        await suppress(shop, "ada", at=said)
        await lapsed(shop, "ada")
        await shop.pass_time(START + 3 * DAY, step=HOUR)
        assert written_to(mails) == (addresses("ada") if mailed else [])


async def test_the_same_list_twice_changes_nothing(tmp_path: Path) -> None:
    """Not even where a yes came between: an undated row is no newer word the second time."""
    async with shop_of(tmp_path) as (shop, mails):
        assert await suppress(shop, "ada", "bob") == {"taken": 2, "known": 0, "refused": []}
        await lapsed(shop, "ada")
        shop.clock.set(START + HOUR)
        yes = event("consent.given", START + HOUR, "ada", purpose="marketing", proof={"page": "/"})
        await shop.program.loop.submit([yes])
        journal = shop.rows("select count(*) from journal")
        assert await suppress(shop, "ada", "bob") == {"taken": 0, "known": 2, "refused": []}
        assert shop.rows("select count(*) from journal") == journal
        await shop.pass_time(START + 2 * DAY, step=HOUR)
        assert written_to(mails) == addresses("ada")


async def test_nothing_readable_of_an_address_is_kept(tmp_path: Path) -> None:
    """Neither the address nor the hash that the file had can be found in the database."""
    async with shop_of(tmp_path) as (shop, _):
        await suppress(shop, "somebody", "else")
        await suppress(shop, "third", hashed=True)
        await shop.settle()
    kept = everything_in(tmp_path)
    for address in addresses("somebody", "else", "third"):
        for told in (address.encode(), fingerprint(address), fingerprint(address).hex().encode()):
            assert told not in kept


async def test_an_imported_order_starts_nothing_whatever_its_time(tmp_path: Path) -> None:
    """A row of this very minute is history: no thank-you, no run, no effect; the fact is known."""
    async with shop_of(tmp_path) as (shop, _):
        placed = event("order.placed", START, "ada", order_id="o-1", email="ada@example.org")
        rows = [[2, [encode(placed).decode()]], [3, [encode(placed).decode()]], [4, ["{}"]]]
        did = await shop.program.control.do("import", {"rows": rows, "origin": "orders.csv"})
        assert did == {"taken": 1, "known": 1, "refused": [(4, "type is missing")]}
        await shop.settle()
        assert shop.rows("select type from effect") == []
        assert shop.rows("select standing from customer") == [("active",)]
