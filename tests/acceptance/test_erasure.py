"""Erasure (R29): a shop with real life, somebody who is erased, and a search for them in every byte that we wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from engine.books.database import FILE_NAME
from engine.core.moments import DAY
from engine.core.reading import encode
from engine.ports import Message
from tests.acceptance.accidents.scene import COME_BACK, Scene, lapsed, scene
from tests.builders import START, event
from tests.mail_servers import Mails
from tests.searching import found_in, found_in_files

ADA, ADDRESS, BEFORE = "customer-4711-ada", "Ada.Lovelace@Example.org", "countess.ada@example.net"
NAMES = ("Wilhelmina-Ada", "Lovelacesson")
PHONE, STREET = "+49 30 9018 2099", "Zwölfapostelgasse 17"
WORDS = [ADA, ADDRESS, BEFORE, *NAMES, PHONE, STREET, "Silbertanne"]
OFFERING = COME_BACK.replace(
    "      - send: welcome_back\n", "      - tag: written-to\n      - send: coupon_offer\n        offer: ten_percent\n"
)


def about_ada(now: int) -> list[Any]:
    """What happened to her: who she is, an order of long ago, what she permits, an address she had before."""
    long_ago = now - 61 * DAY
    profile = {
        "first_name": NAMES[0],
        "last_name": NAMES[1],
        "phone": PHONE,
        "postal": {"street": STREET},
        "attributes": {"favourite": "Silbertanne"},
    }
    return [
        event("profile.updated", long_ago - DAY, ADA, "p0", email=BEFORE, **profile),
        event("profile.updated", long_ago, ADA, "p1", email=ADDRESS),
        event("order.placed", long_ago + 1, ADA, "order-of-ada", order_id="A-2026-998877", email=ADDRESS),
        event("consent.given", long_ago + 2, ADA, "k1", purpose="marketing", proof={"page": f"/?mail={ADDRESS}"}),
        event("consent.given", long_ago + 3, ADA, "k2", purpose="newsletter", proof={"wording": "yes"}),
    ]


async def lives(here: Scene) -> list[str]:
    """Let all of it happen to her; return what else tells of her: message ids and codes."""
    now = here.shop.clock.now()
    await here.happens([*lapsed(12), *about_ada(now)])
    await here.days(2)
    sent = here.shop.rows("select effect_id from effect where customer = ? and type like 'winback.send.%'", ADA)
    assert sent, "she was written to"
    number = sent[0][0]
    now = here.shop.clock.now()
    await here.happens(
        [
            event(
                "email.opened", now, "", "open1", message_id=f"<{number}@shop.example>", user_agent="x", ip="192.0.2.9"
            ),
            event("email.clicked", now, "", "click1", message_id=number, email=ADDRESS, link=f"https://x/?{ADDRESS}"),
            event("email.bounced", now, "", "b1", email=ADDRESS, kind="full", diagnostic=f"<{ADDRESS}>: over quota"),
            event("customer.merged", now, "old-id-of-ada", "m1", into=ADA),
            event("profile.updated", now, "old-id-of-ada", "m2", first_name="Wilhelmina-Ada"),
            event("order.placed", now - 80 * DAY, "", "guest", order_id="G1", email=BEFORE),
            event("customer.data_requested", now, ADA, "wants-to-know"),
        ]
    )
    dead = [
        f'{{"type": "no.such", "subject": "{ADA}"}}',
        f"broken {ADDRESS} ;;;",
        f'{{"id": 1, "email": "{BEFORE.upper()}"',
    ]
    await here.shop.program.control.do("ingest", {"events": [[f"dead {n}", each] for n, each in enumerate(dead)]})
    await here.shop.program.mailbox.send(_message(number))
    await here.shop.program.mailbox.send(
        _message("task-for-the-team", recipient="team@shop.example", text=f"Call {PHONE}: {ADDRESS}")
    )
    await here.shop.settle()
    codes = here.shop.rows("select body ->> 'code' from effect where customer = ? and body ->> 'code' is not null", ADA)
    assert codes, "she got a code"
    ids = here.shop.rows("select distinct effect_id from effect where customer = ?", ADA)
    return [number, *sorted({each for (each,) in [*codes, *ids]})]


def _message(effect_id: str, recipient: str = ADDRESS, text: str = f"Hello {NAMES[0]}") -> Message:
    head = {"Reply-To": "hello@shop.example"}
    return Message(
        effect_id,
        f"{effect_id}@shop.example",
        "Shop",
        "hello@shop.example",
        recipient,
        "Hello",
        text,
        f"<p>{text}</p>",
        head,
        START * 2,
    )


async def erase(here: Scene, name: str = ADA) -> dict[str, Any]:
    """Say `winback erase`, and return the first proof."""
    did = await here.shop.program.control.do(
        "erase", {"customer": name, "why": f"asked by mail from {ADDRESS}", "who": "ops"}
    )
    return dict(did["proofs"][0])


async def test_nothing_of_an_erased_person_is_in_any_file(tmp_path: Path) -> None:
    """After `erase` a search of every file, in every writing, finds nothing; nor when what is old comes again; mail stays blocked."""
    mails = Mails()
    async with scene(tmp_path, workflow=OFFERING, mails=mails) as here:
        words = [*WORDS, *await lives(here)]
        assert await asyncio.to_thread(here.shop.program.engine.empty_log)
        await here.days(0.5)
        await here.happens([event("customer.visited", here.shop.clock.now(), ADA, "v", page="/cups")])
        before = found_in_files(here.shop.data, words)
        for name in (FILE_NAME, f"{FILE_NAME}-wal", "effects.jsonl"):
            assert name in before, "it is where it should be found"
        assert any(name.startswith("mailbox/") for name in before)
        assert any(name.startswith("effects/") for name in before)
        sums = _sums(here)
        proof = await erase(here)
        assert found_in_files(here.shop.data, words) == {}, "not even in the database's log"
        assert found_in(json.dumps(proof).encode(), words) == []
        assert {each["place"] for each in proof["deleted"]} >= {
            "customer",
            "journal",
            "effect",
            "ledger",
            "dead_letter",
            "mailbox",
        }
        assert _sums(here) == sums, "the shop's sums are nobody's"
        sent = len(mails.taken)
        now = here.shop.clock.now()
        old = [
            *about_ada(now),
            event("newsletter.subscribed", now, "", "again", email=ADDRESS),
            event("order.placed", now, "new-id", "n1", order_id="N", email=ADDRESS.upper()),
        ]
        told = await here.ingested(old)
        assert (told["refused"], told["accepted"]) == (len(old), 0)
        async with aiohttp.ClientSession() as http:
            answer = await http.post(
                here.shop.ops("/events"), data=encode(old[0]), headers={"Content-Type": "application/cloudevents+json"}
            )
            assert '"status":"refused"' in await answer.text()
            await http.post(
                here.shop.ops("/events"),
                data=f'{{"type": "no.such", "data": {{"email": "{ADDRESS}"}}}}',
                headers={"Content-Type": "application/json"},
            )
        await here.happens(
            [
                event("email.opened", now, "", "late", message_id=words[len(WORDS)]),
                event("customer.erased", now, ADA, "twice"),
            ]
        )
        await here.days(10)
        assert [each for each in mails.taken[sent:] if any("ada" in to.lower() for to in each.rcpt_tos)] == []
        here.shop.rows("select 1")
    assert found_in_files(tmp_path / "data", words) == {}


def _sums(here: Scene) -> list[Any]:
    """What the shop has counted, by day and kind; the erasure itself ends runs."""
    tally = here.shop.rows(
        "select day, what, workflow, detail, count from tally where what not in ('run_ended', 'coupon_voided') order by 1, 2, 3, 4"
    )
    return [tally, here.shop.program.engine.handling.rules.shop.cadence]
