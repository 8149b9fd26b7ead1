"""The promise of decision 7 under `kill -9`: no message is accepted twice, none is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.crash.afterwards import Findings
from tests.acceptance.crash.crash_loop import CrashLoop


async def test_no_kill_makes_a_message_go_twice_or_get_lost(tmp_path: Path) -> None:
    """Twelve kills: each message asked for was accepted once, or is listed as uncertain; the journal gives the records.

    A tool that takes webhooks was told of each effect for it at least once, in order for each customer.
    """
    found = await CrashLoop(tmp_path, seed=3, customers=500, leap_every=0.4).run(kills=12)
    assert not found.broken, _said(found)
    assert found.kills == 12, _said(found)
    assert found.in_window >= 1, _said(found)
    assert found.pauses >= 1, _said(found)
    assert found.accepted >= 5, _said(found)
    assert found.events >= 100, _said(found)
    assert found.told >= 5, _said(found)


async def test_no_kill_makes_a_mail_service_get_a_message_twice(tmp_path: Path) -> None:
    """As above by a mail service that can be asked: what it took before a kill is found there, and is done."""
    found = await CrashLoop(tmp_path, seed=5, customers=500, leap_every=0.4, service=True).run(kills=8)
    assert not found.broken, _said(found)
    assert found.kills == 8, _said(found)
    assert found.in_window >= 1, _said(found)
    assert found.accepted >= 5, _said(found)
    assert found.uncertain_and_accepted == 0, _said(found)


@pytest.mark.long
async def test_a_hundred_kills_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred kills, at least ten of them between the server's 250 and our commit: as with twelve."""
    found = await CrashLoop(tmp_path, seed=2, customers=4_000, leap_every=0.5).run(kills=120)
    with capsys.disabled():
        print(f"\n{found}")  # noqa: T201 - the figures are what this test is run for
    assert not found.broken, _said(found)
    assert found.kills >= 100, _said(found)
    assert found.in_window >= 10, _said(found)


def _said(found: Findings) -> str:
    return "\n".join([str(found), *found.broken[:20]])
