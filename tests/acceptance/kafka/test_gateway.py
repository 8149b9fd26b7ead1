"""`winback gateway` as it runs: the two listeners, mapped topics, PostgreSQL that goes away and comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import smtplib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import psycopg
import pytest

from engine.core.links import CLICK, PREFERENCES, UNSUBSCRIBE, Link, block_key, customer_block_key
from engine.core.rules import OwnEvent, RuleSet
from engine.core.signals import Happened
from engine.runtimes.kafka.rules_topic import RulesDocument, encode_rules
from engine.wiring.clock import clock_of
from engine.wiring.distributed import gateway
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings, load
from tests.acceptance.kafka.commands import winback
from tests.acceptance.test_mail_comes_back import BOUNCE
from tests.gateway_harness import Bus, present
from tests.hook_senders import SENDERS
from tests.postgres_servers import Server
from tests.server_processes import free_port

PARTITIONS = 4
CONNECTORS = """\
topics:
  PREFIX-shop.reviews:
    events:
      - type: review.written
        id: nr
        time: $time
        customer: $key
        data: {stars: rating}
"""


class Shop:
    """An installation with a gateway that runs in this process."""

    def __init__(self, folder: Path, kafka: str, prefix: str, postgres: Server) -> None:
        self.prefix, self.bus = prefix, Bus(kafka, prefix, PARTITIONS)
        self.postgres, self.database = postgres, postgres.database()
        listen = {f"listen_{name}": f"127.0.0.1:{free_port()}" for name in ("public", "ops")}
        said = {
            "kafka_brokers": kafka,
            "kafka_prefix": prefix,
            "kafka_partitions": str(PARTITIONS),
            "postgres_url": self.database,
            "secret": "a secret that is long enough",
            "incoming_address": "b@bounces.shop.example",
            "incoming_replies_to": "service@shop.example",
            "incoming_listen_at": f"127.0.0.1:{free_port()}",
            "incoming_files": str(folder / "mail"),
            "incoming_look_every": "1",
            **listen,
            **{f"hooks_{name}_secrets": ",".join(SENDERS[name].secrets) for name in ("shopify", "mailgun", "sendgrid")},
        }
        self.said = said
        self.environment = {f"WINBACK_{name.upper()}": value for name, value in said.items()}
        (folder / "workflows").mkdir()
        (folder / "mail").mkdir()
        (folder / "workflows" / "connectors.yaml").write_text(CONNECTORS.replace("PREFIX", prefix))
        (folder / "workflows" / "events.yaml").write_text(
            "events: {review.written: {means: A review, fields: {stars: number}}}"
        )
        self.settings: Settings = load(None, self.environment, data=folder / "data", workflows=folder / "workflows")
        self.folder = folder
        self.stop = asyncio.Event()
        self.words: list[str] = []

    @property
    def ops(self) -> str:
        """Where ops stands."""
        return f"http://{self.settings.listen.ops}"

    @property
    def public(self) -> str:
        """Where the public listener stands."""
        return f"http://{self.settings.listen.public}"

    async def prepare(self) -> None:
        """Make the topics."""
        made = await asyncio.to_thread(winback, self.folder, "topics", "--create", settings=self.said)
        assert made.code == 0, made.err
        await self.bus.make({f"{self.prefix}-shop.reviews": 1}, ours=False)

    async def put_rules(self) -> None:
        """Put a rule set into its topic, as the projector does."""
        own = {"review.written": OwnEvent(name="review.written", means="A review", fields={"stars": "number"})}
        document = RulesDocument(
            epoch=1, at=present(), applied=1, rule_set=RuleSet(own_events=own), versions=(), templates=""
        )
        async with self.bus.producer() as producer:
            await producer.send_and_wait(f"{self.prefix}.rules", encode_rules(document), key=b"1")

    async def run(self) -> None:
        """Run the gateway until it is stopped."""
        await gateway.gate(self.settings, self.environment, clock_of(self.settings), self.stop, told=self.words.append)

    async def says(self, http: aiohttp.ClientSession, what: str) -> None:
        """Wait until it says this of itself: `ok`, or what it waits for."""
        async with asyncio.timeout(60):
            while True:
                try:
                    async with http.get(f"{self.ops}/readyz") as answer:
                        if what in await answer.text():
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    def link(self) -> tuple[str, bytes]:
        """The link of an unsubscribe, and the key of the block list that it writes."""
        block = b"b" * 16
        link = Link(UNSUBSCRIBE, "c-1", "marketing", "e" * 32, (block, block), "", "en")
        return f"{self.public}/u/{keys_of(self.settings, self.environment).links.seal(link)}", block


@pytest.fixture
async def shop(tmp_path: Path, kafka: str, prefix: str, own_postgres: Server) -> AsyncIterator[Shop]:
    """A shop whose gateway has begun, and waits for its first rules."""
    made = Shop(tmp_path, kafka, prefix, own_postgres)
    await made.prepare()
    running = asyncio.create_task(made.run())
    yield made
    made.stop.set()
    async with asyncio.timeout(60):
        await running


def event(number: str, kind: str, data: str, subject: str = "") -> str:
    """An event as JSON."""
    who = f'"subject":"{subject}",' if subject else ""
    return f'{{"id":"{number}","type":"{kind}","time":"2026-01-31T10:15:00Z",{who}"data":{data}}}'


async def test_a_gateway_takes_in_what_happens(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its whole life: rules, HTTP, mapped topics, a "no" that is written before it is answered, PostgreSQL killed."""
    monkeypatch.setattr(gateway, "ANSWER_WITHIN", 2.0)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        await shop.says(http, "winback projector")
        await shop.put_rules()
        await shop.says(http, "ok")

        body = f"[{event('1', 'customer.visited', '{}', 'c-1')},{event('2', 'review.written', '{}', 'c-2')},{{}}]"
        async with http.post(f"{shop.ops}/events", data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 202
            results = (await answer.json())["results"]
        assert [each["status"] for each in results] == ["accepted", "accepted", "dead_letter"]

        await _review(shop, b"c-3")
        url, block = shop.link()
        async with http.post(url) as answer:
            assert answer.status == 200
        assert await _blocked(shop, block)
        entries = [entry for each in await shop.bus.wait_for(4) for entry in each]
        found = {
            (entry.customer, signal.event.type) for entry in entries if isinstance(signal := entry.decoded(), Happened)
        }
        assert found == {
            ("c-1", "customer.visited"),
            ("c-2", "review.written"),
            ("c-3", "review.written"),
            ("c-1", "email.unsubscribed"),
        }

        await asyncio.to_thread(shop.postgres.kill)
        headers = {"Content-Type": "application/json"}
        async with http.post(
            f"{shop.ops}/events", data=event("3", "customer.visited", "{}", "c-4"), headers=headers
        ) as answer:
            assert answer.status == 202  # who it is about needs no look-up
        guest = event("4", "email.opened", '{"email":"guest@example.org"}')
        async with http.post(f"{shop.ops}/events", data=guest, headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        async with http.post(url) as answer:
            assert answer.status == 503  # a "no" that could not be written is not answered as if it were

        await asyncio.to_thread(shop.postgres.start)
        async with asyncio.timeout(30):
            while True:
                async with http.post(f"{shop.ops}/events", data=guest, headers=headers) as answer:
                    if answer.status == 202:
                        break
        async with http.post(url) as answer:
            assert answer.status == 200
        async with http.get(f"{shop.ops}/metrics") as answer:
            metrics = await answer.text()
        assert "winback_gateway_events_total" in metrics
        assert "winback_gateway_lag_records" in metrics
        assert await shop.bus.letters()


async def test_a_gateway_leads_on_and_takes_choices(shop: Shop) -> None:
    """A link leads on before there are any rules, and is noted afterwards; choices come in as events, a no is blocked first."""
    keys = keys_of(shop.settings, shop.environment).links
    click = keys.seal(Link(CLICK, "c-1", "", "e" * 32, target="https://shop.example/tea"))
    page = f"{shop.public}/preferences/{keys.seal(Link(PREFERENCES, 'c-1', '', 'e' * 32, language='en'))}"
    async with aiohttp.ClientSession() as http:
        await shop.says(http, "winback projector")
        async with http.get(f"{shop.public}/c/{click}", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "https://shop.example/tea")
        await shop.put_rules()
        await shop.says(http, "ok")
        async with http.get(page) as answer:
            assert answer.status == 200
            assert "What would you like to hear from us?" in await answer.text()
        chosen = [("frequency", "monthly"), ("was.frequency", "usual"), ("was.get", "newsletter")]
        async with http.post(page, data=chosen) as answer:
            assert answer.status == 200
        assert await _blocked(
            shop, customer_block_key(keys_of(shop.settings, shop.environment).blocks, "c-1", "newsletter")
        )
        entries = [entry for each in await shop.bus.wait_for(3) for entry in each]
        told = {signal.event.type for entry in entries if isinstance(signal := entry.decoded(), Happened)}
        assert told == {"email.clicked", "email.unsubscribed", "profile.updated"}


async def test_a_gateway_hears_shops_and_mail_services(shop: Shop) -> None:
    """As embedded: a "no" is in PostgreSQL before the answer, and a refund that names an order alone finds whose it is.

    No worker runs here, so nobody has said yet whose the address is.
    """
    async with aiohttp.ClientSession() as http:
        await shop.says(http, "winback projector")
        await shop.put_rules()
        await shop.says(http, "ok")

        async def told(name: str, said: object = None, **more: str) -> int:
            sender, now = SENDERS[name], present()
            body = sender.body(1) if said is None else json.dumps(said).encode()
            headers, signed = sender.signed(body, sender.secrets[0], now)
            async with http.post(f"{shop.public}/hooks/{name}", data=signed, headers={**headers, **more}) as answer:
                return answer.status

        assert await told("shopify") == 200
        paid = {"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"}
        refund = {"id": 5, "order_id": 820_001, "created_at": "2026-01-05T10:59:00+01:00", "transactions": [paid]}
        assert await told("shopify", refund, **{"X-Shopify-Topic": "refunds/create"}) == 200
        no = {"email": "C1@example.org", "timestamp": present() // 1_000_000, "event": "spamreport", "sg_event_id": "s"}
        assert await told("sendgrid", [no]) == 200
        key = keys_of(shop.settings, shop.environment).blocks
        assert await _blocked(shop, block_key(key, "c1@example.org", "marketing"))
        assert [await told("mailgun") for _ in range(2)] == [200, 200]

        entries = [entry for each in await shop.bus.wait_for(5) for entry in each]
        found = {
            (entry.customer, signal.event.type) for entry in entries if isinstance(signal := entry.decoded(), Happened)
        }
        nobody = "mailto:c1@example.org"
        assert found == {
            ("7001", "order.placed"),
            ("7001", "order.refunded"),
            (nobody, "email.complained"),
            (nobody, "email.bounced"),
        }


async def test_a_gateway_takes_mail_in(shop: Shop) -> None:
    """By its listener and from files, as embedded: joined by what was signed, a "no" in PostgreSQL before the answer."""
    paths = keys_of(shop.settings, shop.environment).returns
    effects = {name: hashlib.blake2b(name.encode(), digest_size=16).hexdigest() for name in ("c-1", "c-2", "c-3")}
    to = {
        name: paths.address("b@bounces.shop.example", effect, name, f"{name}@example.org")
        for name, effect in effects.items()
    }
    port = int(shop.settings.incoming.listen.at.rpartition(":")[2])

    def give(name: str, words: str) -> None:
        mail = (
            f"From: {name}@example.org\r\nTo: {to[name]}\r\nMessage-ID: <{name}@x>\r\nSubject: Re: x\r\n\r\n{words}\r\n"
        )
        with smtplib.LMTP("127.0.0.1", port, timeout=30) as client:
            client.sendmail(f"{name}@example.org", [to[name]], mail.encode())

    async with aiohttp.ClientSession() as http:
        await shop.says(http, "winback projector")
        await shop.put_rules()
        await shop.says(http, "ok")
        await asyncio.to_thread(give, "c-1", "Bitte abmelden")
        key = keys_of(shop.settings, shop.environment).blocks
        assert await _blocked(shop, customer_block_key(key, "c-1", "marketing"))
        assert await _blocked(shop, block_key(key, "c-1@example.org", "newsletter"))
        await asyncio.to_thread(give, "c-2", "Is it still there in blue?")
        bounce = BOUNCE.format(to=to["c-3"], address="c-3@example.org", headers="X: y", number=1)
        (shop.folder / "mail" / "bounce.eml").write_text(bounce)
        entries = [entry for each in await shop.bus.wait_for(4) for entry in each]
        happened = [signal.event for entry in entries if isinstance(signal := entry.decoded(), Happened)]
        assert {
            (each.customer, each.type, each.data.kind, each.data.message_id) for each in happened if each.customer
        } >= {
            ("c-1", "email.unsubscribed", "", effects["c-1"]),
            ("c-2", "email.replied", "reply", effects["c-2"]),
            ("c-3", "email.bounced", "dead", effects["c-3"]),
        }
        async with http.get(f"{shop.ops}/metrics") as answer:
            metrics = await answer.text()
        assert 'winback_incoming_mails_total{kind="reply"} 1.0' in metrics
    written = await asyncio.to_thread(_all_mails, shop.folder / "data" / "mailbox")
    assert "Is it still there in blue?" in written
    assert await asyncio.to_thread(_is_empty, shop.folder / "mail")


def _is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


def _all_mails(folder: Path) -> str:
    return "".join(each.read_text("utf-8") for each in folder.rglob("*.eml"))


async def _review(shop: Shop, key: bytes) -> None:
    async with shop.bus.producer() as producer:
        await producer.send_and_wait(f"{shop.prefix}-shop.reviews", b'{"nr": 7, "rating": 5}', key=key)


async def _blocked(shop: Shop, block: bytes) -> bool:
    async with await psycopg.AsyncConnection.connect(shop.database) as connection:
        rows = await connection.execute("select 1 from blocked where key = %s", [block])
        return await rows.fetchone() is not None
