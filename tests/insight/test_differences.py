"""Differences by meaning: each edit of a workflow is told as what it was and is, and nothing else."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from msgspec.structs import replace

from engine.core.rules import (
    WHOLE,
    AnyStep,
    Cap,
    EnterAtMost,
    LapseRule,
    Lifecycle,
    MakeFormer,
    Mode,
    Purpose,
    Switch,
    Workflow,
)
from engine.insight.differences import of_lifecycle, of_templates, of_workflow
from engine.insight.plan import Difference
from engine.insight.wording import step_in_short, step_in_words
from tests.builders import length, rules_of
from tests.every_step import NAME, beside

FILE = """workflow: visit
title: Whoever came by
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - wait: 10d
      - send: hello
      - wait: 7d
      - tag: seen
    until_any:
      - event: ticket.opened
        then: other
    after: other
  other:
    steps: []
    end: done
"""


def visit(*edits: tuple[str, str]) -> Workflow:
    """The workflow, with words of its file put in another's place."""
    text = FILE
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    return rules_of(text).workflows["visit"]


def told(was: Workflow, is_: Workflow, *switched: Switch) -> list[tuple[str, str | None, str | None]]:
    """The differences, as tuples."""
    found = of_workflow(was, is_, switched or (Switch(), Switch()))  # type: ignore[arg-type]  # two or none
    return [(each.where, each.old, each.new) for each in found]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("wait: 10d", "wait: 14d"), ("stage one, steps", "wait: 10d", "wait: 14d")),
        (("      - send: hello\n", ""), ("stage one, steps", "send: hello", None)),
        (("      - tag: seen", "      - tag: seen\n      - tag: twice"), ("stage one, steps", None, "tag: twice")),
        (
            ("- send: hello", "- send: hello\n        late_at_most: 1d"),
            ("stage one, steps", "send: hello", "send: hello, late_at_most: 1d"),
        ),
        (("again_after: 2d", "again_after: never"), ("again_after", "2d", "never")),
        (("title: Whoever came by", "title: Whoever"), ("title", "Whoever came by", "Whoever")),
        (
            ("within: 1d", "within: 3d"),
            ("enter_when_all", "event: customer.visited, within: 1d", "event: customer.visited, within: 3d"),
        ),
        (
            ("ticket.opened", "ticket.solved"),
            ("stage one, until_any", "event: ticket.opened, then: other", "event: ticket.solved, then: other"),
        ),
        (("after: other", "end: over"), ("stage one, what follows", "after: other", "end: over")),
        (("again_after: 2d", "again_after: 2d\nholdout: 5%"), ("holdout", "0%", "5%")),
        (("again_after: 2d", "again_after: 2d\nsend_on: [mon, tue]"), ("send_on", None, "[mon, tue]")),
        (("again_after: 2d", "again_after: 2d\nsend_between: 09:00-20:00"), ("send_between", None, "09:00-20:00")),
    ],
)
def test_an_edit_is_told_as_one_difference(edit: tuple[str, str], said: tuple[str, str | None, str | None]) -> None:
    """One thing was changed, so one thing is told; in words of the file, whatever the line."""
    assert told(visit(), visit(edit)) == [said]


def test_lines_and_comments_are_no_difference() -> None:
    """They move, and mean nothing."""
    assert told(visit(), visit(("stages:\n", "# the stages\n\nstages:\n"))) == []


def test_switches_are_told_as_they_are_written() -> None:
    """Mode, share and pace."""
    was = Switch()
    is_ = Switch(mode=Mode.LIVE, reach=WHOLE // 2, enter_at_most=EnterAtMost(500, length("1d")))
    assert told(visit(), visit(), was, is_) == [
        ("mode", "draft", "live"),
        ("reach", "100%", "50%"),
        ("enter_at_most", None, "500 per 1d"),
    ]
    assert told(visit(), visit(), is_, replace(is_, enter_at_most=None, skip_those_who_fit=True)) == [
        ("enter_at_most", "500 per 1d", "skip")
    ]


def test_a_new_stage_is_told_whole() -> None:
    """With its steps and what follows; so is one that is gone."""
    third = "  third:\n    steps:\n      - tag: third\n    after: other\n  other:\n"
    more = visit(("after: other", "after: third"), ("  other:\n", third))
    follows, whole = "stage one, what follows", "tag: third; after: other"
    assert told(visit(), more) == [(follows, "after: other", "after: third"), ("stage third", None, whole)]
    assert told(more, visit()) == [(follows, "after: third", "after: other"), ("stage third", whole, None)]


def test_every_kind_of_step_has_words() -> None:
    """Each is told by what it is about, and by all that was said of it."""
    steps = [step for stage in beside(rules_of(FILE)).workflows[NAME].stages for step in stage.steps]
    steps.append(MakeFormer(key="standing former 0"))
    assert {type(step) for step in steps} == set(get_args(AnyStep))
    for step in steps:
        key = step.key.split()[0].split("/")[0]
        assert step_in_words(step).startswith(f"{key}: ")
        assert step_in_short(step).startswith(f"{key} ")
        assert "(" not in step_in_short(step), "no value is written as Python has it"


LIFECYCLE: dict[str, tuple[Any, str, str]] = {
    "lapsed_after": (LapseRule("days", (120, 1)), "2 x reorder_interval", "120d"),
    "margin": (3500, "", "35%"),
    "quiet": ((22 * 60, 7 * 60 + 30), "20:00-08:00", "22:00-07:30"),
    "lapsed_at_least": (45, "30d", "45d"),
    "warm_up": (length("10d"), "90d", "10d"),
    "caps": (
        (Cap(Purpose.MARKETING, 2, length("7d")),),
        "[marketing 1 per 7d, marketing 4 per 30d]",
        "[marketing 2 per 7d]",
    ),
}


@pytest.mark.parametrize("key", LIFECYCLE)
def test_a_key_of_lifecycle_is_told_as_it_is_written(key: str) -> None:
    """Old and new, in the units of the file."""
    value, old, new = LIFECYCLE[key]
    assert of_lifecycle(Lifecycle(), replace(Lifecycle(), **{key: value})) == (Difference(key, old or None, new),)


def test_templates_are_told_by_name() -> None:
    """What is new, gone or changed; a text that is the same is not told."""
    was = {"hello/en.text.liquid": "a\nb", "bye/en.text.liquid": "x", "same/en.text.liquid": "s"}
    is_ = {"hello/en.text.liquid": "a", "new/en.text.liquid": "n", "same/en.text.liquid": "s"}
    assert [(each.where, each.old, each.new) for each in of_templates(was, is_)] == [
        ("template bye/en.text.liquid", "1 lines", None),
        ("template hello/en.text.liquid", "2 lines", "1 lines"),
        ("template new/en.text.liquid", None, "1 lines"),
    ]
