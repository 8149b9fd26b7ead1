from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Winback, all_live

PATIENCE = 30.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.05)  # noqa: TID251 - another process works; there is nothing of ours to wait for
    raise AssertionError(f"within {PATIENCE} s: {what}")


class Running:
    """`winback run` in a process of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.ops = f"http://127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "WINBACK_LISTEN_OPS": self.ops.removeprefix("http://"),
            "WINBACK_LISTEN_PUBLIC": f"127.0.0.1:{free_port()}",
        }
        self.err = folder / "run.err"
        with self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from engine.cli import main; main()", "run", *args],
                cwd=folder,
                env={**environment, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=err,
            )
        until(self.is_ready, "the engine is ready")

    def is_ready(self) -> bool:
        """Whether it answers; fails where it has ended."""
        assert self.process.poll() is None, self.err.read_text()
        try:
            return bool(urllib.request.urlopen(f"{self.ops}/readyz", timeout=5).status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def post(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        """Post events; return what became of them."""
        request = urllib.request.Request(
            f"{self.ops}/events", json.dumps(events).encode(), {"Content-Type": "application/cloudevents-batch+json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert response.status == 202
            results: list[dict[str, Any]] = json.loads(response.read())["results"]
            return results

    def stop(self) -> tuple[int, str]:
        """Stop it in order; return its exit code and what it printed."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode()


@pytest.fixture
def run(winback: Winback) -> Iterator[Callable[..., Running]]:  # noqa: ARG001 - it makes the folder we stand in
    """Start engines; those that still run at the end are killed."""
    started: list[Running] = []

    def start(*args: str) -> Running:
        started.append(Running(Path.cwd(), *args))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def order(number: int, customer: str = "c-1042", ago: int = 0) -> dict[str, Any]:
    """An order, placed so many seconds ago."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))  # noqa: TID251 - the engine's clock is the machine's
    data = {"order_id": f"o{number}", "total": "49.90", "currency": "EUR", "email": "ada@example.org"}
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "shop",
        "type": "order.placed",
        "time": at,
        "subject": customer,
        "data": data,
    }


def test_events_go_in_and_the_story_comes_out(run: Callable[..., Running], winback: Winback) -> None:
    """A running engine takes events over HTTP and from files, answers after the commit, and stops in order with 0."""
    engine = run()
    assert [each["status"] for each in engine.post(order(1), order(1), {**order(2), "time": "never"})] == [
        "accepted",
        "duplicate",
        "dead_letter",
    ]
    story = winback("explain", "c-1042", "--json").json
    assert (story["customer"]["orders"], story["customer"]["revenue"]) == (1, {"EUR": "49.90"})
    Path("more.jsonl").write_text(json.dumps(order(3, ago=60)) + "\n" + json.dumps(order(1)) + "\n{\n")
    taken = winback("ingest", "more.jsonl", "--json")
    assert taken.code == 1
    counted = {"accepted": 1, "duplicate": 1, "history": 1, "refused": 0, "dead_letters": 1}
    assert taken.json == {**counted, "would_enter": {}}
    status = winback("status", "--json").json
    assert status["running"]["ops"] == engine.ops
    assert status["dead_letters"] == 2
    code, out = engine.stop()
    assert code == 0
    assert "local mailbox" in out
    assert winback("status", "--json").json["running"] is None
    assert not Path("data/engine.json").exists()


def test_commands_reach_the_running_engine(run: Callable[..., Running], winback: Winback) -> None:
    """pause, unpause, apply and go-live change what runs, and a second engine is refused meanwhile."""
    engine = run()
    assert winback("pause", "--why", "a test").code == 0
    assert winback("status", "--json").json["paused"][0]["why"] == "a test"
    assert winback("unpause").code == 2
    assert winback("unpause", "--overdue", "send").code == 0
    names = all_live(Path("workflows"))
    assert {change["workflow"] for change in winback("apply", "--json").json["changes"]} == names
    assert winback("go-live").code == 1
    assert winback("go-live", "--no-suppressions").code == 0
    live = time.time()  # noqa: TID251 - the engine's clock is the machine's
    second = winback("run")
    assert second.code == 2
    assert "in use" in second.err
    until(lambda: time.time() > live + 1, "an order's whole second is after go-live")  # noqa: TID251 - the clock of the engine
    engine.post(order(1))
    lines = until(lambda: Path("data/effects.jsonl").exists() and Path("data/effects.jsonl").read_text(), "effects")
    assert json.loads(lines.splitlines()[0])["type"] == "winback.standing_changed"
    assert engine.stop()[0] == 0


def test_what_a_killed_engine_left_is_gone_on_with(run: Callable[..., Running], winback: Winback) -> None:
    """After kill -9 commands see that nobody runs, and the next start has everything that was answered."""
    engine = run()
    engine.post(order(1))
    engine.process.kill()
    engine.process.communicate()
    assert winback("status", "--json").json["running"] is None
    assert winback("pause", "--why", "nobody runs").code == 0
    again = run()
    assert [each["status"] for each in again.post(order(1))] == ["duplicate"]
    assert winback("status", "--json").json["paused"][0]["why"] == "nobody runs"


def test_followed_files_go_live_by_themselves(run: Callable[..., Running], winback: Winback) -> None:
    """With --follow a good set is in force soon after it was saved; a bad one is not, and the old one holds."""
    run("--follow")
    path = Path("workflows/welcome-back.yaml")
    good = path.read_text()
    path.write_text("workflow: welcome-back\n")
    until(lambda: winback("status", "--json").json["pending"]["errors"] > 0, "the errors are told")
    path.write_text(good.replace("priority: 80", "priority: 70"))
    until(lambda: winback("status", "--json").json["workflows"]["welcome-back"]["version"] == 2, "version 2 holds")


def test_a_shadow_run_lets_nothing_leave(run: Callable[..., Running], winback: Winback) -> None:
    """Everything live walks as shadow while it lasts; the next run has the modes of the files again."""
    all_live(Path("workflows"))
    engine = run("--shadow")
    status = winback("status", "--json").json
    assert {each["mode"] for each in status["workflows"].values()} == {"shadow"}
    assert status["paused"][0]["why"] == "run --shadow"
    engine.stop()
    run()
    status = winback("status", "--json").json
    assert {each["mode"] for each in status["workflows"].values()} == {"live"}
    assert status["paused"] == []


def test_ops_beyond_this_machine_needs_a_token(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called wrongly otherwise, before anything listens."""
    monkeypatch.setenv("WINBACK_LISTEN_OPS", "0.0.0.0:0")
    monkeypatch.setenv("WINBACK_LISTEN_PUBLIC", "127.0.0.1:0")
    called = winback("run")
    assert called.code == 2
    assert "token" in called.err


def test_an_import_goes_through_the_running_engine(winback: Winback, run: Callable[..., Running]) -> None:
    """Nothing has to be stopped: rows are taken in, a hash finds its customer, and a second time all is known."""
    run()
    Path("orders.csv").write_text("customer,email,date,total\nc-1,ada@example.org,2026-01-31,49.90\nc-2,,never,1\n")
    digest = hashlib.sha256(b"ada@example.org").hexdigest()
    Path("stop.csv").write_text(f"sha256\n{digest}\n")
    orders = winback("import", "orders", "orders.csv", "--currency", "EUR", "--json").json
    assert (orders["taken"], [row["line"] for row in orders["refused"]]) == (1, [3])
    stops = winback("import", "suppressions", "stop.csv", "--json").json
    assert (stops["taken"], stops["stopped"]) == (1, 1)
    assert winback("import", "orders", "orders.csv", "--json").json["known"] == 1
    customer = winback("explain", "c-1", "--json").json["customer"]
    assert (customer["orders"], customer["stopped"]) == (1, ["marketing", "newsletter"])
