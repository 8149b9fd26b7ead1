"""Erasure (R29): a shop with real life, somebody who is erased, and a search for them in every byte that we wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from engine.books.database import FILE_NAME
from engine.books.erasures import Erasures
from engine.core.moments import DAY, HOUR
from engine.core.reading import encode
from engine.core.rules import RuleSet
from engine.ports import Message
from engine.runtimes.sqlite.engine import Arrivals
from engine.runtimes.sqlite.opening import opened
from engine.wiring.secret import keys_of
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


async def test_a_send_that_waits_never_leaves(tmp_path: Path) -> None:
    """The mail server puts everything off; who is erased meanwhile gets nothing when it is well again, others do."""
    well: list[str] = []
    mails = Mails(at_recipient=lambda _: None if well else "451 later")
    async with scene(tmp_path, mails=mails) as here:
        await here.happens([*lapsed(3), *about_ada(here.shop.clock.now())])
        async with asyncio.timeout(60):
            while len(here.shop.rows("select 1 from outbox")) < 4:
                here.shop.clock.advance(HOUR)
                here.shop.program.loop.wake()
                await here.shop.settled_but_for_mail()
                await asyncio.sleep(0.01)
        assert here.shop.rows("select 1 from outbox where customer = ?", ADA)
        await erase(here)
        assert here.shop.rows("select 1 from outbox where customer = ?", ADA) == []
        assert found_in_files(here.shop.data, WORDS) == {}
        well.append("yes")
        await here.days(2, step=HOUR)
        reached = {to for each in mails.taken for to in each.rcpt_tos}
        assert ADDRESS not in reached
        assert len(reached) == 3


async def test_who_shares_an_address_keeps_it(tmp_path: Path) -> None:
    """By her id she goes alone, and the address stays with the other; by the address both go."""
    async with scene(tmp_path) as here:
        now = here.shop.clock.now()
        await here.happens(about_ada(now))
        await here.happens(
            [
                event("order.placed", now - DAY, "her-second-account", "o2", order_id="second", email=ADDRESS),
                event("profile.updated", now - DAY, "her-second-account", "p2", email=ADDRESS),
            ]
        )
        proof = await erase(here)
        assert proof["addresses"] == []
        there = found_in_files(here.shop.data, [ADA, *NAMES, STREET])
        assert there == {}
        told = await here.ingested(
            [event("order.placed", now, "her-second-account", "o3", order_id="third", email=ADDRESS)]
        )
        assert (told["accepted"], told["refused"]) == (1, 0)
        await erase(here, ADDRESS)
        assert found_in_files(here.shop.data, [*WORDS, "her-second-account"]) == {}


async def test_a_start_ends_what_a_kill_has_cut_off(tmp_path: Path) -> None:
    """What must hold held from the first transaction on; the next start takes out the rest, and keeps the proof."""
    async with scene(tmp_path) as here:
        await here.happens([*lapsed(3), *about_ada(here.shop.clock.now())])
        await here.days(2)
        settings, clock = here.shop.program.settings, here.shop.clock
    secrets = keys_of(settings, {})
    erasures = Erasures(secrets.blocks)
    with opened(settings.data, clock, key=secrets.codes, first_rules=RuleSet(), erasures=erasures) as engine:
        engine.run([Arrivals([event("customer.erased", clock.now(), ADA, "gone")])])  # and nobody comes to end it
        late = Arrivals([event("order.placed", clock.now(), ADA, "late", order_id="late")])
        engine.run([late])
        assert late.results[0].status == "refused"
    assert found_in_files(settings.data, [ADA]) != {}
    async with scene(tmp_path, clock=clock) as here:
        async with asyncio.timeout(30):
            while here.shop.rows("select 1 from erasure where state = 'begun'"):
                await here.shop.settled_but_for_mail()
        ((number, who),) = here.shop.rows("select id, who from erasure")
        assert (bool(number), who) == (True, "test")
    assert found_in_files(settings.data, WORDS) == {}
