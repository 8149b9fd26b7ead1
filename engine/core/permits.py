"""The gate's answer about permission: whether a purpose is allowed on a channel, on which basis since when, or why not.

What the customer said comes first; where they said nothing, the law may let the shop write or call all the same, under
conditions that are looked at one by one. The reasons are words that the drops of sends are counted by; `why` says in a
sentence what is missing.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from engine.core.conditions import View, has_lapsed, lapses_at
from engine.core.customer import ASSUMED, Customer, Permission
from engine.core.moments import Instant, iso_day
from engine.core.permission import STOPPABLE, is_by_workflow, is_stopped
from engine.core.rules import PermissionRule, Purpose
from engine.core.rules.permission import EXISTING_CUSTOMER, EXPRESS, PRESUMED_B2B

STOPPED, NO_PERMISSION, LAPSED, NOT_ACCEPTED = "stopped", "no_permission", "permission_lapsed", "basis_not_accepted"


class Permit(Struct, frozen=True):
    """Whether a purpose is allowed on a channel. `reason` is empty where it is; `until` is when it ends if nothing happens."""

    allowed: bool
    reason: str = ""
    basis: str = ""
    since: Instant = 0
    until: Instant | None = None
    why: str = ""


def permit_of(view: View, purpose: str, channel: str) -> Permit:
    """Ask whether the customer's words, or else the law, allow a purpose on a channel now."""
    stop = view.customer.stopped.get(purpose)
    if stop is not None and is_stopped(view.customer, purpose, channel):
        return Permit(False, STOPPED, since=stop.at, why=f"stopped by {stop.by}")
    rule = view.permission_rule
    said = view.customer.permission.get(f"{purpose}/{channel}")
    if said is not None:  # a purpose that was withdrawn is covered by nothing
        return _as_said(view, rule, said, channel)
    covering = view.customer.permission.get(f"newsletter/{channel}")
    if covering is not None and covering.given and purpose in rule.newsletter_covers:
        return _as_said(view, rule, covering, channel)
    if purpose == Purpose.NEWSLETTER and channel == "email":
        return _as_subscribed(view, rule)
    if purpose == Purpose.MARKETING and channel == "email":
        return _as_existing_customer(view, rule)
    if purpose == Purpose.MARKETING and channel == "phone":
        return _as_presumed(view, rule)
    return Permit(False, NO_PERMISSION, why="nobody gave it")


def has_objected(customer: Customer) -> bool:
    """Say whether the customer ever said no to advertising, in any form on any channel, without a yes to the same since."""
    if any(not is_by_workflow(each) for each in customer.stopped.values()):
        return True
    return any(not each.given and key.split("/")[0] in STOPPABLE for key, each in customer.permission.items())


def end_unused(view: View) -> None:
    """Let what has lapsed by non-use stay so, on the caller's own copy, though the customer is about to show life.

    Who comes back after years did not agree anew: what they do from now on would otherwise look like use.
    """
    permission, lasting = view.customer.permission, {}
    for key, given in permission.items():
        if given.given and given.basis != ASSUMED and has_lapsed(view, given, channel := key.rpartition("/")[2]):
            end = lapses_at(view, given, channel)
            assert end is not None, "it has lapsed"
            lasting[key] = replace(given, expires=view.zone.day(end) - 1)
    if lasting:
        view.customer.permission = {**permission, **lasting}


# What they said ------------------------------------------------------------------------------------------------------


def _as_said(view: View, rule: PermissionRule, said: Permission, channel: str) -> Permit:
    basis = said.basis or EXPRESS
    if not said.given:
        return Permit(False, NO_PERMISSION, since=said.at, why="withdrawn")
    if has_lapsed(view, said, channel):
        end = lapses_at(view, said, channel)
        day = "" if end is None else f" on {iso_day(view.zone.day(end))}"
        return Permit(False, LAPSED, basis, said.at, end, f"lapsed{day}: past its day, or unused for too long")
    if basis == ASSUMED:
        return Permit(True, basis=basis, since=said.at)
    refused = _not_accepted(view, rule, said, channel)
    if refused:
        return Permit(False, NOT_ACCEPTED, basis, said.at, why=refused)
    return Permit(
        True, basis=basis, since=said.at, until=_first(lapses_at(view, said, channel), _aged(view, rule, said))
    )


def _not_accepted(view: View, rule: PermissionRule, said: Permission, channel: str) -> str:
    """Say why the basis of a yes is not enough on a channel, empty where it is."""
    basis = said.basis or EXPRESS
    if not rule.is_enough(basis, channel):
        return f"{basis} is no sufficient basis by {channel} (accepts in lifecycle.yaml)"
    if basis == PRESUMED_B2B and not view.customer.value("company"):
        return "presumed consent is for companies, and the profile names none"
    if basis == EXISTING_CUSTOMER:
        if has_objected(view.customer):
            return "an existing customer who objected needs to say yes anew"
        end = _aged(view, rule, said)
        if end is not None and end <= view.now:
            return "the last sale is longer ago than existing_customer_max_age"
    return ""


def _aged(view: View, rule: PermissionRule, said: Permission) -> Instant | None:
    """When a yes as an existing customer is too old; None where it rests on something else."""
    if said.basis != EXISTING_CUSTOMER or rule.existing_customer_max_age is None:
        return None
    last = view.customer.orders[-1].at if view.customer.orders else 0
    return view.zone.after(max(said.at, last), rule.existing_customer_max_age)


def _first(*ends: Instant | None) -> Instant | None:
    return min((end for end in ends if end is not None), default=None)


# What the law allows without a word ----------------------------------------------------------------------------------


def _as_subscribed(view: View, rule: PermissionRule) -> Permit:
    """A form that was filled in, unconfirmed: anybody could have written this address there."""
    asked = view.customer.trail.get("newsletter.subscribed", ())
    if not asked:
        return Permit(False, NO_PERMISSION, why="nobody gave it")
    if rule.double_opt_in:
        return Permit(False, NO_PERMISSION, why="subscribed, and not yet confirmed (double_opt_in in lifecycle.yaml)")
    if has_objected(view.customer):
        return Permit(False, NO_PERMISSION, why="subscribed, but objected before: that takes a confirmation")
    return _as_said(view, rule, Permission(True, asked[-1].at, EXPRESS), "email")


def _as_existing_customer(view: View, rule: PermissionRule) -> Permit:
    """§ 7 (3) UWG: an address got with a sale, own similar goods, no objection, and not too long ago.

    That the customer is told of the right to object, with the sale and in each mail, the shop says by turning it on; the
    link to stop is in each mail or `check` refuses the template.
    """
    customer = view.customer
    if not rule.existing_customers:
        return Permit(False, NO_PERMISSION, why="nobody gave it (existing_customers is off in lifecycle.yaml)")
    if not customer.orders:
        return Permit(False, NO_PERMISSION, why="nobody gave it, and no existing customer: no order")
    if has_objected(customer):
        return Permit(False, NO_PERMISSION, why="no existing customer to be written to: they objected")
    known_by = max(customer.address_given, 0)
    got = [each for each in customer.orders if each.at >= known_by or each.day <= customer.sold_on]
    if not got:
        why = "no existing customer to be written to: the address did not come with a sale"
        return Permit(False, NO_PERMISSION, why=why)
    similar = [each for each in got if not rule.similar_goods or set(each.categories) & set(rule.similar_goods)]
    if not similar:
        return Permit(False, NO_PERMISSION, why="no existing customer to be written to: bought no similar_goods")
    since, oldest = similar[-1].at, rule.existing_customer_max_age
    until = None if oldest is None else view.zone.after(since, oldest)
    if until is not None and until <= view.now:
        why = f"no existing customer any more since {iso_day(view.zone.day(until))} (existing_customer_max_age)"
        return Permit(False, NO_PERMISSION, EXISTING_CUSTOMER, since, until, why)
    return Permit(True, basis=EXISTING_CUSTOMER, since=since, until=until)


def _as_presumed(view: View, rule: PermissionRule) -> Permit:
    """§ 7 (2) no. 1 UWG: companies may be called where their consent can be presumed, here from what they bought."""
    customer = view.customer
    if not rule.presumed_b2b:
        return Permit(False, NO_PERMISSION, why="nobody gave it")
    if not customer.value("company"):
        return Permit(False, NO_PERMISSION, why="nobody gave it, and no company to presume it of")
    if not customer.orders or has_objected(customer):
        said = "they objected" if customer.orders else "no order"
        return Permit(False, NO_PERMISSION, why=f"nobody gave it, and it cannot be presumed: {said}")
    return _as_said(view, rule, Permission(True, customer.orders[-1].at, PRESUMED_B2B), "phone")
