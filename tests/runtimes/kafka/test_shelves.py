"""Shelves: in memory and on a disk, restored from the same changelog they hold the same, and write on the same."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtimes.kafka.disk_shelf import DiskShelf
from engine.runtimes.kafka.shelf import ChangelogEntry, MemoryShelf, Shelf
from engine.runtimes.kafka.values import PLACE_KEY, changelog_key, pack

Make = Callable[[], Shelf]

keys = st.builds(changelog_key, st.integers(1, 3), st.sampled_from([b"ada", b"bob", PLACE_KEY]))
values = st.none() | st.builds(lambda offset, body: pack(None, offset, body), st.integers(0, 9), st.binary(max_size=3))
changelogs = st.lists(st.tuples(keys, values), max_size=30)


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what opens a shelf; one on a disk is the same each time."""
    return MemoryShelf if request.param == "memory" else lambda: DiskShelf(tmp_path / "shelf")


def value(offset: int, body: bytes) -> bytes:
    """Return a value decided at an offset."""
    return pack(None, offset, body)


@given(changelog=changelogs, cut=st.integers(0, 30))
def test_a_disk_holds_what_memory_would(
    tmp_path_factory: pytest.TempPathFactory, changelog: list[ChangelogEntry], cut: int
) -> None:
    """Whatever stands in a changelog and in whatever portions it is read, both shelves hold and write on the same."""
    memory, disk = MemoryShelf(), DiskShelf(tmp_path_factory.mktemp("shelf"))
    for portion in (changelog[:cut], changelog[cut:]):
        memory.restore(portion, 0)
        disk.restore(portion, 0)
    assert dict(memory.items()) == dict(disk.items())
    dirty = {b"ada": value(10, b"new"), PLACE_KEY: value(10, b"")}
    for shelf in (memory, disk):
        shelf.take_over(9, 11)
    assert sorted(memory.entries(dirty), key=repr) == sorted(disk.entries(dirty), key=repr)
    disk.close()


def test_what_is_written_is_deleted_under_its_old_key_once_that_is_safe(make: Make) -> None:
    """A customer written under a new generation loses the key of the old one, with the flush that passes the inbox's end."""
    shelf = make()
    shelf.restore([(changelog_key(1, b"ada"), value(5, b"old"))], 1)
    shelf.take_over(2, safe_from=8)
    early = {b"ada": value(6, b"new"), PLACE_KEY: value(6, b"")}
    assert (changelog_key(1, b"ada"), None) not in shelf.entries(early)
    shelf.put(early, 3)
    late = {PLACE_KEY: value(7, b"")}
    assert (changelog_key(1, b"ada"), None) in shelf.entries(late)
    shelf.put(late, 5)
    assert shelf.get(b"ada") == value(6, b"new")
    shelf.close()


def test_a_disk_remembers_how_far_it_has_read(tmp_path: Path) -> None:
    """Opened again, it goes on behind what it has read and written; what it holds is there."""
    shelf = DiskShelf(tmp_path)
    assert shelf.read_from() == 0
    shelf.restore([(changelog_key(1, b"ada"), value(5, b"old"))], 17)
    shelf.take_over(2, 0)
    shelf.put({b"ada": value(6, b"new")}, 18)
    shelf.close()
    again = DiskShelf(tmp_path)
    assert again.read_from() == 18
    assert again.get(b"ada") == value(6, b"new")
    again.close()


@pytest.mark.parametrize("entry", [(b"short", b"x" * 16), (changelog_key(1, b"ada"), b"short")])
def test_a_changelog_of_others_is_refused(make: Make, entry: ChangelogEntry) -> None:
    """An entry that is none of ours is an error, not a customer."""
    shelf = make()
    shelf.restore([(changelog_key(2, b"ada"), value(1, b""))], 1)
    with pytest.raises((ValueError, struct.error)):
        shelf.restore([entry], 2)
    shelf.close()
