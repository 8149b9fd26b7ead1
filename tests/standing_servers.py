"""`./dev kafka up|down` and `./dev postgres up|down`: the servers of the tests, to work with; they stay until they are stopped.

Data stays in `.cache`, so what was up is found again after `down` and `up`; `down --forget` removes it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.brokers import Cluster
from tests.jars import NoBrokerHere, WrongJars
from tests.postgres_servers import NoPostgresHere, Server
from tests.server_processes import GRACE, ServerFailed

ROOT: Final = Path(__file__).parents[1]


def main(arguments: list[str]) -> None:
    """Do what the command line says; whatever is wrong is said in words, and exits 1."""
    asked = _parser().parse_args(arguments)
    folder: Path = asked.folder or ROOT / ".cache" / asked.server
    try:
        if asked.what == "down":
            _down(asked.server, folder, forget=asked.forget)
        elif asked.server == "kafka":
            _kafka_up(folder, asked.brokers, asked.port or 9092)
        else:
            _postgres_up(folder, asked.port or 5432)
    except (NoBrokerHere, NoPostgresHere, WrongJars, ServerFailed) as problem:
        sys.exit(f"dev: {problem}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev")
    servers = parser.add_subparsers(dest="server", required=True)
    for name in ("kafka", "postgres"):
        verbs = servers.add_parser(name).add_subparsers(dest="what", required=True)
        up, down = verbs.add_parser("up", help="start it"), verbs.add_parser("down", help="stop it")
        up.add_argument("--port", type=int, help="of loopback; of the first broker, the others follow")
        if name == "kafka":
            up.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="how many")
        down.add_argument("--forget", action="store_true", help="remove its data, too")
        for each in (up, down):
            each.add_argument("--folder", type=Path, help=f"of its data, if not .cache/{name}")
    return parser


def _kafka_up(folder: Path, brokers: int, port: int) -> None:
    data = folder / "brokers"
    _must_not_run("kafka", folder)
    there = len(list(data.glob("[0-9]")))
    if there not in {0, brokers}:
        sys.exit(f"dev: {data} holds {there} broker(s): --brokers {there}, or ./dev kafka down --forget first")
    _must_be_free("kafka", range(port, port + brokers))
    cluster = Cluster(brokers, folder=data, port=port, watched=False)
    try:
        cluster.start()
    except ServerFailed:
        cluster.stop()
        raise
    _keep(folder, [broker.pid for broker in cluster.brokers])
    _say(f"Kafka answers on {cluster.bootstrap}: WINBACK_KAFKA_BROKERS={cluster.bootstrap}")


def _postgres_up(folder: Path, port: int) -> None:
    _must_not_run("postgres", folder)
    _must_be_free("postgres", [port])
    server = Server(folder=folder / "server", port=port, watched=False)
    try:
        server.start()
    except ServerFailed:
        server.close()
        raise
    _keep(folder, [server.pid])
    _say(f"PostgreSQL answers: WINBACK_POSTGRES_URL={server.database('winback')}")


def _down(name: str, folder: Path, *, forget: bool) -> None:
    running = _running(folder)
    for pid in running:
        # SIGINT is in order for both: PostgreSQL would wait for its clients on SIGTERM.
        os.kill(pid, signal.SIGINT)
    end = time.monotonic() + GRACE
    while _running(folder):
        time.sleep(0.1)  # noqa: TID251 - processes of another program: they can only be looked at again
        if time.monotonic() > end:
            for pid in _running(folder):
                os.kill(pid, signal.SIGKILL)
    _numbers(folder).unlink(missing_ok=True)
    _say(f"{name} is stopped" if running else f"{name} did not run")
    if forget:
        for data in ("brokers", "server"):
            shutil.rmtree(folder / data, ignore_errors=True)
        _say("its data is gone")


def _must_not_run(name: str, folder: Path) -> None:
    if _running(folder):
        sys.exit(f"dev: {name} runs already: ./dev {name} down stops it")


def _must_be_free(name: str, ports: Iterable[int]) -> None:
    for port in ports:
        with socket.socket() as asked:
            asked.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as the servers do: one just stopped is no hindrance
            try:
                asked.bind(("127.0.0.1", port))
            except OSError:
                sys.exit(f"dev: somebody else listens on port {port}: ./dev {name} up --port {port + 10}")


def _numbers(folder: Path) -> Path:
    return folder / "pids"


def _keep(folder: Path, pids: list[int]) -> None:
    _numbers(folder).write_text(" ".join(map(str, pids)), encoding="utf-8")


def _running(folder: Path) -> list[int]:
    """Return the processes that `up` started and that still run: a number may have gone to somebody else since."""
    kept = _numbers(folder)
    pids = kept.read_text(encoding="utf-8").split() if kept.exists() else []
    return [int(pid) for pid in pids if str(folder) in _command_line(pid)]


def _command_line(pid: str) -> str:
    asked = subprocess.run(["ps", "-ww", "-o", "args=", "-p", pid], capture_output=True, text=True, check=False)
    return asked.stdout


def _say(text: str) -> None:
    print(f"dev: {text}", file=sys.stderr)  # noqa: T201 - a command of ./dev, which speaks on standard error


if __name__ == "__main__":
    main(sys.argv[1:])
