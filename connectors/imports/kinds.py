"""What can be imported, and which fields its rows may have, with the names that other people give them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace


class Field(Struct, frozen=True):
    """One field of a row: what it means, how its cells are read, and what columns are called that hold it.

    `reads` is text, moment, day, amount, number or truth. `also` are other names for the field itself, in `--map`.
    """

    means: str
    reads: str = "text"
    columns: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Kind(Struct, frozen=True):
    """One kind of rows. Each group of `needs` must have a column for at least one of its fields."""

    means: str
    fields: dict[str, Field]
    needs: tuple[tuple[str, ...], ...]


FLAGS: Final = ("unsubscribed", "complained", "bounced", "erased")
"""Columns that say of each address whether, or since when, it is suppressed; in the order of `kind`s."""

_TIME: Final = ("time", "date", "at", "when")
_WHO: Final = {
    "customer_id": Field(
        "the shop's own id of the customer",
        columns=(
            "customer id",
            "customerid",
            "customer number",
            "customer no",
            "customer",
            "kunde",
            "kundennummer",
            "kunden-nr",
            "ext_id",
        ),
        also=("customer", "subject", "id"),
    ),
    "email": Field(
        "the mail address",
        columns=("email", "e-mail", "email address", "mail", "e-mail-adresse", "emailadresse", "mailadresse"),
        also=("address", "mail"),
    ),
}
_BY_ID: Final = {"customer_id": replace(_WHO["customer_id"], columns=(*_WHO["customer_id"].columns, "id"))}
"""Of a file of customers alone the column `id` is theirs: of others it may be the order's, or the event's."""

_SOMEBODY: Final = (("customer_id", "email"),)

_PROFILE: Final = {
    "first_name": Field("first name", columns=("first name", "firstname", "given name", "vorname")),
    "last_name": Field("last name", columns=("last name", "lastname", "surname", "family name", "nachname")),
    "salutation": Field("how they are addressed", columns=("salutation", "anrede")),
    "formal": Field("addressed formally", "truth"),
    "company": Field("company", columns=("company", "organization", "organisation", "company name", "firma")),
    "role": Field("role in the company", columns=("role", "job title", "position")),
    "language": Field("language", columns=("language", "preferred language", "locale", "sprache", "preferred_locale")),
    "timezone": Field("IANA time zone", columns=("timezone", "time zone", "contact_timezone")),
    "country": Field("country", columns=("country", "country/region", "land", "country code")),
    "birthday": Field("birthday", "day", ("birthday", "date of birth", "birth date", "geburtstag", "geburtsdatum")),
    "phone": Field("phone", columns=("phone", "phone number", "mobile", "sms", "telefon", "mobile phone number")),
    "postal": Field("postal address", columns=("address", "postal address", "street address", "anschrift", "address1")),
    "channel": Field("preferred channel", columns=("channel", "preferred channel")),
    "frequency": Field("how often they want mail at most: usual, monthly, quarterly", columns=("frequency",)),
    "account_manager": Field("who looks after them", columns=("account manager", "contact owner", "betreuer")),
    "tier": Field("tier of the loyalty programme", columns=("tier", "loyalty tier", "status level")),
    "points": Field("points of the loyalty programme", "number", ("points", "loyalty points", "punkte")),
    "points_expire": Field("when points expire", "day", ("points expire", "points expiry")),
    "contract_ends": Field("when the contract ends", "day", ("contract ends", "contract end", "vertragsende")),
}

KINDS: Final[dict[str, Kind]] = {
    "customers": Kind(
        "who they are: addresses, names and the other fields of the profile",
        _WHO
        | _BY_ID
        | _PROFILE
        | {
            "updated_at": Field(
                "when this was true",
                "moment",
                ("updated at", "last changed", "modified", "last modified", "created at", "since", "kunde seit"),
                (*_TIME, "created_at"),
            )
        },
        _SOMEBODY,
    ),
    "consents": Kind(
        "what they allowed, since when, and on which basis",
        _WHO
        | {
            "given_at": Field(
                "when it was given, or taken back",
                "moment",
                (
                    "given at",
                    "consent date",
                    "consent time",
                    "opt-in date",
                    "opted in at",
                    "optin time",
                    "subscribed at",
                    "date",
                    "since",
                    "datum",
                ),
                (*_TIME, "since", "consented_at"),
            ),
            "basis": Field("express, existing_customer or presumed_b2b", columns=("basis", "legal basis")),
            "purpose": Field("newsletter, marketing or tracking", columns=("purpose", "purposes")),
            "channel": Field("email, phone, sms, push or letter", columns=("channel",)),
            "status": Field(
                "given or withdrawn", columns=("status", "consent", "state", "subscription status"), also=("consent",)
            ),
            "withdrawn": Field("yes, or since when, for who took it back", "flag", also=("withdrawn_at",)),
            "expires": Field("last day it holds", "day", ("expires", "valid until")),
            "proof": Field("what proves it, in words", columns=("proof", "source", "consent source")),
            "wording": Field("what they said yes to", columns=("wording", "consent text")),
            "page": Field("where they said it", columns=("consent page", "consent url")),
            "ip": Field("the IP address it came from", columns=("optin ip", "opt-in ip", "confirm ip", "consent ip")),
        },
        _SOMEBODY,
    ),
    "suppressions": Kind(
        "who must not be written to: addresses, or SHA-256 of them",
        {
            "email": _WHO["email"],
            "sha256": Field(
                "SHA-256 of the address without capitals and blanks, in hex",
                columns=("sha256", "sha-256", "hash", "email hash", "email sha256", "hashed email", "email_sha256"),
                also=("hash", "email_sha256", "email_hash"),
            ),
            "kind": Field(
                "unsubscribed, complained, bounced or erased",
                columns=("kind", "reason", "status", "type", "suppression reason", "grund"),
                also=("reason", "status", "type"),
            ),
            "date": Field(
                "since when",
                "moment",
                ("date", "since", "suppressed at", "created at", "timestamp", "added at", "datum", "time"),
                (*_TIME, "since", "suppressed_at"),
            ),
            "unsubscribed": Field("yes, or since when, for who unsubscribed", "flag"),
            "complained": Field("yes, or since when, for who called it spam", "flag"),
            "bounced": Field("yes, or since when, for what bounced for good", "flag"),
            "erased": Field("yes, or since when, for who is to be forgotten", "flag"),
        },
        (("email", "sha256"),),
    ),
    "engagement": Kind(
        "opens and clicks: one event a row (time and type), or the last ones of each customer",
        _WHO
        | {
            "time": Field("when", "moment", ("time", "timestamp", "event time", "date", "datum"), _TIME),
            "type": Field("open, click, reply or delivered", columns=("type", "event", "event type", "action", "what")),
            "opened_at": Field("last open", "moment", ("last open", "last opened", "opened at", "open time")),
            "clicked_at": Field("last click", "moment", ("last click", "last clicked", "clicked at", "click time")),
            "replied_at": Field("last reply", "moment", ("last reply", "replied at")),
            "link": Field("where the click led", columns=("link", "url")),
            "machine": Field("whether a machine did it", "truth", ("machine", "bot", "is bot", "apple privacy open")),
            "sender": Field("who sent the mail", columns=("sender",)),
        },
        (*_SOMEBODY, ("time", "opened_at", "clicked_at", "replied_at")),
    ),
    "coupons": Kind(
        "offers that customers had already, and codes they used",
        _WHO
        | {
            "code": Field(
                "the code", columns=("code", "coupon", "coupon code", "voucher", "discount code", "gutschein")
            ),
            "offer": Field("which of our offers it was", columns=("offer",)),
            "given_at": Field(
                "when it was given out", "moment", ("given at", "sent at", "issued at", "created at", "date"), _TIME
            ),
            "redeemed_at": Field(
                "when it was used", "moment", ("redeemed at", "used at", "redemption date"), ("used_at",)
            ),
            "order_id": Field("by which order", columns=("order id", "order", "order number")),
        },
        (*_SOMEBODY, ("code", "offer"), ("given_at", "redeemed_at")),
    ),
    "sends": Kind(
        "mails that another tool sent: marketing keeps clear of them",
        _WHO
        | {
            "time": Field(
                "when", "moment", ("time", "sent at", "send time", "timestamp", "date", "datum"), (*_TIME, "sent_at")
            ),
            "name": Field("of the mail or mailing", columns=("name", "mailing", "subject", "email name", "newsletter")),
            "purpose": Field("newsletter, marketing or service", columns=("purpose",)),
            "sender": Field("which tool sent it", columns=("sender",)),
        },
        (*_SOMEBODY, ("time",)),
    ),
    "orders": Kind(
        "one order a row",
        _WHO
        | {
            "order_id": Field(
                "its number",
                columns=("order id", "order number", "order no", "order", "bestellnummer", "bestell-nr"),
                also=("order", "number"),
            ),
            "time": Field(
                "when it was placed",
                "moment",
                (
                    "time",
                    "placed at",
                    "order date",
                    "ordered at",
                    "created at",
                    "date",
                    "datum",
                    "bestelldatum",
                    "bestellt am",
                ),
                (*_TIME, "placed_at", "ordered_at", "day"),
            ),
            "total": Field(
                "what was paid in all",
                "amount",
                (
                    "total",
                    "amount",
                    "order total",
                    "grand total",
                    "total price",
                    "betrag",
                    "summe",
                    "gesamtbetrag",
                    "gesamt",
                ),
                ("amount",),
            ),
            "currency": Field("ISO 4217, such as EUR", columns=("currency", "währung", "waehrung")),
            "coupon": Field("code that was used", columns=("coupon", "discount code", "coupon code", "gutschein")),
            "country": Field("country", columns=("country", "shipping country", "land")),
            "sku": Field("article number", columns=("sku", "lineitem sku", "artikelnummer")),
            "name": Field("article", columns=("article", "product", "product name", "lineitem name", "artikel")),
            "category": Field("its category", columns=("category", "product category", "kategorie", "warengruppe")),
            "cancelled_at": Field("when it was called off", "moment", ("cancelled at", "canceled at", "storniert am")),
        },
        (*_SOMEBODY, ("time",), ("total",)),
    ),
}
