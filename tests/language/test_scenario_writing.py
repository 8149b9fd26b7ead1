"""A scenario that is written as YAML is read back as it was."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules import Address, Standing
from engine.language.files import read_files
from engine.language.problems import Spot
from engine.language.scenario_writing import as_yaml
from engine.language.scenarios import Action, EndedBefore, Expected, Given, Happening, Scenario

WORKFLOW = """workflow: winback
title: Win back
enter_when_all: [{standing: lapsed}]
again_after: 180d
stages: {only: {steps: [{tag: back}], end: done}}
"""
OFFERS = "offers: {ten_percent: {discount: 10%, valid_for: 30d}}\n"
NOWHERE = Spot("", 1, 1)
LENGTHS = st.one_of(
    st.builds(Length, days=st.integers(0, 900)), st.builds(lambda n: Length(minutes=n), st.integers(1, 9_000))
)
NAMES = st.sampled_from(["back", "vip", "no", "null", "x-1"])
TEXTS = (
    st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp"), max_codepoint=0x2FFF), min_size=1)
    .map(str.strip)
    .filter(bool)
)
ACTIONS = ["send hello", "end done", "suppress newsletter", "held_out hand_off sales", "close_account", "drop hello"]


def action(text: str) -> Action:
    """An action as a scenario lists it."""
    kind, _, argument = text.partition(" ")
    return Action(kind, argument, NOWHERE)


def without_places(scenario: Scenario) -> Any:
    """The scenario with all places in files alike; sorted by time, as it is read."""
    when = tuple(msgspec.structs.replace(each, spot=NOWHERE) for each in scenario.when)
    expect = tuple(
        Expected(each.at, tuple(replace(one, spot=NOWHERE) for one in each.actions), NOWHERE)
        for each in scenario.expect
    )
    return replace(scenario, when=when, expect=expect, spot=NOWHERE)


GIVENS = st.builds(
    Given,
    standing=st.sampled_from([None, Standing.LAPSED, Standing.FORMER]),
    orders=st.none() | st.integers(0, 99),
    first_order=st.none() | LENGTHS,
    last_order=st.none() | LENGTHS,
    clicked_mails=st.integers(0, 3),
    basket=st.none() | st.just(Money(4990, "EUR")),
    categories=st.just(()) | st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
    reorder_interval=st.sampled_from([Length(days=30), Length(days=77)]),
    permission=st.sampled_from([(), ("marketing",), ("newsletter", "marketing/phone")]),
    address=st.sampled_from(list(Address)),
    held_out=st.booleans(),
    tags=st.lists(NAMES, unique=True).map(tuple),
    cause=st.sampled_from(["", "price"]),
    offers_had=st.dictionaries(st.just("ten_percent"), LENGTHS),
    offers_used=st.sampled_from([(), ("ten_percent",)]),
    sent=st.dictionaries(st.sampled_from(["hello", "welcome"]), LENGTHS),
    other_mail=st.none() | LENGTHS,
    ended=st.none()
    | st.builds(EndedBefore, workflow=st.just("winback"), outcome=NAMES, ago=LENGTHS, began=st.none() | LENGTHS),
    profile=st.fixed_dictionaries(
        {},
        optional={
            "tier": TEXTS,
            "formal": st.booleans(),
            "birthday": st.sampled_from(["05-17", "1990-05-17"]),
            "contract_ends": st.just("2026-02-01"),
            "attributes": st.dictionaries(NAMES, TEXTS, min_size=1),
        },
    ),
).map(lambda given: replace(given, offers_used=given.offers_used if given.offers_had else ()))
HAPPENINGS = st.sampled_from(
    [("order.placed", {}), ("email.bounced", {"kind": "dead"}), ("email.clicked", {"machine": True, "link": "a: b"})]
)


@given(
    TEXTS,
    GIVENS,
    st.lists(st.tuples(LENGTHS, HAPPENINGS), max_size=4),
    st.dictionaries(st.integers(0, 99), st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3), max_size=3),
    st.integers(0, 24 * 60 - 1),
)
def test_what_is_written_is_read_as_it_was(
    title: str,
    given_: Given,
    when: list[tuple[Length, tuple[str, dict[str, Any]]]],
    expect: dict[int, list[str]],
    clock: int,
) -> None:
    """Whatever the texts, lengths and fields: one scenario in, the same out, and no problem with it."""
    happenings = sorted((Happening(at, kind, data, NOWHERE) for at, (kind, data) in when), key=_when)
    days = [Expected(Length(days=day), tuple(map(action, said)), NOWHERE) for day, said in sorted(expect.items())]
    scenario = Scenario(
        title=title, clock=clock, given=given_, when=tuple(happenings), expect=tuple(days), spot=NOWHERE
    )
    text = f"workflow: winback\nscenarios:\n{as_yaml(scenario, ['a comment'])}"
    checked = read_files({"winback.yaml": WORKFLOW, "winback.scenarios.yaml": text, "offers.yaml": OFFERS})
    assert checked.problems == (), (text, checked.problems)
    assert without_places(checked.scenarios[0].scenarios[0]) == scenario


def _when(each: Happening) -> tuple[int, str]:
    return each.at.roughly, str(each.at)
