"""`winback import`: what a shop's old tools knew, taken in as facts that start nothing."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.cli.documents import ImportDocument
from tests.cli.conftest import Winback

ORDERS = "Bestellnummer;Kunde;E-Mail;Datum;Gesamt;W\u00e4hrung\n4711;c-1;ada@example.org;31.01.2026;1.049,90;EUR\n4712;c-2;bob@example.org;01.02.2026 10:15;5,00;EUR\n"


def write(name: str, text: str, encoding: str = "utf-8") -> str:
    """Write a file into the present folder."""
    Path(name).write_text(text, encoding, newline="")
    return name


def taken(winback: Winback, *args: object) -> ImportDocument:
    """Import, and return the document, which must have its form."""
    called = winback("import", *args, "--json")
    return msgspec.convert(called.json, ImportDocument, strict=True)


def rows(query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the database."""
    with closing(sqlite3.connect("data/winback.sqlite3")) as connection:
        return connection.execute(query).fetchall()


def explained(winback: Winback, customer: str) -> Any:
    """Return a customer's record as `explain` tells it."""
    return winback("explain", customer, "--json").json["customer"]


def test_orders_of_a_german_spreadsheet_are_taken_in(winback: Winback) -> None:
    """Semicolons, decimal commas, days first, Windows-1252: read without a word said."""
    file = write("orders.csv", ORDERS, "cp1252")
    found = taken(winback, "orders", file, "--map", "customer_id=Kunde")
    assert (found.taken, found.known, found.refused) == (2, 0, [])
    assert found.form == "Windows-1252, semicolons, decimal comma"
    ada = explained(winback, "c-1")
    assert (ada["orders"], ada["revenue"], ada["last_order"][:10]) == (1, {"EUR": "1049.90"}, "2026-01-31")


def test_the_same_file_twice_changes_nothing(winback: Winback) -> None:
    """The second time every row is known, whatever it holds, and the journal does not grow."""
    files = {
        "orders": write("orders.csv", ORDERS),
        "customers": write("customers.csv", "id,email,first name\nc-1,ada@example.org,Ada\n,bob@example.org,Bob\n"),
        "consents": write("consents.csv", "email,date,basis\nada@example.org,2025-01-01,express\nbob@example.org,,\n"),
        "suppressions": write("stop.csv", "email,reason\ncid@example.org,bounce\n"),
        "engagement": write("clicks.csv", "email,type,time\nada@example.org,click,2026-01-01 10:00\n"),
        "coupons": write("coupons.csv", "email,code,offer,given at\nada@example.org,X1,ten_percent,2026-01-01\n"),
        "sends": write("sends.csv", "email,sent at\nada@example.org,2026-01-01\n"),
    }
    maps = {"orders": ["customer_id=Kunde"]}
    first = {kind: taken(winback, kind, file, *maps.get(kind, ())) for kind, file in files.items()}
    assert {kind: found.taken for kind, found in first.items()} == dict.fromkeys(files, 1) | {
        "orders": 2,
        "customers": 2,
    }
    journal = rows("select count(*) from journal where customer <> ''")
    again = {kind: taken(winback, kind, file, *maps.get(kind, ())) for kind, file in files.items()}
    assert {kind: found.taken for kind, found in again.items()} == dict.fromkeys(files, 0)
    assert {kind: found.known for kind, found in again.items()} == {kind: found.taken for kind, found in first.items()}
    assert rows("select count(*) from journal where customer <> ''") == journal
    assert rows("select * from effect") == []


def test_a_consent_without_date_or_basis_is_none_and_is_listed(winback: Winback) -> None:
    """By its line, with the reason; `--basis` says it for the whole file, a date nobody can make up."""
    text = (
        "email,date,basis\nada@example.org,2025-01-01,express\nbob@example.org,2025-01-01,\n"
        "cid@example.org,,express\ndee@example.org,2025-01-01,because\n"
    )
    file = write("consents.csv", text)
    found = taken(winback, "consents", file, "--purpose", "newsletter,marketing")
    assert [(row.line, row.reason.partition(":")[0]) for row in found.refused] == [
        (3, "no basis"),
        (4, "no date"),
        (5, "basis is none we know (express, existing_customer, presumed_b2b)"),
    ]
    permission = explained(winback, "mailto:ada@example.org")["permission"]
    assert permission.keys() == {"newsletter", "marketing"}
    assert permission["marketing"]["basis"] == "express"
    again = taken(winback, "consents", file, "--basis", "existing_customer", "--as-of", "2025-01-01")
    assert [row.line for row in again.refused] == [4, 5]


def test_a_dry_run_takes_nothing_in(winback: Winback) -> None:
    """Not even the data folder is made; it counts what would be taken, with what would be refused."""
    file = write("orders.csv", ORDERS + "4713;c-3;no address;31.01.2026;1,00;EUR\n4714;c-3;;31.01.2026;1,00;EURO\n")
    for option in ("--dry-run", "--preview"):
        found = taken(winback, "orders", file, "customer_id=Kunde", option)
        assert (found.taken, found.dry_run) == (2, True)
        assert [(row.line, row.reason) for row in found.refused] == [
            (4, "email is not an address"),
            (5, "data.currency is none that ISO 4217 knows: three capitals, such as EUR; did you mean EUR?"),
        ]
    assert not Path("data").exists()


def test_the_preview_shows_how_the_file_is_read(winback: Winback) -> None:
    """Its form, each field's column with a first cell, what is not read, what is taken for granted, and the first rows."""
    file = write(
        "clicks.csv", "\ufeffMail;Last Click;Shoe size\nada@example.org;01/02/2026;38\nbob@example.org;25/02/2026;\n"
    )
    called = winback("import", "engagement", file, "--dry-run")
    assert called.code == 0
    lines = [" ".join(line.split()) for line in called.out.splitlines()]
    assert lines == [
        "clicks.csv: UTF-8, semicolons, the day first in dates; 3 lines",
        "field column first row",
        "email Mail ada@example.org",
        "clicked_at Last Click 01/02/2026",
        "not read: Shoe size",
        "taken for granted: the sender was another tool (--sender)",
        "line 2: email.clicked (by address), 2026-01-31T23:00:00Z, email ada@example.org, sender another tool",
        "line 3: email.clicked (by address), 2026-02-24T23:00:00Z, email bob@example.org, sender another tool",
        "engagement: 2 would be taken, 0 refused",
    ]


def test_an_ambiguous_date_is_refused_until_somebody_says(winback: Winback) -> None:
    """`--dates` tells whether the day or the month comes first."""
    file = write("sends.csv", "email,date\nada@example.org,01/02/2026\n")
    refused = winback("import", "sends", file, "--json")
    assert (refused.code, len(refused.json["refused"])) == (1, 1)
    assert "--dates dmy or --dates mdy" in refused.json["refused"][0]["reason"]
    assert taken(winback, "sends", file, "--dates", "mdy").taken == 1


def test_refused_rows_can_be_written_to_a_file(winback: Winback) -> None:
    """With their line, the reason and their cells, so that they can be put right and imported."""
    file = write("sends.csv", 'email,date\nada@example.org,2026-01-01\n"x, y",2026-01-01\nbob@example.org,never\n')
    winback("import", "sends", file, "--refused", "refused.csv")
    with Path("refused.csv").open(encoding="utf-8", newline="") as kept:
        assert list(csv.reader(kept)) == [
            ["line", "reason", "email", "date"],
            ["3", "email is not an address", "x, y", "2026-01-01"],
            [
                "4",
                "time is not a date (2026-01-31, 31.01.2026) nor a time (2026-01-31 10:15:00)",
                "bob@example.org",
                "never",
            ],
        ]


def test_suppressions_plain_and_hashed_stop_who_is_known(winback: Winback) -> None:
    """In the record; an empty list says that nobody said no, and then go-live has nothing against it."""
    winback(
        "import",
        "customers",
        write("c.csv", "id,email\nc-1,Ada@Example.org\nc-2,bob@example.org\nc-3,cid@example.org\n"),
    )
    assert winback("go-live", "--json").json["checks"][0]["ok"] is False
    digest = sha256(b"ada@example.org").hexdigest()
    found = taken(winback, "suppressions", write("h.csv", f"sha256,reason\n{digest.upper()},complaint\n12345,x\n"))
    assert (found.taken, found.stopped) == (1, 1)
    assert [row.reason for row in found.refused] == ["neither an address nor a SHA-256 (64 hex digits)"]
    assert taken(winback, "suppressions", write("p.csv", "bob@example.org\n"), "--kind", "bounced").taken == 1
    assert explained(winback, "c-1")["stopped"] == ["marketing", "newsletter"]
    assert explained(winback, "c-2")["address"] == "dead"
    assert explained(winback, "c-3")["stopped"] == []
    assert winback("go-live", "--json").json["checks"][0]["ok"] is True


def test_an_empty_list_of_suppressions_is_a_word_too(winback: Winback) -> None:
    """A header and no rows: nobody said no anywhere else. A list whose rows were all refused says nothing."""
    assert winback("import", "suppressions", write("bad.csv", "email\nnobody\n")).code == 1
    assert winback("go-live", "--json").json["checks"][0]["ok"] is False
    assert winback("import", "suppressions", write("none.csv", "email,reason\n")).code == 0
    assert winback("go-live", "--json").json["checks"][0]["ok"] is True


def test_a_list_of_everybody_is_not_taken_for_suppressions(winback: Winback) -> None:
    """Many columns and none that says why: refused, unless somebody says that every row is to be stopped."""
    file = write("all.csv", "email,a,b,c,d\nada@example.org,1,2,3,4\n")
    called = winback("import", "suppressions", file)
    assert called.code == 2
    assert "looks like a list of everybody" in called.err
    assert taken(winback, "suppressions", file, "--kind", "unsubscribed").taken == 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["orders", "f.csv", "--map", "totl=b"], "did you mean total?"),
        (["orders", "f.csv", "--map", "total=bb"], "no column is called that"),
        (["orders", "f.csv"], "no column for customer_id or email"),
        (["orders", "f.csv", "--map", "total"], "write OURS=THEIRS"),
        (["orders", "f.csv", "--map", "total=b", "--map", "total=a"], "named twice"),
        (["orders", "f.csv", "--basis", "express"], "--basis goes with consents"),
        (["sends", "f.csv", "--purpose", "spam"], "--purpose spam: say newsletter, marketing or tracking"),
        (["orders", "f.csv", "--currency", "EURO"], "ISO 4217 knows none"),
        (["orders", "f.csv", "--timezone", "Berlin"], "no such time zone"),
        (["orders", "none.csv"], "none.csv: cannot be read"),
        (["things", "f.csv"], "'things' is not one of"),
        (["customers", "m.csv"], "no column for customer_id or email"),
    ],
)
def test_what_cannot_be_followed_is_said_before_anything_is_taken(winback: Winback, args: list[str], told: str) -> None:
    """In words, with exit code 2, and nothing was made."""
    write("f.csv", "a,b\n1,2\n")
    write("m.csv", "Record ID,Mail address of them\n1,ada@example.org\n")
    called = winback("import", *args)
    assert (called.code, told in called.err) == (2, True), called.err
    assert not Path("data").exists()


def test_a_tool_is_recognised_by_its_columns(winback: Winback) -> None:
    """Where something is missing, the preset that would know it is named."""
    write("m.csv", "Email Address,LEID,EUID,Given\nada@example.org,1,2,3\n")
    called = winback("import", "engagement", "m.csv")
    assert called.code == 2
    assert "--preset mailchimp" in called.err
