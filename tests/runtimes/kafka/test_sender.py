"""The sender with a real broker, a real PostgreSQL and a real mail server: the promise, kills and restarts included."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from email import message_from_bytes
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.smtp import Envelope

from engine.books import handover, ledger, positions
from engine.books.database import open_to_read, open_to_write
from engine.books.postgres import PostgresConnection, Server
from engine.books.store import SqlStore
from engine.core.effects import TAGGED, Effect
from engine.core.links import customer_block_key
from engine.core.moments import HOUR, Instant
from engine.core.shop import Pause, Shop
from engine.listeners import serve
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.secret import keys_of
from engine.wiring.settings import load
from tests.mail_servers import Mails, mail_server
from tests.mail_service_servers import PostmarkServer, serving
from tests.postgres_servers import Server as PostgresServer
from tests.sends import LIVE, PARTITIONS, make_topics, release, send, told

ROOT = Path(__file__).parents[3]
WITHIN = 40.0  # seconds that anything may take


def now() -> Instant:
    """Return the present instant: a sender in a process of its own lives in real time."""
    return time.time_ns() // 1_000  # noqa: TID251 - see above


class Site:
    """A mail server, topics and books, and senders as processes of their own: `winback sender`."""

    def __init__(self, bootstrap: str, names: TopicNames, url: str, folder: Path, prefix: str) -> None:
        self.bootstrap, self.names, self.url, self.folder = bootstrap, names, url, folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "WINBACK_KAFKA_BROKERS": bootstrap,
            "WINBACK_KAFKA_PREFIX": prefix,
            "WINBACK_KAFKA_PARTITIONS": str(PARTITIONS),
            "WINBACK_POSTGRES_URL": url,
            "WINBACK_SENDER_KIND": "smtp",
            "WINBACK_SENDER_ADDRESS": "hello@shop.example",
            "WINBACK_SMTP_TLS": "none",
            "WINBACK_SMTP_CONNECTIONS": "3",
            "WINBACK_DATA": str(folder),
            "WINBACK_SECRET": "a secret for tests alone",
        }
        self.accepted: Counter[str] = Counter()
        self.senders: list[asyncio.subprocess.Process] = []

    def taken(self, envelope: Envelope) -> None:
        """Count a message that the mail server took."""
        assert isinstance(envelope.content, bytes)
        self.accepted[message_from_bytes(envelope.content)["message-id"].strip("<>").partition("@")[0]] += 1

    async def start(self, **settings: str) -> asyncio.subprocess.Process:
        """Start a sender."""
        command = (sys.executable, "-c", "from engine.cli import main; main()", "sender")
        with (self.folder / f"log-{len(self.senders)}").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env=self.environment | settings,
                stderr=log,
                stdout=asyncio.subprocess.DEVNULL,
            )
        self.senders.append(process)
        return process

    def log(self, number: int = 0) -> str:
        """Return what a sender has said."""
        return (self.folder / f"log-{number}").read_text()

    def ledger(self) -> dict[str, str]:
        """Return what the ledger says of each send."""
        with closing(open_to_read(Server(self.url))) as reader:
            return dict(reader.execute("select effect_id, state from ledger").fetchall())

    def untold(self) -> int:
        """Return how much is still to be told, or to be sent."""
        with closing(open_to_read(Server(self.url))) as reader:
            return handover.untold(reader) + ledger.outbox_length(reader)

    def taken_in(self) -> int:
        """Return how many records of sends were taken in."""
        with closing(open_to_read(Server(self.url))) as reader:
            return sum(position.offset for position in positions.positions(reader).values())

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WITHIN):
            while not done():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)


@pytest.fixture
def books(postgres: str) -> Iterator[PostgresConnection]:
    """New books."""
    with closing(open_to_write(Server(postgres))) as connection:
        yield connection


def keep(connection: PostgresConnection, shop: Shop) -> None:
    """Put the shop's state into the books, as its office does."""
    store = SqlStore(connection)
    store.begin()
    store.save_shop(shop)
    store.commit(now())


@pytest.fixture
async def site(
    kafka: str, books: PostgresConnection, postgres: str, prefix: str, tmp_path: Path
) -> AsyncIterator[Site]:
    """Everything a sender needs, and its end."""
    keep(books, LIVE)
    made = Site(kafka, make_topics(kafka, prefix), postgres, tmp_path, prefix)
    async with mail_server(Mails(at_message=made.taken)) as server:
        made.environment["WINBACK_SMTP_PORT"] = str(server.port)
        try:
            yield made
        finally:
            for process in made.senders:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def test_what_workers_release_is_handed_over_and_told(site: Site) -> None:
    """Each mail arrives once though its record comes three times, and each ending is told under a mark of its own."""
    sends = [send(number, now()) for number in range(40)]
    await release(site.bootstrap, site.names.sends, sends, times=3)
    process = await site.start()
    await site.until(lambda: len(site.accepted) == 40 and not site.untold())
    process.terminate()
    assert await asyncio.wait_for(process.wait(), WITHIN) == 0
    assert set(site.accepted.values()) == {1}
    endings = await told(site.bootstrap, site.names.results)
    assert {(customer, signal.effect_id, signal.outcome) for customer, _, signal in endings} == {
        (f"c{number}", f"e{number}", "done") for number in range(40)
    }
    assert len({mark for _, mark, _ in endings}) == 40
    with closing(open_to_read(Server(site.url))) as reader:
        counted = reader.execute("select workflow, detail, count from tally where what = 'sent'").fetchall()
    assert counted == [("greet", "hello", 40)]


async def test_a_second_sender_waits_and_goes_on_when_the_first_is_killed(site: Site) -> None:
    """Two never hand over at once; what the killed one was calling is uncertain, and everything else arrives once."""
    first = await site.start()
    await site.until(lambda: "hands over" in site.log(0))
    await site.start()
    await site.until(lambda: "another sender is at work" in site.log(1))
    await release(site.bootstrap, site.names.sends, [send(number, now()) for number in range(120)])
    await site.until(lambda: len(site.accepted) > 20)
    assert "hands over" not in site.log(1)
    first.kill()
    await first.wait()
    await site.until(lambda: len(site.ledger()) == 120 and not site.untold())
    states = site.ledger()
    assert max(site.accepted.values()) == 1
    uncertain = {effect_id for effect_id, state in states.items() if state == "uncertain"}
    assert len(uncertain) <= 3
    assert set(site.accepted) | uncertain == set(states)
    endings = await told(site.bootstrap, site.names.results)
    assert {signal.effect_id: signal.outcome for _, _, signal in endings} == states


async def test_what_a_killed_sender_gave_to_a_mail_service_is_found_there(site: Site) -> None:
    """By a service that can be asked, the next sender finds what was taken: it is done, and nothing went twice."""
    async with serving(PostmarkServer()) as service:
        way = {"WINBACK_SENDER_KIND": "http", "WINBACK_SERVICE_KIND": "postmark", "WINBACK_SERVICE_URL": service.url}
        settings = {**way, "WINBACK_SERVICE_KEY": service.key, "WINBACK_SERVICE_CONNECTIONS": "3"}
        service.troubles = [*["hangs"] * 3]
        first = await site.start(**settings)
        await release(site.bootstrap, site.names.sends, [send(number, now()) for number in range(12)])
        await site.until(lambda: len(service.taken) == 3)
        assert set(site.ledger().values()) == {"calling"}
        first.kill()
        await first.wait()
        await site.start(**settings)
        await site.until(lambda: len(site.ledger()) == 12 and not site.untold())
        assert set(site.ledger().values()) == {"done"}
        assert sorted(taken.recipient for taken in service.taken) == sorted(
            {taken.recipient for taken in service.taken}
        )
        assert len(service.taken) == 12
    endings = await told(site.bootstrap, site.names.results)
    assert {signal.effect_id: signal.outcome for _, _, signal in endings} == site.ledger()


async def test_a_pause_stops_what_lies_in_the_outbox_and_sends_it_back(site: Site, books: PostgresConnection) -> None:
    """Within a second of the office's word nothing leaves; what was held goes back to be asked again."""
    keep(books, Shop(live_since=1, gone_live=True, pauses=(Pause("engine", "", now(), "a test"),)))
    await release(site.bootstrap, site.names.sends, [send(number, now()) for number in range(10)])
    await site.start()
    await site.until(lambda: len(site.ledger()) == 10 and not site.untold())
    assert not site.accepted
    endings = await told(site.bootstrap, site.names.results)
    assert {(signal.outcome, signal.reason) for _, _, signal in endings} == {("again", "paused")}
    keep(books, LIVE)
    rounds = 1
    while len(site.accepted) < 10:  # until the sender has seen that the pause is over
        rounds += 1
        sends = [send(number, now()) for number in range(10)]
        await release(site.bootstrap, site.names.sends, sends, offset=100 * rounds)
        await site.until(lambda: site.taken_in() == 10 * rounds and not site.untold())  # noqa: B023 - it is awaited here
    assert set(site.accepted.values()) == {1}
    endings = await told(site.bootstrap, site.names.results)
    assert len({mark for _, mark, _ in endings}) == len(endings), "the same send may end as `again` many times"
    assert Counter(signal.outcome for _, _, signal in endings)["done"] == 10


async def test_a_no_on_the_block_list_and_what_is_too_old_do_not_leave(site: Site, books: PostgresConnection) -> None:
    """The block list is asked before each call; a send that has lain for 15 minutes goes back to be asked again."""
    settings = load(None, {key: value for key, value in site.environment.items() if key.startswith("WINBACK_")})
    key = customer_block_key(keys_of(settings, site.environment).blocks, "c0", "marketing")
    ledger.block(books, [key], now())
    said_no = send(0, now(), purpose="marketing")
    old = send(1, now() - HOUR)
    await release(site.bootstrap, site.names.sends, [said_no, old, send(2, now())])
    await site.start()
    await site.until(lambda: len(site.ledger()) == 3 and not site.untold())
    assert list(site.accepted) == ["e2"]
    outcomes = {signal.effect_id: signal.outcome for _, _, signal in await told(site.bootstrap, site.names.results)}
    assert outcomes == {"e0": "blocked", "e1": "again", "e2": "done"}


async def test_the_shops_own_mail_service_has_no_sender_beside_it(site: Site) -> None:
    """With sender.kind kafka it is refused, with the reason: sends have one kind of reader."""
    process = await site.start(WINBACK_SENDER_KIND="kafka")
    assert await asyncio.wait_for(process.wait(), WITHIN) == 2
    assert site.names.sends in site.log()


async def test_tools_are_told_of_effects_from_the_books(site: Site, books: PostgresConnection) -> None:
    """What the projector wrote is posted to a webhook, once and signed; it answers, and nothing is left behind."""
    posted: list[tuple[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        assert "webhook-signature" in request.headers
        body = await request.json()
        posted.append((body["type"], body["subject"]))
        return web.Response(status=204)

    tool = web.Application()
    tool.router.add_post("/effects", take)
    running = await serve(tool, "127.0.0.1", 0)
    take_these = 'take = ["winback.tagged"]'
    said = f'[webhooks.crm]\nurl = "http://127.0.0.1:{running.port}/effects"\n{take_these}\n'
    (site.folder / "winback.toml").write_text(said)
    await site.start(WINBACK_WEBHOOKS_CRM_SECRET="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    await site.until(lambda: bool(books.execute("select 1 from receiver").fetchall()))  # it begins with what comes next
    store = SqlStore(books, fills_outbox=False)
    store.begin()
    store.put([Effect(TAGGED, now(), f"c{number}", f"t{number}", {"tag": "vip"}) for number in range(5)])
    store.commit(now())
    try:
        await site.until(lambda: len(posted) == 5)
    finally:
        await running.stop()
    assert sorted(posted) == [("winback.tagged", f"c{number}") for number in range(5)]


@asynccontextmanager
async def restarted_in_between(server: PostgresServer) -> AsyncIterator[None]:
    """Kill PostgreSQL, and start it again afterwards."""
    await asyncio.to_thread(server.kill)
    yield
    await asyncio.to_thread(server.start)


async def test_postgresql_killed_in_between_loses_and_doubles_nothing(
    kafka: str, own_postgres: PostgresServer, prefix: str, tmp_path: Path
) -> None:
    """The sender begins anew by itself: what it was calling is uncertain, everything else arrives once."""
    url = own_postgres.database()
    with closing(open_to_write(Server(url))) as connection:
        keep(connection, LIVE)
    site = Site(kafka, make_topics(kafka, prefix), url, tmp_path, prefix)
    async with mail_server(Mails(at_message=site.taken)) as server:
        site.environment["WINBACK_SMTP_PORT"] = str(server.port)
        process = await site.start()
        await release(kafka, site.names.sends, [send(number, now()) for number in range(150)])
        await site.until(lambda: len(site.accepted) > 30)
        async with restarted_in_between(own_postgres):
            await site.until(lambda: "begins anew" in site.log())
        await release(kafka, site.names.sends, [send(number, now()) for number in range(150, 160)], offset=200)
        await site.until(lambda: len(site.ledger()) == 160 and not site.untold())
        process.terminate()
        assert await asyncio.wait_for(process.wait(), WITHIN) == 0
    states = site.ledger()
    uncertain = {effect_id for effect_id, state in states.items() if state == "uncertain"}
    assert max(site.accepted.values()) == 1
    assert len(uncertain) <= 3
    assert set(site.accepted) | uncertain == set(states)
    endings = await told(kafka, site.names.results)
    assert {signal.effect_id: signal.outcome for _, _, signal in endings} == states


@pytest.mark.parametrize(("kills", "each"), [(3, 40), pytest.param(40, 60, marks=pytest.mark.long)])
async def test_senders_killed_again_and_again(site: Site, kills: int, each: int) -> None:
    """Two at a time, the one at work killed at a random moment: each mail is accepted once, or is listed as uncertain."""
    chance = random.Random(20261123)
    await site.start()
    for kill in range(kills):
        before = sum(site.accepted.values())
        sends = [send(each * kill + number, now()) for number in range(each)]
        await release(site.bootstrap, site.names.sends, sends, offset=1_000 * kill, times=2)
        await site.start()
        wanted = before + chance.randint(1, each // 2)
        await site.until(lambda: sum(site.accepted.values()) >= wanted)  # noqa: B023 - it is awaited here
        site.senders[kill].kill()
        await site.senders[kill].wait()
    await site.until(lambda: len(site.ledger()) == kills * each and not site.untold())
    states = site.ledger()
    uncertain = {effect_id for effect_id, state in states.items() if state == "uncertain"}
    assert max(site.accepted.values()) == 1
    assert len(uncertain) <= 3 * kills
    assert set(site.accepted) | uncertain == set(states)
    assert set(states.values()) <= {"done", "uncertain"}
    endings = await told(site.bootstrap, site.names.results)
    assert {signal.effect_id: signal.outcome for _, _, signal in endings} == states
