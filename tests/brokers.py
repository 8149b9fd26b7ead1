"""Real Kafka brokers on loopback: one or three, KRaft, each broker and controller at once; for tests and `./dev kafka`.

The broker's own settings are Kafka's defaults but for what a small machine needs (few partitions of its internal topics,
512 MiB of heap) and what makes tests quick (no wait for more members of a group, a short time-out of
members allowed, a killed broker may come back after 3 seconds, what is too old is looked for every two seconds).
Topics are not made by being asked for: who needs one makes it.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.jars import classpath, java
from tests.server_processes import ServerFailed, ServerProcess, free_port

READY: Final = 180.0
"""How many seconds a broker may take until it answers; on an idle machine it takes about 4."""

_SETTINGS: Final = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
default.replication.factor={copies}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={enough}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={enough}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=1000
log.retention.check.interval.ms=2000
"""

# ApiVersions, version 0, correlation 1, no client id: a broker answers it once it serves clients.
_ARE_YOU_THERE: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class Broker:
    """One Kafka process; the same port and data however often it is started."""

    def __init__(self, folder: Path, port: int, process: ServerProcess) -> None:
        self.folder, self.port, self._process = folder, port, process

    @property
    def pid(self) -> int:
        """The process, for signals of one's own."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether its process is there; a halted one is."""
        return self._process.runs

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it serves clients.

        Raises:
            ServerFailed: it ended, or did not answer in time; the message has the end of its log.

        """
        self._process.start()
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it serves clients.

        Raises:
            ServerFailed: as `start`.

        """
        end = time.monotonic() + READY
        while not answers(self.port):
            if not self._process.runs:
                raise self._process.failed(f"the broker on port {self.port} ended")
            if time.monotonic() > end:
                raise self._process.failed(f"the broker on port {self.port} does not answer after {READY:.0f} s")
            time.sleep(0.1)  # noqa: TID251 - a process of another program: it can only be asked again

    def stop(self) -> None:
        """Stop it in order."""
        self._process.stop()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self._process.kill()

    def pause(self) -> None:
        """Halt it (SIGSTOP): connections stay, nothing is answered."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._process.resume()

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()


class Cluster:
    """Brokers that belong together: `with Cluster() as cluster: ... cluster.bootstrap`."""

    def __init__(
        self, brokers: int = 1, *, folder: Path | None = None, port: int | None = None, watched: bool = True
    ) -> None:
        """Lay out a cluster; nothing runs yet.

        Args:
            brokers: how many; 1 or 3.
            folder: where data lies; left out, a temporary folder that goes with the cluster.
            port: of the first broker, the next ones follow; left out, free ones.
            watched: end the brokers with this process, whatever becomes of it.

        Raises:
            NoBrokerHere: Java, Maven or Kafka's jars cannot be had.

        """
        jars, program = classpath(), java()
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="winback-kafka-"))
        ports = [port + each if port else free_port() for each in range(brokers)]
        controllers = [free_port() for _ in range(brokers)]
        voters = ",".join(f"{number}@127.0.0.1:{each}" for number, each in enumerate(controllers, 1))
        self._java = [program, "-Xmx512m", "-Xms64m", "-XX:+UseSerialGC"]
        self._java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Djava.awt.headless=true", "-cp", jars]
        self.brokers: list[Broker] = []
        for number, (of_clients, of_controller) in enumerate(zip(ports, controllers, strict=True), 1):
            place = self.folder / str(number)
            place.mkdir(parents=True, exist_ok=True)
            said = _SETTINGS.format(
                number=number,
                voters=voters,
                port=of_clients,
                controller_port=of_controller,
                folder=place,
                copies=min(3, brokers),
                enough=min(2, brokers),
            )
            (place / "settings.properties").write_text(said, encoding="utf-8")
            command = [*self._java, "kafka.Kafka", str(place / "settings.properties")]
            goes = self.folder if self._temporary else None
            process = ServerProcess(command, place / "log", watched=watched, temporary=goes)
            self.brokers.append(Broker(place, of_clients, process))

    @property
    def bootstrap(self) -> str:
        """Where clients begin: `127.0.0.1:PORT`, with commas between several."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self) -> None:
        """Start all brokers, on an empty folder or on what lies there, and wait until they serve clients.

        Raises:
            ServerFailed: one did not.

        """
        self._format()
        for broker in self.brokers:
            broker.start(wait=False)
        for broker in self.brokers:
            broker.wait_until_ready()

    def stop(self) -> None:
        """Stop all brokers; a temporary folder goes."""
        for broker in self.brokers:
            if self._temporary:
                broker.kill()  # whose data goes has nothing to bring to an end, and stopping in order takes seconds
            else:
                broker.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _format(self) -> None:
        """Prepare empty folders, as Kafka wants it done before its first start."""
        # An id that begins with "-" would be taken for an option.
        name = "W" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # noqa: TID251 - no id of ours: Kafka's own
        for each in self.brokers:
            if (each.folder / "data" / "meta.properties").exists():
                continue
            command = [*self._java, "kafka.tools.StorageTool", "format", "-t", name]
            command += ["-c", str(each.folder / "settings.properties")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ServerFailed(f"Kafka's StorageTool could not prepare {each.folder}:\n{done.stdout}{done.stderr}")


def answers(port: int) -> bool:
    """Whether a broker serves clients on a port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as asked:
            asked.sendall(_ARE_YOU_THERE)
            return len(asked.recv(8)) == 8
    except OSError:
        return False
