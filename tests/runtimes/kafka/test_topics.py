"""What our topics must be, and what is said of one that is something else."""

from __future__ import annotations

import pytest

from engine.core.signals import Look
from engine.runtimes.kafka.placing import Standing, misplaced, ours
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import Demand, Found, demands, problems
from engine.runtimes.kafka.values import SHOP_KEY, changelog_key
from engine.runtimes.kafka.wire import Record, encode_record, entry_of, partition_of

NAMES = TopicNames.of("shop")
WANTED = {demand.topic: demand for demand in demands(NAMES, 8)}


def as_wanted(demand: Demand, copies: int = 1, changed: dict[str, str] | None = None) -> Found:
    """A topic that is what it must be but for some settings."""
    settings = demand.settings(copies) | {"unclean.leader.election.enable": "false"} | (changed or {})
    return Found(demand.partitions, copies, settings)


def said_of(topic: str, found: Found, copies: int = 1) -> list[tuple[str, str, str]]:
    """What is said of one topic."""
    return [(each.severity, each.message, each.hint) for each in problems([WANTED[topic]], {topic: found}, copies)]


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_a_topic_that_was_just_made_is_what_it_must_be(copies: int) -> None:
    """With the settings that a new topic gets there is nothing to say, however many copies there are."""
    found = {name: as_wanted(demand, copies) for name, demand in WANTED.items()}

    assert problems(WANTED.values(), found, copies) == []


def test_a_missing_topic_is_an_error() -> None:
    """Each topic that is not there is named, with what makes it."""
    said = problems(WANTED.values(), {}, 1)

    assert {each.topic for each in said} == set(WANTED)
    assert {each.hint for each in said} == {"winback topics --create makes it"}


@pytest.mark.parametrize("topic", [NAMES.inbox, NAMES.effects, NAMES.sends, NAMES.changelog, NAMES.rules])
def test_our_own_topics_must_have_their_number_of_partitions(topic: str) -> None:
    """Another number would put a customer's records into two partitions: more are as wrong as fewer."""
    for partitions in (WANTED[topic].partitions + 1, WANTED[topic].partitions + 100):
        found = Found(partitions, 1, as_wanted(WANTED[topic]).settings)

        ((severity, message, hint),) = said_of(topic, found)

        assert severity == "error"
        assert f"it has {partitions} partitions, and must have {WANTED[topic].partitions}" in message
        assert "never changed" in hint


@pytest.mark.parametrize("topic", [NAMES.events, NAMES.results, NAMES.letters])
def test_topics_that_the_shop_writes_may_have_any_number(topic: str) -> None:
    """Whoever the shop's topics are keyed by, the gateway finds the customer: any number of partitions will do."""
    assert said_of(topic, Found(3, 1, as_wanted(WANTED[topic]).settings)) == []


def test_a_wrong_setting_is_said_once() -> None:
    """Where all our topics agree on another number it is kafka.partitions that is wrong, and that is said once."""
    found = {
        name: Found(16 if demand.partitions == 8 else 1, 1, as_wanted(demand).settings)
        for name, demand in WANTED.items()
    }

    (said,) = problems(WANTED.values(), found, 1)

    assert "kafka.partitions is 8" in said.message
    assert said.hint.startswith("set kafka.partitions to 16")


@pytest.mark.parametrize(
    ("topic", "changed", "severity", "message", "hint"),
    [
        (
            NAMES.changelog,
            {"cleanup.policy": "compact,delete"},
            "error",
            "what is old would be deleted",
            "set it to compact",
        ),
        (NAMES.rules, {"cleanup.policy": "delete"}, "error", "what is old would be deleted", "set it to compact"),
        (
            NAMES.inbox,
            {"cleanup.policy": "compact"},
            "error",
            "all but the last record of a key would go",
            "set it to delete",
        ),
        (NAMES.events, {"cleanup.policy": "delete, compact"}, "error", "all but the last record", "set it to delete"),
        (
            NAMES.inbox,
            {"retention.ms": "3600000"},
            "error",
            "retention.ms is 3600000 (1 h)",
            "at least 259200000 (3 days)",
        ),
        (NAMES.sends, {"retention.bytes": "1000"}, "error", "retention.bytes is 1000", "set it to -1"),
        (
            NAMES.changelog,
            {"max.message.bytes": "1048588"},
            "error",
            "takes records of up to 1,048,588 bytes",
            "33554432",
        ),
        (NAMES.inbox, {"min.insync.replicas": "2"}, "error", "nothing can be written", "set it to 1"),
        (NAMES.inbox, {"unclean.leader.election.enable": "true"}, "warning", "can lose", "set it to false"),
    ],
)
def test_what_a_topic_must_not_be(topic: str, changed: dict[str, str], severity: str, message: str, hint: str) -> None:
    """Each setting that would lose records, or let nothing be written, is said with its cure."""
    ((got_severity, got_message, got_hint),) = said_of(topic, as_wanted(WANTED[topic], 1, changed))

    assert got_severity == severity
    assert message in got_message
    assert hint in got_hint


def test_too_few_copies_are_a_warning() -> None:
    """A topic with fewer copies than the settings say works; it is said, since a lost broker would be lost data."""
    assert [severity for severity, *_ in said_of(NAMES.inbox, as_wanted(WANTED[NAMES.inbox], 1), copies=3)] == [
        "warning"
    ]
    alone = as_wanted(WANTED[NAMES.inbox], 3, {"min.insync.replicas": "1"})
    assert [severity for severity, *_ in said_of(NAMES.inbox, alone, copies=3)] == ["warning"]


def test_a_changelog_is_kept_for_ever() -> None:
    """How long a compacted topic would keep by time is not looked at: its policy says that it does not go by time."""
    assert (
        said_of(
            NAMES.changelog, as_wanted(WANTED[NAMES.changelog], 1, {"retention.ms": "1000", "retention.bytes": "5"})
        )
        == []
    )


CUSTOMERS = [f"c-{number}" for number in range(40)]
CHECKS = ours(NAMES)


def inbox_record(customers: list[str]) -> bytes:
    """A record of the inbox about some customers."""
    return encode_record(Record(1, tuple(entry_of(each, Look()) for each in customers)))


def standing(topic: str, customer: str, partition: int) -> Standing:
    """A record about a customer, as each of our topics has it, on a partition."""
    key, value = customer.encode(), b"{}"
    if topic == NAMES.changelog:
        key = changelog_key(7, key)
    if topic == NAMES.inbox:
        key, value = b"", inbox_record([customer])
    return Standing(partition, 17, key, value)


@pytest.mark.parametrize("topic", list(CHECKS))
def test_records_stand_where_murmur2_of_their_customer_says(topic: str) -> None:
    """Records that we wrote are all in their place; one that another hash put elsewhere is found, and nobody is named."""
    right = [standing(topic, each, partition_of(each, 8)) for each in CUSTOMERS]
    strayed = standing(topic, CUSTOMERS[3], (partition_of(CUSTOMERS[3], 8) + 1) % 8)

    assert misplaced(topic, right, 8, CHECKS[topic]) is None
    problem = misplaced(topic, [*right, strayed], 8, CHECKS[topic])
    assert problem is not None
    assert f"{strayed.partition}@17 (belongs on {partition_of(CUSTOMERS[3], 8)})" in problem.message
    assert CUSTOMERS[3] not in str(problem)


@pytest.mark.parametrize("topic", list(CHECKS))
@pytest.mark.parametrize("key", [None, b"x", b"\xff\xfe"])
def test_a_record_that_is_none_of_ours_is_told(topic: str, key: bytes | None) -> None:
    """A record without a customer that can be read was written by somebody else."""
    problem = misplaced(topic, [Standing(2, 5, key, b"\xc1 no msgpack")], 8, CHECKS[topic])

    assert problem is not None
    assert "2@5" in problem.message


def test_the_state_of_a_partition_stands_wherever_it_is() -> None:
    """A partition's own state and ticks are about no customer, so they stand in any partition."""
    assert (
        misplaced(NAMES.changelog, [Standing(5, 1, changelog_key(7, SHOP_KEY), b"")], 8, CHECKS[NAMES.changelog])
        is None
    )
    assert misplaced(NAMES.inbox, [Standing(5, 1, None, inbox_record([]))], 8, CHECKS[NAMES.inbox]) is None
