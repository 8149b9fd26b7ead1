"""`winback check` on the shipped folder and on one of 500 workflows, beside bare YAML; and what 500 cost an event.

Bare YAML is the parser alone over the same text: what is above it is ours. An event's cost is that of the core in the
simulator: a made-up shop's life with all shipped workflows live, and the same events with the 500. These begin some eight
times as many runs, each with its mails and timers, so they are measured twice: as they are, and with their `reach` lowered
until there are about as many runs as with the shipped ones. The second is what having many workflows costs an event; the
bound is on that.
"""

from __future__ import annotations

import cProfile
import gc
import io
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from ruamel.yaml import YAML

from benchmarks._many_workflows import make_folder
from engine.core.events import Event
from engine.core.reading import Reader
from engine.core.rulebook import Rules
from engine.core.rules import WHOLE, RuleSet
from engine.core.shop import Shop
from engine.runtimes.simulator.backtest import numbered
from engine.runtimes.simulator.sample import sample_lines
from engine.runtimes.simulator.world import World
from engine.wiring.checking import checked_folder

SHIPPED = Path("workflows")
WORKFLOWS = 500
LINES = 20
SEED = 1
CUSTOMERS = 800
ROUNDS = 3


def fastest(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds of the fastest of some rounds: the others were disturbed."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def command(folder: Path) -> float:
    """Check a folder as people do: a process of its own, its start included. Return the seconds of CPU it took."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", "check", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def bare_yaml(folder: Path) -> None:
    """Parse the files and do nothing with them."""
    for path in folder.glob("*.yaml"):
        for _ in YAML(typ="safe", pure=True).parse(path.read_text(encoding="utf-8")):
            pass


def lines_in(folder: Path, pattern: str) -> int:
    """Count the lines of some files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob(pattern))


def show_check(what: str, folder: Path, must: float) -> None:
    """Print how long a check takes, beside the parser alone."""
    own = list[float]()
    taken, bare = fastest(lambda: own.append(command(folder))), fastest(lambda: bare_yaml(folder))
    scenarios = lines_in(folder, "*.scenarios.yaml")
    lines = lines_in(folder, "*.yaml") - scenarios
    print(
        f"{what:22}{lines:7,} lines, {scenarios:5,} of scenarios: {taken:.2f} s ({min(own):.2f} of CPU); "
        f"must be under {must:.0f} s (bare YAML {bare:.2f} s)"
    )


def show_profile(folder: Path) -> None:
    """Print what the time of a check goes into."""
    profile = cProfile.Profile()
    profile.runcall(checked_folder, folder)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


def rules_of(folder: Path) -> RuleSet:
    """Return a folder's workflows, all of them live."""
    checked, _ = checked_folder(folder)
    assert checked.rules is not None, "the folder is correct"
    return numbered(checked.rules, all_drafts=True)


def an_event(rules: RuleSet, events: list[Event]) -> tuple[float, int]:
    """Return the seconds an event costs, and how many runs there were."""
    gc.collect()
    world = World(
        Rules(replace(rules, lifecycle=replace(rules.lifecycle, warm_up=None)), Shop(epoch=1), key=b"bench"),
        history_after=None,
        distinct=True,
    )
    used = time.process_time()
    world.play(events)
    used = time.process_time() - used
    runs = sum(len(each.runs) + len(each.ended) for each in world.store.customers.values())
    return used / len(events), runs


def show_events(folder: Path) -> None:
    """Print what an event costs with the shipped workflows and with the many."""
    read = (Reader().read(line).event for line in sample_lines(CUSTOMERS, SEED))
    events = sorted((event for event in read if event is not None), key=lambda event: (event.time, event.id))
    few, many = rules_of(SHIPPED), rules_of(folder)
    cost, runs = min(an_event(few, events) for _ in range(ROUNDS))
    print(f"{len(events):,} events: {len(few.workflows)} workflows live {cost * 1e6:.1f} us an event ({runs:,} runs)")
    cost_of_many, runs_of_many = an_event(many, events)
    print(
        f"{len(many.workflows)} live {cost_of_many * 1e6:.1f} us an event ({runs_of_many:,} runs): {cost_of_many / cost:.2f} x"
    )
    reach = WHOLE
    while runs_of_many > runs * 1.1:  # one that is kept out leaves the place to others, so runs fall slower than reach
        reach = reach * runs // runs_of_many
        many = replace(many, switches={name: replace(each, reach=reach) for name, each in many.switches.items()})
        cost_of_many, runs_of_many = min(an_event(many, events) for _ in range(ROUNDS))
    print(
        f"the same at a reach of {reach / 100:.1f} % {cost_of_many * 1e6:.1f} us an event ({runs_of_many:,} runs): "
        f"{cost_of_many / cost:.2f} x; must be at most 2"
    )


def main(workflows: int = WORKFLOWS) -> None:
    """Measure, and print each figure beside its reference."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder = Path(temporary, "workflows")
        make_folder(folder, SHIPPED, workflows, SEED, LINES)
        show_check("the shipped workflows", SHIPPED, 1)
        show_check(f"{workflows} workflows", folder, 5)
        show_events(folder)
        show_profile(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
