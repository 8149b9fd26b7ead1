"""What a template may use: every variable with its meaning, and whether it can be empty.

One list, for the checks, for filling in what a sender of context left out, and for docs/reference/templates.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from msgspec import Struct

from engine.core.money import Money
from engine.core.rules import Discount, FreeTrial, Gift, Offer
from engine.rendering.formats import Percent, shown


class Variable(Struct, frozen=True):
    """One variable: what it means, and whether it can be empty, so that a template needs a fallback for it."""

    means: str
    may_be_empty: bool = False


def _always(means: str) -> Variable:
    return Variable(means)


def _maybe(means: str) -> Variable:
    return Variable(means, may_be_empty=True)


CUSTOMER: Final[dict[str, Variable]] = {
    "id": _always("The customer's id."),
    "email": _always("The address the message goes to."),
    "first_name": _maybe("First name."),
    "last_name": _maybe("Last name."),
    "salutation": _maybe("Ms, Mr, Frau, Herr and the like, as the shop keeps it."),
    "formal": _maybe("Whether to address the customer formally (German Sie); unknown means formally."),
    "company": _maybe("Company."),
    "role": _maybe("What the customer is in the company."),
    "language": _maybe("The customer's own language, such as `de-AT`. For the message's, use `message.language`."),
    "timezone": _maybe("The customer's zone."),
    "country": _maybe("Country."),
    "birthday": _maybe("Birthday."),
    "phone": _maybe("Telephone number."),
    "postal": _maybe("Postal address."),
    "channel": _maybe("The channel the customer prefers."),
    "frequency": _maybe("How often the customer wants to hear from us at most: usual, monthly, quarterly."),
    "account_manager": _maybe("Who looks after the customer."),
    "tier": _maybe("Tier of the loyalty programme."),
    "points": _maybe("Points of the loyalty programme."),
    "points_expire": _maybe("The day the points expire."),
    "contract_ends": _maybe("The day the contract ends."),
    "orders": _always("How many orders."),
    "order_days": _always("On how many days there was an order."),
    "revenue": _maybe("What all orders came to."),
    "revenue_365d": _maybe("What the orders of the last 365 days came to."),
    "average_basket": _maybe("What an order comes to on average."),
    "first_order": _maybe("The day of the first order."),
    "last_order": _maybe("The day of the last order."),
    "idle_days": _maybe("Days since the last order."),
    "own_interval": _maybe("Days between the customer's orders, on average."),
    "last_click": _maybe("The day of the last click."),
    "last_items": _always("A list of the names of up to 5 items of the last order."),
    "categories": _always("A list of up to 16 categories that were ordered, the latest first."),
    "standing": _always("What we think of the customer: prospect, active, reader, lapsed, former."),
    "address": _always("Whether mail can arrive: ok, doubtful, dead."),
    "cause": _maybe("Why the customer went quiet, where that is known."),
    "call_again_on": _maybe("The day on which the customer asked to be called again."),
    "competitor_contract_ends": _maybe("The day the customer's contract with a competitor ends."),
    "tags": _always("The customer's tags."),
    "reading": _always("Whether we may see what the customer reads: observed, not_observed."),
    "attributes": _always(
        "The shop's own fields, as `customer.attributes.NAME`; one written as a day (2026-01-31) is shown as one."
    ),
}

OFFER: Final[dict[str, Variable]] = {
    "name": _always("The offer's name in offers.yaml."),
    "kind": _always("discount, gift or free_trial."),
    "value": _always("What it is worth: a percentage, an amount, or the name of the gift or trial."),
    "minimum_basket": _maybe("The least basket it can be used with."),
    "code": _always("The code to use at the checkout."),
    "valid_until": _always("The last day it can be used."),
    "terms": _maybe("Where its terms can be read."),
}

LINKS: Final[dict[str, Variable]] = {
    "unsubscribe": _always("Stops messages of this kind."),
    "preferences": _always("Leads to the page where customers choose what they get, how and how often."),
    "confirm": _always("Says yes to the newsletter. Only in a send with `asks:`."),
    "yes": _always("Says yes to more of our mail, which is what is asked. Only in a send with `asks:`."),
    "no": _always("Says no to more of our mail, and stops it. Only in a send with `asks:`."),
    "accept": _always("Says yes to an invitation or another question, and nothing else. Only in a send with `asks:`."),
    "decline": _always("Says no to it, and nothing else: no mail is stopped. Only in a send with `asks:`."),
    "survey": _always("Leads to the one question why they left. Only in a send with `asks:`."),
}

SHOP: Final[dict[str, Variable]] = {
    "name": _always("The brand."),
    "sender_name": _always("Who signs the message."),
    "sender_email": _always("Who the message comes from."),
    "support_email": _always("Where questions go."),
    "url": _always("The shop's address on the web."),
    "imprint": _always("Who is behind it, a line each."),
    "color": _always("The colour of buttons, such as `#0f6b5c`."),
    "logo_url": _maybe("Where the logo is."),
}

MESSAGE: Final[dict[str, Variable]] = {
    "template": _always("The template's name."),
    "purpose": _always("marketing, newsletter or service."),
    "language": _always("The language of this message."),
    "subject": _always("Its subject line; not in the subject itself."),
    "why": _maybe("Why the customer gets it, in the words of the workflow."),
}

VARIABLES: Final[dict[str, dict[str, Variable]]] = {
    "customer": CUSTOMER,
    "offer": OFFER,
    "links": LINKS,
    "shop": SHOP,
    "message": MESSAGE,
}
"""All variables by their first word. `values` is not among them: its names are those of the step's `with:`."""

_LISTS: Final = ("last_items", "categories", "tags")


class Attributes(dict[str, Any]):
    """The shop's own fields of a customer: one that this customer does not have is empty, not an error."""

    def __missing__(self, key: str) -> None:
        return None


def complete(context: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return the context of a render: every variable is there (None where unknown), values written in the language.

    Links and an offer are not made up: a template that shows one that this send does not have is an error.
    """
    customer = {**dict.fromkeys(CUSTOMER), **context.get("customer", {})}
    for name in _LISTS:
        customer[name] = customer[name] or []
    customer["attributes"] = Attributes(customer["attributes"] or {})
    offer = context.get("offer")
    return {
        "customer": shown(customer, language),
        "offer": shown({**dict.fromkeys(OFFER), **offer}, language) if offer else None,
        "links": dict(context.get("links", {})),
        "shop": shown({**dict.fromkeys(SHOP), **context.get("shop", {})}, language),
        "values": shown(dict(context.get("with", {})), language),  # `with` is a word of Liquid's own
        "message": {"why": None, **context.get("message", {}), "language": language},
    }


def offer_variables(offer: Offer, code: str, last_day: date) -> dict[str, Any]:
    """Return the `offer` of a context, from what offers.yaml says, the customer's code and the last day it is good for."""
    what = offer.what
    return {
        "name": offer.name,
        "kind": what.__struct_config__.tag,
        "value": _worth(what),
        "minimum_basket": offer.minimum_basket,
        "code": code,
        "valid_until": last_day,
        "terms": offer.terms,
    }


def _worth(what: Discount | Gift | FreeTrial) -> Money | Percent | str:
    if not isinstance(what, Discount):
        return what.name
    return what.money if what.money is not None else Percent(what.share)
