"""From topics into the books: exactly once, whatever comes again, late, or half."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.books.connection import Connection
from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.events import DeadLetter, Event
from engine.core.moments import DAY, SECOND, Instant
from engine.runtimes.kafka.letters import encode_letter
from engine.runtimes.kafka.values import Takeover
from tests.acceptance.shipped import shipped
from tests.builders import START, event
from tests.distributed_shop import TOPICS, DistributedShop

CUSTOMERS = [f"c{number}" for number in range(12)]


@pytest.fixture
def connection(postgres: str) -> Iterator[Connection]:
    """Empty books."""
    with closing(open_to_write(Server(postgres))) as opened:
        yield opened


@pytest.fixture
def shop(connection: Connection) -> DistributedShop:
    """A shop with the shipped workflows live, and a dozen customers who have ordered once."""
    shop = DistributedShop(connection, START)
    shop.apply(shipped())
    for number, name in enumerate(CUSTOMERS):
        shop.clock.advance(SECOND)
        shop.happens(
            event("profile.updated", shop.clock.now(), name, email=f"{name}@example.org"),
            ordered(name, number, shop.clock.now()),
        )
    return shop


@pytest.fixture
def views(shop: DistributedShop, postgres: str) -> Iterator[Views]:  # noqa: ARG001 - the books must be there
    """What people are shown."""
    with Views(Server(postgres)) as opened:
        yield opened


def rows(connection: Connection, table: str) -> list[tuple[object, ...]]:
    """A whole table, but for numbers that only follow the order of arrival, and counts of nobody."""
    wanted = {
        "customer": "id, next_due, standing, hindrance, record",
        "effect": "time, customer, type, effect_id, ordinal, shadow, body",
    }
    counted = {"population": "where customers <> 0", "headcount": "where runs <> 0"}
    query = f"select {wanted.get(table, '*')} from {table} {counted.get(table, '')}"
    return sorted(connection.execute(query).fetchall())


def ordered(customer: str, number: object, at: Instant) -> Event:
    """An order of a customer."""
    return event("order.placed", at, customer, order_id=str(number), total="50.00")


BOOKS = ("customer", "population", "under_way", "headcount", "line", "effect", "tally", "dead_letter")


def test_records_and_effects_of_all_partitions_are_in_the_books(shop: DistributedShop, views: Views) -> None:
    """After projecting, each customer's record is the one their partition has, and each effect is there once."""
    shop.project()
    for name in CUSTOMERS:
        partition = next(each for each in shop.workers if each.load(name) is not None)
        assert views.record(name) == partition.load(name)
        kinds = [effect.type for effect in views.effects_of(name)]
        assert kinds.count(fx.STANDING_CHANGED) == 1


def test_what_comes_again_changes_nothing(shop: DistributedShop) -> None:
    """Topics read again from any place leave the books as they are: how far they were read is in the books."""
    shop.project()
    before = {table: rows(shop.connection, table) for table in BOOKS}
    shop.open_books()
    shop.projector.project([record for log in shop.topics.values() for record in log])
    assert {table: rows(shop.connection, table) for table in BOOKS} == before


def test_it_does_not_matter_how_the_topics_are_cut_into_transactions(
    shop: DistributedShop, connection: Connection
) -> None:
    """One record a transaction gives the same books as all at once."""
    for record in shop.news():
        shop.projector.project([record])
    one_by_one = {table: rows(connection, table) for table in BOOKS}
    for table in (*BOOKS, "topic_position", "snapshot", "partition_shop"):
        connection.execute(f"delete from {table}")
    shop.open_books()
    shop.project()
    assert {table: rows(connection, table) for table in BOOKS} == one_by_one


def test_an_effect_that_is_decided_anew_is_there_once(shop: DistributedShop, views: Views) -> None:
    """A worker that decides a record again after a crash writes its effects again, at the same places."""
    shop.project()
    seen = views.effects_after(0, 1_000)
    for number in shop.numbers:
        for record in list(shop.topics.get((TOPICS.effects, number), ()))[-2:]:
            shop.write(TOPICS.effects, number, record.value, record.headers)
    shop.project()
    assert seen
    assert views.effects_after(0, 1_000) == seen


def test_a_stopped_workers_late_record_changes_nothing(shop: DistributedShop, views: Views) -> None:
    """A customer's record that was decided further back than the one in the books is left out, whoever wrote it."""
    name = CUSTOMERS[0]
    number = next(each.number for each in shop.workers if each.load(name) is not None)
    old = dict(shop.shelves[number])
    shop.clock.advance(SECOND)
    shop.happens(ordered(name, "second", shop.clock.now()))
    shop.project()
    shop.write_values(number, Takeover(99, 0).entries(old))
    shop.project()
    record = views.record(name)
    assert record is not None
    assert record == shop.workers[number].load(name)


def test_the_read_side_is_as_old_as_the_partition_that_is_furthest_back(shop: DistributedShop, views: Views) -> None:
    """Status says as of when it tells: the least of what every partition has come to."""
    shop.clock.advance(DAY)
    shop.tick()
    latest = shop.clock.now()
    shop.clock.advance(SECOND)
    shop.happens(ordered(CUSTOMERS[0], "later", shop.clock.now()))
    shop.project()
    assert views.shop()[0] == latest


def test_the_shop_that_is_shown_is_the_sum_of_its_partitions(shop: DistributedShop, views: Views) -> None:
    """Reorder intervals are counted where their customers are, and shown together."""
    shop.clock.advance(30 * DAY)
    shop.happens(*(ordered(name, f"again {name}", shop.clock.now()) for name in CUSTOMERS))
    shop.project()
    overall = views.shop()[1].cadence.overall
    assert (overall.count, overall.total) == (12, 12 * 30)
    assert sum(each.shop.cadence.overall.count for each in shop.workers) == 12
    assert len([each for each in shop.workers if each.shop.cadence.overall.count]) > 1


def test_effects_are_counted_on_the_day_they_were_decided(shop: DistributedShop) -> None:
    """A projector that was away for a week counts each day's effects on that day."""
    shop.clock.advance(7 * DAY)
    shop.happens(ordered("newcomer", "o", shop.clock.now()))
    shop.project()
    counted = shop.connection.execute(
        "select day, sum(count) from tally where what = 'standing_changed' group by day order by day"
    ).fetchall()
    assert [count for _, count in counted] == [12, 1]
    assert counted[1][0] - counted[0][0] == 7


def test_sends_are_left_to_the_sender(shop: DistributedShop) -> None:
    """The outbox is filled from the topic of sends, by whoever sends them."""
    shop.project()
    assert rows(shop.connection, "outbox") == []


def test_dead_letters_are_there_to_be_looked_at(shop: DistributedShop, views: Views) -> None:
    """What the gateway or a worker could not take is shown with its reason and where it came from."""
    value, headers = encode_letter(DeadLetter(b"{bad", "no time", "orders/3/17"), START)
    shop.write(TOPICS.letters, 0, value, headers)
    shop.project()
    (letter,) = views.letters()
    assert (letter.raw, letter.reason, letter.origin, letter.at) == (b"{bad", "no time", "orders/3/17", START)


def test_a_foreign_record_stops_the_projector_in_words_and_leaves_the_books_alone(shop: DistributedShop) -> None:
    """Whoever writes into our topics but us is found out, and nothing of the transaction is there."""
    shop.project()
    before = {table: rows(shop.connection, table) for table in BOOKS}
    shop.happens(ordered("newcomer", "o", shop.clock.now()))
    shop.write(TOPICS.effects, 0, b'{"hello": "there"}')
    with pytest.raises(ValueError, match="no effect of ours"):
        shop.project()
    assert {table: rows(shop.connection, table) for table in BOOKS} == before


def test_what_was_kept_for_its_time_goes(shop: DistributedShop, connection: Connection) -> None:
    """Dead letters and the texts of letters go by the time all partitions have come to, as the rules in force say."""
    kept = shipped().lifecycle.keep
    old = DeadLetter(b"{", "no JSON", "a file")
    shop.write(TOPICS.letters, 0, *encode_letter(old, shop.clock.now()))
    shop.tick()
    shop.project()
    assert rows(connection, "dead_letter")
    shop.clock.advance(kept.dead_letters.roughly + DAY)
    shop.tick()
    shop.project()
    assert rows(connection, "dead_letter") == []
