"""Events: what happened to a customer, in the past tense.

An `Event` is what the core takes in. Its data is one of the structs below, chosen by its type, or for the shop's own
events (events.yaml) a plain dictionary. The table `DATA` is the one list of types that decoding, language, schema and
docs share.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct

from engine.core.moments import Instant


class Item(Struct, frozen=True, omit_defaults=True):
    """One line of an order. `price` is for one piece, in the order's currency."""

    sku: str = ""
    name: str = ""
    quantity: Decimal = Decimal(1)
    price: Decimal | None = None
    category: str = ""
    url: str = ""
    image: str = ""


class OrderPlaced(Struct, frozen=True, omit_defaults=True):
    order_id: str
    total: Decimal
    currency: str
    email: str = ""
    items: tuple[Item, ...] = ()
    coupon: str = ""
    country: str = ""


class OrderCalledOff(Struct, frozen=True, omit_defaults=True):
    """Data of `order.cancelled` and `order.refunded`; without an amount it is the whole order."""

    order_id: str
    amount: Decimal | None = None
    currency: str = ""
    reason: str = ""
    email: str = ""


class OrderDelivered(Struct, frozen=True, omit_defaults=True):
    order_id: str
    email: str = ""


class Mail(Struct, frozen=True, omit_defaults=True):
    """Data of everything that happened to a message; `sender` names a sender that is not winback."""

    message_id: str = ""
    email: str = ""
    purpose: str = ""
    name: str = ""
    sender: str = ""
    kind: str = ""
    status: str = ""
    diagnostic: str = ""
    link: str = ""
    list: str = ""
    user_agent: str = ""
    ip: str = ""
    machine: bool | None = None


class NewsletterAnswer(Struct, frozen=True, omit_defaults=True):
    email: str = ""
    proof: dict[str, Any] = {}


class Consent(Struct, frozen=True, omit_defaults=True):
    purpose: str
    channel: str = "email"
    basis: str = ""
    given_at: str = ""
    expires: str = ""
    proof: dict[str, Any] | str = ""
    email: str = ""


class Coupon(Struct, frozen=True, omit_defaults=True):
    code: str
    order_id: str = ""
    reason: str = ""
    email: str = ""


class SurveyAnswered(Struct, frozen=True, omit_defaults=True):
    survey: str
    answers: dict[str, Any] = {}
    cause: str = ""
    email: str = ""


class InvitationAnswered(Struct, frozen=True, omit_defaults=True):
    invitation: str
    answer: str
    email: str = ""


class HandOffAnswered(Struct, frozen=True, omit_defaults=True):
    hand_off: str
    result: str
    cause: str = ""
    call_again_on: str = ""
    note: str = ""
    email: str = ""


class ProfileUpdated(Struct, frozen=True, omit_defaults=True):
    """New values of the profile; a field that is absent stays, one that is null is forgotten."""

    email: str | None = ""
    first_name: str | None = ""
    last_name: str | None = ""
    salutation: str | None = ""
    formal: bool | str | None = ""
    company: str | None = ""
    role: str | None = ""
    language: str | None = ""
    timezone: str | None = ""
    country: str | None = ""
    birthday: str | None = ""
    phone: str | None = ""
    postal: dict[str, Any] | str | None = ""
    channel: str | None = ""
    account_manager: str | None = ""
    tier: str | None = ""
    points: int | str | None = ""
    points_expire: str | None = ""
    contract_ends: str | None = ""
    attributes: dict[str, Any] | None = {}


class Ticket(Struct, frozen=True, omit_defaults=True):
    ticket_id: str
    topic: str = ""
    cause: str = ""
    email: str = ""


class ContractCancelled(Struct, frozen=True, omit_defaults=True):
    reason: str = ""
    cause: str = ""
    competitor_contract_ends: str = ""
    email: str = ""


class Visit(Struct, frozen=True, omit_defaults=True):
    page: str = ""
    email: str = ""


class Reason(Struct, frozen=True, omit_defaults=True):
    """Data of `account.closed`, `customer.ended` and `customer.erased`."""

    reason: str = ""
    email: str = ""


class Merged(Struct, frozen=True, omit_defaults=True):
    into: str
    email: str = ""


class Reputation(Struct, frozen=True, omit_defaults=True):
    provider: str
    day: str
    spam_rate: float | None = None
    reputation: str = ""


DATA: dict[str, type[Struct]] = {
    "order.placed": OrderPlaced,
    "order.cancelled": OrderCalledOff,
    "order.refunded": OrderCalledOff,
    "order.delivered": OrderDelivered,
    "email.sent": Mail,
    "email.delivered": Mail,
    "email.bounced": Mail,
    "email.opened": Mail,
    "email.clicked": Mail,
    "email.replied": Mail,
    "email.complained": Mail,
    "email.unsubscribed": Mail,
    "newsletter.subscribed": NewsletterAnswer,
    "newsletter.confirmed": NewsletterAnswer,
    "consent.given": Consent,
    "consent.withdrawn": Consent,
    "coupon.redeemed": Coupon,
    "coupon.ready": Coupon,
    "coupon.refused": Coupon,
    "survey.answered": SurveyAnswered,
    "invitation.answered": InvitationAnswered,
    "hand_off.answered": HandOffAnswered,
    "profile.updated": ProfileUpdated,
    "ticket.opened": Ticket,
    "ticket.solved": Ticket,
    "contract.cancelled": ContractCancelled,
    "customer.visited": Visit,
    "customer.logged_in": Visit,
    "account.closed": Reason,
    "customer.merged": Merged,
    "customer.ended": Reason,
    "customer.erased": Reason,
    "sender.reputation": Reputation,
}

SAYS_NO: frozenset[str] = frozenset(
    {
        "email.unsubscribed",
        "email.complained",
        "consent.withdrawn",
        "account.closed",
        "customer.ended",
        "customer.erased",
    }
)
"""Events that are acted on as far as the person can be found, even when the rest of them is unreadable."""


class Event(Struct, frozen=True):
    """Something that happened. `time` is when; `data` one of the structs of `DATA`, or a dict for the shop's own.

    `customer` is the subject as given, empty when the address or message id in the data has to find the customer.
    """

    id: str
    source: str
    type: str
    time: Instant
    customer: str
    data: Any

    @property
    def email(self) -> str:
        """The address in the data, empty where there is none; it may find the customer."""
        data = self.data
        found = data.get("email", "") if isinstance(data, dict) else getattr(data, "email", "")
        return found if isinstance(found, str) else ""

    def field(self, name: str) -> Any:
        """A field of the data by name, None where it is absent: what `where:` looks at."""
        data = self.data
        return data.get(name) if isinstance(data, dict) else getattr(data, name, None)


class DeadLetter(Struct, frozen=True):
    """Input that could not be taken: the bytes as they came, why, and where from (`orders.jsonl:17`)."""

    raw: bytes
    reason: str
    origin: str = ""
