"""How a worker ends when it cannot go on: at once, with a word, and with nothing acknowledged that is not in Kafka.

An exception that left the agent would be caught by Faust, which acknowledges the record it met and goes on with the next.
So whoever meets one ends the process then and there; what was not acknowledged is decided again by whoever comes after.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import Final, NoReturn

import structlog

STOPPED: Final = 0
"""In order: everything decided is in Kafka, and acknowledged."""

NOT_STARTED: Final = 1
"""The brokers, the topics, the rules or the customers on the disk are not as they must be; the message says what."""

FAILED: Final = 70
"""Something went wrong on the way, and going on would lose something. Start it again."""

HALTED: Final = 75
"""The process stood still so long that others may have its partitions. Start it again."""

log = structlog.get_logger(__name__)


def fail_stop(why: str, *, error: BaseException | None = None, code: int = FAILED) -> NoReturn:
    """End the process here and now."""
    log.critical("the worker stops", why=why, error=repr(error) if error else None, exit=code, exc_info=error)
    _flush()
    os._exit(code)


def leave() -> NoReturn:
    """End the process in order as far as that goes, whatever its other threads are waiting for."""
    _flush()
    os._exit(STOPPED)


def leave_after(seconds: float) -> None:
    """End the process then, if it has not ended by itself.

    By a thread, and not by `asyncio.timeout`: that cancels once, and what goes on in Faust after it would never be
    stopped. And while a rebalance keeps Faust from having started, nobody would look at the time.
    """

    def late() -> None:
        log.warning("stopping took too long; what was acknowledged is durable")
        leave()

    timer = threading.Timer(seconds, late)
    timer.daemon = True
    timer.start()


def kill(why: str) -> NoReturn:
    """Kill the process, whatever its other threads are waiting for."""
    log.critical("the worker is killed", why=why)
    _flush()
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(FAILED)  # never comes here


def _flush() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
