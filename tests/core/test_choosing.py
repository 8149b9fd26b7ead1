"""Splits and choices: by lot, by cause, by a field of the customer; and what becomes of the branch while its send waits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.customer import Order
from engine.core.moments import DAY
from engine.core.rules import Mode
from tests.builders import PLAIN, Play, day_of, somebody
from tests.core.shops import known, only, shop, visited

SPLIT = """
workflow: visit
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - split: {few: 12.5%, some: 37.5%, half: 50%}
  few:
    steps: []
    end: few
  some:
    steps: []
    end: some
  half:
    steps: []
    end: half
"""


def test_a_split_takes_its_shares_and_each_customer_the_same_way_again() -> None:
    """Of 2,000 customers each stage gets its share, within four standard deviations; a second run goes the same way."""
    play = Play(SPLIT)
    names = [f"c{number}" for number in range(2_000)]
    for name in names:
        play.happens("customer.visited", name)
    first = {name: play.outcomes(name) for name in names}
    counts = Counter(outcome for (outcome,) in first.values())
    for outcome, share in (("few", 0.125), ("some", 0.375), ("half", 0.5)):
        assert abs(counts[outcome] - 2_000 * share) < 4 * (2_000 * share * (1 - share)) ** 0.5
    play.passes("3d")
    for name in names[:100]:
        play.happens("customer.visited", name)
        assert play.outcomes(name) == 2 * first[name]


def test_another_split_draws_anew() -> None:
    """Who is in the first stage of one split is in no particular stage of another: their lots are their own."""
    play = Play(SPLIT, SPLIT.replace("workflow: visit", "workflow: again"))
    names = [f"c{number}" for number in range(400)]
    for name in names:
        play.happens("customer.visited", name)
    pairs = Counter(tuple(play.outcomes(name)) for name in names)
    assert len(pairs) == 9


CHOICE = """
- choose:
    by: {BY}
    {BRANCHES}
    otherwise: {OTHERWISE}
- tag: through
"""


def choose(by: str, *branches: str, otherwise: str = "{send: other}") -> str:
    """A choice as the YAML has it, and a tag after it."""
    text = CHOICE.replace("{BY}", by).replace("{OTHERWISE}", otherwise)
    return text.replace("{BRANCHES}", "\n    ".join(branches))


def sent(play: Play, customer: str = "ada") -> list[str]:
    """The templates that were asked for."""
    return [data["template"] for data in only(play.about(customer), "send.requested")]


@pytest.mark.parametrize(
    ("by", "branches", "profile", "template"),
    [
        ("tier", ["gold: {send: g}", "silver: {send: s}"], {"tier": "silver"}, ["s"]),
        ("tier", ["gold: {send: g}", "silver: {send: s}"], {"tier": "bronze"}, ["other"]),
        ("tier", ["gold: {send: g}"], {}, ["other"]),
        ("tier", ["gold: nothing"], {"tier": "gold"}, []),
        ("formal", ["true: {send: sie}"], {"formal": True}, ["sie"]),
        ("formal", ["true: {send: sie}"], {"formal": False}, ["other"]),
        ("points", ["at_least 100: {send: many}", "at_least 10: {send: some}"], {"points": 100}, ["many"]),
        ("points", ["at_least 100: {send: many}", "at_least 10: {send: some}"], {"points": 99}, ["some"]),
        ("points", ["0: {send: none}", "at_most 5: {send: few}"], {"points": 0}, ["none"]),
        ("points", ["0: {send: none}", "at_most 5: {send: few}"], {"points": 5}, ["few"]),
        ("contract_ends", ["at_least 2027-01-01: {send: far}"], {"contract_ends": "2027-01-01"}, ["far"]),
        ("contract_ends", ["at_least 2027-01-01: {send: far}"], {"contract_ends": "2026-12-31"}, ["other"]),
        ("attributes.pet", ["cat: {send: miau}"], {"attributes.pet": "cat"}, ["miau"]),
        ("tags", ["vip: {send: v}"], {}, ["v"]),
    ],
)
def test_the_first_branch_that_fits_is_sent(
    by: str, branches: list[str], profile: dict[str, Any], template: list[str]
) -> None:
    """By any field, equal or within bounds; `otherwise` where none fits, nothing where nothing is said to be sent."""
    who = somebody(profile=known(email="ada@example.org", **profile), tags=("vip",))
    play = visited(choose(by, *branches), who)
    assert sent(play) == template
    assert play.outcomes() == ["done"]
    assert play.customer().tags == ("vip", "through")


@pytest.mark.parametrize(("revenue", "template"), [(50_000, "much"), (49_999, "some"), (100, "other")])
def test_money_is_chosen_by_bounds(revenue: int, template: str) -> None:
    """In the shop's currency, from the amount on."""
    day = day_of("2025-12-01")
    who = somebody(orders=(Order(day * DAY, day, 1, revenue, "EUR"),))
    branches = ["at_least 500 EUR: {send: much}", "at_least 200 EUR: {send: some}"]
    assert sent(visited(choose("revenue_365d", *branches), who)) == [template]


def test_by_cause_the_strongest_evidence_chooses() -> None:
    """What a survey says outweighs a ticket; an order since takes the cause away."""
    text = choose("cause", "price: {send: cheaper}", "service: {send: sorry}")
    cases: list[tuple[list[tuple[str, dict[str, Any]]], str]] = [
        ([("ticket.solved", {"cause": "service"})], "sorry"),
        ([("survey.answered", {"cause": "price"}), ("ticket.solved", {"cause": "service"})], "cheaper"),
        ([("survey.answered", {"cause": "price"}), ("order.placed", {})], "other"),
        ([], "other"),
    ]
    for events, template in cases:
        play = shop(text, lifecycle=replace(PLAIN, hold_while=replace(PLAIN.hold_while, ticket_solved=None)))
        play.put(somebody())
        for kind, data in events:
            play.passes("1d")
            play.happens(kind, **data)
        play.passes("20d")
        play.happens("customer.visited")
        assert sent(play) == [template]


def test_by_learning_all_branches_have_equal_shares() -> None:
    """Nothing is learned yet: of 900 customers each of three branches gets its third, the same customer the same one."""
    play = shop("- choose:\n    by: learning\n    b: {send: b}\n    a: {send: a}\n    c: nothing\n")
    names = [f"c{number}" for number in range(900)]
    for name in names:
        play.put(somebody(name))
        play.happens("customer.visited", name)
    counts = Counter(tuple(sent(play, name)) for name in names)
    assert all(abs(counts[taken] - 300) < 60 for taken in (("a",), ("b",), ()))
    play.passes("3d")
    for name in names[:50]:
        before = sent(play, name)
        play.happens("customer.visited", name)
        assert sent(play, name) == 2 * before


def test_a_branch_is_kept_while_its_send_waits() -> None:
    """What was chosen is what goes, though the customer has changed by the time it may; the next choice is a new one."""
    play = shop(choose("tier", "gold: {send: g}"))
    play.put(somebody(profile=known(email="ada@example.org", tier="gold"), open_tickets=(1,)))
    play.happens("customer.visited")
    assert play.customer().runs[0].branch == "gold"
    play.passes("1h")
    play.happens("profile.updated", tier="silver")
    play.put(replace(play.customer(), open_tickets=()))
    play.passes("2h")
    assert sent(play) == ["g"]
    play.passes("3d")
    play.happens("customer.visited")
    assert sent(play) == ["g", "other"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["gold", "silver", "bronze"]).map(lambda tier: ("tier", tier)),
            st.sampled_from(["20min", "3h", "1d", "4d"]).map(lambda time: ("time", time)),
            st.just(("pause", "")),
            st.sampled_from(["send", "shift"]).map(lambda overdue: ("unpause", overdue)),
            st.sampled_from(["draft", "live"]).map(lambda mode: ("mode", mode)),
        ),
        max_size=15,
    )
)
def test_whatever_holds_a_send_its_branch_stays(happenings: list[tuple[str, str]]) -> None:
    """A send that is deferred, paused or held as a draft is the branch that was chosen when it was first asked for."""
    quiet = replace(PLAIN, quiet=(8 * 60, 20 * 60))  # it waits for the evening
    play = shop(choose("tier", "gold: {send: g}", "silver: {send: s}"), lifecycle=quiet)
    play.put(somebody(profile=known(email="ada@example.org", tier="gold")))
    play.happens("customer.visited")
    for what, word in happenings:
        if what == "tier":
            play.until(play.now + 1)
            play.happens("profile.updated", tier=word)
        elif what == "time":
            play.passes(word)
        elif what == "pause":
            play.pause()
        elif what == "unpause":
            play.unpause(word)
        else:
            play.switches("visit", mode=Mode(word))
        for run in play.customer().runs:
            assert run.branch == "gold"
    told = [data for kind in ("requested", "deferred", "dropped") for data in only(play.effects, f"send.{kind}")]
    assert {data["template"] for data in told} <= {"g"}
    assert len({data["step"] for data in told}) <= 1


def test_a_choice_is_held_out_on_the_same_clock() -> None:
    """A held-out customer takes the same branch and gets nothing."""
    who = somebody(profile=known(email="ada@example.org", tier="gold"))
    play = visited(choose("tier", "gold: {send: g}"), who, held_out=True)
    assert play.told() == ["0d start visit", "0d held out g", "0d held out tag through 0", "0d end done"]


def test_each_branch_asks_for_an_effect_of_its_own() -> None:
    """Two branches with one template are two effects: which one was taken can be told from the step."""
    steps = set()
    for tier in ("gold", "silver"):
        who = somebody(profile=known(email="ada@example.org", tier=tier))
        (data,) = only(
            visited(choose("tier", "gold: {send: same}", "silver: {send: same}"), who).effects, "send.requested"
        )
        steps.add((data["step"], data["template"]))
    assert len(steps) == 2


def test_a_second_choice_in_a_run_is_its_own() -> None:
    """The branch belongs to its step: the next one chooses anew."""
    who = somebody(profile=known(email="ada@example.org", tier="gold", role="silver"))
    second = "- choose:\n    by: role\n    silver: {send: s}\n    gold: {send: g}\n    otherwise: nothing\n"
    assert sent(visited(choose("tier", "gold: {send: first}") + second, who)) == ["first", "s"]
