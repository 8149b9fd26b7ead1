"""`winback bounce`: what mails about mail say, for people and for programs."""

import io
import json
import re
import sys
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Winback
from tests.connectors.bounces.servers import google, mail, postfix

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.md"
DEAD = postfix(
    "ada@example.org", "mx.example.org", ["550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown"]
)
FULL = google("ben@example.org", "mx.example.org", ["552 5.2.2 The recipient's inbox is out of storage space"])


def test_the_document_has_its_form(winback: Winback, tmp_path: Path) -> None:
    """Each mail has its file as it was named, its kind, and recipients with verdict, status, reason and evidence."""
    (tmp_path / "a.eml").write_bytes(DEAD)

    called = winback("bounce", "a.eml", "--json")

    assert called.code == 0
    assert called.json == {
        "files": [
            {
                "file": "a.eml",
                "kind": "bounce",
                "recipients": [
                    {
                        "address": "ada@example.org",
                        "verdict": "dead",
                        "status": "5.1.1",
                        "reason": "nobody has this address",
                        "evidence": ["recipient address rejected: user unknown", "5.1.1"],
                    }
                ],
            }
        ]
    }


def test_folders_mailboxes_and_standard_input(
    winback: Winback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is read file by file, a mailbox mail by mail, `-` is standard input; the order is that of the files."""
    begins = b"From x@example.org Mon Nov 23 09:00:00 2026\n"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1").write_bytes(DEAD)
    (tmp_path / "in" / "2.mbox").write_bytes(begins + FULL + b"\n" + begins + DEAD)
    note = mail("Ada <ada@example.org>", "Out of office", "Back on Monday.")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(note)))

    found = winback("bounce", "in", "-", "--json").json["files"]

    verdicts = [(each["file"], each["kind"], [one["verdict"] for one in each["recipients"]]) for each in found]
    assert verdicts == [
        ("in/1", "bounce", ["dead"]),
        ("in/2.mbox", "bounce", ["full"]),
        ("in/2.mbox#2", "bounce", ["dead"]),
        ("-", "auto_reply", []),
    ]


def test_people_see_why(winback: Winback, tmp_path: Path) -> None:
    """The text names the recipient, the verdict, a sentence and the words that decided."""
    (tmp_path / "a.eml").write_bytes(FULL)

    out = winback("bounce", "a.eml").out

    for said in (
        "a.eml: bounce",
        "ben@example.org",
        "full",
        "5.2.2",
        "the mailbox or the system behind it is full",
        "out of storage",
    ):
        assert said in out


def test_what_can_not_be_read_is_told_and_the_rest_is_read(winback: Winback, tmp_path: Path) -> None:
    """A file that is not there makes it exit 1; the others are read all the same. Rubbish is a mail of kind other."""
    (tmp_path / "a.eml").write_bytes(DEAD)
    (tmp_path / "rubbish").write_bytes(bytes(range(256)) * 40)

    called = winback("bounce", "gone.eml", "a.eml", "rubbish", "--json")

    assert called.code == 1
    assert "gone.eml can not be read: No such file or directory" in called.err
    assert [each["kind"] for each in json.loads(called.out)["files"]] == ["bounce", "other"]


def test_rubbish_alone_is_no_failure(winback: Winback, tmp_path: Path) -> None:
    """Only what could not be read makes it exit 1: an empty file, or one that is no mail, could."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "rubbish").write_bytes(b"\xff" * 100)

    called = winback("bounce", "empty", "rubbish", "--json")

    assert (called.code, [each["kind"] for each in called.json["files"]]) == (0, ["other", "other"])


def test_without_a_file_it_says_what_it_takes(winback: Winback) -> None:
    """Called without a file, it says so and exits 2."""
    called = winback("bounce")

    assert called.code == 2
    assert "name a file" in called.err


def test_its_schema_is_printed(winback: Winback) -> None:
    """`winback schema bounce.json` describes the document."""
    schema = msgspec.json.decode(winback("schema", "bounce.json").out)

    assert schema["title"] == "winback bounce.json"


def test_the_pages_example_is_true(winback: Winback, tmp_path: Path) -> None:
    """The mail on the page of verdicts comes out as the page shows."""
    mail_, command, shown = re.findall(r"```(?:sh)?\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "returned.eml").write_text(mail_)

    out = winback(*command.split()[1:]).out

    assert [line.split() for line in out.splitlines()] == [line.split() for line in shown.splitlines()]
