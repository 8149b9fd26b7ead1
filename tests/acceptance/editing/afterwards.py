"""What must be true after live files were edited again and again: by the mail server's log, the effects and the ledger."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.books.database import open_to_read, open_to_write
from engine.books.views import Views
from engine.core.links import UNSUBSCRIBE, Keys
from engine.core.moments import Instant, instant
from engine.runtimes.sqlite.replay import differing, replay
from tests.simulator.effects_read import Line

AFTER_ITS_END = ("coupon_voided",)
"""What may still be told of a run that has ended: a code is taken back when its mail turns out not to have left."""


@dataclass(frozen=True)
class Mail:
    """A mail as the server took it: its act by the link in it, whom it went to, and which edition its subject is of."""

    effect_id: str
    template: str
    edition: int
    text: str
    taken_at: Instant
    editions: tuple[int, ...]
    """The editions that were in force since the last mail before it was asked for, and now."""


def mail_of(parsed: Any, keys: Keys, taken_at: Instant, editions: tuple[int, ...]) -> Mail:
    """Read a message."""
    text = parsed.get_body(("plain",)).get_content()
    found = re.search(r"http://shop\.example/u/(\S+)", text)
    subject = re.fullmatch(r"(\w+) edition (\d+)", str(parsed["Subject"]))
    assert found is not None, "no way to unsubscribe"
    assert subject is not None, str(parsed["Subject"])
    number = keys.open(found[1], UNSUBSCRIBE).effect_id
    return Mail(number, subject[1], int(subject[2]), text, taken_at, editions)


def broken(data: Path, mails: Sequence[Mail], said_no: dict[str, Instant], key: bytes) -> Iterator[str]:
    """Yield each promise that was broken. `said_no` is when a customer said stop, for good."""
    with Views(data) as views:
        told = [effect for _, effect in views.effects_after(0, 1_000_000) if not effect.shadow]
    lines = [_line(effect.cloud_event()) for effect in told]
    with closing(open_to_read(data)) as reader:
        yield from _twice(mails, lines)
        yield from _lost(reader, mails, lines)
        yield from _runs(reader, lines)
        yield from _after_the_end(mails, lines)
        yield from _after_a_no(mails, lines, said_no)
        yield from _other_than_promised(mails, lines)
        yield from _closed(lines)
        yield from _stuck(reader)
        yield from _differs_from_replay(reader, data.parent / "replayed", key)


def _line(told: dict[str, Any]) -> Line:
    kind = told["type"].removeprefix("winback.")
    return Line(told["id"], kind, datetime.fromisoformat(told["time"]), told["subject"], told["data"])


def _twice(mails: Sequence[Mail], lines: Sequence[Line]) -> Iterator[str]:
    """No act's mail was accepted twice, and no run got a template twice."""
    requested = {line.data["effect_id"]: line for line in lines if line.kind == "send.requested"}
    for number, times in Counter(mail.effect_id for mail in mails).items():
        if times > 1:
            yield f"the mail of {number} was accepted {times} times"
    by_run = Counter((requested[mail.effect_id].data["run"], mail.template) for mail in mails)
    yield from (f"run {run} got {name} {times} times" for (run, name), times in by_run.items() if times > 1)
    acts = Counter(
        (line.data["run"], line.kind, str(line.data.get("tag") or line.data.get("team")))
        for line in lines
        if line.kind in ("tagged", "handed_off")
    )
    stages = {(line.data["run"], line.data["stage"]) for line in lines if "stage" in line.data}
    most = Counter(run for run, _ in stages)
    yield from (f"{act} was done {count} times" for act, count in acts.items() if count > most[act[0]])
    for number, times in Counter(line.id for line in lines).items():
        if times > 1:
            yield f"the effect {number} was told {times} times"


def _lost(reader: sqlite3.Connection, mails: Sequence[Mail], lines: Sequence[Line]) -> Iterator[str]:
    """Each mail that was asked for was accepted, or its ledger says that it did not leave, and nothing waits."""
    states = dict(reader.execute("select effect_id, state from ledger").fetchall())
    requested = {line.data["effect_id"] for line in lines if line.kind == "send.requested"}
    accepted = {mail.effect_id for mail in mails}
    done = {number for number, state in states.items() if state == "done"}
    ended_unsent = {number for number, state in states.items() if state in ("dropped", "refused")}
    yield from (f"{number} is done and was not accepted" for number in done - accepted)
    yield from (f"{number} was accepted and is not done but {states.get(number)}" for number in accepted - done)
    yield from (f"{number} was accepted and never asked for" for number in accepted - requested)
    yield from (f"{number} was asked for and is lost" for number in requested - accepted - ended_unsent)
    left = reader.execute("select count(*) from outbox").fetchone()[0]
    if left:
        yield f"{left} sends are left in the outbox"


def _runs(reader: sqlite3.Connection, lines: Sequence[Line]) -> Iterator[str]:
    """Each run that began has ended, once, and nothing was told of it before or after."""
    state: dict[str, str] = {}
    for line in lines:
        run = line.data.get("run")
        if run is None:
            continue
        if line.kind == "run_started":
            if run in state:
                yield f"{run} began twice"
            state[run] = "open"
        elif state.get(run) != "open" and line.kind not in AFTER_ITS_END:
            yield f"{line.kind} of {run}, which is {state.get(run, 'not begun')}"
        elif line.kind == "run_ended":
            state[run] = "over"
    yield from (f"{run} never ended" for run, how in state.items() if how == "open")
    under_way = reader.execute("select count(*) from under_way").fetchone()[0]
    if under_way:
        yield f"{under_way} are still under way"


def _after_the_end(mails: Sequence[Mail], lines: Sequence[Line]) -> Iterator[str]:
    """Nobody gets a mail of a run that has ended before; one that was just being handed over then has been."""
    requested = {line.data["effect_id"]: line for line in lines if line.kind == "send.requested"}
    ended = {line.data["run"]: instant(line.at) for line in lines if line.kind == "run_ended"}
    for mail in mails:
        run = requested[mail.effect_id].data["run"]
        if mail.taken_at > ended[run]:
            yield f"{mail.template} of run {run} was taken after the run had ended"


def _after_a_no(mails: Sequence[Mail], lines: Sequence[Line], said_no: dict[str, Instant]) -> Iterator[str]:
    """Nobody is written to after their no, but about their account; a call under way at that instant has been made."""
    requested = {line.data["effect_id"]: line for line in lines if line.kind == "send.requested"}
    for mail in mails:
        line = requested[mail.effect_id]
        if line.data["purpose"] != "service" and mail.taken_at > said_no.get(line.customer, mail.taken_at):
            yield f"{line.customer} got {mail.template} after a no"


def _other_than_promised(mails: Sequence[Mail], lines: Sequence[Line]) -> Iterator[str]:
    """A mail is of templates that were in force when it was made; a code is always worth what it was issued for."""
    for mail in mails:
        if mail.edition not in mail.editions:
            yield f"{mail.template} is of edition {mail.edition}, and in force were {mail.editions}"
    issued: dict[str, dict[str, Any]] = {}
    texts = {mail.effect_id: mail.text for mail in mails}
    for line in lines:
        offer = line.data.get("offer") if line.kind == "send.requested" else None
        if line.kind == "coupon_issued":
            if line.data["code"] in issued:
                yield f"the code {line.data['code']} was issued twice"
            issued[line.data["code"]] = line.data
        elif offer:
            told = {name: offer[name] for name in ("value", "minimum_basket", "valid_until")}
            if any(issued[offer["code"]][name] != value for name, value in told.items()):
                yield f"the code {offer['code']} is told as {told}, and was issued as {issued[offer['code']]}"
            text = texts.get(line.data["effect_id"])
            if text is not None and not {offer["code"], offer["value"].rstrip("%")} <= set(re.findall(r"[\w-]+", text)):
                yield f"the mail {line.data['effect_id']} shows another offer than {offer}"


def _closed(lines: Sequence[Line]) -> Iterator[str]:
    """An account is closed on the day that was told last, and not where that was called off."""
    told: dict[str, str | None] = defaultdict(lambda: None)
    for line in lines:
        if line.kind == "account_closing":
            told[line.data["run"]] = line.data["on"]
        elif line.kind == "account_closed" and told[line.data["run"]] is None:
            yield f"{line.customer}: closed though no day of closing stood"
    ended = {line.data["run"]: line for line in lines if line.kind == "run_ended"}
    closed = {line.data["run"] for line in lines if line.kind == "account_closed"}
    for run, day in told.items():
        if day is not None and run not in closed and ended[run].data["outcome"] != "gone":
            yield f"{ended[run].customer}: is to be closed on {day}, and the run has ended as {ended[run].data['outcome']}"


def _stuck(reader: sqlite3.Connection) -> Iterator[str]:
    (letters,) = reader.execute("select count(*) from dead_letter").fetchone()
    (stuck,) = reader.execute("select count(*) from customer where hindrance = 'stuck'").fetchone()
    if letters or stuck:
        reason = reader.execute("select reason from dead_letter").fetchone()
        yield f"{letters} dead letters, {stuck} stuck: {reason}"


def _differs_from_replay(reader: sqlite3.Connection, folder: Path, key: bytes) -> Iterator[str]:
    """The records are those that the journal gives when it is decided once more."""
    target: sqlite3.Connection = open_to_write(folder)
    with closing(target):
        target.execute("pragma synchronous = off")
        replay(reader, target, key=key)
        yield from (f"the record of {name} differs from the replay" for name in differing(reader, target))
