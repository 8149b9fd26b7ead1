"""The promise, with kill -9: no message is accepted twice at our doing, and none is lost without a word."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.smtp import Envelope

from engine.books.database import open_to_read
from engine.core.customer import decode
from tests.mail_servers import Mails, mail_server

PROGRAM = Path(__file__).with_name("relay_process.py")
ROOT = Path(__file__).parents[3]


class Killer(Mails):
    """A mail server that says when it has come to a point: a recipient named, or a message taken, its 250 just sent."""

    def __init__(self) -> None:
        super().__init__(at_recipient=lambda _: self._at("recipient"), at_message=self._count)
        self.point, self.more = "", 0
        self.reached = asyncio.Event()
        self.accepted: Counter[str] = Counter()

    def at(self, point: str, more: int) -> None:
        """Say when it has come to the point so many more times."""
        self.point, self.more = point, more
        self.reached.clear()

    def _count(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.accepted[message_from_bytes(envelope.content)["message-id"].strip("<>").partition("@")[0]] += 1
        self._at("message")

    def _at(self, point: str) -> None:
        self.more -= point == self.point
        if point == self.point and self.more == 0:
            # The answer is written after this returns, so in the turn after next it is on its way.
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_soon(self.reached.set))


async def start(folder: Path, port: int, customers: int) -> asyncio.subprocess.Process:
    """Start the engine."""
    return await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, str(folder), str(port), str(customers), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )


def ledger(folder: Path) -> dict[str, str]:
    """Return what the ledger says of each send."""
    with closing(open_to_read(folder)) as reader:
        return dict(reader.execute("select effect_id, state from ledger").fetchall())


@pytest.mark.parametrize(("kills", "customers"), [(10, 400), pytest.param(100, 4_000, marks=pytest.mark.long)])
async def test_kill_and_restart(tmp_path: Path, kills: int, customers: int) -> None:
    """Over many kills, half of them just after a 250, each mail is taken once, or is listed as uncertain.

    Uncertain are only those that were `calling` at a kill; at the end every customer's record has moved on.
    """
    chance = random.Random(20261122)
    mails = Killer()
    called_at_kill: set[str] = set()
    async with mail_server(mails) as server:
        for kill in range(kills):
            mails.at("message" if kill % 2 else "recipient", chance.randint(1, customers // kills - 5))
            process = await start(tmp_path, server.port, customers)
            await asyncio.wait_for(mails.reached.wait(), 60)
            process.kill()
            await process.wait()
            calling = {effect_id for effect_id, state in ledger(tmp_path).items() if state == "calling"}
            assert len(calling) <= 3
            called_at_kill |= calling
        process = await start(tmp_path, server.port, customers)
        assert await asyncio.wait_for(process.wait(), 60) == 0

    states = ledger(tmp_path)
    uncertain = {effect_id for effect_id, state in states.items() if state == "uncertain"}
    assert max(mails.accepted.values()) == 1
    assert len(states) == customers
    assert uncertain & set(mails.accepted), "no kill fell between a 250 and its commit"
    assert set(states.values()) <= {"done", "uncertain"}
    assert uncertain == called_at_kill - {effect_id for effect_id, state in states.items() if state == "done"}
    assert set(mails.accepted) | uncertain == set(states)
    assert {effect_id for effect_id, state in states.items() if state == "done"} <= set(mails.accepted)
    with closing(open_to_read(tmp_path)) as reader:
        records = [decode(raw) for (raw,) in reader.execute("select record from customer")]
        assert not reader.execute("select count(*) from outbox").fetchone()[0]
    assert {run.doing for record in records for run in record.runs} == {"waiting"}
