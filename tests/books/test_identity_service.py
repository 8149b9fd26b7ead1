"""Identities that several gateways share, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from msgspec import Struct

from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.identity_service import IdentityService
from engine.books.postgres import Server
from engine.books.store import SqlStore
from engine.core.moments import DAY
from engine.core.shop import Shop


class Claim(Struct, frozen=True):
    """A key that is to change hands."""

    key: str
    customer: str
    instead_of: str = ""


@pytest.fixture
def server(postgres: str) -> Server:
    """A server with new books."""
    open_to_write(Server(postgres)).close()
    return Server(postgres)


@pytest.fixture
async def gateways(server: Server) -> AsyncIterator[tuple[IdentityService, IdentityService]]:
    """The identities as two gateways have them."""
    one, two = IdentityService(server), IdentityService(server)
    yield one, two
    await one.close()
    await two.close()


async def test_keys_are_found_where_anybody_knows_them(gateways: tuple[IdentityService, IdentityService]) -> None:
    """What one gateway claims another finds; keys that nobody is known under are left out."""
    one, two = gateways
    assert await one.find([]) == {}
    assert await one.find(["mail:a@x"]) == {}
    assert await one.claim([Claim("mail:a@x", "ada"), Claim("mail:b@x", "bob")]) == {"mail:a@x", "mail:b@x"}
    assert await two.find(["mail:a@x", "mail:b@x", "mail:c@x"]) == {"mail:a@x": "ada", "mail:b@x": "bob"}


async def test_a_key_changes_hands_only_from_whom_it_belongs_to(
    gateways: tuple[IdentityService, IdentityService],
) -> None:
    """New keys are claimed from nobody, known ones from their owner; who comes late is told so and changes nothing."""
    one, two = gateways
    assert await one.claim([Claim("k", "ada")]) == {"k"}
    assert await two.claim([Claim("k", "bob"), Claim("l", "bob")]) == {"l"}
    assert await two.claim([Claim("k", "bob", "cid"), Claim("none", "bob", "ada")]) == set()
    assert await two.claim([Claim("k", "bob", "ada"), Claim("m", "bob")]) == {"k", "m"}
    assert await one.claim([Claim("k", "cid", "ada")]) == set()
    assert await one.find(["k", "l", "m", "none"]) == {"k": "bob", "l": "bob", "m": "bob"}


async def test_of_two_who_claim_at_once_one_gets_it(gateways: tuple[IdentityService, IdentityService]) -> None:
    """Two gateways that claim the same keys in opposite orders neither wait for ever nor both win, new keys or known."""
    one, two = gateways
    keys = [f"k{number}" for number in range(200)]
    for before in ("", "ada", "", "ada"):
        keys = [f"{key}'" for key in keys] if not before else keys
        met = await asyncio.gather(
            one.claim([Claim(key, "one", before) for key in keys]),
            two.claim([Claim(key, "two", before) for key in reversed(keys)]),
        )
        assert sorted([*met[0], *met[1]]) == sorted(keys)
        owners = await one.find(keys)
        assert owners == dict.fromkeys(met[0], "one") | dict.fromkeys(met[1], "two")
        assert len(await one.claim([Claim(key, "ada", owner) for key, owner in owners.items()])) == len(keys)


async def test_what_a_store_knows_the_gateways_find(
    server: Server, gateways: tuple[IdentityService, IdentityService]
) -> None:
    """The store's `know` and the service's `claim` are of one table."""
    with closing(open_to_write(server)) as connection:
        store = SqlStore(connection)
        store.begin()
        store.save_shop(Shop())
        store.know("mail:a@x", "ada")
        store.commit(20_000 * DAY)
        assert await gateways[0].find(["mail:a@x"]) == {"mail:a@x": "ada"}
        await gateways[0].claim([Claim("mail:a@x", "bob", "ada")])
        store.begin()
        assert store.find("mail:a@x") == "bob"
        store.rollback()


async def test_a_server_that_was_away_is_asked_anew(
    server: Server, gateways: tuple[IdentityService, IdentityService]
) -> None:
    """A question that meets a cut connection is an error in words, and the next one opens another."""
    one, _ = gateways
    await one.claim([Claim("k", "ada")])
    with closing(open_to_write(server)) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    with pytest.raises(DatabaseError, match="PostgreSQL at"):
        await one.find(["k"])
    assert await one.find(["k"]) == {"k": "ada"}
    nowhere = IdentityService(Server("postgresql://winback@127.0.0.1:1/none"))
    with pytest.raises(DatabaseError, match="cannot be reached"):
        await nowhere.find(["k"])
