"""A shop with one workflow that is entered at a visit: what tests of steps play on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from engine.core.customer import Customer, Permission
from engine.core.effects import Effect
from engine.core.moments import DAY
from engine.core.rules import WHOLE, Lifecycle, Mode, RuleSet
from tests.builders import PLAIN, START, Play, rules_of, somebody

VISIT = """
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
"""
WAYS_OUT = """
    until_any:
      - event: ticket.opened
        then: other
    end: done
  other:
    steps: []
    end: other
"""


def steps(text: str) -> str:
    """The workflow with these steps in its first stage; a ticket leads to another one, where something is waited for."""
    lines = "\n".join(f"      {line}" for line in text.strip("\n").splitlines())
    waits = any(word in text for word in ("wait", "answer_within", "close_account"))
    return f"{VISIT}{lines}" + (WAYS_OUT if waits else "\n    end: done\n")


def rules(
    text: str, *, lifecycle: Lifecycle = PLAIN, mode: Mode = Mode.LIVE, held_out: bool = False, **files: str
) -> RuleSet:
    """The rules of that workflow; with `held_out` everybody is."""
    made = rules_of(steps(text), lifecycle=lifecycle, mode=mode, **files)
    return replace(made, workflows={"visit": replace(made.workflows["visit"], holdout=WHOLE if held_out else 0)})


def shop(text: str, *, start: int = START, history_after: int | None = None, **said: Any) -> Play:
    """That shop, before anything happens."""
    return Play(rules=rules(text, **said), start=start, history_after=history_after)


def visited(text: str, customer: Customer | None = None, **said: Any) -> Play:
    """That shop, into which a customer comes."""
    play = shop(text, **said)
    who = customer or somebody()
    play.put(who)
    play.happens("customer.visited", who.id)
    return play


def permitted(*keys: str) -> dict[str, Permission]:
    """Permission given long ago by purpose and channel, such as `marketing/phone`."""
    return {key: Permission(given=True, at=START - 100 * DAY, basis="express") for key in keys}


def known(**fields: Any) -> dict[str, tuple[Any, int]]:
    """A profile of these fields."""
    return {name: (value, 0) for name, value in fields.items()}


def only(effects: Iterable[Effect], kind: str) -> list[dict[str, Any]]:
    """The data of the effects of one kind, named without `winback.`."""
    return [each.data for each in effects if each.type == f"winback.{kind}"]


def hands_nothing_over(play: Play) -> None:
    """Let sends wait from now on: what becomes of them is for the test to say."""

    def nothing(now: int) -> None:
        """A relay that is not there."""

    play.world._hand_over = nothing  # type: ignore[method-assign] # the simulator has no other switch
