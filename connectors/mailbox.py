"""The local mailbox: messages become .eml files that any mail program opens, and a page of the ops listener shows.

It is what `run` writes to while no mail server is named. Files lie in a folder a day, and `index.jsonl` names them all,
so that a list needs no file opened. A call made again after a crash is recognised by its effect id.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Iterator
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct

from engine.core.erasing import Traces
from engine.core.moments import Instant, moment
from engine.ports import Clock, Message, Sent
from engine.rendering.mime import BadMessageError, as_bytes

_INDEX = "index.jsonl"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class Letter(Struct, frozen=True):
    """One message in the mailbox. `file` is its path within the folder."""

    id: str
    at: Instant
    recipient: str
    subject: str
    file: str


class Mailbox:
    """A folder of messages: a sender that writes them, and what a page needs to show them."""

    honours_key = True

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Open the folder, made if need be.

        Raises:
            OSError: it cannot be read or written.

        """
        self._folder = folder
        self._clock = clock
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._letters: dict[str, Letter] = {}
        self._read_to = 0
        self._read_news()
        self._adopt_stray_files()

    async def send(self, message: Message) -> Sent:
        """Write the message to its file."""
        return await asyncio.to_thread(self._write, message)

    async def find(self, effect_id: str, message_id: str) -> Sent | None:  # noqa: ARG002 - as the port has it
        """Return None: a repeated call is recognised, so nobody asks."""
        return None

    async def close(self) -> None:
        """End nothing: no file stays open."""

    def letters(self, search: str = "", limit: int = 100, skip: int = 0) -> tuple[list[Letter], int]:
        """Return the newest messages whose recipient or subject holds the search words, and how many there are of them."""
        self._read_news()
        words = search.casefold().split()
        found = [
            letter
            for letter in reversed(list(self._letters.values()))
            if all(word in f"{letter.recipient} {letter.subject}".casefold() for word in words)
        ]
        return found[skip : skip + limit], len(found)

    def letter_of(self, effect_id: str) -> str | None:
        """Return the id of the message that a send became, None where it is not here."""
        letter_id = _name(effect_id)
        return letter_id if letter_id in self._letters else None

    def read(self, letter_id: str) -> bytes | None:
        """Return a message as it was written, None where there is none of this id."""
        self._read_news()
        letter = self._letters.get(letter_id)
        if letter is None:
            return None
        try:
            return (self._folder / letter.file).read_bytes()
        except FileNotFoundError:  # somebody tidied up
            return None

    def forget(self, before: Instant) -> int:
        """Remove the messages written before an instant, and return how many they were.

        The files go before the index: what a crash leaves in the index alone is removed the next time.

        Raises:
            OSError: a file cannot be removed, or the index not written.

        """
        return self._remove(lambda letter: letter.at < before)

    def erase(self, effects: Iterable[str], traces: Traces) -> int:
        """Remove all messages to or about a person, overwritten before; return how many they were.

        Those are what their effects became, and whatever has a trace of them in its head or in its parts: a task about them
        went to a team.

        Raises:
            OSError: a file cannot be read or removed, or the index not written.

        """
        theirs = {_name(effect_id) for effect_id in effects}
        for path in self._folder.glob("**/*.part"):  # left behind by a crash
            path.unlink()
        return self._remove(lambda letter: letter.id in theirs or self._tells_of(letter, traces), overwrite=True)

    def _tells_of(self, letter: Letter, traces: Traces) -> bool:
        if traces.words_in(f"{letter.recipient}\n{letter.subject}".encode()):
            return True
        try:
            raw = (self._folder / letter.file).read_bytes()
        except FileNotFoundError:
            return False
        return traces.words_in(raw) or any(traces.words_in(part) for part in _parts(raw))

    def _remove(self, which: Callable[[Letter], bool], *, overwrite: bool = False) -> int:
        self._read_news()
        with self._lock:
            old = [letter for letter in self._letters.values() if which(letter)]
            if not old:
                return 0
            gone = {letter.id for letter in old}
            kept = {name: letter for name, letter in self._letters.items() if name not in gone}
            for letter in old:
                if overwrite:
                    _blacken(self._folder / letter.file)
                (self._folder / letter.file).unlink(missing_ok=True)
            for folder in {(self._folder / letter.file).parent for letter in old}:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            written = (self._folder / _INDEX).with_suffix(".part")
            written.write_bytes(b"".join(msgspec.json.encode(letter) + b"\n" for letter in kept.values()))
            self._read_to = written.stat().st_size
            if overwrite:
                _blacken(self._folder / _INDEX)
            written.replace(self._folder / _INDEX)
            self._letters = kept
            return len(old)

    def _read_news(self) -> None:
        """Read what the index has had since: a command line may write beside the engine."""
        index = self._folder / _INDEX
        with self._lock:
            size = index.stat().st_size if index.exists() else 0
            if size < self._read_to:  # written anew by somebody who tidied up
                self._letters, self._read_to = {}, 0
            if size > self._read_to:
                with index.open("rb") as file:
                    file.seek(self._read_to)
                    whole, newline, _ = file.read().rpartition(b"\n")
                self._read_to += len(whole) + len(newline)
                for letter in _decoded(whole.splitlines()):
                    self._letters.setdefault(letter.id, letter)

    def _write(self, message: Message) -> Sent:
        now = self._clock.now()
        try:
            content = as_bytes(message, now)
        except BadMessageError as bad:
            return Sent("refused", "dead" if bad.status == "5.1.3" else "policy", bad.status, str(bad))
        with self._lock:
            if _name(message.effect_id) not in self._letters:
                self._keep(_name(message.effect_id), content, now)
        return Sent("done")

    def _keep(self, letter_id: str, content: bytes, now: Instant) -> None:
        at = moment(now)
        file = Path(f"{at:%Y-%m-%d}") / f"{at:%H%M%S}-{letter_id}.eml"
        path = self._folder / file
        path.parent.mkdir(exist_ok=True)
        written = path.with_suffix(".part")
        written.write_bytes(content)
        written.replace(path)  # whoever looks sees a whole message or none
        self._add(letter_id, content, file, now)

    def _add(self, letter_id: str, content: bytes, file: Path, now: Instant) -> None:
        head = BytesHeaderParser(policy=default).parsebytes(content)
        letter = Letter(letter_id, now, str(head["to"]), str(head["subject"]), file.as_posix())
        with (self._folder / _INDEX).open("ab") as index:
            index.write(msgspec.json.encode(letter) + b"\n")
        self._letters[letter_id] = letter

    def _adopt_stray_files(self) -> None:
        """Index what was written just before the last process ended."""
        known = {letter.file for letter in self._letters.values()}
        for path in sorted(self._folder.glob("*/*-*.eml")):
            file = path.relative_to(self._folder)
            letter_id = path.stem.partition("-")[2]
            if file.as_posix() not in known and letter_id not in self._letters:
                self._add(letter_id, path.read_bytes(), file, int(path.stat().st_mtime_ns // 1_000))


def _decoded(lines: Iterable[bytes]) -> Iterator[Letter]:
    decoder = msgspec.json.Decoder(Letter)
    for line in lines:
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:  # broken off by a crash; its file is still there, and is adopted
            continue


def _parts(raw: bytes) -> Iterator[bytes]:
    """Yield the parts of a message as they were before they were encoded for the way."""
    for part in BytesParser(policy=default).parsebytes(raw).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content


def _blacken(path: Path) -> None:
    """Overwrite a file in its place, so that its content does not stay on free blocks of the disk."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:  # somebody tidied up
        return


def _name(effect_id: str) -> str:
    return _NOT_IN_NAMES.sub("_", effect_id)
