"""Reading reports: how many mails a second on one core, beside the standard library's parser alone over the same mails.

The mails are the labelled reports of the tests, each in its server's form; a large one is a report whose returned mail is 200
kB long, as shops' mails with much HTML are.
"""

import time
from collections.abc import Callable, Iterable
from email import message_from_bytes
from functools import partial
from typing import Any

from connectors.bounces import read
from engine.core.verdict import verdict_of
from tests.connectors.bounces.corpus import corpus

ROUNDS = 5
MUST = 1_000


def fastest(work: Callable[[], object]) -> float:
    """Return the seconds of CPU of the fastest of some rounds: the others were disturbed."""
    times = []
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def each_of(work: Callable[[Any], object], given: Iterable[object]) -> None:
    """Do the same with each."""
    for one in given:
        work(one)


def show(name: str, count: int, seconds: float, beside: float = 0.0) -> None:
    """Print a rate, and how many times as long as the reference it takes."""
    more = f"{seconds / beside:>8.1f} x the parser alone" if beside else ""
    print(f"{name:34}{count / seconds:>10,.0f} a second{more}")


def main() -> None:
    """Measure and print."""
    rows = corpus()
    mails = [row.raw for row in rows]
    large = [raw + b"<p>We have kept your basket for you.</p>\n" * 5_000 for raw in mails]
    print(
        f"{len(mails)} reports, {sum(map(len, mails)) / len(mails):,.0f} bytes each; the best of {ROUNDS}, one core; must be {MUST:,}"
    )
    for name, each in (("", mails), (", 200 kB more each", large)):
        parsed = fastest(partial(each_of, message_from_bytes, each))
        show(f"message_from_bytes{name}", len(each), parsed)
        show(f"read{name}", len(each), fastest(partial(each_of, read, each)), parsed)
    show("verdict_of alone", len(rows), fastest(partial(each_of, verdict_of, [row.said for row in rows])))


if __name__ == "__main__":
    main()
