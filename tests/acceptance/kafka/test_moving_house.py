"""A shop that outgrows one machine: from the embedded engine onto Kafka, and back, and nobody is written to twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.mail_servers import Mails, mail_server


def order(number: int, *, again: int = 0) -> dict[str, Any]:
    """Return an order of a customer, of just now."""
    return {
        "specversion": "1.0",
        "id": f"o{number}-{again}",
        "source": "shop",
        "type": "order.placed",
        "time": datetime.now(UTC).isoformat(),  # noqa: TID251 - the processes live in real time
        "subject": f"c{number}",
        "data": {"order_id": f"{number}-{again}", "total": "10.00", "currency": "EUR", "email": f"c{number}@d.example"},
    }


def visit(number: int) -> dict[str, Any]:
    """Return a visit: known again by its source and id alone."""
    said = {"specversion": "1.0", "id": f"v{number}", "source": "shop", "type": "customer.visited"}
    return {**said, "time": "2026-11-20T12:00:00Z", "subject": f"c{number}", "data": {"page": "/"}}


@pytest.fixture
async def fleet(kafka: str, postgres: str, prefix: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """An installation whose shop greets whoever orders, and its mail server."""
    made = Fleet(kafka, postgres, tmp_path, prefix)
    made.greets()
    async with mail_server(Mails(at_message=made.taken)) as server:
        made.environment["WINBACK_SMTP_PORT"] = str(server.port)
        try:
            yield made
        finally:
            await made.kill()


async def lives_embedded(fleet: Fleet, data: str, events: list[dict[str, Any]], mails: int) -> None:
    """Run the embedded engine until it has taken these events and has sent so many mails in all; then stop it."""
    await fleet.start("run", "--data", data, embedded=True)
    await fleet.until(fleet.is_ready)
    await asyncio.to_thread(fleet.post, events)
    await fleet.until(lambda: len(fleet.accepted) == mails)
    await fleet.stop("run")


async def test_onto_kafka_and_back(fleet: Fleet) -> None:
    """Runs, timers, references and the ledger go along: whoever was greeted is never greeted again, anywhere."""
    visits = [visit(number) for number in range(30)]
    await fleet.run("go-live", "--no-suppressions", "--data", "one", embedded=True)
    first, second, third = (
        [order(number) for number in numbers] for numbers in (range(10), range(10, 20), range(20, 30))
    )
    await lives_embedded(fleet, "one", [*first, *visits[:10]], 10)
    await fleet.run("export-state", "away.state", "--data", "one", embedded=True)

    # On Kafka: what was known is known, and new customers are greeted.
    await fleet.run("topics", "--create")
    moved = json.loads(await fleet.run("import-state", "away.state", "--json"))
    assert (moved["came_from"], moved["engine"], moved["customers"]) == ("embedded", "distributed", 10)
    again = await fleet.run("import-state", "away.state", code=1)
    assert not again
    await fleet.start_parts()
    await fleet.until(fleet.is_ready)
    await asyncio.to_thread(fleet.post, [*first, *visits[:20], *second])
    await fleet.until(lambda: len(fleet.accepted) == 20)
    await fleet.until(lambda: fleet.query("select count(*) from customer")[0][0] == 20)
    runs = fleet.query("select customer from under_way where workflow = 'greet' order by customer")
    assert [customer for (customer,) in runs] == sorted(f"c{number}" for number in range(20))

    # Away again: only when everything is done, and with the gateway stopped.
    refused = await fleet.run("export-state", "back.state", code=1)
    assert not refused
    await fleet.stop("gateway")
    await fleet.stop("worker-0", "sender", "projector")
    back = json.loads(await fleet.run("export-state", "back.state", "--json"))
    assert (back["engine"], back["customers"], back["paused"]) == ("distributed", 20, True)
    home = json.loads(await fleet.run("import-state", "back.state", "--data", "two", "--json", embedded=True))
    assert (home["came_from"], home["engine"], home["customers"]) == ("distributed", "embedded", 20)
    await lives_embedded(fleet, "two", [*first, *second, *visits, *third], 30)

    assert set(fleet.accepted.values()) == {1}
    told = json.loads(await fleet.run("status", "--data", "two", "--json", embedded=True))
    assert told["customers"] == 30
    story = json.loads(await fleet.run("explain", "c3", "--data", "two", "--json", embedded=True))
    assert story["customer"]["orders"] == 1
