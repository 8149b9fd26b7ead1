"""Codes in the shops: made once, found again, withdrawn; the shop's no told from its troubles. Against local servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from connectors.shops import CodeMaker
from connectors.shops.making import Discount, discount_of
from engine.core.customer import Customer
from engine.core.effects import COUPON_ISSUED, COUPON_VOIDED, Effect
from engine.core.moments import SECOND
from engine.ports import Receipt
from tests.builders import START
from tests.shop_servers import SHOPS, ShopifyServer, ShopServer, ShopwareServer, WooCommerceServer, running

CODE = "WB-7K2M9QX4TD"
TOLD: dict[str, Any] = {
    "name": "ten",
    "kind": "discount",
    "code": CODE,
    "value": "10%",
    "minimum_basket": "20.00 EUR",
    "valid_until": "2026-01-19",
    "terms": "",
    "codes": "shop",
    "uses": 1,
    "starts_at": "2026-01-05T09:00:00Z",
    "ends_at": "2026-01-19T23:00:00Z",
}
MADE = {CODE: {"value": "10%", "minimum": "20.00", "ends": "2026-01-19T23:00:00Z", "uses": 1}}
ADA = Customer("ada")


@pytest.fixture(params=sorted(SHOPS))
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[ShopServer]:
    """Each kind of shop in turn."""
    async with running(SHOPS[request.param]()) as found:
        yield found


@pytest.fixture
async def maker(shop: ShopServer) -> AsyncIterator[CodeMaker]:
    """The receiver that has it make codes."""
    found = CodeMaker(shop.client())
    yield found
    await found.close()


def issued(**changes: Any) -> Effect:
    """A code was issued."""
    return Effect(COUPON_ISSUED, START, "ada", "e1", {**TOLD, **changes})


def voided(code: str = CODE) -> Effect:
    """A code was voided."""
    return Effect(COUPON_VOIDED, START, "ada", "e1", {**TOLD, "code": code, "reason": "gone"})


def said(receipt: Receipt) -> list[tuple[str, str, str, str]]:
    """What a receipt tells the engine."""
    return [(each.type, each.customer, each.data.code, each.data.reason) for each in receipt.events]


READY = [("coupon.ready", "ada", CODE, "")]


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({}, {"value": "10%", "minimum": "20.00"}),
        ({"value": "12.5%", "minimum_basket": None}, {"value": "12.5%", "minimum": None}),
        ({"value": "5.00 EUR", "minimum_basket": "100.00 EUR"}, {"value": "5.00", "minimum": "100.00"}),
    ],
)
async def test_a_code_is_made_with_its_value_minimum_end_and_one_use(
    shop: ShopServer, maker: CodeMaker, changes: dict[str, Any], made: dict[str, Any]
) -> None:
    """A share or an amount, with a minimum basket or without; then the engine is told that it is ready."""
    receipt = await maker.take(issued(**changes), ADA)
    assert (receipt.outcome, said(receipt)) == ("done", READY)
    assert shop.codes() == {CODE: {**MADE[CODE], **made}}


async def test_a_code_that_is_asked_for_twice_is_made_once(shop: ShopServer, maker: CodeMaker) -> None:
    """Told again after a kill: it is there, and it is ours; the answer has one id, so it counts once."""
    first, second = await maker.take(issued(), ADA), await maker.take(issued(), ADA)
    assert said(first) == said(second) == READY
    assert first.events[0].id == second.events[0].id
    assert shop.codes() == MADE


async def test_the_answer_of_a_creation_may_get_lost(shop: ShopServer, maker: CodeMaker) -> None:
    """The shop has made the code when the connection breaks: asked again, it says that the code is there."""
    calls_before = 2 if shop.kind == "shopware" else 0  # the token, and the sales channels
    shop.troubles = [*["none"] * calls_before, "after"]
    assert (await maker.take(issued(), ADA)).outcome == "later"
    assert shop.codes() == MADE
    assert said(await maker.take(issued(), ADA)) == READY
    assert shop.codes() == MADE


@pytest.mark.parametrize(
    ("answer", "retry_after", "reason"),
    [
        (lambda: web.Response(status=429, headers={"Retry-After": "2.0"}), 2 * SECOND, "429 Too Many Requests"),
        (lambda: web.Response(status=503, headers={"Retry-After": "99999"}), 3_600 * SECOND, "503"),
        (lambda: web.Response(status=500, text="<h1>ada@example.org</h1>"), None, "500 Internal Server Error"),
        (lambda: web.Response(status=403), None, "403 Forbidden: is the token right, and may it do this?"),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), None, "302 Found: is this the shop's"),
        (lambda: web.Response(text="<html>"), None, "the answer (200) is no JSON"),
        (lambda: web.Response(body=b" " * 1_000_001), None, "the answer is longer than"),
    ],
)
async def test_what_is_about_the_place_is_tried_again(
    shop: ShopServer, maker: CodeMaker, answer: Any, retry_after: int | None, reason: str
) -> None:
    """Throttled, down, wrong token or address: no code is refused for it, and nothing of the answer's text is told."""
    shop.troubles = [answer()]
    receipt = await maker.take(issued(), ADA)
    assert (receipt.outcome, receipt.retry_after, said(receipt)) == ("later", retry_after, [])
    assert reason in receipt.reason
    assert "ada" not in receipt.reason
    assert said(await maker.take(issued(), ADA)) == READY


async def test_a_shop_that_does_not_answer_is_tried_again(shop: ShopServer) -> None:
    """Nobody listens there any more."""
    shop.url = "http://127.0.0.1:9"
    maker = CodeMaker(shop.client())
    receipt = await maker.take(issued(), ADA)
    assert (receipt.outcome, receipt.reason) == ("later", "cannot be reached: ClientConnectorError")
    await maker.close()


async def test_a_wrong_token_is_no_refusal(shop: ShopServer) -> None:
    """Somebody puts it right within days, and no mail is to be lost until then."""
    shop.key, shop.token, right = "key", "wrong", shop.token
    maker = CodeMaker(shop.client())
    shop.token = right
    receipt = await maker.take(issued(), ADA)
    assert (receipt.outcome, said(receipt)) == ("later", [])
    assert "right" in receipt.reason
    assert shop.codes() == {}
    await maker.close()


async def test_what_the_shop_will_not_make_is_refused_with_its_words(shop: ShopServer, maker: CodeMaker) -> None:
    """It says why, and the engine is told: the send goes by `if_refused`."""
    receipt = await maker.take(issued(value="150%"), ADA)
    (event,) = receipt.events
    assert (receipt.outcome, event.type) == ("done", "coupon.refused")
    assert event.data.reason
    assert shop.codes() == {}


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
async def test_a_code_of_somebody_else_is_neither_given_out_nor_touched(kind: str) -> None:
    """The shop's people have one of that name already: it is refused, and stays when it is voided."""
    async with running(SHOPS[kind]()) as shop:
        shop.belongs_to_another(CODE)
        maker, theirs = CodeMaker(shop.client()), shop.codes()
        receipt = await maker.take(issued(), ADA)
        assert said(receipt)[0][0] == "coupon.refused"
        assert "another" in said(receipt)[0][3]
        assert (await maker.take(voided(), ADA)).outcome == "done"
        assert shop.codes() == theirs
        await maker.close()


async def test_a_voided_code_is_good_for_nothing(shop: ShopServer, maker: CodeMaker) -> None:
    """Once or twice told, and one that was never made is nothing to worry about."""
    await maker.take(issued(), ADA)
    for effect in (voided(), voided(), voided("WB-0000000000")):
        receipt = await maker.take(effect, ADA)
        assert (receipt.outcome, receipt.events) == ("done", ())
    assert shop.codes() == {}


async def test_a_code_that_was_voided_before_the_shop_was_asked_is_not_made(shop: ShopServer, maker: CodeMaker) -> None:
    """The shop was down for days. Of somebody merged into another, the other record knows; so the code is made."""
    for gone in (replace(ADA, voided_codes=(CODE,)), replace(ADA, gone="deceased")):
        receipt = await maker.take(issued(), gone)
        assert (receipt.outcome, receipt.events) == ("done", ())
    assert shop.calls == 0
    assert said(await maker.take(issued(), replace(ADA, gone="merged into bob"))) == READY


async def test_only_codes_that_the_shop_makes_are_taken(maker: CodeMaker) -> None:
    """Signed and pooled ones are none of its business."""
    assert maker.takes(issued())
    assert not maker.takes(issued(codes="signed"))
    assert not maker.takes(Effect(COUPON_VOIDED, START, "ada", "e1", {"name": "ten", "code": CODE, "reason": "gone"}))


async def test_shopify_says_how_long_its_points_take_to_come_back() -> None:
    """Its bucket is empty: 10 points at 100 a second."""
    async with running(ShopifyServer()) as shop:
        assert isinstance(shop, ShopifyServer)
        maker, shop.points = CodeMaker(shop.client()), 0
        receipt = await maker.take(issued(), ADA)
        assert (receipt.outcome, receipt.retry_after) == ("later", SECOND // 10)
        shop.points = 2_000
        assert said(await maker.take(issued(), ADA)) == READY
        await maker.close()


async def test_woocommerce_keeps_what_was_used() -> None:
    """Somebody used the code and then left: deleting it would take it out of the shop's statistics."""
    async with running(WooCommerceServer()) as shop:
        assert isinstance(shop, WooCommerceServer)
        maker = CodeMaker(shop.client())
        await maker.take(issued(), ADA)
        shop.coupons[1]["usage_count"] = 1
        await maker.take(voided(), ADA)
        assert shop.codes() == MADE
        await maker.close()


async def test_shopware_gets_a_new_token_when_the_old_one_holds_no_more() -> None:
    """Ten minutes are over; and codes of one minimum basket share one rule."""
    async with running(ShopwareServer()) as shop:
        assert isinstance(shop, ShopwareServer)
        maker, shop.holds = CodeMaker(shop.client()), 3
        for number in range(4):
            code = f"WB-000000000{number}"
            assert said(await maker.take(issued(code=code), ADA)) == [("coupon.ready", "ada", code, "")]
        assert len(shop.codes()) == 4
        assert len(shop.rows["rule"]) == 1
        assert shop.tokens > 1
        await maker.close()


def test_a_discount_is_what_was_told_of_it() -> None:
    """Every word of it has its place."""
    assert discount_of({**TOLD, "value": "5.00 EUR"}) == Discount(
        code=CODE,
        offer="ten",
        percent="",
        amount="5.00",
        currency="EUR",
        minimum="20.00",
        starts_at="2026-01-05T09:00:00Z",
        ends_at="2026-01-19T23:00:00Z",
    )
