"""A shop on the distributed engine: a broker, PostgreSQL and a mail server of its own, and every part as a process."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
from msgspec.structs import replace

from engine.books.database import open_to_read
from engine.books.postgres import Server as Books
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.runtimes.kafka.administration import Progress, administration
from engine.runtimes.kafka.brokers import Brokers, BrokersError
from engine.wiring.distributed.desk import at_the_desk
from engine.wiring.distributed.topics import look_at_topics
from engine.wiring.secret import Secrets, keys_of
from tests.acceptance.crash.afterwards import Mail
from tests.acceptance.kafka.whole.part import Part, Shop, Store
from tests.acceptance.shipped import FOLDER
from tests.brokers import Cluster
from tests.kafka_harness import Installation
from tests.postgres_servers import Server
from tests.server_processes import ServerProcess, free_port

ROOT = Path(__file__).parents[4]
NEVER = 1e9
"""Seconds between two leaps of a clock that runs evenly."""

AT_ONCE = 500


class Process(ServerProcess):
    """A part. It can be started again when it has ended."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        order = msgspec.json.encode(part).decode()
        super().__init__([sys.executable, "-m", "tests.acceptance.kafka.whole.part", order], log)

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""


class MailServer:
    """The mail server that counts, as a process; it is killed with the shop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.crash.counting_server", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().split()[1])

    def close(self) -> None:
        """End it."""
        with self._process:  # it closes what it reads from
            self._process.kill()


class WholeShop:
    """All of it. Use it as a context: nothing is left running after it."""

    def __init__(self, folder: Path, start: Instant, *, partitions: int = 8) -> None:
        """Lay out a shop whose clock stands at `start` when it begins, with all shipped workflows live."""
        self.folder = folder
        self._stack = ExitStack()
        self.cluster = self._stack.enter_context(Cluster(1))
        self.server = self._stack.enter_context(Server())
        self.mails = MailServer(folder / "mails")
        self._stack.callback(self.mails.close)
        shutil.copytree(FOLDER, folder / "workflows")
        for file in (folder / "workflows").glob("*.yaml"):
            file.write_text(re.sub(r"(?m)^mode: draft", "mode: live", file.read_text()))
        self.shop = Shop(
            folder=str(folder),
            brokers=self.cluster.bootstrap,
            prefix="shop",
            partitions=partitions,
            postgres=self.server.database(),
            smtp_port=self.mails.port,
            public_port=free_port(),
            ops_port=free_port(),
            start=start,
            began=time.monotonic_ns(),
            leap_every=NEVER,
        )
        self.processes: dict[str, Process] = {}
        self.down: set[str] = set()
        """Parts that are not to run now."""
        self.ended: list[str] = []
        """What ended by itself, and its last words."""
        self.installation = Installation(self.cluster.bootstrap, "shop", folder, partitions)
        self.known: dict[str, Mail] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
        self._stack.close()

    # Parts -------------------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Any:
        """The settings of its parts."""
        return self.shop.settings()

    @property
    def secrets(self) -> Secrets:
        """The keys of links and codes."""
        return keys_of(self.settings, {})

    def start(self, name: str, slot: str = "", store: Store = "memory") -> Process:
        """Start a part, or start it again with the clock as it is set now."""
        known = f"{name}{slot}"
        before = self.processes.get(known)
        if before is not None:
            before.kill()
            store = before.part.store
        part = Part(shop=self.shop, name=name, slot=slot, store=store)
        process = self.processes[known] = Process(part, self.folder / f"{known}.log")
        process.start()
        return process

    def begin(self, workers: int, *, store: Store = "memory") -> None:
        """Make the topics, and start every part."""
        (self.folder / "data").mkdir()
        _ = self.secrets  # made before all parts would make one at the same time
        look_at_topics(self.settings, {}, create=True)
        for name in ("projector", "gateway", "sender"):
            self.start(name)
        for number in range(workers):
            self.start("worker", str(number + 1), store)

    async def say(self, command: str, **arguments: Any) -> None:
        """Say a command at the desk."""

        def do() -> None:
            with at_the_desk(self.settings, {}) as desk:
                desk.do(command, arguments)

        await asyncio.to_thread(do)

    def look_after(self) -> list[str]:
        """Start again whatever has ended by itself, as a service manager does; return which, and what it said last."""
        ended = [
            (name, process) for name, process in self.processes.items() if name not in self.down and not process.runs
        ]
        said = [f"{name} ended by itself: {process.said()[-300:]}" for name, process in ended]
        for _, process in ended:
            self.start(process.part.name, process.part.slot)
        return said

    def turn_clock(self, *, leap_every: float = NEVER) -> None:
        """From now on let time leap, or go on evenly. Every part with a clock begins anew."""
        told = ("projector", "gateway", "sender")
        for name in told:  # first: none of them may have seen a later time than that from which it goes on
            self.processes[name].kill()
        now = time.monotonic_ns()
        self.shop = replace(self.shop, start=self.shop.clock.now(), began=now, leap_every=leap_every)
        for name in told:
            self.start(name)

    def said(self) -> str:
        """Return what every part has said last."""
        return "\n".join(f"--- {name}\n{process.said()}" for name, process in self.processes.items())

    # What goes in and out ----------------------------------------------------------------------------------------------

    async def post(self, http: aiohttp.ClientSession, events: Sequence[Event]) -> list[str]:
        """Post events to the gateway; return what became of each, nothing where it did not answer."""
        body = b"[" + b",".join(map(encode, events)) + b"]"
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        url = f"http://127.0.0.1:{self.shop.ops_port}/events"
        try:
            async with http.post(url, data=body, headers=headers) as answer:
                return [each["status"] for each in (await answer.json())["results"]] if answer.status == 202 else []
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return []

    async def take_in(self, events: Sequence[Event]) -> None:
        """Post events until all are accepted."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            for at in range(0, len(events), AT_ONCE):
                batch = events[at : at + AT_ONCE]
                while not (results := await self.post(http, batch)):  # noqa: ASYNC110 - another process gets ready
                    await asyncio.sleep(0.2)
                assert set(results) == {"accepted"}, results

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what another connection reads from the books."""
        connection = open_to_read(Books(self.shop.postgres))
        try:
            return list(connection.execute(query, values).fetchall())
        finally:
            connection.close()

    def letters(self) -> list[Mail]:
        """Return the mails that the server has."""
        links = self.secrets.links
        for path in sorted(self.mails.folder.glob("*.eml")):
            if path.name not in self.known:
                self.known[path.name] = Mail(path, links)
        return list(self.known.values())

    async def settled(self, seconds: float = 240.0) -> float:
        """Wait until everything that was asked for is done; return how long that took.

        Whoever is quiet twice in a row is done: all topics read to where they ended before, nothing in the outbox, no
        word on its way.

        Raises:
            AssertionError: that was not so in time.

        """
        began, calm, before = time.monotonic(), 0, None
        while calm < 2:
            assert time.monotonic() - began < seconds, f"not settled: {before}\n{self.said()}"
            self.ended += self.look_after()
            now = await self._way()
            calm = calm + 1 if now == before and now[-1] else 0
            before = now
            await asyncio.sleep(0.6)
        return time.monotonic() - began

    async def caught_up(self, seconds: float = 120.0, *, beyond: int = 0) -> float:
        """Wait until the workers have decided all that is in the inbox now; return how long that took.

        With `beyond` they must have decided so many more records of each partition: a tick that comes only now tells
        whether a partition has a worker, which one that is not behind yet does not.

        Raises:
            AssertionError: that was not so in time.

        """
        began, inbox = time.monotonic(), self.installation.topics.inbox
        ends: dict[int, int] = {}
        while True:
            come = {each.partition: each for each in await self.progress() if each.topic == inbox}
            ends = ends or {number: each.end + beyond for number, each in come.items()}
            if len(come) == self.shop.partitions and all((each.read or 0) >= ends[n] for n, each in come.items()):
                return time.monotonic() - began
            assert time.monotonic() - began < seconds, f"not caught up\n{self.said()}"
            self.ended += self.look_after()
            await asyncio.sleep(0.3)

    async def progress(self) -> list[Progress]:
        """How far each group has read; nothing while Kafka does not answer."""

        def ask() -> list[Progress]:
            with suppress(BrokersError), administration(Brokers(addresses=(self.shop.brokers,)), within=30) as asked:
                return asked.progress(self.shop.prefix)
            return []

        return await asyncio.to_thread(ask)

    async def come_to_rest(self) -> None:
        """Let everything stop when all that is in the inbox is decided, and in the books: what is read then is of one moment."""
        self.down |= {*self.processes}
        self.processes["gateway"].stop()
        self.processes["sender"].stop()
        self.down -= {name for name in self.processes if name.startswith("worker") or name == "projector"}
        await self.caught_up()
        await self._books_are_there()
        for process in self.processes.values():
            process.stop()

    async def _books_are_there(self) -> None:
        """Wait until the projector has read all that the workers wrote."""
        topics, began = self.installation.topics, time.monotonic()
        query = "select cast(sum(position) as bigint) from topic_position where topic = ?"
        for topic in (topics.effects, topics.changelog):
            written = (await self.installation.read(topic)).values()
            end = sum(records[-1].offset + 1 for records in written if records)
            while (self.rows(query, topic)[0][0] or 0) < end:
                assert time.monotonic() - began < 120, f"the books stay behind\n{self.said()}"
                await asyncio.sleep(0.3)

    async def _way(self) -> tuple[Any, ...]:
        """How far everything has come; last, whether nothing is on its way."""
        topics = self.installation.topics
        found = [each for each in await self.progress() if each.topic != topics.inbox or each.lag > 2]  # ticks go on
        behind = {f"{each.topic}/{each.partition}": each.lag for each in found if each.lag}
        ends = sum(each.end for each in found if each.topic != topics.inbox)
        waiting = [
            self.rows(f"select count(*) from {query}")[0][0]
            for query in ("outbox", "sender_word", "shop_word where number > (select published_word from office)")
        ]
        effects = self.rows("select coalesce(max(seq), 0) from effect")[0][0]
        return (ends, effects, *waiting, str(behind), not (any(waiting) or behind))
