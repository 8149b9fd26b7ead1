"""`permission:` and `countries:` of lifecycle.yaml: what counts as permission, in general and in a country."""

from __future__ import annotations

from msgspec import Struct

from engine.core.moments import Length
from engine.core.rules.terms import Purpose

EXPRESS, EXISTING_CUSTOMER, PRESUMED_B2B = "express", "existing_customer", "presumed_b2b"
BASES = (EXPRESS, EXISTING_CUSTOMER, PRESUMED_B2B)
"""What a permission may rest on, as `consent.given` names it; express where it names nothing."""

ACCEPTED: dict[str, tuple[str, ...]] = {
    "email": (EXPRESS, EXISTING_CUSTOMER),
    "phone": (EXPRESS, PRESUMED_B2B),
    "sms": (EXPRESS,),
    "push": (EXPRESS,),
    "letter": (EXPRESS, EXISTING_CUSTOMER),
}
"""The bases that are enough on each channel, where lifecycle.yaml does not say."""


class PermissionRule(Struct, frozen=True, omit_defaults=True):
    """What counts as permission. `newsletter_covers`: purposes a newsletter consent is enough for.

    `existing_customers` takes § 7 (3) UWG: mail to who bought, until `existing_customer_max_age` after the last such order;
    of `similar_goods`, which are categories (none: the shop says that all it sells is similar). `presumed_b2b`: companies
    that bought may be called. `double_opt_in`, `tracking_consent`: whether each is needed. `unused_warn`, `unused_block`:
    ageing of a consent that nobody uses. `accepts` are the bases that are enough, of the channels for which others are than `ACCEPTED`.
    """

    newsletter_covers: tuple[Purpose, ...] = ()
    existing_customers: bool = False
    unused_warn: Length | None = Length(days=365)
    unused_block: Length | None = Length(days=730)
    existing_customer_max_age: Length | None = Length(days=730)
    similar_goods: tuple[str, ...] = ()
    presumed_b2b: bool = False
    double_opt_in: bool = True
    tracking_consent: bool = True
    accepts: dict[str, tuple[str, ...]] = {}

    def is_enough(self, basis: str, channel: str) -> bool:
        """Say whether a basis is enough on a channel."""
        accepted = self.accepts.get(channel)
        return basis in (ACCEPTED.get(channel, ()) if accepted is None else accepted)


class CountryRule(Struct, frozen=True, omit_defaults=True):
    """What holds for customers of one country, whole: what `countries:` leaves out is as for everybody."""

    permission: PermissionRule
    quiet: tuple[int, int] | None = None  # minutes since midnight
