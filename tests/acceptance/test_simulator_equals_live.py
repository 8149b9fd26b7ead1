"""The simulator and the embedded engine, fed with the same: effects and records come out the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.core import customer as records
from engine.core import events as core
from engine.core.effects import Effect, line
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant, Length, day_number
from engine.core.moving import HOW
from engine.core.rulebook import Rules
from engine.core.rules import Mode, RampRule, RampSteps, RuleSet, Workflow
from engine.core.sharing import address_of
from engine.core.shop import Shop
from engine.core.signals import Move, PauseEnded, PauseSet, RulesChanged, ShopSignal
from engine.handling import HISTORY_AFTER
from engine.runtimes.simulator.world import World
from engine.runtimes.sqlite.engine import Arrivals
from tests.acceptance.by_hand import IN_MEMORY, KEY, Live
from tests.acceptance.shipped import shipped, switched
from tests.edits import EDITS, Edit
from tests.every_step import NAME, beside

PURPOSES: tuple[Literal["marketing", "newsletter", "tracking"], ...] = ("marketing", "newsletter", "tracking")
START: Instant = day_number(2026, 1, 5) * DAY + 9 * HOUR


def in_simulator(world: World, rules: Rules, moves: tuple[Move, ...], now: Instant) -> None:
    """Put the rules that the live side has numbered into force in the simulator too."""
    shop = world.handling.rules.shop
    if not shop.epoch:
        shop.live_since = now
    world.handling.rules = Rules(rules.rule_set, shop, rules.versions, key=KEY)
    world.handling.sweeping.tell(world.store, RulesChanged(shop.epoch + 1, moves), now)


def assert_groups_are_complete(customers: Iterable[records.Customer]) -> None:
    """See that whoever is under one address names all others there, and nobody else."""
    there = [(each, address_of(each)) for each in customers if not each.gone]
    for each, address in there:
        others = {other.id for other, theirs in there if theirs == address and other is not each} if address else set()
        assert set(each.shares) == others


def as_line(effect: Effect) -> bytes:
    """Return all that an effect tells."""
    return line(effect) + (b"shadow" if effect.shadow else b"")


# What happens --------------------------------------------------------------------------------------------------------

CUSTOMERS = ("ada", "bob", "cyd", "dan")
ADDRESSES = tuple(f"{name}@example.org" for name in CUSTOMERS)
LEAPS = (0, SECOND, 20 * MINUTE, 5 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 8 * DAY, 10 * DAY, 15 * DAY, 40 * DAY)
AGES = (0, 0, 0, 0, MINUTE, HOUR, DAY, 4 * DAY, 30 * DAY, 100 * DAY, 400 * DAY)

_NOS = ("email.unsubscribed", "email.complained")
_numbers = st.integers(0, 12)
_mails: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.sampled_from([*3 * ["email.opened"], *6 * ["email.clicked"], "email.sent", *_NOS]).map(
        lambda kind: (kind, core.Mail(email="*", sender="elsewhere" if kind == "email.sent" else ""))
    ),
    st.sampled_from(["dead", "full", "spam", "unknown"]).map(
        lambda kind: ("email.bounced", core.Mail(email="*", kind=kind, status="5.1.1" if kind == "dead" else ""))
    ),
)
_about_addresses: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    _mails,
    st.sampled_from(PURPOSES).map(lambda purpose: ("consent.withdrawn", core.Consent(purpose=purpose))),
    st.sampled_from(ADDRESSES).map(lambda address: ("email.bounced", core.Mail(email=address, kind="dead"))),
    st.just(("customer.ended", core.Reason())),
)
_orders: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(
        st.just("order.placed"),
        st.builds(
            lambda number, total: core.OrderPlaced(f"o{number}", Decimal(total), "EUR", email="*"),
            _numbers,
            st.integers(1, 90),
        ),
    ),
    st.tuples(
        st.sampled_from(["order.cancelled", "order.refunded", "order.delivered"]),
        _numbers.map(lambda number: core.OrderCalledOff(order_id=f"o{number}")),
    ).map(lambda pair: (pair[0], core.OrderDelivered(pair[1].order_id) if pair[0] == "order.delivered" else pair[1])),
)
_others: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.sampled_from(PURPOSES).flatmap(
        lambda purpose: st.sampled_from([*5 * ["consent.given"], "consent.withdrawn"]).map(
            lambda kind: (kind, core.Consent(purpose=purpose, basis="express", proof={"page": "/"}))
        )
    ),
    st.sampled_from(["ada", "bob", "eve"]).map(
        lambda name: ("profile.updated", core.ProfileUpdated(email=f"{name}@example.org", timezone="America/New_York"))
    ),
    st.just(("profile.updated", core.ProfileUpdated(email="*", timezone="Europe/Berlin"))),
    st.sampled_from(["ticket.opened", *3 * ["ticket.solved"]]).map(lambda kind: (kind, core.Ticket(ticket_id="t1"))),
    st.just(("customer.logged_in", core.Visit())),
    st.just(("newsletter.confirmed", core.NewsletterAnswer(email="*", proof={"page": "/"}))),
    st.just(("customer.merged", core.Merged(into="bob"))),
    st.just(("account.closed", core.Reason())),
    st.sampled_from(["price", "service", "competitor"]).map(
        lambda cause: ("survey.answered", core.SurveyAnswered("why", cause=cause))
    ),
    st.sampled_from(
        [core.HandOffAnswered("sales", "won"), core.HandOffAnswered("sales", "later"), core.HandOffAnswered("x", "won")]
    ).map(lambda answer: ("hand_off.answered", answer)),
    st.sampled_from(["2026-01-20", "2026-02-20", "2026-06-30", None]).map(
        lambda day: ("profile.updated", core.ProfileUpdated(contract_ends=day))
    ),
    st.sampled_from(["sms", "letter"]).map(
        lambda channel: ("profile.updated", core.ProfileUpdated(channel=channel, phone="1", points=500))
    ),
    st.just(("consent.given", core.Consent(purpose="marketing", channel="sms", proof={"page": "/"}))),
    st.just(("consent.given", core.Consent(purpose="marketing", channel="phone", proof={"page": "/"}))),
)
_buying_or_clicking = st.tuples(
    st.sampled_from(CUSTOMERS), st.one_of(_orders, st.just(("email.clicked", core.Mail(email="*", link="/"))))
)
_happenings = st.tuples(
    st.sampled_from(CUSTOMERS), st.one_of(_mails, _orders, _orders, _others), st.sampled_from(AGES), st.booleans()
)


def shipped_as_it_is(workflow: str) -> Workflow:
    """The workflow as it was before any edit."""
    return beside(shipped()).workflows[workflow]


class Equality(RuleBasedStateMachine):
    """Feeds both sides with the same, in the order of acceptance; compares after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=IN_MEMORY)
        self.number = 0

    @initialize(
        warm_up=st.sampled_from([None, Length(days=5)]),
        lag=st.sampled_from([Length(), Length(days=1)]),
        clock=st.integers(0, 3 * DAY // HOUR),
        ramp=st.sampled_from([None, RampRule(RampSteps(start=1, until=2))]),
    )
    def begin(self, warm_up: Length | None, lag: Length, clock: int, ramp: RampRule | None) -> None:
        """Start both sides with the shipped workflows and one that has every step, all live."""
        start = START + clock * HOUR
        self.rule_set: RuleSet = beside(
            shipped(warm_up=warm_up, enter_after_lag=lag, lapsed_at_least=6, lapsed_at_most=30, ramp=ramp)
        )
        self.live = Live(Path(self.folder.name), FixedClock(start))
        self.told: list[Effect] = []
        self.world = World(
            Rules(RuleSet(), Shop(live_since=start), key=KEY), sink=self.told.append, history_after=HISTORY_AFTER
        )
        self.world.now = start
        self.put_in_force(self.rule_set)
        for number, name in enumerate(CUSTOMERS):  # people worth a story: known, permitted, with orders behind them
            known = [
                ("profile.updated", core.ProfileUpdated(email=f"{name}@example.org"), 500 * DAY),
                *(
                    ("consent.given", core.Consent(purpose=purpose, basis="express", proof={"page": "/"}), 450 * DAY)
                    for purpose in PURPOSES[: number or 3]
                ),
                *(
                    ("order.placed", core.OrderPlaced(f"past-{name}-{days}", Decimal(20), "EUR"), days * DAY)
                    for days in (60, 50, 38)[:number]
                ),
            ]
            self.arrive([self.event(name, (kind, data), age) for kind, data, age in known])

    # The rules of the game

    @rule(leap=st.sampled_from(LEAPS), happenings=st.lists(_happenings, min_size=1, max_size=4))
    def things_happen(self, leap: int, happenings: list[tuple[str, tuple[str, Any], int, bool]]) -> None:
        """Time passes, then events arrive at one instant; some do not name their customer."""
        self.pass_time(leap)
        self.arrive([self.event(who, what, age, named=named) for who, what, age, named in happenings])

    @rule(
        who=st.sampled_from(CUSTOMERS),
        whose=st.sampled_from(CUSTOMERS),
        what=st.lists(st.tuples(st.sampled_from(CUSTOMERS), _about_addresses, st.sampled_from(AGES)), max_size=2),
    )
    def an_address_is_anothers_too(self, who: str, whose: str, what: list[tuple[str, tuple[str, Any], int]]) -> None:
        """Somebody gives the address of somebody else (or their own again); then somebody says no, or mail comes back."""
        given = ("profile.updated", core.ProfileUpdated(email=f"{whose}@example.org"))
        self.arrive([self.event(who, given, 0), *(self.event(name, each, age) for name, each, age in what)])

    @rule(leap=st.sampled_from(LEAPS), what=st.lists(_buying_or_clicking, max_size=2))
    def people_live(self, leap: int, what: list[tuple[str, tuple[str, Any]]]) -> None:
        """Time passes, and customers buy or click."""
        self.pass_time(leap)
        self.arrive([self.event(who, each, 0) for who, each in what])

    @rule(who=st.lists(st.sampled_from(CUSTOMERS), min_size=1, max_size=3))
    def people_visit(self, who: list[str]) -> None:
        """Customers look at the shop, which begins the workflow with every step."""
        self.arrive([self.event(each, ("customer.visited", core.Visit()), 0) for each in who])

    @rule(leap=st.sampled_from(LEAPS))
    def time_passes(self, leap: int) -> None:
        """Nothing happens for a while."""
        self.pass_time(leap)

    @rule()
    def the_engine_is_restarted(self) -> None:
        """The live side stops, and goes on from its database."""
        self.live.close()
        self.live.open()

    @rule(
        workflow=st.sampled_from(
            ["readers-who-dont-buy", "reconfirm-newsletter", "welcome-back", "dead-addresses", NAME]
        ),
        mode=st.sampled_from(Mode),
        reach=st.sampled_from([0, 5_000, 10_000]),
    )
    def a_switch_is_set(self, workflow: str, mode: Mode, reach: int) -> None:
        """A workflow goes live, to draft or to shadow, for more or fewer."""
        self.rule_set = switched(self.rule_set, workflow, mode=mode, reach=reach)
        self.put_in_force(self.rule_set)

    @rule(
        workflow=st.sampled_from(["readers-who-dont-buy", "three-stage-winback", "welcome-back", NAME]),
        edit=st.sampled_from(EDITS),
        how=st.sampled_from(HOW),
        what=st.lists(_buying_or_clicking, max_size=1),
    )
    def a_workflow_is_edited(
        self, workflow: str, edit: Edit, how: str, what: list[tuple[str, tuple[str, Any]]]
    ) -> None:
        """A workflow becomes another one, and its runs stay, move or end; an event may come before the sweep does."""
        edited = edit(shipped_as_it_is(workflow))
        self.rule_set = replace(self.rule_set, workflows={**self.rule_set.workflows, workflow: edited})
        self.put_in_force(self.rule_set, Move(workflow, how))
        self.arrive([self.event(who, each, 0) for who, each in what])

    @rule(scope=st.sampled_from([("engine", ""), ("workflow", "readers-who-dont-buy"), ("domain", "example.org")]))
    def a_pause_begins(self, scope: tuple[str, str]) -> None:
        """Sends are paused."""
        self.tell(PauseSet(*scope, "a reason"))

    @rule(
        scope=st.sampled_from([("engine", ""), ("workflow", "readers-who-dont-buy"), ("domain", "example.org")]),
        overdue=st.sampled_from(["send", "skip", "shift"]),
    )
    def a_pause_ends(self, scope: tuple[str, str], overdue: str) -> None:
        """A pause ends, if there is one."""
        self.tell(PauseEnded(*scope, overdue))

    # Both sides

    def event(self, who: str, what: tuple[str, Any], age: int, *, named: bool = True) -> Event:
        """Return an event of so long ago; a `*` stands for the customer's address."""
        kind, data = what
        self.number += 1
        if getattr(data, "email", "") == "*":
            data = msgspec.structs.replace(data, email=f"{who}@example.org")
            who = who if named else ""
        return Event(f"e{self.number}", "test", kind, self.live.clock.now() - age, who, data)

    def arrive(self, events: Sequence[Event]) -> None:
        """Let events arrive at the present instant, in one batch on the live side."""
        now = self.live.clock.now()
        arrivals = Arrivals(events)
        self.live.engine.run([arrivals])
        assert [self.world.take(event, now) for event in events] == arrivals.results

    def pass_time(self, leap: int) -> None:
        """Let time pass on both sides."""
        end = self.live.clock.now() + leap
        self.live.run_until(end)
        self.world.run_until(end)
        self.world.now = end

    def tell(self, signal: ShopSignal) -> None:
        """Tell both sides what concerns the shop."""
        self.live.tell(signal)
        self.world.handling.sweeping.tell(self.world.store, signal, self.world.now)

    def put_in_force(self, rules: RuleSet, *moves: Move) -> None:
        """Apply rules on both sides, and move runs."""
        if self.live.apply(rules, moves).changed:
            in_simulator(self.world, self.live.handling.rules, moves, self.world.now)
            self.world.handling.advance(self.world.store, self.world.now)  # as the live side does with each batch
            self.world.settle()

    @invariant()
    def both_say_the_same(self) -> None:
        """Effects and records are the same, once both have done what this instant asks for."""
        if not hasattr(self, "live"):
            return
        self.pass_time(1)
        live, world = self.live.effects(), self.told
        assert sorted(map(as_line, live)) == sorted(map(as_line, world))
        for name in {each.customer for each in live}:
            mine = [as_line(each) for each in live if each.customer == name]
            assert mine == [as_line(each) for each in world if each.customer == name]
        simulated = {name: records.encode(record) for name, record in self.world.store.customers.items()}
        found = self.live.records()
        assert {n: records.decode(r) for n, r in found.items()} == {n: records.decode(r) for n, r in simulated.items()}
        assert found == simulated
        assert_groups_are_complete(self.world.store.customers.values())

    def teardown(self) -> None:
        """See that the journal, decided once more, gives the same records; put everything away."""
        if hasattr(self, "live"):
            assert self.live.replayed() == []
            self.live.close()
        self.folder.cleanup()


def test_the_simulator_equals_the_live_engine() -> None:
    """Whatever happens in whatever order, over restarts: effects and records of both are the same, byte for byte."""
    long = settings.get_current_profile_name() == "long"
    run_state_machine_as_test(
        Equality, settings=settings(stateful_step_count=30, derandomize=not long, database=None, print_blob=True)
    )
