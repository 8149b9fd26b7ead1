"""The crash loop: an engine that is killed again and again while events come and mails go, and what is true afterwards."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from connectors.memory import FixedClock
from engine.core.effects import SEND_DROPPED, SEND_REQUESTED
from engine.core.events import Event
from engine.core.links import UNSUBSCRIBE, Keys
from engine.core.moments import DAY, HOUR, Instant, instant
from engine.core.reading import encode
from engine.core.signals import Happened
from engine.runtimes.simulator.sample import START as FIRST_DAY
from engine.runtimes.simulator.sample import sample_events
from engine.runtimes.sqlite.database import open_to_read, open_to_write
from engine.runtimes.sqlite.journal import decode_signal
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.program import running
from engine.wiring.secret import keys_of
from tests.acceptance.crash.engine_process import Order, settings
from tests.acceptance.shipped import shipped, shipped_files

ROOT = Path(__file__).parents[3]
LIVE_DAY = 880
"""The day of the sample on which the shop goes live; what happened before it is history."""

START: Instant = (FIRST_DAY + LIVE_DAY) * DAY + 9 * HOUR
AT_ONCE = 200


@dataclass
class Findings:
    """What the crash loop saw. `in_window`: kills between the server's 250 and the engine's commit, by the ledger."""

    seed: int
    kills: int = 0
    in_window: int = 0
    in_start: int = 0
    days: float = 0
    seconds: float = 0
    events: int = 0
    requested: int = 0
    accepted: int = 0
    uncertain: int = 0
    uncertain_and_accepted: int = 0
    dropped: int = 0
    calling_at_kills: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        figures = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        return ", ".join(f"{name} {value:g}" for name, value in figures.items())


class CrashLoop:
    """One run of it, in a folder. `run` returns what was found; its `broken` is a list of sentences, empty if all is well."""

    def __init__(self, folder: Path, seed: int, *, customers: int, leap_every: float) -> None:
        self.data, self.mails = folder / "data", folder / "mails"
        self.mails.mkdir()
        self.log = folder / "engine.log"
        self.chance = Random(seed)
        self.leap_every = leap_every
        self.found = Findings(seed)
        self.events = list(sample_events(customers, seed))
        self.news: list[Event] = []
        self.acknowledged: list[str] = []
        self.taken = asyncio.Condition()
        self.taken_count = 0
        self.ops: int | None = None  # the port that events are posted to, while the engine is up
        self.known_mails: dict[str, Mail] = {}

    async def run(self, kills: int) -> Findings:
        """Kill the engine so many times, then let it end its work, and look at what is there."""
        begun = time.monotonic()
        server = await _python("counting_server", str(self.mails))
        assert server.stdout is not None
        self.port = int((await server.stdout.readline()).split()[1])
        listening = asyncio.create_task(self._listen(server.stdout))
        try:
            await self._go_live()
            self.order = Order(str(self.data), self.port, START, time.monotonic_ns(), self.leap_every)
            feeding = asyncio.create_task(self._feed())
            while self.found.kills < kills:
                await self._until_killed(self._choose(kills))
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding
            await self._end()
        finally:
            server.terminate()
            await server.wait()
            await listening
        self.found.seconds = time.monotonic() - begun
        self._look()
        return self.found

    # Before the first kill

    async def _go_live(self) -> None:
        """Take in the history, and go live with all workflows."""
        history = [event for event in self.events if event.time < START - HOUR]
        self.news = [event for event in self.events if event.time >= START - HOUR]
        files = replace(shipped_files(), rules=shipped())
        async with running(
            settings(self.data, self.port), {}, FixedClock(START - HOUR), files, listen=False
        ) as program:
            await program.loop.submit(history, ["history"] * len(history))
            await program.control.do("go-live", {"no_suppressions": True})
        self.keys = keys_of(settings(self.data, self.port), {})

    # Killing

    def _choose(self, kills: int) -> str:
        """Choose when to kill: at the answer to a message, at any moment, or during the start."""
        left = kills - self.found.kills
        return self.chance.choices(["answer", "moment", "start"], [5, 4, 2 if left > 1 else 0])[0]

    async def _until_killed(self, when: str) -> None:
        engine = await self._start()
        killed_at = self.chance.uniform(0.1, 0.9) if when == "start" else self.chance.uniform(0.0, 1.2)
        if when == "start":
            await _ended_within(engine, killed_at)
        else:
            await self._until_ready(engine)
            if when == "moment":
                await _ended_within(engine, killed_at)
            else:
                await self._until_taken(self.chance.randint(1, 6))
        assert engine.returncode is None, f"the engine ended by itself: {self.log.read_text()[-2000:]}"
        engine.kill()
        self.ops = None
        await engine.wait()
        self.found.kills += 1
        self.found.in_start += when == "start"
        self._note_calls()

    async def _until_taken(self, more: int) -> None:
        """Wait until the server has taken so many more messages; give up when none come."""
        goal = self.taken_count + more
        with suppress(TimeoutError):
            async with asyncio.timeout(4 * self.leap_every), self.taken:
                await self.taken.wait_for(lambda: self.taken_count >= goal)

    async def _start(self) -> asyncio.subprocess.Process:
        order = msgspec.json.encode(self.order).decode()
        with self.log.open("ab") as log:
            return await _python("engine_process", order, stderr=log)

    async def _until_ready(self, engine: asyncio.subprocess.Process) -> None:
        assert engine.stdout is not None
        line = await engine.stdout.readline()
        assert line.startswith(b"ready "), f"the engine did not start: {self.log.read_text()[-2000:]}"
        self.ops = int(line.split()[1])

    def _note_calls(self) -> None:
        """Look at the ledger that the killed engine left behind."""
        with closing(open_to_read(self.data)) as reader:
            calling = {number for (number,) in reader.execute("select effect_id from ledger where state = 'calling'")}
        self.found.calling_at_kills |= calling
        self.found.in_window += bool(calling & {mail.effect_id for mail in self._mails()})

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        while await lines.readline():
            async with self.taken:
                self.taken_count += 1
                self.taken.notify_all()

    # Events

    async def _feed(self) -> None:
        """Post the shop's events as they come about, again and again until they are acknowledged."""
        place = 0
        clock = self.order.clock()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while place < len(self.news):
                now = clock.now()
                batch = [event for event in self.news[place : place + AT_ONCE] if event.time <= now]
                if not batch or self.ops is None:
                    await asyncio.sleep(0.02)
                    continue
                if await self._acknowledged(http, batch):
                    self.acknowledged += [event.id for event in batch]
                    place += len(batch)

    async def _acknowledged(self, http: aiohttp.ClientSession, batch: list[Event]) -> bool:
        body = b"[" + b",".join(map(encode, batch)) + b"]"
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        try:
            async with http.post(f"http://127.0.0.1:{self.ops}/events", data=body, headers=headers) as answer:
                results = (await answer.json())["results"]
                assert answer.status == 202, results
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        wrong = [each for each in results if each["status"] == "dead_letter"]
        self.found.broken += [f"an event became a dead letter: {each}" for each in wrong]
        return True

    # The end

    async def _end(self) -> None:
        """Stop the clock, and let the engine hand over what is left."""
        self.order = msgspec.structs.replace(self.order, stops=time.monotonic_ns())
        self.found.days = (self.order.clock().now() - START) / DAY
        engine = await self._start()
        assert engine.stdout is not None
        await asyncio.wait_for(engine.stdout.read(), 60)
        await engine.wait()
        if engine.returncode:
            self.found.broken.append(f"the engine failed at its last start: {self.log.read_text()[-2000:]}")

    def _mails(self) -> list[Mail]:
        for path in sorted(self.mails.glob("*.eml")):
            if path.name not in self.known_mails:
                self.known_mails[path.name] = Mail(path, self.keys.links)
        return list(self.known_mails.values())

    def _look(self) -> None:
        with closing(open_to_read(self.data)) as reader:
            self.found.broken += [
                *self._twice(),
                *self._lost(reader),
                *self._forgotten(reader),
                *self._replayed(reader),
            ]

    def _twice(self) -> Iterator[str]:
        """No message was accepted twice: by the act its links name, and by who got what when."""
        mails = self._mails()
        self.found.accepted = len(mails)
        for number, times in Counter(mail.effect_id for mail in mails).items():
            if times > 1:
                yield f"the message of effect {number} was accepted {times} times"
        last: dict[tuple[str, str], Instant] = {}
        for mail in mails:
            before = last.get(mail.what)
            last[mail.what] = mail.at
            if before is not None and mail.at - before < 6 * DAY:
                yield f"{mail.what} was accepted twice within six days"

    def _lost(self, reader: sqlite3.Connection) -> Iterator[str]:
        """Each message asked for was accepted, or is listed as uncertain and was being called at a kill, or was dropped."""
        found = self.found
        query = "select distinct effect_id from effect where type = ? and shadow = 0"
        requested = {number for (number,) in reader.execute(query, (SEND_REQUESTED,))}
        told_dropped = {number for (number,) in reader.execute(query, (SEND_DROPPED,))}
        states = dict(reader.execute("select effect_id, state from ledger").fetchall())
        accepted = {mail.effect_id for mail in self._mails()}
        uncertain = {number for number, state in states.items() if state == "uncertain"}
        dropped = set(_ended_unsent(reader))
        found.requested, found.uncertain, found.dropped = len(requested), len(uncertain), len(dropped)
        found.uncertain_and_accepted = len(uncertain & accepted)
        done = {number for number, state in states.items() if state == "done"}
        for wrong, what in (
            (done - accepted, "is done and was never accepted"),
            (accepted - done - uncertain, "was accepted, and its ledger says neither done nor uncertain"),
            (accepted - requested, "was accepted and never asked for"),
            (uncertain - found.calling_at_kills, "is uncertain, and was not being called at a kill"),
            (requested - accepted - uncertain - dropped - told_dropped, "was asked for and is lost"),
        ):
            yield from (f"the send {number} {what} (ledger: {states.get(number)})" for number in sorted(wrong))
        left = reader.execute("select count(*) from outbox").fetchone()[0]
        if left:
            yield f"{left} sends are left in the outbox"

    def _forgotten(self, reader: sqlite3.Connection) -> Iterator[str]:
        """What was acknowledged is in the journal, once."""
        self.found.events = len(self.acknowledged)
        times: Counter[str] = Counter()
        for (raw,) in reader.execute("select signal from journal"):
            decided = decode_signal(raw)
            if isinstance(decided, Happened):
                times[decided.event.id] += 1
        yield from (f"the event {name} was acknowledged and is gone" for name in self.acknowledged if not times[name])
        yield from (f"the event {name} was decided {count} times" for name, count in times.items() if count > 1)

    def _replayed(self, reader: sqlite3.Connection) -> Iterator[str]:
        """The records are those that the journal gives when it is decided once more."""
        target: sqlite3.Connection = open_to_write(self.data.parent / "replayed")
        with closing(target):
            target.execute("pragma synchronous = off")
            replay(reader, target, key=self.keys.codes)
            yield from (f"the record of {name} differs from the replay" for name in differing(reader, target))


def _ended_unsent(reader: sqlite3.Connection) -> Iterator[str]:
    """Yield the sends that ended without leaving: blocked or late, or given back, and then the run itself ended.

    What was given back is no end: it must be asked for again, unless the run was over before, as `run_ended` tells.
    """
    query = """
        select effect_id, json_extract(detail, '$.outcome') from ledger
        where state in ('dropped', 'refused')"""
    over = "select 1 from effect where type = 'winback.run_ended' and json_extract(body, '$.run') = ?"
    run_of = "select json_extract(body, '$.run') from effect where effect_id = ? and type = ?"
    for number, outcome in reader.execute(query).fetchall():
        (run,) = reader.execute(run_of, (number, SEND_REQUESTED)).fetchone()
        if outcome != "again" or reader.execute(over, (run,)).fetchone():
            yield number


class Mail:
    """One message as the server keeps it. Its act is told by the unsubscribe link in its body, not by its Message-ID."""

    def __init__(self, path: Path, keys: Keys) -> None:
        parsed: Any = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = parsed.get_body(("plain",)).get_content()
        token = re.search(r"http://shop\.example/u/(\S+)", body)
        assert token is not None, f"{path.name}: no way to unsubscribe"
        self.effect_id = keys.open(token[1], UNSUBSCRIBE).effect_id
        self.what = (str(parsed["To"]), str(parsed["Subject"]))
        self.at = instant(parsedate_to_datetime(parsed["Date"]))


async def _python(module: str, *arguments: str, stderr: Any = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.acceptance.crash.{module}",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )


async def _ended_within(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Let a process run for a while of real time."""
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), seconds)
