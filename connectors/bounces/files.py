"""Mails in files: one mail each, or a mailbox of many (mbox), read in bounded memory however large they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from connectors.bounces.parts import LARGEST

_LINE: Final = 65_536
_A_MAIL_BEGINS = re.compile(rb"From \S+ +\w{3} \w{3} +\d")


def mails_in(opened: BinaryIO) -> Iterator[bytes]:
    """Yield the mails of a file, of each no more than is read of it. A line `From ...` begins one only in a mailbox."""
    mail, size, blank = bytearray(), 0, True
    is_mailbox = False
    while line := opened.readline(_LINE):
        begins = blank and _A_MAIL_BEGINS.match(line) is not None
        if begins and (is_mailbox or size == 0):
            if size:
                yield bytes(mail)
            mail, size, is_mailbox = bytearray(), 0, True
        size += len(line)
        if len(mail) < LARGEST:
            mail += line[: LARGEST - len(mail)]
        blank = line in (b"\n", b"\r\n")
    if size:
        yield bytes(mail)


def files_of(paths: tuple[str, ...]) -> Iterator[str]:
    """Yield files as they were named; of a folder all that are in it by name, hidden ones left out."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            yield from sorted(
                str(each) for each in Path(path).rglob("*") if each.is_file() and not each.name.startswith(".")
            )
        else:
            yield path
