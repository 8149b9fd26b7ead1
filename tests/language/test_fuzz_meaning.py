"""Files made up from our own schemas: right in form, wild in meaning. They are read, cured, and played, without a fault.

Mutated text seldom gets past the first look at it. These do: what brings an error is taken out until nothing does, and
then the checks of meaning and the core have to live with what is left.
"""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language import nodes
from engine.language.files import Checked, read_files
from engine.language.problems import Severity, format_problems, lines_of
from engine.wiring.checking import contradictions
from tests.language.made_up import MadeUp, without
from tests.language.test_fuzz import LONGEST, written
from tests.language.test_golden import FACTS, SHOP, WORKFLOW

LIVES = """
workflow: winback
scenarios:
- title: Bought, took it back, and the mail bounced
  given: {standing: lapsed, orders: 3, last_order: 200d ago, tags: [a], birthday: 1980-02-29}
  when: {1d: email.clicked, 5d: order.placed, 6d: order.cancelled, 9d: {event: email.bounced, data: {kind: dead}}}
  expect: nothing
- title: Held out, and says no at once
  given: {standing: reader, orders: 2, last_order: 120d ago, clicked_mails: 2, held_out: true}
  when: {0d: email.unsubscribed}
  expect: nothing
- title: Answers whatever is asked
  given: {orders: 5, last_order: 1d ago, country: DE, tier: gold, contract_ends: 2026-02-01, attributes: {size: b}}
  when: {3d: hand_off.answered, 4d: survey.answered, 10d: order.placed}
  expect: nothing
- title: Ends
  when: {1d: customer.ended}
  expect: nothing
"""
LEAST: dict[str, dict[str, Any]] = {
    "winback.yaml": {
        "workflow": "winback",
        "title": "Made up",
        "enter_when_all": [{"standing": "lapsed"}],
        "again_after": "10d",
        "leave_when_any": [{"event": "email.unsubscribed"}],
        "stages": {"a": {"steps": [{"wait": "1d"}], "end": "over"}},
    },
    "winback.scenarios.yaml": {"workflow": "winback", "scenarios": [{"title": "One", "expect": "nothing"}]},
}
NAMES = {"workflow": "winback.yaml", "scenarios": "winback.scenarios.yaml"}
KINDS = ("workflow", "workflow", "workflow", "scenarios", "lifecycle", "offers", "events", "occasions")


def as_yaml(document: Any) -> str:
    """A document as YAML, one key of its top a line."""
    if not isinstance(document, dict):
        return written(document)
    return "\n".join(f"{key}: {written(value)}" for key, value in document.items())


def read(files: dict[str, str | bytes]) -> Checked:
    """Read files; every problem lies inside its file and can be printed."""
    checked = read_files(files, facts=FACTS)
    for one in checked.problems:
        lines = lines_of(checked.sources[one.file])
        assert 1 <= one.line <= len(lines)
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1
        assert "\n" not in one.message + one.hint
    format_problems(checked.problems, checked.sources)
    return checked


def cured(name: str, document: Any, files: dict[str, str | bytes]) -> Checked:
    """Read a document beside other files, without what brings an error, until nothing does or nothing helps."""
    checked = read({**files, name: as_yaml(document)})
    for _ in range(10):
        root, _ = nodes.tree(name, as_yaml(document))
        wrong = {(one.line, one.column) for one in checked.problems if one.severity is Severity.ERROR}
        if not wrong or root is None or not isinstance(document, dict):
            break
        document = {**LEAST.get(name, {}), **without(document, root, wrong)}
        for stage in document["stages"].values() if isinstance(document.get("stages"), dict) else ():
            if isinstance(stage, dict) and not {"after", "end"} & stage.keys():
                stage["end"] = "over"
        checked = read({**files, name: as_yaml(document)})
    return checked


def lives_through(seed: int) -> tuple[bool, int]:
    """Make up a file, cure it, and let four customers live under it; say whether it was cured, and what happened."""
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    document = MadeUp(kind, chance, wrong=chance.choice([0, 0, 0.02])).document()
    if isinstance(document, dict) and kind in NAMES:
        document["workflow"] = "winback"
        stages = document.get("stages")
        if isinstance(stages, dict) and stages:
            document["stages"] = dict(zip("abc", stages.values(), strict=False))
    files: dict[str, str | bytes] = {**SHOP, "winback.yaml": WORKFLOW}
    began = time.process_time()
    checked = cured(NAMES.get(kind, f"{kind}.yaml"), document, files)
    rules = checked.rules
    happened = 0
    if rules is not None and "winback" in rules.workflows:
        (lives,) = read_files(
            {**SHOP, "winback.yaml": WORKFLOW, "winback.scenarios.yaml": LIVES}, facts=FACTS
        ).scenarios
        played = [*lives.scenarios, *(each for file in checked.scenarios for each in file.scenarios)]
        happened = sum(contradictions(rules, "winback", each) is not None for each in played)
    assert time.process_time() - began < LONGEST
    return rules is not None, happened


@given(st.integers(0, 2**48))
def test_a_made_up_file_is_read_cured_and_lived_under(seed: int) -> None:
    """Whatever the language allows, nothing ends in a traceback or goes on for ever."""
    lives_through(seed)


def test_most_of_what_is_made_up_can_be_cured_and_does_something() -> None:
    """Else the test above would try nothing."""
    found = [lives_through(seed) for seed in range(60)]
    assert sum(sound for sound, _ in found) > 15
    assert sum(happened for _, happened in found) > 15


@pytest.mark.long
def test_many_made_up_files_are_lived_under() -> None:
    """The same, for some minutes."""
    for seed in range(100, 8_000):
        lives_through(seed)
