"""The back-test on the sample shop with all shipped workflows on: events a second, beside decoding alone.

Everything `winback simulate --all` does is in the figure: reading and checking each line, sorting, deciding, writing
effects.jsonl and the report. The reference is the bare decoder over the same lines in the same run. Then two processes
run at once, each a shop of its own, to show what both cores do: the reorder interval, paces and budgets are the shop's as
a whole, so one history cannot be cut in two without changing what it says.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from connectors.files import read_files
from engine.core.reading import Reader, union
from engine.insight.backtest import Report
from engine.language.folder import read_folder
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.sample import sample_lines

CUSTOMERS = 10_000
SEED = 1
ROUNDS = 3
MUST, HOPED = 30_000, 100_000


def fastest(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the seconds of the fastest of some rounds, by the clock and of this process's own: others disturb both."""
    times, own = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        work()
        times.append(time.perf_counter() - began)
        own.append(time.process_time() - used)
    return min(times), min(own)


def replayed(content: bytes) -> Report:
    """Run the back-test over lines of JSON, as the command does."""
    rules = read_folder(Path("workflows")).rules
    assert rules is not None, "the shipped workflows are correct"
    items = read_files(["-"], Reader(), stdin=io.BytesIO(content))
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as folder:
        return run_backtest(items, rules, Path(folder), Setting(all_drafts=True))


def of_a_shop(customers: int, seed: int) -> int:
    """Run the back-test over a shop made up here, and return how many events it had; for a process of its own."""
    return replayed(b"".join(sample_lines(customers, seed))).events


def show_profile(content: bytes) -> None:
    """Print what the time goes into."""
    profile = cProfile.Profile()
    profile.runcall(replayed, content)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(20)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


def main(customers: int = CUSTOMERS) -> None:
    """Measure, and print each figure beside its reference."""
    lines = list(sample_lines(customers, SEED))
    content, count = b"".join(lines), len(lines)
    decode = msgspec.json.Decoder(union).decode
    report = replayed(content)
    entered, sent = sum(report.entered.values()), sum(report.sends.values())
    print(
        f"{customers:,} customers, {count:,} events; {entered:,} entries, {sent:,} sends, {report.held_out:,} held out"
    )
    alone = [count / seconds for seconds in fastest(lambda: [None for line in lines if decode(line) is None])]
    rates = [count / seconds for seconds in fastest(lambda: replayed(content))]
    both = two_at_once(customers)
    print(f"{'events a second':16}{'by the clock':>14}{'of CPU time':>14}")
    print(f"{'decode only':16}{alone[0]:14,.0f}{alone[1]:14,.0f}")
    print(f"{'back-test':16}{rates[0]:14,.0f}{rates[1]:14,.0f}   must be {MUST:,}, hoped for {HOPED:,}")
    print(f"{'ratio':16}{rates[0] / alone[0]:14.4f}{rates[1] / alone[1]:14.4f}")
    print(f"{'two at once':16}{both:14,.0f}{'':14}   {both / rates[0]:.2f} x one; a shop in each of two processes")
    show_profile(b"".join(lines[: len(lines) // 4]))


def two_at_once(customers: int) -> float:
    """Return the events a second of two processes together; making up the shops is not counted."""
    made_up, _ = fastest(lambda: sum(1 for _ in sample_lines(customers, SEED)), rounds=1)
    with ProcessPoolExecutor(2) as pool:
        began = time.perf_counter()
        events = sum(pool.map(of_a_shop, [customers] * 2, [SEED, SEED + 1]))
        return events / (time.perf_counter() - began - made_up)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
