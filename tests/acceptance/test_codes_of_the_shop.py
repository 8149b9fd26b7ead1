"""A live engine and a shop's server: no mail shows a code that the checkout does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from connectors.memory import FixedClock
from engine.books.database import open_to_read, open_to_write
from engine.core.moments import DAY, HOUR, MINUTE
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.program import running as engine_running
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings, ShopSettings
from tests.acceptance.embedded import Shop, settings
from tests.acceptance.shipped import shipped_files
from tests.acceptance.test_checkout import visits
from tests.builders import START, event, rules_of
from tests.core.test_gate import COUPON
from tests.mail_servers import Mails, mail_server
from tests.shop_servers import SHOPS, ShopServer, running

OFFERS = "offers:\n  ten: {discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, codes: shop}\n"


@asynccontextmanager
async def live(folder: Path, shop: ShopServer, clock: FixedClock, mails: Mails) -> AsyncIterator[Shop]:
    """A live engine beside a shop that makes its codes."""
    files = replace(shipped_files(), rules=rules_of(COUPON, offers=OFFERS))
    async with mail_server(mails) as server:
        of_the_shop = ShopSettings.model_validate({"kind": shop.kind, "url": shop.url, "key": shop.key})
        said: Settings = settings(folder, server.port).model_copy(update={"shop": of_the_shop})
        async with engine_running(said, {"WINBACK_SHOP_TOKEN": shop.token}, clock, files) as program:
            if not program.shop_is_live:
                await program.control.do("go-live", {"no_suppressions": True})
            here = Shop(program, clock)
            await here.settle()
            yield here


@pytest.mark.parametrize("kind", sorted(SHOPS))
async def test_a_mail_leaves_when_the_shop_knows_its_code(tmp_path: Path, kind: str) -> None:
    """Made before the mail, shown in it; ended when its owner is gone; and a replay comes to the same records."""
    mails, clock = Mails(), FixedClock(START)
    async with running(SHOPS[kind]()) as shop, live(tmp_path / "data", shop, clock, mails) as here:
        code = await visits(here)
        await here.settle()
        assert list(shop.codes()) == [code]
        (mail,) = mails.mails()
        body = mail.get_body(("plain",))
        assert body is not None
        assert code in body.get_content()
        await here.program.loop.submit([event("customer.ended", clock.now(), "ada")])
        await here.settle()
        assert shop.codes() == {}
        key = keys_of(here.program.settings, {}).codes
    with closing(open_to_read(tmp_path / "data")) as source, closing(open_to_write(tmp_path / "again")) as target:
        replay(source, target, key=key)
        assert differing(source, target) == []


async def test_mails_wait_while_the_shop_is_down(tmp_path: Path) -> None:
    """For hours, over a restart; then it makes the code and the mail leaves. Nothing was sent without."""
    mails, clock = Mails(), FixedClock(START)
    async with running(SHOPS["shopify"]()) as shop:
        shop.troubles = [web.Response(status=503) for _ in range(1_000)]
        async with live(tmp_path, shop, clock, mails) as here:
            await visits(here)
            await here.pass_time(clock.now() + 3 * HOUR, step=10 * MINUTE)
            assert mails.taken == []
            deferred = "select body ->> '$.reason' from effect where type = 'winback.send.deferred'"
            assert here.rows(deferred) == [("coupon not ready",)]
        async with live(tmp_path, shop, clock, mails) as here:
            shop.troubles = []
            await here.pass_time(clock.now() + HOUR, step=10 * MINUTE)
            assert len(shop.codes()) == len(mails.taken) == 1


async def test_a_code_that_comes_too_late_is_withdrawn_from_the_shop(tmp_path: Path) -> None:
    """The mail was dropped after late_at_most; the shop comes up a day later, and ends with no code that nobody has."""
    mails, clock = Mails(), FixedClock(START)
    async with running(SHOPS["woocommerce"]()) as shop, live(tmp_path, shop, clock, mails) as here:
        shop.troubles = [web.Response(status=503) for _ in range(1_000)]
        first = await visits(here)
        await here.pass_time(START + 3 * DAY + HOUR, step=HOUR)
        dropped = "select body ->> '$.reason' from effect where type = 'winback.send.dropped'"
        assert here.rows(dropped) == [("late: coupon not ready",)]
        shop.troubles = []
        await here.pass_time(START + 3 * DAY + 6 * HOUR, step=10 * MINUTE)
        assert first not in shop.codes()
        assert mails.taken == []
