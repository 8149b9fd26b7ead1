from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.moments import SECOND
from engine.core.signals import Handed, PaceUsedUp
from engine.runtimes.kafka.wire import (
    MOST_ENTRIES,
    Entry,
    Place,
    Record,
    decode_record,
    encode_record,
    entry_of,
    entry_of_shop,
    in_records,
    partition_of,
    place_of,
)


def test_a_record_comes_back_as_it_was_written() -> None:
    """Entries and their signals survive the way through a topic."""
    record = Record(
        5 * SECOND, (entry_of("c1", Handed("e1", "done"), mark=b"m" * 8), entry_of_shop(7, PaceUsedUp("w", 9)))
    )
    back = decode_record(encode_record(record))
    assert back == record
    assert [entry.decoded() for entry in back.entries] == [Handed("e1", "done"), PaceUsedUp("w", 9)]


def test_a_tick_is_a_record_without_entries() -> None:
    """A tick costs a few bytes."""
    assert len(encode_record(Record(1_700_000_000_000_000))) < 16


def test_customers_fall_on_the_partitions_that_kafkas_own_clients_choose() -> None:
    """murmur2 of these keys as the Java client computes it, modulo 32."""
    assert [partition_of(key, 1 << 30) for key in ("21", "foobar", "a-little-bit-long-string")] == [
        (-973932308 & 0x7FFFFFFF) % (1 << 30),
        (-790332482 & 0x7FFFFFFF) % (1 << 30),
        (-985981536 & 0x7FFFFFFF) % (1 << 30),
    ]


@given(st.lists(st.binary(max_size=2_000), max_size=1_200))
def test_records_hold_all_entries_in_order_and_never_too_many(signals: list[bytes]) -> None:
    """What is packed is what was given, in records of bounded size."""
    entries = [Entry(str(number), signal) for number, signal in enumerate(signals)]
    records = list(in_records(1, entries))
    assert [entry for record in records for entry in record.entries] == entries
    assert all(0 < len(record.entries) <= MOST_ENTRIES for record in records)


@given(st.integers(0, 1_000), st.integers(0, 1 << 60), st.integers(0, 1 << 20))
def test_a_place_comes_back_from_its_header(partition: int, offset: int, index: int) -> None:
    """The header of an effect names where it was decided."""
    assert place_of(Place(partition, offset, index).packed()) == Place(partition, offset, index)
