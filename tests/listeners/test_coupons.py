"""Who may ask the ops listener of codes: the checkout's token opens `/coupons` and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from engine.core.coupons import Coupon
from engine.listeners import OpsSettings, ops_app
from engine.listeners.coupons import Order, Refused

Client = TestClient[web.Request, web.Application]
COUPON = Coupon("WB-A", "valid", "", False, "ten", "discount", "10%", None, "", "2026-01-19", "", "", "ada")


class Codes:
    """A shop with one code."""

    async def look_up(self, code: str) -> Coupon | None:
        """Return how it stands."""
        return COUPON if code == COUPON.code else None

    async def redeem(self, code: str, order: Order) -> Coupon | Refused | None:
        """Take any order but the first."""
        return Refused("it was used before", COUPON) if order.order_id == "1" else await self.look_up(code)


@asynccontextmanager
async def listener(world: Any, **tokens: Any) -> AsyncIterator[Client]:
    """A program before the ops listener."""
    app = ops_app(OpsSettings(**tokens), world.intake(), lambda: "", CollectorRegistry(), codes=Codes())
    async with TestClient(TestServer(app)) as program:
        yield program


async def status(client: Client, path: str, token: str = "", **more: Any) -> int:
    """Ask, and return the status."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    method = "POST" if "json" in more or "data" in more else "GET"
    return (await client.request(method, path, headers=headers, **more)).status


@pytest.mark.parametrize(
    ("tokens", "token", "coupons", "metrics"),
    [
        ({}, "", 200, 200),
        ({"coupons_token": "till"}, "", 401, 200),
        ({"coupons_token": "till"}, "till", 200, 200),
        ({"token": "ops"}, "ops", 200, 200),
        ({"token": "ops"}, "till", 401, 401),
        ({"token": "ops", "coupons_token": "till"}, "till", 200, 401),
        ({"token": "ops", "coupons_token": "till"}, "ops", 200, 200),
        ({"token": "ops", "coupons_token": "till"}, "", 401, 401),
    ],
)
async def test_the_checkout_has_a_token_of_its_own(
    world: Any, tokens: dict[str, str], token: str, coupons: int, metrics: int
) -> None:
    """It is asked for wherever it is set, on this machine too; whoever may do everything may do this."""
    async with listener(world, **tokens) as client:
        assert await status(client, "/coupons/WB-A", token) == coupons
        assert await status(client, "/coupons/WB-A/redeem", token, json={"order_id": "2"}) == coupons
        assert await status(client, "/metrics", token) == metrics


async def test_what_no_checkout_would_send_is_refused(world: Any) -> None:
    """A page in a browser can send forms and texts to this machine, and no JSON."""
    async with listener(world) as client:
        path = "/coupons/WB-A/redeem"
        assert await status(client, path, data=b'{"order_id": "2"}') == 415
        answer = await client.post(path, data=b"{", headers={"Content-Type": "application/json"})
        assert answer.status == 400
        assert "order_id" in (await answer.json())["error"]
        assert await status(client, "/coupons/WB-B") == 404
        refused = await client.post(path, json={"order_id": "1"})
        assert (refused.status, (await refused.json())["coupon"]["code"]) == (409, "WB-A")
