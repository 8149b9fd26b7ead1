"""A "no" that comes by another way than a link."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.books import ledger, objections
from engine.books.database import open_to_write
from engine.books.store import SqlStore
from engine.core.links import block_key, customer_block_key
from engine.core.objections import No
from engine.listeners import Objections

KEY = b"key of the block list"


async def test_it_is_blocked_before_the_event_is_taken_in(world: Any) -> None:
    """The block list hears of it first; what says no such thing does not come to it."""

    async def note(noes: Sequence[No]) -> None:
        world.story.append(("noes", tuple(noes)))

    heard = Objections(note, world.clock)
    raws = [
        b'{"id":"1","type":"email.opened","time":"2026-01-05T09:00:00Z","data":{"email":"ada@example.org"}}',
        b'{"id":"2","type":"email.complained","time":"2026-01-05T09:00:00Z","data":{"email":"ada@example.org"}}',
    ]
    await world.intake().take(raws[:1], "hooks/test", heard.heed)
    await world.intake().take(raws[1:], "hooks/test", heard.heed)
    assert [what for what, _ in world.story] == ["event", "noes", "event"]


async def test_what_is_heard_without_an_event_counts_from_now(world: Any) -> None:
    """An address alone is enough."""
    noted: list[No] = []

    async def note(noes: Sequence[No]) -> None:
        noted.extend(noes)

    await Objections(note, world.clock).heard_no(" Ada@example.org")
    (no,) = noted
    assert (no.at, no.address, no.keys) == (world.clock.now(), "ada@example.org", ("mail:ada@example.org",))


def test_the_customer_who_has_the_address_is_blocked_too(tmp_path: Path) -> None:
    """So the "no" follows them to another address; and it counts since when it was said, not since it was heard of."""
    with closing(open_to_write(tmp_path)) as connection:
        store = SqlStore(connection)
        store.begin()
        store.know("mail:ada@example.org", "c1")
        no = No(7, "ada@example.org", keys=("mail:ada@example.org",))
        objections.note(connection, store.find, [no], KEY)
        objections.note(connection, store.find, [No(3, "ada@example.org")], KEY)
        store.commit(9, 0)
        keys = (block_key(KEY, "ada@example.org", "marketing"), customer_block_key(KEY, "c1", "newsletter"))
        assert [ledger.blocked_at(connection, (key, key)) for key in keys] == [7, 7]
        other = customer_block_key(KEY, "c2", "newsletter")
        assert ledger.blocked_at(connection, (other, other)) is None
