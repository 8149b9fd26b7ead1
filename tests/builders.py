"""Small builders: instants, events, records, and one shop on a virtual clock that plays workflows written in YAML."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, Permission
from engine.core.effects import Effect
from engine.core.events import DATA, Event
from engine.core.facts import fold
from engine.core.moments import DAY, HOUR, MINUTE, Day, Instant, Length, day_number, zone
from engine.core.orders import Gap
from engine.core.rulebook import Rules
from engine.core.rules import LapseRule, Lifecycle, Mode, RuleSet, Switch
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Move, PauseEnded, PauseSet, RulesChanged, ShopSignal, WentLive
from engine.language.files import read_files
from engine.runtimes.simulator.world import World

BERLIN = zone("Europe/Berlin")
UNITS = {"d": DAY, "h": HOUR, "min": MINUTE}

PLAIN = Lifecycle(
    lapsed_after=LapseRule("days", (60, 1)),
    warm_up=None,
    enter_after_lag=Length(),
    caps=(),
    quiet=None,
    offers_at_most=None,
    margin=3500,
    breaker=None,
)
"""Nothing that keeps a customer or a send waiting but what a test says; everybody lapses after 60 idle days."""


def day_of(text: str) -> Day:
    """The number of a day written YYYY-MM-DD."""
    return day_number(*(int(part) for part in text.split("-")))


def at(text: str, zone_name: str = "Europe/Berlin") -> Instant:
    """The instant of a day and clock time on somebody's wall, such as `2026-01-05 10:00`; midnight without a time."""
    day, _, clock = text.partition(" ")
    wall = datetime.fromisoformat(f"2000-01-01T{clock or '00:00'}")
    micros = ((wall.hour * 60 + wall.minute) * 60 + wall.second) * 1_000_000 + wall.microsecond
    return zone(zone_name).at(day_of(day), micros)


def length(text: str) -> Length:
    """A length as the YAML has it: `10d`, `36h`, `15min`."""
    if text.endswith("d"):
        return Length(days=int(text[:-1]))
    if text.endswith("h"):
        return Length(minutes=60 * int(text[:-1]))
    return Length(minutes=int(text.removesuffix("min")))


START = at("2026-01-05 10:00")
"""A Monday, ten o'clock in Berlin."""


def ago(text: str, since: Instant = START) -> Instant:
    """The instant a length before the start, on Berlin's calendar."""
    return BERLIN.before(since, length(text))


_made_up: dict[str, Any] = {
    "order_id": "o-1",
    "total": "50.00",
    "currency": "EUR",
    "ticket_id": "t-1",
    "code": "WB-CODE",
    "survey": "why",
    "invitation": "party",
    "answer": "no",
    "hand_off": "sales",
    "result": "reached",
}


def event(kind: str, time: Instant, customer: str = "ada", event_id: str = "", /, **data: Any) -> Event:
    """An event; what its type needs and the test does not say is made up."""
    shape = DATA.get(kind)
    told: Any = data
    if shape is not None:
        needed = {each.name for each in msgspec.structs.fields(shape) if each.required}
        told = msgspec.convert({**{k: v for k, v in _made_up.items() if k in needed}, **data}, shape, strict=False)
    return Event(event_id or f"{kind} {time} {sorted(data.items())}", "test", kind, time, customer, told)


def order(number: int | str, time: Instant, total: str = "50.00", **data: Any) -> Event:
    """An order of the customer ada, unless said otherwise."""
    return event("order.placed", time, order_id=str(number), total=total, **data)


def folded(*events: Event, lifecycle: Lifecycle = PLAIN, into: Customer | None = None) -> Customer:
    """The record that these events make, in this order."""
    customer, _ = folded_with_gaps(*events, lifecycle=lifecycle, into=into)
    return customer


def folded_with_gaps(
    *events: Event, lifecycle: Lifecycle = PLAIN, into: Customer | None = None
) -> tuple[Customer, list[Gap]]:
    """The record that these events make, and the changes of reorder intervals they bring."""
    customer = copy.copy(into) if into is not None else Customer("ada")
    gaps: list[Gap] = []
    for each in events:
        fold(customer, each, lifecycle, None, gaps)
    return customer, gaps


def allowed(*purposes: str, since: Instant = START - 400 * DAY) -> dict[str, Permission]:
    """Express permission by email for these purposes; without any, for marketing, newsletter and tracking."""
    names = purposes or ("marketing", "newsletter", "tracking")
    return {f"{name}/email": Permission(given=True, at=since, basis="express") for name in names}


def somebody(name: str = "ada", **fields: Any) -> Customer:
    """A customer with an address, who allows everything and has done nothing yet."""
    known = {"profile": {"email": (f"{name}@example.org", 0)}, "permission": allowed(), "epoch": 1, **fields}
    return Customer(name, **known)


def rules_of(*workflows: str, lifecycle: Lifecycle = PLAIN, mode: Mode = Mode.LIVE, **files: str) -> RuleSet:
    """The rules of workflow files (the text after `workflow: NAME` is theirs), all in one mode unless they say theirs.

    `offers`, `events` give those files.
    """
    texts = {f"{name}.yaml": text for name, text in files.items()}
    for text in workflows:
        name = text.split("workflow:", 1)[1].split("\n", 1)[0].strip()
        texts[f"{name}.yaml"] = text if "title:" in text else f"{text.rstrip()}\ntitle: {name}\n"
    texts["lifecycle.yaml"] = "margin: 35%\nservice_templates: [receipt]\n"
    checked = read_files({name: text.encode() for name, text in texts.items()})
    assert checked.rules is not None, "\n".join(f"{one.file}:{one.line}: {one.message}" for one in checked.errors)
    rules = checked.rules
    switches = {
        name: switch if "mode:" in texts[f"{name}.yaml"] else replace(switch, mode=mode)
        for name, switch in rules.switches.items()
    }
    numbered = {name: replace(each, version=1) for name, each in rules.workflows.items()}
    return replace(rules, lifecycle=lifecycle, switches=switches, workflows=numbered)


class Play:
    """One shop on a virtual clock, with workflows live, from Monday 2026-01-05 10:00 in Berlin on.

    `happens` lets an event happen now, `passes` lets time pass, `told` says what came of it.
    """

    def __init__(
        self,
        *workflows: str,
        lifecycle: Lifecycle = PLAIN,
        mode: Mode = Mode.LIVE,
        rules: RuleSet | None = None,
        history_after: int | None = None,
        start: Instant = START,
        newcomer: Callable[[str], Customer] = somebody,
        **files: str,
    ) -> None:
        self.rule_set = rules or rules_of(*workflows, lifecycle=lifecycle, mode=mode, **files)
        self.effects: list[Effect] = []
        shop = Shop(epoch=1, known_since=0)
        self.world = World(
            Rules(self.rule_set, shop, key=b"test"),
            sink=self.effects.append,
            newcomer=newcomer,
            journalled=True,
            history_after=history_after,
        )
        self.start = self.now = self.world.now = start
        self.world.handling.sweeping.close_day(self.world.store, start)
        self.events = 0

    # What happens

    def happens(self, kind: str, customer: str = "ada", /, *, time: Instant | None = None, **data: Any) -> str:
        """Let an event happen now (or have happened at `time` and be told now); return what became of it."""
        self.events += 1
        told = event(kind, self.now if time is None else time, customer, f"e-{self.events}", **data)
        return self.world.take(told, self.now).status

    def orders(self, customer: str = "ada", *, time: Instant | None = None, number: str = "", **data: Any) -> str:
        """Let the customer place an order with a number of its own."""
        return self.happens("order.placed", customer, time=time, order_id=number or f"o-{self.events + 1}", **data)

    def passes(self, text: str) -> None:
        """Let so much time pass; what is due by the end of it is done."""
        self.until(BERLIN.after(self.now, length(text)))

    def until(self, when: Instant) -> None:
        """Let time pass up to an instant, with what is due at it."""
        self.world.run_until(when + 1)
        self.now = self.world.now = when

    def signal(self, signal: AnySignal, customer: str = "ada") -> None:
        """Decide a signal about a customer now."""
        self.world.now = self.now
        self.world.handling.decide(self.world.store, customer, signal, self.now)
        self.world.settle()

    def shop_signal(self, signal: ShopSignal) -> None:
        """Tell the shop something, and let it do its work."""
        self.world.handling.sweeping.tell(self.world.store, signal, self.now)
        self.works()

    def works(self) -> None:
        """Let the shop do all of its own work that is due by now."""
        self.world.run_until(self.now + 1)

    def pause(self, scope: str = "engine", name: str = "") -> None:
        """Pause sends."""
        self.shop_signal(PauseSet(scope, name, "a test"))

    def unpause(self, overdue: str = "send", scope: str = "engine", name: str = "") -> None:
        """End a pause."""
        self.shop_signal(PauseEnded(scope, name, overdue))

    def changes(self, rules: RuleSet, *moves: Move, works: bool = True) -> None:
        """Put other rules into force, and let the sweep come by everybody, unless the shop is not to work yet."""
        handling = self.world.handling
        handling.rules = Rules(rules, handling.rules.shop, handling.rules.versions, key=b"test")
        self.rule_set = rules
        handling.sweeping.tell(self.world.store, RulesChanged(handling.rules.shop.epoch + 1, moves), self.now)
        if works:
            self.works()

    def switches(self, workflow: str, **changes: Any) -> None:
        """Change mode, reach or pace of a workflow."""
        switch: Switch = replace(self.rule_set.switches[workflow], **changes)
        self.changes(replace(self.rule_set, switches={**self.rule_set.switches, workflow: switch}))

    def goes_live(self) -> None:
        """Say `go-live`."""
        self.shop_signal(WentLive())

    # What came of it

    @property
    def shop(self) -> Shop:
        """The shop's state."""
        return self.world.handling.rules.shop

    def customer(self, name: str = "ada") -> Customer:
        """The record as it is now."""
        return self.world.store.customers[name]

    def put(self, customer: Customer) -> None:
        """Keep a record, as if it had become so."""
        self.world.store.save(self.world.store.load(customer.id), customer)

    def about(self, customer: str = "ada") -> Iterable[Effect]:
        """The effects about one customer."""
        return [each for each in self.effects if each.customer == customer]

    def told(self, customer: str = "ada") -> list[str]:
        """What was done about a customer, each as day and words: `0d send coupon_offer`, `3d end thanked`."""
        return [
            f"{BERLIN.day(each.time) - BERLIN.day(self.start)}d {words}"
            for each in self.about(customer)
            if (words := in_words(each))
        ]

    def outcomes(self, customer: str = "ada") -> list[str]:
        """How the runs of a customer ended."""
        return [each.data["outcome"] for each in self.about(customer) if each.type == fx.RUN_ENDED]


def in_words(effect: Effect) -> str:
    """What a test calls an effect; empty for coupons and standings, which it asks for by themselves."""
    data = effect.data
    sayings: dict[str, Callable[[], str]] = {
        fx.RUN_STARTED: lambda: f"start {data['workflow']}",
        fx.RUN_MOVED: lambda: f"move to {data['step'] or 'the end'}",
        fx.RUN_ENDED: lambda: f"end {data['outcome']}",
        fx.SEND_REQUESTED: lambda: f"send {data['template']}",
        fx.SEND_HELD_OUT: lambda: f"held out {data['template']}",
        fx.SEND_DEFERRED: lambda: f"defer {data['template']}: {data['reason']}",
        fx.SEND_DROPPED: lambda: f"drop {data['template']}: {data['reason']}",
        fx.STEP_HELD_OUT: lambda: f"held out {data['step']}",
        fx.SUPPRESSED: lambda: f"suppress {data['scope']}",
        fx.RESUMED: lambda: f"resume {data['scope']}",
        fx.NEWSLETTER_ADAPTED: lambda: f"newsletter {data['content'] or 'less'}",
        fx.HANDED_OFF: lambda: f"hand_off {data['team']}",
        fx.ACCOUNT_CLOSING: lambda: f"closing on {data['on']}",
        fx.ACCOUNT_CLOSED: lambda: "close_account",
        fx.EMITTED: lambda: f"emit {data['event']}",
        fx.TAGGED: lambda: f"tag {data['tag']}",
        fx.UNTAGGED: lambda: f"untag {data['tag']}",
    }
    words = sayings.get(effect.type)
    return f"{words()}{' (shadow)' if effect.shadow else ''}" if words else ""
