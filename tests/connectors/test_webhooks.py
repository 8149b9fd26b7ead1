"""Signed webhooks, against a real server on this machine that checks what Standard Webhooks asks it to check."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from connectors.memory import FixedClock
from connectors.webhooks import Webhook, WebhookSettings
from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, SUPPRESSED, Effect
from engine.core.moments import HOUR, SECOND
from engine.core.standard_webhooks import BadSecretError, secret_of, signatures
from engine.ports import Receipt

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
NEW, OLD = b"n" * 32, b"o" * 24
EFFECT = Effect(SUPPRESSED, NOW - HOUR, "c-1042", "e1", {"scope": "newsletter", "workflow": "readers"})
ADA = Customer("c-1042", profile={"email": ("ada@example.org", NOW)})

Answer = Callable[[web.Request], web.StreamResponse]


class Tool:
    """A shop's tool: it keeps what was signed with a secret it knows, and answers as it is told."""

    def __init__(self, secret: bytes, answer: Answer) -> None:
        self.secret, self.answer = secret, answer
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Check the signature over the raw bytes, as the specification says, and answer."""
        body = await request.read()
        name, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        digest = hmac.new(self.secret, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        if f"v1,{base64.b64encode(digest).decode()}" not in request.headers["webhook-signature"].split(" "):
            return web.Response(status=401)
        assert int(timestamp) == NOW // SECOND
        assert request.content_type == "application/json"
        self.ids.append(name)
        self.taken.append(json.loads(body))
        return self.answer(request)


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """Serve a handler on this machine; yield its address."""
    app = web.Application()
    app.router.add_post("/effects", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/effects"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def tool(
    answer: Answer = lambda _: web.Response(status=204), secret: bytes = NEW
) -> AsyncIterator[tuple[Tool, str]]:
    """Run a tool; yield it and its address."""
    made = Tool(secret, answer)
    async with served(made.take) as url:
        yield made, url


async def taken(
    url: str, *secrets: bytes, effect: Effect = EFFECT, record: Customer | None = ADA, **more: Any
) -> Receipt:
    """Post an effect, and return what is said of it."""
    settings = WebhookSettings(name="tool", url=url, secrets=secrets or (NEW,), types=frozenset({SUPPRESSED}), **more)
    webhook = Webhook(settings, FixedClock(NOW))
    try:
        return await webhook.take(effect, record)
    finally:
        await webhook.close()


def test_signatures_are_those_of_the_specification() -> None:
    """The example that the specification's libraries are tested with."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signatures((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "text", ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_what_is_no_secret_is_refused(text: str) -> None:
    """A secret is whsec_ and 24 to 64 bytes in base64; anything else would sign with what can be guessed."""
    with pytest.raises(BadSecretError, match="whsec_"):
        secret_of(text)


async def test_an_effect_is_posted_as_its_signed_cloud_event() -> None:
    """The body is the effect's CloudEvent, with the customer's address as it is now; the id is the effect's."""
    async with tool() as (there, url):
        assert await taken(url) == Receipt("done")
    assert there.ids == [EFFECT.id]
    expected = EFFECT.cloud_event()
    expected["data"]["customer"] = {"id": "c-1042", "email": "ada@example.org"}
    assert there.taken == [expected]


async def test_who_is_known_without_an_address_is_told_without_one() -> None:
    """A customer who is gone, or never had an address, has null for it."""
    async with tool() as (there, url):
        assert await taken(url, record=None) == Receipt("done")
    assert there.taken[0]["data"]["customer"] == {"id": "c-1042", "email": None}


@pytest.mark.parametrize("theirs", [NEW, OLD], ids=["new", "old"])
async def test_while_secrets_change_both_are_good(theirs: bytes) -> None:
    """With two secrets there are two signatures: a tool that knows either of them takes the effect."""
    async with tool(secret=theirs) as (there, url):
        assert await taken(url, NEW, OLD) == Receipt("done")
        assert (await taken(url, b"x" * 32)).reason.startswith("401")
    assert len(there.taken) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *[(200, "done"), (202, "done"), (204, "done")],
        *[(400, "refused"), (413, "refused"), (415, "refused"), (422, "refused")],
        *[(401, "later"), (403, "later"), (404, "later"), (410, "later"), (408, "later"), (429, "later")],
        *[(500, "later"), (502, "later"), (503, "later"), (504, "later"), (599, "later")],
    ],
)
async def test_what_an_answer_means(status: int, outcome: str) -> None:
    """A no about this effect is final; one about the place or the moment is not."""
    async with tool(lambda _: web.Response(status=status)) as (_, url):
        receipt = await taken(url)
    assert receipt.outcome == outcome
    assert receipt.reason.startswith(str(status)) or outcome == "done"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """A signed body goes to nobody but whom the settings name."""
    async with (
        tool() as (elsewhere, other),
        tool(lambda _: web.Response(status=status, headers={"Location": other})) as (_, url),
    ):
        receipt = await taken(url)
    assert receipt.outcome == "later"
    assert "redirects are not followed" in receipt.reason
    assert elsewhere.taken == []


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", 120 * SECOND),
        ("Mon, 05 Jan 2026 11:00:00 GMT", HOUR),
        ("Mon, 05 Jan 2026 09:00:00 GMT", 0),
        ("99999999", 24 * HOUR),
        ("soon", None),
        ("", None),
    ],
)
async def test_it_waits_as_long_as_it_is_told_to(said: str, wait: int | None) -> None:
    """Retry-After in seconds or as a date, bounded by a day; anything else says nothing."""
    async with tool(lambda _: web.Response(status=429, headers={"Retry-After": said} if said else {})) as (_, url):
        assert (await taken(url)).retry_after == wait


async def test_who_cannot_be_reached_or_does_not_answer_is_tried_later() -> None:
    """No connection, or no answer in time: nobody knows, so it comes again."""
    async with tool() as (_, url):
        pass
    assert (await taken(url)).outcome == "later"

    enough = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await enough.wait()
        return web.Response()

    async with served(never) as silent:
        receipt = await taken(silent, timeout=0.2)
        enough.set()
    assert (receipt.outcome, receipt.reason) == ("later", "no answer within 0.2 s")


async def test_an_endless_answer_is_not_read() -> None:
    """What a tool says beyond its status is nothing to us, however long it is."""
    chunks = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal chunks
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                chunks += 1
                await response.write(b"x" * 65_536)
        except (ConnectionError, OSError):
            return response

    async with served(endless) as url:
        assert await taken(url) == Receipt("done")
    assert chunks < 1_000


@pytest.mark.parametrize(("channels", "comes"), [((), True), (("letter",), True), (("sms", "push"), False)])
def test_sends_on_other_channels_are_not_its(channels: tuple[str, ...], *, comes: bool) -> None:
    """A letter is printed by one service and no text message is sent of it by another; other effects have no channel."""
    settings = WebhookSettings(
        name="t",
        url="http://localhost/",
        secrets=(NEW,),
        types=frozenset({SEND_REQUESTED, SUPPRESSED}),
        channels=frozenset(channels),
    )
    webhook = Webhook(settings, FixedClock(NOW))
    assert webhook.takes(Effect(SEND_REQUESTED, NOW, "c", "e", {"channel": "letter"})) is comes
    assert webhook.takes(EFFECT)
