"""The commands on the distributed engine: made at the desk in PostgreSQL, with no broker at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.core.events import DeadLetter
from engine.core.moments import HOUR, SECOND
from engine.core.signals import RulesChanged, SuppressionsImported
from engine.runtimes.kafka.letters import encode_letter
from engine.runtimes.kafka.publishing import next_words
from engine.runtimes.kafka.wire import Entry
from engine.wiring.clock import SystemClock
from tests.builders import event
from tests.cli.conftest import Winback, all_live
from tests.distributed_shop import TOPICS, DistributedShop

PARTITIONS = 3


@pytest.fixture
def shop(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DistributedShop]:
    """A distributed shop whose books are the settings', by the machine's clock; nothing is in force."""
    monkeypatch.setenv("WINBACK_KAFKA_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("WINBACK_KAFKA_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("WINBACK_POSTGRES_URL", postgres)
    with closing(open_to_write(Server(postgres))) as connection:
        yield DistributedShop(connection, SystemClock().now() - HOUR, partitions=PARTITIONS)


def everywhere(shop: DistributedShop) -> None:
    """What commands said comes to the partitions, and what these made of it into the books."""
    shop.clock.advance(SECOND)
    shop.publish()
    shop.tick()
    shop.project()


def signals(shop: DistributedShop) -> list[object]:
    """What partitions are yet to be told."""
    return [Entry(word.customer, word.signal).decoded() for word in next_words(shop.connection)]


@pytest.fixture
def in_force(shop: DistributedShop, winback: Winback) -> DistributedShop:
    """The shipped workflows are in force, all of them live."""
    for scenarios in Path("workflows").glob("*.scenarios.yaml"):
        scenarios.unlink()  # they are played by other tests
    all_live(Path("workflows"))
    called = winback("apply", "--json")
    assert called.code == 0, called.err
    everywhere(shop)
    return shop


def test_the_first_apply_puts_rules_and_templates_in_force(in_force: DistributedShop) -> None:
    """Every partition decides by them, and the document that workers read has all that messages are made with."""
    assert {worker.shop.epoch for worker in in_force.workers} == {1}
    document = in_force.known.document(1)
    assert "still_with_us" in document.templates
    assert len(document.versions) == len(document.rule_set.workflows)


def test_an_edit_is_planned_applied_and_taken_back(in_force: DistributedShop, winback: Winback) -> None:
    """plan, apply and apply --back say the same as on the embedded engine, and every partition follows."""
    path = Path("workflows/welcome-back.yaml")
    path.write_text(path.read_text("utf-8").replace("priority: ", "priority: 1", 1), "utf-8")
    planned = winback("plan", "--json")
    assert planned.code == 0, planned.err
    assert [each["workflow"] for each in planned.json["changes"]] == ["welcome-back"]
    assert winback("apply", "--json").json["applied"] is True
    assert any(isinstance(each, RulesChanged) and each.epoch == 2 for each in signals(in_force))
    everywhere(in_force)
    back = winback("apply", "--back", "--json")
    assert back.code == 0, back.err
    everywhere(in_force)
    assert {worker.shop.epoch for worker in in_force.workers} == {3}
    assert in_force.known.document(3).rule_set == in_force.known.document(1).rule_set


def test_a_pause_is_in_the_status_at_once_and_in_every_partition_when_told(
    in_force: DistributedShop, winback: Winback
) -> None:
    """Pause and unpause change the shop's own state; status tells of it before any partition has heard."""
    assert winback("pause", "--why", "a wrong price").code == 0
    (pause,) = winback("status", "--json").json["paused"]
    assert pause["why"] == "a wrong price"
    everywhere(in_force)
    assert all(worker.shop.pauses for worker in in_force.workers)
    assert winback("unpause", "--overdue", "skip").code == 0
    assert winback("status", "--json").json["paused"] == []
    everywhere(in_force)
    assert not any(worker.shop.pauses for worker in in_force.workers)


def test_imported_orders_come_to_their_customers_as_history(in_force: DistributedShop, winback: Winback) -> None:
    """Rows go to the partitions they are for; explain tells of them, and as of when it does."""
    Path("orders.csv").write_text(
        "order_id,customer_id,time,total,currency\n"
        "1,c-1,2024-01-31,10.00,EUR\n2,c-2,2024-02-01,5.00,EUR\n3,c-1,2024-03-01,7.50,EUR\n"
    )
    called = winback("import", "orders", "orders.csv", "--json")
    assert (called.code, called.json["taken"]) == (0, 3), called.err
    everywhere(in_force)
    told = winback("explain", "c-1", "--json")
    assert (told.json["customer"]["orders"], told.json["customer"]["revenue"]) == (2, {"EUR": "17.50"})
    assert "as of " in told.err


def test_imported_suppressions_stop_whoever_is_on_the_list(in_force: DistributedShop, winback: Winback) -> None:
    """The list is in the books, the shop knows that it was imported, and who is known by the address is told."""
    in_force.happens(event("profile.updated", in_force.clock.now(), "c-1", email="ada@example.org"))
    in_force.store.begin()
    in_force.store.know("mail:ada@example.org", "c-1")  # as the gateway does when it hears of an address
    in_force.store.commit(0)
    everywhere(in_force)
    Path("stop.csv").write_text("email,reason\nada@example.org,complaint\n")
    called = winback("import", "suppressions", "stop.csv", "--json")
    assert (called.code, called.json["taken"]) == (0, 1), called.err
    assert any(isinstance(each, SuppressionsImported) for each in signals(in_force))
    everywhere(in_force)
    assert winback("explain", "c-1", "--json").json["customer"]["stopped"] == ["marketing", "newsletter"]


def test_codes_are_loaded_at_the_desk_and_counted_by_status(in_force: DistributedShop, winback: Winback) -> None:
    """A pool's codes lie in the books until the office grants them; status counts those, and those in partitions."""
    offers = Path("workflows/offers.yaml")
    offers.write_text(
        offers.read_text("utf-8") + "  boxed: {discount: 5 EUR, valid_for: 20d, codes: pool, pool: p.csv}\n"
    )
    assert winback("apply").code == 0
    Path("codes.csv").write_text("".join(f"CODE-{number:04}\n" for number in range(60)))
    loaded = winback("coupons", "load", "boxed", "codes.csv", "--json")
    assert (loaded.code, loaded.json["taken"]) == (0, 60), loaded.err
    in_force.office.work()
    everywhere(in_force)
    (pool,) = winback("status", "--json").json["pools"]
    assert (pool["offer"], pool["left"]) == ("boxed", 60)
    assert sum(len(worker.shop.codes["boxed"]) for worker in in_force.workers) > 0


def test_going_live_reaches_every_partition(in_force: DistributedShop, winback: Winback) -> None:
    """Preflight looks into the distributed books; go-live is told to all partitions."""
    assert winback("preflight", "--no-suppressions", "--json").json["checks"]
    called = winback("go-live", "--no-suppressions", "--json")
    assert called.code == 0, called.out
    everywhere(in_force)
    assert all(worker.shop.gone_live for worker in in_force.workers)
    assert winback("status", "--json").json["live_since"]


def test_a_dead_letter_of_a_stuck_customer_is_told_to_their_partition(
    in_force: DistributedShop, winback: Winback
) -> None:
    """Replay releases who is stuck where they are, and forgets the letter."""
    in_force.happens(event("order.placed", in_force.clock.now(), "c-1", order_id="1", total="5.00"))
    letter = DeadLetter(b"TimeUp", "the decision failed: ValueError", "customer c-1")
    value, headers = encode_letter(letter, in_force.clock.now())
    in_force.write(TOPICS.letters, 0, value, headers)
    everywhere(in_force)
    assert [each["reason"] for each in winback("dead-letters", "list", "--json").json] == [letter.reason]
    called = winback("dead-letters", "replay", "--json")
    assert (called.code, called.json["accepted"]) == (0, 1), called.err
    assert [type(each).__name__ for each in signals(in_force)] == ["Released"]
    assert winback("dead-letters", "list", "--json").json == []


@pytest.mark.usefixtures("in_force")
def test_status_says_how_old_the_books_are_and_who_is_furthest_back(winback: Winback) -> None:
    """The clock of the test's partitions is an hour behind: the books are that old, and it is a stall."""
    found = winback("status", "--json").json
    assert 3000 < found["books"]["seconds"] < 4000
    assert (found["books"]["partitions"], found["books"]["heard"]) == (3, 3)
    assert any("furthest back: partition 0, 1, 2" in each for each in found["stalls"])
    assert "is distributed over 3 partitions" in winback("status").out


def test_before_all_partitions_were_heard_of_status_says_so(shop: DistributedShop, winback: Winback) -> None:
    """A partition without a worker keeps the books from being as of any instant."""
    shop.tick()
    shop.projector.project([each for each in shop.news() if each.partition != 1])
    found = winback("status", "--json").json
    assert found["books"] == {"seconds": None, "partitions": 3, "heard": 2, "behind": [0, 2]}
    assert "1 of 3 partitions have said nothing yet" in found["stalls"]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("command", [("run",), ("backup", "b.backup"), ("restore", "b.backup")])
def test_what_is_the_embedded_engines_alone_says_what_there_is_instead(
    winback: Winback, command: tuple[str, ...]
) -> None:
    """run, backup and restore are about a data folder; with brokers in the settings they say where to go."""
    Path("b.backup").touch()
    called = winback(*command)
    assert (called.code, "this is the distributed engine" in called.err) == (2, True)


@pytest.mark.usefixtures("in_force")
def test_events_do_not_come_in_while_kafka_is_away_and_it_is_said(winback: Winback) -> None:
    """Ingest puts events where the shop puts its own; without a broker nothing is taken in, and it says so."""
    Path("events.jsonl").write_text(
        '{"specversion":"1.0","id":"1","source":"shop","type":"order.placed","time":"2024-01-31T10:15:00Z",'
        '"subject":"c-1","data":{"order_id":"1","total":"5.00","currency":"EUR"}}\n'
    )
    called = winback("ingest", "events.jsonl")
    assert called.code == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in called.err
