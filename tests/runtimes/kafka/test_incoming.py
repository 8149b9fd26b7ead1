"""Sends from the topic into the outbox, and words from the books to the topic, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from msgspec import Struct

from engine.books import handover, ledger
from engine.books.database import open_to_write
from engine.books.handover import number_of
from engine.books.postgres import Server
from engine.books.store import SqlStore
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.moments import DAY
from engine.core.shop import Shop
from engine.runtimes.kafka.effect_records import encode_effect
from engine.runtimes.kafka.incoming import take_in
from engine.runtimes.kafka.wire import Place

NOW = 20_000 * DAY
LIVE = Shop(live_since=1, gone_live=True)


class Read(Struct):
    """A record as a consumer has it."""

    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    topic: str = "sends"
    key: bytes | None = None
    timestamp: int = 0


@pytest.fixture
def store(postgres: str) -> Iterator[SqlStore]:
    """New books."""
    with closing(open_to_write(Server(postgres))) as opened:
        yield SqlStore(opened)


def send(number: int, place: Place, offset: int, *, shop: Shop = LIVE, shadow: bool = False) -> Read:
    """Return the record of a requested send."""
    data = {"template": "hello", "workflow": "greet", "customer": {"id": f"c{number}", "email": f"c{number}@d.example"}}
    effect = Effect(SEND_REQUESTED, NOW + number, f"c{number}", f"e{number}", data, shadow=shadow)
    value, headers = encode_effect(effect, place, shop)
    return Read(place.partition, offset, value, headers)


def in_outbox(store: SqlStore) -> list[tuple[str, int]]:
    """Return what waits, with the numbers of the releases."""
    return [(each.effect_id, each.seq) for each in ledger.due(store.connection, NOW + DAY, 100)]


def test_a_send_is_taken_in_once_however_often_its_record_comes(store: SqlStore) -> None:
    """The same record read again, and the same place written again by a worker that decides anew, are known."""
    first = [send(1, Place(0, 5, 0), 0), send(2, Place(0, 5, 1), 1), send(3, Place(1, 3, 0), 0)]
    assert take_in(store, first, NOW) == 3
    assert take_in(store, first, NOW) == 0
    assert take_in(store, [send(2, Place(0, 5, 1), 2), send(4, Place(0, 6, 0), 3)], NOW) == 1
    numbers = [number_of(5, 0), number_of(5, 1), number_of(3, 0), number_of(6, 0)]
    assert in_outbox(store) == list(zip(["e1", "e2", "e3", "e4"], numbers, strict=True))


def test_what_has_ended_does_not_come_back_with_its_old_record(store: SqlStore) -> None:
    """A send that went back to be asked again is sent by a new release, and by no repetition of the one before."""
    take_in(store, [send(1, Place(0, 5, 0), 0)], NOW)
    (queued,) = ledger.due(store.connection, NOW + DAY, 10)
    ledger.end(store.connection, queued, ledger.Ending(ledger.AGAIN, "lay too long"), "", NOW)
    assert take_in(store, [send(1, Place(0, 5, 0), 1)], NOW) == 0
    assert in_outbox(store) == []
    assert take_in(store, [send(1, Place(0, 9, 0), 2)], NOW) == 1
    assert in_outbox(store) == [("e1", number_of(9, 0))]


def test_a_later_release_takes_the_place_of_an_earlier_one(store: SqlStore) -> None:
    """Whoever has the earlier one in hand can neither call it nor take the later one from the outbox."""
    take_in(store, [send(1, Place(0, 5, 0), 0)], NOW)
    (earlier,) = ledger.due(store.connection, NOW + DAY, 10)
    take_in(store, [send(1, Place(0, 9, 0), 1)], NOW)
    assert not ledger.claim(store.connection, earlier, "<m>", NOW)
    ledger.leave_outbox(store.connection, earlier)
    (later,) = ledger.due(store.connection, NOW + DAY, 10)
    assert ledger.claim(store.connection, later, "<m>", NOW)


def test_a_rehearsal_is_taken_in_and_a_shadow_is_not(store: SqlStore) -> None:
    """Before go-live mails go to the local mailbox; what walks as shadow goes nowhere."""
    rehearsed = send(1, Place(0, 5, 0), 0, shop=Shop())
    assert take_in(store, [rehearsed, send(2, Place(0, 5, 1), 1, shadow=True)], NOW) == 1
    assert [each for each, _ in in_outbox(store)] == ["e1"]


def test_what_no_worker_wrote_becomes_a_dead_letter_and_the_rest_goes_on(store: SqlStore) -> None:
    """A foreign record, a tombstone and one without its place stop nobody."""
    nameless = send(1, Place(0, 5, 0), 2)
    nameless.headers = ()
    odd = [Read(0, 0, b"hello", ()), Read(0, 1, None, ()), nameless, send(2, Place(0, 5, 1), 3)]
    assert take_in(store, odd, NOW) == 1
    origins = store.connection.execute("select origin from dead_letter order by id").fetchall()
    assert [origin for (origin,) in origins] == ["sends/0/0", "sends/0/1", "sends/0/2"]


def test_words_are_told_in_order_until_they_are_forgotten(store: SqlStore) -> None:
    """What Kafka has is forgotten, with all before it; what came meanwhile stays."""
    books = store.connection
    for number in range(3):
        handover.tell(books, f"c{number}", "told", bytes([number]))
    words = handover.to_tell(books, 2)
    assert [(word.customer, word.kind, word.value) for word in words] == [("c0", "told", b"\0"), ("c1", "told", b"\1")]
    handover.told(books, words)
    assert [word.customer for word in handover.to_tell(books, 10)] == ["c2"]
    assert handover.untold(books) == 1


def test_the_books_have_a_record_as_of_a_release_or_not(store: SqlStore) -> None:
    """A record decided before the release has nothing to say about it."""
    books = store.connection
    assert not handover.is_current(books, "c1", number_of(5, 0))
    books.execute("insert into snapshot (customer, decided_at) values ('c1', 4)")
    assert not handover.is_current(books, "c1", number_of(5, 0))
    books.execute("update snapshot set decided_at = 5")
    assert handover.is_current(books, "c1", number_of(5, 7))
