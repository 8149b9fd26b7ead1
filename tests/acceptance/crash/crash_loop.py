"""The crash loop: an engine that is killed again and again while events come and mails go, and what is true afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

import aiohttp
import msgspec

from connectors.memory import FixedClock
from engine.books.database import open_to_read
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant, Length
from engine.core.reading import encode
from engine.core.rules import Keep
from engine.runtimes.simulator.sample import START as FIRST_DAY
from engine.runtimes.simulator.sample import sample_events
from engine.wiring.program import running
from engine.wiring.secret import keys_of
from tests.acceptance.crash.afterwards import Findings, Mail, look
from tests.acceptance.crash.engine_process import Order, settings
from tests.acceptance.crash.tool import SECRET, Tool
from tests.acceptance.shipped import shipped, shipped_files

ROOT = Path(__file__).parents[3]
LIVE_DAY = 880
"""The day of the sample on which the shop goes live; what happened before it is history."""

START: Instant = (FIRST_DAY + LIVE_DAY) * DAY + 9 * HOUR
AT_ONCE = 200
OBJECTING = 0.1


class CrashLoop:
    """One run of it, in a folder. `run` returns what was found; its `broken` is a list of sentences, empty if all is well."""

    def __init__(self, folder: Path, seed: int, *, customers: int, leap_every: float, service: bool = False) -> None:
        """With `service` mails leave by a mail service that can be asked what it took, not by a mail server."""
        self.service = service
        self.data, self.mails = folder / "data", folder / "mails"
        self.mails.mkdir()
        self.log = folder / "engine.log"
        self.chance = Random(seed)
        self.leap_every = leap_every
        self.found = Findings(seed)
        self.tool = Tool(Random(seed))
        self.events = list(sample_events(customers, seed))
        self.news: list[Event] = []
        self.acknowledged: list[str] = []
        self.taken = asyncio.Condition()
        self.taken_count = 0
        self.doomed: asyncio.subprocess.Process | None = None  # is killed when the server has taken `doom` messages
        self.doom = 0
        self.ports: tuple[int, int] | None = None  # of ops and public, while the engine is up
        self.objections: dict[tuple[str, str], int] = {}
        self.known_mails: dict[str, Mail] = {}

    async def run(self, kills: int) -> Findings:
        """Kill the engine so many times, then let it end its work, and look at what is there."""
        begun = time.monotonic()
        server = await _python("counting_service" if self.service else "counting_server", str(self.mails))
        assert server.stdout is not None
        self.port = int((await server.stdout.readline()).split()[1])
        listening = asyncio.create_task(self._listen(server.stdout))
        self.told_at = await self.tool.start()
        try:
            await self._go_live()
            self.order = Order(
                str(self.data),
                self.port,
                self.told_at,
                START,
                time.monotonic_ns(),
                self.leap_every,
                service=self.service,
            )
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as self.http:
                doing = [asyncio.create_task(self._feed()), asyncio.create_task(self._object())]
                while self.found.kills < kills:
                    await self._until_killed(self._choose(kills))
                for task in doing:
                    task.cancel()
                await asyncio.gather(*doing, return_exceptions=True)
                self.tool.well = True
                await self._end()
        finally:
            await self.tool.stop()
            server.terminate()
            await server.wait()
            await listening
        self.found.seconds = time.monotonic() - begun
        look(self.found, self.data, self.secrets, self._mails(), self.acknowledged, self.objections, self.tool.told)
        return self.found

    # Before the first kill

    async def _go_live(self) -> None:
        """Take in the history, and go live with all workflows."""
        history = [event for event in self.events if event.time < START - HOUR]
        self.news = [event for event in self.events if event.time >= START - HOUR]
        keep = Keep(engagement=Length(days=5_000))  # the journal is decided once more at the end
        files = replace(shipped_files(), rules=shipped(keep=keep))
        said = settings(self.data, self.port, self.told_at, service=self.service)
        async with running(said, SECRET, FixedClock(START - HOUR), files, listen=False) as program:
            await program.loop.submit(history, ["history"] * len(history))
            await program.control.do("go-live", {"no_suppressions": True})
        self.secrets = keys_of(said, {})

    # Killing

    def _choose(self, kills: int) -> str:
        """Choose when to kill: at the answer to a message, at any moment, during the start, or during a pause."""
        is_last = self.found.kills + 1 == kills
        return self.chance.choices(["answer", "moment", "start", "pause"], [10, 6, 4, 0 if is_last else 2])[0]

    async def _until_killed(self, when: str) -> None:
        engine = await self._start()
        killed_at = self.chance.uniform(0.1, 0.9) if when == "start" else self.chance.uniform(0.0, 1.2)
        if when == "start":
            await _ended_within(engine, killed_at)
        else:
            await self._until_ready(engine)
            if when == "moment":
                await _ended_within(engine, killed_at)
            elif when == "pause":
                await self._pause(engine)
            else:
                await self._until_taken(engine, self.chance.randint(1, 6))
        assert engine.returncode in (None, -SIGKILL), f"the engine ended by itself: {self.log.read_text()[-2000:]}"
        self.found.in_start += when == "start"
        await self._kill(engine)
        if when == "pause":
            await self._end_pause()

    async def _kill(self, engine: asyncio.subprocess.Process) -> None:
        if engine.returncode is None:
            engine.kill()
        self.ports = None
        await engine.wait()
        self.found.kills += 1
        self._note_calls()

    async def _pause(self, engine: asyncio.subprocess.Process) -> None:
        """Pause everything, and see that no mail goes; then it is time to be killed."""
        await self._control("pause", why="the crash loop")
        await _ended_within(engine, self.leap_every / 4)  # calls under way end
        await self._none_goes(engine)

    async def _end_pause(self) -> None:
        """Start the engine that was killed during a pause: still no mail goes. Then end the pause."""
        engine = await self._start()
        await self._until_ready(engine)
        await self._none_goes(engine)
        await self._control("unpause", overdue=self.chance.choice(["send", "skip", "shift"]))
        self.found.pauses += 1
        await _ended_within(engine, self.leap_every)
        await self._kill(engine)

    async def _none_goes(self, engine: asyncio.subprocess.Process) -> None:
        before = self.taken_count
        await _ended_within(engine, 2 * self.leap_every)
        if self.taken_count > before:
            self.found.broken.append(f"{self.taken_count - before} mails went during a pause")

    async def _control(self, name: str, **arguments: str) -> None:
        assert self.ports is not None, "the engine is up"
        token = (self.data / "control.token").read_text()
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.ports[0]}/control/{name}"
        async with self.http.post(url, json=arguments, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def _until_taken(self, engine: asyncio.subprocess.Process, more: int) -> None:
        """Wait until the server has taken so many more messages, and kill at once; give up when none come."""
        self.doomed, self.doom = engine, self.taken_count + more
        await _ended_within(engine, 4 * self.leap_every)
        self.doomed = None

    async def _start(self) -> asyncio.subprocess.Process:
        order = msgspec.json.encode(self.order).decode()
        with self.log.open("ab") as log:
            return await _python("engine_process", order, stderr=log)

    async def _until_ready(self, engine: asyncio.subprocess.Process) -> None:
        assert engine.stdout is not None
        line = await engine.stdout.readline()
        assert line.startswith(b"ready "), f"the engine did not start: {self.log.read_text()[-2000:]}"
        self.ports = (int(line.split()[1]), int(line.split()[2]))

    def _note_calls(self) -> None:
        """Look at the ledger that the killed engine left behind."""
        calling = self._calling()
        self.found.calling_at_kills |= calling
        self.found.in_window += bool(calling & {mail.effect_id for mail in self._mails()})

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        while await lines.readline():
            self.taken_count += 1
            if self.doomed is not None and self.taken_count >= self.doom:  # before anything else: the commit is near
                self.doomed.kill()
                self.doomed = None
            async with self.taken:
                self.taken.notify_all()

    # Events

    async def _feed(self) -> None:
        """Post the shop's events as they come about, again and again until they are acknowledged."""
        place = 0
        clock = self.order.clock()
        while place < len(self.news):
            now = clock.now()
            batch = [event for event in self.news[place : place + AT_ONCE] if event.time <= now]
            if not batch or self.ports is None:
                await asyncio.sleep(0.02)
            elif await self._acknowledged(batch, self.ports[0]):
                self.acknowledged += [event.id for event in batch]
                place += len(batch)

    async def _acknowledged(self, batch: list[Event], ops: int) -> bool:
        body = b"[" + b",".join(map(encode, batch)) + b"]"
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        try:
            async with self.http.post(f"http://127.0.0.1:{ops}/events", data=body, headers=headers) as answer:
                results = (await answer.json())["results"]
                assert answer.status == 202, results
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        wrong = [each for each in results if each["status"] == "dead_letter"]
        self.found.broken += [f"an event became a dead letter: {each}" for each in wrong]
        return True

    async def _object(self) -> None:
        """Let one in a few who got a mail say no by its link, but for those who will say yes again."""
        whim = Random(self.found.seed)
        says_yes = {event.customer for event in self.news if event.type in ("consent.given", "newsletter.confirmed")}
        while True:
            async with self.taken:
                await self.taken.wait()
            mail = self._mails()[-1]
            if self.ports is None or whim.random() > OBJECTING or mail.link.customer in says_yes:
                continue
            url = f"http://127.0.0.1:{self.ports[1]}/u/{mail.token}"
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.http.post(url, data={"List-Unsubscribe": "One-Click"}) as answer:
                    if answer.status == 200:
                        self.objections.setdefault(mail.kind, len(self._mails()))

    # The end

    async def _end(self) -> None:
        """Stop the clock, and let the engine hand over what is left."""
        if self.service:
            await self._settle_doubts()
        self.order = msgspec.structs.replace(self.order, stops=time.monotonic_ns())
        self.found.days = (self.order.clock().now() - START) / DAY
        engine = await self._start()
        assert engine.stdout is not None
        if self.service:
            await self._until_ready(engine)
            await self._control("unpause", overdue="send")
        await asyncio.wait_for(engine.stdout.read(), 60)
        await engine.wait()
        if engine.returncode:
            self.found.broken.append(f"the engine failed at its last start: {self.log.read_text()[-2000:]}")

    async def _settle_doubts(self) -> None:
        """Let nothing leave until the calls of unknown end are settled: that takes time, which stands still later."""
        engine = await self._start()
        await self._until_ready(engine)
        await self._control("pause", why="the crash loop")
        async with asyncio.timeout(30):
            while self._calling():
                await _ended_within(engine, self.leap_every)
        engine.kill()
        self.ports = None
        await engine.wait()

    def _calling(self) -> set[str]:
        with closing(open_to_read(self.data)) as reader:
            return {number for (number,) in reader.execute("select effect_id from ledger where state = 'calling'")}

    def _mails(self) -> list[Mail]:
        for path in sorted(self.mails.glob("*.eml")):
            if path.name not in self.known_mails:
                self.known_mails[path.name] = Mail(path, self.secrets.links)
        return list(self.known_mails.values())


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
