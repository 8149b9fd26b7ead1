"""The console over PostgreSQL: pages of what the projector wrote, and a pause that reaches every partition."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fleet import Fleet, free_port


@pytest.fixture
async def fleet(kafka: str, postgres: str, prefix: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """An installation, and its end."""
    made = Fleet(kafka, postgres, tmp_path, prefix)
    made.greets()
    made.environment["WINBACK_SENDER_KIND"] = "mailbox"
    try:
        yield made
    finally:
        await made.kill()


class Browser:
    """Somebody who looks, and remembers cookies."""

    def __init__(self, port: int) -> None:
        self._begin = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def get(self, path: str) -> str:
        """Return a page."""
        with self._opener.open(self._begin + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: bytes, **headers: str) -> int:
        """Send something; return the status."""
        request = urllib.request.Request(self._begin + path, body, {"Origin": self._begin, **headers})
        try:
            with self._opener.open(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


async def test_the_pages_show_what_workers_decided_and_a_pause_holds_everywhere(fleet: Fleet) -> None:
    """Customers, their stories and workflows are there; a pause set on a page is every partition's within seconds."""
    port = free_port()
    await fleet.start_all()
    ops, fleet.environment["WINBACK_LISTEN_OPS"] = fleet.environment["WINBACK_LISTEN_OPS"], f"127.0.0.1:{port}"
    await fleet.start("console")
    fleet.environment["WINBACK_LISTEN_OPS"] = ops
    await fleet.until(lambda: "shows http" in fleet.log("console"))
    now = datetime.now(UTC).isoformat()  # noqa: TID251 - the processes live in real time
    data = {"order_id": "1", "total": "10.00", "currency": "EUR", "email": "ada@d.example"}
    said = {"specversion": "1.0", "id": "o1", "source": "shop", "type": "order.placed", "subject": "ada"}
    await asyncio.to_thread(fleet.post, [{**said, "time": now, "data": data}])
    await fleet.until(lambda: bool(fleet.query("select 1 from customer where id = 'ada'")))

    browser = Browser(port)
    today = await asyncio.to_thread(browser.get, "/")
    assert "greet" in await asyncio.to_thread(browser.get, "/workflows")
    assert "ada@d.example" in await asyncio.to_thread(browser.get, "/customer?id=ada")
    batch = json.dumps([{**said, "time": now, "data": data}]).encode()
    kind = {"Content-Type": "application/cloudevents-batch+json"}
    assert await asyncio.to_thread(lambda: browser.post("/events", batch, **kind)) == 404

    token = re.search(r'name="token" value="([^"]+)"', today)
    assert token is not None
    form = {"token": token[1], "scope": "engine", "name": "", "why": "a test", "who": "ops"}
    assert await asyncio.to_thread(browser.post, "/pause", urllib.parse.urlencode(form).encode()) == 200
    paused = json.loads(await fleet.run("status", "--json"))["paused"]
    assert [(pause["scope"], pause["why"]) for pause in paused] == [("engine", "a test")]
    await fleet.until(lambda: bool(fleet.query("select 1 from office where published_word = last_word")))
    await fleet.stop("console")
