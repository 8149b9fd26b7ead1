"""Finding the workflows to look at: an index that leaves out only those that could not be entered."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.core.candidates import Candidates
from engine.core.rules import Workflow
from tests.builders import Play

CONDITIONS = {
    "lapsed": "standing: lapsed",
    "active-tea": "standing: active}\n  - {customer: categories, any_of: [tea, cups]",
    "austrians": "customer: country, is: AT",
    "segment": "customer: attributes.segment, any_of: [gold, silver]",
    "tagged": "tag: seen",
    "clicked": "event: email.clicked, within: 3d",
    "returned": "returned: , from: [lapsed], within: 20d",
    "silent": "no_event: email.clicked, within: 10d}\n  - {event: order.placed, within: 60d",
    "dead": "address: dead",
    "away": "customer: standing, any_of: [lapsed, reader]",
    "not-austrian": "not: {customer: country, is: AT}}\n  - {customer: orders, at_least: 2",
    "either": "standing: active}\nenter_when_any:\n  - {tag: seen}\n  - {customer: country, is: DE",
}
TAGGING = """
workflow: tagging
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 5d
stages:
  only:
    steps:
      - tag: seen
      - wait: 2d
      - untag: seen
    end: done
"""


def _workflow(number: int, name: str, conditions: str) -> str:
    return f"""
workflow: {name}
priority: {10 + number}
enter_when_all:
  - {{{conditions}}}
again_after: {2 + number}d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: coupon_offer
      - wait: {1 + number % 3}d
    end: done
"""


WORKFLOWS = [
    TAGGING,
    *(_workflow(number, name, asked) for number, (name, asked) in enumerate(CONDITIONS.items())),
]


class _Everything(Candidates):
    """No index at all: whatever has changed, each workflow is looked at."""

    def after(self, *_: object) -> tuple[Workflow, ...]:
        return self.in_order


_HAPPENINGS = st.one_of(
    st.sampled_from([("order.placed", {"items": [{"category": each}]}) for each in ("tea", "books")]),
    st.sampled_from([("profile.updated", {"country": each}) for each in ("AT", "DE", None)]),
    st.sampled_from([("profile.updated", {"attributes": {"segment": each}}) for each in ("gold", "other")]),
    st.sampled_from(
        [
            ("customer.visited", {}),
            ("email.clicked", {}),
            ("email.bounced", {"kind": "dead", "status": "5.1.1"}),
            ("customer.logged_in", {}),
        ]
    ),
)
_LIVES = st.lists(st.tuples(_HAPPENINGS, st.sampled_from(["1h", "1d", "3d", "20d", "70d"])), max_size=14)


def _lived(life: list[tuple[tuple[str, dict[str, Any]], str]], *, indexed: bool) -> list[str]:
    play = Play(*WORKFLOWS)
    if not indexed:
        rules = play.world.handling.rules
        rules.candidates = _Everything(rules.in_order)
    for number, ((kind, data), length) in enumerate(life):
        if kind == "order.placed":
            play.orders(number=f"o-{number}", **data)
        else:
            play.happens(kind, **data)
        play.passes(length)
    assert play.world.store.dead_letters == []
    return [f"{each.time} {each.id} {each.data}" for each in play.effects]


@given(_LIVES)
def test_whoever_is_left_out_could_not_have_entered(life: list[tuple[tuple[str, dict[str, Any]], str]]) -> None:
    """With the index and with a look at everything after each change, the same comes of any life."""
    assert _lived(life, indexed=True) == _lived(life, indexed=False)
