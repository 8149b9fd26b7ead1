"""A live shop to have accidents in: real files, a real mail server, and what became of everybody, seen from outside."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

from connectors.memory import FixedClock
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant
from engine.core.reading import encode
from engine.wiring.checking import checked_folder
from engine.wiring.program import is_first_start, running
from tests.acceptance.embedded import Shop, settings
from tests.acceptance.shipped import FOLDER
from tests.builders import START, event
from tests.mail_servers import Mails, mail_server

COME_BACK = """\
workflow: come-back
title: A mail, a question, and silence is an answer
mode: live
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 10 per 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  ask:
    title: Write, ask, and take silence for an answer
    steps:
      - send: welcome_back
      - wait: 7d
      - go_to: friends
        when_all:
          - tag: friend
      - send: still_with_us
        asks: still_interested
      - wait: 14d
      - suppress: newsletter
      - hand_off: call-centre
    end: silent
  friends:
    title: Friends of the house are left alone
    steps:
      - wait: 1d
    end: left_alone
"""
LIFECYCLE = """\
margin: 35%
lapsed_after: 60d
warm_up: none
enter_after_lag: 0d
caps: [{purpose: marketing, at_most: 1 per 7d}]
offers_at_most: none
service_templates: [address_question, address_question_short, account_closing]
"""
KEPT = ("shop.yaml", "offers.yaml", "events.yaml", "occasions.yaml")
REACHING = ("suppressed", "handed_off", "account_closed", "tagged", "standing_changed")


class Scene:
    """A live shop, its files, its mail server. Everything it says of people comes from outside the engine."""

    def __init__(self, shop: Shop, mails: Mails, workflows: Path) -> None:
        self.shop, self.mails, self.workflows = shop, mails, workflows

    # What happens

    async def happens(self, events: Iterable[Event]) -> None:
        """Let events be taken in, as news or as history by their time."""
        await self.shop.program.loop.submit(list(events))
        await self.shop.settle()

    async def ingested(self, events: Iterable[Event]) -> dict[str, Any]:
        """Take a file in as `winback ingest` does through a running engine."""
        lines = [[f"history.jsonl:{number}", encode(each).decode()] for number, each in enumerate(events, 1)]
        told = await self.shop.program.control.do("ingest", {"events": lines})
        await self.shop.settle()
        return dict(told)

    async def days(self, count: float, step: int = 3 * HOUR) -> None:
        """Let days pass."""
        await self.shop.pass_time(self.shop.clock.now() + int(count * DAY), step=step)

    def edits(self, file: str, old: str, new: str) -> None:
        """Save an edit of a file, as an editor does."""
        path = self.workflows / file
        text = path.read_text("utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new), "utf-8")

    async def applies(self, **said: Any) -> dict[str, Any]:
        """Say `winback apply`."""
        did = await self.shop.program.control.do("apply", {"who": "Ada", **said})
        await self.shop.settle()
        return dict(did)

    async def takes_back(self) -> None:
        """Say `winback apply --back`."""
        await self.shop.program.control.do("apply-back", {"who": "Ada"})
        await self.shop.settle()

    # What came of it, from outside

    def mails_to(self) -> dict[str, list[str]]:
        """What the mail server took, by address: the template of each mail, in order."""
        found: dict[str, list[str]] = {}
        for each in self.mails.taken:
            content = message_from_bytes(each.original_content or b"")
            found.setdefault(each.rcpt_tos[0], []).append(self._template(str(content["Message-ID"])))
        return found

    def _template(self, message_id: str) -> str:
        number = message_id.strip("<>").partition("@")[0]
        (row,) = self.shop.rows("select body ->> 'template' from effect where effect_id = ? limit 1", number)
        return str(row[0])

    async def reached(self) -> Counter[tuple[str, str]]:
        """What effects.jsonl told the world to do with whom: (what, customer), counted."""
        lines = await self._effects()
        return Counter((kind, each["subject"]) for each in lines if (kind := each["type"][8:]) in REACHING)

    async def _effects(self) -> list[dict[str, Any]]:
        """The lines of effects.jsonl, when it has come to the newest effect."""
        async with asyncio.timeout(10):
            while True:
                (newest,) = self.shop.rows("select coalesce(max(seq), 0) from effect")
                position = self.shop.data / "effects.position"
                if not newest[0] or (position.exists() and json.loads(position.read_text())["seq"] >= newest[0]):
                    break
                await asyncio.sleep(0.02)
        file = self.shop.data / "effects.jsonl"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    def entered(self) -> Counter[int]:
        """How many entered on each day since the first day."""
        rows = self.shop.rows("select time from effect where type = 'winback.run_started'")
        return Counter((at - START) // DAY for (at,) in rows)

    def nobody_twice(self) -> None:
        """See that the mail server took no template twice for one address, and the ledger knows each mail once."""
        for address, templates in self.mails_to().items():
            assert len(templates) == len(set(templates)), f"{address} got {templates}"
        ((done,),) = self.shop.rows("select count(*) from ledger where state = 'done'")
        assert done == len(self.mails.taken)


def lapsed(count: int, idle: int = 61, first: int = 0, now: Instant = START) -> list[Event]:
    """So many customers whose only order is so many days ago, and who may be written to."""
    events: list[Event] = []
    for number in range(first, first + count):
        at, name = now - idle * DAY + number, f"c{number:04}"  # no two at one instant: an event's id is made of that
        events.append(event("order.placed", at, name, order_id=f"o-{name}", email=f"{name}@example.org"))
        events.append(event("consent.given", at, name, purpose="marketing", proof={"page": "/"}))
        events.append(event("consent.given", at, name, purpose="newsletter", proof={"page": "/"}))
    return events


def files_in(folder: Path, workflow: str = COME_BACK, lifecycle: str = LIFECYCLE) -> Path:
    """Write a shop's files: the shipped templates and offers, one workflow, and a lifecycle."""
    if not folder.exists():
        folder.mkdir(parents=True)
        shutil.copytree(FOLDER / "templates", folder / "templates")
        for name in KEPT:
            shutil.copy(FOLDER / name, folder / name)
        (folder / "lifecycle.yaml").write_text(lifecycle, "utf-8")
        (folder / "come-back.yaml").write_text(workflow, "utf-8")
    return folder


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    clock: FixedClock | None = None,
    mails: Mails | None = None,
    workflow: str = COME_BACK,
    lifecycle: str = LIFECYCLE,
    **options: Any,
) -> AsyncIterator[Scene]:
    """Yield a shop that has gone live, at ten on a Monday; started anew over the same folder it goes on."""
    workflows = files_in(folder / "workflows", workflow, lifecycle)
    mails, clock = mails or Mails(), clock or FixedClock(START)
    first = checked_folder(workflows)[0] if is_first_start(folder / "data") else None
    assert first is None or first.rules is not None, first.errors
    async with mail_server(mails) as server:
        said = settings(folder / "data", server.port).model_copy(update={"workflows": workflows})
        async with running(said, {}, clock, first, **options) as program:
            shop = Shop(program, clock)
            if not program.shop_is_live:
                await program.control.do("go-live", {"no_suppressions": True})
            await shop.settle()
            yield Scene(shop, mails, workflows)
