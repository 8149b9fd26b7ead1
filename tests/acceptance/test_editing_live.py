"""Live files are edited at random, under load, with moves between versions and ways back: nobody lost, nothing sent twice.

A real mail server on loopback, which puts off a message now and then so that some lie in the outbox at each edit; events
come in while the edit is applied. What is true afterwards is looked at from outside: `editing/afterwards.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from connectors.memory import FixedClock
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.listeners.control import ControlRefusedError
from engine.wiring.checking import checked_folder
from engine.wiring.program import running
from engine.wiring.receiver_settings import FilesTaken
from engine.wiring.secret import keys_of
from tests.acceptance.editing.afterwards import Mail, broken, mail_of
from tests.acceptance.editing.shop_files import NAMES, Files
from tests.acceptance.embedded import Shop, settings
from tests.builders import START, event
from tests.mail_servers import Mails, mail_server

CUSTOMERS = [f"c{number}" for number in range(40)]
LEAPS = (0, 20 * MINUTE, 5 * HOUR, DAY, DAY, 3 * DAY)


@dataclass
class Figures:
    """What happened, so that the test can see that it has tried what it is about."""

    edits: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    backs: int = 0
    in_the_outbox: int = 0


class Editing:
    """A live shop, its author, and its customers."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.data = folder / "data"
        self.chance = Random(seed)
        self.files = Files(folder / "workflows", self.chance)
        self.clock = FixedClock(START)
        self.taken: list[tuple[Instant, tuple[int, ...], bytes]] = []
        self.editions: tuple[int, ...] = (self.files.edition,)
        self.said_no: dict[str, Instant] = {}
        self.figures = Figures()
        self.number = 0

    async def run(self, edits: int) -> list[str]:
        """Edit so many times, let everything end, and return what is broken."""
        server = Mails(at_message=self._at_message)
        checked, _ = checked_folder(self.files.folder)
        assert checked.rules is not None, checked.errors
        async with mail_server(server) as where:
            update = {"workflows": self.files.folder, "files": FilesTaken(take=("*",))}
            chosen = settings(self.data, where.port).model_copy(update=update)
            keys = keys_of(chosen, {})
            async with running(chosen, {}, self.clock, checked) as program:
                self.shop = Shop(program, self.clock)
                await program.control.do("go-live", {"no_suppressions": True, "name_servers": []})
                await self.shop.program.loop.submit(self._who_there_is())
                await self.shop.settle()
                for _ in range(edits):
                    await self._one_round()
                self.at_rest = True
                for _ in range(75):
                    self.clock.set(self.clock.now() + DAY)
                    await self._none("outbox where next_try <= ?", self.clock.now())
        mails = [self._mail(keys.links, *each) for each in self.taken]
        return list(broken(self.data, mails, self.said_no, keys.codes))

    at_rest = False

    def _at_message(self, envelope: Envelope) -> str | None:
        """Put off some, so that they wait in the outbox; note when the others were taken, and what was in force."""
        if not self.at_rest and self.chance.random() < 0.3:
            return "451 4.3.0 come back later"
        assert isinstance(envelope.content, bytes)
        self.taken.append((self.clock.now(), self.editions, envelope.content))
        return None

    def _mail(self, keys: Any, taken_at: Instant, editions: tuple[int, ...], content: bytes) -> Mail:
        return mail_of(message_from_bytes(content, policy=policy.default), keys, taken_at, editions)

    # A round

    async def _one_round(self) -> None:
        """Time passes; while events come in the files are edited and applied, or the last apply is taken back."""
        self.clock.set(self.clock.now() + self.chance.choice(LEAPS))
        await self.shop.settled_but_for_mail()
        self.figures.in_the_outbox += bool(self.shop.rows("select count(*) from outbox")[0][0])
        await asyncio.gather(self._load(), self._edit())
        await self._none("outbox where next_try <= ?", self.clock.now())
        self.editions = (self._in_force(),)

    async def _none(self, of: str, *values: Any) -> None:
        """Wait until what is due is done, and there is none of these rows."""
        async with asyncio.timeout(60):
            await self.shop.settled_but_for_mail()
            while self.shop.rows(f"select count(*) from {of}", *values)[0][0]:
                await asyncio.sleep(0.01)  # what the relay does is seen in the database alone
                await self.shop.settled_but_for_mail()

    async def _load(self) -> None:
        for _ in range(3):
            await self.shop.program.loop.submit([self._something() for _ in range(self.chance.randint(4, 12))])

    async def _edit(self) -> None:
        moves = {name: self.chance.choice(["pin", "move", "exit", "move"]) for name in self._some_names()}
        back = self.chance.random() < 0.12
        if not back:
            self.figures.edits[self.files.edit()] += 1
        self.editions = (*self.editions, *(range(1, self.files.edition) if back else [self.files.edition]))
        if await self._applied(moves, back=back):
            self.figures.moves.update(moves.values())
            self.figures.backs += back

    async def _applied(self, moves: dict[str, str], *, back: bool) -> bool:
        """Apply; when that is refused, say what it asks for, and apply again."""
        do = self.shop.program.control.do
        command = "apply-back" if back else "apply"
        arguments = {"workflows": str(self.files.folder), "who": "ada", "moves": moves}
        try:
            result = await do(command, arguments)
        except ControlRefusedError as error:
            if "nothing to go back to" in str(error):
                return False
            self.figures.refused += 1
            gone = [name for name in NAMES if f"{name} is gone from the files" in str(error)]
            words = {name: self.chance.choice(["pin", "exit"]) for name in gone}
            allowed = {name: how for name, how in moves.items() if f"--move {name}=" not in str(error)}
            result = await do(command, {**arguments, "moves": {**allowed, **words}})
        assert result["applied"], result["problems"]
        return True

    def _in_force(self) -> int:
        """The edition that is in force, as the database has it."""
        query = (
            "select body from template_set join applied on template_set.num = template_set order by applied.num desc"
        )
        (body,) = self.shop.rows(query)[0]
        return int(body.partition("letter_a edition ")[2].partition("\\n")[0])

    def _some_names(self) -> list[str]:
        return self.chance.sample(NAMES, self.chance.choice([0, 1, 1, 2, 3]))

    # What happens

    def _who_there_is(self) -> list[Event]:
        return [
            each
            for name in CUSTOMERS
            for each in (
                event("profile.updated", START, name, f"{name} is", email=f"{name}@{name}.example", language="en"),
                event("consent.given", START, name, f"{name} marketing", purpose="marketing", proof={"page": "/"}),
                event("consent.given", START, name, f"{name} newsletter", purpose="newsletter", proof={"page": "/"}),
            )
        ]

    def _something(self) -> Event:
        self.number += 1
        name, now = self.chance.choice(CUSTOMERS), self.clock.now()
        kind = self.chance.choices(
            ["customer.visited", "order.placed", "email.clicked", "email.unsubscribed"], [200, 20, 30, 2]
        )[0]
        if kind == "order.placed":
            return event(kind, now, name, f"e{self.number}", order_id=f"o{self.number}")
        if kind == "email.unsubscribed":
            self.said_no.setdefault(name, now)
            return event(kind, now, name, f"e{self.number}", email=f"{name}@{name}.example")
        told = {} if kind == "customer.visited" else {"email": f"{name}@{name}.example"}
        return event(kind, now, name, f"e{self.number}", **told)


async def edited(folder: Path, edits: int, seed: int) -> Figures:
    """Play it, and see that nothing is broken."""
    editing = Editing(folder, seed)
    found = await editing.run(edits)
    assert not found, f"seed {seed}: {len(found)} promises broken\n" + "\n".join(found[:20])
    assert len(editing.taken) > edits
    return editing.figures


async def test_files_are_edited_while_they_are_live(tmp_path: Path) -> None:
    """25 edits, with runs that are pinned, moved and ended, and ways back."""
    figures = await edited(tmp_path, 25, seed=5)
    assert min(figures.moves["move"], figures.moves["exit"], figures.backs) > 0
    assert figures.in_the_outbox


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
async def test_files_are_edited_two_hundred_times(tmp_path: Path, seed: int) -> None:
    """200 edits; enough for each kind of edit to meet each kind of run."""
    figures = await edited(tmp_path, 200, seed=seed)
    assert min(figures.moves["move"], figures.moves["exit"], figures.moves["pin"], figures.backs, figures.refused) > 2
    assert len(figures.edits) == 4
