"""A history that is taken in while everything is live: it teaches the engine, and starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import aiohttp
import pytest

from connectors.memory import FixedClock
from engine.core.cadence import Cadence
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, SECOND, Instant, Length
from engine.core.reading import encode
from engine.core.rules import EnterAtMost, RuleSet
from engine.runtimes.simulator.sample import DAYS, sample_events
from engine.runtimes.simulator.sample import START as FIRST_DAY
from tests.acceptance.embedded import Shop, live_shop
from tests.acceptance.shipped import shipped, switched
from tests.mail_servers import Mails, mail_server

NOW: Instant = (FIRST_DAY + DAYS + 4) * DAY + 10 * HOUR
"""Four days after the history's last one: none of it is news."""

BATCH = 500
TICK = SECOND // 1_000
"""The clock goes on from batch to batch, but not so far that somebody's time is up meanwhile: that would be news."""

Take = Callable[[Shop, Sequence[Event]], Awaitable[Counter[str]]]


async def ingested(shop: Shop, events: Sequence[Event]) -> Counter[str]:
    """Take events in as `winback ingest` does it through a running engine."""
    counts: Counter[str] = Counter()
    for at in range(0, len(events), BATCH):
        lines = [
            [f"history.jsonl:{at + place}", encode(event).decode()]
            for place, event in enumerate(events[at : at + BATCH])
        ]
        told = await shop.program.control.do("ingest", {"events": lines})
        counts.update({name: told[name] for name in ("accepted", "duplicate", "history", "dead_letters")})
        shop.clock.advance(TICK)
    return counts


async def posted(shop: Shop, events: Sequence[Event]) -> Counter[str]:
    """Take events in over HTTP, as a shop's own system sends them."""
    counts: Counter[str] = Counter()
    async with aiohttp.ClientSession() as http:
        for at in range(0, len(events), BATCH):
            body = b"[" + b",".join(map(encode, events[at : at + BATCH])) + b"]"
            headers = {"Content-Type": "application/cloudevents-batch+json"}
            async with http.post(shop.ops("/events"), data=body, headers=headers) as answer:
                assert answer.status == 202
                results = (await answer.json())["results"]
            counts.update(each["status"] for each in results)
            shop.clock.advance(TICK)
    return counts


def in_order(events: list[Event]) -> list[Event]:
    """Return the history as it happened."""
    return events


def shuffled(events: list[Event]) -> list[Event]:
    """Return the history in any order."""
    return Random(7).sample(events, len(events))


def twice(events: list[Event]) -> list[Event]:
    """Return the history with everything in it twice."""
    return [*events, *shuffled(events)]


CADENCES: dict[int, Cadence] = {}
"""By the number of customers: the reorder interval that some case came to; all others must come to the same."""


def paced(count: int) -> RuleSet:
    """Return the shipped rules, live, with so many entries a day for every workflow that names a pace."""
    rules = shipped()
    for name, switch in rules.switches.items():
        if switch.enter_at_most is not None:
            rules = switched(rules, name, enter_at_most=EnterAtMost(count, Length(days=1)))
    return rules


async def teaches_and_starts_nothing(
    data: Path, take: Take, arranged: Callable[[list[Event]], list[Event]], *, customers: int, pace: int, days: int
) -> dict[str, int]:
    """Take a history in, look that nothing came of it, and let days pass; return entries by workflow."""
    history = list(sample_events(customers, seed=3))
    mails = Mails()
    async with mail_server(mails) as server, live_shop(data, FixedClock(NOW), paced(pace), server.port) as shop:
        given = arranged(history)
        counts = await take(shop, given)
        await shop.settle()
        assert counts["accepted"] == len(history)
        assert counts["duplicate"] == len(given) - len(history)
        assert counts["dead_letters"] == counts["dead_letter"] == 0
        assert shop.rows("select type, count(*) from effect group by type") == []
        assert shop.rows("select * from ledger") == shop.rows("select * from outbox") == []
        assert shop.rows("select * from under_way") == []
        assert not mails.taken
        assert not list((data / "mailbox").rglob("*.eml"))
        cadence = shop.program.engine.handling.rules.shop.cadence
        assert CADENCES.setdefault(customers, cadence) == cadence
        assert cadence.overall.count > 0

        begun = shop.clock.now()
        await shop.pass_time(begun + days * DAY, step=3 * HOUR)
        entries, most = entered(shop)
        assert most <= pace, entries
        assert mails.taken
        return dict(entries)


def entered(shop: Shop) -> tuple[Counter[str], int]:
    """Return entries by workflow, and the most of one workflow in one day of its pace.

    Days are counted from a workflow's first entry, as its pace counts them. All entries count, also those of customers
    who come to fit on their own meanwhile.
    """
    entries: Counter[str] = Counter()
    by_day: Counter[tuple[str, int]] = Counter()
    first: dict[str, Instant] = {}
    rows = shop.rows(
        "select json_extract(body, '$.workflow'), time from effect where type = 'winback.run_started' order by seq"
    )
    for workflow, at in rows:
        entries[workflow] += 1
        by_day[workflow, (at - first.setdefault(workflow, at)) // DAY] += 1
    return entries, max(by_day.values())


@pytest.mark.parametrize("arranged", [in_order, shuffled, twice])
@pytest.mark.parametrize("take", [ingested, posted])
async def test_a_history_sends_nothing(
    tmp_path: Path, take: Take, arranged: Callable[[list[Event]], list[Event]]
) -> None:
    """Three years in any order, or twice: no effect, no mail, the same cadence; then no more a day than `enter_at_most`."""
    entries = await teaches_and_starts_nothing(tmp_path, take, arranged, customers=250, pace=4, days=6)
    assert entries.keys() >= {"readers-who-dont-buy", "reconfirm-newsletter"}


@pytest.mark.long
@pytest.mark.parametrize(("take", "arranged"), [(posted, in_order), (ingested, shuffled), (posted, twice)])
async def test_a_long_history_sends_nothing(
    tmp_path: Path, take: Take, arranged: Callable[[list[Event]], list[Event]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same with 20,000 customers and the paces that ship, 500 a day."""
    entries = await teaches_and_starts_nothing(tmp_path, take, arranged, customers=20_000, pace=500, days=10)
    with capsys.disabled():
        print(f"\n{take.__name__}, {arranged.__name__}: entries in 10 days {entries}")  # noqa: T201 - figures to report
