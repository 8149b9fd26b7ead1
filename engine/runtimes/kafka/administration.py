"""Looking after topics and groups with kafka-python: what is there, making what is missing, how far each group has read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError, for_code
from msgspec import Struct

from engine.runtimes.kafka.brokers import Brokers, BrokersError
from engine.runtimes.kafka.reaching import PATIENCE, Told, client_options, in_words, wait_for
from engine.runtimes.kafka.topics import LOOKED_AT, Demand, Found


class Progress(Struct, frozen=True):
    """How far a group has read one partition, and where that ends; it has not read any where `read` is None."""

    group: str
    topic: str
    partition: int
    read: int | None
    end: int

    @property
    def lag(self) -> int:
        """How many records lie before it."""
        return self.end - (self.read or 0)


class Administration:
    """The administrative side of a cluster: `with administration(brokers) as it: ...`."""

    def __init__(self, brokers: Brokers, client: KafkaAdminClient) -> None:
        self._brokers, self._client = brokers, client

    def found(self, topics: Iterable[str]) -> dict[str, Found]:
        """Return those of the topics that are there, as they are.

        Raises:
            BrokersError: Kafka does not say.

        """
        wanted = list(topics)
        with in_words(self._brokers):
            there = {each["name"]: each for each in self._client.describe_topics(wanted) if not each["error_code"]}
            if not there:
                return {}
            settings = self._settings(there)
        return {name: _found(there[name]["partitions"], settings[name]) for name in wanted if name in there}

    def names(self) -> list[str]:
        """Return the names of all topics that we may see.

        Raises:
            BrokersError: Kafka does not say.

        """
        with in_words(self._brokers):
            return sorted(self._client.list_topics())

    def create(self, wanted: Iterable[Demand], copies: int) -> None:
        """Make topics, with so many copies of each partition; one that somebody made meanwhile is no problem.

        Raises:
            BrokersError: one could not be made.

        """
        asked = {
            each.topic: {
                "num_partitions": each.partitions,
                "replication_factor": copies,
                "configs": each.settings(copies),
            }
            for each in wanted
        }
        with in_words(self._brokers):
            answer = self._client.create_topics(asked, raise_errors=False)
            wrong = {each["name"]: each for each in answer["topics"] if each["error_code"] not in _MADE}
            if any(each["error_code"] == InvalidReplicationFactorError.errno for each in wrong.values()):
                why = next(iter(wrong.values()))["error_message"]
                raise BrokersError(f"kafka.replication is {copies}, and Kafka cannot make so many copies: {why}")
            if wrong:
                raise BrokersError("\n".join(f"{name} could not be made: {_why(said)}" for name, said in wrong.items()))
            self._client.wait_for_topics(list(asked), timeout_ms=int(PATIENCE * 1000))

    def progress(self, prefix: str) -> list[Progress]:
        """Return how far each group whose name begins with the prefix has read, partition by partition.

        Raises:
            BrokersError: Kafka does not say.

        """
        with in_words(self._brokers):
            groups = sorted({each["group_id"] for each in self._client.list_groups()})
            ours = [group for group in groups if group.startswith((f"{prefix}-", f"{prefix}.")) or group == prefix]
            read = self._client.list_group_offsets(ours) if ours else {}
            places = {place for offsets in read.values() for place in offsets}
            ends = self._ends(places)
        return [
            Progress(group, place.topic, place.partition, said.offset if said.offset >= 0 else None, ends[place])
            for group in ours
            for place, said in sorted(read.get(group, {}).items())
            if place in ends
        ]

    def _ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions end; those of topics that are gone are left out."""
        wanted = set(places)
        topics = sorted({place.topic for place in wanted})
        there = (
            {each["name"] for each in self._client.describe_topics(topics) if not each["error_code"]}
            if topics
            else set()
        )
        asked = {place: OffsetSpec.LATEST for place in wanted if place.topic in there}
        found = self._client.list_partition_offsets(asked) if asked else {}
        return {place: said.offset for place, said in found.items()}

    def _settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(LOOKED_AT)) for name in topics]
        answer = self._client.describe_configs(asked, config_filter="all")["topic"]
        return {name: {key: said["value"] for key, said in answer[name].items()} for name in answer}


_MADE: Final = {0, TopicAlreadyExistsError.errno}


def _why(said: dict[str, Any]) -> str:
    return said["error_message"] or str(for_code(said["error_code"]).__name__)


def _found(partitions: list[dict[str, Any]], settings: dict[str, str]) -> Found:
    return Found(len(partitions), min(len(each["replica_nodes"]) for each in partitions), settings)


@contextmanager
def administration(
    brokers: Brokers, *, within: float = PATIENCE, told: Told = lambda _: None
) -> Iterator[Administration]:
    """Reach a cluster for administration; wait so many seconds for it to answer.

    Raises:
        BrokersError: it does not answer, or not as Kafka does.

    """
    wait_for(brokers, within, told)
    with in_words(brokers):
        client = KafkaAdminClient(**client_options(brokers), request_timeout_ms=int(PATIENCE * 1000))
    with closing(client):
        yield Administration(brokers, client)
