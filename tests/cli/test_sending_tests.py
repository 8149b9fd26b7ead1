"""`winback test-send`: a mail to oneself, by the real way, with no record on anybody."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.books.views import Views
from engine.cli.documents import SentToMeDocument
from engine.core.links import UNSUBSCRIBE
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings
from tests.cli.conftest import Winback
from tests.mail_servers import Mails, mail_server

ME = "me@shop.example"


def in_mailbox() -> list[EmailMessage]:
    """The mails in the local mailbox, in the order they came."""
    files = sorted(Path("data/mailbox").rglob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]


def test_a_test_mail_is_the_real_one_and_marked(winback: Winback) -> None:
    """It has sender, headers and links as a customer's has; its links are nobody's, and open with the shop's key."""
    called = winback("test-send", "still_with_us", "--to", ME, "--language", "de", "--json")
    assert called.code == 0
    assert set(called.json) == set(SentToMeDocument.__struct_fields__)
    assert (called.json["outcome"], called.json["language"]) == ("done", "de")
    (mail,) = in_mailbox()
    assert (mail["to"], mail["x-winback-test"]) == (ME, "yes")
    assert mail["subject"] == called.json["subject"] == "[Test] Möchten Sie noch von uns hören?"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    token = re.search(r"/u/([\w-]+)>", mail["list-unsubscribe"])
    assert token is not None
    link = keys_of(Settings(), {}).links.open(token[1], UNSUBSCRIBE)
    assert (link.is_test, link.blocks, link.purpose) == (True, (), "marketing")
    assert not Path("data/winback.db").exists()


def test_a_customers_data_is_shown_and_their_record_left_alone(winback: Winback) -> None:
    """With --customer the mail reads as theirs would; nothing about them changes."""
    winback("sample", "--customers", 20, "--seed", 3, "--out", "history.jsonl")
    winback("ingest", "history.jsonl")
    (one, *_) = winback("who", "--standing", "lapsed", "--json").json
    with Views(Path("data")) as views:
        before, effects = views.record(one["customer"]), len(views.effects_after(0, 1_000))
    called = winback("test-send", "welcome_back", "--to", ME, "--customer", one["customer"], "--json")
    assert called.json["to"] == ME
    with Views(Path("data")) as views:
        assert (views.record(one["customer"]), len(views.effects_after(0, 1_000))) == (before, effects)
    assert winback("test-send", "welcome_back", "--to", ME, "--customer", "nobody").code == 1


async def test_it_leaves_by_the_mail_server_before_go_live_too(winback: Winback, tmp_path: Path) -> None:
    """A rehearsal's mails stay in the mailbox; a test goes where it is sent to."""
    mails = Mails()
    async with mail_server(mails) as server:
        settings = (
            f'[sender]\nkind = "smtp"\nonly_to = ["*@SHOP.example"]\n[smtp]\nport = {server.port}\ntls = "none"\n'
        )
        (tmp_path / "winback.toml").write_text(settings)
        sent = await asyncio.to_thread(winback, "test-send", "coupon_offer", "--to", ME)
        kept = await asyncio.to_thread(winback, "test-send", "coupon_offer", "--to", "ada@example.org")
    assert sent.code == 0
    assert [envelope.rcpt_tos for envelope in mails.taken] == [[ME]]
    (mail,) = mails.mails()
    assert mail["subject"].startswith("[Test] ")
    assert (kept.code, "only_to lets mail go to" in kept.err) == (2, True)


async def test_a_mail_that_is_not_taken_is_told(winback: Winback, tmp_path: Path, unused_tcp_port: int) -> None:
    """It exits 1 and says what the server said; nothing is tried again."""
    refusing = Mails(at_recipient=lambda _: "550 5.1.1 no such user")
    async with mail_server(refusing) as server:
        settings = f'[sender]\nkind = "smtp"\n[smtp]\nport = {server.port}\ntls = "none"\n'
        (tmp_path / "winback.toml").write_text(settings)
        refused = await asyncio.to_thread(winback, "test-send", "coupon_offer", "--to", ME)
        assert server.connections == 1
    assert (refused.code, "no such user" in refused.err) == (1, True)
    (tmp_path / "winback.toml").write_text(settings.replace(str(server.port), str(unused_tcp_port)))
    gone = await asyncio.to_thread(winback, "test-send", "coupon_offer", "--to", ME)
    assert gone.code == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("coupon", "--to", ME), "there is no template coupon"),
        (("coupon_offer", "--to", "me@"), "no email address"),
        (("coupon_offer",), "--to"),
    ],
)
def test_a_wrong_call_is_told(winback: Winback, arguments: tuple[str, ...], why: str) -> None:
    """Which template, and where to."""
    called = winback("test-send", *arguments)
    assert called.code == 2
    assert why in called.err
