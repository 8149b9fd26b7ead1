"""Walking a workflow day by day, as a scenario's customer or as a copy of a real one."""

from __future__ import annotations

import copy
from pathlib import Path

from msgspec.structs import replace

from engine.core.customer import Ended
from engine.core.moments import DAY, Length, iso_day
from engine.core.rules import Mode, RuleSet
from engine.language.folder import read_folder
from engine.language.problems import Spot
from engine.language.scenarios import Happening, Scenario
from engine.runtimes.simulator.scenarios import play
from engine.runtimes.simulator.walking import Walk, right_now
from tests.builders import BERLIN, START, folded, order, somebody

CHECKED = read_folder(Path(__file__).parents[3] / "workflows")
HERE = Spot("", 1, 1)


def rules() -> RuleSet:
    """The rules of the shipped workflows."""
    assert CHECKED.rules is not None
    return CHECKED.rules


def scenarios(workflow: str) -> tuple[Scenario, ...]:
    """The scenarios of a shipped workflow."""
    return next(each.scenarios for each in CHECKED.scenarios if each.workflow == workflow)


def walked(walk: Walk, *happenings: Happening) -> list[str]:
    """Walk to the end; what was done on which day."""
    assert walk.begin() == ""
    said = []
    while not walk.over:
        day = walk.day(happenings)
        said += [f"{day.number}d {action}" for action in day.actions]
    return said


def test_a_walk_does_what_the_same_scenario_does() -> None:
    """For each shipped scenario whose customer enters: the same acts on the same days, day by day or at once."""
    compared = 0
    for workflow in ("readers-who-dont-buy", "reconfirm-newsletter", "three-stage-winback", "welcome-back"):
        for scenario in scenarios(workflow):
            at_once = play(scenario, rules().workflows[workflow], rules())
            walk = Walk(scenario, rules().workflows[workflow], rules())
            if walk.begin():
                continue
            walk = Walk(scenario, rules().workflows[workflow], rules())
            assert walked(walk, *scenario.when) == [f"{day}d {action}" for day, action in at_once.happened], (
                scenario.title
            )
            compared += 1
    assert compared > 15


def test_it_tells_what_would_move_the_customer_on() -> None:
    """The events of the stage the customer is in, with where they lead, and those that end the run."""
    scenario, *_ = scenarios("readers-who-dont-buy")
    walk = Walk(scenario, rules().workflows["readers-who-dont-buy"], rules())
    assert walk.begin() == ""
    walk.day()
    listened = dict(walk.listens_to())
    assert listened["order.placed"] == "thanks"
    assert listened["email.unsubscribed"] == ""


def test_a_copy_of_a_real_customer_walks_by_their_own_facts() -> None:
    """It starts now, whatever they walked before; their record stays as it is."""
    now = START + 100 * DAY
    ada = somebody(
        orders=folded(order(1, START - 300 * DAY), order(2, START - 200 * DAY)).orders,
        life={"click": now - 3 * DAY},
        last_reaction=now - 3 * DAY,
        ended={"readers-who-dont-buy": Ended(now - 9 * DAY, now - 8 * DAY, "no_response", 1, Mode.LIVE)},
    )
    before = copy.deepcopy(ada)
    workflow = rules().workflows["readers-who-dont-buy"]
    walk = Walk(right_now(now, "Europe/Berlin"), workflow, rules(), real=ada)
    assert walk.begin() == ""
    first = walk.day()
    assert (first.number, first.date) == (0, iso_day(BERLIN.day(now)))
    assert [each.data["template"] for each in first.sends] == ["coupon_offer"]
    assert first.sends[0].data["customer"]["email"] == "ada@example.org"
    bought = Happening(Length(days=4), "order.placed", {}, HERE)
    actions = [action for _ in range(8) for action in walk.day([bought]).actions]
    assert actions[:1] == ["send welcome_back"]
    assert ada == before


def test_who_does_not_fit_does_not_enter() -> None:
    """An active customer is no reader who does not buy."""
    now = START
    ada = replace(somebody(), orders=folded(order(1, now - 2 * DAY)).orders)
    walk = Walk(right_now(now, "Europe/Berlin"), rules().workflows["readers-who-dont-buy"], rules(), real=ada)
    assert walk.begin()
