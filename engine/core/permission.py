"""Permission and stops: what was last said about each purpose, in whatever order it is heard."""

from __future__ import annotations

from engine.core.customer import Customer, Permission, Stop
from engine.core.moments import Instant
from engine.core.rules import Purpose

STOPPABLE = (Purpose.MARKETING.value, Purpose.NEWSLETTER.value)


PURPOSES = (*STOPPABLE, "tracking")


def stop(customer: Customer, purpose: str, at: Instant, by: str) -> None:
    """Stop a purpose, unless they allowed it again after that."""
    allowed = customer.permission.get(f"{purpose}/email")
    if allowed is not None and allowed.given and allowed.at > at:
        return
    known = customer.stopped.get(purpose)
    if known is None or at > known.at:
        customer.stopped = {**customer.stopped, purpose: Stop(at, by)}


def permit(customer: Customer, key: str, new: Permission) -> None:
    """Keep what was said about a purpose on a channel, if it is the newest; a yes also lifts an older stop."""
    known = customer.permission.get(key)
    if known is None or (new.at, not new.given) >= (known.at, not known.given):  # at one instant a "no" wins
        customer.permission = {**customer.permission, key: new}
        purpose, _, channel = key.partition("/")
        stop = customer.stopped.get(purpose)
        if new.given and channel == "email" and stop is not None and stop.at < new.at:
            customer.stopped = {name: each for name, each in customer.stopped.items() if name != purpose}
