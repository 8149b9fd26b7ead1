"""Input that nobody should send: a clear reason or a dead letter, the rest goes on, and nothing is lost."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.memory import FixedClock
from engine.core.deciding import decide
from engine.core.moments import DAY, Instant, day_number
from engine.core.reading import encode
from engine.core.signals import Happened
from engine.runtimes.sqlite.engine import EngineStopped
from tests.acceptance.embedded import Shop, live_shop
from tests.acceptance.shipped import FOLDER, shipped
from tests.builders import START, event, rules_of

BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def good(number: int, at: Instant = START - DAY) -> dict[str, Any]:
    """Return an order that nothing is wrong with."""
    made: dict[str, Any] = json.loads(
        encode(event("order.placed", at, f"c-{number}", f"o-{number}", order_id=f"{number}"))
    )
    return made


def bad(number: int, **changes: Any) -> bytes:
    """Return an order in which something is wrong; `data_...` changes its data."""
    made = good(number)
    for name, value in changes.items():
        if name.startswith("data_"):
            made["data"][name.removeprefix("data_")] = value
        else:
            made[name] = value
    return json.dumps(made).encode()


#: what is wrong, the bytes, and what the reason must say
WRONG: list[tuple[str, bytes, str]] = [
    ("broken", b'{"specversion":"1.0","id":"x",', "JSON"),
    ("not-an-object", b"17", "JSON object"),
    ("array", b'["order.placed"]', "JSON object"),
    ("unknown-type", bad(1, type="order.plaecd"), "did you mean"),
    ("type-is-a-number", bad(2, type=5), "type must be text"),
    ("no-time", json.dumps({k: v for k, v in good(3).items() if k != "time"}).encode(), "time"),
    ("no-zone", bad(4, time="2026-01-04T10:00:00"), "time"),
    ("year-1", bad(5, time="0001-01-01T00:00:00Z"), "before 1970"),
    ("year-9999", bad(6, time="9999-12-31T23:59:59Z"), "after 2199"),
    ("negative-total", bad(7, data_total="-1.00"), "negative"),
    ("unknown-currency", bad(8, data_currency="XQQ"), "ISO 4217"),
    ("total-is-a-list", bad(9, data_total=[1]), "total"),
    ("total-is-no-number", bad(10, data_total="a lot"), "total"),
    ("too-many-digits", bad(11, data_total="1.001"), "total"),
    ("no-order-id", bad(12, data_order_id=None), "order_id"),
    ("invalid-utf-8", bad(13, data_country="XX").replace(b"XX", b"\xff\xfe"), "UTF-8"),
    ("nul", bad(14, data_country="a\0b"), "U+0000"),
    ("too-deep", b'{"a":' * 40 + b"1" + b"}" * 40, "levels"),
    ("two-megabytes", bad(15, data_country="x" * 2_000_000), "1,000,000 bytes"),
]
IDS = [name for name, _, _ in WRONG]


# Over HTTP -----------------------------------------------------------------------------------------------------------


async def post(shop: Shop, body: bytes, headers: dict[str, str] = BATCH) -> tuple[int, Any]:
    """Post a body of events; return the status and what was answered."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(shop.ops("/events"), data=io.BytesIO(body), headers=headers) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize(("raw", "reason"), [each[1:] for each in WRONG[3:]], ids=IDS[3:])
async def test_a_bad_event_in_a_batch_harms_no_other(tmp_path: Path, raw: bytes, reason: str) -> None:
    """Answered in its place with the reason, kept with its bytes; those before and after it are taken in."""
    async with live_shop(tmp_path, FixedClock(START), shipped(), 9) as shop:
        body = b"[" + b",".join([json.dumps(good(100)).encode(), raw, json.dumps(good(101)).encode()]) + b"]"
        status, answer = await post(shop, body)
        if status == 400:  # it cannot be cut into events at all: nothing was taken, and the answer says so
            assert "JSON" in answer["error"]
            return
        assert status == 202
        assert [each["status"] for each in answer["results"]] == ["accepted", "dead_letter", "accepted"]
        assert reason in answer["results"][1]["reason"]
        ((kept, origin),) = shop.rows("select raw, origin from dead_letter")
        assert kept == raw
        assert origin == "POST /events"
        assert shop.rows("select id from customer order by id") == [("c-100",), ("c-101",)]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'[{"id":', BATCH, 400),
        (b"\xff\xfe\x00", BATCH, 400),
        (b"[" + b" " * 10_500_000 + b"]", BATCH, 413),
        (b"<event/>", {"Content-Type": "application/xml"}, 415),
    ],
    ids=["broken", "no-text", "ten-megabytes", "xml"],
)
async def test_a_body_that_is_none_is_refused_with_a_reason(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    """400, 413 or 415 as JSON with what is wrong; the engine takes the next request as ever."""
    async with live_shop(tmp_path, FixedClock(START), shipped(), 9) as shop:
        got, answer = await post(shop, body, headers)
        assert got == status
        assert answer["error"]
        assert (await post(shop, b"[" + json.dumps(good(1)).encode() + b"]"))[0] == 202


# From files ----------------------------------------------------------------------------------------------------------


def winback(folder: Path, *arguments: str) -> tuple[int, Any, str]:
    """Run the command line on a data folder; return its exit code, its JSON, and what it said to people."""
    command = [sys.executable, "-c", "from engine.cli import main; main()", *arguments, "--json"]
    done = subprocess.run(
        [*command, "--data", str(folder / "data"), "--workflows", str(FOLDER)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def test_a_file_full_of_bad_lines_gives_all_that_can_be_read(tmp_path: Path) -> None:
    """Every bad line is a dead letter that names file and line, a line of 10 MB too; the good ones are taken in."""
    now = day_number(2026, 1, 5) * DAY
    lines = [json.dumps(good(100 + number, now - number * DAY)).encode() for number in range(len(WRONG) + 1)]
    raws = [*(raw for _, raw, _ in WRONG), b'{"id":"' + b"y" * 10_000_000 + b'"}']
    mixed = b"\xef\xbb\xbf" + b"".join(
        good_one + b"\r\n" + wrong + b"\n\n" for good_one, wrong in zip(lines, raws, strict=True)
    )
    file = tmp_path / "events.jsonl"
    file.write_bytes(mixed)
    code, told, _ = winback(tmp_path, "ingest", str(file))
    assert code == 1
    assert (told["accepted"], told["dead_letters"]) == (len(lines), len(raws))
    code, letters, _ = winback(tmp_path, "dead-letters")
    assert code == 0
    assert len(letters) == len(raws)
    for number, letter in enumerate(sorted(letters, key=lambda each: int(each["origin"].rpartition(":")[2]))):
        assert letter["origin"].endswith(f"events.jsonl:{number * 3 + 2}")
        assert (WRONG[number][2] if number < len(WRONG) else "1,000,000 bytes") in letter["reason"]
    code, told, _ = winback(tmp_path, "ingest", str(file))
    assert (told["accepted"], told["duplicate"]) == (0, len(lines))
    assert len(winback(tmp_path, "dead-letters")[1]) == len(raws)


# A customer who cannot be decided about ------------------------------------------------------------------------------


async def test_a_poisoned_customer_is_set_aside_and_released_by_a_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the core raises for one customer: a dead letter, no sends for them, the others go on; a replay releases."""

    def poisoned(customer: Any, signal: Any, now: Any, rules: Any) -> Any:
        if customer.id == "c-7" and isinstance(signal, Happened):
            raise ZeroDivisionError("a defect")
        return decide(customer, signal, now, rules)

    async with live_shop(tmp_path, FixedClock(START), rules_of(), 9) as shop:
        monkeypatch.setattr("engine.handling.handler.decide", poisoned)
        body = b"[" + b",".join(json.dumps(good(number)).encode() for number in range(1, 12)) + b"]"
        status, answer = await post(shop, body)
        assert status == 202
        assert {each["status"] for each in answer["results"]} == {"accepted"}
        assert shop.rows("select id from customer where hindrance = 'stuck'") == [("c-7",)]
        ((raw, reason),) = shop.rows("select raw, reason from dead_letter where origin = 'customer c-7'")
        assert json.loads(raw)["id"] == "o-7"
        assert "ZeroDivisionError: a defect" in reason
        assert shop.rows("select count(*) from customer where standing = 'active'") == [(10,)]

        assert (await shop.program.control.do("replay", {}))["still_dead"] == 1
        monkeypatch.undo()
        assert (await shop.program.control.do("replay", {}))["accepted"] == 1
        assert shop.rows("select * from dead_letter") == []
        assert shop.rows("select standing, hindrance from customer where id = 'c-7'") == [("active", "no address")]


async def test_more_poison_than_bad_luck_stops_the_engine_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 50 failed decisions within a minute are a defect: the engine stops and says so; the letters are kept."""

    def poisoned(*_: Any) -> Any:
        raise ZeroDivisionError("a defect")

    async def post_sixty() -> None:
        async with live_shop(tmp_path, FixedClock(START), rules_of(), 9) as shop:
            monkeypatch.setattr("engine.handling.handler.decide", poisoned)
            body = b"[" + b",".join(json.dumps(good(number)).encode() for number in range(60)) + b"]"
            status, answer = await post(shop, body)
            assert status >= 500
            assert answer["error"]
            assert shop.rows("select count(*) from dead_letter") == [(60,)]

    with pytest.raises(EngineStopped, match="more than 50 decisions failed within a minute"):
        await post_sixty()
