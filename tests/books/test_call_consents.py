"""Consents to calls outlive an erasure, sealed, for as long as they must be provable, and no longer."""

from __future__ import annotations

from contextlib import closing

import pytest

from engine.books import call_consents
from engine.books.database import Where, open_to_write
from engine.books.erasures import Erasures
from engine.books.expiry import Expiry
from engine.books.store import SqlStore
from engine.core.call_consents import call_consent_of
from engine.core.customer import Customer
from engine.core.moments import DAY, Instant, Length
from engine.core.permission import use
from engine.core.rules import FIVE_YEARS, Keep
from tests.builders import START, ago, event, folded

KEY = b"k" * 32
CALLED: Instant = START - 10 * DAY


def permitted(channel: str = "phone") -> Customer:
    """Somebody who consented to calls, was called ten days ago, and has withdrawn it since."""
    customer = folded(
        event("profile.updated", ago("99d"), phone="0049 (30) 1234-56", first_name="Ada", email="ada@example.org"),
        event("consent.given", ago("90d"), purpose="marketing", channel=channel, proof={"wording": "Yes, call me"}),
        event("consent.given", ago("90d"), purpose="newsletter", proof={"wording": "Yes, write to me"}),
    )
    use(customer, "marketing", channel, CALLED)
    return folded(event("consent.withdrawn", ago("5d"), purpose="marketing", channel=channel), into=customer)


def test_what_is_kept_is_what_was_said_of_calls() -> None:
    """The yes with its wording, the no after it, who it was, and the last call; nothing of the newsletter."""
    kept = call_consent_of(permitted())
    assert kept is not None
    assert (kept.customer, kept.name, kept.used) == ("ada", "Ada", CALLED)
    assert [(each.what, each.proof) for each in kept.said] == [
        ("given", {"wording": "Yes, call me"}),
        ("withdrawn", {}),
    ]
    assert call_consent_of(permitted("sms")) is None


@pytest.mark.parametrize("name", ["ada", "ADA ", "Ada@Example.org", "+49 30 123456", "0049-30-123456"])
def test_it_is_found_by_who_knows_the_person(where: Where, name: str) -> None:
    """By id, number or address, however they are written; with another secret by nobody."""
    with closing(open_to_write(where)) as connection:
        call_consents.keep(connection, KEY, permitted(), "proof")
        found = call_consents.found(connection, KEY, name)
        assert found == call_consent_of(permitted())
        assert call_consents.found(connection, b"x" * 32, name) is None
        assert call_consents.found(connection, KEY, "bob") is None
        for row in connection.execute("select key, sealed from call_consent").fetchall():
            for word in (b"ada", b"Ada", b"123456", b"call me", b"+49"):
                assert word not in bytes(row[0]) + bytes(row[1])


def test_an_erasure_leaves_it_and_time_takes_it(where: Where) -> None:
    """Begun with the erasure, in its transaction; gone five years after the last call, on the engine's own clock."""
    keep = Keep()
    with closing(open_to_write(where)) as connection:
        store, erasures = SqlStore(connection), Erasures(KEY)
        store.begin()
        erased = event("customer.erased", START)
        erasures.begin(store, "ada", permitted(), erased, START)
        store.commit(START)
        number = erasures.number_of("ada", START)
        assert call_consents.used_at(connection, number) == CALLED
        Expiry(connection).run(CALLED + FIVE_YEARS * DAY, keep)
        assert call_consents.found(connection, KEY, "ada") is not None
        Expiry(connection).run(CALLED + FIVE_YEARS * DAY + 1, keep)
        assert call_consents.found(connection, KEY, "ada") is None


def test_where_no_law_asks_for_it_nothing_is_kept(where: Where) -> None:
    """`keep: {call_consents: none}`: the next look takes it; a longer time than five years holds, too."""
    with closing(open_to_write(where)) as connection:
        call_consents.keep(connection, KEY, permitted(), "proof")
        Expiry(connection).run(CALLED + 2_000 * DAY, Keep(call_consents=Length(days=3_000)))
        assert call_consents.found(connection, KEY, "ada") is not None
        Expiry(connection).run(START, Keep(call_consents=None))
        assert call_consents.found(connection, KEY, "ada") is None


def test_blocks_and_suppressions_outlive_everything(where: Where) -> None:
    """No slice of what is forgotten takes a "no" with it, however old it is."""
    with closing(open_to_write(where)) as connection:
        connection.execute("insert into blocked values (?, 0)", (b"k" * 16,))
        connection.execute("insert into suppression values (?, 'unsubscribed', 0)", (b"k" * 16,))
        expiry = Expiry(connection)
        for hour in range(300):
            expiry.run(START + hour * DAY // 24, Keep())
        for table in ("blocked", "suppression"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (1,)
