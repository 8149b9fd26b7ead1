"""The same books in both databases: whatever is asked of them, the answers are equal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books import applied, ledger, parcels, pools, proposals, rulebook
from engine.books.applied import Said
from engine.books.connection import Connection
from engine.books.database import open_to_write
from engine.books.ledger import Ending
from engine.books.parcels import Parcel
from engine.books.postgres import Server
from engine.books.queries import named_queries, read_sql
from engine.books.store import SqlStore
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.events import DeadLetter
from engine.core.moments import DAY, HOUR, Instant
from engine.core.rules import LapseRule, Mode
from engine.core.signals import WentLive
from engine.runtimes.simulator.sample import sample_events
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from engine.wiring import in_force
from engine.wiring.planning import looking, plan_of
from tests.acceptance.by_hand import Live
from tests.acceptance.shipped import shipped, shipped_files
from tests.postgres_servers import Server as Postgres

CUSTOMERS = 400
READERS = "readers-who-dont-buy"


def lived(folder: Path) -> Instant:
    """Fill a data folder with a made-up shop's life and something in every table that is shown; return its clock."""
    history = list(sample_events(CUSTOMERS, 11))
    engine = Live(folder, FixedClock(max(each.time for each in history) + 10 * HOUR))
    with closing(engine):
        engine.do(lambda store, now: begin(engine, store, now))
        for at in range(0, len(history), BATCH):
            engine.engine.run([Arrivals(history[at : at + BATCH])])
        engine.tell(WentLive())
        engine.run_until(engine.clock.now() + 9 * DAY)
        engine.do(leave_traces)
        return engine.clock.now()


def begin(engine: Live, store: SqlStore, now: Instant) -> None:
    """Put the shipped workflows in force."""
    done = rulebook.apply(engine.handling, shipped(Mode.LIVE), store, now)
    said = Said(modes=in_force.modes_of(shipped()))
    applied.put(
        store.connection,
        now,
        who="Ada",
        epoch=done.epoch,
        templates=in_force.raw_of(in_force.of(shipped_files())),
        said=said,
    )


def leave_traces(store: SqlStore, now: Instant) -> None:
    """Put something into the tables that the engine by itself has not filled."""
    connection = store.connection
    for number, outcome in enumerate(("done", "uncertain", "refused", "late")):
        ledger.end(connection, ledger.Call(f"e{number}", "c1", None), Ending(outcome, "why"), "m", now - number)
    for number in range(7):
        store.bury(DeadLetter(b"\xff%d" % number, f"reason {number}", "receiver shop" if number % 2 else "file"), now)
    seqs = connection.execute(
        "select seq, customer from effect where type = ? limit 3", (fx.STANDING_CHANGED,)
    ).fetchall()
    assert len(seqs) == 3
    parcels.begin(connection, "shop")
    for seq, customer in seqs:
        effect = Effect(fx.STANDING_CHANGED, now, customer, "x", {})
        parcels.keep(connection, "shop", Parcel(seq, effect, now, seq), now + seq, f"why {seq}")
    ledger.block(connection, [b"key"], now)
    pools.load(connection, "tea", ["A", "B"], now)
    proposals.add(connection, now, "Bea", "{}")
    proposals.decide(connection, proposals.add(connection, now, "Cid", "{}"), proposals.APPLIED, "Dan", now)


def copy(source: sqlite3.Connection, target: Connection) -> None:
    """Bring every row of every table that both have to the other database."""
    tables = [name for (name,) in source.execute("select name from sqlite_master where type = 'table'")]
    target.execute("begin immediate")
    for table in tables:
        rows = source.execute(f"select * from {table}").fetchall()
        if table == "fresh":
            identities = [(key, customer) for _, key, customer, _ in rows if customer is not None]
            upsert = "insert into identity values (?, ?) on conflict (key) do update set customer = excluded.customer"
            target.executemany(upsert, identities)
        elif rows:
            target.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    target.execute("update office set as_of = (select accepted from shop)")
    target.execute("commit")


@pytest.fixture(scope="module")
def places(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres
) -> Iterator[tuple[Path, Server, Instant]]:
    """A data folder, a server with the same books, and their clock."""
    folder, url = tmp_path_factory.mktemp("lived"), postgres_server.database()
    now = lived(folder)
    with closing(open_to_write(folder)) as source, closing(open_to_write(Server(url))) as target:
        copy(source, target)
    yield folder, Server(url), now
    postgres_server.drop(url)


@pytest.fixture
def both(places: tuple[Path, Server, Instant]) -> Iterator[tuple[Views, Views]]:
    """Both read sides."""
    with ExitStack() as stack:
        yield stack.enter_context(Views(places[0])), stack.enter_context(Views(places[1]))


def answers(views: Views, now: Instant) -> dict[str, Callable[[], list[Any]]]:
    """Every query of the read side, asked with values that find something."""
    some = [row[0] for row in views.all("in_line", READERS)][:1] or [0]
    people = [customer.id for customer in views.in_standing("active")][:20]
    listed, types = json.dumps(people), json.dumps([fx.STANDING_CHANGED, fx.RUN_STARTED])
    page = {"limit": 7}
    positional: dict[str, tuple[Any, ...]] = {
        "record": (people[0],),
        "effects_of": (people[1],),
        "effects_after": (5, 50),
        "endings": (json.dumps(["e0", "e2", "none"]),),
        "tally": (0,),
        "due": (now + DAY,),
        "uncertain": (5,),
        "stuck": (5,),
        "letter": (3,),
        "last_letters": (3,),
        "effect_types": (now - 30 * DAY,),
        "in_standing": ("lapsed",),
        "line": (READERS, 5),
        "paused_records": (READERS, 5),
        "portion": (10, 30),
        "portion_of_standings": (0, 200, json.dumps(["lapsed"]), now + DAY),
        "in_line": (READERS,),
        "under_way_in": (json.dumps([READERS, "seasonal"]),),
        "records": (listed,),
        "letters_from": ("receiver shop",),
        "journal_of": (people[0],),
        "message_id": ("e0",),
        "blocked": (b"k" * 16,),
        "suppressed": (b"k" * 16,),
        "template_set_at": (now,),
        "tally_of": (json.dumps(["run_started", "send.requested"]),),
    }
    named: dict[str, dict[str, Any]] = {
        "owner": {"key": b"k" * 16},
        "place": {"workflow": READERS, "customer": people[2]},
        "in_stage": {"workflow": READERS, "stage": ""},
        "standing_page": {"standing": "active", "hindrance": "", **page},
        "hindrance_page": {"standing": "active", "hindrance": "no permission", "num": 3, **page},
        "id_page": {"begin": "c", "end": "d", "after": people[0], **page},
        "workflow_page": {"workflow": READERS, "stage": "", **page},
        "stage_page": {"workflow": READERS, "stage": "first", "after": "", **page},
        "line_page": {"workflow": READERS, "reaction": some[0], "after": "", **page},
        "parcels": {"receiver": "shop"},
        "behind": {"position": 3, "since": 0, "types": types, "limit": 50},
    }
    names = named_queries(read_sql("views.sql"))
    without = {name for name, text in names.items() if "?" not in text and ":" not in text}
    assert without.isdisjoint({*positional, *named})
    assert {*without, *positional, *named} == set(names), "every query is asked here"
    found: dict[str, Callable[[], list[Any]]] = {}
    for name in names:
        if name in named:
            found[name] = lambda name=name: views.named(name, **named[name])  # type: ignore[misc]  # a default names it
        else:
            found[name] = lambda name=name: views.all(name, *positional.get(name, ()))  # type: ignore[misc]  # as above
    return found


def test_every_question_has_one_answer(places: tuple[Path, Server, Instant], both: tuple[Views, Views]) -> None:
    """All queries of the read side find the same rows, in the same order where they have one, and values of one type."""
    (one, other), now = both, places[2]
    texts, found_something = named_queries(read_sql("views.sql")), 0
    for (name, ask), ask_other in zip(answers(one, now).items(), answers(other, now).values(), strict=True):
        wanted, found = ask(), ask_other()
        if "order by" not in texts[name]:
            wanted, found = sorted(wanted, key=repr), sorted(found, key=repr)
        assert found == wanted, name
        assert [[type(each) for each in row] for row in found] == [[type(each) for each in row] for row in wanted], name
        found_something += bool(wanted)
    assert found_something > 0.8 * len(texts)


def test_what_the_read_side_makes_of_them_is_equal(
    places: tuple[Path, Server, Instant], both: tuple[Views, Views]
) -> None:
    """Rules, templates, customers, their places, effects, endings, coupons, letters: whatever pages and commands show."""
    now = places[2]
    seen = []
    for views in both:
        accepted, shop = views.shop()
        everybody = sorted(views.everybody(), key=lambda each: each.id)
        assert len(everybody) >= CUSTOMERS
        codes = [effect.data["code"] for _, effect in views.effects_after(0, 10**6) if effect.type == fx.COUPON_ISSUED]
        seen.append(
            {
                "shop": (accepted, shop),
                "rules": (views.rules().rule_set, views.rules().versions, views.templates()),
                "history": (views.put_in_force(9), views.proposals(9), views.pools(), views.has_codes("tea")),
                "everybody": everybody,
                "places": [views.places(each) for each in everybody],
                "by address": [views.found(str(each.value("email"))) for each in everybody[:50]],
                "stages": list(views.in_stage(READERS)),
                "endings": views.endings(["e0", "e1", "e3"]),
                "coupons": [views.coupon(code, now, shop) for code in codes],
                "letters": (views.letters(), views.letter(2), views.letter(99)),
            }
        )
        assert codes
    for what, wanted in seen[0].items():
        assert seen[1][what] == wanted, what


def test_a_plan_is_the_same(places: tuple[Path, Server, Instant], monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit that concerns everybody is reckoned to the same figures, in one process and in two."""
    folder, server, now = places
    edited = shipped(Mode.LIVE, lapsed_after=LapseRule("days", (60, 1)))
    fewer = {name: each for name, each in edited.workflows.items() if name != READERS}
    checked = with_fields(shipped_files(), rules=replace(edited, workflows=fewer))
    wanted = plan_of(folder, checked, now=now, who="Ada")
    assert wanted.standings
    assert plan_of(server, checked, now=now, who="Ada") == wanted
    monkeypatch.setattr(looking, "MANY", 0)
    assert plan_of(server, checked, now=now, who="Ada") == wanted


def test_a_store_goes_on_from_either(places: tuple[Path, Server, Instant]) -> None:
    """Whoever takes over the books finds the same rules, lines, due timers and owners of codes through the store."""
    folder, server, now = places
    told = []
    for where in (folder, server):
        with closing(open_to_write(where)) as connection:
            store = SqlStore(connection)
            store.begin()
            rules = rulebook.load(store, now, key=b"")
            told.append(
                (
                    rules.rule_set,
                    store.due(now + 20 * DAY, 50),
                    store.earliest(),
                    store.line(READERS, 50),
                    store.line_length(READERS),
                    store.in_workflow(READERS, ("", ""), 50),
                    store.runs_at_steps(READERS),
                    store.scan("", 50),
                    store.load_shop(),
                )
            )
            store.rollback()
    assert told[0] == told[1]
