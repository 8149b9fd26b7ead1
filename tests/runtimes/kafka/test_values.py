"""The table's values and its changelog: heads, keys of generations, what a restore keeps, and when a key may be deleted."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import DecodeError

from engine.core.customer import Customer
from engine.core.moments import DAY
from engine.core.shop import Shop
from engine.runtimes.kafka.values import (
    PLACE_KEY,
    SHOP_KEY,
    Indexed,
    Kept,
    Reached,
    Restored,
    Takeover,
    body_of,
    changelog_key,
    customers_in,
    encode_body,
    head_of,
    indexed_in,
    kept_in,
    pack,
    reached_in,
    shop_in,
    split_key,
)

NOW = 20_000 * DAY


def value(offset: int, body: bytes = b"", due: int | None = None) -> bytes:
    """A value decided at an offset."""
    return pack(due, offset, body)


def restored(*entries: tuple[int, bytes, bytes | None]) -> Restored:
    """What a changelog restores to, of entries as (generation, customer's key, value)."""
    found = Restored()
    for generation, key, each in entries:
        found.take(changelog_key(generation, key), each)
    return found


def test_a_value_says_when_its_customer_is_due_before_anything_is_decoded() -> None:
    """The head has the due time and the offset; a customer who is never due has none."""
    assert head_of(value(7, b"record", NOW)) == (NOW, 7)
    assert head_of(value(7, b"record")) == (None, 7)
    assert bytes(body_of(value(7, b"record", NOW))) == b"record"
    with pytest.raises(struct.error):
        head_of(b"short")


def test_what_is_kept_is_found_again() -> None:
    """A customer's record, lines, stages and references, the shop and the place survive their values."""
    ada = Customer("ada", waiting=("w",), last_reaction=5, profile={"email": ("ada@example.org", NOW)})
    kept = Kept(ada.waiting, 5, (("w", "one"),), b"r" * 16, ada)
    assert kept_in(value(1, encode_body(kept))) == kept
    assert indexed_in(value(1, encode_body(kept))) == Indexed(("w",), 5, (("w", "one"),))
    assert shop_in(value(1, encode_body(Shop(epoch=3)))) == Shop(epoch=3)
    reached = Reached(NOW, 4, 1.5, 3)
    assert reached_in(value(1, encode_body(reached))) == reached
    with pytest.raises(DecodeError):
        kept_in(value(1, b"nothing of ours"))


@given(generation=st.integers(0, (1 << 64) - 1), customer=st.text(min_size=1))
def test_a_key_of_the_changelog_names_generation_and_customer(generation: int, customer: str) -> None:
    """Whatever a customer is called, the key gives back both, and never is the partition's own."""
    key = changelog_key(generation, customer.encode())
    assert split_key(key) == (generation, customer.encode())
    assert list(customers_in([(customer.encode(), b"v"), (SHOP_KEY, b"s"), (PLACE_KEY, b"p")])) == [(customer, b"v")]


@pytest.mark.parametrize("key", [b"", b"12345678"])
def test_a_key_without_a_customer_is_none_of_ours(key: bytes) -> None:
    """A foreign writer is told from us."""
    with pytest.raises(ValueError, match="generation"):
        split_key(key)


def test_the_highest_offset_counts_whoever_wrote_it() -> None:
    """A stopped process's late value loses against one that was decided further on, and wins against one that was not."""
    late = restored((1, b"ada", value(10, b"a")), (2, b"ada", value(12, b"b")), (1, b"ada", value(11, b"late")))
    assert late.values == {b"ada": value(12, b"b")}
    assert late.generations == {b"ada": 2}
    assert late.beaten == {changelog_key(1, b"ada")}
    ahead = restored((1, b"ada", value(10, b"a")), (2, b"ada", value(12, b"b")), (1, b"ada", value(20, b"ahead")))
    assert ahead.values == {b"ada": value(20, b"ahead")}
    assert ahead.beaten == {changelog_key(2, b"ada")}


def test_within_a_generation_the_last_value_counts() -> None:
    """One process writes in the order of its decisions."""
    assert restored((1, b"ada", value(10)), (1, b"ada", value(11))).values == {b"ada": value(11)}


def test_a_deletion_takes_no_value_away() -> None:
    """It deletes what is beaten: so it makes no difference whether compaction has carried it out already."""
    entries = [(1, b"ada", value(10, b"same")), (2, b"ada", value(10, b"same")), (1, b"ada", None)]
    assert restored(*entries).values == restored(entries[1]).values == {b"ada": value(10, b"same")}


def test_the_place_of_an_earlier_value_is_deleted_once_that_is_safe() -> None:
    """Not before a flush beyond everything an earlier process can have decided: its late batch would lose one customer."""
    before = restored((1, b"ada", value(10)), (1, b"bob", value(10)), (1, PLACE_KEY, value(10)))
    takeover = before.takeover(2, safe_from=20)
    early = {b"ada": value(15), PLACE_KEY: value(18)}
    assert takeover.entries(early) == [(changelog_key(2, key), each) for key, each in early.items()]
    enough = {PLACE_KEY: value(19)}
    assert takeover.entries(enough) == [
        (changelog_key(2, PLACE_KEY), value(19)),
        (changelog_key(1, b"ada"), None),
        (changelog_key(1, PLACE_KEY), None),
    ]
    assert takeover.entries({b"bob": value(21), PLACE_KEY: value(21)})[2:] == [(changelog_key(1, b"bob"), None)]
    assert takeover.entries({b"bob": value(22), PLACE_KEY: value(22)})[2:] == []


def test_keys_that_were_beaten_are_deleted_with_their_customer() -> None:
    """What a stopped process left behind goes when its customer is written anew, and not before: see the next test."""
    found = restored((1, b"ada", value(10)), (2, b"ada", value(12)), (1, b"ada", value(11)))
    takeover = found.takeover(3, safe_from=0)
    assert takeover.entries({PLACE_KEY: value(13)})[1:] == []
    assert takeover.entries({b"ada": value(14), PLACE_KEY: value(14)})[2:] == [
        (changelog_key(1, b"ada"), None),
        (changelog_key(2, b"ada"), None),
    ]


def test_two_stopped_processes_do_not_delete_each_others_values() -> None:
    """One has replaced a first process's value; the next one finds that first value ahead. Neither may delete the last one."""
    table = [(1, b"ada", value(10)), (1, PLACE_KEY, value(10))]
    second = restored(*table).takeover(2, safe_from=20)
    log = late_as_entries(table)
    log += second.entries({b"ada": value(12), PLACE_KEY: value(12)})
    log += [(changelog_key(1, b"ada"), value(12)), (changelog_key(1, PLACE_KEY), value(15))]  # the first goes on late
    found = Restored()
    for key, each in log:
        found.take(key, each)
    log += found.takeover(3, safe_from=20).entries({PLACE_KEY: value(20)})
    log += second.entries({PLACE_KEY: value(19)})  # the second goes on late, too
    compacted = {key: each for key, each in dict(log).items() if each is not None}
    assert b"ada" in {split_key(key)[1] for key in compacted}


def test_a_late_batch_does_not_mix_two_moments() -> None:
    """A stopped process that is ahead of its successor writes its batch: all of it counts, or none of it.

    Its successor has written one of the two customers by then. Had it deleted the earlier key of that one at once, the other
    would stand at a later moment than the partition itself.
    """
    first = [(1, key, value(10)) for key in (b"ada", b"bob", PLACE_KEY)]
    successor = restored(*first).takeover(2, safe_from=16)
    late = [(1, key, value(15, b"late")) for key in (b"ada", b"bob", PLACE_KEY)]
    written = successor.entries({b"ada": value(12), PLACE_KEY: value(12)})
    for order in ([*late_as_entries(late), *written], [*written, *late_as_entries(late)]):
        found = restored(*first)
        for key, each in order:
            found.take(key, each)
        compacted = Restored()
        for key, each in dict([*((changelog_key(*entry[:2]), entry[2]) for entry in first), *order]).items():
            compacted.take(key, each)
        for table in (found, compacted):
            assert {head_of(each).offset for each in table.values.values()} == {15}


def late_as_entries(late: list[tuple[int, bytes, bytes]]) -> list[tuple[bytes, bytes | None]]:
    """Entries of the changelog, of (generation, customer's key, value)."""
    return [(changelog_key(generation, key), each) for generation, key, each in late]


def test_a_first_generation_deletes_nothing() -> None:
    """Where nothing was there before, a flush writes its values alone."""
    assert Takeover(1, 0).entries({b"ada": value(1)}) == [(changelog_key(1, b"ada"), value(1))]
