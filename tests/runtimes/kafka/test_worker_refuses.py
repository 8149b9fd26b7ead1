"""What a worker does not put up with, said in words; and what it sets aside and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.books.journal import decode_signal
from engine.core.events import Consent, Event, ProfileUpdated, Visit
from engine.core.moments import DAY, Length
from engine.core.rules import EventSeen, Lifecycle, Mode, RuleSet, Send, Stage, Switch, Wait, Workflow
from engine.core.signals import Handed, Happened, RulesChanged, WentLive
from engine.runtimes.kafka.stopping import FAILED, NOT_STARTED
from engine.runtimes.kafka.wire import Record, entry_of, entry_of_shop, partition_of
from engine.runtimes.kafka.words import Told, decode_word
from tests.inbox_streams import made_up
from tests.kafka_harness import Installation, document
from tests.server_processes import free_port

PARTITIONS = 2
AT = 20_000 * DAY
BEGIN = Record(AT, (entry_of_shop(1, RulesChanged(1)), entry_of_shop(2, WentLive())))


@pytest.fixture
async def shop(kafka: str, prefix: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation with rules and an empty inbox."""
    made = Installation(kafka, prefix, tmp_path, PARTITIONS)
    await made.create()
    first = made_up(1, customers=2, days=1).documents[1]
    await made.put_rules([document(1, first.rule_set, first.versions)])
    yield made
    made.stop()


def visit(customer: str) -> Record:
    """Return a record with one event about a customer."""
    event = Event(f"v-{customer}", "shop", "customer.visited", AT, customer, Visit())
    return Record(AT, (entry_of(customer, Happened(event), origin="shop/0"),))


def of_partition(number: int) -> str:
    """Return a customer of a partition."""
    return next(name for name in map("c-{}".format, range(100)) if partition_of(name, PARTITIONS) == number)


async def ended(shop: Installation, code: int, **changes: Any) -> str:
    """Run a worker until it ends as it should; return what it said."""
    worker = shop.worker(**changes)
    assert await asyncio.to_thread(worker.ended, 60) == code, worker.said()
    return worker.said()


async def test_another_number_of_partitions_is_refused(shop: Installation) -> None:
    """The settings say another number than the topic has: nothing is read, and the worker says which and what to do."""
    said = await ended(shop, NOT_STARTED, partitions=3)
    assert f"{shop.topics.inbox} has 2 partitions, and kafka.partitions says 3" in said


async def test_brokers_that_do_not_answer_are_named(shop: Installation) -> None:
    """Nobody listens there: after the time it may wait, the worker says so, without a traceback."""
    shop.bootstrap = f"127.0.0.1:{free_port()}"
    said = await ended(shop, NOT_STARTED, reach_within=1.0)
    assert f"Kafka at {shop.bootstrap} does not answer" in said
    assert "Traceback" not in said


async def test_a_customer_in_a_foreign_partition_stops_the_worker(shop: Installation) -> None:
    """Somebody else writes into the inbox, or hashes otherwise: the worker stops before the customer has two records."""
    await shop.feed([[BEGIN, visit(of_partition(1))], [BEGIN]])
    said = await ended(shop, FAILED)
    assert "a customer of partition 1 is in partition 0" in said
    assert (await shop.reached())[0] <= 1
    assert (await shop.committed())[0] in {None, 1}


async def test_a_record_that_is_none_is_a_dead_letter(shop: Installation) -> None:
    """Bytes that nobody of ours wrote are set aside with the place they came from; what follows is decided."""
    await shop.feed([[BEGIN], [BEGIN]])
    async with shop.producer() as producer:
        await producer.send_and_wait(shop.topics.inbox, b"{}", partition=0)
        await producer.send_and_wait(shop.topics.inbox, None, key=b"a tombstone", partition=0)
    await shop.feed([[visit(of_partition(0))], []])
    shop.worker()
    await shop.caught_up([4, 1])
    letters = (await shop.read(shop.topics.letters, 1))[0]
    assert [each.value for each in letters] == [b"{}", b""]
    headers = dict(letters[0].headers)
    assert headers["origin"].decode() == f"{shop.topics.inbox}, partition 0, offset 1"
    assert b"no record of ours" in headers["reason"]


async def test_a_changelog_of_somebody_else_stops_the_worker(shop: Installation) -> None:
    """A restore never passes over what it cannot read: it says where it stands."""
    await shop.write_changelog([[(b"somebody", b"something")], []])
    said = await ended(shop, FAILED)
    assert f"{shop.topics.changelog}, partition 0, offsets 0 to 0" in said


async def test_a_table_beyond_its_inbox_stops_the_worker(shop: Installation, prefix: str) -> None:
    """The inbox was made anew under its old name: its records would all be taken for decided ones."""
    await shop.feed([[BEGIN, visit(of_partition(0))], [BEGIN]])
    worker = shop.worker()
    await shop.caught_up([2, 1])
    worker.kill()
    shop.topics = replace(shop.topics, inbox=f"{prefix}.other")
    await shop.make(shop.topics.inbox)
    said = await ended(shop, FAILED, group="another")
    assert "decided up to offset 1" in said
    assert "it is another topic of this name" in said


async def test_a_message_that_cannot_be_made_is_told_to_its_customer(shop: Installation) -> None:
    """The template fails: the send does not leave, its customer hears that it was refused, and the worker goes on."""
    customer = of_partition(0)
    events = [
        Event("p", "shop", "profile.updated", AT, customer, ProfileUpdated(email="ada@example.org", first_name="Ada")),
        Event("m", "shop", "consent.given", AT, customer, Consent("marketing", basis="express", proof="form")),
        Event("v", "shop", "customer.logged_in", AT, customer, Visit()),
    ]
    entries = tuple(entry_of(customer, Happened(event)) for event in events)
    await shop.put_rules([document(2, one_mail("broken"))])
    epoch = Record(AT, (entry_of_shop(1, RulesChanged(2)), entry_of_shop(2, WentLive())))
    await shop.feed([[epoch, Record(AT, entries), Record(AT + 2 * DAY)], [epoch]])
    shop.worker()
    await shop.caught_up([3, 1])
    assert not (await shop.read(shop.topics.sends))[0]
    words = [decode_word(each.value, each.headers) for each in (await shop.read(shop.topics.events, 1))[0]]
    told = [word for word in words if isinstance(word, Told)]
    assert [word.customer for word in told] == [customer]
    signal = decode_signal(told[0].signal)
    assert isinstance(signal, Handed)
    assert signal.outcome == "refused"
    assert "no such template" in signal.reason


def one_mail(template: str) -> RuleSet:
    """Return a workflow that whoever logs in enters, and that writes a mail a day later."""
    steps = (Wait(key="wait 1d 0", length=Length(days=1)), Send(key="send 0", template=template))
    workflow = Workflow(
        name="writes",
        title="Wait a day, then write",
        enter_when_all=(EventSeen(event="customer.logged_in", within=Length(days=1)),),
        again_after=None,
        stages=(Stage(name="only", steps=steps, end="done"),),
    )
    lifecycle = Lifecycle(warm_up=None, enter_after_lag=Length(), caps=(), quiet=None)
    return RuleSet(lifecycle=lifecycle, workflows={"writes": workflow}, switches={"writes": Switch(mode=Mode.LIVE)})
