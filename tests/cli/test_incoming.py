"""`winback incoming`: saved mails, taken in by hand."""

from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.acceptance.test_mail_comes_back import BOUNCE
from tests.cli.conftest import Winback

NO = "From: ada@example.org\nTo: shop@shop.example\nSubject: Re: x\nMessage-ID: <n@x>\n\nBitte keine Werbung mehr.\n"
QUESTION = (
    "From: ada@example.org\nTo: shop@shop.example\nSubject: Re: x\nMessage-ID: <q@x>\n\nIst sie noch in Blau da?\n"
)


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A shop that knows one customer."""
    data = {"order_id": "1", "total": "10", "currency": "EUR", "email": "ada@example.org"}
    order = {
        "specversion": "1.0",
        "id": "1",
        "type": "order.placed",
        "time": "2026-01-05T10:00:00Z",
        "subject": "ada",
        "data": data,
    }
    Path("one.jsonl").write_text(json.dumps(order))
    assert winback("ingest", "one.jsonl").code == 0
    return winback


def test_each_mail_is_told_and_its_events_are_taken_in(shop: Winback) -> None:
    """A bounce that nothing proves is a doubtful proof; a no stops; a question is for a person."""
    bounce = BOUNCE.format(to="b@bounces.shop.example", address="ada@example.org", headers="X: y", number=1)
    lines = [f"Date: {formatdate()}" if line.startswith("Date:") else line for line in bounce.splitlines()]
    for name, text in (("bounce.eml", "\n".join(lines)), ("no.eml", NO), ("question.eml", QUESTION)):
        Path(name).write_text(text, newline="\r\n")
    first = shop("incoming", "bounce.eml", "no.eml", "question.eml", "--json")
    assert first.code == 0, first.err
    assert [(each["kind"], each["events"]) for each in first.json["files"]] == [
        ("bounce", ["email.bounced"]),
        ("no", ["email.unsubscribed"]),
        ("reply", ["email.replied"]),
    ]
    assert (first.json["accepted"], first.json["for_people"]) == (3, 1)
    again = shop("incoming", "bounce.eml", "no.eml", "question.eml", "--json").json
    assert (again["accepted"], again["duplicate"]) == (0, 3)
    told = shop("explain", "ada")
    assert "replies" in told.out, told.out
    assert shop("status").code == 0
    known = shop("explain", "ada", "--json").json["customer"]
    assert known["address"] == "doubtful"
    assert set(known["stopped"]) == {"marketing", "newsletter"}


def test_who_is_not_known_is_made_no_customer_by_a_reply(shop: Winback) -> None:
    """A mailbox gets mail from everybody."""
    Path("strange.eml").write_text(QUESTION.replace("ada@", "somebody@"))
    said = shop("incoming", "strange.eml", "--json").json
    assert (said["files"][0]["events"], said["for_people"]) == ([], 1)


def test_a_file_that_cannot_be_read_is_told(shop: Winback) -> None:
    """Before anything is taken in."""
    called = shop("incoming", "nowhere.eml")
    assert called.code == 2
    assert "nowhere.eml" in called.err
