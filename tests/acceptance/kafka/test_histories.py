"""Histories straight from topics of a real broker: `kafka://BROKER/TOPIC` wherever a command takes a file of events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from engine.core.events import DeadLetter, Event
from engine.core.moments import SECOND
from engine.core.reading import Reader, encode
from engine.runtimes.simulator.sample import sample_events
from engine.wiring.distributed.histories import TopicHistory
from engine.wiring.settings import Settings
from tests.acceptance.embedded import Shop
from tests.acceptance.kafka.commands import ROOT, Called, winback
from tests.acceptance.test_history_sends_nothing import teaches_and_starts_nothing
from tests.brokers import Cluster
from tests.server_processes import free_port

CODECS = {"gzip": "gzip", "snappy": "snappy", "lz4": "lz4", "zstd": "zstandard"}
"""Each codec of Kafka's, and the module that must be there to unpack it."""

EVENTS = list(sample_events(30, seed=5))
BINARY = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"o1"),
    ("ce_source", b"shop"),
    ("ce_type", b"order.placed"),
    ("ce_time", b"2026-01-31T10:15:00+01:00"),
    ("ce_subject", b"c-1"),
    ("content-type", b"application/json"),
]
ORDER = b'{"order_id":"10023","total":"49.90","currency":"EUR"}'

Record = tuple[bytes | None, list[tuple[str, bytes]]]
NewTopicOf = Callable[..., str]

_numbers = count(1)


@pytest.fixture
def topic_of(kafka: str) -> Iterator[NewTopicOf]:
    """Make a topic of some records, over three partitions; return its address."""
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:

        def make(records: Iterable[Record], codec: str | None = None, **settings: str) -> str:
            name = f"history{next(_numbers)}"
            own = {"max.message.bytes": str(16 << 20)} | {key.replace("_", "."): said for key, said in settings.items()}
            admin.create_topics([NewTopic(name, 3, 1, topic_configs=own)])
            producer = KafkaProducer(
                bootstrap_servers=kafka, acks="all", compression_type=codec, max_request_size=16 << 20, linger_ms=20
            )
            with closing(producer):
                for place, (value, headers) in enumerate(records):
                    producer.send(name, value, key=b"k%d" % place, headers=headers, partition=place % 3)
                producer.flush(30)
            return f"kafka://{kafka}/{name}"

        yield make


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the shipped workflows."""
    copytree(ROOT / "workflows", tmp_path / "workflows")
    return tmp_path


def structured(events: Iterable[Event]) -> list[Record]:
    """Events as records in structured mode."""
    return [(encode(event), [("content-type", b"application/cloudevents+json")]) for event in events]


def counts(called: Called) -> dict[str, int]:
    """What an ingest says it took."""
    return {name: called.json[name] for name in ("accepted", "duplicate", "history", "dead_letters")}


def test_a_topic_is_taken_in_as_a_file_is(shop: Path, topic_of: NewTopicOf) -> None:
    """The same events from a topic and from a file are the same: what came once is known when it comes the other way."""
    lines = shop / "history.jsonl"
    lines.write_bytes(b"\n".join(map(encode, EVENTS)))
    address = topic_of(structured(EVENTS))

    once, again = winback(shop, "ingest", address, "--json"), winback(shop, "ingest", address, "--json")
    as_file = winback(shop, "ingest", lines, "--json")

    assert once.code == again.code == as_file.code == 0
    assert counts(once) == {"accepted": len(EVENTS), "duplicate": 0, "history": len(EVENTS), "dead_letters": 0}
    assert (
        counts(again) == counts(as_file) == {"accepted": 0, "duplicate": len(EVENTS), "history": 0, "dead_letters": 0}
    )


def test_a_topic_is_simulated_as_a_file_is(shop: Path, topic_of: NewTopicOf) -> None:
    """A back-test of a topic says the same as one of the file with the same events, effect by effect."""
    lines = shop / "history.jsonl"
    lines.write_bytes(b"\n".join(map(encode, EVENTS)))

    of_topic = winback(shop, "simulate", "--all", "--out", "a", "--events", topic_of(structured(EVENTS)), "--json")
    of_file = winback(shop, "simulate", "--all", "--out", "b", "--events", lines, "--json")

    assert of_topic.code == of_file.code == 0
    assert of_topic.json["events"] == len(EVENTS)
    assert (shop / "a" / "effects.jsonl").read_bytes() == (shop / "b" / "effects.jsonl").read_bytes()
    assert (shop / "a" / "effects.jsonl").stat().st_size > 1000


def test_binary_events_tombstones_and_what_is_wrong(shop: Path, topic_of: NewTopicOf) -> None:
    """Binary events are taken, tombstones skipped and counted, our own words too, and the rest are dead letters with a place."""
    records: list[Record] = [
        (ORDER, BINARY),
        (None, []),
        (None, [("trace", b"x")]),
        (b"\x93\xa1a\xc4\x00\xc4\x00", [("winback-kind", b"told")]),
        (b"{not json", []),
        (b"", []),
        (ORDER, [*BINARY[:-1], ("content-type", b"application/avro")]),
    ]

    called = winback(shop, "ingest", address := topic_of(records), "--json")

    assert called.code == 1
    assert counts(called) == {"accepted": 1, "duplicate": 0, "history": 1, "dead_letters": 3}
    assert f"{address}: 2 records without a value (tombstones) tell of no event" in called.err
    assert f"{address}: 1 records are words of winback's own" in called.err
    assert f"{address}/1@1: not JSON" in called.err
    assert f"{address}/0@2: the data is application/avro: write it as application/json" in called.err
    assert "Traceback" not in called.err


MAPPED = """
topics:
  {topic}:
    format: json
    source: shop
    events:
      - type: order.placed
        when: {{field: state, is: paid}}
        id: number
        time: {{field: at, zone: Europe/Berlin}}
        customer: customer.id
        data:
          order_id: number
          total: {{field: cents, as: minor_units}}
          currency: {{constant: EUR}}
"""


def test_a_topic_that_connectors_yaml_maps_is_read_by_it(shop: Path, topic_of: NewTopicOf) -> None:
    """The shop's own JSON becomes events as it does in the gateway; what is left out is counted, what is wrong has its place."""
    orders = [
        {"number": "1", "state": "paid", "at": "2025-03-01T10:00:00", "customer": {"id": "c-1"}, "cents": 4990},
        {"number": "2", "state": "open", "at": "2025-03-02T10:00:00", "customer": {"id": "c-1"}, "cents": 100},
        {"number": "3", "state": "paid", "at": "some day", "customer": {"id": "c-2"}, "cents": 100},
    ]
    address = topic_of([(json.dumps(order).encode(), []) for order in orders])
    (shop / "workflows" / "connectors.yaml").write_text(MAPPED.format(topic=address.rpartition("/")[2]))

    called = winback(shop, "ingest", address, "--json")
    told = winback(shop, "explain", "c-1", "--json")

    assert called.code == 1
    assert counts(called) == {"accepted": 1, "duplicate": 0, "history": 1, "dead_letters": 1}
    assert f"{address}: 1 records are left out by connectors.yaml" in called.err
    assert f"{address}/2@0: " in called.err
    assert told.json["customer"]["revenue"] == {"EUR": "49.90"}


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read_or_named(shop: Path, topic_of: NewTopicOf, codec: str) -> None:
    """Records in each of Kafka's codecs are read; where the package for one is missing it is named, and nothing hangs."""
    if find_spec(CODECS[codec]) is None:
        called = winback(shop, "ingest", written_by_kafka_itself(topic_of, codec), "--json", within=60)
        assert called.code == 1
        assert f"its records are compressed with {codec}, which cannot be unpacked here: install" in called.err
        return

    called = winback(shop, "ingest", topic_of(structured(EVENTS), codec), "--json")

    assert (called.code, counts(called)["accepted"]) == (0, len(EVENTS))


def written_by_kafka_itself(topic_of: NewTopicOf, codec: str) -> str:
    """A topic in a codec that cannot be packed here: the broker packs what it is given."""
    return topic_of(structured(EVENTS), compression_type=codec)


@pytest.mark.parametrize("codec", [None, "gzip"])
def test_a_record_of_five_megabytes_stops_nothing(shop: Path, topic_of: NewTopicOf, codec: str | None) -> None:
    """What is larger than an event may be is a dead letter; the events before and after it are taken."""
    large: Record = (b'{"specversion":"1.0","x":"' + b"y" * 5_000_000 + b'"}', [])
    records = structured(EVENTS)

    called = winback(shop, "ingest", topic_of([*records[:9], large, *records[9:]], codec), "--json")

    assert called.code == 1
    assert counts(called) == {"accepted": len(EVENTS), "duplicate": 0, "history": len(EVENTS), "dead_letters": 1}
    assert "longer than 1,000,000 bytes" in called.err


def test_a_topic_that_cannot_be_read_ends_in_words(shop: Path, kafka: str) -> None:
    """No broker, no such topic, no address, rows asked for: each is said, with what to write instead; nothing hangs."""
    away = f"127.0.0.1:{free_port()}"
    wrong = {
        f"kafka://{away}/orders": (1, f"waiting up to 1 s for Kafka at {away}"),
        f"kafka://{kafka}/no-such-topic": (1, "there is no topic no-such-topic"),
        f"kafka://{kafka}": (2, "write kafka://BROKER:9092/TOPIC"),
        "kafka://broker/orders": (2, "write kafka://BROKER:9092/TOPIC"),
        "kafka:///orders": (2, "kafka.brokers is not set"),
    }
    for address, (code, said) in wrong.items():
        called = winback(shop, "ingest", address, settings={"kafka_reach_within": "1"}, within=60)
        assert (called.code, said in called.err, "Traceback" in called.err) == (code, True, False), called.err


def test_what_goes_with_files_alone_is_refused_with_a_topic(shop: Path) -> None:
    """Rows and their columns are for files; nothing is reached for, and nothing written."""
    columns = ("--csv", "customer_id=a,time=b,total=c", "--currency", "EUR")

    called = winback(shop, "simulate", "--out", "out", "--events", "kafka://127.0.0.1:1/orders", *columns)

    assert called.code == 2
    assert "a topic holds events, not rows: --csv goes with files" in called.err
    assert not (shop / "out").exists()


def test_a_broker_that_hangs_is_given_up(clusters: Callable[[int], Cluster], shop: Path) -> None:
    """A broker that takes connections and answers nothing ends the command in time, in words."""
    cluster = clusters(1)
    cluster.brokers[0].pause()

    called = winback(shop, "ingest", f"kafka://{cluster.bootstrap}/orders", within=60)

    cluster.brokers[0].resume()
    assert called.code == 1
    assert "takes connections, but does not answer" in called.err


def test_the_brokers_of_the_settings_need_not_be_named(shop: Path, kafka: str, topic_of: NewTopicOf) -> None:
    """`kafka:///TOPIC` reads from kafka.brokers; whatever else the distributed engine is, a back-test needs none of it."""
    name = topic_of(structured(EVENTS)).rpartition("/")[2]

    called = winback(
        shop, "simulate", "--out", "out", "--events", f"kafka:///{name}", "--json", settings={"kafka_brokers": kafka}
    )

    assert called.code == 0
    assert json.loads((shop / "out" / "report.json").read_text())["events"] == len(EVENTS)


async def test_a_history_from_the_earliest_offset_sends_nothing(tmp_path: Path, topic_of: NewTopicOf) -> None:
    """Three years from a topic's beginning, with everything live: no effect, no mail; then no more than `enter_at_most`."""

    async def from_topic(shop: Shop, events: Sequence[Event]) -> Counter[str]:
        history = TopicHistory(topic_of(structured(events)), Settings(), {}, lambda _: None)
        taken: Counter[str] = Counter()
        lines: list[list[str]] = []
        read = [item for item in history.items(Reader().read, shop.clock.now()) if not isinstance(item, DeadLetter)]
        for place, event in enumerate(read, 1):
            lines.append([f"topic:{place}", encode(event).decode()])
            if len(lines) == 500 or place == len(read):
                told = await shop.program.control.do("ingest", {"events": lines})
                taken.update({name: told[name] for name in ("accepted", "duplicate", "history", "dead_letters")})
                shop.clock.advance(SECOND // 1_000)
                lines = []
        return taken

    def as_it_was(events: list[Event]) -> list[Event]:
        return events

    await teaches_and_starts_nothing(tmp_path, from_topic, as_it_was, customers=250, pace=4, days=3)
