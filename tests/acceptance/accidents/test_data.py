"""Accidents with data: a history ingested twice, a suppression list that comes after go-live."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from engine.core.events import Event
from engine.core.moments import DAY, MINUTE
from engine.core.suppressions import fingerprint
from tests.acceptance.accidents.scene import COME_BACK, lapsed, scene
from tests.builders import START, event
from tests.mail_servers import Mails


def three_years(count: int) -> list[Event]:
    """Customers with an order every half year, the last one two months ago, who were mailed by another tool meanwhile."""
    events = lapsed(count)
    for number in range(count):
        name = f"c{number:04}"
        for nth in range(1, 6):
            at = START - 61 * DAY - nth * 180 * DAY + number
            events.append(event("order.placed", at, name, order_id=f"o-{name}-{nth}", email=f"{name}@example.org"))
            events.append(event("email.sent", at + DAY, name, email=f"{name}@example.org", sender="the old tool"))
    return events


def exported_again(events: list[Event]) -> list[Event]:
    """The same facts as another export has them: in another order, and each event with an id of its own."""
    again = [replace(each, id=f"export 2: {number}", source="another tool") for number, each in enumerate(events)]
    return Random(7).sample(again, len(again))


async def test_history_ingested_twice(tmp_path: Path) -> None:
    """Three years of facts, once before the first mail, again and exported anew in the middle: it teaches, and starts nothing."""
    async with scene(tmp_path) as here:
        history = three_years(20)
        told = await here.ingested(history)
        assert told["history"] == len(history)
        assert here.mails_to() == {}
        await here.days(7.5)
        before, reached = here.mails_to(), await here.reached()
        assert {len(each) for each in before.values()} == {1, 2}
        told = await here.ingested(history)
        assert told["duplicate"] == len(history)
        await here.ingested(exported_again(history))
        assert (here.mails_to(), await here.reached()) == (before, reached)
        await here.days(40)
        here.nobody_twice()
        assert sorted(here.mails_to().values()) == [["welcome_back", "still_with_us"]] * 20
        assert max((await here.reached()).values()) == 1


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
async def test_a_suppression_list_imported_after_go_live(tmp_path: Path, hashed: bool) -> None:  # noqa: FBT001 - a table's column
    """It holds for who is in the middle of a run, for what lies in the outbox, and for who comes to be known next week."""
    mails = Mails()
    mails.at_recipient = lambda to: "451 4.3.0 come back later" if to.startswith(("c0001", "c0002")) else None
    async with scene(tmp_path, mails=mails, workflow=COME_BACK.replace("10 per 1d", "100 per 1d")) as here:
        await here.shop.program.loop.submit(lapsed(6))
        for _ in range(3 * 60):
            here.shop.clock.advance(MINUTE)
            await here.shop.settled_but_for_mail()
        assert here.shop.rows("select count(*) from outbox") == [(2,)]
        named = [f"c{number:04}@example.org" for number in (1, 3, 9)]
        rows = [["unsubscribed", fingerprint(each).hex(), "" if hashed else each, None] for each in named]
        await here.shop.program.control.do("suppress", {"rows": rows})
        after: str | None = "" if hashed else None
        while after is not None:
            after = (await here.shop.program.control.do("match-suppressions", {"after": after}))["after"]
        mails.at_recipient = lambda _: None
        await here.days(1, step=20 * MINUTE)
        await here.happens(lapsed(2, first=8, now=here.shop.clock.now()))
        await here.days(40)
        assert here.mails_to().keys() == {f"c{number:04}@example.org" for number in (0, 2, 3, 4, 5, 8)}
        assert here.mails_to()["c0003@example.org"] == ["welcome_back"]  # before the list was known
        here.nobody_twice()
        assert not {who for _, who in await here.reached()} & {"c0001", "c0009"}
