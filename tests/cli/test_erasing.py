"""`winback export` and `winback erase`, on an engine that does not run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from engine.core.reading import encode
from tests.builders import START, event
from tests.cli.conftest import ROOT, Winback
from tests.searching import found_in_files

WHO, ADDRESS = "customer-0815", "grace@example.org"
EVENTS = [
    event("profile.updated", START, WHO, "p", email=ADDRESS, first_name="Grace-Brewster", phone="+1 202 555 0143"),
    event("order.placed", START + 1, WHO, "o", order_id="order-77-of-grace", email=ADDRESS),
    event(
        "consent.given", START + 2, WHO, "c", purpose="marketing", proof={"wording": "yes, write to me", "page": "/x"}
    ),
    event("email.opened", START + 3, WHO, "e", email=ADDRESS, sender="newsletter-tool", machine=True),
    event("customer.data_requested", START + 4, WHO, "r"),
    event("order.placed", START + 5, "somebody-else", "s", order_id="other", email="else@example.org"),
]


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A data folder with two customers and a letter that cannot be read."""
    lines = [encode(each).decode() for each in EVENTS]
    Path("events.jsonl").write_text("\n".join([*lines, f'{{"type": "no.such", "subject": "{WHO}"}}']) + "\n")
    assert winback("ingest", "events.jsonl").code == 1
    return winback


def test_an_export_holds_all_that_is_known(shop: Winback) -> None:
    """It has profile, proof, order, engagement with its tag, journal and dead letters; by id and by address alike."""
    assert shop("status", "--json").json["data_requests"][0]["customer"] == WHO
    told = shop("export", WHO, "--json").json
    assert told["profile"]["first_name"]["value"] == "Grace-Brewster"
    assert told["consents"][0]["proof"] == {"wording": "yes, write to me", "page": "/x"}
    assert [
        each["event"]["data"]["order_id"]
        for each in told["journal"]
        if each["event"] and "order_id" in each["event"]["data"]
    ] == ["order-77-of-grace"]
    assert "email.opened" in [each["type"] for each in told["engagement"]]
    assert told["dead_letters"][0]["raw"].startswith('{"type": "no.such"')
    assert told["requested_at"] is not None
    assert told["record"]["id"] == WHO
    assert "else@example.org" not in json.dumps(told)
    assert shop("status", "--json").json["data_requests"] == [], "it was answered"
    assert shop("export", ADDRESS.upper(), "--to", "grace.json").code == 0
    assert json.loads(Path("grace.json").read_text())["record"] == told["record"]
    assert Path("grace.json").stat().st_mode & 0o077 == 0
    assert shop("export", ADDRESS, "--to", "grace.json").code == 2, "it is never written over another"
    assert "first_name" in shop("export", WHO).out


def test_erasing_asks_and_says_why(shop: Winback) -> None:
    """Without a reason, or somebody to ask, nothing is erased; nor for a name that nobody has."""
    assert shop("erase", WHO).code == 2
    asked = shop("erase", WHO, "--why", "a letter")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert "winback export" in asked.err, "they asked for their data"
    assert shop("erase", "nobody-at-all", "--why", "a letter", "--yes").code == 1
    assert shop("erase").code == 2
    assert shop("explain", WHO).code == 0


def test_what_was_erased_is_nowhere_and_has_a_proof(shop: Winback) -> None:
    """Nothing of them is in the data folder; the proof is kept, names nobody, and what comes again is refused."""
    done = shop("erase", WHO, "--why", "a letter of 3 May", "--yes", "--json")
    (proof,) = done.json
    words = [WHO, ADDRESS, "Grace-Brewster", "+1 202 555 0143", "order-77-of-grace", "yes, write to me"]
    assert found_in_files(Path("data"), words) == {}
    assert not [word for word in words if word in done.out]
    assert shop("erase", "--proof", proof["id"], "--json").json == [proof]
    assert proof["id"] in shop("erase", "--proof", "all").out
    assert proof["subjects"][0] in shop("erase", "--proof", proof["id"]).out
    again = shop("ingest", "events.jsonl", "--json")
    assert (again.json["refused"], again.json["dead_letters"]) == (6, 0)
    assert found_in_files(Path("data"), words) == {}
    assert shop("explain", WHO).code == 1
    assert shop("explain", "somebody-else").code == 0
    twice = shop("erase", WHO, "--why", "again", "--yes")
    assert (twice.code, proof["id"] in twice.err) == (1, True)


def test_an_address_that_nobody_has_can_be_erased(shop: Winback) -> None:
    """Who is not known by an address yet is not let in by it later."""
    assert shop("erase", "Nobody@Example.org", "--why", "a letter", "--yes").code == 0
    late = event("order.placed", START, "new", "n", order_id="n", email="nobody@example.org")
    Path("late.jsonl").write_bytes(encode(late) + b"\n")
    assert shop("ingest", "late.jsonl", "--json").json["refused"] == 1


def test_who_was_erased_is_known_again_only_after_a_word(shop: Winback) -> None:
    """A new sign-up is refused like anything else, until somebody lifts it; then it counts as anybody's."""
    assert shop("erase", WHO, "--why", "a letter", "--yes").code == 0
    anew = event("newsletter.subscribed", START + 9, "", "anew", email=ADDRESS, proof={"page": "/new"})
    Path("anew.jsonl").write_bytes(encode(anew) + b"\n")
    assert shop("ingest", "anew.jsonl", "--json").json["refused"] == 1
    assert shop("erase", "--lift", "unknown@example.org").code == 1
    assert shop("erase", "--lift", ADDRESS).code == 0
    assert shop("ingest", "anew.jsonl", "--json").json["accepted"] == 1


def test_an_event_that_asks_for_it_erases_alike(shop: Winback) -> None:
    """`customer.erased`, as a shop's hook brings it, leaves nothing either."""
    Path("gone.jsonl").write_bytes(encode(event("customer.erased", START + 9, WHO, "gone", email=ADDRESS)) + b"\n")
    assert shop("ingest", "gone.jsonl").code == 0
    assert found_in_files(Path("data"), [WHO, ADDRESS, "Grace-Brewster", "order-77-of-grace"]) == {}


def test_of_the_erased_a_consent_to_calls_is_shown_to_who_knows_them(shop: Winback) -> None:
    """The law asks for five years of proof: sealed in the books, named in the erasure's proof, shown by export."""
    calls = event(
        "consent.given", START + 6, WHO, "calls", purpose="marketing", channel="phone", proof={"wording": "call me, do"}
    )
    Path("calls.jsonl").write_bytes(encode(calls) + b"\n")
    assert shop("ingest", "calls.jsonl").code == 0
    (proof,) = shop("erase", WHO, "--why", "a letter", "--yes", "--json").json
    assert any("consent to calls" in each["place"] for each in proof["remains"])
    assert found_in_files(Path("data"), [WHO, ADDRESS, "Grace-Brewster", "+1 202 555 0143", "call me, do"]) == {}
    for name in (WHO, ADDRESS, "001 (202) 555-0143"):
        kept = shop("export", name, "--json").json
        assert (kept["customer"], kept["phone"]) == (WHO, "+1 202 555 0143")
        (said,) = kept["call_consents"]
        assert (said["permission"], said["proof"]) == ("marketing/phone", {"wording": "call me, do"})
    assert shop("export", "somebody-unknown").code == 1


def test_the_commands_of_the_page_do_as_it_says(shop: Winback) -> None:
    """What is copied from the how-to is taken: an export, an erasure, its proof, and its lifting."""
    page = (ROOT / "docs" / "how-to" / "answer-a-request.md").read_text("utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["export", "erase", "erase", "erase"]
    for line in lines:
        done = shop(*[word.replace("ada@example.org", ADDRESS) for word in shlex.split(line)[1:]])
        assert done.code == 0, done.err
    assert Path("ada.json").stat().st_size > 1_000
