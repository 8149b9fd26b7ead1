"""Reading events: how many a second on one core, beside the bare decoder over the same bytes, and a file of them."""

import io
import time
from collections.abc import Callable

import msgspec

from connectors.files import read_files
from engine.core.reading import Reader, union
from engine.runtimes.simulator.sample import sample_lines

CUSTOMERS = 5_000
ROUNDS = 5


def fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some rounds: the others were disturbed."""
    times = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return min(times)


def main() -> None:
    """Measure and print."""
    lines = list(sample_lines(CUSTOMERS, 1))
    content = b"".join(lines)
    decode, read = msgspec.json.Decoder(union).decode, Reader().read
    rows: dict[str, Callable[[], object]] = {
        "decode only": lambda: [None for line in lines if decode(line) is None],
        "Reader.read": lambda: [None for line in lines if read(line).event is None],
        "read_files, one pass": lambda: sum(1 for _ in read_files(["-"], Reader(), stdin=io.BytesIO(content))),
    }
    print(f"{len(lines):,} events of the sample shop, {len(content) / len(lines):.0f} bytes each; the best of {ROUNDS}")
    reference = 0.0
    for name, work in rows.items():
        rate = len(lines) / fastest(work)
        reference = reference or rate
        print(f"{name:22}{rate:>12,.0f} events/s{rate / reference:>8.2f} of decode only")


if __name__ == "__main__":
    main()
