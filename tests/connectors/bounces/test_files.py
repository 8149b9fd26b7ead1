"""Mails in files: one, many in a mailbox, and folders."""

import io
from pathlib import Path

from connectors.bounces.files import files_of, mails_in
from connectors.bounces.parts import LARGEST

MAIL = b"From: a@example.org\nSubject: x\n\nFrom here on it is text.\n\nFrom dusk to dawn.\n"


def test_a_file_is_one_mail_unless_it_is_a_mailbox() -> None:
    """Lines of text that begin with From divide nothing, in a mailbox neither."""
    begins = b"From x@example.org Mon Nov 23 09:00:00 2026\n"

    assert list(mails_in(io.BytesIO(MAIL))) == [MAIL]
    assert list(mails_in(io.BytesIO(begins + MAIL))) == [begins + MAIL]
    assert list(mails_in(io.BytesIO((begins + MAIL + b"\n") * 3))) == [begins + MAIL + b"\n"] * 3
    assert list(mails_in(io.BytesIO(b""))) == []


def test_a_mail_without_end_is_read_in_part() -> None:
    """No more of a mail is kept than is read of it."""
    (mail,) = mails_in(io.BytesIO(MAIL + b"x" * (3 * LARGEST)))

    assert len(mail) == LARGEST


def test_folders_are_read_by_name(tmp_path: Path) -> None:
    """Of a folder all files count, those in folders too, hidden ones not."""
    for name in ("b.eml", "a.eml", ".hidden", "new/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(MAIL)

    assert list(files_of((str(tmp_path), "-", "gone"))) == [
        str(tmp_path / each) for each in ("a.eml", "b.eml", "new/c")
    ] + ["-", "gone"]
