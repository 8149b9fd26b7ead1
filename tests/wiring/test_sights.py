"""What the console shows of a running engine: against the engine's own data, whatever was done in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.moments import DAY, HOUR, Instant, zone
from engine.listeners import ControlRefusedError
from engine.listeners.console import Changes, Search
from engine.wiring.checking import checked_folder
from engine.wiring.console import EngineSights
from engine.wiring.console.finding import PAGE
from engine.wiring.program import Program, running
from engine.wiring.settings import Settings
from tests.builders import event

NOW: Instant = zone("Europe/Berlin").at(20_000, 10 * HOUR)

WAITS = """workflow: waits
title: Wait, then tag
mode: live
enter_when_all:
  - event: customer.logged_in
    within: 1d
again_after: never
enter_at_most: 10 per 1d
leave_when_any:
  - event: account.closed
stages:
  first:
    steps:
      - wait: 2d
      - tag: seen
      - wait: 1d
    after: second
  second:
    steps:
      - wait: 3d
    end: done
"""


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """One workflow, and a lifecycle that keeps nobody waiting."""
    folder = tmp_path / "workflows"
    folder.mkdir()
    (folder / "waits.yaml").write_text(WAITS)
    (folder / "lifecycle.yaml").write_text("warm_up: none\nmargin: 35%\n")
    return folder


@asynccontextmanager
async def program(
    workflows: Path, clock: FixedClock, approvals: int = 0
) -> AsyncIterator[tuple[Program, EngineSights]]:
    """The engine, and its sights."""
    said = {"data": workflows.parent / "data", "workflows": workflows, "approvals": approvals}
    settings = Settings.model_validate(said)
    checked, _ = checked_folder(workflows)
    assert checked.rules is not None, checked.problems
    async with running(settings, {}, clock, checked, listen=False, overdue_a_second=None) as made:
        sights = EngineSights(
            settings,
            made.engine.now,
            lambda: made.engine.handling.rules,
            made.control,
            made.mailbox,
            made.waiting,
            "Shop",
        )
        yield made, sights
        await sights.close()


async def settled(made: Program, clock: FixedClock) -> None:
    """Wait until nothing is due."""
    while (wake := made.engine.next_wake()) is not None and wake <= clock.now():
        await made.loop.ask(lambda _store, _now: None)


async def log_in(made: Program, clock: FixedClock, names: list[str]) -> None:
    """Let customers log in."""
    await made.loop.submit([event("customer.logged_in", clock.now(), name, f"{name} {clock.now()}") for name in names])
    await settled(made, clock)


async def test_today_counts_what_the_effects_say(workflows: Path) -> None:
    """Entered and ended, by shop day, are as many as there are such effects of that day."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as (made, sights):
        for day in range(8):
            await log_in(made, clock, [f"c{day}{number}" for number in range(day)])
            clock.advance(DAY)
            await settled(made, clock)
        today = await sights.today()
        with Views(workflows.parent / "data") as views:
            effects = [effect for _, effect in views.effects_after(0, 10_000)]
    there = zone("Europe/Berlin")
    for kind in (fx.RUN_STARTED, fx.RUN_ENDED):
        what = kind.removeprefix("winback.")
        told = {each.day: each.count for each in today.tally if each.what == what}
        assert told == Counter(there.day(effect.time) for effect in effects if effect.type == kind)
        assert told != {}
    assert today.day == there.day(clock.now())


async def test_people_are_where_their_records_say(workflows: Path) -> None:
    """By step and version, also of a version that is in force no more."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as (made, sights):
        await log_in(made, clock, ["ada", "bob"])
        (workflows / "waits.yaml").write_text(WAITS.replace("wait: 2d", "wait: 5d"))
        await made.control.do("apply", {"who": "Bea"})
        await log_in(made, clock, ["cy"])
        clock.advance(2 * DAY + 1)
        await settled(made, clock)
        (seen,) = await sights.workflows()
        found = {(each.version, each.stage, each.step): each.runs for each in seen.places}
        assert found == {(1, "first", 2): 2, (2, "first", 0): 1}
        assert (seen.workflow.version, sorted(seen.versions), seen.in_force) == (2, [1, 2], True)
        assert await sights.workflow("other") is None


async def test_everybody_is_found_once_page_by_page(workflows: Path) -> None:
    """Of each kind of list the pages together have everybody who belongs in it, once, and nobody else."""
    clock = FixedClock(NOW)
    names = {f"c{number:03}" for number in range(2 * PAGE + 7)}
    async with program(workflows, clock) as (made, sights):
        await log_in(made, clock, sorted(names))
        for search in (
            Search(standing="prospect"),
            Search(standing="prospect", hindrance="no address"),
            Search(workflow="waits"),
            Search(workflow="waits", stage="first"),
            Search(words="c"),
        ):
            seen: list[str] = []
            page = await sights.customers(search)
            while True:
                seen += [each.id for each in page.people]
                if not page.after:
                    break
                page = await sights.customers(replace(search, after=page.after))
            assert len(seen) == len(set(seen))
            assert set(seen) == names
            assert page.total in (None, len(names))
        assert (await sights.customers(Search(standing="active"))).people == ()
        assert (await sights.customers(Search(words="c001"))).only == "c001"


async def test_what_waits_in_the_files_is_planned_and_then_applied(workflows: Path) -> None:
    """An edit is seen without asking the disk again, its plan is reckoned, and after `apply` nothing waits."""
    clock = FixedClock(NOW)
    async with program(workflows, clock) as (made, sights):
        await log_in(made, clock, ["ada"])
        assert sights.here().pending == 0
        (workflows / "waits.yaml").write_text(WAITS.replace("wait: 2d", "wait: 5d"))
        made.waiting.note(checked_folder(workflows)[0])
        assert sights.here().pending == 1
        changes = await planned(sights)
        assert changes.reckoned is not None
        assert changes.reckoned.plan is not None
        (change,) = changes.reckoned.plan.changes
        assert (change.workflow, change.source, change.to) == ("waits", 1, 2)
        assert sum(change.waiting.values()) == 1

        await made.control.do("apply", {"who": "Bea"})
        after = await sights.changes()
        assert (after.pending, after.reckoned, sights.here().pending) == (None, None, 0)
        assert [each["who"] for each in after.applied] == ["Bea", "first start"]


async def planned(sights: EngineSights) -> Changes:
    """Look until the plan is there."""
    while True:
        changes = await sights.changes()
        assert changes.reckoned is not None
        if changes.reckoned.plan is not None or changes.reckoned.failed:
            return changes


async def test_a_pause_tells_what_it_holds(workflows: Path) -> None:
    """By template, of the scope alone that it is of; the others hold nothing."""
    text = WAITS.replace("      - tag: seen\n", "      - send: hello\n").replace("account.closed", "email.unsubscribed")
    (workflows / "waits.yaml").write_text(text)
    folder = workflows / "templates" / "hello"
    folder.mkdir(parents=True)
    (folder / "en.subject.liquid").write_text("Hello")
    (folder / "en.text.liquid").write_text(
        "Hello\n{{ shop.name }}\n{{ shop.imprint }}\n{{ links.unsubscribe }}\n{{ shop.sender_name }}\n"
    )
    clock = FixedClock(NOW)
    async with program(workflows, clock) as (made, sights):
        await made.loop.submit(
            [
                event("profile.updated", NOW, "ada", "p", email="ada@example.org"),
                event("consent.given", NOW, "ada", "c", purpose="marketing", basis="express", proof="form"),
            ]
        )
        await log_in(made, clock, ["ada"])
        await made.control.do("pause", {"scope": "domain", "name": "example.org", "why": "x", "who": "Bea"})
        clock.advance(2 * DAY + 1)
        await settled(made, clock)
        assert (await sights.held("domain", "example.org")).sends == {"hello": 1}
        assert (await sights.held("domain", "example.net")).sends == {}
        assert (await sights.held("workflow", "waits")).sends == {"hello": 1}
        assert (await sights.held("workflow", "other")).sends == {}
        assert (await sights.held("template", "hello")).sends == {"hello": 1}
        assert (await sights.held("engine", "")).sends == {"hello": 1}


async def test_a_plan_that_waits_is_shown_until_somebody_else_applies_it(workflows: Path) -> None:
    """Saved by one, it stands on the page; approved from there by another, it is in force and waits no more."""
    clock = FixedClock(NOW)
    async with program(workflows, clock, approvals=1) as (made, sights):
        (workflows / "waits.yaml").write_text(WAITS.replace("wait: 2d", "wait: 5d"))
        made.waiting.note(checked_folder(workflows)[0])
        reckoned = (await planned(sights)).reckoned
        assert reckoned is not None
        await made.control.do("propose", {"plan": to_builtins(reckoned.plan), "who": "Ada"})
        (waits,) = (await sights.changes()).proposals
        assert (waits.who, [each.workflow for each in waits.plan.changes]) == ("Ada", ["waits"])
        with pytest.raises(ControlRefusedError, match="second person"):
            await made.control.do("approve", {"number": waits.number, "who": "ada "})
        await made.control.do("approve", {"number": waits.number, "who": "Bea"})
        after = await sights.changes()
        assert (after.proposals, after.pending) == ((), None)
        assert (after.applied[0]["who"], after.applied[0]["planned_by"]) == ("Bea", "Ada")
