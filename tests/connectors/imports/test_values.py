"""Dates and amounts as tools and spreadsheets write them."""

from __future__ import annotations

import pytest

from connectors.imports.statements import read_row
from connectors.imports.telling import Options, Statement
from connectors.imports.values import Style, amount, day, moment, style_of, truth
from engine.core.moments import rfc3339

BERLIN = Style(timezone="Europe/Berlin")
DMY = Style(day_first=True, timezone="Europe/Berlin")
MDY = Style(day_first=False, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "style", "meant"),
    [
        ("2026-01-31", BERLIN, "2026-01-30T23:00:00Z"),
        ("20260131", BERLIN, "2026-01-30T23:00:00Z"),
        ("2026-01-31 10:15:00", BERLIN, "2026-01-31T09:15:00Z"),
        ("2026-01-31T10:15:00Z", BERLIN, "2026-01-31T10:15:00Z"),
        ("2026-01-31 10:15:00 UTC", BERLIN, "2026-01-31T10:15:00Z"),
        ("2026-01-31 10:15:00+00:00", BERLIN, "2026-01-31T10:15:00Z"),
        ("31.01.2026", MDY, "2026-01-30T23:00:00Z"),  # a dot puts the day first anywhere
        ("31.1.2026 9:05", BERLIN, "2026-01-31T08:05:00Z"),
        ("31/01/2026", BERLIN, "2026-01-30T23:00:00Z"),  # shows it by itself
        ("01/31/2026 1:05 PM", BERLIN, "2026-01-31T12:05:00Z"),
        ("01/02/2026", DMY, "2026-01-31T23:00:00Z"),
        ("01/02/2026", MDY, "2026-01-01T23:00:00Z"),
        ("01-02-2026 12:00 AM", MDY, "2026-01-01T23:00:00Z"),
        ("1769854500", BERLIN, "2026-01-31T10:15:00Z"),
        ("1769854500000", BERLIN, "2026-01-31T10:15:00Z"),
    ],
)
def test_a_moment_is_understood(text: str, style: Style, meant: str) -> None:
    """ISO, compact, with dots, slashes or dashes, as seconds or milliseconds; a day is its midnight in the zone."""
    at = moment(text, style)
    assert at is not None
    assert rfc3339(at) == meant


@pytest.mark.parametrize("text", ["", "0", "-", "NULL", "0000-00-00 00:00:00", "n/a"])
def test_a_cell_may_name_no_moment(text: str) -> None:
    """What tools write where there was none is none."""
    assert moment(text, BERLIN) is None
    assert day(text, BERLIN) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("01/02/2026", "--dates dmy or --dates mdy"),
        ("yesterday", "not a date"),
        ("31.02.2026", "no day of the calendar"),
        ("31/13/2026", "--dates"),
        ("1969-12-31", "before 1970"),
        ("2026-01-31 25:00:00", "not a date"),
    ],
)
def test_a_moment_that_is_none_or_may_be_two_is_refused(text: str, why: str) -> None:
    """Nothing is guessed, and nothing raises anything else."""
    with pytest.raises(ValueError, match=why):
        moment(text, BERLIN)


@pytest.mark.parametrize(
    ("dates", "shown"),
    [
        (["01/02/2026", "25/12/2025"], True),
        (["01/02/2026", "12/25/2025"], False),
        (["01/02/2026", "03/04/2026"], None),
        (["25/12/2025", "12/25/2025"], None),  # one file, two ways: neither is trusted
        (["2026-01-31"], None),
    ],
)
def test_the_dates_of_a_file_show_whether_their_day_comes_first(dates: list[str], shown: bool | None) -> None:  # noqa: FBT001 - a table
    """The first number over twelve tells; where none does it stays open."""
    assert style_of(dates, [], comma_cuts=True, timezone="UTC").day_first is shown


@pytest.mark.parametrize(
    ("amounts", "text", "meant"),
    [
        (["49,90", "1.234,50"], "1.234,50", "1234.50"),
        (["49,90"], "1.234", "1234"),
        (["49.90", "1,234.50"], "1,234.50", "1234.50"),
        (["49.90"], "1,234", "1234"),
        (["49.90"], "€ 1'234.50", "1234.50"),
        (["49,90"], "1\u00a0234,50 EUR", "1234.50"),
        (["12"], "12", "12"),
        (["49.90"], "-5.00", "-5.00"),
    ],
)
def test_an_amount_is_read_as_the_file_writes_it(amounts: list[str], text: str, meant: str) -> None:
    """A decimal comma or point, with or without thousands and signs of currencies."""
    assert amount(text, style_of([], amounts, comma_cuts=True, timezone="UTC")) == meant


@pytest.mark.parametrize("text", ["twelve", "", "1,2,x", "--5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """In words, not with a traceback."""
    with pytest.raises(ValueError, match="not an amount"):
        amount(text, BERLIN)


def test_yes_and_no_have_many_words() -> None:
    """And everything else is refused."""
    assert [truth(text) for text in ("Yes", "TRUE", "1", "ja", "x")] == [True] * 5
    assert [truth(text) for text in ("no", "False", "0", "nein", "")] == [False] * 5
    with pytest.raises(ValueError, match="yes or no"):
        truth("perhaps")


def test_a_consent_keeps_its_proof_and_its_basis() -> None:
    """Wording, page and IP address by name where the export has them; a single column of proof as it stands."""
    options = Options(style=BERLIN)
    row = {"email": "ada@example.org", "given_at": "2025-01-01T10:00:00+01:00", "basis": "double opt-in"}
    proof = {"wording": "Yes, please", "page": "/footer", "ip": "203.0.113.9"}
    (said,) = read_row("consents", {**row, **proof}, options)
    assert isinstance(said, Statement)
    assert (said.data["basis"], said.data["proof"]) == ("express", proof)
    (said,) = read_row("consents", {**row, "proof": "form 17"}, options)
    assert isinstance(said, Statement)
    assert said.data["proof"] == "form 17"
