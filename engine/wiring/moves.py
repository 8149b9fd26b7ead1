"""What an `apply` may say of runs under way, and what it must say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from engine.core.moving import EXIT, HOW, MOVE, PIN
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.insight.wording import place_in_words

RunsAtSteps = Callable[[str], list[tuple[int, str, int, int]]]
"""How many runs of a workflow are where, as (version, stage, step's place in it, runs)."""


def refusals(
    moves: Mapping[str, str], before: RuleSet, after: RuleSet, runs_at_steps: RunsAtSteps, rules: Rules
) -> list[str]:
    """Return why what is said of runs under way cannot be done, or what has to be said of them; all of it."""
    names = {*before.workflows, *after.workflows, *(name for name in moves if runs_at_steps(name))}
    said = [why for name, how in sorted(moves.items()) for why in _not_possible(name, how, names, after)]
    gone = sorted({*before.workflows} - {*after.workflows} - {*moves})
    return [*said, *(why for name in gone for why in _unsaid(name, waiting(name, runs_at_steps, rules)))]


def waiting(workflow: str, runs_at_steps: RunsAtSteps, rules: Rules) -> dict[str, int]:
    """Return how many runs of a workflow are at each step, in the words of the version they are on."""
    found: dict[str, int] = {}
    for version, stage, place, runs in runs_at_steps(workflow):
        name = place_in_words(rules.version(workflow, version), stage, place)
        found[name] = found.get(name, 0) + runs
    return found


def _not_possible(name: str, how: str, names: Collection[str], after: RuleSet) -> Iterator[str]:
    if how not in HOW:
        yield f"--move {name}={how}: runs can {PIN} (finish on their version), {MOVE} (go on in the new one) or {EXIT}"
    elif name not in names:
        yield f"--move {name}={how}: no workflow is named {name!r}; there are {', '.join(sorted(names))}"
    elif how == MOVE and name not in after.workflows:
        yield f"--move {name}={how}: {name} is gone from the files, so its runs have nowhere to go on: {PIN} or {EXIT} them"


def _unsaid(name: str, there: Mapping[str, int]) -> Iterator[str]:
    if there:
        where = "; ".join(f"{count:,} at {step}" for step, count in there.items())
        yield (
            f"{name} is gone from the files, and {sum(there.values()):,} are in it ({where}): say what becomes of them,"
            f" --move {name}={PIN} (they finish on their version) or --move {name}={EXIT} (they end as moved_out)"
        )
