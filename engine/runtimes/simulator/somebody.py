"""The customer of a scenario, as `given:` tells of them: the facts from before the start, and what was done by then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from engine.core.causes import STRONG
from engine.core.customer import Customer, Ended, Evidence, Permission, Release
from engine.core.decline import LAST
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant, Length, Zone
from engine.core.money import Money, written
from engine.core.rules import Address, Mode, Purpose, Standing
from engine.language.scenarios import Given

USUAL_BASKET = Decimal(50)
USUAL_PERMISSION_AGE = Length(days=365)
DECLINING_ORDERS = 8
LONGER_GAPS = LAST
"""So many of the latest gaps are twice as long as those before, for a customer who orders less and less."""

MakesEvents = Callable[[str, Instant, dict[str, Any]], Event]
"""Makes an event of the customer's: its type, when, and those of its fields that are told."""


class Somebody:
    """One customer, as they were just before a scenario starts."""

    def __init__(self, given: Given, start: Instant, zone: Zone, event: MakesEvents) -> None:
        """Take what is given; `event` makes the events of the past."""
        self.given, self.start, self.zone, self._event = given, start, zone, event

    def newcomer(self, customer_id: str) -> Customer:
        """Return the record before any event: permission, profile and tags."""
        given = self.given
        since = self._ago(given.permission_since or USUAL_PERMISSION_AGE)
        allowed = {
            purpose if "/" in purpose else f"{purpose}/email": Permission(given=True, at=since, basis="express")
            for purpose in given.permission
        }
        own = {f"attributes.{name}": value for name, value in given.profile.get("attributes", {}).items()}
        told = {"email": "somebody@shop.example", **given.profile, **own}
        profile = {name: (value, 0) for name, value in told.items() if name != "attributes"}
        return Customer(customer_id, epoch=1, profile=profile, permission=allowed, tags=given.tags)

    def past(self) -> list[Event]:
        """Return what happened before the start, in order of time."""
        return sorted((*self._orders(), *self._reading()), key=lambda event: event.time)

    def _orders(self) -> Iterator[Event]:
        given = self.given
        usual = DECLINING_ORDERS if given.declining else int(given.last_order is not None)
        count = given.orders if given.orders is not None else usual
        at = self._ago(given.last_order or Length(days=given.reorder_interval.days))
        for number in range(count):
            held = [{"category": category} for category in given.categories]
            order = self._event("order.placed", at, {"total": _basket(given.basket), "items": held})
            yield order
            yield self._event("order.delivered", at + DAY, {"order_id": order.data.order_id})
            at = self._one_before(at, number, count)

    def _one_before(self, at: Instant, number: int, count: int) -> Instant:
        """When the order before one was; `number` counts back from the last, which is 0."""
        given, last = self.given, self.given.last_order
        if given.first_order is not None and last is not None and count > 1:
            span = given.first_order.days - last.days
            return self._ago(Length(days=last.days + span * (number + 1) // (count - 1)))
        once_shorter = given.declining and number >= LONGER_GAPS
        return self.zone.before(at, _half(given.reorder_interval) if once_shorter else given.reorder_interval)

    def _reading(self) -> Iterator[Event]:
        given = self.given
        for kind, number in (("email.clicked", given.clicked_mails), ("email.opened", given.opened_mails)):
            for days in range(1, number + 1):
                yield self._event(kind, self._ago(Length(days=days)), {})
        if given.other_mail is not None:
            yield self._event("email.sent", self._ago(given.other_mail), {"sender": "other"})
        if given.address is not Address.OK:
            kind = "dead" if given.address is Address.DEAD else "unknown"
            yield self._event("email.bounced", self.start - HOUR, {"kind": kind, "status": "5.1.1"})

    def with_what_was_done(self, customer: Customer) -> Customer:
        """Put on the record what earlier runs, mails, offers and answers left there."""
        given = self.given
        offers = {name: (self._ago(ago),) for name, ago in given.offers_had.items()}
        evidence = [Evidence(self.start - HOUR, given.cause, "survey.answered", STRONG)] if given.cause else []
        sent = sorted((self._ago(ago), template) for template, ago in given.sent.items())
        releases = [Release(at, Purpose.MARKETING.value, template, f"given {template}") for at, template in sent]
        ended = {}
        if given.ended is not None:
            at = self._ago(given.ended.ago)
            began = self._ago(given.ended.began or given.ended.ago)
            ended[given.ended.workflow] = Ended(began, at, given.ended.outcome, 1, Mode.LIVE)
        customer = replace(
            customer,
            offers_had={**customer.offers_had, **offers},
            codes_given=(*customer.codes_given, *((f"had-{name}", name) for name in offers)),
            used_codes=(*customer.used_codes, *(f"had-{name}" for name in given.offers_used)),
            evidence=(*customer.evidence, *evidence),
            releases=(*customer.releases, *releases),
            last_mail=max([customer.last_mail, *(each.at for each in releases)]),
            ended={**customer.ended, **ended},
        )
        return self._former(customer) if given.standing is Standing.FORMER else customer

    def _former(self, customer: Customer) -> Customer:
        """Only a workflow makes a customer former, and that was before the start."""
        since = max([order.at for order in customer.orders] or [0]) + 1
        return replace(customer, standing=Standing.FORMER, standing_since=since, lapse_due=None)

    def _ago(self, length: Length) -> Instant:
        return self.zone.before(self.start, length)


def _basket(basket: Money | None) -> str:
    return str(USUAL_BASKET) if basket is None else written(basket.amount, basket.currency)


def _half(length: Length) -> Length:
    return Length(days=max(1, length.days // 2))
