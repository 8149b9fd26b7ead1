"""The distributed engine as a whole: a real broker, PostgreSQL and mail server, every part a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.kafka.whole.afterwards import look
from tests.acceptance.kafka.whole.life import live

pytestmark = pytest.mark.filterwarnings(  # aiokafka leaves open what it was just connecting when it is closed
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


async def test_what_workers_decide_follows_from_the_inbox_and_each_mail_leaves_once(tmp_path: Path) -> None:
    """Three workers, weeks of a shop in seconds: effects and records are the reference's, each send is accepted once."""
    async with live(tmp_path, customers=300, seed=3, workers=3, leap_every=2.5, leaps=16) as (shop, acknowledged):
        found = await look(shop, acknowledged)
    assert not found.broken, "\n".join([str(found), *found.broken[:20]])
    assert found.accepted >= 1, str(found)
    assert found.events >= 1, str(found)
    assert found.effects >= 300, str(found)
