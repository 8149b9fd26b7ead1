"""Exports as they come: what they are written in is found out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from connectors.files.lines import FileProblem
from connectors.files.sheets import Sheet, open_sheet


def sheet(folder: Path, raw: bytes) -> Sheet:
    """Return a file with these bytes, opened."""
    path = folder / "export.csv"
    path.write_bytes(raw)
    return open_sheet(str(path))


def rows(found: Sheet) -> list[tuple[int, list[str]]]:
    """Return the rows that can be read, with their lines."""
    return [(row.number, row.cells) for row in found.rows() if not row.problem]


TEXT = "E-Mail,Name\nada@example.org,Zoë Müller\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), "UTF-8"),
        (TEXT.encode("utf-8-sig"), "UTF-8"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16"),
        (TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.encode("cp1252"), "Windows-1252"),
        (gzip.compress(TEXT.encode(), mtime=0), "UTF-8"),
    ],
)
def test_the_encoding_is_found_out(tmp_path: Path, raw: bytes, encoding: str) -> None:
    """By its BOM, its zeros, or because it is not UTF-8; packed or not."""
    found = sheet(tmp_path, raw)
    assert found.encoding == encoding
    assert found.columns == ["E-Mail", "Name"]
    assert rows(found) == [(2, ["ada@example.org", "Zoë Müller"])]


def test_an_umlaut_far_down_is_found_as_well(tmp_path: Path) -> None:
    """The whole file is looked through, not its head."""
    found = sheet(tmp_path, b"name,city\n" + b"ada,Rome\n" * 300_000 + "bob,Köln\n".encode("cp1252"))
    assert found.encoding == "Windows-1252"
    assert rows(found)[-1] == (300_002, ["bob", "Köln"])
    assert found.lines == 300_002


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path: Path, separator: str) -> None:
    """Whatever cuts the header into the most cells."""
    found = sheet(tmp_path, f"a{separator}b c{separator}d\n1{separator}2{separator}3\n".encode())
    assert (found.separator, len(found.columns)) == (separator, 3)


def test_what_excel_puts_before_all_is_understood(tmp_path: Path) -> None:
    """`sep=;` names the separator and is no row; lines count on from there."""
    found = sheet(tmp_path, b"sep=;\r\na;b\r\n1;2\r\n")
    assert (found.separator, found.columns, rows(found)) == (";", ["a", "b"], [(3, ["1", "2"])])


@pytest.mark.parametrize("first", ["ada@example.org", "a" * 64])
def test_a_list_may_have_no_header(tmp_path: Path, first: str) -> None:
    """An address or a hash in the first line is a row."""
    found = sheet(tmp_path, f"{first}\nbob@example.org\n".encode())
    assert (found.has_header, found.columns) == (False, ["1"])
    assert [number for number, _ in rows(found)] == [1, 2]


def test_a_cell_may_go_over_lines_and_the_next_row_knows_its_own(tmp_path: Path) -> None:
    """Rows are named by their first line, blank ones are no rows."""
    found = sheet(tmp_path, b'a,b\n"x\ny",1\n\nz,2\n')
    assert rows(found) == [(2, ["x\ny", "1"]), (5, ["z", "2"])]


def test_a_broken_row_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    """Too few or too many cells and quotes out of place are told with their line."""
    found = sheet(tmp_path, b'a,b\n1\n1,2,3\n"x"y,2\n1,2,\n5,6\n')
    assert [(row.number, bool(row.problem)) for row in found.rows()] == [
        (2, True),
        (3, True),
        (4, True),
        (5, False),
        (6, False),
    ]


def test_a_file_that_is_empty_or_missing_is_refused(tmp_path: Path) -> None:
    """Before anything is read from it."""
    with pytest.raises(FileProblem, match="empty"):
        sheet(tmp_path, b"")
    with pytest.raises(FileProblem, match="No such file"):
        open_sheet(str(tmp_path / "nowhere.csv"))


def test_a_truncated_archive_is_refused_as_a_whole(tmp_path: Path) -> None:
    """It is looked through before anything is taken from it."""
    raw = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000)))
    with pytest.raises(FileProblem, match="cannot be read"):
        sheet(tmp_path, raw[: len(raw) // 2])
