"""What our topics must be, and in what one that is there differs: pure, whoever asks Kafka.

A difference that would lose or double something is an error, and no part starts over it: partitions of another number
(a customer's records would stand in two of them), a table that is deleted by age, a journal that is compacted, records
that do not fit. What only makes a loss likelier is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from engine.runtimes.kafka.topic_names import TopicNames

_MB: Final = 1024 * 1024
_DAY_MS: Final = 24 * 3600 * 1000
FOR_EVER: Final = -1
LEAST_KEPT_MS: Final = 3 * _DAY_MS
"""What a part has not read after this time may be gone: a long weekend."""

LOOKED_AT: Final = (
    "cleanup.policy",
    "max.message.bytes",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "unclean.leader.election.enable",
)
"""The settings of a topic that are looked at."""


class Demand(Struct, frozen=True, kw_only=True):
    """What one topic must be.

    `partitions` is exact for our own, and only what a new one gets for those that the shop may write (`any_number`).
    A topic that is `compact` keeps the last record of each key for ever, others keep all for `kept_ms`.
    """

    topic: str
    holds: str
    partitions: int
    any_number: bool = False
    compact: bool = False
    most_bytes: int
    kept_ms: int = 7 * _DAY_MS

    def settings(self, copies: int) -> dict[str, str]:
        """Return the settings that a new topic gets, of so many copies of each partition."""
        return {
            "cleanup.policy": self._policy,
            "max.message.bytes": str(self.most_bytes),
            "min.insync.replicas": str(2 if copies > 2 else 1),
            "retention.bytes": str(FOR_EVER),
            "retention.ms": str(FOR_EVER if self.compact else self.kept_ms),
        }

    @property
    def _policy(self) -> str:
        return "compact" if self.compact else "delete"


class Found(Struct, frozen=True):
    """A topic as it is: its partitions, the copies of the one that has fewest, and those settings that are looked at."""

    partitions: int
    copies: int
    settings: Mapping[str, str]


class TopicProblem(Struct, frozen=True):
    """In what a topic is wrong, and what to do about it."""

    topic: str
    severity: Literal["error", "warning"]
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.message}: {self.hint}"


def demands(names: TopicNames, partitions: int) -> tuple[Demand, ...]:
    """Return what each of our topics must be, with an inbox of so many partitions."""
    large, month = 8 * _MB, 30 * _DAY_MS

    def open_to_all(topic: str, holds: str, number: int = partitions, kept_ms: int = 7 * _DAY_MS) -> Demand:
        return Demand(topic=topic, holds=holds, partitions=number, any_number=True, most_bytes=large, kept_ms=kept_ms)

    def by_customer(topic: str, holds: str, kept_ms: int) -> Demand:
        return Demand(topic=topic, holds=holds, partitions=partitions, most_bytes=large, kept_ms=kept_ms)

    def compact(topic: str, holds: str, number: int, most_bytes: int) -> Demand:
        return Demand(topic=topic, holds=holds, partitions=number, compact=True, most_bytes=most_bytes)

    return (
        open_to_all(names.events, "what happens in the shop, as CloudEvents"),
        open_to_all(names.results, "what became of mails"),
        by_customer(names.inbox, "what workers decide, in order", month),
        by_customer(names.effects, "all that was decided", month),
        by_customer(names.sends, "mails to hand over, complete", 7 * _DAY_MS),
        compact(names.rules, "the rules in force, and those before them", 1, 17 * _MB),
        open_to_all(names.letters, "what could not be read", 1, month),
        compact(names.changelog, "the customers, as workers last wrote them", partitions, 32 * _MB),
    )


def problems(wanted: Iterable[Demand], found: Mapping[str, Found], copies: int) -> list[TopicProblem]:
    """Return all in which topics differ from what they must be; `copies` is how many each partition should have."""
    every = list(wanted)
    wrong = [
        problem
        for demand in every
        for problem in (
            _differences(demand, found[demand.topic], copies) if demand.topic in found else [_missing(demand)]
        )
    ]
    return _as_one_count(every, found, wrong)


def source_problems(topics: Iterable[str], found: Mapping[str, Found]) -> list[TopicProblem]:
    """Return what is wrong with topics of the shop's own that are read: they are not ours to make, so these are warnings."""
    wrong = []
    for name in topics:
        if name not in found:
            hint = "make it, or take it out of connectors.yaml"
            wrong.append(TopicProblem(name, "warning", "connectors.yaml maps it, and there is no such topic", hint))
        elif "compact" in found[name].settings["cleanup.policy"]:
            said = "it is compacted: of what happens to one key in quick succession, only the last may be read"
            wrong.append(
                TopicProblem(name, "warning", said, "let the shop write events into a topic with cleanup.policy delete")
            )
    return wrong


def _missing(demand: Demand) -> TopicProblem:
    return TopicProblem(demand.topic, "error", "there is no such topic", "winback topics --create makes it")


def _differences(demand: Demand, found: Found, copies: int) -> Iterator[TopicProblem]:
    def wrong(severity: Literal["error", "warning"], message: str, hint: str) -> TopicProblem:
        return TopicProblem(demand.topic, severity, message, hint)

    if found.partitions != demand.partitions and not demand.any_number:
        yield wrong("error", f"it has {_many(found.partitions)}, and must have {demand.partitions}", _RENUMBERED)
    yield from (wrong("error", *said) for said in _cleaned_up(demand, found.settings))
    most = int(found.settings["max.message.bytes"])
    if most < demand.most_bytes:
        yield wrong(
            "error",
            f"it takes records of up to {most:,} bytes, and there are some of {demand.most_bytes:,}",
            f"set its max.message.bytes to {demand.most_bytes}",
        )
    enough = int(found.settings["min.insync.replicas"])
    if enough > found.copies:
        hint = f"set it to {max(1, found.copies - 1)}"
        yield wrong(
            "error", f"min.insync.replicas is {enough}, of {_copies(found.copies)}: nothing can be written", hint
        )
    elif found.copies > 2 and enough < 2:
        yield wrong("warning", "min.insync.replicas is 1: what one broker alone has can be lost with it", "set it to 2")
    if found.copies < copies:
        hint = "give it more (kafka-reassign-partitions.sh), or set kafka.replication to what it has"
        yield wrong(
            "warning", f"it has {_copies(found.copies)} of each partition; kafka.replication says {copies}", hint
        )
    if found.settings["unclean.leader.election.enable"] == "true":
        yield wrong("warning", "unclean.leader.election.enable can lose what was acknowledged", "set it to false")


_RENUMBERED: Final = (
    "the number is never changed, since each customer's state lies in one; delete the topic if it is empty, or take"
    " another kafka.prefix"
)


def _cleaned_up(demand: Demand, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    policy = {each.strip() for each in settings["cleanup.policy"].split(",")}
    if demand.compact:
        if policy != {"compact"}:
            said = (
                f"cleanup.policy is {settings['cleanup.policy']}: what is old would be deleted, and it is still needed"
            )
            yield said, "set it to compact"
        return
    if "compact" in policy:
        yield "cleanup.policy has compact: all but the last record of a key would go", "set it to delete"
    kept = int(settings["retention.ms"])
    if kept != FOR_EVER and kept < LEAST_KEPT_MS:
        hours = (
            f"retention.ms is {kept} ({kept / 3_600_000:.3g} h): what a part that is away has not read would be gone"
        )
        yield hours, f"set it to at least {LEAST_KEPT_MS} (3 days)"
    if int(settings["retention.bytes"]) != FOR_EVER:
        said = f"retention.bytes is {settings['retention.bytes']}: what comes fast would be gone before it is read"
        yield said, "set it to -1, and retention.ms to the time that the disk allows"


def _as_one_count(wanted: list[Demand], found: Mapping[str, Found], wrong: list[TopicProblem]) -> list[TopicProblem]:
    """Say it once where all our topics agree on another number of partitions: then it is the setting that is wrong."""
    exact = [demand for demand in wanted if not demand.any_number and demand.partitions > 1]
    counts = {found[demand.topic].partitions for demand in exact if demand.topic in found}
    there = [demand for demand in exact if demand.topic in found]
    if len(there) < 2 or len(counts) != 1 or counts == {there[0].partitions}:
        return wrong
    (count,) = counts
    about = {demand.topic for demand in there}
    said = TopicProblem(
        there[0].topic,
        "error",
        f"it has {_many(count)}, as {', '.join(sorted(about - {there[0].topic}))}; kafka.partitions is {there[0].partitions}",
        f"set kafka.partitions to {count}: the number is never changed",
    )
    return [said, *(each for each in wrong if each.topic not in about or each.hint != _RENUMBERED)]


def _many(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"


def _copies(copies: int) -> str:
    return "1 copy" if copies == 1 else f"{copies} copies"
