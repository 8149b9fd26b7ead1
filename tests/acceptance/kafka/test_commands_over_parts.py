"""The parts of the distributed engine as processes, and the commands of every day over them."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.kafka.commands import ROOT, START, Called, winback
from tests.cli.conftest import all_live
from tests.server_processes import ServerProcess, free_port

PARTITIONS = 2
WITHIN = 90.0  # seconds of real time


class Engine:
    """A distributed engine of its own: topics, a database, and processes that go with the test."""

    def __init__(self, folder: Path, kafka: str, prefix: str, postgres: str, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.settings = {
            "kafka_brokers": kafka,
            "kafka_prefix": prefix,
            "kafka_partitions": str(PARTITIONS),
            "postgres_url": postgres,
            "secret": "a secret of a test, and long enough",
            "listen_public": f"127.0.0.1:{free_port()}",
            "listen_ops": f"127.0.0.1:{free_port()}",
        }
        self.parts: dict[str, ServerProcess] = {}

    def start(self, part: str, *args: str, code: str = START) -> ServerProcess:
        """Start a part; `code` is what starts it."""
        variables = [f"WINBACK_{name.upper()}={value}" for name, value in self.settings.items()]
        command = ["env", "-C", str(self.folder), f"PYTHONPATH={ROOT}", *variables]
        process = ServerProcess([*command, sys.executable, "-c", code, part, *args], self.folder / f"{part}.log")
        process.start()
        self._stack.callback(process.stop)
        self.parts[part] = process
        return process

    def call(self, *args: object) -> Called:
        """Call a command."""
        return winback(self.folder, *args, settings=self.settings)

    def status(self) -> Any:
        """What status says."""
        return self.call("status", "--json").json

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Ask until something holds; what parts have written tells why it does not."""
        deadline = time.monotonic() + WITHIN
        while not holds():
            logs = "\n".join(f"{name}: {each.log.read_text()[-1500:]}" for name, each in self.parts.items())
            assert time.monotonic() < deadline, f"not within {WITHIN:.0f} s: {what}\n{logs}"


@pytest.fixture
def engine(tmp_path: Path, kafka: str, prefix: str, postgres: str) -> Iterator[Engine]:
    """Topics made, nothing started; the shipped workflows, all of them live."""
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")
    for scenarios in (tmp_path / "workflows").glob("*.scenarios.yaml"):
        scenarios.unlink()  # they are played by other tests
    all_live(tmp_path / "workflows")
    with ExitStack() as stack:
        engine = Engine(tmp_path, kafka, prefix, postgres, stack)
        made = engine.call("topics", "--create")
        assert made.code == 0, made.err
        yield engine


def orders(path: Path, customers: int) -> None:
    """A file of orders of a year ago."""
    path.write_text(
        "".join(
            f'{{"specversion":"1.0","id":"o{number}","source":"shop","type":"order.placed","time":"2025-01-31T10:15:00Z",'
            f'"subject":"c-{number}","data":{{"order_id":"{number}","total":"5.00","currency":"EUR"}}}}\n'
            for number in range(customers)
        )
    )


def test_a_day_with_the_distributed_engine(engine: Engine) -> None:
    """Projector, worker and gateway start in any order; ingest, status, explain, pause, apply and go-live work over them."""
    for part in ("gateway", "worker", "projector"):
        engine.start(part)
    engine.until("the books are there", lambda: engine.call("status").code == 0)
    engine.until("all partitions are in the books", lambda: engine.status()["books"]["heard"] == PARTITIONS)

    orders(engine.folder / "orders.jsonl", 40)
    taken = engine.call("ingest", "orders.jsonl", "--json")
    assert (taken.code, taken.json["accepted"], taken.json["history"]) == (0, 40, 40), taken.err
    engine.until("forty customers are in the books", lambda: engine.status()["customers"] == 40)
    told = engine.call("explain", "c-7", "--json")
    assert told.json["customer"]["revenue"] == {"EUR": "5.00"}
    assert "s old" in told.err
    assert engine.status()["books"]["seconds"] < 10

    engine.parts["projector"].kill()
    orders(engine.folder / "orders.jsonl", 80)
    assert engine.call("ingest", "orders.jsonl").code == 0
    assert engine.call("pause", "--why", "a wrong price").code == 0
    assert engine.status()["customers"] == 40, "the books stand still while no projector runs"
    engine.parts["projector"].start()
    engine.until("eighty customers are in the books", lambda: engine.status()["customers"] == 80)
    (pause,) = engine.status()["paused"]
    assert pause["why"] == "a wrong price"
    assert engine.call("unpause", "--overdue", "skip").code == 0

    path = engine.folder / "workflows" / "welcome-back.yaml"
    path.write_text(path.read_text("utf-8").replace("priority: 80", "priority: 70"), "utf-8")
    applied = engine.call("apply", "--json")
    assert (applied.code, applied.json["applied"]) == (0, True), applied.err
    engine.until("everybody was looked at", lambda: engine.status()["sweep"] is None)
    live = engine.call("go-live", "--no-suppressions", "--json")
    assert live.code == 0, live.out
    assert engine.status()["live_since"]
    engine.until("twice ingested is once known", lambda: engine.status()["customers"] == 80)
    assert engine.call("explain", "c-7", "--json").json["customer"]["orders"] == 1
    for process in engine.parts.values():
        assert process.runs, process.log.read_text()[-2000:]
