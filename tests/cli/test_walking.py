"""`winback walk`: a whole workflow in one's own inbox."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from engine.cli import documents
from engine.core.links import UNSUBSCRIBE
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings
from tests.cli.conftest import Winback
from tests.mail_servers import Mails, mail_server

ME = "me@shop.example"
READERS = "readers-who-dont-buy"


def acts(days: Any) -> dict[int, list[str]]:
    """What was done on which day."""
    return {day["day"]: day["actions"] for day in days if day["actions"]}


async def test_each_mail_comes_with_its_day_above_it(winback: Winback, tmp_path: Path) -> None:
    """By the real mail server, before go-live, in order; an order on day 6 leads to the thanks."""
    mails = Mails()
    async with mail_server(mails) as server:
        (tmp_path / "winback.toml").write_text(f'[sender]\nkind = "smtp"\n[smtp]\nport = {server.port}\ntls = "none"\n')
        call = ("walk", READERS, "--to", ME, "--day", "0s", "--language", "en", "--when", "6d: order.placed", "--json")
        called = await asyncio.to_thread(winback, *call)
    assert called.code == 0
    assert set(called.json) == set(documents.WalkDocument.__struct_fields__)
    assert acts(called.json["days"]) == {
        0: ["send coupon_offer"],
        8: ["send welcome_back", "tag reactivated", "end reactivated"],
    }
    assert [envelope.rcpt_tos for envelope in mails.taken] == [[ME], [ME]]
    coupon, thanks = mails.mails()
    assert [mail["subject"][:8] for mail in (coupon, thanks)] == ["[Day 0] ", "[Day 8] "]
    for part in (coupon.get_body(("plain",)), coupon.get_body(("html",))):
        assert part is not None
        assert f"Test, day 0 (2026-01-05): {READERS}, stage coupon, coupon_offer" in part.get_content()
    token = coupon["list-unsubscribe"].partition("/u/")[2].rstrip(">")
    assert keys_of(Settings(), {}).links.open(token, UNSUBSCRIBE).is_test


def test_walking_twice_brings_the_mails_twice(winback: Winback) -> None:
    """Into the local mailbox, too, which takes no mail for another; nothing is put on any record."""
    for _ in range(2):
        assert winback("walk", READERS, "--to", ME, "--day", "0s", "--when", "6d: order.placed").code == 0
    files = sorted(Path("data/mailbox").rglob("*.eml"))
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    assert len(mails) == len({mail["message-id"] for mail in mails}) == 4
    assert not Path("data/winback.db").exists()


def test_at_a_terminal_it_asks_what_the_customer_does(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number or in words; what it does not know it says, and asks again."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("\nordr.placed\n3d: order.placed\n"))
    called = winback("walk", READERS, "--to", ME, "--day", "0s")
    assert called.code == 0
    assert "1  order.placed  (leads to thanks)" in called.out
    assert "did you mean 'order.placed'?" in called.out
    days = re.findall(r"day +(\d+)  [\d-]+  send (\w+)", called.out)
    assert days == [("0", "coupon_offer"), ("10", "coupon_reminder"), ("17", "welcome_back")]


def test_a_copy_of_a_real_customer_can_walk(winback: Winback) -> None:
    """By their own facts and from now on; who does not fit is told so."""
    winback("sample", "--customers", 60, "--seed", 3, "--out", "history.jsonl")
    winback("ingest", "history.jsonl")
    (lapsed, *_) = winback("who", "--standing", "lapsed", "--json").json
    consent = {"purpose": "marketing", "basis": "express", "proof": {"wording": "Yes, write to me"}}
    said = {"type": "consent.given", "time": "2026-06-01T10:00:00Z", "subject": lapsed["customer"], "data": consent}
    Path("consent.jsonl").write_text(json.dumps({"specversion": "1.0", "id": "c", "source": "shop", **said}))
    assert winback("ingest", "consent.jsonl").code == 0
    to_me = ("--to", ME, "--day", "0s", "--customer", lapsed["customer"], "--json")
    walked = winback("walk", "three-stage-winback", *to_me)
    assert walked.code == 0
    assert walked.json["days"][0]["date"] > "2026-01-05"
    assert [mail for day in walked.json["days"] for mail in day["mails"]]
    refused = winback("walk", "welcome-back", *to_me)
    assert (refused.code, "does not enter welcome-back" in refused.err) == (1, True)
    active = winback("walk", "welcome-back", "--to", ME, "--customer", "nobody")
    assert (active.code, "no customer is known by nobody" in active.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("readers", "--to", ME), "there is no workflow readers"),
        (
            (READERS, "--to", ME, "--when", "6: order.placed"),
            "--when '6: order.placed': a length is a number and a unit",
        ),
        ((READERS, "--to", ME, "--when", "6d: order.place"), "did you mean 'order.placed'?"),
        ((READERS, "--to", ME, "--day", "10"), "write 10s or 1min"),
        ((READERS, "--to", ME, "--scenario", "Nobody"), "has no scenario 'Nobody'"),
        ((READERS, "--to", ME, "--customer", "c-1", "--language", "de"), "leave --scenario and --language out"),
        ((READERS, "--to", "me"), "no email address"),
    ],
)
def test_a_wrong_call_is_told(winback: Winback, arguments: tuple[str, ...], why: str) -> None:
    """Each with what to write instead."""
    called = winback("walk", *arguments)
    assert called.code == 2
    assert why in called.err
