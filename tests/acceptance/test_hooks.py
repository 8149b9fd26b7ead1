"""The embedded engine as `winback run` puts it together, told by shops and mail services over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.memory import FixedClock
from engine.books.database import open_to_read
from engine.books.views import Views
from engine.core.customer import Customer
from engine.core.links import block_key, customer_block_key
from engine.wiring.program import Program, running
from engine.wiring.secret import keys_of
from engine.wiring.settings import Listen, Settings, SettingsError
from tests.acceptance.shipped import shipped_files
from tests.hook_senders import SENDERS, TOPIC, environment, with_certificate
from tests.order_servers import WooCommerceOrders
from tests.shop_servers import running as shop_running

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


@asynccontextmanager
async def engine(data: Path, said: dict[str, str], **tables: Any) -> AsyncIterator[Program]:
    """Run the engine with hooks on."""
    listen = Listen(public="127.0.0.1:0", ops="127.0.0.1:0")
    settings = Settings.model_validate({"data": data, "listen": listen.model_dump(), **tables})
    async with running(settings, said, FixedClock(NOW), shipped_files()) as program:
        yield program


async def post(program: Program, name: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """Post a call to the public listener."""
    assert program.public is not None
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{program.public.port}/hooks/{name}", data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


def record(program: Program, customer: str) -> Customer:
    """Return a customer's record as another process reads it."""
    with Views(program.settings.data) as views:
        found = views.record(customer)
    assert found is not None
    return found


def blocked(program: Program) -> set[bytes]:
    """Return the keys on the block list."""
    with closing(open_to_read(program.settings.data)) as reader:
        return {key for (key,) in reader.execute("select key from blocked")}


async def test_every_hook_reaches_the_records(tmp_path: Path) -> None:
    """Each of the nine, twice: the second time nothing changes. The last table of the books knows the one that signs no body."""
    ses = {"topics": [TOPIC], "certificate_file": str(with_certificate(tmp_path))}
    async with engine(tmp_path / "data", environment(), hooks={"ses": ses}) as program:
        for sender in SENDERS.values():
            headers, body = sender.call(1, NOW)
            for status in ("accepted", "duplicate"):
                answered, said = await post(program, sender.name, headers, body)
                assert (answered, {each["status"] for each in said["results"]}) == (200, {status}), sender.name
        assert len(record(program, "shopify:7001").orders) == 1
        assert len(record(program, "woocommerce:7001").orders) == 1
        assert record(program, "shopify:7001").value("email") == "c1@example.org"
        with closing(open_to_read(tmp_path / "data")) as reader:
            assert reader.execute("select count(*) from hook_call").fetchone() == (1,)


async def test_a_refund_that_names_an_order_alone_is_the_customers(tmp_path: Path) -> None:
    """A guest's too, who is known by the address; a deleted order of WooCommerce's is taken back."""
    async with engine(tmp_path / "data", environment("shopify", "woocommerce")) as program:
        shopify, woocommerce = SENDERS["shopify"], SENDERS["woocommerce"]
        guest = json.dumps({**shopify.said(1), "customer": None}).encode()
        await post(program, "shopify", *shopify.signed(guest, shopify.secrets[0], NOW))
        paid = {"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"}
        refund = {"id": 5, "order_id": 820_001, "created_at": "2026-01-05T10:59:00+01:00", "transactions": [paid]}
        headers, body = shopify.signed(json.dumps(refund).encode(), shopify.secrets[0], NOW)
        _, said = await post(program, "shopify", {**headers, "X-Shopify-Topic": "refunds/create"}, body)
        assert said["results"][0]["status"] == "accepted"
        assert record(program, "mailto:c1@example.org").refunded_at
        await post(program, "woocommerce", *woocommerce.call(2, NOW))
        headers, body = woocommerce.signed(b'{"id": 2}', woocommerce.secrets[0], NOW)
        await post(program, "woocommerce", {**headers, "X-WC-Webhook-Topic": "order.deleted"}, body)
        assert record(program, "woocommerce:7002").orders == ()


async def test_nothing_is_kept_of_an_order_of_one_who_was_erased(tmp_path: Path) -> None:
    """The shop tells it again; it is refused, and not even its number is kept."""
    async with engine(tmp_path / "data", environment("shopify")) as program:
        await post(program, "shopify", *SENDERS["shopify"].call(1, NOW))
        await program.control.do("erase", {"customer": "7001", "why": "asked"})
        _, said = await post(program, "shopify", *SENDERS["shopify"].call(1, NOW))
        assert [each["status"] for each in said["results"]] == ["refused"]
        with closing(open_to_read(tmp_path / "data")) as reader:
            known = reader.execute("select customer from identity union select customer from fresh").fetchall()
        assert ("7001",) not in known


async def test_a_complaint_blocks_the_address_and_the_customer_before_the_answer(tmp_path: Path) -> None:
    """So nothing that waits in the outbox leaves after it; a shop's customer is found by the address."""
    said = environment("shopify", "sendgrid")
    async with engine(tmp_path / "data", said) as program:
        await post(program, "shopify", *SENDERS["shopify"].call(1, NOW))
        complaint = [
            {"email": "C1@example.org", "timestamp": NOW // 1_000_000, "event": "spamreport", "sg_event_id": "s"}
        ]
        sender = SENDERS["sendgrid"]
        answered, _ = await post(
            program, "sendgrid", *sender.signed(json.dumps(complaint).encode(), sender.secrets[0], NOW)
        )
        assert answered == 200
        key = keys_of(program.settings, said).blocks
        assert blocked(program) == {
            found
            for purpose in ("marketing", "newsletter")
            for found in (block_key(key, "c1@example.org", purpose), customer_block_key(key, "7001", purpose))
        }
        assert set(record(program, "7001").stopped) == {"marketing", "newsletter"}


async def test_a_dead_address_is_the_customers_who_has_it(tmp_path: Path) -> None:
    """A bounce about an unknown message finds the one who has the address, and proves it dead."""
    async with engine(tmp_path / "data", environment("shopify", "postmark")) as program:
        await post(program, "shopify", *SENDERS["shopify"].call(1, NOW))
        await post(program, "postmark", *SENDERS["postmark"].call(1, NOW))
        (proof,) = record(program, "7001").proofs
        assert (proof.clear, proof.status) == (True, "5.1.1")


async def test_orders_that_no_webhook_told_are_asked_for(tmp_path: Path) -> None:
    """What was told is known; what was missed comes, and after a restart the engine goes on where it was."""
    orders: Any = {str(n): ("2026-01-05T09:58:05", SENDERS["woocommerce"].said(n)) for n in range(1, 61)}
    said = environment("woocommerce") | {"WINBACK_SHOP_TOKEN": WooCommerceOrders.token}
    async with shop_running(WooCommerceOrders(orders)) as shop:
        asked = {"kind": "woocommerce", "url": shop.url, "key": shop.key, "poll": "1min"}
        for calls in (2, 4):
            async with engine(tmp_path / "data", said, shop=asked) as program:
                await post(program, "woocommerce", *SENDERS["woocommerce"].call(1, NOW))
                async with aiohttp.ClientSession() as session:
                    while await polls(program, session) < 1:
                        pass
                assert shop.calls == calls
                assert {len(record(program, str(7_000 + n)).orders) for n in range(1, 61)} == {1}
        with closing(open_to_read(tmp_path / "data")) as reader:
            assert reader.execute("select shop, until from poll").fetchall() == [("woocommerce", NOW)]


async def polls(program: Program, session: aiohttp.ClientSession) -> float:
    """Return how many rounds of asking are over, by the metrics."""
    assert program.ops is not None
    async with session.get(f"http://127.0.0.1:{program.ops.port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith('winback_polls_total{outcome="done"}'))


@pytest.mark.parametrize(
    ("said", "tables", "told"),
    [
        ({"WINBACK_HOOKS_GENERIC_SECRETS": "x"}, {}, "whsec_"),
        ({}, {"hooks": {"ses": {"topics": [TOPIC], "certificate_file": "nowhere.pem"}}}, "hooks.ses.certificate_file"),
        ({}, {"hooks": {"shopify": {"secrets_file": "nowhere"}}}, "hooks.shopify.secrets_file"),
        ({}, {"shop": {"poll": "15min"}}, "shop.kind"),
        ({}, {"shop": {"poll": "15min", "kind": "woocommerce"}}, "shop.url"),
    ],
)
async def test_settings_that_cannot_be_followed_keep_it_from_starting(
    said: dict[str, str], tables: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """In one sentence each, before anything is taken in."""
    with pytest.raises(SettingsError, match=told):
        async with engine(tmp_path / "data", said, **tables):
            pass
