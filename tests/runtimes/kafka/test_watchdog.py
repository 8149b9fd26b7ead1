"""The watchdog kills a worker that gets nowhere, and no other."""

from __future__ import annotations

import pytest

from engine.runtimes.kafka.watchdog import Pulse, Watchdog


class Killed(Exception):
    """Stands for SIGKILL."""


def kill(why: str) -> None:
    """Say why instead of killing."""
    raise Killed(why)


def watched(**state: float | bool | None) -> tuple[Pulse, Watchdog]:
    """Return a pulse that came by at 100, and who looks at it; it may stall for 10 s."""
    pulse = Pulse(turned=100.0)
    watchdog = Watchdog(pulse, 10.0, kill=kill)
    for name, value in state.items():
        setattr(pulse, name, value)
    return pulse, watchdog


def test_a_loop_that_hangs_is_killed() -> None:
    """The loop has to come by, whether there is anything to do or not."""
    _, watchdog = watched()
    watchdog.look(110.0)
    with pytest.raises(Killed, match="has not come by for 11 s"):
        watchdog.look(111.0)


def test_work_that_nobody_does_is_a_stall() -> None:
    """Records wait, the loop comes by, and nothing is decided or made durable: it is killed when that has lasted."""
    pulse, watchdog = watched(behind=True)
    for second in range(100, 111):
        pulse.turned = second
        watchdog.look(second)
    pulse.turned = 111
    with pytest.raises(Killed, match="nothing was done for 11 s"):
        watchdog.look(111)


def test_slow_progress_is_progress() -> None:
    """As long as one step is done within the time, it goes on; and with nothing to do it may do nothing for ever."""
    pulse, watchdog = watched(behind=True)
    for second in range(100, 200, 9):
        pulse.turned, pulse.steps = second, pulse.steps + 1
        watchdog.look(second)
    pulse.behind = False
    for second in range(200, 300):
        pulse.turned = second
        watchdog.look(second)


def test_commits_that_stay_out_are_a_stall() -> None:
    """Decisions go on, and no commit moves: a worker that took over would have to read it all again, so it is killed."""
    pulse, watchdog = watched(behind=True, uncommitted_since=100.0)
    pulse.turned, pulse.steps = 110, 5
    watchdog.look(110)
    pulse.turned, pulse.steps = 111, 6
    with pytest.raises(Killed, match="nothing was committed for 11 s"):
        watchdog.look(111)
