"""The office: days, codes and words, over partitions in memory and books on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace

from engine.books import applied, expiry, pools, rulebook
from engine.books.connection import Connection
from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.core import effects as fx
from engine.core.allowances import CODES, NONE_YET, key_of, wanting
from engine.core.breaker import Breaker, MailDay
from engine.core.cadence import thresholds
from engine.core.events import Event
from engine.core.moments import DAY, MINUTE, SECOND, Instant, zone
from engine.core.rules import LapseRule, RuleSet
from engine.core.shop import Shop
from engine.core.signals import DayClosed, MailLeaves, Move, PauseEnded, PauseSet, Released, WentLive
from engine.handling.shares import Held
from engine.runtimes.kafka.effect_records import decode_effect
from engine.runtimes.kafka.grants import codes_for
from engine.runtimes.kafka.publishing import documents_to_publish, entry_of_word, next_words
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.wire import Entry
from tests.acceptance.shipped import shipped
from tests.builders import START, event, rules_of
from tests.distributed_shop import TOPICS, DistributedShop

PAUSE = PauseSet("engine", "", "a test", "ada")

NOTICE = """
workflow: notice
enter_when_all:
  - standing: lapsed
again_after: 365d
stages:
  only:
    steps:
      - wait: 30d
    end: noticed
"""

OFFERS = "offers:\n  voucher: {discount: 10%, valid_for: 14d, codes: pool, pool: voucher.csv}\n"


@pytest.fixture
def connection(postgres: str) -> Iterator[Connection]:
    """Empty books."""
    with closing(open_to_write(Server(postgres))) as opened:
        yield opened


@pytest.fixture
def shop(connection: Connection) -> DistributedShop:
    """A shop with the shipped workflows in force, and nobody in it."""
    shop = DistributedShop(connection, START)
    shop.apply(shipped())
    shop.tick()
    shop.project()
    return shop


def ordered(customer: str, number: object, at: Instant) -> Event:
    """An order of a customer."""
    return event("order.placed", at, customer, order_id=str(number), total="50.00")


def tell(shop: DistributedShop, *signals: PauseSet | PauseEnded | WentLive | MailLeaves) -> None:
    """Say something at the desk."""

    def say(store: ShopStore, now: Instant) -> None:
        for signal in signals:
            shop.bureau.desk.sweeping.tell(store, signal, now)

    shop.bureau.ask(say)


# What concerns the shop ----------------------------------------------------------------------------------------------------


def test_what_is_said_at_the_desk_holds_there_at_once_and_in_every_partition_when_it_is_told(
    shop: DistributedShop,
) -> None:
    """A pause is the shop's own state; each partition has it when the word is in its inbox."""
    tell(shop, PAUSE)
    assert [each.scope for each in shop.bureau.desk.rules.shop.pauses] == ["engine"]
    assert not any(worker.shop.pauses for worker in shop.workers)
    shop.publish()
    assert all([each.why for each in worker.shop.pauses] == ["a test"] for worker in shop.workers)


def test_a_word_that_comes_again_changes_nothing(shop: DistributedShop) -> None:
    """Words are published at least once: a partition leaves out the numbers it has had."""
    tell(shop, PAUSE)
    words = next_words(shop.connection)
    shop.publish()
    tell(shop, PauseEnded("engine", "", "skip"))
    shop.publish()
    for number in shop.numbers:
        shop.told(number, [entry_of_word(word) for word in words])
    assert not any(worker.shop.pauses for worker in shop.workers)


def test_every_partition_goes_live_when_the_shop_does(shop: DistributedShop) -> None:
    """`go-live` reaches all of them, and mail leaves from then on."""
    shop.clock.advance(MINUTE)
    tell(shop, WentLive(), MailLeaves())
    shop.publish()
    kept = shop.bureau.desk.rules.shop
    assert kept.gone_live
    assert {(each.shop.gone_live, each.shop.meant_since) for each in shop.workers} == {(True, shop.clock.now())}


def test_two_desks_never_give_out_one_number(shop: DistributedShop, postgres: str) -> None:
    """Commands come from several processes; words are numbered in the order of their commits."""
    with closing(open_to_write(Server(postgres))) as other:
        second = DistributedShop(other, START)
        tell(shop, PAUSE)
        tell(second, PauseEnded("engine", "", "skip"))
        tell(shop, PAUSE)
    numbers = [word.number for word in next_words(shop.connection)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert [each.scope for each in shop.bureau.desk.rules.shop.pauses] == ["engine"]


def test_books_restored_from_a_backup_give_no_word_a_number_that_partitions_have_had(shop: DistributedShop) -> None:
    """A partition leaves out numbers it has had; a pause after such a restore must not be one of them."""
    tell(shop, PAUSE, PauseEnded("engine", "", "skip"))
    shop.publish()
    shop.project()
    shop.connection.execute("update office set last_word = 1, published_word = 1")  # as the backup has it
    shop.connection.execute("delete from shop_word")
    shop.tick()
    for table in ("topic_position", "partition_shop", "snapshot"):
        shop.connection.execute(f"delete from {table}")
    shop.open_books()
    shop.project()
    tell(shop, PAUSE)
    shop.publish()
    assert all(worker.shop.pauses for worker in shop.workers)


def test_what_raises_at_the_desk_leaves_nothing(shop: DistributedShop) -> None:
    """A command that is refused half-way has told nobody anything, and the next one finds the shop as it was."""

    def refuse(store: ShopStore, now: Instant) -> None:
        shop.bureau.desk.sweeping.tell(store, PAUSE, now)
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        shop.bureau.ask(refuse)
    assert next_words(shop.connection) == []
    assert shop.bureau.ask(lambda store, _: store.kept.pauses) == ()
    assert shop.bureau.desk.rules.shop.pauses == ()


# The shop's day ------------------------------------------------------------------------------------------------------------


def bought_twice(shop: DistributedShop, customers: int, days: int) -> None:
    """So many customers order twice, so many days apart."""
    for again in range(2):
        for number in range(customers):
            shop.happens(ordered(f"c{number}", f"{number}/{again}", shop.clock.now()))
        shop.clock.advance(days * DAY if not again else 0)


def test_the_day_is_closed_with_the_thresholds_of_all_partitions_together(shop: DistributedShop) -> None:
    """Each partition knows a part of the reorder intervals; all of them go by the threshold of the whole."""
    rules = replace(
        shipped(), lifecycle=replace(shipped().lifecycle, lapsed_after=LapseRule("reorder_interval", (2, 1)))
    )
    shop.apply(rules)
    bought_twice(shop, 12, 40)
    shop.project()
    shop.clock.advance(DAY)
    shop.tick()
    shop.project()
    shop.office.work()
    shop.publish()
    whole = shop.bureau.desk.rules.shop
    assert whole.cadence.overall.count == 12
    assert whole.thresholds == thresholds(whole.cadence, rules.lifecycle)
    assert whole.thresholds.overall == 80
    assert all(each.shop.thresholds == whole.thresholds for each in shop.workers)
    assert {each.shop.day for each in shop.workers} == {whole.day}


def days_told(shop: DistributedShop) -> int:
    """How often partitions are told that a day began, by the words that are published now."""
    words = next_words(shop.connection)
    shop.publish()
    return sum(isinstance(Entry(word.customer, word.signal).decoded(), DayClosed) for word in words)


def test_a_day_is_closed_once(shop: DistributedShop) -> None:
    """However often the office looks, and however many offices look, partitions are told of a day once."""
    shop.clock.advance(DAY)
    shop.tick()
    shop.project()
    shop.office.work()
    assert days_told(shop) == 1
    shop.office.work()
    shop.open_books()
    shop.office.work()
    assert days_told(shop) == 0


def test_a_day_waits_for_what_came_before_it_but_not_for_ever(shop: DistributedShop) -> None:
    """While partitions have not come to its beginning its threshold would lack the last orders; after a minute it is closed."""
    shop.clock.set(START + 14 * 3600 * SECOND)  # midnight in Berlin
    shop.office.work()
    assert days_told(shop) == 0
    shop.clock.advance(MINUTE)
    shop.office.work()
    assert days_told(shop) == 1


def test_before_go_live_thresholds_follow_the_history_that_comes_in(shop: DistributedShop) -> None:
    """Plans and back-tests must not reckon with the threshold of a shop that knows nothing; once live, the day holds."""
    rules = replace(
        shipped(), lifecycle=replace(shipped().lifecycle, lapsed_after=LapseRule("reorder_interval", (2, 1)))
    )
    shop.apply(rules)
    bought_twice(shop, 12, 40)
    shop.clock.advance(MINUTE)
    shop.tick()
    shop.project()
    shop.office.work()
    days_told(shop)
    assert {worker.shop.thresholds.overall for worker in shop.workers} == {80}
    shop.happens(*(ordered(f"c{number}", f"{number}/2", shop.clock.now() + DAY) for number in range(12)))
    shop.project()
    shop.clock.advance(MINUTE)
    tell(shop, WentLive())
    days_told(shop)
    shop.happens(*(ordered(f"c{number}", f"{number}/3", shop.clock.now()) for number in range(12)))
    shop.project()
    shop.clock.advance(MINUTE)
    shop.office.work()
    assert days_told(shop) == 0


def test_other_templates_within_an_epoch_are_put_into_kafka_too(shop: DistributedShop) -> None:
    """Nobody is looked at for another wording, so the epoch stays; its document is put anew, once."""
    said = applied.Said()

    def reword(store: ShopStore, now: Instant) -> None:
        applied.put(store.connection, now, who="ada", epoch=1, templates='{"reworded":1}', said=said)

    shop.bureau.ask(reword)
    shop.publish()
    newest = shop.known.newest
    assert newest is not None
    assert (newest.epoch, newest.templates) == (1, '{"reworded":1}')
    assert documents_to_publish(shop.connection) == []


# Rules and runs ------------------------------------------------------------------------------------------------------------


def test_runs_have_moved_when_every_partition_has_looked_at_everybody(shop: DistributedShop) -> None:
    """What an `apply` said of runs holds until all partitions have swept; then all are told that none is left."""
    before = rules_of(NOTICE)
    shop.apply(before)
    changed = rules_of(NOTICE.replace("30d", "20d"))
    shop.bureau.ask(
        lambda store, now: rulebook.apply(shop.bureau.desk, changed, store, now, moves=(Move("notice", "move"),))
    )
    shop.office.work()
    assert shop.bureau.desk.rules.shop.moves, "nobody was told yet, so nobody has moved"
    shop.publish()
    shop.tick()
    shop.project()
    shop.office.work()
    shop.publish()
    assert shop.bureau.desk.rules.shop.moves == ()
    assert all(worker.shop.moves == () and worker.shop.epoch == 3 for worker in shop.workers)


# Customers -----------------------------------------------------------------------------------------------------------------


def test_what_is_imported_comes_to_its_customers_partition_as_history(shop: DistributedShop) -> None:
    """An import is told, event by event, to whoever it is about, and starts nothing."""
    event_ = ordered("c1", "old", START + SECOND)
    taken = shop.bureau.ask(lambda store, now: shop.bureau.desk.take(store, event_, now, "orders.csv:2", history=True))
    assert (taken.status, taken.history) == ("accepted", True)
    shop.publish()
    (record,) = [found for worker in shop.workers if (found := worker.load("c1"))]
    assert len(record.orders) == 1
    assert sum(worker.load("c1") is not None for worker in shop.workers) == 1


def test_what_a_customer_is_told_twice_is_decided_once(shop: DistributedShop) -> None:
    """Words to customers carry a mark, by which a repetition is known."""
    shop.happens(ordered("c1", 1, START))
    shop.bureau.ask(lambda store, now: shop.bureau.desk.decide(store, "c1", Released(), now))
    (word,) = next_words(shop.connection)
    assert len(word.mark) == 8
    shop.publish()
    number = word.partition
    assert number is not None
    before = dict(shop.shelves[number])
    shop.told(number, [entry_of_word(word)])
    key = b"c1"
    assert shop.shelves[number][key] == before[key]


# Codes ---------------------------------------------------------------------------------------------------------------------


def pooled() -> RuleSet:
    """Rules with an offer whose codes are a list of the shop's."""
    return rules_of(NOTICE, offers=OFFERS)


def codes_of(shop: DistributedShop) -> list[str]:
    """All codes that partitions have to give out."""
    return [code for worker in shop.workers for code in worker.shop.codes.get("voucher", ())]


def brought(shop: DistributedShop, count: int) -> None:
    """The shop brings codes."""
    codes = [f"CODE-{number:05}" for number in range(count)]
    shop.bureau.ask(lambda store, now: pools.load(store.connection, "voucher.csv", codes, now))


def test_each_code_goes_to_one_partition(shop: DistributedShop) -> None:
    """However often the office looks, and however late partitions are heard of, no code is given out twice."""
    shop.apply(pooled())
    brought(shop, 100)
    for _ in range(3):
        shop.office.work()
    shop.publish()
    shop.project()
    shop.office.work()
    shop.publish()
    given = codes_of(shop)
    assert len(given) == len(set(given)) > 0
    assert all(worker.shop.codes.get("voucher") for worker in shop.workers)


def wants(shop: Shop, offer: str) -> None:
    """Somebody finds no code of an offer, and waits for one."""
    assert shop.allowances is not None
    key = key_of(CODES, offer)
    shop.allowances[key] = wanting(shop.allowances.get(key, NONE_YET), 1)


def test_every_code_of_a_pool_is_given_out_in_the_end(shop: DistributedShop) -> None:
    """Where partitions use their codes up, the office gives out more until there are none."""
    shop.apply(pooled())
    brought(shop, 50)
    used: list[str] = []
    for _ in range(60):
        shop.office.work()
        shop.publish()
        for worker in shop.workers:
            used += worker.shop.codes.pop("voucher", [])
            wants(worker.shop, "voucher")
        shop.tick()
        shop.project()
    assert sorted(used) == [f"CODE-{number:05}" for number in range(50)]


# Money ---------------------------------------------------------------------------------------------------------------------

COUPON = """
workflow: coupon
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 30d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - send: coupon_offer
        offer: ten
        late_at_most: 3d
    end: done
"""
TEN = "offers:\n  ten: {discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, budget: 11 EUR per 5d}\n"


def test_three_partitions_never_overspend_a_budget_and_use_all_of_it(shop: DistributedShop) -> None:
    """Eleven euros are five coupons at two each, whoever asks for them first, and however late the office hears of it."""
    shop.apply(rules_of(COUPON, offers=TEN))
    for number in range(20):
        name, now = f"c{number}", shop.clock.now()
        shop.happens(
            event("profile.updated", now, name, email=f"{name}@example.org"),
            event("consent.given", now, name, purpose="marketing", basis="express"),
        )
    shop.tick()
    for number in range(20):
        shop.happens(event("customer.visited", shop.clock.now(), f"c{number}"))
    for round_ in range(12):
        shop.clock.advance(MINUTE)
        shop.tick()
        if round_ % 2:
            shop.project()
        shop.office.work()
        shop.publish()
    issued = [
        decode_effect(record.value or b"", record.headers)
        for (topic, _), log in shop.topics.items()
        for record in log
        if topic == TOPICS.effects
    ]
    coupons = [effect for effect in issued if effect.type == fx.COUPON_ISSUED]
    shop.project()
    spent = sum(shop.bureau.ask(lambda store, _: store.kept.budgets)["ten"].values())
    assert (len(coupons), spent) == (5, 1000)


def test_codes_go_to_those_who_wait_before_any_stock() -> None:
    """The smallest wish first, and all who wait there; others have a small stock, or hear that there are codes again."""
    waits = Held(left=0, wanted=1, in_all=5)
    assert codes_for(100, [Held(), waits, Held(left=2)]) == {0: 3, 1: 8}
    assert codes_for(2, [Held(used_up=True), Held(), Held()]) == {0: 1}
    assert codes_for(0, [Held(used_up=True), Held(), waits]) == {2: 5}


def test_old_marks_of_engagement_are_forgotten_everywhere(
    shop: DistributedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hour after hour every partition goes on from where it has come to, until all of its customers had their turn."""
    monkeypatch.setattr(expiry, "LEAST", 2)
    names = [f"c{number}" for number in range(20)]
    for name in names:
        shop.clock.advance(SECOND)
        clicks = [
            event("email.clicked", shop.clock.now() + n, name, link="https://shop.example/", machine=False)
            for n in range(3)
        ]
        shop.happens(event("profile.updated", shop.clock.now(), name, email=f"{name}@example.org"), *clicks)
    shop.clock.advance(shipped().lifecycle.keep.engagement.roughly + DAY)

    def marks() -> list[int]:
        records = [each.load(name) for name in names for each in shop.workers]
        return [len(record.trail["email.clicked"]) for record in records if record is not None]

    shop.office.work()
    shop.publish()
    assert marks() == [3] * len(names)
    sizes = [sum(each.load(name) is not None for name in names) for each in shop.workers]
    for _ in range(max(sizes) // 2 + 1):
        shop.clock.advance(expiry.EVERY)
        shop.tick()
        shop.office.work()
        shop.publish()
    assert marks() == [1] * len(names)
    assert len(set(sizes)) > 1, "of parts of one size this would show too little"


# Mail that fails -----------------------------------------------------------------------------------------------------------


def test_marketing_stops_by_what_all_partitions_have_counted(shop: DistributedShop) -> None:
    """No partition alone has ten dead addresses, together they have; once lifted, what was counted before trips nothing."""
    day = zone(shop.bureau.desk.rules.lifecycle.timezone).day(START)
    for number, worker in enumerate(shop.workers):
        worker.shop.breakers["gmx"] = Breaker(0, (MailDay(day, 20, bounces=4 + number),))
    works(shop)
    pauses = shop.bureau.desk.rules.shop.pauses
    assert [(each.scope, each.name, each.who) for each in pauses] == [("family", "gmx", "winback")]
    assert "15 dead addresses of 60" in pauses[0].why
    works(shop)
    assert all(worker.shop.pauses == pauses for worker in shop.workers)
    tell(shop, PauseEnded("family", "gmx", "skip"))
    shop.office.work()
    assert shop.bureau.desk.rules.shop.pauses == ()
    works(shop)
    assert [worker.shop.pauses for worker in shop.workers] == [(), (), ()]
    assert all(worker.shop.breakers["gmx"].days == () for worker in shop.workers)


def works(shop: DistributedShop) -> None:
    """Partitions say what they have counted, the office works by it, and they hear what it says."""
    shop.tick()
    shop.project()
    shop.office.work()
    shop.publish()
    shop.tick()
    shop.project()
