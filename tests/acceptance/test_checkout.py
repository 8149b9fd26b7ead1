"""What the checkout is told of codes, over HTTP and from the running engine: `GET /coupons/CODE` and its redemption."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from connectors.memory import FixedClock
from engine.books.database import open_to_read, open_to_write
from engine.core.moments import DAY, HOUR, MINUTE
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.secret import keys_of
from tests.acceptance.embedded import Shop, live_shop
from tests.builders import START, event, rules_of
from tests.core.test_gate import COUPON
from tests.mail_servers import Mails, mail_server

OFFER = "discount: 10%, minimum_basket: 20 EUR, valid_for: 14d"
SIGNED = f"offers:\n  ten: {{{OFFER}}}\n"
TEXT = f"offers:\n  ten: {{{OFFER}, codes: text, text: WELCOME}}\n"


@asynccontextmanager
async def running_shop(folder: Path, clock: FixedClock | None = None, offers: str = SIGNED) -> AsyncIterator[Shop]:
    """A live shop that gives a code to whoever visits."""
    async with mail_server(Mails()) as server:
        rules = rules_of(COUPON, offers=offers)
        async with live_shop(folder, clock or FixedClock(START), rules, server.port) as shop:
            yield shop


async def visits(shop: Shop, name: str = "ada") -> str:
    """Let a customer visit who may be written to; return the code of the mail they get."""
    now = shop.clock.now()
    await shop.program.loop.submit(
        [
            event("profile.updated", now, name, f"profile {name}", email=f"{name}@example.org"),
            event("consent.given", now, name, f"consent {name}", purpose="marketing", proof={"page": "/"}),
            event("customer.visited", now, name, f"visit {name}"),
        ]
    )
    await shop.settle()
    query = "select body ->> '$.code' from effect where type = 'winback.coupon_issued' and customer = ?"
    return str(shop.rows(query, name)[-1][0])


async def told(shop: Shop, code: str) -> tuple[int, dict[str, Any]]:
    """What the checkout is told of a code."""
    async with aiohttp.ClientSession() as http, http.get(shop.ops(f"/coupons/{code}")) as answer:
        return answer.status, await answer.json()


async def redeems(shop: Shop, code: str, **order: Any) -> tuple[int, dict[str, Any]]:
    """Let the checkout redeem a code."""
    path = shop.ops(f"/coupons/{code}/redeem")
    async with aiohttp.ClientSession() as http, http.post(path, json=order) as answer:
        return answer.status, await answer.json()


async def test_the_checkout_is_told_what_a_code_is_worth_and_whose_it_is(tmp_path: Path) -> None:
    """Value, minimum basket, last day, terms, customer; however it was typed; before and after a restart."""
    async with running_shop(tmp_path) as shop:
        code = await visits(shop)
        status, coupon = await told(shop, code)
        assert status == 200
        assert coupon == {
            "code": code,
            "state": "valid",
            "why": "",
            "used": False,
            "offer": "ten",
            "kind": "discount",
            "value": "10%",
            "minimum_basket": "20.00 EUR",
            "starts_at": "2026-01-05T09:00:00Z",
            "valid_until": "2026-01-19",
            "ends_at": "2026-01-19T23:00:00Z",
            "terms": "",
            "customer": "ada",
        }
        typed = code.lower().replace("0", "o").replace("1", "l")
        assert await told(shop, typed) == (200, coupon)
    async with running_shop(tmp_path) as shop:
        assert await told(shop, code) == (200, coupon)


async def test_no_other_code_is_known(tmp_path: Path) -> None:
    """One that was never issued, the sample of previews, the text that everybody has, and one that nobody could type."""
    async with running_shop(tmp_path, offers=TEXT) as shop:
        assert await visits(shop) == "WELCOME"
        for code in ("WB-7K2M9QX4TD", "WELCOME", "x" * 65):
            assert await told(shop, code) == (404, {"error": "there is no such code"})
            assert (await redeems(shop, code, order_id="1"))[0] == 404
        assert "previews" in (await told(shop, "wb-7k2m9q"))[1]["error"]
        assert (await redeems(shop, "WB-7K2M9Q", order_id="1"))[0] == 404


async def test_a_code_is_redeemed_once_and_for_one_order_as_often_as_asked(tmp_path: Path) -> None:
    """A lost answer may be asked for again, after a restart too; another order is refused; the record knows it is used."""
    async with running_shop(tmp_path) as shop:
        code = await visits(shop)
        first = await redeems(shop, code, order_id="10023", basket="20.00", currency="EUR")
        assert (first[0], first[1]["used"]) == (200, True)
    async with running_shop(tmp_path) as shop:
        assert await redeems(shop, code.lower(), order_id="10023") == first
        status, refused = await redeems(shop, code, order_id="10024")
        assert (status, refused["error"]) == (409, "it was used before")
        assert refused["coupon"] == first[1]
        shop.clock.advance(DAY + MINUTE)
        await shop.settle()
        dropped = "select body ->> '$.reason' from effect where type = 'winback.send.dropped'"
        assert shop.rows(dropped) == [("offer_used",)]
        redeemed = shop.rows("select count(*) from journal where instr(signal, 'coupon.redeemed') > 0")
        assert redeemed == [(1,)]


async def test_the_order_itself_may_come_before_its_redemption(tmp_path: Path) -> None:
    """The bus was faster than the checkout: the same order gets its yes, another one its no."""
    async with running_shop(tmp_path) as shop:
        code = await visits(shop)
        await shop.program.loop.submit([event("order.placed", shop.clock.now(), "ada", order_id="7", coupon=code)])
        assert (await told(shop, code))[1]["state"] == "used"
        assert (await redeems(shop, code, order_id="7"))[0] == 200
        assert (await redeems(shop, code, order_id="8"))[0] == 409


async def test_what_is_too_small_late_or_unreadable_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Nothing of it uses the code up."""
    async with running_shop(tmp_path) as shop:
        code = await visits(shop)
        small = await redeems(shop, code, order_id="1", basket="19.99")
        assert (small[0], small[1]["error"]) == (409, "the basket of 19.99 EUR is below 20.00 EUR")
        other = await redeems(shop, code, order_id="1", basket="50", currency="CHF")
        assert (other[0], other[1]["error"]) == (409, "the basket is in CHF, the code asks for 20.00 EUR")
        for body in ({}, {"order_id": ""}, {"order_id": "1", "basket": "much"}, {"order_id": "1", "more": 1}):
            status, error = await redeems(shop, code, **body)
            assert (status, "error" in error) == (400, True)
        await shop.pass_time(START + 14 * DAY + 12 * HOUR, step=DAY)
        assert (await told(shop, code))[1]["state"] == "valid"  # to the end of the day that the mail shows
        await shop.pass_time(START + 14 * DAY + 15 * HOUR, step=DAY)
        assert (await told(shop, code))[1]["why"] == "its last day was 2026-01-19"
        assert (await redeems(shop, code, order_id="1"))[0] == 409


async def test_a_code_follows_its_customer(tmp_path: Path) -> None:
    """Merged into another it is theirs; of somebody who is gone it is void. A replay comes to the same records."""
    clock = FixedClock(START)
    async with running_shop(tmp_path / "data", clock) as shop:
        code, other = await visits(shop, "bob"), await visits(shop, "cyd")
        await shop.program.loop.submit(
            [
                event("customer.merged", clock.now(), "bob", into="ada"),
                event("customer.ended", clock.now(), "cyd", reason="deceased"),
            ]
        )
        assert (await told(shop, code))[1]["customer"] == "ada"
        assert (await redeems(shop, code, order_id="1"))[1]["used"]
        assert (await told(shop, other))[1]["why"] == "its customer is gone"
        assert (await redeems(shop, other, order_id="2"))[0] == 409
        key = keys_of(shop.program.settings, {}).codes
    with closing(open_to_read(tmp_path / "data")) as source, closing(open_to_write(tmp_path / "again")) as target:
        replay(source, target, key=key)
        assert differing(source, target) == []
