"""What must be true after the crash loop: by the mails that the server has, and by what the database says."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from engine.books.database import open_to_read, open_to_write
from engine.books.journal import decode_signal
from engine.core import customer as records
from engine.core.effects import SEND_DROPPED, SEND_REQUESTED
from engine.core.links import UNSUBSCRIBE, Keys
from engine.core.moments import DAY, Instant, instant
from engine.core.signals import Happened
from engine.runtimes.sqlite.replay import differing, replay
from engine.wiring.secret import Secrets
from tests.acceptance.crash.tool import untold

IN_FLIGHT = 4
"""Calls under way at a time, which a "no" or a pause finds already made."""


@dataclass
class Findings:
    """What the crash loop saw. `in_window`: kills between the server's 250 and the engine's commit, by the ledger."""

    seed: int
    kills: int = 0
    in_window: int = 0
    in_start: int = 0
    pauses: int = 0
    objections: int = 0
    days: float = 0
    seconds: float = 0
    events: int = 0
    requested: int = 0
    accepted: int = 0
    uncertain: int = 0
    uncertain_and_accepted: int = 0
    dropped: int = 0
    told: int = 0
    told_again: int = 0
    calling_at_kills: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        figures = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        return ", ".join(f"{name} {value:g}" for name, value in figures.items())


class Mail:
    """One message as the server keeps it. Its act is told by the unsubscribe link in its body, not by its Message-ID."""

    def __init__(self, path: Path, keys: Keys) -> None:
        parsed: Any = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = parsed.get_body(("plain",)).get_content()
        found = re.search(r"http://shop\.example/u/(\S+)", body)
        assert found is not None, f"{path.name}: no way to unsubscribe"
        self.token = found[1]
        self.link = keys.open(self.token, UNSUBSCRIBE)
        self.effect_id = self.link.effect_id
        self.what = (str(parsed["To"]), str(parsed["Subject"]))
        self.kind = (str(parsed["To"]), self.link.purpose)
        self.at = (
            instant(parsedate_to_datetime(parsed["Date"])) if parsed["Date"] else None
        )  # a service dates it itself


def look(
    found: Findings,
    data: Path,
    secrets: Secrets,
    mails: Sequence[Mail],
    acknowledged: Sequence[str],
    objections: dict[tuple[str, str], int],
    told: Sequence[str],
) -> None:
    """Look at all of it; what is not as promised goes to `broken`.

    `objections` tell for an address and purpose how many mails the server had when the "no" was acknowledged.
    """
    found.accepted, found.events, found.objections = len(mails), len(acknowledged), len(objections)
    found.told, found.told_again = len({*told}), len(told) - len({*told})
    with closing(open_to_read(data)) as reader:
        found.broken += [
            *_twice(mails),
            *_in_spite_of_a_no(mails, objections),
            *_lost(found, reader, mails),
            *_forgotten(reader, acknowledged),
            *untold(reader, told),
            *_differs_from_replay(reader, data.parent / "replayed", secrets.codes),
        ]


def _twice(mails: Sequence[Mail]) -> Iterator[str]:
    """No message was accepted twice: by the act its links name, and by who got what when."""
    for number, times in Counter(mail.effect_id for mail in mails).items():
        if times > 1:
            yield f"the message of effect {number} was accepted {times} times"
    last: dict[tuple[str, str], Instant] = {}
    for mail in mails:
        if mail.at is None:
            continue
        before = last.get(mail.what)
        last[mail.what] = mail.at
        if before is not None and mail.at - before < 6 * DAY:
            yield f"{mail.what} was accepted twice within six days"


def _in_spite_of_a_no(mails: Sequence[Mail], objections: dict[tuple[str, str], int]) -> Iterator[str]:
    """Nobody got a mail after a "no" that was acknowledged, but for those being handed over just then."""
    for number, mail in enumerate(mails):
        said_at = objections.get(mail.kind)
        if said_at is not None and number >= said_at + IN_FLIGHT:
            yield f"mail {number} went to {mail.kind}, who had said no when there were {said_at}"


def _lost(found: Findings, reader: sqlite3.Connection, mails: Sequence[Mail]) -> Iterator[str]:
    """Each message asked for was accepted, or is listed as uncertain and was being called at a kill, or was dropped."""
    query = "select distinct effect_id from effect where type = ? and shadow = 0"
    requested = {number for (number,) in reader.execute(query, (SEND_REQUESTED,))}
    told_dropped = {number for (number,) in reader.execute(query, (SEND_DROPPED,))}
    states = dict(reader.execute("select effect_id, state from ledger").fetchall())
    accepted = {mail.effect_id for mail in mails}
    uncertain = {number for number, state in states.items() if state == "uncertain"}
    dropped = set(_ended_unsent(reader))
    found.requested, found.uncertain, found.dropped = len(requested), len(uncertain), len(dropped)
    found.uncertain_and_accepted = len(uncertain & accepted)
    done = {number for number, state in states.items() if state == "done"}
    for wrong, what in (
        (done - accepted, "is done and was never accepted"),
        (accepted - done - uncertain, "was accepted, and its ledger says neither done nor uncertain"),
        (accepted - requested, "was accepted and never asked for"),
        (uncertain - found.calling_at_kills, "is uncertain, and was not being called at a kill"),
        (requested - accepted - uncertain - dropped - told_dropped, "was asked for and is lost"),
    ):
        yield from (f"the send {number} {what} (ledger: {states.get(number)})" for number in sorted(wrong))
    left = reader.execute("select count(*) from outbox").fetchone()[0]
    if left:
        yield f"{left} sends are left in the outbox"


def _ended_unsent(reader: sqlite3.Connection) -> Iterator[str]:
    """Yield the sends that ended without leaving, and those that were given back and are still wanted or never will be.

    What was given back is no end: its run must wait to ask for it again, unless the run was over before.
    """
    rows = reader.execute(
        "select effect_id, customer, json_extract(detail, '$.outcome') from ledger where state in ('dropped', 'refused')"
    )
    over = "select 1 from effect where type = 'winback.run_ended' and body ->> 'run' = ?"
    run_of = "select body ->> 'run' from effect where effect_id = ? and type = ?"
    for number, customer, outcome in rows.fetchall():
        (run,) = reader.execute(run_of, (number, SEND_REQUESTED)).fetchone()
        (record,) = reader.execute("select record from customer where id = ?", (customer,)).fetchone()
        waits = any(
            each.effect_id == number and each.doing in ("deferred", "paused") for each in records.decode(record).runs
        )
        if outcome != "again" or waits or reader.execute(over, (run,)).fetchone():
            yield number


def _forgotten(reader: sqlite3.Connection, acknowledged: Sequence[str]) -> Iterator[str]:
    """What was acknowledged is in the journal, once."""
    times: Counter[str] = Counter()
    for (raw,) in reader.execute("select signal from journal"):
        decided = decode_signal(raw)
        if isinstance(decided, Happened):
            times[decided.event.id] += 1
    yield from (f"the event {name} was acknowledged and is gone" for name in acknowledged if not times[name])
    yield from (f"the event {name} was decided {count} times" for name, count in times.items() if count > 1)


def _differs_from_replay(reader: sqlite3.Connection, folder: Path, key: bytes) -> Iterator[str]:
    """The records are those that the journal gives when it is decided once more."""
    target: sqlite3.Connection = open_to_write(folder)
    with closing(target):
        target.execute("pragma synchronous = off")
        replay(reader, target, key=key)
        yield from (f"the record of {name} differs from the replay" for name in differing(reader, target))
