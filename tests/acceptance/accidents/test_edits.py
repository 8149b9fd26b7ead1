"""Accidents with the files of a live shop: a step deleted, an edit saved by mistake, a key lowered."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.moments import HOUR
from tests.acceptance.accidents.scene import COME_BACK, Scene, lapsed, scene
from tests.builders import event

DECISION = """\
      - go_to: friends
        when_all:
          - tag: friend
"""
FRIENDS = COME_BACK[COME_BACK.index("  friends:") :]


@pytest.mark.parametrize("how", ["pin", "move"])
async def test_a_step_deleted_in_a_live_workflow(tmp_path: Path, how: str) -> None:
    """Deleting a decision in the middle of a live workflow sends no mail again, whether runs stay on their version or move."""
    async with scene(tmp_path) as here:
        await here.happens(lapsed(25))
        await here.days(9)  # the first have come past the decision, some wait before it, some have yet to enter
        before = here.mails_to()
        assert {len(each) for each in before.values()} == {1, 2}
        here.edits("come-back.yaml", DECISION, "")
        here.edits("come-back.yaml", FRIENDS, "")
        await here.applies(moves={"come-back": how})
        assert here.mails_to() == before  # an edit sends nothing by itself
        await here.days(40)
        here.nobody_twice()
        assert sorted(here.mails_to().values()) == [["welcome_back", "still_with_us"]] * 25
        reached = await here.reached()
        assert max(reached.values()) == 1
        assert sum(kind == "suppressed" for kind, _ in reached) == 25


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("come-back.yaml", "standing: lapsed", "standing: active"),
        ("come-back.yaml", "wait: 7d", "wait: 1min"),
        ("come-back.yaml", "enter_at_most: 10 per 1d", "enter_at_most: 100000 per 1d"),
        ("lifecycle.yaml", "lapsed_after: 60d", "lapsed_after: 1d"),
        ("come-back.yaml", "stages:", "stages: ["),
    ],
    ids=["everybody fits", "a wait is gone", "the pace is gone", "everybody lapses", "half a file"],
)
async def test_an_edit_saved_by_mistake(tmp_path: Path, file: str, old: str, new: str) -> None:
    """What is only saved changes nothing, however bad it is, and not over a restart either: it waits for `apply`."""
    async with scene(tmp_path) as here:
        await here.happens([*lapsed(12), *lapsed(30, idle=20, first=500)])
        await here.days(2)
        assert len(here.mails_to()) == 12
        here.edits(file, old, new)
        await here.days(3)
        clock, mails = here.shop.clock, here.mails
    async with scene(tmp_path, clock=clock, mails=mails) as here:
        await here.days(1)
        assert {address: len(each) for address, each in here.mails_to().items()} == dict.fromkeys(_twelve(), 1)
        here.edits(file, new, old)
        await here.days(30)
        here.nobody_twice()
        assert len(here.mails_to()) == 12


def _twelve() -> list[str]:
    return [f"c{number:04}@example.org" for number in range(12)]


async def test_again_after_lowered(tmp_path: Path) -> None:
    """Who has been through long ago fits again at once: they wait in line, enter at the pace, and caps hold; back is back."""
    async with scene(tmp_path, workflow=COME_BACK.replace("10 per 1d", "6 per 1d")) as here:
        await here.happens(lapsed(18))
        await here.days(40)
        before = len(here.mails.taken)
        assert before == 36
        entered = here.entered()
        here.edits("come-back.yaml", "again_after: 365d", "again_after: 1d")
        await here.applies()
        await here.days(2.2)
        again = {day: count for day, count in (here.entered() - entered).items() if day >= 40}
        assert again
        assert max(again.values()) <= 6
        await _no_two_in_a_week(here)
        await here.takes_back()
        left = sum(here.entered().values())
        await here.days(20)
        assert sum(here.entered().values()) == left  # who had not entered by then never did


async def test_the_threshold_halved(tmp_path: Path) -> None:
    """Forty customers become lapsed by one edit: nobody is written to at once, and ten a day enter, the latest first."""
    async with scene(tmp_path) as here:
        await here.happens(lapsed(40, idle=40))
        await here.days(1)
        assert here.mails_to() == {}
        here.edits("lifecycle.yaml", "lapsed_after: 60d", "lapsed_after: 30d")
        await here.applies()
        assert len(here.mails_to()) <= 10
        await here.days(2)
        assert max(here.entered().values()) <= 10
        here.edits("lifecycle.yaml", "lapsed_after: 30d", "lapsed_after: 60d")
        await here.applies()
        left = sum(here.entered().values())
        assert left < 40
        await here.days(5)
        assert sum(here.entered().values()) == left
        here.nobody_twice()


async def test_the_threshold_halved_without_a_pace(tmp_path: Path) -> None:
    """Where no pace is named and more than a thousand fit at once, nobody is let in until somebody says how fast."""
    no_pace = COME_BACK.replace("enter_at_most: 10 per 1d\n", "")
    async with scene(tmp_path, workflow=no_pace) as here:
        await here.happens(lapsed(1_005, idle=40))
        here.edits("lifecycle.yaml", "lapsed_after: 60d", "lapsed_after: 30d")
        await here.applies()
        await here.days(2, step=12 * HOUR)
        assert here.mails_to() == {}
        assert here.shop.program.engine.handling.rules.shop.refused == ("come-back",)


async def _no_two_in_a_week(here: Scene) -> None:
    query = """
        select count(*) from ledger a join ledger b on a.customer = b.customer and a.effect_id < b.effect_id
        where a.state = 'done' and b.state = 'done' and abs(a.at - b.at) < 6.9 * 86400e6"""
    assert here.shop.rows(query) == [(0,)]


async def test_a_pause_ends_with_everything_overdue(tmp_path: Path) -> None:
    """Ending a pause sends nothing that has been answered meanwhile, and the rest once each."""
    async with scene(tmp_path) as here:
        await here.happens(lapsed(10))
        await here.days(1)
        await here.shop.program.control.do("pause", {"why": "a test", "who": "Ada"})
        await here.days(12)
        now = here.shop.clock.now()
        await here.happens([event("email.unsubscribed", now, "c0003", email="c0003@example.org")])
        await here.shop.program.control.do("unpause", {"overdue": "send", "who": "Ada"})
        await here.days(30)
        here.nobody_twice()
        assert {len(each) for each in here.mails_to().values()} == {1, 2}
        assert here.mails_to()["c0003@example.org"] == ["welcome_back"]
