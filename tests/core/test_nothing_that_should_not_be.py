"""Whatever happens, in whatever order: what must never be never is, with all workflows that ship live, and every step."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, decode, encode
from engine.core.deciding import decide
from engine.core.effects import Effect
from engine.core.moments import DAY, HOUR, MINUTE, Length, zone
from engine.core.moving import HOW
from engine.core.rules import WHOLE, EnterAtMost, Mode, RuleSet
from engine.core.signals import Handed, Move, TimeUp
from engine.language.folder import read_folder
from tests.builders import START, Play, event
from tests.core.observer import Observer
from tests.edits import EDITS, Edit
from tests.every_step import NAME, beside

SHIPPED = read_folder(Path(__file__).parents[2] / "workflows").rules
assert SHIPPED is not None
WORKFLOWS = sorted(beside(SHIPPED).workflows)

NAMES = st.sampled_from(
    ["ada", "cyd", "eve", "gus", "hal"]
)  # by their lots: held out and not, to a person and to a choice
AGES = st.sampled_from([0, 0, 0, 0, MINUTE, 5 * HOUR, 2 * DAY, 10 * DAY, 70 * DAY, 300 * DAY])
NUMBERS = st.integers(0, 8)
RECORD_AT_MOST = 4_000  # bytes, for a customer with fewer than ten orders

WHAT: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.sampled_from(["order.cancelled", "order.refunded", "order.delivered"]),
        st.fixed_dictionaries({"order_id": NUMBERS.map(str)}),
    ),
    st.tuples(
        st.sampled_from(["email.clicked", "email.opened"]),
        st.fixed_dictionaries({"machine": st.sampled_from([None, True])}),
    ),
    st.tuples(
        st.sampled_from(
            [
                "email.unsubscribed",
                "email.complained",
                "account.closed",
                "newsletter.confirmed",
                "customer.logged_in",
                "contract.cancelled",
                "ticket.opened",
                "ticket.solved",
            ]
        ),
        st.just({}),
    ),
    st.tuples(
        st.sampled_from(["consent.given", "consent.withdrawn"]),
        st.fixed_dictionaries({"purpose": st.sampled_from(["newsletter", "marketing", "tracking"])}),
    ),
    st.tuples(st.just("email.bounced"), st.fixed_dictionaries({"kind": st.sampled_from(["dead", "unknown", "soft"])})),
    st.tuples(st.just("email.sent"), st.fixed_dictionaries({"sender": st.just("elsewhere")})),
    st.tuples(
        st.just("profile.updated"),
        st.fixed_dictionaries(
            {"timezone": st.sampled_from(["Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])}
        ),
    ),
    st.tuples(
        st.just("profile.updated"),
        st.fixed_dictionaries({"email": st.sampled_from(["new@example.org", "newer@example.org"])}),
    ),
    st.tuples(st.sampled_from(["customer.ended", "customer.erased"]), st.just({})),
    st.tuples(
        st.just("survey.answered"),
        st.fixed_dictionaries({"cause": st.sampled_from(["price", "service", "competitor"])}),
    ),
    st.tuples(
        st.just("hand_off.answered"),
        st.fixed_dictionaries({"hand_off": st.just("sales"), "result": st.sampled_from(["reached", "won", "later"])}),
    ),
    st.tuples(
        st.just("profile.updated"),
        st.fixed_dictionaries({"contract_ends": st.sampled_from(["2026-01-20", "2026-03-01", "2027-06-30", None])}),
    ),
    st.tuples(
        st.just("profile.updated"),
        st.fixed_dictionaries(
            {"channel": st.sampled_from(["letter", "sms"]), "phone": st.just("1"), "points": st.sampled_from([0, 500])}
        ),
    ),
    st.tuples(
        st.sampled_from(["consent.given", "consent.withdrawn"]),
        st.fixed_dictionaries(
            {"purpose": st.just("marketing"), "channel": st.sampled_from(["phone", "sms", "letter"])}
        ),
    ),
)


def all_live(**switch: Any) -> RuleSet:
    """What ships and a workflow with every step, all live, half of the customers held out where it is not forbidden."""
    assert SHIPPED is not None
    shipped = beside(SHIPPED)
    switches = {name: replace(each, mode=Mode.LIVE, **switch) for name, each in shipped.switches.items()}
    workflows = {
        name: replace(each, version=1, holdout=WHOLE // 2 if each.holdout else 0)
        for name, each in shipped.workflows.items()
    }
    # Lives here are long: permission that lapses by non-use would soon leave nothing to watch.
    lasting = replace(shipped.lifecycle.permission, unused_block=None)
    lifecycle = replace(shipped.lifecycle, warm_up=None, oldest_address=None, permission=lasting)
    return replace(shipped, switches=switches, workflows=workflows, lifecycle=lifecycle)


class Life(RuleBasedStateMachine):
    """A few customers, and everything that can happen to them."""

    @initialize(shadow=st.booleans())
    def begin(self, shadow: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Open the shop; each customer has been here before."""
        rules = all_live()
        if shadow:
            rules = replace(
                rules,
                switches={
                    **rules.switches,
                    "readers-who-dont-buy": replace(rules.switches["readers-who-dont-buy"], mode=Mode.SHADOW),
                },
            )
        self.play = Play(rules=rules, history_after=3 * DAY)
        self.watcher = Observer(rules, zone("Europe/Berlin"))
        self.seen = 0
        self.paused: list[tuple[str, str]] = []
        self.version = 1
        for name, days in (("ada", 61), ("cyd", 65), ("eve", 200), ("gus", 90), ("hal", 10)):
            self._happens("order.placed", name, self.play.now - days * DAY, order_id=f"{name}-first")
            self._happens("email.clicked", name, self.play.now - 5 * DAY)

    def _happens(self, kind: str, name: str, time: int, /, **data: Any) -> None:
        told = event(kind, time, name, f"{kind} {name} {time} {sorted(data.items())}", **data)
        self.watcher.event(told, name, self.play.now)
        self.play.world.take(told, self.play.now)

    @rule(what=WHAT, name=NAMES, age=AGES)
    def something_happens(self, what: tuple[str, dict[str, Any]], name: str, age: int) -> None:
        """An event comes in, perhaps late."""
        kind, data = what
        order = {"order_id": f"{name}-{data['order_id']}"} if "order_id" in data else {}
        self._happens(kind, name, self.play.now - age, **{**data, **order})

    @rule(number=NUMBERS, name=NAMES, age=AGES)
    def an_order(self, number: int, name: str, age: int) -> None:
        """An order comes in, perhaps late or once more."""
        self._happens("order.placed", name, self.play.now - age, order_id=f"{name}-{number}")

    @rule(name=NAMES)
    def a_visit(self, name: str) -> None:
        """A person looks at the shop, which begins the workflow with every step."""
        self._happens("customer.visited", name, self.play.now)

    @rule(name=NAMES)
    def a_click(self, name: str) -> None:
        """A person reads."""
        self._happens("email.clicked", name, self.play.now)

    @rule(name=NAMES)
    def a_question_bounces(self, name: str) -> None:
        """The latest question comes back."""
        asked = [each for each in self.play.about(name) if each.data.get("asks")]
        if asked:
            self._happens("email.bounced", name, self.play.now, message_id=f"<{asked[-1].effect_id}@shop>", kind="soft")

    @rule(time=st.sampled_from(["20min", "5h", "1d", "2d", "7d", "10d", "10d", "14d", "14d", "30d", "60d", "200d"]))
    def time_passes(self, time: str) -> None:
        """Nothing happens for a while."""
        self.play.passes(time)

    @rule(scope=st.sampled_from([("engine", ""), ("workflow", "readers-who-dont-buy"), ("domain", "example.org")]))
    def a_pause(self, scope: tuple[str, str]) -> None:
        """Somebody pauses sends."""
        self.play.pause(*scope)
        self.paused.append(scope)

    @precondition(lambda self: self.paused)
    @rule(overdue=st.sampled_from(["send", "skip", "shift"]))
    def a_pause_ends(self, overdue: str) -> None:
        """The latest pause is over."""
        scope, name = self.paused.pop()
        self.play.unpause(overdue, scope, name)

    @rule(
        name=st.sampled_from(WORKFLOWS),
        switch=st.sampled_from(
            [
                {"mode": Mode.DRAFT},
                {"mode": Mode.LIVE},
                {"mode": Mode.SHADOW},
                {"reach": 5000},
                {"reach": WHOLE},
                {"enter_at_most": EnterAtMost(1, Length(days=1))},
            ]
        ),
    )
    def other_rules(self, name: str, switch: dict[str, Any]) -> None:
        """Somebody changes mode, reach or pace of a workflow."""
        self.play.switches(name, **switch)

    @rule(name=st.sampled_from(WORKFLOWS), edit=st.sampled_from(EDITS), how=st.sampled_from(HOW), late=st.booleans())
    def an_edit(self, name: str, edit: Edit, how: str, late: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Somebody edits a workflow, and its runs stay, move or end; people may be heard of before the sweep comes by."""
        self.version += 1
        edited = replace(edit(all_live().workflows[name]), version=self.version)
        rules = self.play.rule_set
        changed = replace(rules, workflows={**rules.workflows, name: edited})
        self.play.changes(changed, Move(name, how), works=not late)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """The observer finds nothing, nobody is stuck, records keep their bounds, and every run will end."""
        new = self.play.effects[self.seen :]
        self.seen = len(self.play.effects)
        self.watcher.watch(new)
        assert self.play.world.store.dead_letters == []
        assert self.watcher.overdue(self.play.now) == []
        for customer in self.play.world.store.customers.values():
            raw = encode(customer)
            assert len(raw) < RECORD_AT_MOST
            assert encode(decode(raw)) == raw
            for run in customer.runs:
                assert customer.next_due is not None
                assert customer.next_due <= run.ends_at
            _decides_purely(customer, self.play)


def _decides_purely(customer: Customer, play: Play) -> None:
    """A decision leaves its argument as it was, and comes out the same a second time."""
    before, now = encode(customer), play.now + DAY
    for signal in (TimeUp(), Handed("nothing", "done")):
        first = decide(customer, signal, now, play.world.handling.rules)
        again = decide(copy.deepcopy(customer), signal, now, play.world.handling.rules)
        assert encode(customer) == before
        assert encode(first.customer) == encode(again.customer)
        assert first.effects == again.effects


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=50, max_examples=2 * settings().max_examples)


def started(run: str = "r", mode: str = "live") -> Effect:
    """A run that began on day 0."""
    place = {"workflow": "reconfirm-newsletter", "version": 1, "stage": "reconfirm", "run": run}
    return Effect(fx.RUN_STARTED, START, "ada", f"start {run}", {**place, "mode": mode, "held_out": False})


def sent(day: int, number: str = "s", **data: Any) -> Effect:
    """A newsletter send of that run."""
    place: dict[str, Any] = {"workflow": "reconfirm-newsletter", "run": "r", "purpose": "newsletter", "asks": None}
    place["customer"] = {"timezone": "Europe/Berlin"}
    return Effect(fx.SEND_REQUESTED, START + day * DAY, "ada", number, {**place, **data})


def suppressed(day: int) -> Effect:
    """A stop by that run."""
    return Effect(fx.SUPPRESSED, START + day * DAY, "ada", "stop", {"workflow": "reconfirm-newsletter", "run": "r"})


def acted(kind: str, at: int, ordinal: int = 0, **data: Any) -> Effect:
    """Another act of that run, on the workflow with every step."""
    place = {"workflow": NAME, "run": "r", "team": "sales", "offer": "trial"}
    return Effect(kind, at, "ada", f"act {at} {kind}", {**place, **data}, ordinal)


def handed_off(name: str, day: int) -> list[Effect]:
    """A customer enters and is handed over on a day."""
    effects = [started(name), acted(fx.HANDED_OFF, START + day * DAY, run=name)]
    return [replace(each, customer=name, effect_id=f"{each.type} {name}") for each in effects]


def of_trial(day: int, run: str) -> Effect:
    """A send with an offer that nobody gets again within 20 days."""
    return sent(day, f"offer {day}", purpose="service", run=run, offer={"name": "trial"})


def ended() -> Effect:
    """That run is over."""
    return acted(fx.RUN_ENDED, START + 2 * DAY, outcome="done")


def closing(on: str | None, at: int = START) -> Effect:
    """The day of the closing is told, or that there is none."""
    return acted(fx.ACCOUNT_CLOSING, at, on=on)


MARKETING = {"purpose": "marketing"}


@pytest.mark.parametrize(
    ("wrong", "effects"),
    [
        ("told twice", [started(), sent(1), sent(2)]),
        ("two marketing runs", [started("r"), started("s")]),
        ("stopped and never asked", [started(), sent(1), suppressed(20)]),
        ("stopped and never asked", [started(), sent(1, asks="still"), suppressed(7 - 1)]),
        ("more than 1 per 7d", [started(), sent(1, "a", **MARKETING), sent(7, "b", **MARKETING)]),
        ("shadow or not", [started(mode="shadow"), sent(1)]),
        ("after the longest", [started(), sent(400)]),
        ("in quiet hours", [started(), replace(sent(1), time=START + 11 * HOUR)]),
        ("the same offer too soon", [started(), of_trial(1, "r"), ended(), started("s"), of_trial(20, "s")]),
        ("more than 2 per 7d", [*handed_off("bob", 0), *handed_off("dan", 3), *handed_off("fay", 6)]),
        ("closed without notice", [started(), acted(fx.ACCOUNT_CLOSED, START + 6 * DAY)]),
        ("though it was called off", [started(), closing(None), acted(fx.ACCOUNT_CLOSED, START + 6 * DAY)]),
        ("before its day", [started(), closing("2026-01-11"), acted(fx.ACCOUNT_CLOSED, START + 5 * DAY)]),
    ],
)
def test_the_observer_notices(wrong: str, effects: list[Effect]) -> None:
    """It is not blind to what the life above must never show."""
    with pytest.raises(AssertionError, match=wrong):
        Observer(all_live(), zone("Europe/Berlin")).watch(effects)


def test_the_observer_notices_that_a_living_account_is_closed() -> None:
    """A click during the notice is a sign of life."""
    watcher = Observer(all_live(), zone("Europe/Berlin"))
    watcher.watch([started(), closing("2026-01-11")])
    watcher.event(event("email.clicked", START + DAY), "ada", START + DAY)
    with pytest.raises(AssertionError, match="closed a living account"):
        watcher.watch([acted(fx.ACCOUNT_CLOSED, START + 6 * DAY)])


def test_the_observer_notices_a_send_after_a_no() -> None:
    """An unsubscribe is a no to both purposes, until a later yes."""
    watcher = Observer(all_live(), zone("Europe/Berlin"))
    watcher.event(event("email.unsubscribed", START), "ada")
    with pytest.raises(AssertionError, match="after a no"):
        watcher.watch([started(), sent(1)])
    watcher.event(event("newsletter.confirmed", START + DAY), "ada")
    watcher.watch([sent(2, "another")])
