from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from email import message_from_bytes
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.memory import FixedClock, MemorySender
from engine.books.views import Views
from engine.core.events import Consent, Event, OrderPlaced, ProfileUpdated
from engine.core.links import UNSUBSCRIBE, BadLinkError, Link
from engine.core.moments import DAY, HOUR, Instant, zone
from engine.core.shop import Shop, Sweep
from engine.listeners.control import ControlRefusedError
from engine.listeners.serving import serve
from engine.ports import Message
from engine.wiring.checking import checked_folder
from engine.wiring.overview import overview
from engine.wiring.program import Program, running
from engine.wiring.secret import keys_of
from engine.wiring.senders import LiveOnly
from engine.wiring.settings import Settings, SettingsError
from tests.mail_servers import Mails, mail_server

SHIPPED = Path(__file__).parents[2] / "workflows"
NOW: Instant = zone("Europe/Berlin").at(20_000, 10 * HOUR)
ASK = """workflow: thank
title: Thank whoever orders
mode: live
enter_when_all:
  - standing: active
again_after: never
enter_at_most: skip
leave_when_any:
  - event: email.unsubscribed
stages:
  thanks:
    steps:
      - send: welcome_back
      - tag: thanked
    end: thanked
"""
MESSAGE = Message("e", "<e@x>", "Shop", "s@x.example", "a@x.example", "Hello", "text", "", {}, 0)


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """One live workflow that thanks whoever orders."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "workflows"))
    for path in folder.glob("*.yaml"):
        if path.name.endswith(".scenarios.yaml") or "\nstages:" in path.read_text("utf-8"):
            path.unlink()
    (folder / "thank.yaml").write_text(ASK)
    lifecycle = (folder / "lifecycle.yaml").read_text()
    (folder / "lifecycle.yaml").write_text(
        lifecycle.replace("warm_up: 90d", "warm_up: none").replace("order_under_way: 10d", "order_under_way: none")
    )
    return folder


@asynccontextmanager
async def program(
    workflows: Path,
    clock: FixedClock,
    *,
    listen: bool = False,
    environment: Mapping[str, str] | None = None,
    **said: Any,
) -> AsyncIterator[Program]:
    """The whole engine, on a clock that is turned by hand; with `listen` on ports of its own."""
    places = {"public": "127.0.0.1:0", "ops": "127.0.0.1:0"}
    settings = Settings.model_validate(
        {"data": workflows.parent / "data", "workflows": workflows, "listen": places, **said}
    )
    checked, _ = checked_folder(workflows)
    assert checked.rules is not None, checked.problems
    async with running(settings, environment or {}, clock, checked, listen=listen, overdue_a_second=None) as found:
        yield found


async def settled(program: Program, clock: FixedClock) -> None:
    """Wait until nothing is due, and everything released has been handed over."""
    program.loop.wake()
    while True:
        await program.loop.ask(lambda _store, _now: None)
        wake = program.engine.next_wake()
        if (wake is None or wake > clock.now()) and await program.idle():
            return
        await asyncio.sleep(0)


async def orders(program: Program, clock: FixedClock, customer: str = "ada") -> None:
    """Let a customer with permission and an address order now."""
    at = clock.now()
    email = f"{customer}@example.org"
    await program.loop.submit(
        [
            Event(f"p-{customer}", "shop", "profile.updated", at, customer, ProfileUpdated(email=email)),
            Event(
                f"c-{customer}", "shop", "consent.given", at, customer, Consent(purpose="marketing", basis="express")
            ),
            Event(
                f"o-{customer}", "shop", "order.placed", at, customer, OrderPlaced(f"o-{customer}", Decimal(10), "EUR")
            ),
        ]
    )
    await settled(program, clock)


def lines(data: Path) -> list[dict[str, Any]]:
    """What effects.jsonl holds."""
    path = data / "effects.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_mail_is_made_of_the_template_and_the_customer(workflows: Path) -> None:
    """It lands in the mailbox with subject, signed link and one-click header, and the ledger says done."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await orders(engine, clock)
        letters, count = engine.mailbox.letters()
        assert (count, letters[0].recipient) == (1, "ada@example.org")
        raw = engine.mailbox.read(letters[0].id)
        assert raw is not None
        assert b"List-Unsubscribe: <http://127.0.0.1:0/u/" in raw
        with Views(engine.settings.data) as views:
            assert dict(views.all("sends")) == {"done": 1}


async def test_before_go_live_nothing_leaves_but_to_the_mailbox(workflows: Path) -> None:
    """No effect is written to a file, not even later; afterwards each is, once, but for sends."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await orders(engine, clock)
        clock.advance(HOUR)
        await engine.control.do("go-live", {"no_suppressions": True})
        clock.advance(1)
        await orders(engine, clock, "ben")
    data = workflows.parent / "data"
    found = lines(data)
    assert {each["subject"] for each in found} == {"ben"}
    assert [each["type"] for each in found].count("winback.tagged") == 1
    assert "winback.send.requested" not in {each["type"] for each in found}
    tags = sorted((data / "effects").glob("tags-*.csv"))
    assert [line.split(",")[1:5] for line in tags[0].read_text().splitlines()[1:]] == [
        ["ben", "ben@example.org", "thanked", "tagged"]
    ]
    async with program(workflows, clock):
        pass
    assert lines(data) == found


async def test_what_is_no_mail_leaves_by_the_effects_file(workflows: Path) -> None:
    """A letter is in effects.jsonl with its text, once, and in no mailbox; a hand-off is there too, and in its daily file."""
    steps = "      - send: welcome_back\n        channel: letter\n      - hand_off: sales\n"
    (workflows / "thank.yaml").write_text(ASK.replace("      - send: welcome_back\n", steps))
    lifecycle = workflows / "lifecycle.yaml"
    lifecycle.write_text(lifecycle.read_text().replace("at_most: 1 per 7d", "at_most: 9 per 7d"))
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await engine.control.do("go-live", {"no_suppressions": True})
        clock.advance(1)
        at = clock.now()
        known = ProfileUpdated(postal={"street": "Some Street 1"})
        allowed = Consent(purpose="marketing", channel="letter", basis="express")
        await engine.loop.submit(
            [
                Event("p", "shop", "profile.updated", at, "ada", known),
                Event("c", "shop", "consent.given", at, "ada", allowed),
            ]
        )
        await orders(engine, clock)
        assert engine.mailbox.letters()[1] == 0
        with Views(engine.settings.data) as views:
            assert dict(views.all("sends")) == {"done": 1}
    data = workflows.parent / "data"
    (letter,) = [each for each in lines(data) if each["type"] == "winback.send.requested"]
    assert (letter["data"]["channel"], letter["data"]["customer"]["postal"]) == ("letter", {"street": "Some Street 1"})
    assert letter["data"]["text"]
    assert letter["id"] == f"{letter['data']['effect_id']}.send.requested.0"
    assert [each["data"]["may"] for each in lines(data) if each["type"] == "winback.handed_off"] == [["write"]]
    (daily,) = (data / "effects").glob("hand_offs-*.csv")
    assert [line.split(",")[1:5] for line in daily.read_text().splitlines()[1:]] == [
        ["ada", "ada@example.org", "sales", "write"]
    ]


async def test_the_mailbox_is_kept_for_a_time(workflows: Path) -> None:
    """A message older than `keep: bodies` (90 days) is gone the next time the engine looks."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await orders(engine, clock)
        assert engine.mailbox.letters()[1] == 1
    for later, kept in ((89 * DAY, 1), (2 * DAY, 0)):
        clock.advance(later)
        async with program(workflows, clock) as engine:
            for _ in range(1_000):  # it looks at once, in a thread of its own
                if engine.mailbox.letters()[1] == kept:
                    break
                await asyncio.sleep(0.01)
            assert engine.mailbox.letters()[1] == kept


async def test_a_rehearsal_stays_in_the_mailbox_and_what_is_meant_goes_to_the_mail_server(workflows: Path) -> None:
    """With a mail server in the settings, mails go there from go-live on, and not one before."""
    clock, mails = FixedClock(NOW), Mails()
    async with mail_server(mails) as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none", "hello": "shop.example"}
        async with program(workflows, clock, sender={"kind": "smtp"}, smtp=smtp) as engine:
            await orders(engine, clock)
            assert (engine.mailbox.letters()[1], len(mails.taken)) == (1, 0)
            clock.advance(HOUR)
            await engine.control.do("go-live", {"no_suppressions": True})
            await settled(engine, clock)
            clock.advance(1)
            await orders(engine, clock, "ben")
            assert (engine.mailbox.letters()[1], len(mails.taken)) == (1, 1)
    (mail,) = mails.mails()
    assert mail["To"] == "ben@example.org"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_what_is_done_is_meant_once_mail_leaves_by_a_real_sender(workflows: Path) -> None:
    """Not by go-live with the mailbox, but by the next start with a mail server; going live again does not move it."""
    clock, mails = FixedClock(NOW), Mails()
    async with program(workflows, clock) as engine:
        await engine.control.do("go-live", {"no_suppressions": True})
        assert engine.engine.handling.rules.shop.meant_since == 0
    clock.advance(HOUR)
    async with mail_server(mails) as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none", "hello": "shop.example"}
        async with program(workflows, clock, sender={"kind": "smtp"}, smtp=smtp) as engine:
            await orders(engine, clock)
            assert engine.engine.handling.rules.shop.meant_since == NOW + HOUR
            clock.advance(HOUR)
            await engine.control.do("go-live", {"no_suppressions": True, "again": True})
            await settled(engine, clock)
            shop = engine.engine.handling.rules.shop
            assert (shop.meant_since, shop.live_since) == (NOW + HOUR, NOW + 2 * HOUR)
            with Views(engine.settings.data) as views:
                ada = views.record("ada")
    assert ada is not None
    assert (ada.tags, [each.template for each in ada.releases]) == (("thanked",), ["welcome_back"])


async def test_one_click_on_the_link_of_a_mail_stops_the_next_one(workflows: Path) -> None:
    """The link in the mail leads to the public listener; its POST is known to the record at once."""
    clock = FixedClock(NOW)
    async with program(workflows, clock, listen=True) as engine, aiohttp.ClientSession() as browser:
        await orders(engine, clock)
        raw = engine.mailbox.read(engine.mailbox.letters()[0][0].id)
        assert raw is not None
        token = message_from_bytes(raw)["List-Unsubscribe"].partition("/u/")[2].partition(">")[0]
        assert engine.public is not None
        page = f"http://127.0.0.1:{engine.public.port}/u/{token}"
        async with browser.get(page) as shown:
            assert shown.status == 200
        with Views(engine.settings.data) as views:
            before = views.record("ada")
            assert before is not None
            assert before.stopped == {}
            async with browser.post(page, data={"List-Unsubscribe": "One-Click"}) as done:
                assert done.status == 200
            after = views.record("ada")
        assert after is not None
        assert "marketing" in after.stopped


async def test_a_pause_stops_a_send_that_is_due(workflows: Path) -> None:
    """Held by the pause, dropped by `skip` when it ends."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await engine.control.do("pause", {"why": "a test"})
        await orders(engine, clock)
        assert (await engine.control.do("unpause", {}))["held"] == 1
        assert engine.mailbox.letters()[1] == 0
        clock.advance(DAY)
        await engine.control.do("unpause", {"overdue": "skip"})
        await settled(engine, clock)
        assert engine.mailbox.letters()[1] == 0


async def test_a_stuck_customer_is_released_by_a_replay(workflows: Path) -> None:
    """A decision that failed sets its event aside; replayed, it is decided, though it was noted as seen when it came."""
    clock = FixedClock(NOW)
    poison: Any = OrderPlaced("o-1", 10, "EUR")  # type: ignore[arg-type] # a total that is no Decimal makes the core raise
    async with program(workflows, clock) as engine:
        await engine.loop.submit([Event("o-1", "shop", "order.placed", clock.now(), "ada", poison)])
        with Views(engine.settings.data) as views:
            assert views.all("stuck", 5) == [("ada",)]
        assert await engine.control.do("replay", {}) == {"replayed": 1, "accepted": 1, "duplicate": 0, "still_dead": 0}
        with Views(engine.settings.data) as views:
            assert views.all("stuck", 5) == []
            assert views.letters() == []
            record = views.record("ada")
        assert record is not None
        assert [order.amount for order in record.orders] == [1_000]


async def test_go_live_again_must_be_meant(workflows: Path) -> None:
    """A second one would end every run, so it is refused unless it is said so."""
    async with program(workflows, FixedClock(NOW)) as engine:
        assert (await engine.control.do("go-live", {}))["live_since"] is None
        await engine.control.do("go-live", {"no_suppressions": True})
        with pytest.raises(ControlRefusedError, match="--again"):
            await engine.control.do("go-live", {"no_suppressions": True})
        with pytest.raises(LookupError):
            await engine.control.do("no-such-command", {})


async def test_pool_codes_are_granted_as_they_are_used(workflows: Path) -> None:
    """Codes come from the file that offers.yaml names, in its order."""
    (workflows / "offers.yaml").write_text(
        "offers:\n  trial: {free_trial: one box, cost: 6 EUR, valid_for: 30d, codes: pool, pool: codes.csv, "
        "minimum_basket: 20 EUR, terms: 'https://shop.example/terms'}\n"
    )
    (workflows / "codes.csv").write_text("A-1\nA-2\n\nA-3,remark\n")
    async with program(workflows, FixedClock(NOW)) as engine:
        shop = engine.engine.handling.rules.shop
        while not shop.codes.get("trial"):  # noqa: ASYNC110 - granting is a task that tells nobody
            await asyncio.sleep(0)
        assert sorted(shop.codes["trial"]) == ["A-1", "A-2", "A-3"]


async def test_mail_goes_to_the_server_only_when_the_shop_is_live() -> None:
    """Before that to the mailbox; while go-live ends what was begun before, nowhere."""
    live, rehearsal = MemorySender(), MemorySender()
    shop = Shop()
    sender = LiveOnly(live, rehearsal, lambda: shop)
    assert (await sender.send(MESSAGE)).outcome == "done"
    shop.gone_live, shop.sweep = True, Sweep(rehearsed=True)
    assert (await sender.send(MESSAGE)).outcome == "later"
    shop.sweep = None
    assert (await sender.send(MESSAGE)).outcome == "done"
    assert (len(rehearsal.accepted), len(live.accepted)) == (1, 1)


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600; the same keys at the next start; WINBACK_SECRET goes before it; a short one is refused."""
    settings = Settings(data=tmp_path / "data")
    first = keys_of(settings, {})
    assert settings.secret_place.stat().st_mode & 0o777 == 0o600
    assert keys_of(settings, {}).codes == first.codes
    assert keys_of(settings, {"WINBACK_SECRET": "x" * 32}).codes != first.codes
    with pytest.raises(SettingsError, match="16 characters"):
        keys_of(settings, {"WINBACK_SECRET": "short"})


def test_links_of_before_stay_good_after_the_secret_was_changed(tmp_path: Path) -> None:
    """New links are made with the newest secret; those of mails already sent open as before, and nothing else changes."""
    secret, file = {"WINBACK_SECRET": "x" * 32}, tmp_path / "links"
    link = Link(UNSUBSCRIBE, "c1", "newsletter", "e1")
    before = keys_of(Settings(data=tmp_path), secret)
    file.write_text(f"2:{'y' * 32}\n3:{'z' * 32}\n")
    after = keys_of(Settings(data=tmp_path, link_secrets_file=file), secret)
    told = keys_of(Settings(data=tmp_path), secret | {"WINBACK_LINK_SECRETS": f"2:{'y' * 32}, 3:{'z' * 32}"})
    assert after.links.open(before.links.seal(link), UNSUBSCRIBE) == link
    assert after.links.seal(link) == told.links.seal(link) != before.links.seal(link)
    with pytest.raises(BadLinkError):
        before.links.open(after.links.seal(link), UNSUBSCRIBE)
    assert (after.blocks, after.codes, after.messages) == (before.blocks, before.codes, before.messages)
    sent = before.returns.address("b@shop.example", "ab" * 16, "c1", "ada@example.org")
    assert [found.effect_id for found in after.returns.found_in(sent)] == ["ab" * 16]


def test_a_secret_that_leaked_can_be_retired(tmp_path: Path) -> None:
    """Links of its version are good no more, those of the others are."""
    secret, link = {"WINBACK_SECRET": "x" * 32}, Link(UNSUBSCRIBE, "c1", "newsletter", "e1")
    settings = Settings(data=tmp_path)
    leaked, between = (keys_of(settings, secret | more) for more in ({}, {"WINBACK_LINK_SECRETS": f"2:{'y' * 32}"}))
    now = keys_of(settings, secret | {"WINBACK_LINK_SECRETS": f"1:-,2:{'y' * 32},3:{'z' * 32}"})
    assert now.links.open(between.links.seal(link), UNSUBSCRIBE) == link
    with pytest.raises(BadLinkError):
        now.links.open(leaked.links.seal(link), UNSUBSCRIBE)


@pytest.mark.parametrize(
    "said", ["secret" * 6, "2:short", f"0:{'y' * 32}", f"256:{'y' * 32}", f"1:{'y' * 32}", f"b:{'y' * 32}", "1:-"]
)
def test_what_are_no_secrets_for_links(tmp_path: Path, said: str) -> None:
    """Numbers from 2 on, a colon and at least 16 characters: anything else is refused, without a word of the secret."""
    with pytest.raises(SettingsError, match="WINBACK_LINK_SECRETS") as refused:
        keys_of(Settings(data=tmp_path), {"WINBACK_SECRET": "x" * 32, "WINBACK_LINK_SECRETS": said})
    assert "yyy" not in str(refused.value)


async def test_a_live_workflow_without_the_receiver_it_needs_is_refused(workflows: Path) -> None:
    """Once mail leaves for people, a stop that nobody hears of is no stop; a draft of it may be applied."""
    path = workflows / "thank.yaml"
    async with program(workflows, FixedClock(NOW), sender={"kind": "smtp"}) as engine:
        await engine.control.do("go-live", {"no_suppressions": True})
        path.write_text(
            ASK.replace("- tag: thanked", "- tag: thanked\n      - hand_off: care").replace("live", "draft", 1)
        )
        assert (await engine.control.do("apply", {}))["applied"]
        path.write_text(path.read_text().replace("mode: draft", "mode: live"))
        with pytest.raises(ControlRefusedError, match=r"\[teams\.care\]"):
            await engine.control.do("apply", {})
    async with program(
        workflows, FixedClock(NOW), sender={"kind": "smtp"}, teams={"care": {"mail": "a@b.example"}}
    ) as engine:
        assert (await engine.control.do("apply", {}))["applied"]
    async with program(workflows, FixedClock(NOW), sender={"kind": "smtp"}) as engine:
        path.write_text(path.read_text().replace("Thank whoever", "Thanks to whoever"))
        assert (await engine.control.do("apply", {}))["applied"], "what was missing before keeps nobody from an edit"


async def test_effects_reach_a_webhook_and_status_tells_of_it(workflows: Path) -> None:
    """What a tool refuses is a dead letter that status shouts about; replayed, it comes again under the same id."""
    status = [400, 204]
    heard: list[str] = []

    async def take(request: web.Request) -> web.Response:
        heard.append(request.headers["webhook-id"])
        return web.Response(status=status.pop(0))

    app = web.Application()
    app.router.add_post("/effects", take)
    tool = await serve(app, "127.0.0.1", 0)
    hook = {"url": f"http://127.0.0.1:{tool.port}/effects", "take": ["winback.tagged"]}
    secret = {"WINBACK_WEBHOOKS_CRM_SECRET": "whsec_" + "c2Vj" * 8}
    clock = FixedClock(NOW)
    try:
        async with program(workflows, clock, environment=secret, webhooks={"crm": hook}) as engine:
            await engine.control.do("go-live", {"no_suppressions": True})
            clock.advance(HOUR)
            await orders(engine, clock)
            with Views(engine.settings.data) as views:
                seen = overview(
                    views, engine.settings, clock.now(), await engine.control.do("ping", {}), waits=None, sends={}
                )
            (row,) = seen.deliveries
            assert (row.name, row.takes, row.behind, row.parcels, row.dead_letters) == (
                "webhooks.crm",
                ["winback.tagged"],
                0,
                0,
                1,
            )
            assert any("webhooks.crm: 1 effects were not taken" in each for each in seen.stalls)
            result = await engine.control.do("replay", {})
            assert result == {"replayed": 1, "accepted": 1, "duplicate": 0, "still_dead": 0}
            await settled(engine, clock)
            with Views(engine.settings.data) as views:
                assert not views.letters()
        assert len(heard) == 2
        assert len({*heard}) == 1
    finally:
        await tool.stop()


async def test_status_names_what_nobody_takes(workflows: Path) -> None:
    """What a workflow asked for since go-live and no receiver is named for is counted; with one it is not."""
    (workflows / "thank.yaml").write_text(ASK.replace("- tag: thanked", "- newsletter: as_usual"))
    clock = FixedClock(NOW)
    async with program(workflows, clock) as engine:
        await engine.control.do("go-live", {"no_suppressions": True})
        clock.advance(HOUR)
        await orders(engine, clock)
        settings, adapted = engine.settings, "winback.newsletter_adapted"
        for take, nobody in (([], {adapted: 1}), (["winback.tagged"], {adapted: 1}), ([adapted], {})):
            said = Settings.model_validate({"data": settings.data, "workflows": workflows, "files": {"take": take}})
            with Views(settings.data) as views:
                assert overview(views, said, clock.now(), None, waits=None, sends={}).nobody_takes == nobody
