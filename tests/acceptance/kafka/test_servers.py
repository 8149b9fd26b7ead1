"""The servers that tests are run against: they are the pinned ones, they keep what they were given, and they outlive nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests import jars
from tests.brokers import Cluster, answers
from tests.postgres_servers import NoPostgresHere, Server, programs
from tests.server_processes import free_port

ROOT = Path(__file__).parents[3]
OUTLIVING = """
import sys
import time
from tests.brokers import Cluster
from tests.postgres_servers import NoPostgresHere, Server, programs
from tests.server_processes import free_port
cluster, server = Cluster(), Server()
cluster.start()
server.start()
print(cluster.brokers[0].pid, server.pid, cluster.folder, server.folder, flush=True)
sys.stdin.read()
"""


def is_there(pid: int) -> bool:
    """Whether a process of this number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_jar_that_is_not_the_pinned_one_is_named(tmp_path: Path) -> None:
    """A changed jar, one that is missing and one that nobody asked for are each told, so that no other code is run."""
    changed, more = tmp_path / "jspecify-1.0.0.jar", tmp_path / "more-1.jar"
    changed.write_bytes(b"other")
    more.write_bytes(b"more")

    differences = jars.wrong(os.pathsep.join([str(changed), str(more)]))

    assert "jspecify-1.0.0.jar: another SHA-256" in differences
    assert "more-1.jar: not asked for" in differences
    assert "kafka_2.13-4.1.1.jar: missing" in differences


def test_a_killed_broker_comes_back_with_what_it_had(clusters: Callable[[int], Cluster]) -> None:
    """A broker that was killed and started again, on the same port, still has what it acknowledged."""
    cluster = clusters(1)
    with_admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    with_admin.create_topics([NewTopic("kept", 1, 1)])
    with_admin.close()
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")
    producer.send("kept", b"this").get(10)
    producer.close()

    cluster.brokers[0].kill()
    assert not answers(cluster.brokers[0].port)
    cluster.brokers[0].start()

    consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap, enable_auto_commit=False)
    consumer.assign([TopicPartition("kept", 0)])
    consumer.seek_to_beginning()
    got = [record.value for records in consumer.poll(10_000).values() for record in records]
    consumer.close()
    assert got == [b"this"]


def test_three_brokers_hold_three_copies(clusters: Callable[[int], Cluster]) -> None:
    """In a cluster of three a topic may have three copies, and one broker may be gone."""
    cluster = clusters(3)
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    admin.create_topics([NewTopic("copied", 2, 3, topic_configs={"min.insync.replicas": "2"})])
    cluster.brokers[2].kill()
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")

    offset = producer.send("copied", b"this").get(30).offset

    producer.close()
    admin.close()
    assert offset == 0


def test_a_killed_postgres_comes_back_with_what_it_had(own_postgres: Server) -> None:
    """A PostgreSQL that was killed and started again, on the same port, still has what it committed."""
    url = own_postgres.database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('this')")

    own_postgres.kill()
    own_postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("this",)]


def test_no_server_outlives_a_test_run_that_is_killed() -> None:
    """When the process that started them is killed, broker and PostgreSQL end, and their folders go."""
    try:
        jars.classpath()
        programs()
    except (jars.NoBrokerHere, NoPostgresHere) as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-c", OUTLIVING]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None, "a pipe"
        said = run.stdout.readline().split()
        assert said, "it could start none, and says above why"
        pids, folders = [int(each) for each in said[:2]], [Path(each) for each in said[2:]]
        assert all(map(is_there, pids))
        run.send_signal(signal.SIGKILL)
        run.wait()

    def gone() -> bool:
        return not any(map(is_there, pids)) and not any(folder.exists() for folder in folders)

    assert _within(20, gone)


def test_what_dev_starts_stays_until_it_is_stopped(tmp_path: Path) -> None:
    """`./dev kafka up` leaves a broker behind, a second `up` says so, and after `down` and `up` its topics are there."""
    port = free_port()

    def dev(*words: str, folder: Path = tmp_path) -> str:
        command = [sys.executable, "-m", "tests.standing_servers", "kafka", *words, "--folder", str(folder)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr

    first = dev("up", "--port", str(port))
    try:
        assert f"WINBACK_KAFKA_BROKERS=127.0.0.1:{port}" in first
        assert "runs already" in dev("up")
        assert "somebody else listens on port" in dev("up", "--port", str(port), folder=tmp_path / "another")
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        admin.create_topics([NewTopic("kept", 1, 1)])
        admin.close()
        assert "is stopped" in dev("down")
        assert not answers(port)
        dev("up", "--port", str(port))
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        assert "kept" in admin.list_topics()
        admin.close()
    finally:
        assert "its data is gone" in dev("down", "--forget")
    assert not (tmp_path / "brokers").exists()


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until something about another process holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)  # noqa: TID251 - processes of other programs: they can only be looked at again
    return True
