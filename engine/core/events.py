"""Events: what happened to a customer, in the past tense.

An `Event` is what the core takes in. Its data is one of the structs below, chosen by its type, or for the shop's own
events (events.yaml) a plain dictionary. The table `DATA` is the one list of types that decoding, language, schema and
docs share.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from engine.core.moments import Instant

Name = Annotated[str, Meta(min_length=1)]
"""Text that must not be empty, for what an event cannot do without."""


class Item(Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of an order. `price` is for one piece, in the order's currency."""

    sku: str = ""
    name: str = ""
    quantity: Decimal = Decimal(1)
    price: Decimal | None = None
    category: str = ""
    url: str = ""
    image: str = ""


class OrderPlaced(Struct, frozen=True, omit_defaults=True, gc=False):
    """An order with its total, items and all taken together, in the order's currency."""

    order_id: Name
    total: Decimal
    currency: Name
    email: str = ""
    items: tuple[Item, ...] = ()
    coupon: str = ""
    country: str = ""


class OrderCalledOff(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `order.cancelled` and `order.refunded`; without an amount it is the whole order."""

    order_id: Name
    amount: Decimal | None = None
    currency: str = ""
    reason: str = ""
    email: str = ""


class OrderDelivered(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `order.delivered`: the customer has the goods, so the order is no longer under way."""

    order_id: Name
    email: str = ""


class Mail(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of everything that happened to a message; `sender` names a sender that is not winback.

    Of openings and clicks: `machine` and `unverified` say who did it, `why` the reasons; `method` is how the page was
    asked for, `hidden` says that the link was one that no reader sees, `links` how many different ones the mail has.
    """

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
    unverified: bool = False
    why: tuple[str, ...] = ()
    method: str = ""
    hidden: bool = False
    links: int = 0


class NewsletterAnswer(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `newsletter.subscribed` and `newsletter.confirmed`; `proof` says how: wording, ip, page."""

    email: str = ""
    proof: dict[str, Any] = {}


class Consent(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `consent.given` and `consent.withdrawn`, for one purpose on one channel. Days are YYYY-MM-DD.

    An empty `purpose` comes only from a withdrawal that could not be read whole, and means every purpose.
    """

    purpose: Literal["newsletter", "marketing", "tracking"]
    channel: Literal["email", "phone", "sms", "push", "letter"] = "email"
    basis: Literal["", "express", "existing_customer", "presumed_b2b"] = ""
    given_at: str = ""
    expires: str = ""
    proof: dict[str, Any] | str = ""
    email: str = ""

    @property
    def permission(self) -> str:
        """What it is about, as the record names it: purpose and channel."""
        return f"{self.purpose}/{self.channel}"


class Coupon(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `coupon.redeemed`, and of `coupon.ready` and `coupon.refused`, a shop's answers to codes we asked for."""

    code: Name
    order_id: str = ""
    reason: str = ""
    email: str = ""


class CouponGiven(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `coupon.given`: another tool gave the customer a code, of one of our offers where that is known."""

    code: str = ""
    offer: str = ""
    email: str = ""


class SurveyAnswered(Struct, frozen=True, omit_defaults=True, gc=False):
    """Answers to a survey, and the cause that follows from them where the shop knows it."""

    survey: Name
    answers: dict[str, Any] = {}
    cause: str = ""
    email: str = ""


class InvitationAnswered(Struct, frozen=True, omit_defaults=True, gc=False):
    """The answer to an invitation."""

    invitation: Name
    answer: Literal["yes", "no"]
    email: str = ""


class HandOffAnswered(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a person brought back from a talk that was handed to them. `call_again_on` is YYYY-MM-DD."""

    hand_off: Name
    result: Literal["reached", "not_reached", "won", "later", "never"]
    cause: str = ""
    call_again_on: str = ""
    note: str = ""
    email: str = ""


class ProfileUpdated(Struct, frozen=True, omit_defaults=True, gc=False):
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
    frequency: Literal["", "usual", "monthly", "quarterly", None] = ""  # noqa: PYI061 - `| None` makes a typing.Optional
    account_manager: str | None = ""
    tier: str | None = ""
    points: int | str | None = ""
    points_expire: str | None = ""
    contract_ends: str | None = ""
    attributes: dict[str, Any] | None = {}


class Ticket(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `ticket.opened` and `ticket.solved`: a complaint or question, and what it was about."""

    ticket_id: Name
    topic: str = ""
    cause: str = ""
    email: str = ""


class ContractCancelled(Struct, frozen=True, omit_defaults=True, gc=False):
    """A contract with the shop was cancelled. `competitor_contract_ends` is YYYY-MM-DD."""

    reason: str = ""
    cause: str = ""
    competitor_contract_ends: str = ""
    email: str = ""


class Visit(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `customer.visited` and `customer.logged_in`."""

    page: str = ""
    email: str = ""


class Reason(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `account.closed`, `customer.ended`, `customer.erased` and `customer.data_requested`."""

    reason: str = ""
    email: str = ""


class Merged(Struct, frozen=True, omit_defaults=True, gc=False):
    """Data of `customer.merged`: the customer is the same person as `into`, who goes on."""

    into: Name
    email: str = ""


class Reputation(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a mail provider thinks of the shop as a sender; concerns no customer. `day` is YYYY-MM-DD."""

    provider: Name
    day: Name
    spam_rate: float | None = None
    reputation: str = ""


NEVER_KEPT = frozenset({"ip", "user_agent", "method"})
"""Fields of `Mail` that tell of somebody's device. The journal is without them, so nothing may be decided by them.

The proof of a consent is another thing: wording, address and page are kept as long as the consent, since they prove it.
"""

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
    "coupon.given": CouponGiven,
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
    "customer.data_requested": Reason,
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


class Event(Struct, frozen=True, gc=False):
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
        """A field of the data by name, None where it is absent: what `where:` looks at.

        `items.category` is the category of every item, `answers.why` one answer.
        """
        data = self.data
        found = data.get(name) if isinstance(data, dict) else getattr(data, name, None)
        if found is not None or "." not in name:
            return found
        outer, _, inner = name.partition(".")
        found = self.field(outer)
        if isinstance(found, list | tuple):
            return [_inside(each, inner) for each in found]
        return None if found is None else _inside(found, inner)


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


class DeadLetter(Struct, frozen=True, gc=False):
    """Input that could not be taken: the bytes as they came, why, and where from (`orders.jsonl:17`)."""

    raw: bytes
    reason: str
    origin: str = ""
