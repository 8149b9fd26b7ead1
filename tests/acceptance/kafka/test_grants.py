"""Three workers, one budget and one pool: what is counted for the whole shop, on a real broker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.books.database import open_to_read
from engine.books.postgres import Server
from engine.core.moments import rfc3339
from engine.wiring.clock import SystemClock
from tests.acceptance.kafka.commands import ROOT
from tests.acceptance.kafka.test_commands_over_parts import Engine

GUESTS = 40
BUDGET, COST, CODES = Decimal("21.00"), Decimal("2.00"), 12
FOR_EACH = """
workflow: {name}
title: {name}
mode: live
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: never
leave_when_any:
  - event: email.unsubscribed
priority: {priority}
stages:
  one:
    steps:
      - send: coupon_offer
        offer: {name}
        late_at_most: 3d
    end: done
"""
OFFERS = f"""
offers:
  of_budget: {{discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, codes: signed, budget: {BUDGET} EUR per 5d}}
  of_pool: {{discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, codes: pool, pool: codes.csv, low_water: 1}}
"""


@pytest.fixture
def engine(tmp_path: Path, kafka: str, prefix: str, postgres: str) -> Iterator[Engine]:
    """A shop with two workflows, whose offers have a small budget and a small pool; nothing holds a mail."""
    folder = tmp_path / "workflows"
    folder.mkdir()
    shutil.copytree(ROOT / "workflows" / "templates", folder / "templates")
    shutil.copy(ROOT / "workflows" / "shop.yaml", folder)
    (folder / "lifecycle.yaml").write_text("currency: EUR\nmargin: 35%\nwarm_up: none\nquiet: none\ncaps: []\n")
    (folder / "offers.yaml").write_text(OFFERS)
    (folder / "codes.csv").write_text("".join(f"CODE-{number:04}\n" for number in range(CODES)))
    for priority, name in enumerate(("of_budget", "of_pool"), 1):
        (folder / f"{name}.yaml").write_text(FOR_EACH.format(name=name, priority=priority))
    with ExitStack() as stack:
        made = Engine(tmp_path, kafka, prefix, postgres, stack)
        made.settings["kafka_partitions"] = "6"
        created = made.call("topics", "--create")
        assert created.code == 0, created.err
        yield made


def guests(path: Path) -> None:
    """A file of guests who come now, each of whom may be written to."""
    now = rfc3339(SystemClock().now())
    said: list[dict[str, Any]] = []
    for number in range(GUESTS):
        about = {"specversion": "1.0", "source": "shop", "time": now, "subject": f"c-{number}"}
        for kind, data in (
            ("profile.updated", {"email": f"c{number}@example.org"}),
            ("consent.given", {"purpose": "marketing", "basis": "express"}),
            ("customer.visited", {}),
        ):
            said.append({**about, "id": f"{kind} {number}", "type": kind, "data": data})
    path.write_text("".join(f"{json.dumps(each)}\n" for each in said))


def issued(postgres: str, offer: str) -> list[dict[str, Any]]:
    """What was issued of an offer, as the books have it."""
    with closing(open_to_read(Server(postgres))) as books:
        rows = books.execute("select body from effect where type = ?", ("winback.coupon_issued",)).fetchall()
    bodies = [json.loads(body) for (body,) in rows]
    return [each for each in bodies if each["name"] == offer]


@pytest.mark.long
def test_three_workers_never_overspend_a_budget_nor_give_a_code_twice(engine: Engine, postgres: str) -> None:
    """All of the budget is used, and every code given out, once."""
    for part in ("gateway", "projector"):
        engine.start(part)
    for slot in ("a", "b", "c"):
        engine.start("worker", "--slot", slot)
    engine.until("the books are there", lambda: engine.call("status").code == 0)
    engine.until("all partitions are in the books", lambda: engine.status()["books"]["heard"] == 6)
    live = engine.call("go-live", "--no-suppressions", "--json")
    assert live.code == 0, live.out + live.err
    guests(engine.folder / "guests.jsonl")
    taken = engine.call("ingest", "guests.jsonl", "--json")
    assert taken.code == 0, taken.err
    engine.until("the pool is given out", lambda: len(issued(postgres, "of_pool")) == CODES)
    engine.until("those who got no code are in the other workflow", lambda: bool(issued(postgres, "of_budget")))
    engine.until("half of the budget is used", lambda: len(issued(postgres, "of_budget")) >= BUDGET // COST // 2)
    engine.until("the budget is used", lambda: len(issued(postgres, "of_budget")) == BUDGET // COST)
    assert len({each["code"] for each in issued(postgres, "of_pool")}) == CODES
    assert sum(Decimal(each["cost"]) for each in issued(postgres, "of_budget")) <= BUDGET
