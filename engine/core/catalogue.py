"""The catalogue of events: what each type says, with an example, and the JSON Schema of them all.

Docs, `winback schema events` and the tests of the contract are made from it, so that they cannot drift from `DATA`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.core.events import DATA
from engine.core.reading import MOST_BYTES, union


class Entry(Struct, frozen=True):
    """One type: what it says in one line, the group it is shown in, and the data of an example.

    `uses` are the fields that go with the type, where others share its struct; empty for all of them.
    """

    means: str
    group: str
    example: dict[str, Any] = {}
    uses: tuple[str, ...] = ()


_WHICH = ("message_id", "email")
_BY_WHOM = ("machine", "unverified", "why")
_MAIL = {"message_id": "<news-7@mail.example.org>", "email": "ada@example.org"}

CATALOGUE: Final[dict[str, Entry]] = {
    "order.placed": Entry(
        "The customer ordered.",
        "Orders",
        {
            "order_id": "10023",
            "total": "49.90",
            "currency": "EUR",
            "email": "ada@example.org",
            "items": [{"sku": "cup-1", "name": "Cup", "quantity": 2, "price": "24.95", "category": "kitchen"}],
            "coupon": "WB-7K2M9Q",
            "country": "DE",
        },
    ),
    "order.cancelled": Entry(
        "The order was called off; it no longer counts.",
        "Orders",
        {"order_id": "10023", "reason": "changed my mind"},
    ),
    "order.refunded": Entry(
        "Money was given back: the whole order, or the amount.",
        "Orders",
        {"order_id": "10023", "amount": "24.95", "currency": "EUR", "reason": "damaged"},
    ),
    "order.delivered": Entry(
        "The goods have arrived; the order is no longer under way.", "Orders", {"order_id": "10023"}
    ),
    "email.sent": Entry(
        "A mail went out, also one of another sender: so we keep clear of it.",
        "Mail",
        {**_MAIL, "purpose": "newsletter", "name": "spring", "sender": "newsletter-tool"},
        (*_WHICH, "purpose", "name", "sender"),
    ),
    "email.delivered": Entry(
        "The customer's mail server took it.", "Mail", _MAIL, (*_WHICH, "purpose", "name", "sender")
    ),
    "email.bounced": Entry(
        "It could not be delivered; `kind` is dead, full, policy, spam, soft or unknown.",
        "Mail",
        {**_MAIL, "kind": "dead", "status": "5.1.1", "diagnostic": "550 5.1.1 no such user"},
        (*_WHICH, "kind", "status", "diagnostic"),
    ),
    "email.opened": Entry(
        "It was opened: by a person, by a machine (`machine`), or nobody can say (`unverified`); `why` says the reasons.",
        "Mail",
        {**_MAIL, "machine": True},
        (*_WHICH, "user_agent", "ip", "method", *_BY_WHOM, "sender"),
    ),
    "email.clicked": Entry(
        "A link in it was followed, by a person or a scanner; `hidden` is a link that no reader sees, `links` how many"
        " the mail has.",
        "Mail",
        {**_MAIL, "link": "https://shop.example/spring"},
        (*_WHICH, "link", "links", "hidden", "user_agent", "ip", "method", *_BY_WHOM, "sender"),
    ),
    "email.replied": Entry("The customer answered it.", "Mail", {**_MAIL, "kind": "reply"}, (*_WHICH, "kind")),
    "email.complained": Entry("The customer called it spam.", "Mail", _MAIL, (*_WHICH, "list", "purpose")),
    "email.unsubscribed": Entry(
        "The customer wants no more of it.", "Mail", {**_MAIL, "list": "newsletter"}, (*_WHICH, "list", "purpose")
    ),
    "newsletter.subscribed": Entry(
        "The customer asked for the newsletter.",
        "Permission",
        {"email": "ada@example.org", "proof": {"page": "/sign-up", "wording": "Yes, write to me", "ip": "192.0.2.1"}},
    ),
    "newsletter.confirmed": Entry(
        "The customer confirmed it: after signing up, or when asked again.",
        "Permission",
        {"email": "ada@example.org", "proof": {"page": "/confirm"}},
    ),
    "consent.given": Entry(
        "Consent to one purpose on one channel.",
        "Permission",
        {
            "purpose": "marketing",
            "channel": "email",
            "basis": "express",
            "given_at": "2026-01-31",
            "proof": {"page": "/account", "wording": "Send me offers"},
        },
    ),
    "consent.withdrawn": Entry("Consent taken back; counts at once.", "Permission", {"purpose": "marketing"}),
    "coupon.given": Entry(
        "Another tool gave the customer a code; it counts as an offer had.",
        "Offers",
        {"code": "SPRING-7F3K", "offer": "ten_percent"},
    ),
    "coupon.redeemed": Entry("A code was used.", "Offers", {"code": "WB-7K2M9Q", "order_id": "10023"}),
    "coupon.ready": Entry("The shop knows the code that we asked for.", "Offers", {"code": "WB-7K2M9Q"}),
    "coupon.refused": Entry("The shop would not make it.", "Offers", {"code": "WB-7K2M9Q", "reason": "limit reached"}),
    "survey.answered": Entry(
        "Answers to a survey, with the cause that follows from them.",
        "Answers",
        {"survey": "why-not", "answers": {"reason": "too expensive"}, "cause": "price"},
    ),
    "invitation.answered": Entry("Yes or no to an invitation.", "Answers", {"invitation": "tasting", "answer": "no"}),
    "hand_off.answered": Entry(
        "What a person brought back from a customer handed to them.",
        "Answers",
        {
            "hand_off": "h-77",
            "result": "later",
            "cause": "service",
            "call_again_on": "2026-03-01",
            "note": "on holiday",
        },
    ),
    "profile.updated": Entry(
        "New values of the profile. A field left out stays as it is, null forgets it.",
        "The customer",
        {"email": "ada@example.org", "first_name": "Ada", "language": "de", "timezone": "Europe/Berlin", "phone": None},
    ),
    "ticket.opened": Entry(
        "A question or complaint is open.", "The customer", {"ticket_id": "t-9", "topic": "delivery"}
    ),
    "ticket.solved": Entry("It is dealt with.", "The customer", {"ticket_id": "t-9", "cause": "service"}),
    "contract.cancelled": Entry(
        "A contract with the shop was cancelled.",
        "The customer",
        {"reason": "moved to a competitor", "cause": "competitor", "competitor_contract_ends": "2027-01-31"},
    ),
    "customer.visited": Entry("The customer looked at the shop.", "The customer", {"page": "/cups"}),
    "customer.logged_in": Entry("The customer logged in.", "The customer", {"page": "/account"}),
    "account.closed": Entry("The customer's account is closed.", "The customer"),
    "customer.merged": Entry(
        "The customer is the same person as another, who goes on.", "The customer", {"into": "c-7"}
    ),
    "customer.ended": Entry(
        "The person has died, or the company no longer exists.", "The customer", {"reason": "company_closed"}
    ),
    "customer.erased": Entry("Everything about the customer is to be forgotten.", "The customer"),
    "customer.data_requested": Entry("The customer asks what is known of them.", "The customer"),
    "sender.reputation": Entry(
        "What a mail provider thinks of the shop; about no customer.",
        "The shop",
        {"provider": "example", "day": "2026-01-31", "spam_rate": 0.001, "reputation": "high"},
    ),
}


def example(kind: str) -> dict[str, Any]:
    """Return the example of a type as a whole CloudEvent."""
    entry = CATALOGUE[kind]
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{kind}-1",
        "source": "shop",
        "type": kind,
        "time": "2026-01-31T10:15:00+01:00",
    }
    if kind != "sender.reputation":
        event["subject"] = "c-1042"
    return event | ({"data": entry.example} if entry.example else {})


def fields(kind: str) -> tuple[list[str], list[str]]:
    """Return the required and the optional fields of a type's data."""
    uses = CATALOGUE[kind].uses
    known = [one for one in msgspec.structs.fields(DATA[kind]) if not uses or one.name in uses]
    return [one.name for one in known if one.required], [one.name for one in known if not one.required]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the events that winback knows; the shop's own (events.yaml) are not in it."""
    made: dict[str, Any] = _plain(msgspec.json.schema(union))
    del made["discriminator"]  # a word of OpenAPI
    for kind, entry in CATALOGUE.items():
        made["$defs"][kind]["description"] = entry.means
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events that winback takes in",
        "description": f"CloudEvents 1.0 in JSON, of at most {MOST_BYTES:,} bytes. Unknown fields are ignored; null in an "
        "optional field is taken for absent. Who it is about must be told by subject, data.email or data.message_id.",
    }
    return about | made


def _plain(value: Any) -> Any:
    """Say what the reader takes where the generator says less: a decimal may be a number too, a default is no news."""
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("format") == "decimal":
        return {"type": ["string", "number"], "format": "decimal"}
    return {key: _plain(inner) for key, inner in value.items() if key != "default"}
