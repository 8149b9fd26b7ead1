"""Small tables that decide what may leave and what is in force: the same on both databases."""

from __future__ import annotations

from engine.books import applied, ledger, proposals, seeds
from engine.books.applied import Said
from engine.books.connection import Connection
from engine.books.suppressions import Suppressions
from engine.core.moments import DAY, Instant

NOW: Instant = 20_000 * DAY


def test_the_latest_no_counts(connection: Connection) -> None:
    """A key that comes on the block list again keeps the later instant, in whatever order they came; a yes takes it off."""
    for at in (NOW, NOW + 5, NOW - 5):
        ledger.block(connection, [b"one"], at)
    ledger.block(connection, [b"two"], NOW + 9)
    assert ledger.blocked_at(connection, (b"one", b"none")) == NOW + 5
    assert ledger.blocked_at(connection, (b"one", b"two")) == NOW + 9
    assert ledger.blocked_at(connection, (b"none", b"nothing")) is None
    ledger.unblock(connection, [b"two", b"none"])
    assert ledger.blocked_at(connection, (b"one", b"two")) == NOW + 5


def test_an_imported_suppression_is_kept_by_kind_with_its_latest_instant(connection: Connection) -> None:
    """An address is found by its keyed hash alone; importing a list again changes nothing but later instants."""
    listed = Suppressions(b"key")
    key = listed.key_of("ada@example.org")
    listed.add(connection, [(key, "unsubscribed", NOW), (key, "bounced", NOW - DAY)])
    listed.add(connection, [(key, "unsubscribed", NOW - DAY), (key, "bounced", NOW)])
    assert {(each.kind, each.at) for each in listed.of(connection, "Ada@example.org ")} == {
        ("unsubscribed", NOW),
        ("bounced", NOW),
    }
    assert listed.known(connection, "bob@example.org") is None
    assert Suppressions(b"another").of(connection, "ada@example.org") == []


def test_a_seed_gets_a_version_once(connection: Connection) -> None:
    """What was claimed is not claimed again, whatever became of it, unless it was given back before the call ended."""

    def claimed(digest: bytes) -> bool:
        return seeds.claim(connection, digest, "seed@example.org", "hello", "en", NOW)

    assert [claimed(b"one"), claimed(b"one"), claimed(b"two")] == [True, False, True]
    seeds.give_back(connection, b"one", "seed@example.org")
    assert claimed(b"one")
    seeds.end(connection, b"one", "seed@example.org", "done", "", NOW + 1)
    seeds.give_back(connection, b"one", "seed@example.org")
    seeds.settle(connection)
    states = connection.execute("select digest, state from seeded order by digest").fetchall()
    assert states == [(b"one", "done"), (b"two", "uncertain")]
    assert not claimed(b"one")
    assert not claimed(b"two")


def test_plans_that_wait_stand_before_the_others(connection: Connection) -> None:
    """Then the newest first; what became of a plan, and by whom, is on record."""
    first, second, third = (proposals.add(connection, NOW + n, "Ada", f"plan {n}") for n in range(3))
    proposals.decide(connection, third, proposals.WITHDRAWN, "Bea", NOW + 9)
    assert [each.num for each in proposals.latest(connection, 9)] == [second, first, third]
    kept = proposals.found(connection, third)
    assert kept is not None
    assert (kept.state, kept.decided_by, kept.decided_at, kept.plan) == ("withdrawn", "Bea", NOW + 9, "plan 2")
    assert proposals.found(connection, 99) is None


def test_templates_are_kept_once_and_the_way_back_leads_further_back(connection: Connection) -> None:
    """A set that was in force before is not kept again; what changes nothing gets no row; back means before that."""

    def put(epoch: int, templates: str, back_to: applied.PutInForce | None = None) -> applied.PutInForce:
        return applied.put(
            connection, NOW, who="Ada", epoch=epoch, templates=templates, said=Said(changes=("x",)), back_to=back_to
        )

    for body in ("{}", "{ }"):
        connection.execute("insert into rule_set (epoch, at, body) values (?, ?, ?)", (len(body), NOW, body))
    one, two = put(2, "old words"), put(3, "new words")
    assert put(3, "new words") == two
    back = put(2, "old words", one)
    assert (back.before, back.said.back_to) == (one.before, one.num)
    assert applied.newest(connection) == back
    assert [each.num for each in applied.latest(connection, 2)] == [back.num, two.num]
    assert applied.templates_of(connection, back) == "old words"
    assert connection.execute("select count(*) from template_set").fetchone() == (2,)
