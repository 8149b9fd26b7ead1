"""`winback export-state` and `import-state` between embedded engines, as a shell calls them."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from engine.books.database import open_to_read
from engine.books.tables import rows_of, tables
from engine.cli.documents import ExportStateDocument, ImportStateDocument
from tests.cli.conftest import Winback

EMPTY = (
    "under_way",
    "headcount",
    "line",
    "outbox",
    "ledger",
    "blocked",
    "suppression",
    "pool_code",
    "dead_letter",
    "receiver",
    "parcel",
    "proposal",
    "seeded",
    "hook_call",
    "poll",
    "call_consent",
    "erased",
    "erasure",
    "data_request",
)
"""Tables that a shop which was only told its history has nothing in."""


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A shop whose history was taken in."""
    winback("sample", "--customers", 60, "--seed", 5, "--out", "history.jsonl")
    assert winback("ingest", "history.jsonl").code == 0
    return winback


def everything(folder: str) -> dict[str, list[tuple[object, ...]]]:
    """Return what a data folder's tables hold."""
    with closing(open_to_read(Path(folder))) as connection:
        return {table.name: list(rows_of(connection, table)) for table in tables()}


def test_a_shop_that_moves_has_everything_it_had(shop: Winback) -> None:
    """Every row of every table arrives, the file is its owner's alone, and the engine that was left sends nothing more."""
    before = everything("data")
    out = msgspec.convert(shop("export-state", "shop.state", "--json").json, ExportStateDocument, strict=True)
    assert Path("shop.state").stat().st_mode & 0o077 == 0
    assert (out.customers, out.engine, out.paused) == (len(before["customer"]), "embedded", True)
    Path("new").mkdir()
    shutil.copy("data/secret", "new/secret")
    moved = msgspec.convert(shop("--data", "new", "import-state", "shop.state", "--json").json, ImportStateDocument)
    assert everything("new") == before
    assert {name for name, rows in moved.rows.items() if not rows} == set(EMPTY)
    assert shop("--data", "new", "status", "--json").json["paused"] == []
    assert [pause["scope"] for pause in shop("status", "--json").json["paused"]] == ["engine"]


def test_it_goes_on_where_it_was(shop: Winback) -> None:
    """What was known is known again: the same history brings nothing new, and a customer's story is the same."""
    shop("export-state", "shop.state")
    Path("new").mkdir()
    shutil.copy("data/secret", "new/secret")
    shop("--data", "new", "import-state", "shop.state")
    customer = shop("who", "--standing", "lapsed", "--json").json[0]["customer"]
    here, there = (shop("--data", data, "explain", customer, "--json").json for data in ("data", "new"))
    assert here["customer"] == there["customer"]
    assert here["evidence"] == there["evidence"]
    again = shop("--data", "new", "ingest", "history.jsonl", "--json").json
    assert again["accepted"] == 0
    assert again["duplicate"] > 0


def test_a_copy_leaves_the_engine_as_it_is(shop: Winback) -> None:
    """For a trial elsewhere nothing is paused."""
    assert shop("export-state", "shop.state", "--copy").code == 0
    assert shop("status", "--json").json["paused"] == []


def test_a_place_that_was_used_takes_nobody_in(shop: Winback) -> None:
    """Two shops are never mixed."""
    shop("export-state", "shop.state", "--copy")
    before = everything("data")
    called = shop("import-state", "shop.state")
    assert called.code == 1
    assert "is not empty" in called.err
    assert everything("data") == before


def test_another_secret_is_refused(shop: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and codes that were sent would be worth nothing; and no secret is made up."""
    shop("export-state", "shop.state", "--copy")
    called = shop("--data", "new", "import-state", "shop.state")
    assert (called.code, "bring the shop's secret" in called.err) == (2, True)
    assert not Path("new/secret").exists()
    monkeypatch.setenv("WINBACK_SECRET", "another secret of another shop")
    called = shop("--data", "new", "import-state", "shop.state")
    assert (called.code, "the secret is another one" in called.err) == (1, True)


def changed(source: str, target: str, name: str, old: bytes, new: bytes) -> None:
    """Write a copy of a file in which one part is another."""
    with zipfile.ZipFile(source) as there, zipfile.ZipFile(target, "w") as here:
        for part in there.namelist():
            raw = there.read(part)
            here.writestr(part, raw.replace(old, new) if part == name else raw)


def test_a_file_that_is_not_what_was_written_is_refused_before_anything_is_taken(shop: Winback) -> None:
    """Changed rows, missing parts, cut off or foreign files, and those of a newer version, are told from whole ones."""
    shop("export-state", "shop.state", "--copy")
    Path("new").mkdir()
    shutil.copy("data/secret", "new/secret")
    changed("shop.state", "rows.state", "customer.jsonl", b"lapsed", b"reader")
    changed("shop.state", "newer.state", "manifest.json", b'"winback_state": 1', b'"winback_state": 2')
    changed("shop.state", "schema.state", "manifest.json", b'"schema": ', b'"schema": 9')
    Path("cut.state").write_bytes(Path("shop.state").read_bytes()[:-2_000])
    Path("foreign.state").write_text("a letter")
    with zipfile.ZipFile("bare.state", "w") as archive:
        archive.writestr("a.txt", "b")
    for file, why in (
        ("rows", "customer is not what the manifest says"),
        ("newer", "a newer winback made"),
        ("schema", "use the same version"),
        ("cut", "no ZIP file"),
        ("foreign", "no ZIP file"),
        ("bare", "no manifest.json"),
    ):
        called = shop("--data", "new", "import-state", f"{file}.state")
        assert (called.code, why in called.err) == (1, True), called.err
    assert not Path("new/winback.sqlite3").exists()
    assert shop("--data", "new", "import-state", "missing.state").code == 2


def test_a_folder_without_an_engine_has_nothing_to_move(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file is left behind."""
    monkeypatch.setenv("WINBACK_SECRET", "a secret for tests alone")
    called = winback("export-state", "shop.state")
    assert (called.code, "ever started" in called.err) == (1, True)
    assert not Path("shop.state").exists()


def test_a_state_is_never_written_over_another(shop: Winback) -> None:
    """The file must not be there yet."""
    Path("shop.state").write_text("the only copy")
    called = shop("export-state", "shop.state", "--copy")
    assert (called.code, "is there already" in called.err) == (2, True)
    assert Path("shop.state").read_text() == "the only copy"
