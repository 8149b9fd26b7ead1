"""Whether a purpose is allowed on a channel: by what was said, or else by what the law allows, each condition by itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.conditions import View
from engine.core.customer import Customer, Permission, Stop
from engine.core.facts import fold
from engine.core.gate import Drop, Go
from engine.core.moments import DAY, Instant, Length
from engine.core.permits import Permit, end_unused, permit_of
from engine.core.rules import CountryRule, Lifecycle, PermissionRule, Purpose
from engine.core.standing import is_observed
from tests.builders import PLAIN, START, ago, allowed, at, event, folded, order, somebody
from tests.core.test_gate import CALM, STEP, asked

YEARS = 365 * DAY


def asked_of(
    customer: Customer,
    purpose: str = "marketing",
    channel: str = "email",
    *,
    rule: PermissionRule | None = None,
    now: Instant = START,
    lifecycle: Lifecycle = PLAIN,
) -> Permit:
    """The answer for one purpose on one channel."""
    rules = lifecycle if rule is None else replace(lifecycle, permission=rule)
    return permit_of(View(customer, now, rules), purpose, channel)


def said(channel: str = "email", basis: str = "express", **more: Any) -> dict[str, Permission]:
    """A yes to marketing on a channel, a hundred days old unless said otherwise."""
    return {f"marketing/{channel}": Permission(**{"given": True, "at": ago("100d"), "basis": basis, **more})}


# What is enough, by channel -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "basis", "profile", "reason"),
    [
        ("email", "express", {}, ""),
        ("email", "existing_customer", {}, ""),
        ("email", "presumed_b2b", {"company": "Ada & Co"}, "basis_not_accepted"),
        ("phone", "express", {}, ""),
        ("phone", "existing_customer", {}, "basis_not_accepted"),
        ("phone", "presumed_b2b", {}, "basis_not_accepted"),
        ("phone", "presumed_b2b", {"company": "Ada & Co"}, ""),
        ("sms", "existing_customer", {}, "basis_not_accepted"),
        ("sms", "presumed_b2b", {"company": "Ada & Co"}, "basis_not_accepted"),
        ("push", "express", {}, ""),
        ("letter", "existing_customer", {}, ""),
    ],
)
def test_a_basis_is_enough_on_some_channels(channel: str, basis: str, profile: dict[str, str], reason: str) -> None:
    """Nobody is called as an existing customer, nor written to by mail on a consent that is only presumed."""
    known = {name: (value, 1) for name, value in profile.items()}
    customer = somebody(permission=said(channel, basis), profile=known)
    assert asked_of(customer, channel=channel).reason == reason


def test_lifecycle_says_which_bases_are_enough() -> None:
    """`accepts: {email: [express]}`: then the shop's word that somebody is an existing customer is not enough."""
    strict = PermissionRule(accepts={"email": ("express",), "phone": ()})
    assert asked_of(somebody(permission=said("email", "existing_customer")), rule=strict).reason == "basis_not_accepted"
    assert asked_of(somebody(permission=said("phone")), channel="phone", rule=strict).reason == "basis_not_accepted"
    assert asked_of(somebody(permission=said("sms")), channel="sms", rule=strict).allowed


def test_an_answer_says_on_which_basis_since_and_until_when() -> None:
    """As `explain` shows it."""
    permit = asked_of(somebody(permission=said()))
    assert permit == Permit(True, basis="express", since=ago("100d"), until=at("2027-09-27 10:00"))
    stopped = asked_of(somebody(stopped={"marketing": Stop(START - DAY, "email.complained")}))
    assert (stopped.reason, stopped.since, stopped.why) == ("stopped", START - DAY, "stopped by email.complained")


# Existing customers --------------------------------------------------------------------------------------------------

ON = PermissionRule(existing_customers=True)
BOUGHT = order(1, ago("50d"), email="ada@example.org", items=({"category": "tea"},))


def bought(*events: Any, **fields: Any) -> Customer:
    """Somebody who said nothing and bought tea under their address fifty days ago, and what happened besides."""
    return replace_fields(folded(BOUGHT, *events), **fields)


def replace_fields(customer: Customer, **fields: Any) -> Customer:
    """The customer with other fields."""
    for name, value in fields.items():
        setattr(customer, name, value)
    return customer


@pytest.mark.parametrize(
    ("customer", "rule", "why"),
    [
        (bought(), ON, ""),
        (bought(), PermissionRule(), "existing_customers is off"),
        (somebody(permission={}), ON, "no order"),
        (bought(event("order.cancelled", ago("49d"), order_id="1")), ON, "no order"),
        (bought(event("email.unsubscribed", ago("9d"), purpose="newsletter")), ON, "objected"),
        (bought(event("consent.withdrawn", ago("9d"), purpose="marketing", channel="phone")), ON, "objected"),
        (bought(event("profile.updated", ago("9d"), email="new@example.org")), ON, "did not come with a sale"),
        (bought(event("profile.updated", ago("60d"), email="ada@example.org")), ON, ""),
        (
            bought(
                event("profile.updated", ago("9d"), email="new@example.org"),
                order(2, ago("5d"), email="new@example.org"),
            ),
            ON,
            "",
        ),
        (bought(), replace(ON, similar_goods=("coffee",)), "similar_goods"),
        (bought(), replace(ON, similar_goods=("coffee", "tea")), ""),
        (bought(), replace(ON, existing_customer_max_age=Length(days=50)), "existing_customer_max_age"),
        (bought(), replace(ON, existing_customer_max_age=Length(days=51)), ""),
        (bought(), replace(ON, existing_customer_max_age=None), ""),
    ],
)
def test_existing_customers_may_be_written_to_on_conditions(customer: Customer, rule: PermissionRule, why: str) -> None:
    """Bought with this address, similar goods, never objected, not too long ago: all of it, or none (§ 7 (3) UWG)."""
    permit = asked_of(customer, rule=rule)
    assert permit.allowed is not bool(why)
    assert why in permit.why
    assert asked_of(customer, channel="phone", rule=rule).reason == "no_permission"
    assert asked_of(customer, "newsletter", rule=rule).reason in ("no_permission", "stopped")


def test_a_late_order_under_the_address_makes_an_existing_customer_in_any_order() -> None:
    """The order that named the address may be heard of after the profile that repeats it."""
    told = event("profile.updated", ago("9d"), email="ada@example.org")
    for events in ((BOUGHT, told), (told, BOUGHT)):
        assert asked_of(folded(*events), rule=ON).allowed


def test_companies_that_bought_may_be_called_where_the_shop_says_so() -> None:
    """`presumed_b2b: on`: companies alone, by phone alone, and never against a no."""
    rule = PermissionRule(presumed_b2b=True)
    company = bought(event("profile.updated", ago("60d"), company="Ada & Co"))
    assert asked_of(company, channel="phone", rule=rule).basis == "presumed_b2b"
    assert not asked_of(company, channel="phone").allowed
    assert not asked_of(company, channel="email", rule=rule).allowed
    assert not asked_of(bought(), channel="phone", rule=rule).allowed
    objected = folded(event("hand_off.answered", ago("1d"), hand_off="sales", result="never"), into=company)
    assert asked_of(objected, channel="phone", rule=rule).reason == "stopped"


# Subscribed, and not yet confirmed -----------------------------------------------------------------------------------


def test_who_subscribed_must_confirm_it() -> None:
    """Anybody can write anybody's address into a form: it is no permission before the link of our mail was used."""
    customer = folded(event("newsletter.subscribed", ago("2d"), email="ada@example.org", proof={"page": "/footer"}))
    permit = asked_of(customer, "newsletter")
    assert (permit.allowed, permit.reason) == (False, "no_permission")
    assert "not yet confirmed" in permit.why
    fold(customer, event("newsletter.confirmed", ago("1d")), PLAIN, None, [])
    assert asked_of(customer, "newsletter").allowed
    assert not asked_of(customer, "marketing").allowed


def test_a_country_may_ask_for_no_confirmation() -> None:
    """`double_opt_in: off`: the form is enough, but not against an earlier no."""
    single = PermissionRule(double_opt_in=False)
    form = event("newsletter.subscribed", ago("2d"), email="ada@example.org")
    assert asked_of(folded(form), "newsletter", rule=single).since == ago("2d")
    for no in (event("email.unsubscribed", ago("5d")), event("consent.withdrawn", ago("1d"), purpose="newsletter")):
        assert not asked_of(folded(no, form), "newsletter", rule=single).allowed


# Use, and the end by non-use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "channel", "lapsed"),
    [
        ({}, "email", True),
        ({"last_mail": ago("729d")}, "email", False),
        ({"last_mail": ago("729d")}, "phone", True),
        ({"last_reaction": ago("729d")}, "email", False),
        ({"last_reaction": ago("729d")}, "phone", False),
        ({"last_reaction": ago("730d")}, "email", True),
    ],
)
def test_what_uses_a_permission(fields: dict[str, Any], channel: str, lapsed: bool) -> None:  # noqa: FBT001 - a column
    """A mail uses what was permitted by mail, a sign of life whatever was permitted; else it lapses after 730 days."""
    customer = somebody(permission=said(channel, at=ago("900d")), **fields)
    assert (asked_of(customer, channel=channel).reason == "permission_lapsed") is lapsed


def test_a_call_uses_the_permission_to_call() -> None:
    """`used` is of one purpose on one channel."""
    customer = somebody(permission=said("phone", at=ago("900d"), used=ago("100d")))
    assert asked_of(customer, channel="phone").until == at("2027-09-27 10:00")


def test_what_has_lapsed_stays_so_though_the_customer_comes_back() -> None:
    """Who logs in after years of silence agreed to nothing anew; only a new yes does."""
    customer = somebody(permission=said(at=ago("900d")))
    end_unused(View(customer, START - DAY, PLAIN))
    customer.last_reaction = START - DAY
    assert asked_of(customer).reason == "permission_lapsed"
    fold(customer, event("consent.given", START, purpose="marketing", proof="asked at the till"), PLAIN, None, [])
    assert asked_of(customer, now=START + DAY).allowed


def test_what_is_in_use_is_not_ended() -> None:
    """The look that precedes each event after a silence ends nothing that has not lapsed."""
    customer = somebody(permission=said(at=ago("700d")))
    before = customer.permission
    end_unused(View(customer, START, PLAIN))
    assert customer.permission is before


# By country ----------------------------------------------------------------------------------------------------------

ABROAD = replace(
    CALM,
    permission=PermissionRule(unused_block=Length(days=730)),
    countries={
        "GB": CountryRule(PermissionRule(double_opt_in=False, unused_block=Length(days=90)), quiet=(0, 24 * 60 - 1)),
        "FR": CountryRule(PermissionRule(accepts={"phone": ()}, tracking_consent=True)),
    },
)


@pytest.mark.parametrize("country", ["GB", "gb", " UK "])
def test_a_customers_country_has_rules_of_its_own(country: str) -> None:
    """By the country of the profile, however it is written; a shop's usual rules for everybody else."""
    here = {"email": ("ada@example.org", 0), "country": (country, 1)}
    assert asked_of(somebody(permission=said(), profile=here), lifecycle=ABROAD).reason == "permission_lapsed"
    assert asked_of(somebody(permission=said()), lifecycle=ABROAD).allowed
    there = {**here, "country": ("FR", 1), "phone": ("+33 1", 1)}
    customer = somebody(permission=said("phone"), profile=there)
    assert asked_of(customer, channel="phone", lifecycle=ABROAD).reason == "basis_not_accepted"


def test_quiet_hours_are_the_countrys() -> None:
    """The gate asks the country's hours; none there, none of the shop's."""
    quiet = replace(ABROAD, quiet=(20 * 60, 8 * 60))
    fresh = allowed(since=START - DAY)
    gb, fr = ({"email": ("ada@example.org", 0), "country": (code, 1)} for code in ("GB", "FR"))
    assert asked(lifecycle=quiet, profile=fr, permission=fresh) == Go()
    assert asked(START + 12 * 3600 * 1_000_000, lifecycle=quiet, profile=fr, permission=fresh) == Go()
    assert asked(lifecycle=quiet, profile=gb, permission=fresh) != Go()


def test_the_gate_gives_the_reason() -> None:
    """What `permit_of` refuses the gate drops, under the same word."""
    no = asked(permission=said("email", "presumed_b2b"))
    assert no == Drop("basis_not_accepted")
    assert asked(step=replace(STEP, purpose=Purpose.SERVICE), permission={}) == Go()


def test_a_country_may_ask_for_no_tracking_consent() -> None:
    """`tracking_consent: off`: reading is observed where nobody said no to that; elsewhere it takes a yes."""
    rules = replace(PLAIN, countries={"CH": CountryRule(PermissionRule(tracking_consent=False))})
    here = {"country": ("CH", 1)}
    assert is_observed(somebody(permission={}, profile=here), rules)
    assert not is_observed(somebody(permission={}), rules)
    no = {"tracking/email": Permission(given=False, at=START)}
    assert not is_observed(somebody(permission=no, profile=here), rules)
