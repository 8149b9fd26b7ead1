"""A whole distributed engine: its commands as processes of their own, over a broker, PostgreSQL and a mail server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import Envelope

from engine.books.connection import DatabaseError
from engine.books.database import open_to_read
from engine.books.postgres import Server

ROOT = Path(__file__).parents[1]
WITHIN = 180.0
"""Seconds that anything may take."""


GREET = """
workflow: greet
title: Greet whoever orders
mode: live
enter_when_all:
  - event: order.placed
    within: 1d
again_after: never
stages:
  only:
    steps:
      - send: welcome_back
        purpose: service
      - wait: 30d
    end: done
leave_when_any:
  - event: email.unsubscribed
"""
AT_ANY_HOUR = {
    "quiet: 20:00-08:00": "quiet: none",
    "warm_up: 90d": "warm_up: none",
    "order_under_way: 10d, ": "",
    "service_templates: [": "service_templates: [welcome_back, ",
}


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


class Fleet:
    """Parts of one installation. `environment` is what all of them are given; `accepted` counts mails by effect."""

    def __init__(self, bootstrap: str, url: str, folder: Path, prefix: str, *, partitions: int = 4) -> None:
        self.url, self.folder, self.prefix = url, folder, prefix
        self.workflows = folder / "workflows"
        shutil.copytree(ROOT / "workflows", self.workflows)
        self.ops, self.public = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "WINBACK_KAFKA_BROKERS": bootstrap,
            "WINBACK_KAFKA_PREFIX": prefix,
            "WINBACK_KAFKA_PARTITIONS": str(partitions),
            "WINBACK_POSTGRES_URL": url,
            "WINBACK_LISTEN_OPS": f"127.0.0.1:{self.ops}",
            "WINBACK_LISTEN_PUBLIC": f"127.0.0.1:{self.public}",
            "WINBACK_SENDER_KIND": "smtp",
            "WINBACK_SENDER_ADDRESS": "hello@shop.example",
            "WINBACK_SMTP_TLS": "none",
            "WINBACK_DATA": str(folder / "data"),
            "WINBACK_WORKFLOWS": str(self.workflows),
            "WINBACK_SECRET": "a secret for tests alone",
        }
        self.accepted: Counter[str] = Counter()
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    def greets(self) -> None:
        """Let the shop greet whoever orders, at once and at any hour: a service mail by a workflow of its own."""
        (self.workflows / "greet.yaml").write_text(GREET, "utf-8")
        path = self.workflows / "lifecycle.yaml"
        text = path.read_text("utf-8")
        for there, instead in AT_ANY_HOUR.items():
            assert there in text, f"lifecycle.yaml has no {there}"
            text = text.replace(there, instead)
        path.write_text(text, "utf-8")

    def taken(self, envelope: Envelope) -> None:
        """Count a message that the mail server took."""
        assert isinstance(envelope.content, bytes)
        self.accepted[message_from_bytes(envelope.content)["message-id"].strip("<>").partition("@")[0]] += 1

    def log(self, name: str) -> str:
        """Return what a part has said."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    def _environment(self, *, embedded: bool) -> dict[str, str]:
        of_kafka = ("WINBACK_KAFKA_", "WINBACK_POSTGRES_")
        return {key: each for key, each in self.environment.items() if not (embedded and key.startswith(of_kafka))}

    async def start(
        self, command: str, *args: str, name: str = "", embedded: bool = False
    ) -> asyncio.subprocess.Process:
        """Start a part, by default under the name of its command; `embedded`: as if there were no Kafka."""
        program = (sys.executable, "-c", "from engine.cli import main; main()", command, *args)
        with (self.folder / f"{name or command}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program, cwd=self.folder, env=self._environment(embedded=embedded), stdout=log, stderr=log
            )
        self.processes[name or command] = process
        return process

    async def run(self, command: str, *args: str, code: int = 0, embedded: bool = False) -> str:
        """Call a command to its end, and return what it printed; `embedded`: as if there were no Kafka.

        Raises:
            AssertionError: it ended otherwise than expected.

        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from engine.cli import main; main()", command, *args),
            cwd=self.folder,
            env=self._environment(embedded=embedded),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), WITHIN)
        assert process.returncode == code, f"{command} ended with {process.returncode}: {out.decode()}{err.decode()}"
        return out.decode()

    async def start_all(self, workers: int = 1) -> None:
        """Make the topics and start every part; return when the gateway takes in."""
        await self.run("topics", "--create")
        await self.start_parts(workers)
        await self.until(self.is_ready)

    async def start_parts(self, workers: int = 1) -> None:
        """Start every part."""
        for command in ("projector", "gateway", "sender"):
            await self.start(command)
        for number in range(workers):
            await self.start("worker", "--slot", str(number), name=f"worker-{number}")

    def is_ready(self) -> bool:
        """Say whether the gateway takes in."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def post(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Send events to the gateway; return what became of each."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ops}/events",
            json.dumps(events).encode(),
            {"Content-Type": "application/cloudevents-batch+json"},
        )
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:
            results: list[dict[str, Any]] = json.load(answer)["results"]
            return results

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what the books hold; nothing while they cannot be read."""
        try:
            with closing(open_to_read(Server(self.url))) as reader:
                return reader.execute(sql).fetchall()
        except DatabaseError:
            return []

    async def until(self, done: Callable[[], bool], within: float = WITHIN) -> None:
        """Wait until something is so.

        Raises:
            AssertionError: it is not so in time; the message has what the parts said last.

        """
        try:
            async with asyncio.timeout(within):
                while not await asyncio.to_thread(done):  # noqa: ASYNC110 - another process does it
                    await asyncio.sleep(0.1)
        except TimeoutError:
            said = "\n".join(f"--- {name}\n{self.log(name)[-1500:]}" for name in self.processes)
            raise AssertionError(f"not in {within} s\n{said}") from None

    async def stop(self, *names: str) -> None:
        """Stop parts in order, all of them where none is named.

        Raises:
            AssertionError: one ended otherwise than in order.

        """
        chosen = names or tuple(self.processes)
        for name in chosen:
            self.processes[name].terminate()
        for name in chosen:
            process = self.processes.pop(name)
            assert await asyncio.wait_for(process.wait(), WITHIN) == 0, self.log(name)

    async def kill(self, *names: str) -> None:
        """Kill parts (SIGKILL), all that run where none is named."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            if process.returncode is None:
                process.kill()
                await process.wait()
