"""Offers as frozen values: what a message may give, how often, and what it may cost."""

from __future__ import annotations

from msgspec import Struct

from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules.terms import Share


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
    had_within: Length | None = None  # how far `after` and `excludes` look back; None: for ever
    expected_response: Share = 0
    line: int = 0
