"""A workflow with every step the language has, for tests in which anything may happen."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.rules import WHOLE, Occasion, RuleSet
from tests.builders import rules_of

NAME = "every-step"
OCCASIONS = {"midsummer": Occasion(name="midsummer", kind="date", month=6, day=24)}

_OCCASIONS_FILE = "occasions:\n  midsummer: {day: 06-24}\n"
_EVENTS_FILE = "events:\n  went.by: {means: Made by a test.}\n"
_OFFERS_FILE = """offers:
  trial: {free_trial: one box, cost: 6 EUR, valid_for: 30d, per_customer: 1 per 20d}
"""
_TEXT = """
workflow: every-step
title: Every step there is
enter_when_all:
  - event: customer.visited
    within: 2d
again_after: 3d
worth: positive
leave_when_any:
  - event: email.unsubscribed
  - event: email.complained
stages:
  begin:
    steps:
      - newsletter: {at_most: 1 per 30d}
      - wait_until: {customer: contract_ends, before: 2d}
        at_most: 9d
      - split: {by_hand: 50%, by_choice: 50%}
    until_any:
      - event: order.placed
        then: thanks
  by_hand:
    steps:
      - hand_off: sales
        at_most: 2 per 7d
        answer_within: 6d
        late_at_most: 5d
      - wait_until: {weekday: tue, at: "09:30"}
      - go_to: by_choice
        when_all: [{not: {tag: vip}}]
    until_any:
      - event: hand_off.answered
        where: {result: won}
        then: thanks
    after: close
  by_choice:
    steps:
      - choose:
          by: cause
          price: {send: cheaper, offer: trial}
          service: {send: sorry, channel: preferred}
          competitor: nothing
          otherwise: {send: hello, channel: preferred}
      - wait_until: {occasion: midsummer, before: 14d, at_most: 4d}
      - choose:
          by: points
          at_least 100: {send: many}
          otherwise: {send: few, asks: still_there}
      - choose:
          by: learning
          short: {send: short, asks: still_there}
          long: nothing
      - tag: vip
      - emit: went.by
        with: {}
      - wait: 8d
    until_any:
      - event: order.placed
        then: thanks
    after: close
  close:
    steps:
      - close_account: {notice: 6d, send: receipt}
      - suppress: newsletter
      - resume: newsletter
      - untag: vip
    until_any:
      - event: order.placed
        then: thanks
    end: closed
  thanks:
    steps:
      - send: thanks
        channel: sms
    end: thanked
"""


def beside(rules: RuleSet) -> RuleSet:
    """Return the rules with that workflow beside theirs, live, with what it needs; a quarter is held out."""
    made = rules_of(_TEXT, occasions=_OCCASIONS_FILE, events=_EVENTS_FILE, offers=_OFFERS_FILE)
    workflow = replace(made.workflows[NAME], holdout=WHOLE // 4, version=0)
    return replace(
        rules,
        workflows={**rules.workflows, NAME: workflow},
        switches={**rules.switches, NAME: made.switches[NAME]},
        offers={**rules.offers, **made.offers},
        own_events={**rules.own_events, **made.own_events},
        lifecycle=replace(rules.lifecycle, occasions={**rules.lifecycle.occasions, **OCCASIONS}),
    )
