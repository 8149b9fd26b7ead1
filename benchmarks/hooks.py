"""Hooks under load: 300 calls a second of all nine services, signed, over HTTP; how long each waits for its answer.

The engine runs embedded with the shipped workflows live, each answer coming after the commit; the services are one process
of their own. A call is sent when its time has come, whether those before were answered or not, and its wait counts from
then: a slow answer makes later calls wait no less. A tenth of the calls are complaints, which the block list gets first.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import aiohttp
import msgspec

from connectors.memory import FixedClock
from engine.core.moments import HOUR, SECOND
from engine.core.rules import Mode
from engine.language.folder import read_folder
from engine.wiring.program import running
from engine.wiring.settings import Settings
from tests.hook_senders import SENDERS, TOPIC, environment, with_certificate

RATE = 300
SECONDS = 20
MUST = {"median": 20.0, "99th percentile": 100.0}
"""Milliseconds."""

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC, a moment after what the services tell

WORKFLOWS = Path(__file__).parents[1] / "workflows"


Call = tuple[str, dict[str, str], bytes]
"""Of a service: headers and body."""


def calls(count: int) -> Iterator[Call]:
    """Yield calls of all services in turn, each of another customer."""
    senders = list(SENDERS.values())
    for number in range(count):
        sender = senders[number % len(senders)]
        if number % 10 == 9:
            sender = SENDERS["sendgrid"]
            about = {"email": f"c{number}@example.org", "timestamp": NOW // SECOND, "sg_event_id": f"no-{number}"}
            body = json.dumps([{**about, "event": "spamreport"}]).encode()
            yield (sender.name, *sender.signed(body, sender.secrets[0], NOW))
        else:
            yield (sender.name, *sender.call(number, NOW))


async def post(base: str, rate: int, ready: Sequence[Call]) -> dict[str, Any]:
    """Send calls at their times; return how long each waited, in milliseconds, and which answers there were."""
    waits: list[float] = []
    statuses: dict[int, int] = {}

    async def one(session: aiohttp.ClientSession, due: float, call: Call) -> None:
        name, headers, body = call
        async with session.post(f"{base}/hooks/{name}", data=body, headers=headers) as answer:
            await answer.read()
        waits.append((time.perf_counter() - due) * 1_000)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begin = time.perf_counter() + 0.1
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(ready):
                due = begin + number / rate
                await asyncio.sleep(due - time.perf_counter())
                group.create_task(one(session, due, call))
    return {"waits": sorted(waits), "statuses": statuses}


async def measure(folder: Path, rate: int, seconds: int) -> dict[str, Any]:
    """Run the engine, and let the services of another process post to it."""
    read = read_folder(WORKFLOWS)
    assert read.rules is not None, read.errors
    switches = {name: msgspec.structs.replace(each, mode=Mode.LIVE) for name, each in read.rules.switches.items()}
    files = replace(read, rules=msgspec.structs.replace(read.rules, switches=switches))
    ses = {"topics": [TOPIC], "certificate_file": str(with_certificate(folder))}
    places = {"public": "127.0.0.1:0", "ops": "127.0.0.1:0"}
    settings = Settings.model_validate({"data": folder / "data", "listen": places, "hooks": {"ses": ses}})
    clock = FixedClock(NOW - HOUR)
    async with running(settings, environment(), clock, files) as program:
        assert program.public is not None, "it listens"
        await program.control.do("go-live", {"no_suppressions": True})
        clock.set(NOW)  # what happened since is news, so it is decided and not only folded
        signed = folder / "calls"
        signed.write_bytes(msgspec.msgpack.encode(list(calls(rate * seconds))))
        used = process_time()
        services = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.hooks",
            "post",
            f"http://127.0.0.1:{program.public.port}",
            str(rate),
            str(signed),
            stdout=subprocess.PIPE,
        )
        said, _ = await services.communicate()
        used = process_time() - used
    found: dict[str, Any] = json.loads(said)
    return found | {"busy": used / seconds}


def main(rate: int = RATE, seconds: int = SECONDS) -> None:
    """Measure, and print milliseconds."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as folder:
        found = asyncio.run(measure(Path(folder), rate, seconds))
    waits = found["waits"]
    shown = {"median": statistics.median(waits), "99th percentile": waits[int(len(waits) * 0.99)], "longest": waits[-1]}
    print(
        f"{len(waits):,} calls, {rate} a second; answers {found['statuses']}; the engine used {found['busy']:.0%} of a core"
    )
    for name, took in shown.items():
        must = f"   must be under {MUST[name]:.0f}" if name in MUST else ""
        print(f"{name:16}{took:10.1f} ms{must}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["post"]:
        ready = msgspec.msgpack.decode(Path(sys.argv[4]).read_bytes(), type=list[Call])
        print(json.dumps(asyncio.run(post(sys.argv[2], int(sys.argv[3]), ready))))
    else:
        main(*map(int, sys.argv[1:]))
