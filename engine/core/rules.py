"""What the YAML files mean: workflows, conditions, steps, offers and lifecycle, as frozen values.

The language builds these, the store keeps them as JSON (a run finishes on the version it began with), the core reads
them. `line` and `file` say where in the YAML a thing stands, for `explain`; they are no part of a version's content.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from engine.core.moments import Length
from engine.core.money import Money


class Mode(StrEnum):
    """How far a workflow goes."""

    DRAFT = "draft"  #: checked, never run
    SHADOW = "shadow"  #: walks and reports, nothing leaves
    LIVE = "live"


class Purpose(StrEnum):
    """What a message is for; permission and stops are kept per purpose."""

    MARKETING = "marketing"
    NEWSLETTER = "newsletter"
    SERVICE = "service"


class Standing(StrEnum):
    """What we think of a customer."""

    PROSPECT = "prospect"  #: no order yet
    ACTIVE = "active"  #: ordered within the time that is usual
    READER = "reader"  #: reads or clicks, does not buy
    LAPSED = "lapsed"  #: no sign of life
    FORMER = "former"  #: said farewell to; written to rarely or never


class Address(StrEnum):
    """Whether mail can arrive."""

    OK = "ok"
    DOUBTFUL = "doubtful"
    DEAD = "dead"


Value = Money | int | float | bool | str
"""What a field is compared with. Money is named, since a stored set must come back with money in it, not with a list."""

Share = int
"""Parts of ten thousand: 5 % is 500. An integer, so that a hash compares with it exactly."""

WHOLE: Share = 10_000


# Conditions ----------------------------------------------------------------------------------------------------------


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="if"):
    """One condition; its subclasses are all there are."""

    line: int = 0


class EventSeen(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="event"):
    """`event:` or, where `absent`, `no_event:`. `where` holds fields that must be equal (matching any item of a list)."""

    event: str
    absent: bool = False
    within: Length | None = None
    at_least: int = 1
    where: dict[str, Any] = {}


class StandingIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="standing"):
    """`standing:`, at least since the length `for:`."""

    standing: Standing
    held_for: Length | None = None  # `for:`


class Returned(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="returned"):
    """`returned:`: an order brought the customer back to active from one of these standings."""

    from_standings: tuple[Standing, ...]
    within: Length


class AddressIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="address"):
    """`address:`."""

    address: Address


class FieldIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="customer"):
    """`customer: FIELD` with the tests that are given (all must hold). Days are compared on the customer's calendar."""

    field: str
    equals: Value | None = None  # `is:`
    any_of: tuple[Value, ...] = ()
    at_least: Value | None = None
    at_most: Value | None = None
    within_next: Length | None = None
    within_last: Length | None = None


class PermissionIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="permission"):
    """`permission: newsletter`, optionally given before a length ago, lapsing within a length, or on one basis."""

    permission: str
    channel: str = "email"
    given_before: Length | None = None
    lapses_within: Length | None = None
    basis: str = ""


class TagIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="tag"):
    """`tag:`."""

    tag: str


class Not(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="not"):
    """`not:` around any one condition."""

    condition: AnyCondition


AnyCondition = EventSeen | StandingIs | Returned | AddressIs | FieldIs | PermissionIs | TagIs | Not


# Steps ---------------------------------------------------------------------------------------------------------------


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="do"):
    """One step of a stage. `key` is its kind, name and ordinal among equals in its stage (`send coupon_offer 0`)."""

    key: str
    line: int = 0


class Send(Step, frozen=True, kw_only=True, omit_defaults=True, tag="send"):
    """Ask for a message."""

    template: str
    offer: str = ""
    asks: str = ""
    values: dict[str, str | int | float | bool] = {}  # `with:`
    purpose: Purpose = Purpose.MARKETING
    channel: str = "email"
    late_at_most: Length | None = None


class Wait(Step, frozen=True, kw_only=True, omit_defaults=True, tag="wait"):
    """Let time pass."""

    length: Length


class Suppress(Step, frozen=True, kw_only=True, omit_defaults=True, tag="suppress"):
    """Stop a kind of message."""

    scope: Purpose  # newsletter or marketing


class Resume(Step, frozen=True, kw_only=True, omit_defaults=True, tag="resume"):
    """Allow a kind of message again, where a workflow stopped it."""

    scope: Purpose


class PutTag(Step, frozen=True, kw_only=True, omit_defaults=True, tag="tag"):
    """`tag: NAME`."""

    tag: str


class TakeTag(Step, frozen=True, kw_only=True, omit_defaults=True, tag="untag"):
    """`untag: NAME`."""

    tag: str


class MakeFormer(Step, frozen=True, kw_only=True, omit_defaults=True, tag="standing"):
    """`standing: former`, the only standing a file may set."""


class GoTo(Step, frozen=True, kw_only=True, omit_defaults=True, tag="go_to"):
    """Leave for another stage if the conditions hold (all of `when_all`, or any of `when_any`), else go on."""

    stage: str
    when_all: tuple[AnyCondition, ...] = ()
    when_any: tuple[AnyCondition, ...] = ()


AnyStep = Send | Wait | Suppress | Resume | PutTag | TakeTag | MakeFormer | GoTo


def step_key(kind: str, name: str, ordinal: int) -> str:
    """Return the key that a step keeps when lines move: kind, name, and ordinal among equals in its stage."""
    return f"{kind} {name} {ordinal}" if name else f"{kind} {ordinal}"


# Workflows -----------------------------------------------------------------------------------------------------------


class WayOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `until_any`: what is listened to during the stage, and the stage it leads to."""

    condition: AnyCondition
    then: str


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps done in order; then the stage named by `after`, or the run ends with the outcome `end`."""

    name: str
    title: str = ""
    steps: tuple[AnyStep, ...] = ()
    until_any: tuple[WayOut, ...] = ()
    after: str = ""
    end: str = ""
    line: int = 0


class Discount(Struct, frozen=True, omit_defaults=True, tag="discount", tag_field="is"):
    """`discount: 10%` (`share`, parts of ten thousand) or `discount: 5 EUR` (`money`); one of them is set."""

    share: Share = 0
    money: Money | None = None


class Gift(Struct, frozen=True, omit_defaults=True, tag="gift", tag_field="is"):
    """`gift: NAME`, and what it costs us."""

    name: str
    cost: Money


class FreeTrial(Struct, frozen=True, omit_defaults=True, tag="free_trial", tag_field="is"):
    """`free_trial: NAME`, and what it costs us."""

    name: str
    cost: Money


class PerCustomer(Struct, frozen=True, omit_defaults=True):
    """`1 per 365d`, or `never_again` (`length` None)."""

    count: int = 1
    length: Length | None = None


class Budget(Struct, frozen=True):
    """`5000 EUR per 30d`."""

    money: Money
    length: Length


class Offer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coupon, discount, gift or free trial. `codes` is signed, pool, shop or text; `text` and `pool` go with it."""

    name: str
    what: Discount | Gift | FreeTrial
    valid_for: Length
    codes: str = "signed"
    text: str = ""
    pool: str = ""
    low_water: int = 0
    minimum_basket: Money | None = None
    per_customer: PerCustomer | None = None
    budget: Budget | None = None
    terms: str = ""
    if_refused: str = "skip"  # or send_without
    after: str = ""
    excludes: tuple[str, ...] = ()
    expected_response: Share = 0
    line: int = 0


class EnterAtMost(Struct, frozen=True):
    """`500 per 1d`: the pace of those whom a sweep finds fitting already."""

    count: int
    length: Length


class Workflow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a workflow: what its runs finish on."""

    name: str
    title: str
    file: str = ""
    owner: str = ""
    enter_when_all: tuple[AnyCondition, ...]
    again_after: Length | None  # None is `never`
    stages: tuple[Stage, ...]
    leave_when_any: tuple[AnyCondition, ...] = ()
    holdout: Share = 0
    worth_positive: bool = False
    priority: int = 50
    timezone: str = "customer"  # or an IANA name
    send_between: tuple[int, int] | None = None  # minutes since midnight
    send_on: tuple[int, ...] = ()  # weekdays, Monday 0; empty is every day
    late_at_most: Length = Length(days=3)
    ends_within: Length = Length(days=365)
    offers: dict[str, Offer] = {}  # those its steps name, as they were in this version
    version: int = 0  # numbered by the engine; no part of the content
    line: int = 0

    @property
    def first(self) -> Stage:
        """The stage a run begins in."""
        return self.stages[0]

    def stage(self, name: str) -> Stage:
        """Return a stage by name; the checks have seen to it that it exists."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)


class Switch(Struct, frozen=True, omit_defaults=True):
    """What can be changed on a workflow without a new version."""

    mode: Mode = Mode.DRAFT
    reach: Share = WHOLE
    enter_at_most: EnterAtMost | None = None  # None: refused over 1,000
    skip_those_who_fit: bool = False  # `enter_at_most: skip`


# Lifecycle -----------------------------------------------------------------------------------------------------------


class LapseRule(Struct, frozen=True, omit_defaults=True):
    """`lapsed_after`: `120d` (days), `2 x reorder_interval`, `quantile 0.85` or `2 x own_interval`, by category or not."""

    of: str  # days, reorder_interval, quantile, own_interval
    number: tuple[int, int]  # a fraction: days, factor or quantile
    by_category: bool = False

    @property
    def fraction(self) -> Fraction:
        """The days, factor or quantile, exactly."""
        return Fraction(*self.number)


class ReaderRule(Struct, frozen=True, omit_defaults=True):
    """`reader:`, the signs of life that make a reader, and for how long."""

    any_of: tuple[str, ...] = ("click", "reply", "login", "confirmation")
    within: Length = Length(days=90)


class DeadAddressRule(Struct, frozen=True, omit_defaults=True):
    """`dead_address:`, how many proofs it takes, and how far apart doubtful ones must lie."""

    clear_proofs: int = 1
    doubtful_proofs: int = 3
    apart: Length = Length(days=7)


class Cap(Struct, frozen=True):
    """`{purpose: marketing, at_most: 1 per 7d}`."""

    purpose: Purpose
    count: int
    length: Length


class HoldWhile(Struct, frozen=True, omit_defaults=True):
    """`hold_while:`, what keeps every send waiting; None is never."""

    ticket_open: bool = True
    ticket_solved: Length | None = Length(days=14)
    order_under_way: Length | None = Length(days=10)
    after_refund: Length | None = Length(days=7)


class PermissionRule(Struct, frozen=True, omit_defaults=True):
    """`newsletter_covers`: purposes a newsletter consent is enough for; unused_warn/block: ageing of unused consent."""

    newsletter_covers: tuple[Purpose, ...] = ()
    existing_customers: bool = False
    unused_warn: Length | None = Length(days=365)
    unused_block: Length | None = Length(days=730)


class Keep(Struct, frozen=True, omit_defaults=True):
    """`keep:`, how long each kind of data is kept."""

    ip_and_agent: Length = Length(minutes=72 * 60)
    bodies: Length = Length(days=90)
    engagement: Length = Length(days=400)
    dead_letters: Length = Length(days=90)
    event_ids: Length = Length(days=400)


class Lifecycle(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """lifecycle.yaml; always the newest, for everyone. A key left out has the value shown."""

    timezone: str = "Europe/Berlin"
    currency: str = "EUR"
    margin: Share | None = None
    margin_by_category: dict[str, Share] = {}
    costs: dict[str, Money] = {}  # of a thousand each, so that `0.002 EUR` is a whole number of cents
    lapsed_after: LapseRule = LapseRule("reorder_interval", (2, 1))
    lapsed_at_least: int = 30  # days
    lapsed_at_most: int = 400  # days
    one_time_buyers: LapseRule | None = None  # None is `same`
    warm_up: Length | None = Length(days=90)  # None is `none`
    enter_after_lag: Length = Length(days=1)
    reader: ReaderRule = ReaderRule()
    former_after: Length | None = None  # None is `never`
    dead_address: DeadAddressRule = DeadAddressRule()
    caps: tuple[Cap, ...] = (
        Cap(Purpose.MARKETING, 1, Length(days=7)),
        Cap(Purpose.MARKETING, 4, Length(days=30)),
    )
    keep_clear_of_other_senders: Length | None = Length(minutes=72 * 60)
    offers_at_most: PerCustomer | None = PerCustomer(1, Length(days=180))
    quiet: tuple[int, int] | None = (20 * 60, 8 * 60)  # minutes since midnight
    hold_while: HoldWhile = HoldWhile()
    permission: PermissionRule = PermissionRule()
    service_templates: tuple[str, ...] = ()
    oldest_address: Length | None = Length(days=730)
    keep: Keep = Keep()
    experiment_salt: str = "change-me"


class OwnEvent(Struct, frozen=True, omit_defaults=True):
    """One of the shop's own events (events.yaml): fields with their kind (text, number, money, day)."""

    name: str
    means: str
    fields: dict[str, str] = {}
    shows_life: bool = False


class RuleSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One checked set of files: what `apply` puts live."""

    lifecycle: Lifecycle = Lifecycle()
    workflows: dict[str, Workflow] = {}
    switches: dict[str, Switch] = {}
    offers: dict[str, Offer] = {}
    own_events: dict[str, OwnEvent] = {}


def content(workflow: Workflow) -> bytes:
    """Return what makes a version of a workflow: all of it but its number, file and line numbers."""
    plain = msgspec.to_builtins(msgspec.structs.replace(workflow, version=0, file=""))
    return msgspec.json.encode(_without_lines(plain), order="deterministic")


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        theirs = ("where", "values")  # their keys are the author's, and may be `line`
        return {key: inner if key in theirs else _without_lines(inner) for key, inner in value.items() if key != "line"}
    if isinstance(value, list | tuple):  # to_builtins leaves tuples as they are
        return [_without_lines(inner) for inner in value]
    return value
