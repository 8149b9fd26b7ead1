"""`winback topics` against a real broker: it makes what is missing, and finds each way in which a topic can be wrong."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from engine.core.signals import Look
from engine.runtimes.kafka.wire import Record, encode_record, entry_of, partition_of
from tests.acceptance.kafka.commands import Called, winback
from tests.brokers import Cluster
from tests.server_processes import free_port

PARTITIONS = 4
Topics = Callable[..., Called]


@pytest.fixture
def topics(kafka: str, prefix: str, tmp_path: Path) -> Topics:
    """Call `winback topics` on the run's broker, with a prefix of the test's own."""
    ours = {"kafka_brokers": kafka, "kafka_prefix": prefix, "kafka_partitions": str(PARTITIONS)}

    def call(*args: object, **changed: str) -> Called:
        return winback(tmp_path, "topics", *args, settings=ours | changed)

    return call


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    """A client that does to topics what somebody might have done."""
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as client:
        yield client


def send(kafka: str, topic: str, *records: tuple[bytes | None, bytes, int]) -> None:
    """Write records (key, value, partition)."""
    with closing(KafkaProducer(bootstrap_servers=kafka, acks="all")) as producer:
        for key, value, number in records:
            producer.send(topic, value, key=key, partition=number).get(10)


def errors(called: Called) -> list[str]:
    """The errors that were found, each with its topic."""
    return [f"{each['topic']}: {each['message']}" for each in called.json["problems"] if each["severity"] == "error"]


def test_topics_are_made_as_they_must_be(topics: Topics, prefix: str) -> None:
    """With --create all topics are there afterwards as they must be; without it each that is missing is an error (1)."""
    before = topics("--json")
    made = topics("--create", "--json")
    after = topics("--json")

    assert (before.code, len(errors(before))) == (1, 8)
    assert (made.code, errors(made)) == (0, [])
    assert all(each["made"] for each in made.json["topics"])
    assert (after.code, after.json["problems"]) == (0, [])
    found = {each["name"].removeprefix(f"{prefix}."): each for each in after.json["topics"]}
    assert {name: each["partitions"] for name, each in found.items()} == {
        "events": 4, "results": 4, "inbox": 4, "effects": 4, "sends": 4, "rules": 1, "dead-letters": 1, "customers": 4,
    }  # fmt: skip
    assert {name for name, each in found.items() if each["settings"]["cleanup.policy"] == "compact"} == {
        "rules",
        "customers",
    }


def test_wrong_partition_counts_are_refused(topics: Topics, admin: KafkaAdminClient, prefix: str) -> None:
    """One topic of another number is named with what it has; all of another number are the setting's fault."""
    topics("--create")
    admin.create_partitions({f"{prefix}.sends": 6})

    one, all_of_them = topics("--json"), topics("--json", kafka_partitions="16")

    assert one.code == 1
    assert errors(one) == [f"{prefix}.sends: it has 6 partitions, and must have 4"]
    assert all_of_them.code == 1
    assert all("must have 16" in each for each in errors(all_of_them))


def test_a_wrong_setting_of_ours_is_said_once(topics: Topics) -> None:
    """Where every topic has another number than the settings say, the cure is to set what they have."""
    topics("--create")

    called = topics("--json", kafka_partitions="8")

    assert called.code == 1
    assert [each["hint"] for each in called.json["problems"]] == [
        "set kafka.partitions to 4: the number is never changed"
    ]


def test_wrong_policies_are_refused(topics: Topics, admin: KafkaAdminClient, prefix: str) -> None:
    """A changelog deleted by age, and an inbox that is compacted or kept for an hour, are errors with their cure."""
    own = {"max.message.bytes": str(32 << 20)}
    admin.create_topics([
        NewTopic(f"{prefix}.customers", PARTITIONS, 1, topic_configs=own | {"cleanup.policy": "delete"}),
        NewTopic(f"{prefix}.inbox", PARTITIONS, 1, topic_configs=own | {"cleanup.policy": "compact"}),
        NewTopic(f"{prefix}.effects", PARTITIONS, 1, topic_configs=own | {"retention.ms": "3600000"}),
        NewTopic(f"{prefix}.sends", PARTITIONS, 1),
    ])  # fmt: skip

    called = topics("--create", "--json")

    assert called.code == 1
    assert sorted(errors(called)) == [
        f"{prefix}.customers: cleanup.policy is delete: what is old would be deleted, and it is still needed",
        f"{prefix}.effects: retention.ms is 3600000 (1 h): what a part that is away has not read would be gone",
        f"{prefix}.inbox: cleanup.policy has compact: all but the last record of a key would go",
        f"{prefix}.sends: it takes records of up to 1,048,588 bytes, and there are some of 8,388,608",
    ]


def java_partition(key: bytes) -> int:
    """Where Kafka's own clients put a key."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % PARTITIONS


def librdkafka_partition(key: bytes) -> int:
    """Where librdkafka puts a key unless it is told otherwise: by CRC32."""
    return zlib.crc32(key) % PARTITIONS


@pytest.mark.parametrize("topic", ["effects", "sends"])
def test_a_writer_that_hashes_otherwise_is_found(topics: Topics, kafka: str, prefix: str, topic: str) -> None:
    """Keys where Kafka's own clients put them are right; those of a client that goes by CRC32 are found and refused."""
    topics("--create")
    keys = [f"c-{number}".encode() for number in range(20)]
    send(kafka, f"{prefix}.{topic}", *((key, b"{}", java_partition(key)) for key in keys))
    right = topics("--json")
    send(kafka, f"{prefix}.{topic}", *((key, b"{}", librdkafka_partition(key)) for key in keys))
    wrong = topics("--json")

    assert (right.code, errors(right)) == (0, [])
    assert wrong.code == 1
    (said,) = errors(wrong)
    assert said.startswith(f"{prefix}.{topic}: ")
    assert "stand on another partition than murmur2 of their customer" in said


def test_kafka_s_own_client_puts_a_key_where_we_do(topics: Topics, kafka: str, prefix: str) -> None:
    """End to end: what a client of Kafka's default hash writes stands where our own hash says."""
    topics("--create")
    customers = [f"c-{number}" for number in range(30)]
    with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
        placed = {
            each: producer.send(f"{prefix}.sends", b"{}", key=each.encode()).get(10).partition for each in customers
        }

    assert placed == {each: partition_of(each, PARTITIONS) for each in customers}
    assert topics().code == 0


def test_a_foreign_record_in_the_inbox_is_found(topics: Topics, kafka: str, prefix: str) -> None:
    """An event that somebody wrote into the inbox is no record of ours; our own, on the right partition, is."""
    topics("--create")
    entry, number = entry_of("c-1", Look()), partition_of("c-1", PARTITIONS)
    send(kafka, f"{prefix}.inbox", (None, encode_record(Record(1, (entry,))), number))
    assert topics().code == 0
    send(kafka, f"{prefix}.inbox", (b"c-1", b'{"type":"order.placed"}', 0))

    called = topics("--json")

    assert called.code == 1
    (said,) = errors(called)
    assert "is none that winback wrote" in said


def test_lag_is_shown_by_group_and_partition(topics: Topics, kafka: str, prefix: str) -> None:
    """A group that has read two of five records is three behind, and the partition with most of them is named."""
    topics("--create")
    name = f"{prefix}.effects"
    send(kafka, name, *((b"c-1", b"{}", partition_of("c-1", PARTITIONS)) for _ in range(5)))
    place = TopicPartition(name, partition_of("c-1", PARTITIONS))
    with closing(
        KafkaConsumer(bootstrap_servers=kafka, group_id=f"{prefix}-worker", enable_auto_commit=False)
    ) as reader:
        reader.assign([place])
        reader.seek(place, 2)
        reader.commit()

    called = topics("--json")

    assert called.json["groups"] == [
        {
            "group": f"{prefix}-worker",
            "topic": name,
            "lag": 3,
            "partitions": [{"partition": place.partition, "read": 2, "end": 5, "lag": 3}],
        }
    ]


def test_topics_of_the_shop_are_looked_at_and_left_alone(
    topics: Topics, admin: KafkaAdminClient, prefix: str, tmp_path: Path
) -> None:
    """A topic that connectors.yaml maps is warned of where it is missing or compacted; --create makes none of them."""
    compacted, absent = f"{prefix}-shop.customers", f"{prefix}-shop.orders"
    admin.create_topics([NewTopic(compacted, 2, 1, topic_configs={"cleanup.policy": "compact"})])
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "connectors.yaml").write_text(
        f"topics:\n  {compacted}:\n    format: cloudevents\n  {absent}:\n    format: cloudevents\n"
    )

    called = topics("--create", "--json")

    assert called.code == 0
    assert sorted((each["topic"], each["severity"]) for each in called.json["problems"]) == [
        (compacted, "warning"),
        (absent, "warning"),
    ]
    assert absent not in admin.list_topics()


def test_more_copies_than_brokers_are_refused_in_words(topics: Topics) -> None:
    """A replication that the cluster cannot give is said with the setting, and nothing is made."""
    called = topics("--create", kafka_replication="3")

    assert called.code == 1
    assert "kafka.replication is 3, and Kafka cannot make so many copies" in called.err
    assert "Traceback" not in called.err


def test_a_broker_that_is_away_is_waited_for_and_named(tmp_path: Path) -> None:
    """Where nobody answers it says what it waits for, and ends in time with what is wrong."""
    away = f"127.0.0.1:{free_port()}"
    call = partial(winback, tmp_path, "topics", within=60)

    refused = call(settings={"kafka_brokers": away, "kafka_reach_within": "1"})
    unknown = call(settings={"kafka_brokers": "nowhere.invalid:9092", "kafka_reach_within": "1"})
    unnamed = call()

    assert refused.code == 1
    assert f"waiting up to 1 s for Kafka at {away}" in refused.err
    assert f"Kafka does not answer: {away}: Connection refused" in refused.err
    assert "no machine of this name is known" in unknown.err
    assert unnamed.code == 2
    assert "kafka.brokers is not set" in unnamed.err


def test_a_broker_that_hangs_is_given_up_in_words(clusters: Callable[[int], Cluster], tmp_path: Path) -> None:
    """A broker that takes connections and answers nothing ends the command in time, in words."""
    cluster = clusters(1)
    cluster.brokers[0].pause()

    called = winback(tmp_path, "topics", within=60, settings={"kafka_brokers": cluster.bootstrap})

    cluster.brokers[0].resume()
    assert called.code == 1
    assert "takes connections, but does not answer" in called.err
    assert "Traceback" not in called.err
