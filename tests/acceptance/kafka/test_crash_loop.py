"""The promise of decision 7 on the distributed engine: whatever is killed, no message is accepted twice, none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.kafka.whole.afterwards import Found
from tests.acceptance.kafka.whole.crash_loop import CrashLoop

pytestmark = pytest.mark.filterwarnings(  # aiokafka leaves open what it was just connecting when it is closed
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


async def test_no_fault_loses_a_decision_or_sends_twice(tmp_path: Path) -> None:
    """Six faults: effects, records and books follow from the inbox, and each send left once or tells why it did not."""
    loop = CrashLoop(tmp_path, seed=4, customers=300)
    found = await loop.run(faults=6)
    assert not found.broken, _said(loop, found)
    assert loop.done.total() == 6, _said(loop, found)
    assert found.accepted >= 1, _said(loop, found)
    assert found.effects >= 300, _said(loop, found)


@pytest.mark.long
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_fifty_faults_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], store: str) -> None:
    """Fifty faults of every kind: as with six."""
    loop = CrashLoop(tmp_path, seed=5, customers=1_500, store=store)
    found = await loop.run(faults=50)
    with capsys.disabled():
        print(f"\n{store}: {loop}\n{found}")  # noqa: T201 - the figures are what this test is run for
        print("\n".join(loop.ended))  # noqa: T201 - as above
    assert not found.broken, _said(loop, found)
    assert found.accepted >= 20, _said(loop, found)


def _said(loop: CrashLoop, found: Found) -> str:
    return "\n".join([str(loop), str(found), *found.broken[:20], *loop.ended[:5]])
