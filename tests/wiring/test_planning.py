"""The parts of a plan: letting lines in, what reaches further, and whether a plan still holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.moments import DAY, Length, zone
from engine.core.rules import WHOLE, EnterAtMost, Lifecycle, Mode, OwnEvent, RuleSet, Switch
from engine.core.shop import Pace, Pause, Shop
from engine.insight.foresight import InLine, Prospects
from engine.insight.plan import Change, Plan
from engine.wiring.applying import SHADOW_PAUSE
from engine.wiring.planning.approving import differs, further
from engine.wiring.planning.lines import Line, let_in
from engine.wiring.planning.sides import as_applied
from tests.builders import START, rules_of

BERLIN = zone("Europe/Berlin")
FREE = Prospects("", capped=False, had_offer=False, held_out=False, place_taken=False)
TAKEN = FREE._replace(place_taken=True)


def places(*customers: str, prospects: Prospects = FREE) -> list[InLine]:
    """A line of these, in this order."""
    return [InLine(at, customer, prospects, ()) for at, customer in enumerate(customers)]


def line(name: str, there: Sequence[InLine], per_day: int | None = None, **said: Any) -> Line:
    """A workflow's line, at so many a day."""
    pace = None if per_day is None else EnterAtMost(per_day, Length(days=1))
    return Line(name, there, pace, said.get("window"), said.get("takes", True))


def days(*lines: Line) -> dict[str, list[tuple[int, int]]]:
    """How many enter on which day from the start on."""
    today = BERLIN.day(START)
    found = let_in(lines, START, BERLIN)
    return {
        name: [(day - today, count) for day, count in sorted(entering.by_day.items())]
        for name, entering in found.items()
    }


def test_a_line_is_let_in_at_its_pace() -> None:
    """So many a day, the rest on the last; without a pace all at once."""
    assert days(line("a", places(*"uvwxyz"), 4)) == {"a": [(0, 4), (1, 2)]}
    assert days(line("a", places(*"uvwxyz"))) == {"a": [(0, 6)]}


def test_a_window_under_way_has_room_for_the_rest_alone() -> None:
    """Who was let in before counts; when it ends, at ten in the evening, the next one begins."""
    window = Pace(START - DAY // 2, 3)
    assert days(line("a", places(*"uvwxyz"), 4, window=window)) == {"a": [(0, 5), (1, 1)]}


def test_a_customer_has_one_place() -> None:
    """Who stands in two lines is let into the first that calls; a workflow that takes no place lets them in too."""
    first, second = line("a", places(*"uvw"), 2), line("b", places(*"uvw"))
    found = let_in([first, second], START, BERLIN)
    assert [each.customer for each in found["a"].entered] == ["u", "v"]
    assert [each.customer for each in found["b"].entered] == ["w"]
    assert (found["a"].elsewhere, found["b"].elsewhere) == (1, 2)
    beside = let_in([first, replace(second, takes_the_place=False)], START, BERLIN)
    assert len(beside["b"].entered) == 3
    assert len(let_in([line("a", places("u", prospects=TAKEN))], START, BERLIN)["a"].entered) == 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_everybody_in_a_line_is_accounted_for(sizes: list[int], paces: list[int]) -> None:
    """They enter, once, or their place is another's; and on no day more than the pace."""
    lines = [
        line(str(number), places(*(f"c{who}" for who in range(size))), pace)
        for number, (size, pace) in enumerate(zip(sizes, paces, strict=False))
    ]
    found = let_in(lines, START, BERLIN)
    entered = [each.customer for entering in found.values() for each in entering.entered]
    assert len(entered) == len(set(entered)) == max(sizes)
    for size, pace, entering in zip(sizes, paces, found.values(), strict=False):
        assert len(entering.entered) + entering.elsewhere == size
        assert max(entering.by_day.values(), default=0) <= pace


# What reaches further ------------------------------------------------------------------------------------------------

VISIT = """workflow: visit
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - wait: {wait}
      - send: hello
    end: done
"""


def rules(wait: str = "1d", **switch: Any) -> RuleSet:
    """The rules with one workflow."""
    made = rules_of(VISIT.format(wait=wait))
    return replace(made, switches={"visit": Switch(**switch)})


LIVE, A_DAY = {"mode": Mode.LIVE}, Length(days=1)
FEW, MANY = EnterAtMost(10, A_DAY), EnterAtMost(20, A_DAY)


@pytest.mark.parametrize(
    ("before", "after", "move", "is_further"),
    [
        (rules(), rules(**LIVE), "", True),
        (rules(), rules(mode=Mode.SHADOW), "", False),
        (rules(**LIVE), rules(mode=Mode.SHADOW), "", False),
        (rules(mode=Mode.SHADOW), rules(**LIVE), "", True),
        (rules(**LIVE), rules(), "", False),
        (rules(**LIVE), rules("2d", **LIVE), "", True),
        (rules(), rules("2d"), "", False),
        (rules(**LIVE), rules("2d"), "", False),
        (rules(**LIVE), rules("2d"), "move", False),
        (rules(**LIVE), rules("2d", mode=Mode.SHADOW), "move", True),
        (rules(**LIVE), rules(**LIVE), "move", True),
        (rules(**LIVE), rules(**LIVE), "exit", False),
        (rules(**LIVE), rules(**LIVE, reach=WHOLE // 2), "", False),
        (rules(**LIVE, reach=WHOLE // 2), rules(**LIVE), "", True),
        (rules(**LIVE, enter_at_most=MANY), rules(**LIVE, enter_at_most=FEW), "", False),
        (rules(**LIVE, enter_at_most=FEW), rules(**LIVE, enter_at_most=MANY), "", True),
        (rules(**LIVE, enter_at_most=MANY), rules(**LIVE, enter_at_most=EnterAtMost(30, Length(days=3))), "", True),
        (rules(**LIVE, enter_at_most=MANY), rules(**LIVE, enter_at_most=EnterAtMost(20, Length(days=3))), "", False),
        (rules(**LIVE, enter_at_most=FEW), rules(**LIVE), "", True),
        (rules(**LIVE), rules(**LIVE, enter_at_most=FEW), "", True),
        (rules(**LIVE), rules(**LIVE, skip_those_who_fit=True), "", False),
        (rules(**LIVE, skip_those_who_fit=True), rules(**LIVE, enter_at_most=FEW), "", True),
        (rules(**LIVE), RuleSet(), "", False),
        (RuleSet(), rules(**LIVE), "", True),
    ],
)
def test_what_reaches_further_is_told(before: RuleSet, after: RuleSet, move: str, is_further: object) -> None:
    """Going live, more of it, faster, or other words under those who are in it; going down never."""
    found = further(before, replace(after, lifecycle=before.lifecycle), {"visit": move}, templates_differ=False)
    assert bool(found) is is_further


@pytest.mark.parametrize("mode", Mode)
def test_what_all_workflows_share_reaches_further_where_something_is_live(mode: Mode) -> None:
    """Another cap, a template, an event of our own: nobody can say that they are harmless."""
    before = rules(mode=mode)
    lifecycle = replace(before, lifecycle=Lifecycle(caps=()), own_events={"x.y": OwnEvent("x.y", "something")})
    lifecycle = replace(lifecycle, lifecycle=replace(before.lifecycle, returns_within=Length(days=3)))
    found = further(before, lifecycle, {}, templates_differ=True)
    assert set(found) == ({"lifecycle.yaml", "events.yaml", "templates or shop.yaml"} if mode is Mode.LIVE else set())


def test_in_a_shadow_run_nothing_goes_live() -> None:
    """A plan is made beside what a shadow run would put in force: everything live walks as shadow."""
    shadow = Shop(pauses=(Pause("engine", "", START, SHADOW_PAUSE),))
    assert as_applied(rules(**LIVE), shadow).switches["visit"].mode is Mode.SHADOW
    assert as_applied(rules(**LIVE), Shop()).switches["visit"].mode is Mode.LIVE


# Whether a plan holds ------------------------------------------------------------------------------------------------


def planned(**figures: Any) -> Plan:
    """A plan with these figures of one workflow."""
    usual: dict[str, Any] = {"would_enter": 100, "mailable": 80, "per_day": 20, "waiting": {"one: wait 1d": 50}}
    change = Change("visit", 1, 2, "a new version", offer_cost_at_most="1000.00 EUR", **{**usual, **figures})
    return Plan("2026-11-22T10:00:00Z", "ada", 3, 4, "digest", 1_000, changes=(change,))


@pytest.mark.parametrize(
    ("figures", "holds"),
    [
        ({}, True),
        ({"would_enter": 110, "mailable": 72}, True),
        ({"would_enter": 111}, False),
        ({"would_enter": 89}, False),
        ({"mailable": 0}, False),
        ({"waiting": {"one: wait 1d": 20, "one: send hello": 35}}, True),
        ({"waiting": {}}, False),
        ({"per_day": 23}, False),
    ],
)
def test_a_figure_may_differ_by_a_tenth(figures: dict[str, Any], holds: object) -> None:
    """Of what was planned, to either side; where people stand may shift."""
    assert (differs(planned(), planned(**figures)) == []) is holds


def test_nothing_became_something() -> None:
    """A figure of nought has no tenth; a plan names all figures that differ."""
    found = differs(planned(would_enter=0, mailable=0), planned(would_enter=3, mailable=2))
    assert found == ["visit: mailable: planned 0, now 2", "visit: would enter: planned 0, now 3"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"digest": "other"}, "files have changed"),
        ({"applied": 5}, "applied since"),
        ({"moves": {"visit": "move"}}, "runs under way"),
    ],
)
def test_other_files_rules_or_moves_are_another_plan(changed: dict[str, Any], said: str) -> None:
    """Then figures are not even compared."""
    (only,) = differs(planned(), replace(planned(would_enter=500), **changed))
    assert said in only
