"""Who may be mailed, why the others may not, and whose permission is about to lapse."""

from __future__ import annotations

from contextlib import closing

from msgspec.structs import replace

from engine.books.database import Where, open_to_write
from engine.books.store import SqlStore
from engine.books.views import Views
from engine.core.customer import Customer, Permission, Stop
from engine.core.rules import Address
from engine.insight.mailing import Counting
from engine.wiring.mailing import mailing
from tests.builders import PLAIN, START, ago, allowed, somebody

CAREFUL = replace(PLAIN, oldest_address=None)


def given(text: str) -> dict[str, Permission]:
    """Both permissions, so old."""
    return allowed("marketing", "newsletter", since=ago(text))


PEOPLE = [
    somebody("fresh", permission=given("10d")),
    somebody("unused", permission=given("400d")),
    somebody("soon", permission=given("701d")),
    somebody("lapsed", permission=given("730d")),
    somebody("used", permission=given("729d"), last_mail=ago("5d")),
    somebody("never", permission={}),
    somebody("stopped", permission=given("10d"), stopped={"marketing": Stop(1, "email.complained")}),
    somebody("dead", permission=given("10d"), address=Address.DEAD),
    somebody("gone", gone="customer.ended"),
]


def test_everybody_counts_once_under_each_purpose() -> None:
    """Allowed or refused with the gate's reason; the ends by non-use are told before they come."""
    counting = Counting(CAREFUL, START)
    for each in PEOPLE:
        counting.see(each)
    found = counting.counted(len(PEOPLE))
    assert found.allowed == {"marketing": 4, "newsletter": 5}
    assert found.refused["marketing"] == {
        "address_dead": 1,
        "gone": 1,
        "no_permission": 1,
        "permission_lapsed": 1,
        "stopped": 1,
    }
    assert "stopped" not in found.refused["newsletter"]
    assert found.lapsing == {"marketing": 1, "newsletter": 1}
    assert found.unused == {"marketing": 2, "newsletter": 2}
    assert (found.looked_at, found.estimated) == (9, False)


def test_of_many_some_are_looked_at_evenly(where: Where) -> None:
    """Of 3,000 customers of whom every third may be written to a tenth is looked at, and the counts are for all."""
    with closing(open_to_write(where)) as connection:
        store = SqlStore(connection)
        store.begin()
        for number in range(3_000):
            kept = {} if number % 3 else given("10d")
            store.save(
                None, Customer(f"c{number:04}", permission=kept, profile={"email": (f"{number}@example.org", 0)})
            )
        store.commit(START)
    with Views(where) as views:
        found = mailing(views, START, most=300)
        whole = mailing(views, START)
    assert (found.looked_at, found.estimated) == (300, True)
    assert abs(found.allowed["marketing"] - 1_000) <= 30
    assert (whole.looked_at, whole.estimated, whole.allowed["marketing"]) == (3_000, False, 1_000)
