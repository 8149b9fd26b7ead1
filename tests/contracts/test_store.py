"""What every store does. Each rule runs on every adapter, within one batch and across two."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.books.database import open_to_write
from engine.books.identities import FOLD_AT, SLICE
from engine.books.journal import decode_signal, encode_signal
from engine.books.postgres import Server
from engine.books.store import SqlStore
from engine.core.customer import Customer, Release, Run, Stop
from engine.core.events import Consent, DeadLetter, Event, Mail, NewsletterAnswer, OrderPlaced
from engine.core.moments import DAY, Instant
from engine.core.rules import Mode, Standing
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Apart, Counted, Handed, Happened, RulesChanged, Shares, TimeUp, Unpause
from engine.ports import Store
from engine.runtimes.kafka.partition_store import PartitionStore
from engine.runtimes.simulator.store import MemoryStore

Batch = Callable[[], AbstractContextManager[Store]]
NOW: Instant = 20_000 * DAY


def in_transactions(store: SqlStore) -> Batch:
    """Each batch is a transaction of its own, committed at its end."""

    @contextmanager
    def batch() -> Iterator[Store]:
        store.begin()
        yield store
        store.commit(NOW)

    return batch


def in_flushes(store: PartitionStore, shelf: dict[bytes, bytes]) -> Batch:
    """Each batch is a record of the inbox, made durable after the next one; what was decoded is let go of."""

    @contextmanager
    def batch() -> Iterator[Store]:
        store.begin(store.offset + 1)
        yield store
        taken.append(store.take_changed())
        if len(taken) > 1:
            shelf.update(taken.pop(0))
            store.let_go()

    taken: list[dict[bytes, bytes]] = []
    return batch


WHOLE = ("sqlite", "sqlite that folds at once", "postgres", "memory")
"""Adapters that keep all there is; of a partition, others keep identities and dead letters."""


@pytest.fixture(params=[*WHOLE, "partition"])
def batch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Batch]:
    """How an adapter opens a batch."""
    yield from opened(request, tmp_path)


@pytest.fixture(params=WHOLE)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Batch]:
    """How an adapter that keeps all there is opens a batch."""
    yield from opened(request, tmp_path)


def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Batch]:
    """Open the adapter that is asked for."""
    if request.param == "partition":
        shelf: dict[bytes, bytes] = {}
        yield in_flushes(PartitionStore(0, 1, shelf), shelf)
        return
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: nullcontext(memory)
        return
    if request.param == "postgres":
        with closing(open_to_write(Server(request.getfixturevalue("postgres")))) as connection:
            yield in_transactions(SqlStore(connection))
        return
    fold_at, slice_length = (1, 1) if "folds" in request.param else (FOLD_AT, SLICE)
    with closing(open_to_write(tmp_path)) as connection:
        yield in_transactions(SqlStore(connection, fold_at=fold_at, slice_length=slice_length))


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A store of tables alone, in either database."""
    where = Server(request.getfixturevalue("postgres")) if request.param == "postgres" else tmp_path
    with closing(open_to_write(where)) as connection:
        yield SqlStore(connection)


def changed(customer: Customer, **fields: Any) -> Customer:
    """A record with other fields, made the way decisions make one."""
    after = copy.copy(customer)
    for name, value in fields.items():
        setattr(after, name, value)
    return after


def run_in(stage: str) -> Run:
    """A run of the workflow `w` that is in a stage."""
    return Run("r", "w", 1, Mode.LIVE, held_out=False, began=NOW, ends_at=NOW + DAY, stage=stage)


def test_a_record_is_found_in_its_batch_and_after_it(batch: Batch) -> None:
    """What was saved is loaded at once, and in later batches."""
    ada = Customer("ada", profile={"email": ("ada@example.org", NOW)})
    with batch() as store:
        assert store.load("ada") is None
        store.save(None, ada)
        assert store.load("ada") == ada
    with batch() as store:
        assert store.load("ada") == ada
        assert store.load("bob") is None


def test_the_last_of_many_saves_stays(batch: Batch) -> None:
    """A customer saved many times in a batch is, afterwards, as saved last, whatever was asked in between."""
    with batch() as store:
        before = None
        for due in (5, 3, None, 4):
            after = Customer("ada", next_due=due)
            store.save(before, after)
            assert store.due(10, 9) == ([(due, "ada")] if due else [])
            before = after
    with batch() as store:
        assert store.load("ada") == before
        assert store.due(10, 9) == [(4, "ada")]


def test_those_in_a_workflow_are_gone_through_in_order(batch: Batch) -> None:
    """By stage, then by id, as many as asked for, from behind a place; who has left is not among them."""
    with batch() as store:
        for name, stage in {"c": "one", "a": "two", "b": "one", "d": "three"}.items():
            store.save(None, Customer(name, runs=(run_in(stage),)))
        store.save(None, Customer("e"))
        assert store.in_workflow("w", ("", ""), 9) == [("one", "b"), ("one", "c"), ("three", "d"), ("two", "a")]
        assert store.in_workflow("v", ("", ""), 9) == []
    with batch() as store:
        assert store.in_workflow("w", ("one", "b"), 2) == [("one", "c"), ("three", "d")]
        bob = store.load("b")
        assert bob is not None
        store.save(bob, changed(bob, runs=()))
        assert store.in_workflow("w", ("", ""), 1) == [("one", "c")]


def test_due_customers_come_in_order(batch: Batch) -> None:
    """Due are those whose time has come, by (due, customer id), as many as asked for."""
    with batch() as store:
        for name, due in {"d": 7, "b": 5, "c": 5, "a": 6, "later": 11, "never": None}.items():
            store.save(None, Customer(name, next_due=due))
        assert store.due(4, 9) == []
        assert store.due(10, 9) == [(5, "b"), (5, "c"), (6, "a"), (7, "d")]
    with batch() as store:
        assert store.due(10, 3) == [(5, "b"), (5, "c"), (6, "a")]
        ada = store.load("a")
        assert ada is not None
        store.save(ada, changed(ada, next_due=None))
        assert store.due(11, 9) == [(5, "b"), (5, "c"), (7, "d"), (11, "later")]


def test_a_key_belongs_to_its_newest_owner(whole: Batch) -> None:
    """An identity key finds who it was known for last, in the batch and later; an unknown one finds nobody."""
    with whole() as store:
        assert store.find("mail:ada@example.org") is None
        store.know("mail:ada@example.org", "ada")
        assert store.find("mail:ada@example.org") == "ada"
    for owner in ("ada", "bob", "bob", "cid"):
        with whole() as store:
            store.know("mail:ada@example.org", owner)
            assert store.find("mail:ada@example.org") == owner
        with whole() as store:
            store.know(f"message:{owner}", owner)
            assert store.find("mail:ada@example.org") == owner
            assert store.find("mail:Ada@example.org") is None


def test_a_reference_is_new_once(batch: Batch) -> None:
    """A reference was not seen at its first coming, and was at every later one."""
    with batch() as store:
        store.save(None, Customer("c1"))
    for turn in range(4):
        with batch() as store:
            assert store.seen("c1", b"r" * 16, NOW) is (turn > 0)
            assert store.seen("c1", b"r" * 16, NOW) is True
            assert store.seen("c1", bytes([turn]) * 16, NOW) is False


def test_a_line_has_the_latest_reaction_first(batch: Batch) -> None:
    """A line holds who waits for a workflow: the latest reaction first, then by id; who waits no more has left it."""
    with batch() as store:
        for name, reaction in {"a": 1, "c": 3, "b": 3}.items():
            store.save(None, Customer(name, last_reaction=reaction, waiting=("w",)))
        store.save(None, Customer("d", last_reaction=9, waiting=("other",)))
        assert store.line("w", 9) == ["b", "c", "a"]
        assert store.line("w", 1) == ["b"]
        assert store.line_length("w") == 3
    with batch() as store:
        assert store.line_length("w") == 3
        ada, bob = store.load("a"), store.load("b")
        assert ada is not None
        assert bob is not None
        store.save(ada, changed(ada, last_reaction=5))
        store.save(bob, changed(bob, waiting=("other",)))
        assert store.line("w", 9) == ["a", "c"]
        assert (store.line_length("w"), store.line_length("other"), store.line_length("none")) == (2, 2, 0)
    with batch() as store:
        assert store.line("other", 9) == ["d", "b"]
        assert store.line("none", 9) == []


def test_a_scan_comes_by_everybody_once(batch: Batch) -> None:
    """Slices of a scan follow each other in the order of ids and leave nobody out, new customers included."""
    with batch() as store:
        for name in ("b", "a", "d"):
            store.save(None, Customer(name))
        assert store.scan("", 2) == ["a", "b"]
        store.save(None, Customer("c"))
        assert store.scan("b", 2) == ["c", "d"]
        assert store.scan("d", 2) == []


def test_a_long_list_is_gone_through_with_changes_on_the_way(batch: Batch) -> None:
    """Whoever goes through a long list finds each as it was changed last, also by an earlier step, also out of order."""
    names = [f"c{number:03}" for number in range(250)]
    with batch() as store:
        for name in names:
            store.save(None, Customer(name, next_due=1))
    with batch() as store:
        for _, name in store.due(1, 250):
            for tagged in (name, names[-1]):
                known = store.load(tagged)
                assert known is not None
                store.save(known, changed(known, tags=(*known.tags, name), next_due=2))
        last = store.load(names[-1])
        assert last is not None
        assert last.tags == (*names, names[-1])
    with batch() as store:
        assert store.due(1, 250) == []
        for name in store.scan("", 249):
            known = store.load(name)
            assert known is not None
            assert known.tags == (name,)


def test_a_dead_letter_is_kept_once(whole: Batch) -> None:
    """The same bytes from the same place are counted; from another place they are another letter."""
    with whole() as store:
        assert store.bury(DeadLetter(b"{", "no JSON", "a.jsonl:1"), NOW) is True
        assert store.bury(DeadLetter(b"{", "no JSON", "a.jsonl:1"), NOW) is False
        assert store.bury(DeadLetter(b"[", "no JSON", "a.jsonl:1"), NOW) is True
    with whole() as store:
        assert store.bury(DeadLetter(b"{", "no JSON", "a.jsonl:1"), NOW) is False
        assert store.bury(DeadLetter(b"{", "no JSON", "a.jsonl:2"), NOW) is True


NAMES = st.sampled_from("abcde")
INSTANTS = st.integers(1, 9)
SAVES_AND_COMMITS = st.one_of(
    st.tuples(st.just("save"), NAMES, st.none() | INSTANTS, INSTANTS, st.sets(st.sampled_from("vw"))),
    st.tuples(st.just("commit")),
)
STEPS = st.one_of(SAVES_AND_COMMITS, st.tuples(st.just("know"), NAMES, NAMES), st.tuples(st.just("seen"), NAMES))


class Plain:
    """What a store must answer, in dictionaries."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.owners: dict[str, str] = {}
        self.seen: set[bytes] = set()

    def do(self, store: Store, kind: str, *what: Any) -> None:
        """Do one step, here and in the store."""
        if kind == "save":
            name, due, reaction, waiting = what
            after = Customer(name, next_due=due, last_reaction=reaction, waiting=tuple(sorted(waiting)))
            store.save(store.load(name), after)
            self.customers[name] = after
        elif kind == "know":
            store.know(what[0], what[1])
            self.owners[what[0]] = what[1]
        elif kind == "seen":
            ref = what[0].encode() * 16
            assert store.seen("c1", ref, NOW) is (ref in self.seen)
            self.seen.add(ref)

    def compare(self, store: Store) -> None:
        """See that the store answers everything as it must."""
        everybody = self.customers.values()
        due = [(each.next_due, each.id) for each in everybody if each.next_due is not None and each.next_due <= 5]
        assert store.due(5, 9) == sorted(due)
        waiting = [(-each.last_reaction, each.id) for each in everybody if "v" in each.waiting]
        assert store.line("v", 9) == [name for _, name in sorted(waiting)]
        assert store.line_length("v") == len(waiting)
        assert store.scan("", 9) == sorted(self.customers)
        for name in "abcde":
            assert store.load(name) == self.customers.get(name)
            assert store.find(name) == self.owners.get(name)


@given(steps=st.lists(STEPS, max_size=40), fold_at=st.integers(1, 6), slice_length=st.integers(1, 3))
def test_sqlite_is_what_was_put_into_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]], fold_at: int, slice_length: int
) -> None:
    """Whatever is done in whatever batches, the embedded store answers as plain dictionaries would."""
    with closing(open_to_write(tmp_path_factory.mktemp("store"))) as connection:
        walk(SqlStore(connection, fold_at=fold_at, slice_length=slice_length), steps)


@given(steps=st.lists(STEPS, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgres_is_what_was_put_into_it(postgres: str, steps: list[tuple[Any, ...]]) -> None:
    """Whatever is done in whatever batches, the store on PostgreSQL answers as plain dictionaries would."""
    with closing(open_to_write(Server(postgres))) as connection:
        connection.execute("truncate customer, population, under_way, headcount, line, identity, seen")
        walk(SqlStore(connection), steps)


def walk(store: SqlStore, steps: list[tuple[Any, ...]]) -> None:
    """Do the steps, and see after each that the store answers as it must; in the end, that another one does."""
    plain = Plain()
    store.begin()
    for step in steps:
        if step[0] == "commit":
            store.commit(NOW)
            store.begin()
        plain.do(store, *step)
        plain.compare(store)
    store.commit(NOW)
    again = SqlStore(store.connection)
    again.begin()
    plain.compare(again)
    again.commit(NOW)


@given(steps=st.lists(SAVES_AND_COMMITS, max_size=40))
def test_a_partition_is_what_was_put_into_it(steps: list[tuple[Any, ...]]) -> None:
    """Whatever is done between whatever flushes, a partition's store answers as plain dictionaries would; so does the next."""
    plain, shelf = Plain(), dict[bytes, bytes]()
    store = PartitionStore(0, 1, shelf)
    under_way: list[dict[bytes, bytes]] = []
    for step in steps:
        if step[0] == "commit":
            under_way.append(store.take_changed())
            if len(under_way) > 1:
                shelf.update(under_way.pop(0))
                store.let_go()
        plain.do(store, *step)
        plain.compare(store)
    for batch in (*under_way, store.take_changed()):
        shelf.update(batch)
    plain.compare(PartitionStore(0, 1, shelf))


@given(steps=st.lists(STEPS, max_size=40))
def test_memory_is_what_was_put_into_it(steps: list[tuple[Any, ...]]) -> None:
    """Whatever is done, the store in memory answers as plain dictionaries would."""
    plain, store = Plain(), MemoryStore()
    for step in steps:
        plain.do(store, *step)
        plain.compare(store)


@pytest.mark.parametrize(
    "signal",
    [
        Happened(Event("1", "shop", "order.placed", 5, "ada", OrderPlaced("o", Decimal("1.10"), "EUR")), history=True),
        Happened(Event("2", "shop", "own.event", 5, "", {"email": "ada@example.org", "score": 1.5, "n": 3})),
        TimeUp(),
        Handed("e", "refused", "550"),
        Unpause("shift", 7),
        RulesChanged(3),
        Shares(Customer("ada", stopped={"marketing": Stop(5, "email.unsubscribed")}, gone="ended"), history=True),
        Apart(("ada", "bob")),
        Counted((Release(5, "marketing", "hello", "e"),), "f"),
    ],
)
def test_a_signal_survives_the_journal(signal: AnySignal) -> None:
    """What is read from the journal equals what was written, its exact amounts and its history included."""
    assert decode_signal(encode_signal(signal)) == signal


@pytest.mark.parametrize("kind", ["email.opened", "email.clicked", "email.unsubscribed"])
def test_the_journal_is_without_what_tells_of_a_device(kind: str) -> None:
    """Internet address and browser are not kept; everything else of the event is."""
    said = Mail("<m@shop>", "ada@example.org", link="/sale", machine=True)
    seen = Happened(Event("1", "shop", kind, 5, "ada", replace(said, ip="192.0.2.1", user_agent="Mozilla/5.0")))
    raw = encode_signal(seen)
    assert b"192.0.2.1" not in raw
    assert b"Mozilla" not in raw
    assert decode_signal(raw) == Happened(replace(seen.event, data=said))


def test_the_proof_of_a_consent_is_kept() -> None:
    """Wording, internet address and page show that there was one."""
    proof = {"wording": "Yes", "ip": "192.0.2.1", "page": "/confirm"}
    for data in (Consent("newsletter", proof=proof), NewsletterAnswer("ada@example.org", proof)):
        given = Happened(Event("1", "shop", "consent.given", 5, "ada", data))
        assert b"192.0.2.1" in encode_signal(given)


def test_the_shop_is_kept(store: SqlStore) -> None:
    """The shop's state is kept as it is at the commit, with the last accepted instant."""
    assert store.load_shop() is None
    store.begin()
    shop = Shop(live_since=3)
    store.save_shop(shop)
    shop.epoch = 4
    store.commit(NOW)
    assert SqlStore(store.connection).load_shop() == (NOW, Shop(live_since=3, epoch=4))


def test_stages_and_groups_follow_the_record(store: SqlStore) -> None:
    """Who stands where is found without reading records: by stage, by standing and by what keeps mail from them."""
    store.begin()
    first = Customer("ada", runs=(run_in("one"),), standing=Standing.READER)
    store.save(None, first)
    store.commit(NOW)
    store.begin()
    second = changed(first, runs=(run_in("two"),), standing=Standing.LAPSED, gone="ended")
    store.save(first, second)
    store.commit(NOW)

    def rows(query: str) -> list[tuple[Any, ...]]:
        return store.connection.execute(query).fetchall()

    assert rows("select * from under_way") == [("w", "two", "ada")]
    assert rows("select standing, hindrance from customer") == [("lapsed", "gone")]
    store.begin()
    store.save(second, changed(second, runs=()))
    store.commit(NOW)
    assert rows("select * from under_way") == []


def test_a_rollback_leaves_nothing(store: SqlStore) -> None:
    """What was put in a batch that was rolled back is not there."""
    store.begin()
    store.save(None, Customer("ada", next_due=1, waiting=("w",)))
    store.know("mail:ada@example.org", "ada")
    store.seen("c1", b"r" * 16, NOW)
    store.rollback()
    store.begin()
    assert store.load("ada") is None
    assert store.find("mail:ada@example.org") is None
    assert store.seen("c1", b"r" * 16, NOW) is False
    assert store.due(5, 5) == []
    assert store.line_length("w") == 0
