"""`winback backup` and `winback restore`, as a shell calls them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.cli.documents import BackupDocument, RestoreDocument
from tests.cli.conftest import Winback


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A shop whose history was taken in."""
    winback("sample", "--customers", 20, "--seed", 3, "--out", "history.jsonl")
    assert winback("ingest", "history.jsonl").code == 0
    return winback


def test_what_was_backed_up_comes_back_paused(shop: Winback) -> None:
    """The file is its owner's alone; restored, it has everybody, sends are paused, and time waits for a word."""
    made = msgspec.convert(shop("backup", "safe.backup", "--json").json, BackupDocument, strict=True)
    assert (made.customers, made.bytes) == (20, Path("safe.backup").stat().st_size)
    assert Path("safe.backup").stat().st_mode & 0o077 == 0
    done = msgspec.convert(shop("restore", "safe.backup", "--json").json, RestoreDocument, strict=True)
    assert (done.customers, done.known, done.backup_of) == (20, True, made.as_of)
    assert Path(done.moved_to, "winback.sqlite3").exists()
    status = shop("status", "--json").json
    assert status["customers"] == 20
    assert {pause["scope"] for pause in status["paused"]} == {"engine", "time"}
    assert {pause["at"] for pause in status["paused"]} == {made.as_of}
    refused = shop("unpause", "--overdue", "send")
    assert (refused.code, "unpause --time" in refused.err) == (1, True)
    assert shop("unpause", "--time").code == 0
    assert shop("unpause", "--overdue", "send", "--json").json == {"paused": [], "held": 0}


def test_into_an_empty_folder_it_says_what_nobody_knows(shop: Winback) -> None:
    """Where no old database tells what left since, the restore says so in plain words, and what is safe."""
    shop("backup", "safe.backup")
    called = shop("--data", "other", "restore", "safe.backup")
    assert called.code == 0
    assert "NOT KNOWN" in called.out
    assert "--overdue skip" in called.out
    assert shop("--data", "third", "restore", "safe.backup", "--ledger", "data", "--json").json["known"]


def test_what_cannot_be_backed_up_or_restored_is_told(shop: Winback) -> None:
    """No file is written over another, and none that is damaged, foreign or missing is restored; nothing has changed then."""
    assert shop("backup", "safe.backup").code == 0
    again = shop("backup", "safe.backup")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert shop("--data", "nothing", "backup", "other.backup").code == 2
    raw = Path("safe.backup").read_bytes()
    Path("damaged.backup").write_bytes(raw[:8_192] + b"\xff" * 4_096 + raw[12_288:])
    Path("foreign.backup").write_text("no database")
    for file, why in (("damaged", "damaged"), ("foreign", "no backup"), ("missing", "does not exist")):
        refused = shop("restore", f"{file}.backup")
        assert refused.code == 2
        assert why in refused.err, refused.err
    assert shop("status", "--json").json["paused"] == []
    assert sorted(path.name for path in Path("data").iterdir() if "restor" in path.name) == []


def test_another_shops_data_tells_nothing_of_this_one(shop: Winback) -> None:
    """A folder that did not go on from the backup is refused as a ledger, and not believed where it only lies there."""
    shop("backup", "safe.backup")
    shop("sample", "--customers", 5, "--seed", 9, "--out", "foreign.jsonl")
    shop("--data", "foreign", "ingest", "foreign.jsonl")
    refused = shop("restore", "safe.backup", "--ledger", "foreign")
    assert (refused.code, "does not go on" in refused.err) == (2, True)
    assert not shop("--data", "foreign", "restore", "safe.backup", "--json").json["known"]


def test_time_is_not_paused_by_hand(shop: Winback) -> None:
    """It stands still after a restore alone; --time says nothing of sends."""
    assert shop("unpause", "--time").code == 1
    assert shop("unpause", "--time", "--overdue", "skip").code == 2
