"""CSV histories: the dialects that are recognised, what becomes of a row, and how options are refused."""

from __future__ import annotations

import importlib.util
import io
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.files import OptionProblem, Table, read_files
from engine.core.events import Consent, DeadLetter, Event, OrderCalledOff, OrderPlaced, ProfileUpdated
from engine.core.moments import DAY, HOUR, day_number, zone
from engine.core.reading import Reader
from engine.core.rules import OwnEvent

OWN = {"review.written": OwnEvent("review.written", "A review.", {"stars": "number", "seen": "day", "worth": "money"})}
READER = Reader(OWN)
ORDERS = "customer_id=customer,time=date,total=paid"
MIDNIGHT = zone("Europe/Berlin").start(day_number(2026, 1, 31))


def rows(content: str | bytes, columns: str = ORDERS, **options: Any) -> list[Event | DeadLetter]:
    """What is read of some CSV, with EUR and the zone of Berlin where nothing else is said."""
    table = Table.from_options(columns, **{"currency": "EUR", "timezone": "Europe/Berlin", "own_events": OWN} | options)
    raw = content if isinstance(content, bytes) else content.encode()
    return list(read_files(["-"], READER, table, stdin=io.BytesIO(raw)))


def row(content: str | bytes, columns: str = ORDERS, **options: Any) -> Event:
    """The one event of some CSV."""
    (event,) = rows(content, columns, **options)
    assert isinstance(event, Event), event
    return event


def reason(content: str | bytes, columns: str = ORDERS, **options: Any) -> str:
    """Why the one row of some CSV is a dead letter."""
    (dead,) = rows(content, columns, **options)
    assert isinstance(dead, DeadLetter)
    return dead.reason


@pytest.mark.parametrize(
    "content",
    [
        "customer,date,paid\nc1,2026-01-31,49.90\n",
        "customer;date;paid\nc1;2026-01-31;49,90\n",
        "customer\tdate\tpaid\nc1\t20260131\t49,90\n",
        "  customer   date  paid\r\n  c1  20260131   49.90\r\n",
        "customer date paid\nc1 2026-01-31 49,90",
        "\N{ZERO WIDTH NO-BREAK SPACE}customer;date;paid\r\n\r\nc1;2026-01-31;49,90\r\n\r\n",
        '"customer","date","paid"\n"c1","2026-01-31","49.90"\n',
        'Customer,more,DATE,Paid\nc1,"a, b",2026-01-31, 49.90\n',
        "first name,customer,date,paid\nAda,c1,2026-01-31T00:00:00,49.90\n",
        "customer,date,paid\nc1,2026-01-30T23:00:00Z,49.90\n",
        "customer;date;paid;;\nc1;2026-01-31;49,90;;\n",
        "customer,date,paid\nc1,2026-01-31,49.90,,\n",
    ],
)
def test_dialects_are_recognised(content: str) -> None:
    """Separator, date, decimal comma, quotes, BOM and line ends need not be told; a date is its midnight."""
    event = row(content)
    assert (event.type, event.customer, event.time) == ("order.placed", "c1", MIDNIGHT)
    assert (event.data.total, event.data.currency) == (Decimal("49.90"), "EUR")


@pytest.mark.parametrize(
    ("cell", "amount"),
    [("1.234,50", "1234.50"), ("1234,5", "1234.5"), ("1.234.567,89", "1234567.89"), ("0,1", "0.1"), ("12.50", "12.50")],
)
def test_decimal_commas(cell: str, amount: str) -> None:
    """Where commas do not separate, a comma is a decimal comma, and points before it group thousands."""
    assert row(f"customer;date;paid\nc1;2026-01-31;{cell}\n").data.total == Decimal(amount)


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("20260131", MIDNIGHT),
        ("2026-01-31 10:15", MIDNIGHT + 10 * HOUR + 15 * HOUR // 60),
        ("2026-01-31 10:15:00.5", MIDNIGHT + 10 * HOUR + 15 * HOUR // 60 + 500_000),
        ("2026-01-31T00:00:00-05:00", MIDNIGHT + 6 * HOUR),
        ("2026-07-31", MIDNIGHT + 181 * DAY - HOUR),
    ],
)
def test_times_are_of_the_zone_that_is_told(cell: str, instant: int) -> None:
    """A time without a zone is a clock time in --timezone, summer time included; one with a zone is what it says."""
    assert row(f"customer,date,paid\nc1,{cell},1\n").time == instant


def test_columns_go_by_number_too() -> None:
    """Columns may be numbered from 1; whether the first row is a header is seen from its date."""
    for content in ("c1;20260131;49,90\n", "who;when;what\nc1;20260131;49,90\n", " c1 20260131 49,90"):
        event = row(content, "customer_id=1,time=2,total=3")
        assert (event.customer, event.time, event.data.total) == ("c1", MIDNIGHT, Decimal("49.90"))


def test_the_order_id_is_the_events_id() -> None:
    """Where there is an order id the event has it too; a cancelling row has an id of its own."""
    assert row("customer,date,paid,no\nc1,20260131,1,17\n", ORDERS + ",order_id=no").id == "17"
    cancelled = row("who,date,no\nc1,20260131,17", "customer_id=who,time=date,order_id=no", kind="order.cancelled")
    assert cancelled.data == OrderCalledOff("17", currency="EUR")
    assert cancelled.id != "17"


def test_equal_rows_are_one_order() -> None:
    """Without an order id the id is a hash of the row: equal rows are equal, in whatever file, others are not."""
    first, again, other, third = rows("customer,date,paid\nc1,20260131,1\nc1,20260131,1\nc1,20260131,2\nc1,20260131,1,")
    assert isinstance(first, Event)
    assert isinstance(other, Event)
    assert first == again == third
    assert first.id == first.data.order_id != other.id
    assert Table.from_options(ORDERS, currency="EUR").makes_ids
    assert not Table.from_options(ORDERS + ",order_id=no", currency="EUR").makes_ids


def test_the_real_history_of_a_shop() -> None:
    """CDNOW's file, separated by blanks behind a leading blank, reads whole: 69,659 orders, 255 of them twice."""
    package = importlib.util.find_spec("lifetimes")
    if package is None or not package.submodule_search_locations:
        pytest.skip("CDNOW's file is not installed (requirements/data.txt)")
    path = Path(package.submodule_search_locations[0]) / "datasets" / "CDNOW_master.txt"
    table = Table.from_options("customer_id=customer_id,time=date,total=dollar_value", currency="USD", timezone="UTC")
    events = [event for event in read_files([str(path)], READER, table) if isinstance(event, Event)]
    assert len(events) == 69_659
    assert len(events) - len({event.id for event in events}) == 255
    assert len({event.customer for event in events}) == 23_570
    assert sum(event.data.total for event in events) == Decimal("2500315.63")
    days = Counter(event.time // DAY for event in events)
    assert (min(days), max(days)) == (day_number(1997, 1, 1), day_number(1998, 6, 30))
    assert all(event.time % DAY == 0 for event in events)


def test_other_types_have_their_columns() -> None:
    """Any type of event can come from columns, with free fields by their dotted names and empty cells absent."""
    consent = row(
        "who,when,purpose,page\nada@example.org,2026-01-31,newsletter,/sign-up\n",
        "email=who,time=when,purpose=purpose,proof.page=page",
        kind="consent.given",
    )
    assert consent.data == Consent("newsletter", proof={"page": "/sign-up"}, email="ada@example.org")
    profile = row(
        "id,at,first,born,size,tier\nc1,20260131,Ada,18151210,M,\n",
        "customer_id=id,time=at,first_name=first,birthday=born,attributes.size=size,tier=tier",
        kind="profile.updated",
    )
    assert profile.data == ProfileUpdated(first_name="Ada", birthday="1815-12-10", attributes={"size": "M"})
    opened = row("id,at,bot\nc1,20260131,yes\n", "customer_id=id,time=at,machine=bot", kind="email.opened")
    assert opened.data.machine is True
    review = row(
        "id;at;stars;worth;seen\nc1;20260131;4,5;9,90;20260130\n",
        "customer_id=id,time=at,stars=stars,worth=worth,seen=seen",
        kind="review.written",
    )
    assert review.data == {"stars": 4.5, "worth": "9.90", "seen": "2026-01-30"}


def test_a_currency_may_stand_in_the_row() -> None:
    """A currency column goes before --currency, which is for rows without one."""
    content = "customer,date,paid,money\nc1,20260131,100,JPY\nc2,20260131,100,\n"
    found = [one.data for one in rows(content, ORDERS + ",currency=money") if isinstance(one, Event)]
    assert [order.currency for order in found] == ["JPY", "EUR"]
    assert all(isinstance(order, OrderPlaced) for order in found)


def test_a_quoted_cell_may_have_lines() -> None:
    """A line end in quotes is part of the cell; a row's place is its first line."""
    content = 'customer,date,paid,note\nc1,20260131,1,"two\nlines"\nc2,20260131,much,\n'
    first, dead = rows(content)
    assert isinstance(first, Event)
    assert isinstance(dead, DeadLetter)
    assert dead.origin == "-:4"
    assert dead.raw == b"c2,20260131,much,"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("c1,31.01.2026,1", "time is not a date (2026-01-31, 20260131)"),
        ("c1,1.2,1", "time is not a date"),
        ("c1,,1", "time is missing (column date)"),
        ("c1,0001-01-01,1", "time lies before 1970 or after 2199"),
        ("c1,9999-12-31,1", "time lies before 1970 or after 2199"),
        ("c1,1970-01-01,1", "time lies before 1970 or after 2199"),
        ("c1,20260131,much", "data.total must be a number, such as"),
        ("c1,20260131,-1", "data.total is negative"),
        ("c1,20260131,1.234", "more digits after the point than EUR has (2) (column paid)"),
        ("c1,20260131,", "data.total is missing (column paid)"),
        (",20260131,1", "nobody to find"),
        ("c1,20260131", "2 fields where the first row has 3"),
        ("c1,2026,01,31", "4 fields where the first row has 3"),
        ('c1,20260131,"1', "0 fields where the first row has 3: is a quote or separator missing?"),
        ('c1,20260131,"1"2', "is a quote or separator missing?"),
    ],
)
def test_rows_that_are_dead_letters(line: str, why: str) -> None:
    """A row that cannot be taken says why, in the file's own words."""
    assert why in reason(f"customer,date,paid\n{line}\n")


def test_a_row_must_be_utf_8() -> None:
    """A row in another encoding is a dead letter with its bytes, and does not stop the others."""
    bad, good = rows(b"customer,date,paid\nM\xfcller,20260131,1\nc2,20260131,1\n")
    assert isinstance(bad, DeadLetter)
    assert (bad.raw, bad.origin) == (b"M\xfcller,20260131,1", "-:2")
    assert "not UTF-8" in bad.reason
    assert isinstance(good, Event)


def test_a_quote_that_never_closes_is_bounded() -> None:
    """An open quote swallows a bounded part of the file, which is kept in dead letters; the rest is read."""
    content = 'customer,date,paid\nc1,"20260131,1\n' + "c2,20260131,1\n" * 20_000
    found = rows(content)
    dead = [one for one in found if isinstance(one, DeadLetter)]
    assert len(dead) == 1
    assert dead[0].raw.count(b"\n") + 1 + len(found) - 1 == 20_001
    assert len(dead[0].raw) < 140_000


@pytest.mark.parametrize(
    ("columns", "options", "problems"),
    [
        ("customer_id=id,time=at,total=x", {"currency": ""}, ["say the currency: --currency EUR"]),
        ("customer_id=id,time=at", {}, ["needs a total: total=COLUMN"]),
        ("time=at,total=x", {}, ["which column is the customer"]),
        ("customer_id=id,total=x", {}, ["which column is the time"]),
        (
            "customer=id,time=at,total=x",
            {},
            ["no such field", "did you mean customer_id?", "which column is the customer"],
        ),
        ("customer_id=id,time=at,total=x,items=i", {}, ["cannot come from a column"]),
        ("customer_id=id,time=at,total=x,total=y", {}, ["named twice"]),
        ("customer_id=id,time=at,total=x,oops", {}, ["write FIELD=COLUMN"]),
        ("", {}, ["which column is the time", "which column is the customer", "needs a total"]),
        ("customer_id=id,time=at,total=x", {"currency": "EURO"}, ["did you mean EUR?"]),
        ("customer_id=id,time=at,total=x", {"timezone": "Berlin"}, ["no such time zone"]),
        ("customer_id=id,time=at", {"kind": "order.place"}, ["no such type of event; did you mean order.placed?"]),
        ("customer_id=id,time=at", {"kind": "consent.given"}, ["needs a purpose"]),
        ("customer_id=id,time=at,star=s", {"kind": "review.written"}, ["did you mean stars?"]),
    ],
)
def test_options_that_cannot_be_followed(columns: str, options: dict[str, str], problems: list[str]) -> None:
    """All that is wrong with the options is said at once, before a file is opened, with the cure."""
    with pytest.raises(OptionProblem) as problem:
        rows("", columns, **options)
    for part in problems:
        assert part in str(problem.value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("customer_id=customr,time=date,total=paid", "did you mean customer?"),
        ("customer_id=customer,time=date,total=sum", "its columns are customer, date, paid"),
        ("customer_id=1,time=2,total=9", "it has 3 columns"),
        ("customer_id=1,time=2,total=0", "no column '0' for total"),
    ],
)
def test_unknown_columns_are_named(columns: str, says: str) -> None:
    """A column that is not in the file is an error with the file's columns, and the nearest name."""
    with pytest.raises(OptionProblem, match="-: no column") as problem:
        rows("customer,date,paid\nc1,20260131,1\n", columns)
    assert says in str(problem.value)


def test_an_empty_table_is_no_error() -> None:
    """A file with a header alone, or nothing at all, has no events."""
    assert rows("") == []
    assert rows("customer,date,paid\n") == []
