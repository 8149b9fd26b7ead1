"""Partitions decide what the simulator decides over the same inbox, ticks included: the same effects, words and records."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.core import customer as records
from engine.core.effects import RUN_STARTED, SEND_REQUESTED
from engine.runtimes.kafka.values import customers_in, kept_in
from tests.inbox_reference import fold
from tests.inbox_streams import KEY, Stream, made_up
from tests.partition_lives import partition_over


def compare(stream: Stream, *, flush_every: int) -> None:
    """Decide each partition's inbox, with a flush now and then, and compare with what the reference has decided."""
    for number, inbox in enumerate(stream.inboxes):
        shelf: dict[bytes, bytes] = {}
        partition = partition_over(shelf, stream, number)
        effects, words, letters = [], [], 0
        for offset, record in enumerate(inbox):
            outcome = partition.decide(offset, record)
            effects += outcome.effects
            words += outcome.words
            letters += len(outcome.letters)
            if offset % flush_every == 0:
                shelf.update(partition.dirty())
                partition.kept()
        shelf.update(partition.dirty())
        assert tuple(effects) == stream.effects[number]
        assert tuple(words) == stream.words[number]
        assert letters == len(stream.references[number].letters)
        found = {name: records.encode(kept_in(value).record) for name, value in customers_in(shelf.items())}
        assert found == stream.references[number].records()


def sends_in(stream: Stream) -> int:
    """How many mails the stream asks for."""
    return sum(effect.type == SEND_REQUESTED for effects in stream.effects for _, effect in effects)


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_shops_life_is_decided_alike(seed: int, partitions: int) -> None:
    """Orders, mails, merges, shared addresses, edits, pauses, timers: whatever comes, effect by effect and to the byte."""
    stream = made_up(seed, customers=40, days=260, partitions=partitions, unrest=0.1)
    compare(stream, flush_every=1 + 4 * seed)
    assert sends_in(stream) > 10


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.long
def test_a_hundred_thousand_events_are_decided_alike(partitions: int) -> None:
    """The same for a shop of 2,300 customers over three years, with its timers."""
    stream = made_up(7, customers=2_300, days=1_095, partitions=partitions, unrest=0.02, most=200)
    assert stream.events > 100_000
    compare(stream, flush_every=7)
    assert sends_in(stream) > 2_000


def test_the_reference_folds_any_inbox() -> None:
    """Given the records of a partition with their offsets, it says what must stand among the effects."""
    stream = made_up(3, customers=10, days=60)
    found = fold(enumerate(stream.inboxes[0]), 0, 1, stream.rules_of, KEY)
    assert tuple(found) == stream.effects[0]
    assert any(effect.type == RUN_STARTED for _, effect in found)


DIGEST = """
import hashlib
from tests.inbox_streams import made_up
digest = hashlib.blake2b()
for seed in range(3):
    stream = made_up(seed, customers=20, days=120, partitions=2, unrest=0.2)
    digest.update(repr((stream.effects, stream.words, stream.inboxes)).encode())
    for reference in stream.references:
        digest.update(repr(sorted(reference.records().items())).encode())
print(digest.hexdigest())
"""


def test_another_process_decides_the_same() -> None:
    """Whatever hashes a process draws for its sets and dictionaries: effects, words, records and inbox are the same bytes."""
    found = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": drawn},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for drawn in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 128
