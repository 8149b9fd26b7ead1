"""Erasure on the distributed engine: the worker empties the record, the projector takes the books apart, a word ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeVar

import pytest

from engine.books.connection import Connection
from engine.books.database import open_to_write
from engine.books.erasures import Erasures, proof_of
from engine.books.postgres import Server
from engine.books.proofs import Proof, decode
from engine.core.erasing import ERASED
from engine.core.events import DeadLetter, Event
from engine.core.moments import DAY, SECOND, Instant, rfc3339
from engine.runtimes.kafka.letters import encode_letter
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import Restored, split_key
from engine.runtimes.kafka.wire import partition_of
from engine.wiring.distributed.erasing import SETTLE, shared_eraser
from engine.wiring.distributed_settings import KafkaSettings, PostgresSettings
from engine.wiring.erasing import Eraser
from engine.wiring.settings import Settings
from tests.acceptance.shipped import shipped
from tests.builders import START, event
from tests.distributed_shop import KEY, TOPICS, DistributedShop
from tests.runtimes.kafka.test_taking import Gate
from tests.searching import found_in

T = TypeVar("T")
ADA, ADDRESS = "customer-4711-ada", "ada.lovelace@example.org"
WORDS = [ADA, ADDRESS, "Wilhelmina-Ada", "+49 30 9018 2099", "order-of-ada"]


@pytest.fixture
def connection(postgres: str) -> Iterator[Connection]:
    """Empty books."""
    with closing(open_to_write(Server(postgres))) as opened:
        yield opened


@pytest.fixture
def shop(connection: Connection) -> DistributedShop:
    """A shop with some customers, one of whom has been written to, and a letter about her that cannot be read."""
    shop = DistributedShop(connection, START)
    shop.apply(shipped())
    for name in ("bob", "eve", "zoe"):
        shop.happens(event("order.placed", START, name, f"o-{name}", order_id=f"o-{name}", email=f"{name}@example.org"))
    shop.happens(
        event("profile.updated", START, ADA, "p", email=ADDRESS, first_name=WORDS[2], phone=WORDS[3]),
        event("order.placed", START, ADA, "o", order_id="order-of-ada", email=ADDRESS),
        event("consent.given", START, ADA, "c", purpose="marketing", proof={"page": "/"}),
        event("consent.given", START, ADA, "n", purpose="newsletter", proof={"page": "/"}),
        event("customer.data_requested", START, ADA, "r"),
    )
    for _ in range(30):
        shop.clock.advance(10 * DAY)
        shop.tick()
    letter, headers = encode_letter(
        DeadLetter(f'{{"subject": "{ADA}"}}'.encode(), "no type", "somewhere"), shop.clock.now()
    )
    shop.write(TOPICS.letters, 0, letter, headers)
    shop.project()
    return shop


def eraser(shop: DistributedShop, postgres: str) -> Eraser:
    """Who ends erasures, as a projector has it."""
    settings = Settings(kafka=KafkaSettings(brokers=("localhost:1",)), postgres=PostgresSettings(url=postgres))

    async def ask(change: Callable[[Any, Instant], T]) -> T:
        return shop.bureau.ask(change)

    return shared_eraser(settings, shop.erasures, shop.bureau.desk, ask)


def _worker(shop: DistributedShop) -> Partition:
    """Her partition."""
    return shop.workers[partition_of(ADA, len(shop.numbers))]


def found_in_books(connection: Connection) -> dict[str, list[str]]:
    """What stands of her in which table."""
    tables = connection.execute(
        "select table_name from information_schema.tables where table_schema = current_schema()"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for (table,) in tables:
        for row in connection.execute(f"select * from {table}"):
            said = found_in(
                b"\0".join(bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in row),
                WORDS,
            )
            if said:
                found.setdefault(table, []).extend(said)
    return found


def in_the_topic(shop: DistributedShop) -> set[str]:
    """Who is in the changelog after its compaction: the last value of each key counts, a deletion takes it away."""
    kept: dict[tuple[int, bytes], bytes | None] = {}
    for (topic, partition), log in shop.topics.items():
        if topic == TOPICS.changelog:
            kept |= {(partition, bytes(each.key or b"")): each.value for each in log}
    return {split_key(key)[1].decode(errors="replace") for (_, key), value in kept.items() if value is not None}


def test_an_event_erases_books_table_and_changelog(
    shop: DistributedShop, connection: Connection, postgres: str
) -> None:
    """After the event, the time that what is on its way gets, and the word, nothing of her is in any table or key."""
    there = found_in_books(connection)
    assert there.keys() >= {"customer", "effect", "dead_letter", "data_request"}
    shop.happens(event("customer.erased", shop.clock.now(), ADA, "gone"))
    shop.project()
    record = _worker(shop).load(ADA)
    assert record is not None
    assert (record.gone, record.profile, record.orders) == (ERASED, {}, ())
    ends = eraser(shop, postgres)
    assert asyncio.run(ends.end_all()) == [], "what is on its way gets some minutes"
    assert found_in_books(connection).keys() == {"erasure"}
    shop.happens(event("customer.visited", shop.clock.now(), ADA, "late", page="/"))
    shop.project()
    assert found_in_books(connection).keys() == {"erasure"}
    shop.clock.advance(SETTLE + SECOND)
    (proof,) = asyncio.run(ends.end_all())
    assert found_in_books(connection).keys() <= {"shop_word"}
    shop.publish()
    shop.project()
    assert found_in_books(connection) == {}
    assert _worker(shop).load(ADA) is None
    assert ADA not in in_the_topic(shop)
    assert {"bob", "eve", "zoe"} <= in_the_topic(shop)
    _see_that_it_names_topics(proof)
    kept = proof_of(connection, proof.id)
    assert kept is not None
    assert decode(kept[0]) == proof


def _see_that_it_names_topics(proof: Proof) -> None:
    until = {each.place: each.until for each in proof.remains}
    assert until[f"topic {TopicNames.of('winback').changelog}"] == "until it is compacted"
    assert until["topic winback.inbox"].startswith("20"), "a day is named"
    assert rfc3339(START)[:4] <= until["topic winback.inbox"][:4]


def test_a_table_read_back_has_nobody_who_was_forgotten(shop: DistributedShop, postgres: str) -> None:
    """A worker that begins anew from the changelog, compacted or not, does not know her."""
    shop.happens(event("customer.erased", shop.clock.now(), ADA, "gone"))
    shop.project()
    ends = eraser(shop, postgres)
    asyncio.run(ends.end_all())
    shop.clock.advance(SETTLE + SECOND)
    asyncio.run(ends.end_all())
    shop.publish()
    for number in shop.numbers:
        restored = Restored()
        for each in shop.topics.get((TOPICS.changelog, number), ()):
            restored.take(bytes(each.key or b""), each.value)
        assert ADA.encode() not in restored.values
        assert restored.values == shop.shelves[number]
        assert ADA not in shop.worker(number).store.scan("", 100)


def test_the_desk_begins_it_at_once(shop: DistributedShop, connection: Connection) -> None:
    """At the desk the block list has it in the transaction in which it is asked; asked twice it is refused."""
    gone = event("customer.erased", shop.clock.now(), ADA, "gone", reason="a letter")
    ask = shop.bureau.ask
    before = connection.execute("select count(*) from blocked").fetchone()[0]
    assert ask(lambda store, now: shop.bureau.desk.take(store, gone, now)).status == "accepted"
    assert (
        connection.execute("select count(*) from blocked").fetchone()[0] == before + 6
    )  # three purposes, id and address
    assert ask(lambda store, now: shop.bureau.desk.take(store, gone, now)).status == "refused"
    shop.publish()
    shop.project()
    assert connection.execute("select count(*) from erasure").fetchone()[0] == 1
    record = _worker(shop).load(ADA)
    assert record is not None
    assert record.gone == ERASED


async def test_the_gateway_takes_in_nothing_of_who_was_erased(shop: DistributedShop, connection: Connection) -> None:
    """By id, by address, in what cannot be read, and words that would make them known again: none gets to the inbox."""
    gone = event("customer.erased", shop.clock.now(), ADA, "gone")
    shop.bureau.ask(lambda store, now: shop.bureau.desk.take(store, gone, now))
    erased, gate = Erasures(KEY), Gate()
    erased.refresh(connection)
    gate.taking._erased = erased
    pieces: list[Event | DeadLetter] = [
        event("order.placed", START, ADA, "x", order_id="1"),
        event("order.placed", START, "other", "y", order_id="2", email=ADDRESS.upper()),
        DeadLetter(f"broken {ADDRESS}".encode(), "no JSON", "somewhere"),
        event("order.placed", START, "bob", "z", order_id="3"),
    ]
    given = await gate.taking.take(pieces, [""] * len(pieces))
    await given.durable()
    assert [each.status for each in given.results] == ["refused", "refused", "refused", "accepted"]
    assert gate.letters == []
