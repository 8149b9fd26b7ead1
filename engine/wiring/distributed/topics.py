"""The topics of this installation: what they are, what is wrong with them, and how far everybody has read."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from connectors.bus.topics import TopicError, topic
from engine.runtimes.kafka.administration import Progress, administration
from engine.runtimes.kafka.brokers import Brokers, BrokersError
from engine.runtimes.kafka.placing import LOOKED_AT_EACH, Standing, misplaced, ours
from engine.runtimes.kafka.reaching import Told, client_options, in_words
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import Demand, Found, TopicProblem, demands, problems, source_problems
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.mapped_topics import source_topics
from engine.wiring.distributed.parts import Up
from engine.wiring.settings import Settings

Part = Callable[[Up], Awaitable[None]]
"""A part of the distributed engine, as `keep_going` runs it."""


class GroupLag(Struct, frozen=True):
    """How far a group has read a topic, partition by partition."""

    group: str
    topic: str
    partitions: list[Progress]

    @property
    def lag(self) -> int:
        """How many records lie before it."""
        return sum(each.lag for each in self.partitions)


class TopicsFound(Struct, frozen=True):
    """Our topics and those of the shop that we read, as they are; those just made, what is wrong, and who has read how far."""

    found: dict[str, Found]
    made: list[str]
    problems: list[TopicProblem]
    groups: list[GroupLag]


class WrongTopicsError(BrokersError):
    """Topics are not what they must be; the message has a line for each problem."""


def look_at_topics(
    settings: Settings, environment: Mapping[str, str], *, create: bool = False, told: Told = lambda _: None
) -> TopicsFound:
    """Look at all our topics, and at where their records stand; `create` makes those that are missing first.

    Raises:
        SettingsError: no brokers are named, or connectors.yaml has mistakes.
        BrokersError: Kafka does not answer, or refuses.

    """
    brokers, wanted = brokers_of(settings, environment), _wanted(settings)
    sources = list(source_topics(settings.workflows, TopicNames.of(settings.kafka.prefix)))
    copies, prefix = settings.kafka.replication, settings.kafka.prefix
    with administration(brokers, within=settings.kafka.reach_within, told=told) as it:
        found = it.found(demand.topic for demand in wanted)
        missing = [demand for demand in wanted if demand.topic not in found]
        if create and missing:
            it.create(missing, copies)
            found = it.found(demand.topic for demand in wanted)
        of_the_shop = it.found(sources)
        lags = _lags(it.progress(prefix))
    wrong = problems(wanted, found, copies) + source_problems(sources, of_the_shop)
    wrong += _misplaced(brokers, TopicNames.of(prefix), found, settings.kafka.partitions, told)
    return TopicsFound(found | of_the_shop, [demand.topic for demand in missing] if create else [], wrong, lags)


def require_topics(
    settings: Settings, environment: Mapping[str, str], *, within: float, told: Told = lambda _: None
) -> None:
    """See to it that all our topics are what they must be, before a part begins; it is quick, and reads no records.

    Raises:
        SettingsError: no brokers are named.
        WrongTopicsError: one is missing, or is not what it must be.
        NoAnswerError: Kafka does not answer within so many seconds.
        BrokersError: it refuses.

    """
    brokers, wanted = brokers_of(settings, environment), _wanted(settings)
    with administration(brokers, within=within, told=told) as it:
        wrong = problems(wanted, it.found(demand.topic for demand in wanted), settings.kafka.replication)
    errors = [problem for problem in wrong if problem.severity == "error"]
    if errors:
        raise WrongTopicsError("\n".join(["the topics are not what they must be", *map(str, errors)]))


def once_topics_are_right(settings: Settings, environment: Mapping[str, str], part: Part) -> Part:
    """Return a part that looks at the topics whenever it begins: they may be made anew while it waits for Kafka."""

    async def begin(up: Up) -> None:
        await asyncio.to_thread(require_topics, settings, environment, within=0)
        await part(up)

    return begin


def _wanted(settings: Settings) -> tuple[Demand, ...]:
    return demands(TopicNames.of(settings.kafka.prefix), settings.kafka.partitions)


def _misplaced(
    brokers: Brokers, names: TopicNames, found: Mapping[str, Found], partitions: int, told: Told
) -> list[TopicProblem]:
    wrong: list[TopicProblem] = []
    for name, customers in ours(names).items():
        if name not in found or found[name].partitions != partitions:
            continue
        try:
            with in_words(brokers), topic(client_options(brokers), name, told=told) as it:
                records = [Standing(r.partition, r.offset, r.key, r.value) for r in it.records(LOOKED_AT_EACH)]
        except TopicError as error:
            wrong.append(TopicProblem(name, "error", str(error), "without its records their places cannot be checked"))
            continue
        problem = misplaced(name, records, partitions, customers)
        wrong += [problem] if problem else []
    return wrong


def _lags(progress: list[Progress]) -> list[GroupLag]:
    parts: dict[tuple[str, str], list[Progress]] = defaultdict(list)
    for each in progress:
        parts[each.group, each.topic].append(each)
    return [GroupLag(group, name, places) for (group, name), places in parts.items()]
