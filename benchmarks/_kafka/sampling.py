"""A sampling profile of this process: every few milliseconds of its processors' time, where the main thread is.

cProfile is paid for by the call, and makes small functions look dear; a sample costs the same whatever runs. Time that a
function spends in C, or waits for the interpreter's lock while another thread has it, is its own.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

EVERY: Final = 0.01
"""Seconds of processor time between two samples."""

SHOWN: Final = 60


@contextmanager
def sampled(into: Path) -> Iterator[None]:
    """Sample meanwhile; then write the functions with the most samples, of their own and with what they call, into a file."""
    own: Counter[CodeType] = Counter()
    within: Counter[CodeType] = Counter()

    def take(_: int, frame: FrameType | None) -> None:
        stack = [each.f_code for each in _stack(frame)]
        own.update(stack[:1])
        within.update(set(stack))

    signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        into.write_text(
            "\n".join([*_table("own", own, own.total()), *_table("with what it calls", within, own.total())])
        )


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _table(title: str, counts: Counter[CodeType], samples: int) -> Iterator[str]:
    yield f"== {title}, of {samples:,} samples"
    for code, count in counts.most_common(SHOWN):
        yield f"{count / samples:7.1%}  {'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_name}"
