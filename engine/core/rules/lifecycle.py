"""lifecycle.yaml as frozen values: what holds for all workflows, always the newest, for everyone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from msgspec import Struct

from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules.breaker import BreakerRule
from engine.core.rules.engagement import EngagementRule
from engine.core.rules.offers import PerCustomer
from engine.core.rules.permission import CountryRule, PermissionRule
from engine.core.rules.ramp import RampRule
from engine.core.rules.terms import Purpose, Share

FIVE_YEARS = 5 * 365 + 2
"""Days: so long the consent to a call is to be proven, from when it was given and after each use (§ 7a UWG)."""


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
    reply: Length | None = Length(days=7)


class CauseRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event, with fields that must be equal, is evidence of a cause (R9). `strength` 1 (weak) to 3 (strong)."""

    event: str
    where: dict[str, Any] = {}
    means: str
    strength: int = 2


class Season(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A time of the year in which the shop sells, by (month, day), both ends in it. It may go over the new year."""

    name: str
    begins: tuple[int, int]
    ends: tuple[int, int]


class Occasion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A day that comes again each year: by the calendar, by Easter, by a weekday of a month, or of the customer's own.

    `kind` is `date` (month, day), `easter` (`offset` days from Easter Sunday), `weekday` (the `nth` one in a month; below
    0 from its end) or `customer` (month and day of a field). `since` is the first year, `every` how many years lie between.
    """

    name: str
    kind: str
    month: int = 0
    day: int = 0
    offset: int = 0
    weekday: int = 0
    nth: int = 0
    field: str = ""
    since: int = 0
    every: int = 1


class Keep(Struct, frozen=True, omit_defaults=True):
    """`keep:`, how long each kind of data is kept."""

    ip_and_agent: Length = Length(minutes=72 * 60)
    bodies: Length = Length(days=90)
    engagement: Length = Length(days=400)
    dead_letters: Length = Length(days=90)
    event_ids: Length = Length(days=400)
    call_consents: Length | None = Length(days=FIVE_YEARS)  # after the last call; None: not beyond the customer's data


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
    countries: dict[str, CountryRule] = {}  # by the country of the profile, ISO 3166 in capitals
    service_templates: tuple[str, ...] = ()
    oldest_address: Length | None = Length(days=730)
    ramp: RampRule | None = None
    breaker: BreakerRule | None = BreakerRule()  # None is `off`
    keep: Keep = Keep()
    engagement: EngagementRule = EngagementRule()
    experiment_salt: str = "change-me"
    returns_within: Length = Length(days=30)
    causes: tuple[CauseRule, ...] = ()
    seasons: tuple[Season, ...] = ()  # days outside all of them are not counted as idle; none: every day counts
    occasions: dict[str, Occasion] = {}  # of occasions.yaml: the newest for everyone, as all of this
