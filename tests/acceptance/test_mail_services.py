"""Mail by a mail service, from the settings to its answer: every mail once, whatever becomes of a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.core.moments import DAY, MINUTE
from engine.wiring.program import running
from engine.wiring.service_settings import ServiceSettings
from engine.wiring.settings import Listen, SenderSettings, Settings
from tests.acceptance.embedded import Shop
from tests.acceptance.shipped import shipped_files
from tests.acceptance.test_mail_server_troubles import CUSTOMERS, ONE_MAIL, customers_come, pass_time, states, until
from tests.builders import START, rules_of
from tests.mail_service_servers import SECRET, SERVERS, MailServiceServer, serving

REMEMBER = {"mailgun", "postmark", "brevo"}


def settings(data: Path, server: MailServiceServer, **service: Any) -> Settings:
    """Return settings for a shop whose mail leaves by a service on this machine."""
    needed: dict[str, dict[str, Any]] = {
        "ses": {"region": "eu-central-1", "key_id": "AKIDEXAMPLE"},
        "mailgun": {"domain": "shop.example"},
    }
    url = f"{server.url}/mails" if server.kind == "webhook" else server.url
    kind: Any = server.kind
    return Settings(
        data=data,
        public_url="http://shop.example",
        listen=Listen(public="127.0.0.1:0", ops="127.0.0.1:0"),
        sender=SenderSettings(name="Shop", address="hello@shop.example", kind="http"),
        service=ServiceSettings(kind=kind, url=url, **needed.get(server.kind, {}), **service),
    )


@asynccontextmanager
async def live_shop(data: Path, server: MailServiceServer, clock: FixedClock, **service: Any) -> AsyncIterator[Shop]:
    """Run the engine with one workflow; at its first start it goes live."""
    key = SECRET if server.kind == "webhook" else server.key
    files = replace(shipped_files(), rules=rules_of(ONE_MAIL))
    async with running(settings(data, server, **service), {"WINBACK_SERVICE_KEY": key}, clock, files) as program:
        shop = Shop(program, clock)
        if not program.shop_is_live:
            await program.control.do("go-live", {"no_suppressions": True})
        await shop.settle()
        yield shop


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[MailServiceServer]:
    """Each service in turn."""
    async with serving(SERVERS[request.param]()) as made:
        yield made


def everybody() -> list[str]:
    """Return the addresses of those who fit."""
    return [f"c-{number}@example.org" for number in range(CUSTOMERS)]


async def test_an_hour_of_trouble_and_then_every_mail_goes_once(tmp_path: Path, server: MailServiceServer) -> None:
    """Refused keys, maintenance, too many requests: nothing is lost, and then each goes once."""
    async with live_shop(tmp_path, server, FixedClock(START)) as shop:
        server.troubles = [401, 429, 503, 403] * 1_000
        await customers_come(shop)
        await pass_time(shop, 60)
        assert not server.taken
        assert shop.rows("select count(*) from under_way") == [(CUSTOMERS,)]
        server.troubles = []
        await until(shop, {"done": CUSTOMERS})
    assert sorted(taken.recipient for taken in server.taken) == everybody()


async def test_a_call_that_breaks_when_it_was_taken_is_never_made_twice(
    tmp_path: Path, server: MailServiceServer
) -> None:
    """Whoever can be asked says that it has the mail, even if only minutes later; of the others it stays uncertain."""
    async with live_shop(tmp_path, server, FixedClock(START)) as shop:
        server.troubles, server.indexed = [*["after"] * 2 * CUSTOMERS], False
        await customers_come(shop)
        if server.kind in REMEMBER:
            for _ in range(500):  # on a clock that stands: nobody knows yet, and nobody gives up
                if states(shop) != {"calling": CUSTOMERS}:
                    await pass_time(shop, 1, step=0)
            assert states(shop) == {"calling": CUSTOMERS}
            server.indexed = True
        ends = {"uncertain": CUSTOMERS} if server.kind in ("ses", "sendgrid") else {"done": CUSTOMERS}
        await until(shop, ends)
        await shop.pass_time(shop.clock.now() + DAY, step=20 * MINUTE)
        assert states(shop) == ends
    assert sorted(taken.recipient for taken in server.taken) == everybody()


async def test_a_request_that_is_refused_is_no_proof_about_an_address(
    tmp_path: Path, server: MailServiceServer
) -> None:
    """What a service says of a request of ours leaves the address as it was."""
    async with live_shop(tmp_path, server, FixedClock(START)) as shop:
        server.troubles = [400] * CUSTOMERS
        await customers_come(shop)
        await until(shop, {"refused": CUSTOMERS})
        assert shop.rows("select count(*) from customer where hindrance = 'dead address'") == [(0,)]
