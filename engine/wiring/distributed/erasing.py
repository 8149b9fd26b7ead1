"""Erasing people on the distributed engine: out of the books by the projector, out of the tables by a word, out of topics by time."""

from __future__ import annotations

from functools import partial
from typing import Final, cast

from engine.books.erasures import Erasures
from engine.books.journal import encode_signal
from engine.books.proofs import Remains
from engine.books.shop_words import FORGOTTEN
from engine.books.store import SqlStore
from engine.core.erasing import Person
from engine.core.moments import MINUTE, Instant, rfc3339
from engine.core.signals import Forgotten
from engine.runtimes.kafka.desk import Desk
from engine.runtimes.kafka.projector import Ask
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import Demand, demands
from engine.wiring.control.place import Ask as PlaceAsk
from engine.wiring.erasing import Eraser
from engine.wiring.settings import Settings

SETTLE: Final = 10 * MINUTE
"""So long something of the person may still be on its way between the parts; then the books are looked through once more."""

_COMPACTED: Final = "Kafka compacts it: its key is deleted, and until then only what is left of the record stands there"
_DELETED: Final = "nothing can be taken out of a topic: what is in it goes by its retention"


def shared_eraser(settings: Settings, erasures: Erasures, desk: Desk, ask: Ask, *, settle: int = SETTLE) -> Eraser:
    """Return who ends erasures in the books of the distributed engine."""
    return Eraser(
        erasures,
        cast("PlaceAsk", ask),
        settings.books,
        lambda: desk.rules.shop,
        settle=settle,
        at_the_end=_let_go,
        remains=partial(_in_topics, settings, settle),
    )


def _let_go(store: SqlStore, person: Person, now: Instant) -> None:
    """Tell each partition that what is left of the person's records may go."""
    assert isinstance(store, ShopStore), "the distributed engine's office has one"
    for customer in person.ids:
        store.tell_customer(customer, encode_signal(Forgotten()), now, mark=FORGOTTEN)


def _in_topics(settings: Settings, settle: int, asked_at: Instant) -> list[Remains]:
    """Return until when Kafka has something of somebody whose erasure was asked for at an instant."""
    topics = demands(TopicNames.of(settings.kafka.prefix), settings.kafka.partitions)
    last = asked_at + settle
    return [
        *(
            Remains(f"topic {each.topic}", _until(each, last), _COMPACTED if each.compact else _DELETED)
            for each in topics
            if each.topic != TopicNames.of(settings.kafka.prefix).rules
        ),
        Remains("PostgreSQL's own files", "until it vacuums", "deleted rows are free, and overwritten as it goes on"),
        Remains("workers' disks", "until RocksDB compacts", "the key is deleted from its table"),
    ]


def _until(demand: Demand, last: Instant) -> str:
    if demand.compact:
        return "until it is compacted"
    return f"{rfc3339(last + demand.kept_ms * 1_000)}, by winback's setting of its retention"
