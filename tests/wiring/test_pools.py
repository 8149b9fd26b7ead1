"""Pools while the engine runs: files that grow, codes granted, and the alarm when few are left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop
from engine.runtimes.sqlite.opening import opened
from engine.wiring.pools import Pools, levels, read_codes
from tests.builders import START, rules_of
from tests.core.test_gate import COUPON

OFFERS = """offers:
  ten: {discount: 10%, valid_for: 14d, codes: pool, pool: codes.csv, low_water: 3}
  trial: {free_trial: a box, cost: 6 EUR, valid_for: 14d, codes: pool, pool: trial.csv}
"""


class Keeping:
    """A running engine whose pools a test looks at when it wants."""

    def __init__(self, engine: Engine, loop: Loop, folder: Path, views: Views) -> None:
        self.engine, self.views, self.registry = engine, views, CollectorRegistry()
        self._pools = Pools(engine.handling, loop.ask, folder, views, self.registry)

    async def look(self) -> list[str]:
        """Look once, counting; return what was logged."""
        self._pools._looks = 0
        with capture_logs() as logs:
            await self._pools.look()
        return [each["event"] for each in logs]

    @property
    def codes(self) -> list[str]:
        """The codes to give out for `ten`, the next one first."""
        return [*reversed(self.engine.handling.rules.shop.codes.get("ten", ()))]


@pytest.fixture
async def keeping(tmp_path: Path) -> Any:
    """An engine with two pools, and no codes yet."""
    with opened(
        tmp_path / "data", FixedClock(START), key=b"key", first_rules=rules_of(COUPON, offers=OFFERS)
    ) as engine:
        loop = Loop(engine)
        await loop.start()
        with Views(tmp_path / "data") as views:
            yield Keeping(engine, loop, tmp_path, views)
        await loop.stop()


async def test_a_file_of_codes_is_read_when_it_changes(keeping: Keeping, tmp_path: Path) -> None:
    """Lines may be added, moved and taken out: what was granted never comes again."""
    file = tmp_path / "codes.csv"
    await keeping.look()  # there is no file yet, which is no trouble
    file.write_text("code;value\nA-1;10\n\nA-2\n")
    await keeping.look()
    assert keeping.codes == ["A-1", "A-2"]
    file.write_text("A-3\nA-2\n")
    assert await keeping.look() == ["a pool has new codes", "there are codes enough again"]
    assert keeping.codes == ["A-1", "A-2", "A-3"]
    assert await keeping.look() == []


async def test_what_is_no_code_is_told_and_the_rest_is_taken(keeping: Keeping, tmp_path: Path) -> None:
    """A line with blanks, and a code that another pool has."""
    (tmp_path / "codes.csv").write_text("A-1\nno code\n")
    (tmp_path / "trial.csv").write_text("A-1\nB-1\n")
    logs = await keeping.look()
    assert "lines of a pool hold no code" in logs
    assert "codes of a pool are of another pool too, and stay there" in logs
    assert (keeping.codes, keeping.engine.handling.rules.shop.codes["trial"]) == (["A-1"], ["B-1"])
    (tmp_path / "codes.csv").write_bytes(b"\xff\xfeA\x00")
    assert await keeping.look() == ["a pool of codes cannot be read"]


async def test_few_codes_raise_an_alarm_once(keeping: Keeping, tmp_path: Path) -> None:
    """In the log when the low water is reached, in the figures all the time, and gone when there are enough."""
    assert await keeping.look() == ["few codes are left"]
    assert await keeping.look() == []
    (tmp_path / "codes.csv").write_text("A-1\nA-2\nA-3\n")
    assert await keeping.look() == ["a pool has new codes", "there are codes enough again"]
    assert keeping.registry.get_sample_value("winback_pool_codes_left", {"offer": "ten"}) == 3
    rules = keeping.engine.handling.rules
    ten, trial = levels(rules.rule_set, rules.shop, keeping.views.pools())
    assert (ten.left, ten.low, trial.left, trial.low) == (3, False, 0, False)


async def test_codes_granted_before_there_was_a_table_of_them_do_not_come_again(
    keeping: Keeping, tmp_path: Path
) -> None:
    """An engine of an earlier version had granted the first two lines of the file."""
    keeping.engine.handling.rules.shop.granted["ten"] = 2
    (tmp_path / "codes.csv").write_text("A-1\nA-2\nA-3\n")
    await keeping.look()
    assert keeping.codes == ["A-3"]


def test_a_file_of_codes_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    """With a byte order mark, a header, quotes, more columns, blank lines; each code has its line."""
    path = tmp_path / "codes.csv"
    path.write_bytes(b'\xef\xbb\xbf"Code","Value"\r\n"A-1","10"\r\n\r\nA-2\t10\r\nab\r\n')
    read = read_codes(path)
    assert read.codes == [(2, "A-1"), (4, "A-2")]
    assert [line for line, _ in read.refused] == [5]
