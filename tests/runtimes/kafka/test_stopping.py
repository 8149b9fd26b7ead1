"""How a worker ends when it cannot end in order."""

from __future__ import annotations

import subprocess
import sys

STUCK = """
import threading
from engine.runtimes.kafka.stopping import leave_after

leave_after(0.2)
threading.Event().wait(60)
"""


def test_whoever_does_not_end_in_time_is_ended() -> None:
    """However a stop got stuck, the process leaves when its time is over, with the exit code of one that was asked to."""
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, check=False, timeout=50)
    assert done.returncode == 0
    assert b"stopping took too long" in done.stdout + done.stderr
