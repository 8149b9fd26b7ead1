"""What a customer has chosen to get from us: what their page shows, and nothing else of them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.core.conditions import View
from engine.core.customer import Customer
from engine.core.frequency import FREQUENCIES, USUAL
from engine.core.gate import may_reach
from engine.core.moments import Instant
from engine.core.rules import Lifecycle, Purpose
from engine.core.standing import is_observed

TRACKING: Final = "tracking"
BY_MAIL: Final = (Purpose.NEWSLETTER.value, Purpose.MARKETING.value)
CHOICES: Final = (*BY_MAIL, TRACKING)
"""What can be had or not."""

_NEEDS: Final = {"letter": "postal", "phone": "phone", "sms": "phone"}
CHANNELS: Final = ("email", *_NEEDS)
"""The ways that can be preferred. A wish is no permission: the gate asks for that on each."""


class Preferences(Struct, frozen=True):
    """What a customer has chosen. `channels` are those they can be reached on; `address` is not for the page."""

    chosen: tuple[str, ...] = ()
    frequency: str = USUAL
    channel: str = "email"
    channels: tuple[str, ...] = ("email",)
    address: str = ""


def preferences_of(customer: Customer, now: Instant, lifecycle: Lifecycle) -> Preferences:
    """Return what a customer has chosen, as of now: what the gate lets pass by mail, whatever it rests on."""
    view = View(customer, now, lifecycle)
    chosen = [purpose for purpose in BY_MAIL if may_reach(view, Purpose(purpose), "email")]
    if is_observed(customer, lifecycle):
        chosen.append(TRACKING)
    channels = tuple(each for each in CHANNELS if each not in _NEEDS or customer.value(_NEEDS[each]))
    frequency, channel = str(customer.value("frequency") or ""), str(customer.value("channel") or "")
    return Preferences(
        chosen=tuple(chosen),
        frequency=frequency if frequency in FREQUENCIES else USUAL,
        channel=channel if channel in channels else "email",
        channels=channels,
        address=str(customer.value("email") or ""),
    )
