"""A partition's promise: whatever dies, and whenever, the same effects stand at the same places, and none is lost.

Made-up inboxes are decided by processes that are killed between any two steps, or stopped and set going again while others
have their partition. What they have put out, and what is left in the changelog, must be what one undisturbed life gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.effects import Effect
from engine.runtimes.kafka.values import SHOP_KEY, body_of
from engine.runtimes.kafka.wire import Place
from tests.inbox_streams import Stream, made_up
from tests.partition_lives import Process, Topics, partition_over

SEEDS = st.integers(0, 5)
"""Few inboxes, for each takes longer to make than to decide."""


@lru_cache
def stream_of(seed: int, partitions: int) -> Stream:
    """A short inbox in which anything may happen."""
    return made_up(seed, customers=8, days=60, partitions=partitions, unrest=0.15)


@lru_cache
def undisturbed(seed: int, partitions: int, number: int) -> dict[bytes, bytes]:
    """The table after one life without any crash, flushed after every record."""
    stream = stream_of(seed, partitions)
    shelf: dict[bytes, bytes] = {}
    partition = partition_over(shelf, stream, number)
    for offset, record in enumerate(stream.inboxes[number]):
        partition.decide(offset, record)
        shelf.update(partition.dirty())
        partition.kept()
    return shelf


def live_through(
    topics: Topics, stream: Stream, number: int, random: Random, crashes: int, kind: type[Process] = Process
) -> None:
    """Let processes die or stop one after the other, and the last one come to the end."""
    stopped: list[Process] = []
    for _ in range(crashes):
        process = kind(topics, stream, number, random, rewind=random.choice((0, 1, 5, 1_000)))
        live(process, steps=int(random.choice((3, 30, 300)) * random.expovariate(1)) + 1, stopped=stopped)
        if random.random() < 0.5:
            process.stop()
            stopped.append(process)
        if random.random() < 0.5:
            topics.compact(random.randint(0, len(topics.changelog)), deletions=random.random() < 0.5)
    live(kind(topics, stream, number, random, rewind=5), steps=1_000_000, stopped=stopped)


def live(process: Process, steps: int, stopped: list[Process]) -> None:
    """Let a process do so many steps, or all; now and then one that was stopped goes on for a while."""
    random = process.random
    for _ in range(steps):
        if not process.step():
            return
        if stopped and random.random() < 0.02:
            late = random.choice(stopped)
            for _ in range(random.randint(1, 60)):
                late.step()


@given(seed=SEEDS, partitions=st.sampled_from([1, 3]), chance=st.integers(0, 1 << 32), crashes=st.integers(0, 8))
def test_the_same_effects_stand_at_the_same_places(seed: int, partitions: int, chance: int, crashes: int) -> None:
    """Whatever is killed or goes on late, wherever the inbox is read again: effects, words and table are as undisturbed."""
    stream, random = stream_of(seed, partitions), Random(chance)
    number = random.randrange(partitions)
    topics = Topics(stream.inboxes[number])
    live_through(topics, stream, number, random, crashes)
    assert dict(topics.effects) == dict(stream.effects[number])
    assert set(topics.words) == set(stream.words[number])
    assert no_place_has_two_effects(topics)
    compare(topics.restored().values, undisturbed(seed, partitions, number))


class TableFirst(Process):
    """A process that changes the table before what was decided is out."""

    def flush(self, batch: dict[bytes, bytes], upto: int, ahead: list[int]) -> Iterator[str]:  # noqa: ARG002 - nothing is decided meanwhile
        """Do it in the wrong order."""
        yield from self.change(batch)
        yield from self.put_out()
        self.topics.acknowledged = upto
        yield "acknowledged"


class AcknowledgesFirst(Process):
    """A process that acknowledges what is not in the changelog yet, as Faust does by itself."""

    def flush(self, batch: dict[bytes, bytes], upto: int, ahead: list[int]) -> Iterator[str]:  # noqa: ARG002 - nothing is decided meanwhile
        """Do it in the wrong order."""
        self.topics.acknowledged = upto
        yield "acknowledged"
        yield from self.put_out()
        yield from self.change(batch)


@pytest.mark.parametrize("kind", [TableFirst, AcknowledgesFirst])
def test_another_order_would_be_found(kind: type[Process]) -> None:
    """The model is one that finds faults: who does it otherwise loses effects, or decides them differently, in some life."""
    stream = stream_of(1, 1)
    for chance in range(40):
        topics = Topics(stream.inboxes[0])
        live_through(topics, stream, 0, Random(chance), crashes=8, kind=kind)
        if dict(topics.effects) != dict(stream.effects[0]):
            return
    pytest.fail("none of forty lives was any different")


def no_place_has_two_effects(topics: Topics) -> bool:
    """Say whether every repetition of a place holds the same effect."""
    at: dict[Place, Effect] = {}
    return all(at.setdefault(place, effect) == effect for place, effect in topics.effects)


def compare(found: Mapping[bytes, bytes], expected: Mapping[bytes, bytes]) -> None:
    """See that two tables say the same of every customer, to the byte, and of the partition."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if key != SHOP_KEY:
            assert found[key] == value, key
    assert body_of(found[SHOP_KEY]) == body_of(expected[SHOP_KEY])
