"""Events in, control, metrics and the mailbox, over real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from connectors.mailbox import Mailbox
from engine.core.events import DeadLetter
from engine.listeners import ControlRefusedError, OpsSettings, Site, ops_app, serve
from engine.ports import Message
from tests.listeners.sights import MadeUp

Client = TestClient[web.Request, web.Application]
CE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return an order as a CloudEvent."""
    data = {"order_id": str(number), "total": "10.00", "currency": "EUR"}
    fields = {"id": f"o{number}", "source": "shop", "type": "order.placed", "time": "2026-01-05T09:00:00Z"}
    return {"specversion": "1.0", **fields, "subject": "c1", "data": data, **changes}


class Commands:
    """A control that knows two commands."""

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one."""
        if name == "pause":
            return {"paused": arguments["why"]}
        if name == "go-live":
            raise ControlRefusedError("suppressions were not imported: import them, or say --no-suppressions")
        raise LookupError(name)


@pytest.fixture
def mailbox(world: Any, tmp_path: Path) -> Mailbox:
    """An empty mailbox."""
    return Mailbox(tmp_path, world.clock)


@pytest.fixture
async def client(world: Any, mailbox: Mailbox) -> AsyncIterator[Client]:
    """A program before the ops listener."""
    settings = OpsSettings(control_token="let me", body_at_most=200_000, body_seconds=0.1)
    app = ops_app(
        settings,
        world.intake(),
        lambda: "starting",
        CollectorRegistry(),
        control=Commands(),
        site=Site(MadeUp(), None, mailbox),
    )
    async with TestClient(TestServer(app)) as program:
        yield program


async def post(client: Client, body: Any, kind: str | None = CE, **headers: str) -> tuple[int, Any]:
    """Post to /events; return status and JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": kind, **headers} if kind is not None else dict(headers)
    response = await client.post("/events", data=io.BytesIO(raw), headers=sent, skip_auto_headers=["Content-Type"])
    return response.status, await response.json()


async def test_one_event(world: Any, client: Client) -> None:
    """A structured event is accepted, and a duplicate the second time."""
    assert await post(client, event()) == (202, {"results": [{"id": "o1", "status": "accepted"}]})
    assert await post(client, event()) == (202, {"results": [{"id": "o1", "status": "duplicate"}]})
    assert [each.id for each in world.events()] == ["o1"]


@pytest.mark.parametrize("kind", [BATCH, "application/json", f"{BATCH}; charset=UTF-8", "Application/JSON"])
async def test_a_batch_is_answered_in_its_order(world: Any, client: Client, kind: str) -> None:
    """Each event of a batch has its result, in order, also when some are dead letters; those keep their bytes."""
    bad = event(2, type="order.palced")
    status, said = await post(client, [event(1), bad, 17, {"id": "o4"}, event(5)], kind)

    assert status == 202
    assert [(each["id"], each["status"]) for each in said["results"]] == [
        ("o1", "accepted"),
        ("o2", "dead_letter"),
        ("", "dead_letter"),
        ("o4", "dead_letter"),
        ("o5", "accepted"),
    ]
    assert "did you mean order.placed" in said["results"][1]["reason"]
    letters = [value for what, value in world.story if what == "dead letter"]
    assert [json.loads(letter.raw) for letter in letters if isinstance(letter, DeadLetter)] == [bad, 17, {"id": "o4"}]


async def test_binary_mode(world: Any, client: Client) -> None:
    """Attributes may come in headers, percent-encoded, with the data alone as the body."""
    given = event(1, subject="cä 1")
    headers = {f"ce-{name}": str(given[name]) for name in ("specversion", "id", "source", "type", "time")}
    headers["ce-subject"] = "c%C3%A4%201"
    status, said = await post(client, given["data"], "application/json", **headers)
    assert (status, said["results"][0]["status"]) == (202, "accepted")
    (taken,) = world.events()
    assert (taken.customer, taken.data.order_id) == ("cä 1", "1")

    status, said = await post(client, b"", None, **{**headers, "ce-id": "v", "ce-type": "customer.visited"})
    assert status == 202


async def test_a_no_with_faults_is_heard_and_reported(world: Any, client: Client) -> None:
    """An unsubscribe that is broken elsewhere is acted on, and its result says what was wrong."""
    broken = event(1, type="email.unsubscribed", time="yesterday", data={"email": "ada@example.org"})
    status, said = await post(client, [broken, event(2)], BATCH)
    assert [each["status"] for each in said["results"]] == ["dead_letter", "accepted"]
    assert status == 202
    assert [each.type for each in world.events()] == ["email.unsubscribed", "order.placed"]


@pytest.mark.parametrize("body", [b"", b"{", b"[{},", b"no", b"{} {}", b'[{"a": 1}'])
async def test_what_is_no_json_is_400(world: Any, client: Client, body: bytes) -> None:
    """A body that is no JSON is refused as a whole, with where it breaks."""
    status, said = await post(client, body)
    assert status == 400
    assert said["error"].startswith("the body is no JSON")
    assert world.story == []


@pytest.mark.parametrize(
    "body", [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"17", b'"\xff"']
)
async def test_json_that_is_no_event_is_a_dead_letter(world: Any, client: Client, body: bytes) -> None:
    """Whatever else is JSON is kept with the reason; depth does not hurt."""
    status, said = await post(client, body)
    assert (status, said["results"][0]["status"]) == (202, "dead_letter")
    assert [what for what, _ in world.story] == ["dead letter"]


async def test_an_empty_batch_is_nothing(client: Client) -> None:
    """No events, no results."""
    assert await post(client, [], BATCH) == (202, {"results": []})


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/json; charset=latin-1", None])
async def test_other_content_is_415(client: Client, kind: str | None) -> None:
    """What is taken is named; that forms and plain text are not also keeps web pages of others out."""
    status, said = await post(client, event(), kind)
    assert status == 415
    assert "send" in said["error"]


async def test_too_much_is_413(world: Any, client: Client) -> None:
    """More than the limit is refused, with or without its length said beforehand."""

    async def unending() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    for body in (io.BytesIO(b"x" * 300_000), unending()):
        try:
            response = await client.post("/events", data=body, headers={"Content-Type": CE})
            assert response.status == 413
            assert "200,000 bytes" in (await response.json())["error"]
        except ConnectionError:  # nobody reads on, so the answer may be missed
            pass
    assert world.story == []


async def test_a_slow_body_is_408(world: Any, client: Client) -> None:
    """A body that does not arrive is given up in time."""

    async def slow() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        response = await client.post("/events", data=slow(), headers={"Content-Type": CE})
        assert response.status == 408
    assert world.story == []


async def test_an_engine_that_fails_is_500_without_a_traceback(world: Any, client: Client) -> None:
    """Where events could not be made durable the sender hears it, and no more than it needs."""
    world.broken = "secret detail"
    status, said = await post(client, event())
    assert status == 500
    assert "secret" not in json.dumps(said)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Bearer täken"}, 401),
        ({"Authorization": "Bearer token"}, 202),
        ({"Authorization": "Basic " + b64encode(b"any:token").decode()}, 202),
    ],
)
async def test_the_token(world: Any, header: dict[str, str], status: int) -> None:
    """With a token set, nothing but health goes without it."""
    app = ops_app(OpsSettings(token="token"), world.intake(), lambda: "", CollectorRegistry())
    async with TestClient(TestServer(app)) as program:
        raw = json.dumps(event()).encode()
        response = await program.post("/events", data=raw, headers={"Content-Type": CE, **header})
        assert response.status == status
        if status == 401:
            assert "Bearer" in response.headers["WWW-Authenticate"]
            assert (await program.get("/metrics")).status == 401
        assert (await program.get("/healthz")).status == 200


def test_without_a_token_only_on_loopback() -> None:
    """A listener that others can reach needs a token."""
    with pytest.raises(ValueError, match="ops_token"):
        OpsSettings(host="0.0.0.0")
    assert OpsSettings(host="0.0.0.0", token="t").token == "t"
    assert OpsSettings(host="::1").host == "::1"


async def test_other_names_for_this_machine_are_refused(client: Client) -> None:
    """A web page that points a name of its own at 127.0.0.1 gets nothing."""
    for host, status in {"evil.example": 403, "localhost:8081": 202, "[::1]:8081": 202}.items():
        assert (await post(client, event(), Host=host))[0] == status


async def test_commands(client: Client) -> None:
    """Commands need the token of the data folder; what is refused or unknown says so."""

    async def command(name: str, body: str, token: str = "let me") -> tuple[int, Any]:
        response = await client.post(f"/control/{name}", data=body, headers={"Authorization": f"Bearer {token}"})
        return response.status, await response.json()

    assert await command("pause", '{"why": "complaints"}') == (200, {"paused": "complaints"})
    assert await command("go-live", "") == (
        409,
        {"error": "suppressions were not imported: import them, or say --no-suppressions"},
    )
    assert (await command("dance", "{}"))[0] == 404
    assert (await command("pause", "[1]"))[0] == 400
    assert (await command("pause", "{}", "guess"))[0] == 401
    assert (await client.get("/control/pause")).status == 405


async def test_metrics_and_health(client: Client) -> None:
    """Requests are counted by route; readiness says what is missing."""
    await post(client, event())
    text = await (await client.get("/metrics")).text()
    assert 'winback_ops_requests_total{method="POST",route="/events",status="202"} 1.0' in text
    ready = await client.get("/readyz")
    assert (ready.status, await ready.text()) == (503, "starting\n")


async def test_the_mailbox_pages(client: Client, mailbox: Mailbox) -> None:
    """Messages are listed newest first, can be searched, and are shown in a frame that runs nothing."""
    assert "No message yet" in await (await client.get("/mailbox")).text()
    html = "<p>Hi</p><script>alert(1)</script>"
    for number, name in enumerate(["ada", "bob"]):
        recipient, subject = f"{name}@example.org", f"<b>Hello {name}</b>"
        sent = Message(
            f"e{number}", f"<e{number}@s.example>", "S", "s@s.example", recipient, subject, "Hi & bye", html, {}, 0
        )
        await mailbox.send(sent)

    text = await (await client.get("/mailbox")).text()
    assert text.index("bob@example.org") < text.index("ada@example.org")
    assert "&lt;b&gt;Hello ada" in text
    assert "<b>" not in text
    found = await (await client.get("/mailbox", params={"q": "ada"})).text()
    assert "bob@example.org" not in found

    one = await client.get("/mailbox/e0")
    page = await one.text()
    assert "Hi &amp; bye" in page
    assert "<script>" not in page
    assert 'sandbox="allow-popups' in page
    frame = await client.get("/mailbox/e0/html")
    assert "<p>Hi</p>" in await frame.text()
    assert frame.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-scripts" not in frame.headers["Content-Security-Policy"]
    assert (await client.get("/mailbox/none")).status == 404
    assert (await client.get("/mailbox", params={"skip": "²", "q": "'"})).status == 200


async def test_a_taken_port_is_an_error(world: Any) -> None:
    """Two listeners cannot stand on one port; the second says so and leaves nothing open."""
    one = await serve(ops_app(OpsSettings(), world.intake(), lambda: "", CollectorRegistry()), "127.0.0.1", 0)
    try:
        with pytest.raises(OSError, match=str(one.port)):
            await serve(ops_app(OpsSettings(), world.intake(), lambda: "", CollectorRegistry()), "127.0.0.1", one.port)
    finally:
        await one.stop()
